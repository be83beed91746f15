//! What breaks: who would miss a key that is taken away, as its State knows it. Shared by several detectors.

use crate::estate::Estate;
use crate::finding::{Finding, Severity};
use crate::measures::decrypts;
use crate::runbook::{self, aws};
use crate::state::{Act, KeyState, Sight};
use crate::time::{DAY, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Days before an act in which a use of the key counts as recent. Most jobs that need a key run at least monthly.
pub(super) const RECENT_DAYS: i64 = 30;

/// Principals named in texts and details; the rest is counted.
const NAMED: usize = 5;

/// Who used a key lately, other than the one who took it away.
#[derive(Debug)]
pub(super) struct Impact<'s> {
    state: &'s KeyState,
    others: Vec<&'s Sight>,
}

/// How it stands with those who used the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// They cannot decrypt any more.
    Now,
    /// They could not for a while, but the key is usable again.
    Over,
    /// They still can, but will not be able to.
    Later,
}

impl Loss {
    /// As [`Loss::Now`], unless something has made the key usable again.
    pub(super) fn until(restored: Option<&Act>) -> Loss {
        if restored.is_some() { Loss::Over } else { Loss::Now }
    }

    fn words(self) -> &'static str {
        match self {
            Loss::Now => "can no longer",
            Loss::Over => "could meanwhile not",
            Loss::Later => "can then no longer",
        }
    }
}

impl<'s> Impact<'s> {
    /// Reads it from the State of the key, as of `act`.
    pub(super) fn of(state: &'s KeyState, act: &Act) -> Impact<'s> {
        let from = act.time.plus(-RECENT_DAYS * DAY);
        let others = state
            .users
            .newest()
            .into_iter()
            .filter(|sight| *sight.name != *act.by.id && sight.meets(from, act.time))
            .collect();
        Impact { state, others }
    }

    /// Whether anybody else used it lately.
    pub(super) fn is_felt(&self) -> bool {
        !self.others.is_empty()
    }

    /// What breaks, in a sentence or two.
    pub(super) fn sentence(&self, loss: Loss) -> String {
        let principals = self.principals();
        if principals.is_empty() {
            return match self.state.used() {
                Some((_, last)) => format!(
                    "Nobody else is known to have used it in the {RECENT_DAYS} days before; its last known use was \
                     at {last}."
                ),
                None => "No use of it is known, which says little if the logs at hand are short.".to_owned(),
            };
        }
        let names: Vec<&str> = principals.iter().take(NAMED).map(|name| short(name)).collect();
        let more = principals.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let mut text = format!(
            "In the {RECENT_DAYS} days before, it was used by {}{more}, who {} decrypt with it.",
            names.join(", "),
            loss.words()
        );
        let kinds: Vec<String> = self.state.resources.kinds().map(|(kind, n)| plural(n, kind)).collect();
        if !kinds.is_empty() {
            text.push_str(&format!(" Behind it are {}.", kinds.join(", ")));
        }
        text
    }

    /// Puts what is known into the details of the evidence.
    pub(super) fn describe(&self, finding: &mut Finding) {
        let details = &mut finding.evidence.details;
        let used_by: Vec<Value> = self
            .others
            .iter()
            .take(2 * NAMED)
            .map(|sight| {
                let via = (!sight.detail.is_empty()).then_some(&sight.detail);
                json!({"principal": sight.name, "via": via, "first": sight.first, "last": sight.last})
            })
            .collect();
        details.insert("used_by", used_by.into());
        details.insert("used_by_count", self.principals().len().into());
        let services: BTreeSet<&str> =
            self.others.iter().map(|sight| sight.detail.as_ref()).filter(|via| !via.is_empty()).collect();
        if !services.is_empty() {
            details.insert("services", json!(services));
        }
        if let Some((_, last)) = self.state.used() {
            details.insert("last_used", json!(last));
        }
        if let Some(n) = self.decrypts_a_week() {
            details.insert("decrypts_a_week", n.into());
        }
        let kinds: serde_json::Map<String, Value> =
            self.state.resources.kinds().map(|(kind, n)| (kind.to_owned(), n.into())).collect();
        if !kinds.is_empty() {
            details.insert("resources", kinds.into());
            let sample = self.state.resources.sample.newest();
            let sample: Vec<&str> = sample.into_iter().take(NAMED).map(|sight| sight.name.as_ref()).collect();
            details.insert("resource_sample", json!(sample));
        }
        if self.state.users.is_full() {
            details.insert("users_incomplete", true.into());
        }
    }

    /// How often data is decrypted with it, or data keys are made, in a week as it was learned.
    fn decrypts_a_week(&self) -> Option<u64> {
        let mut series = self.state.baseline.series();
        let (_, series) = series.find(|(measure, _)| measure.id == decrypts::MEASURE.id)?;
        let profile = series.profile()?;
        // From a few hours no week can be told.
        let is_known = profile.history().hours >= 7 * 24;
        is_known.then(|| profile.week().iter().sum::<f64>().round() as u64)
    }

    /// Distinct principals, those who used it last first.
    pub(super) fn principals(&self) -> Vec<&'s str> {
        let mut known = BTreeSet::new();
        self.others.iter().map(|sight| sight.name.as_ref()).filter(|name| known.insert(*name)).collect()
    }
}

