//! Amazon Resource Names, read by their six parts.

/// The parts of `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arn<'t> {
    pub(super) partition: &'t str,
    pub(super) service: &'t str,
    pub(super) region: &'t str,
    pub(super) account: &'t str,
    /// Everything behind the fifth colon; it may hold colons and slashes.
    pub(super) resource: &'t str,
}

impl<'t> Arn<'t> {
    /// The parts, if it has six and the first is `arn`. The parts may be empty.
    pub(super) fn parse(text: &'t str) -> Option<Arn<'t>> {
        let rest = text.strip_prefix("arn:")?;
        // Every event has a few ARNs, so this is a plain loop over the bytes up to the last colon that counts.
        let mut colons = [0usize; 4];
        let mut n = 0;
        for (at, byte) in rest.bytes().enumerate() {
            if byte == b':' {
                *colons.get_mut(n)? = at;
                n += 1;
                if n == colons.len() {
                    break;
                }
            }
        }
        if n < colons.len() {
            return None;
        }
        let [partition, service, region, account] = colons;
        Some(Arn {
            partition: rest.get(..partition)?,
            service: rest.get(partition + 1..service)?,
            region: rest.get(service + 1..region)?,
            account: rest.get(region + 1..account)?,
            resource: rest.get(account + 1..)?,
        })
    }
}

/// The partition of a Region, by the beginning of its name.
pub(super) fn partition_of_region(region: &str) -> &'static str {
    let mut parts = region.split('-');
    match (parts.next(), parts.next()) {
        (Some("cn"), _) => "aws-cn",
        (Some("us"), Some("gov")) => "aws-us-gov",
        (Some("us"), Some("iso")) => "aws-iso",
        (Some("us"), Some("isob")) => "aws-iso-b",
        (Some("eu"), Some("isoe")) => "aws-iso-e",
        (Some("us"), Some("isof")) => "aws-iso-f",
        (Some("eusc"), _) => "aws-eusc",
        _ => "aws",
    }
}

/// Whether the text has the form of a Region: `eu-west-1`, `us-gov-east-1`.
pub(super) fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let letters = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && words.contains('-')
        && words.split('-').all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_parts_and_the_last_may_hold_colons() {
        let arn = Arn::parse("arn:aws:logs:eu-west-1:111122223333:log-group:a:*").unwrap();
        assert_eq!((arn.service, arn.account, arn.resource), ("logs", "111122223333", "log-group:a:*"));
        assert_eq!(Arn::parse("arn:aws:s3:::bucket").map(|arn| arn.resource), Some("bucket"));
        for text in ["", "arn", "arn:aws:kms", "arn:aws:kms:eu-west-1:1", "ARN:aws:s3:::b"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn regions_tell_their_partition() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
            ("", "aws"),
        ] {
            assert_eq!(partition_of_region(region), partition, "{region}");
        }
    }

    #[test]
    fn regions_are_told_from_service_names() {
        for region in ["eu-west-1", "us-gov-east-1", "ap-southeast-12"] {
            assert!(is_region(region), "{region}");
        }
        for other in ["", "s3", "ecs-tasks", "eu-1", "route53-1a", "-west-1", "eu--1"] {
            assert!(!is_region(other), "{other}");
        }
    }
}
