//! A log that goes where others can take it away.

use super::super::deed::{self, Deed};
use super::super::impact::short;
use super::DETECTOR;
use crate::estate::Estate;
use crate::event::Event;
use crate::finding::{self, Finding, Severity};
use crate::runbook::aws;
use serde_json::json;

/// A trail whose log goes where others can take it away.
pub(super) fn redirected(event: &Event<'_>, target: &str, estate: &Estate) -> Option<Finding> {
    if event.name != "UpdateTrail" {
        return None;
    }
    let deed = Deed::of(event)?;
    let key = event.request.get("kmsKeyId").nonempty();
    let owner = key
        .as_deref()
        .and_then(|key| key.split(':').nth(4))
        .filter(|owner| estate.is_outsider(owner, &event.account));
    let bucket = event.request.get("s3BucketName").nonempty().filter(|bucket| !estate.is_pipeline(bucket));
    let name = match target.rsplit('/').next() {
        None | Some("") => "a trail that the log does not name",
        Some(name) => name,
    };
    let mut finding =
        finding::of_event(&DETECTOR, event, &[&event.name, target, &event.principal.id, "redirected"]);
    let what = match (owner, &bucket) {
        (Some(owner), _) => {
            finding.severity = deed.severity(Severity::High);
            finding.title =
                format!("{name} encrypts its log with a key of foreign account {owner}{}", deed.suffix());
            finding.rests_on_foreign = vec![owner.to_owned()];
            finding.evidence.details.insert("key", json!(deed::clip(key.as_deref().unwrap_or_default())));
            format!("with a key of account {owner}, which can take the log away at any time")
        }
        (None, Some(bucket)) => {
            finding.severity = deed.severity(Severity::Low);
            finding.title = format!(
                "{name} was told to deliver its log to bucket {}{}",
                deed::clip(bucket),
                deed.suffix()
            );
            finding.evidence.details.insert("bucket", json!(deed::clip(bucket)));
            "to this bucket, which may or may not be the one as before; kmswatch reads the one that it is told".to_owned()
        }
        (None, None) => return None,
    };
    deed.tell(&mut finding);
    finding.explanation = format!(
        "{}{} called UpdateTrail on {name} at {}: it writes its log {what}.",
        deed.preface(),
        short(&event.principal.id),
        event.time
    );
    finding.evidence.details.insert("target", json!(deed::clip(target)));
    let trail = [("name", target), ("region", event.region.as_ref())];
    finding.runbook.push(format!("See where its log goes: {}", aws("cloudtrail get-trail", &trail)));
    finding.runbook.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::cloudtrail;
    use crate::pipeline::testing::{findings, only};

    #[test]
    fn a_log_under_a_foreign_key_is_high_and_a_bucket_is_low() {
        let update = |member: &str, value: &str| {
            cloudtrail("UpdateTrail").set(&format!("requestParameters.{member}"), value)
        };
        let foreign = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let finding = only(&DETECTOR, &[update("kmsKeyId", foreign)]);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "main encrypts its log with a key of foreign account 444455556666");
        assert_eq!(finding.rests_on_foreign, ["444455556666"]);
        assert!(finding.runbook[0].contains("aws cloudtrail get-trail --name arn:aws:cloudtrail"));
        let bucket = only(&DETECTOR, &[update("s3BucketName", "elsewhere")]);
        assert_eq!(
            (bucket.severity, bucket.evidence.details["bucket"].as_str()),
            (Severity::Low, Some("elsewhere"))
        );
        assert_eq!(only(&DETECTOR, &[update("kmsKeyId", foreign).denied()]).severity, Severity::Medium);
        for silent in [
            update("kmsKeyId", crate::event::testing::KEY),
            update("kmsKeyId", "alias/logs"),
            update("s3BucketName", "kmswatch-logs"),
            update("s3BucketName", "elsewhere").failed("TrailNotFoundException", ""),
        ] {
            assert!(findings(&DETECTOR, &[silent]).is_empty());
        }
    }
}