/// What brings logs to kmswatch, or its alerts to people, and is encrypted with one key.
#[derive(Debug)]
pub(super) struct Watch<'s> {
    /// Whether it is the log of CloudTrail.
    pub(super) trail: bool,
    /// Some of it by name.
    parts: Vec<&'s str>,
}

impl<'s> Watch<'s> {
    /// What rests on `key`, if anything does: a trail, something that is declared in `estate.pipeline`, or whatever
    /// makes the key itself declared there.
    pub(super) fn on(key: &'s str, state: &'s KeyState, estate: &Estate) -> Option<Watch<'s>> {
        let trail = state.resources.kinds().any(|(kind, _)| kind == "trail");
        let resources = state.resources.sample.newest();
        let parts: Vec<&str> = resources
            .into_iter()
            .filter(|sight| *sight.detail == *"trail" || estate.is_pipeline(bucket_or_name(&sight.name)))
            .map(|sight| sight.name.as_ref())
            .chain(estate.is_pipeline(key).then_some(key))
            .take(NAMED)
            .collect();
        (trail || !parts.is_empty()).then_some(Watch { trail, parts })
    }
}

/// Raises a finding about a key that is lost to *critical* if the log, or the way of its alerts, rests on that key; and
/// says so.
pub(super) fn raise_if_log_rests_on(finding: &mut Finding, state: &KeyState, estate: &Estate) {
    let key = finding.key.as_ref().map_or_else(String::new, |key| key.arn.clone());
    let Some(Watch { trail, parts }) = Watch::on(&key, state, estate) else { return };
    finding.severity = Severity::Critical;
    finding.explanation.push_str(if trail {
        " CloudTrail encrypts its log with this key: while the key cannot be used, no log is delivered, and nobody \
         sees what happens. Look at Event history, which does not depend on it."
    } else {
        " What brings logs to kmswatch, or its alerts to people, is encrypted with this key: while the key cannot be \
         used, an absence of findings means nothing."
    });
    finding.evidence.details.insert("watch_rests_on", json!(parts));
    let start = finding.time.start.to_string();
    finding.runbook.push(format!(
        "See what is not in the log, in Event history: {}",
        runbook::look_up(
            "EventSource",
            "kms.amazonaws.com",
            &[("start-time", &start), ("region", &finding.region)]
        )
    ));
}

/// The bucket of an object ARN; anything else as it is.
fn bucket_or_name(resource: &str) -> &str {
    match resource.split_once(":::") {
        Some((_, path)) => path.split('/').next().unwrap_or(path),
        None => resource,
    }
}

/// A principal in a line of text: `role/payments-api`.
pub(super) fn short(principal: &str) -> &str {
    if principal.starts_with("arn:") {
        principal.splitn(6, ':').nth(5).unwrap_or(principal)
    } else {
        principal
    }
}

/// "1 secret", "4 secrets".
fn plural(n: u64, kind: &str) -> String {
    format!("{n} {kind}{}", if n == 1 { "" } else { "s" })
}

/// The day of a moment, for texts.
pub(super) fn date(moment: Timestamp) -> String {
    moment.to_string().chars().take(10).collect()
}

/// A command on a key of which `finding` is about.
pub(super) fn on_key(command: &str, finding: &Finding) -> String {
    let (arn, region) = finding
        .key
        .as_ref()
        .map_or(("", ""), |key| (key.arn.as_str(), key.region.as_deref().unwrap_or_default()));
    aws(command, &[("key-id", arn), ("region", region)])
}

