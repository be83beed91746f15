//! # Ciphertext probed in vain
//!
//! Somebody made many calls in an hour that failed since ciphertext, key or context did not fit.
//!
//! ## What it finds
//!
//! Cryptographic calls of one principal that failed with `InvalidCiphertextException`, `IncorrectKeyException` and the
//! like: so many within an hour.
//!
//! ## Why it matters
//!
//! Whoever holds ciphertext, but neither its encryption context nor the name of its key, finds them by trying. Every try is
//! logged, and hardly anything else fails like that in numbers.
//!
//! ## How it decides
//!
//! From `detectors.probing_calls` distinct calls in a clock hour on: *low*; *medium* if they tried three keys or more. One
//! finding a principal and UTC day. The count is fixed on purpose: nobody has a habit of failing so.
//!
//! ## Parameters
//!
//! * `detectors.probing_calls` (100): failed calls of one principal in an hour. Smaller finds more.
//!
//! ## False positives
//!
//! A program that retries damaged or old data over and over.
//!
//! ## What it cannot see
//!
//! What was tried: CloudTrail logs no ciphertext. Fewer tries an hour than the parameter.
//!
//! ## What to do
//!
//! See where the calls come from, and whether one of them succeeded afterwards.
//!
//! ## References
//!
//! * AWS KMS API reference, "Decrypt", errors
//! * MITRE ATT&CK T1580, Cloud Infrastructure Discovery

use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::{Estate, is_account_id};
use crate::finding::{self, Actor, Finding, FindingKind, KeyName, Severity, Technique};
use crate::runbook::look_up;
use crate::stage::Stage;
use crate::state::{Merge, PrincipalState, Tally};
use crate::time::{DAY, HOUR};
use serde_json::json;
use std::collections::BTreeMap;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "ciphertext_probed",
    title: "Ciphertext probed in vain",
    severity: Severity::Low,
    kind: FindingKind::Fact,
    stage: Some(Stage::Probing),
    mitre: &[Technique { id: "T1580", name: "Cloud Infrastructure Discovery" }],
    covers: &["N14"],
    reads: Reads::Cryptographic,
    page: page(include_str!("ciphertext_probed.rs")),
    look: Look::Principal(judge),
};

/// Keys tried from which on it is medium.
const SEVERAL_KEYS: u64 = 3;

