//! Links into the AWS console, for the partition and Region where it happened.
//!
//! Made only of ids that look like ids: a link that a log could choose would be the best phishing there is.

use crate::alert::Alert;
use kmswatch_engine::finding::KeyName;

/// A link with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it leads to.
    pub text: String,
    /// The address.
    pub url: String,
}

/// Keys and events that get a link.
const LINKED: usize = 3;

/// The links of an alert: its first keys, then its first events.
pub fn of(alert: &Alert) -> Vec<Link> {
    let mut links: Vec<Link> = alert.keys.iter().take(LINKED).filter_map(key).collect();
    let region = alert.region();
    links.extend(alert.event_ids.iter().take(LINKED).filter_map(|id| event(id, region)));
    links
}

/// The page of a key.
pub fn key(key: &KeyName) -> Option<Link> {
    let region = key.region.as_deref()?;
    let id = key.arn.split_once(":key/").map(|(_, id)| id)?;
    if !is_word(id) {
        return None;
    }
    let url = format!("{}/kms/home?region={region}#/kms/keys/{id}", console(region)?);
    Some(Link { text: crate::text::plain(key.label(), 60), url })
}

/// The page of an event in the Event history, which keeps 90 days.
pub fn event(id: &str, region: &str) -> Option<Link> {
    if id.len() != 36 || !is_word(id) {
        return None;
    }
    let url = format!("{}/cloudtrailv2/home?region={region}#/events/{id}", console(region)?);
    // The beginning tells the three apart, and the address holds all of it.
    Some(Link { text: format!("event {}", id.get(..8).unwrap_or(id)), url })
}

/// The console of a Region: each partition has its own domain. `None` for what is no Region, and for partitions whose
/// console is not known.
fn console(region: &str) -> Option<String> {
    let is_region = region.len() <= 20 && region.matches('-').count() >= 2 && is_word(region);
    let domain = match region {
        _ if !is_region => return None,
        gov if gov.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        china if china.starts_with("cn-") => "console.amazonaws.cn",
        iso if iso.contains("-iso") || iso.starts_with("eusc-") => return None,
        _ => "console.aws.amazon.com",
    };
    Some(format!("https://{region}.{domain}"))
}

/// The partition of a Region.
pub fn partition(region: &str) -> &'static str {
    match region {
        gov if gov.starts_with("us-gov-") => "aws-us-gov",
        china if china.starts_with("cn-") => "aws-cn",
        _ => "aws",
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_key(arn: &str) -> Option<String> {
        key(&KeyName::of_arn(arn)).map(|link| link.url)
    }

    #[test]
    fn each_partition_has_its_console() {
        let arn = |partition, region| format!("arn:{partition}:kms:{region}:111122223333:key/1234abcd-12ab");
        let cases = [
            ("aws", "eu-west-1", "https://eu-west-1.console.aws.amazon.com"),
            ("aws-cn", "cn-north-1", "https://cn-north-1.console.amazonaws.cn"),
            ("aws-us-gov", "us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
        ];
        for (partition, region, start) in cases {
            let url = of_key(&arn(partition, region)).unwrap();
            assert_eq!(url, format!("{start}/kms/home?region={region}#/kms/keys/1234abcd-12ab"));
        }
        assert_eq!(of_key(&arn("aws-iso", "us-iso-east-1")), None);
    }

    #[test]
    fn what_is_no_id_gets_no_link() {
        assert_eq!(of_key("arn:aws:kms:evil.example/x-y-z:1:key/1"), None);
        assert_eq!(of_key("arn:aws:kms:eu-west-1:1:key/a?redirect=evil"), None);
        assert_eq!(of_key("arn:aws:kms:eu-west-1:1:alias/a"), None);
        assert_eq!(event("0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f\"", "eu-west-1"), None);
        assert!(event("0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f", "eu-west-1").is_some());
    }
}