/// The command that shows what else was done with the same credentials, or else to the same key.
pub(super) fn look_further(finding: &Finding) -> String {
    let access_key = finding.principal.as_ref().and_then(|actor| actor.access_key.as_deref());
    let (attribute, value) = match (access_key, &finding.key) {
        (Some(access_key), _) => ("AccessKeyId", access_key),
        (None, Some(key)) => ("ResourceName", key.arn.as_str()),
        (None, None) => ("EventSource", "kms.amazonaws.com"),
    };
    let start = finding.time.start.plus(-DAY).to_string();
    let command = runbook::look_up(attribute, value, &[("start-time", &start), ("region", &finding.region)]);
    format!("See what else was done: {command}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_named_by_the_last_part_of_its_arn_and_others_as_they_are() {
        assert_eq!(short("arn:aws:iam::111122223333:role/payments-api"), "role/payments-api");
        assert_eq!(short("service:s3"), "service:s3");
        assert_eq!(short("unknown:a:b:c:d:e"), "unknown:a:b:c:d:e");
    }

    #[test]
    fn one_is_not_several() {
        assert_eq!(
            (plural(1, "secret"), plural(2, "secret")),
            ("1 secret".to_owned(), "2 secrets".to_owned())
        );
    }

    /// What encrypts the alert path is told for what it is, however it is taken away.
    #[test]
    fn a_key_of_the_alert_path_is_critical_in_whatever_way_it_is_lost() {
        use crate::detectors::{imported_key_material, key_deletion_scheduled, key_disabled};
        use crate::event::testing::{KEY, kms};
        use crate::pipeline::testing::{findings_with, only};
        use crate::settings::Settings;
        let parts = [
            ("aws:sqs:arn", "arn:aws:sqs:eu-west-1:111122223333:kmswatch-objects"),
            ("aws:sns:topicArn", "arn:aws:sns:eu-west-1:111122223333:kmswatch-alerts"),
            ("aws:dynamodb:tableName", "kmswatch-Table-1ABC"),
            ("aws:logs:arn", "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/kmswatch-Function"),
            ("aws:s3:arn", "arn:aws:s3:::kmswatch-logs/AWSLogs/x.json.gz"),
        ];
        let lost = [
            (&key_disabled::DETECTOR, "DisableKey"),
            (&key_deletion_scheduled::DETECTOR, "ScheduleKeyDeletion"),
            (&key_deletion_scheduled::DETECTOR, "DeleteKey"),
            (&imported_key_material::DETECTOR, "DeleteImportedKeyMaterial"),
        ];
        for (detector, call) in lost {
            let loss = kms(call).at("2026-05-04T10:00:00Z");
            for (name, value) in parts {
                let context = json!({ name: value });
                let used = kms("Decrypt").set("requestParameters.encryptionContext", context);
                let used = used.by_service("sns").at("2026-05-04T09:00:00Z");
                let finding = only(detector, &[used, loss.clone()]);
                assert_eq!(finding.severity, Severity::Critical, "{call} of the key of {value}");
                assert_eq!(finding.evidence.details["watch_rests_on"], json!([value]));
                assert!(finding.explanation.contains("an absence of findings means nothing"));
            }
            // Or the key is declared, by its ARN or id.
            for declared in [KEY, "1234abcd-12ab-34cd-56ef-1234567890ab"] {
                let mut settings = Settings::default();
                settings.estate.pipeline.push(declared.to_owned());
                let found = findings_with(detector, std::slice::from_ref(&loss), &settings);
                assert_eq!(found[0].severity, Severity::Critical, "{call}");
                assert_eq!(found[0].evidence.details["watch_rests_on"], json!([KEY]));
            }
            let other = only(detector, &[loss]);
            assert!(!other.evidence.details.contains_key("watch_rests_on"));
        }
    }

    #[test]
    fn as_many_users_as_are_named_are_not_more_and_services_stand_beside_them() {
        use crate::detectors::key_disabled;
        use crate::event::testing::{ACCOUNT, kms};
        use crate::pipeline::testing::only;
        let found = |n: u32| {
            let used = |n| kms("Decrypt").by_user(ACCOUNT, &format!("u{n}")).at("2026-05-04T09:00:00Z");
            let mut records: Vec<_> = (0..n).map(used).collect();
            records.push(kms("Decrypt").by_user(ACCOUNT, "u0").through("s3").at("2026-05-04T09:30:00Z"));
            records.push(kms("DisableKey").by_user(ACCOUNT, "mallory").at("2026-05-04T10:00:00Z"));
            only(&key_disabled::DETECTOR, &records)
        };
        assert!(found(5).explanation.contains(", who can no longer decrypt"));
        assert!(
            !found(5).explanation.contains(" more, who") && found(6).explanation.contains(" and 1 more, who")
        );
        let sampled =
            kms("Decrypt").set("requestParameters.encryptionContext", json!({"aws:ebs:id": "vol-1"}));
        let lost = kms("DisableKey").by_user(ACCOUNT, "mallory").at("2026-05-04T10:30:00Z");
        let finding = only(&key_disabled::DETECTOR, &[sampled.at("2026-05-04T10:00:00Z"), lost]);
        assert_eq!(finding.evidence.details["resource_sample"], json!(["vol-1"]));
        assert!(!finding.evidence.details.contains_key("decrypts_a_week"), "of an hour no week is told");
        let users = &found(1).evidence.details["used_by"];
        assert_eq!((&users[0]["via"], &users[1]["via"]), (&json!("s3"), &Value::Null));
    }
}