fn judge(principal: &str, state: &PrincipalState, estate: &Estate, found: &mut Vec<Finding>) {
    let least = estate.settings.detectors.probing_calls.max(1);
    let mut days: BTreeMap<i64, Tally> = BTreeMap::new();
    for (hour, tally) in state.mismatches.iter() {
        if tally.calls.distinct().count() >= least {
            days.entry(hour.div_euclid(DAY / HOUR)).or_default().merge(tally);
        }
    }
    for (day, tally) in days {
        let keys: Vec<&str> = tally
            .names
            .newest()
            .into_iter()
            .map(|sight| sight.name.as_ref())
            .filter(|key| !key.is_empty())
            .collect();
        let one = tally.distinct.count() == 1;
        let arn = keys.first().copied().filter(|_| one).unwrap_or_default();
        let mut finding = finding::of_key(&DETECTOR, arn, &[principal, &day.to_string()]);
        finding.add_sightings(&tally.calls);
        let several = tally.distinct.count() >= SEVERAL_KEYS;
        finding.severity = if several { Severity::Medium } else { Severity::Low };
        let home = keys.first().map(|key| KeyName::of_arn(key));
        let own = principal.split(':').nth(4).filter(|account| is_account_id(account)).map(str::to_owned);
        let Some(account) = own.or_else(|| home.as_ref().and_then(|home| home.account.clone())) else {
            continue;
        };
        finding.account = account;
        finding.region = home.and_then(|home| home.region).unwrap_or_default();
        finding.principal = Some(Actor { id: principal.to_owned(), kind: "unknown", ..Actor::default() });
        let who = short(principal);
        let what = if several { "with several keys" } else { "again and again" };
        finding.title = format!("{who} tried ciphertext {what} in vain");
        finding.explanation = format!(
            "Between {} and {} calls of {who} failed since ciphertext, key or encryption context did not fit. Either a \
             program retries damaged data, or somebody tries what he does not know.",
            finding.time.start, finding.time.end
        );
        finding.evidence.observed = Some(tally.calls.distinct().count() as f64);
        finding.evidence.details.insert("keys", json!(keys));
        finding.evidence.details.insert("key_count", tally.distinct.count().into());
        let name = principal.rsplit('/').next().unwrap_or(principal);
        let (start, end) = (finding.time.start.to_string(), finding.time.end.plus(HOUR).to_string());
        let times = [("start-time", start.as_str()), ("end-time", &end), ("region", &finding.region)];
        let first = finding.evidence.event_ids.first().cloned().unwrap_or_default();
        finding.runbook = vec![
            format!("See one of the calls: {}", look_up("EventId", &first, &[("region", &finding.region)])),
            format!("See what else {} did: {}", name, look_up("Username", name, &times)),
        ];
        found.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;

    /// So many calls that fail in one hour, on these keys in turn.
    fn tries(n: usize, keys: &[&str], code: &str) -> Vec<RecordBuilder> {
        let one = |n: usize| {
            kms("Decrypt")
                .key(keys[n % keys.len()])
                .by_user(ACCOUNT, "mallory")
                .at(&format!("2026-05-04T10:{:02}:{:02}Z", n / 60, n % 60))
                .failed(code, "")
        };
        (0..n).map(one).collect()
    }

    const THIRD: &str = "arn:aws:kms:eu-west-1:111122223333:key/33333333-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn many_tries_with_one_key_are_low() {
        let finding = only(&DETECTOR, &tries(100, &[KEY], "InvalidCiphertextException"));
        assert_eq!((finding.severity, finding.evidence.observed), (Severity::Low, Some(100.0)));
        assert_eq!(finding.title, "user/mallory tried ciphertext again and again in vain");
        assert_eq!(finding.key.as_ref().unwrap().arn, KEY);
        assert_eq!((finding.account.as_str(), finding.region.as_str()), (ACCOUNT, "eu-west-1"));
        assert!(finding.runbook[0].contains(&finding.evidence.event_ids[0]));
        assert!(finding.runbook[1].contains("AttributeValue=mallory --start-time 2026-05-04T10:00:00Z"));
    }

    #[test]
    fn three_keys_make_it_medium() {
        let finding = only(&DETECTOR, &tries(100, &[KEY, OTHER_KEY, THIRD], "IncorrectKeyException"));
        assert_eq!((finding.severity, &finding.key), (Severity::Medium, &None));
        assert_eq!(finding.evidence.details["key_count"], 3);
        assert_eq!(
            only(&DETECTOR, &tries(100, &[KEY, OTHER_KEY], "IncorrectKeyException")).severity,
            Severity::Low
        );
    }

    #[test]
    fn fewer_tries_are_silent_and_the_parameter_decides() {
        assert!(findings(&DETECTOR, &tries(99, &[KEY], "InvalidCiphertextException")).is_empty());
        let mut settings = Settings::default();
        settings.detectors.probing_calls = 10;
        assert_eq!(
            findings_with(&DETECTOR, &tries(10, &[KEY], "InvalidCiphertextException"), &settings).len(),
            1
        );
    }

    #[test]
    fn hours_count_by_themselves_and_a_day_is_one_finding() {
        let later = |record: RecordBuilder, n: usize| {
            record.at(&format!("2026-05-04T12:{:02}:{:02}Z", n / 60, n % 60))
        };
        let half = tries(60, &[KEY], "InvalidCiphertextException");
        let halves =
            [half.clone(), half.into_iter().enumerate().map(|(n, r)| later(r, n)).collect()].concat();
        assert!(findings(&DETECTOR, &halves).is_empty());
        let whole = tries(100, &[KEY], "InvalidCiphertextException");
        let twice =
            [whole.clone(), whole.into_iter().enumerate().map(|(n, r)| later(r, n)).collect()].concat();
        // Beyond 128 the count is an estimate.
        assert!(only(&DETECTOR, &twice).evidence.count > 180);
    }

    #[test]
    fn other_failures_and_successes_are_silent() {
        for code in ["AccessDenied", "ValidationException", "ThrottlingException", "NotFoundException"] {
            assert!(findings(&DETECTOR, &tries(120, &[KEY], code)).is_empty(), "{code}");
        }
        let dry: Vec<_> = tries(120, &[KEY], "InvalidCiphertextException")
            .into_iter()
            .map(|record| record.set("requestParameters.dryRun", true))
            .collect();
        assert!(findings(&DETECTOR, &dry).is_empty());
    }

    #[test]
    fn a_ciphertext_whose_key_is_not_told_counts_all_the_same() {
        let bare: Vec<_> = tries(100, &[KEY], "InvalidCiphertextException")
            .into_iter()
            .map(|record| record.set("resources", serde_json::Value::Null))
            .collect();
        let finding = only(&DETECTOR, &bare);
        assert_eq!((finding.severity, &finding.key), (Severity::Low, &None));
        assert_eq!(finding.account, ACCOUNT);
    }
}
