//! # Unusual rate of use
//!
//! ## What it finds
//!
//! A principal or a key that does far more within an hour, six hours or a day than is usual for it: decrypts and data
//! keys released, encrypts, distinct resources decrypted, distinct keys used, signatures, management calls, distinct
//! principals of a key.
//!
//! ## Why it matters
//!
//! Stolen credentials are used in bulk: all secrets read in minutes, an archive decrypted, objects rewritten under
//! another key. Each call alone is allowed and looks like any other; only their number does not.
//!
//! ## How it decides
//!
//! Each count is compared with what is usual for the same principal or key, by hour and weekday once three weeks are
//! known, and the deviation with those that others of its kind show in the estate: people, jobs (which keep to a schedule),
//! other workloads, services of AWS, keys. What goes beyond what the budget allows is a
//! finding: Medium, from a hundred times rarer than the threshold on High, never Critical by itself. Anomalies of one
//! principal that are at most a day apart are one finding. The count of a key is laid to the principal that made at
//! least half of it, where that can be told. Principals and keys that are new (less than two days, or fewer than nine active
//! hours) are compared with others when they were new, and by distinct resources, keys and principals alone. In the
//! first two days of an estate nothing is found.
//!
//! ## Parameters
//!
//! `alerts.budget_per_week`: false statistical alerts a week for the whole estate, default 1. It is shared with
//! `unusual_denials`.
//!
//! ## False positives
//!
//! A backfill, a migration, a re-encryption, the catching up after an outage, a first release. The budget is made for
//! these: about so many a week are to be expected.
//!
//! ## What it cannot see
//!
//! Which secrets, parameters or objects were read: their names are counted as hashes. The first step of what to do
//! shows the calls; the encryption context of each names its resource. Somebody who stays below about twice the usual rate of a busy, irregular principal. Use that CloudTrail does not
//! show since data keys are cached or S3 Bucket Keys are on. What comes more than an hour late, for the rate. The
//! first two to three weeks are less sharp.
//!
//! ## What to do
//!
//! See what else the session did; ask the owner; if nobody can explain it, revoke the sessions of the role or disable
//! the access key, then find out what was read.
//!
//! ## References
//!
//! Head comment of the engine's module `baseline` for the model and its sources.
//! MITRE ATT&CK v18: T1078.004, T1530.

use super::{Detector, Look, Reads, page, unusual};
use crate::baseline::judge::{Episode, Topic};
use crate::estate::Estate;
use crate::finding::{Finding, FindingKind, Severity, Technique};
use crate::stage::Stage;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "unusual_rate",
    title: "Unusual rate of use",
    severity: Severity::Medium,
    kind: FindingKind::Rate,
    stage: Some(Stage::Taking),
    mitre: &[
        Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" },
        Technique { id: "T1530", name: "Data from Cloud Storage" },
    ],
    covers: &["M9", "M16", "M25", "N3", "N27", "N28", "P8", "P15"],
    reads: Reads::All,
    page: page(include_str!("unusual_rate.rs")),
    look: Look::Score(look),
};

fn look(episode: &Episode, estate: &Estate) -> Option<Finding> {
    if episode.topic != Topic::Rate {
        return None;
    }
    let means = "A backfill, a migration or the catching up after an outage looks the same as somebody who takes all \
                 that the credentials reach.";
    unusual::finding(&DETECTOR, episode, &estate.settings, means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{KEY, ROLE, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;
    use crate::time::Timestamp;

    const MONDAY: i64 = 1_777_852_800; // 2026-05-04T00:00:00Z

    fn at(hour: i64, n: i64) -> String {
        Timestamp(MONDAY + hour * 3_600 + n).to_string()
    }

    fn read(hour: i64, n: i64, secret: i64) -> RecordBuilder {
        let secret = format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:s{secret}");
        kms("Decrypt")
            .at(&at(hour, n))
            .id(&format!("e{hour}-{n}"))
            .set("requestParameters.encryptionContext.SecretARN", secret)
    }

    /// Two or three reads of two secrets every hour of the day, for so many days.
    fn usual(days: i64) -> Vec<RecordBuilder> {
        let hours = (0..days).flat_map(|day| (8..18).map(move |hour| day * 24 + hour));
        hours.flat_map(|hour| (0..2 + hour % 2).map(move |n| read(hour, n, n % 2))).collect()
    }

    fn with_burst(days: i64, hour: i64) -> Vec<RecordBuilder> {
        let mut records = usual(days);
        records.extend((0..60).map(|n| read(hour, 100 + n, n)));
        records
    }

    #[test]
    fn reading_all_secrets_at_night_is_one_finding_with_its_figures() {
        let finding = only(&DETECTOR, &with_burst(10, 9 * 24 + 2));
        assert_eq!(finding.severity, Severity::High, "{finding:#?}");
        assert!(finding.title.contains("role/payments-api: 60 "), "{}", finding.title);
        assert_eq!(finding.principal.as_ref().unwrap().id, ROLE);
        assert_eq!(finding.evidence.observed, Some(60.0));
        assert_eq!(finding.evidence.count, 60);
        assert!(finding.evidence.expected.unwrap() < 3.0);
        assert!(finding.evidence.probability.unwrap() < 1e-4);
        let others = finding.evidence.details["others"].as_array().unwrap();
        assert!(!others.is_empty());
        assert!(finding.explanation.contains("less than three weeks"), "{}", finding.explanation);
        assert!(finding.runbook[0].contains("AttributeKey=AccessKeyId,AttributeValue=ASIAEXAMPLEKEY000001"));
        assert!(
            finding.runbook[2].contains("put-role-policy --role-name payments-api"),
            "{:?}",
            finding.runbook
        );
    }

    #[test]
    fn the_usual_is_no_finding() {
        assert!(findings(&DETECTOR, &usual(10)).is_empty());
    }

    #[test]
    fn the_use_of_a_key_is_laid_to_the_principal_that_made_most_of_it() {
        let mut records = with_burst(10, 9 * 24 + 2);
        records
            .extend((0..20).map(|n| {
                read(9 * 24 + 2, n, 0).by_role("111122223333", "other", "i-1").id(&format!("o{n}"))
            }));
        let found = findings(&DETECTOR, &records);
        let of_role = |finding: &&Finding| finding.principal.as_ref().is_some_and(|who| who.id == ROLE);
        let finding = found.iter().find(of_role).unwrap();
        assert_eq!(finding.principal.as_ref().unwrap().id, ROLE);
        let parts = finding.evidence.details["others"].as_array().unwrap();
        let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_str()).collect();
        let of_key = finding.evidence.details["counted_for"] == "key";
        assert!(of_key || parts.iter().any(|part| part.starts_with(KEY)), "{parts:?}");
        assert!(!of_key || parts.iter().any(|part| part.starts_with(ROLE)), "{parts:?}");
    }

    #[test]
    fn a_burst_in_the_first_two_days_is_not_judged() {
        assert!(findings(&DETECTOR, &with_burst(2, 24 + 2)).is_empty());
    }

    #[test]
    fn a_burst_that_goes_on_the_next_morning_is_the_same_finding() {
        let mut records = with_burst(10, 9 * 24 + 2);
        let id = only(&DETECTOR, &records).id;
        records.extend((0..80).map(|n| read(9 * 24 + 14, 200 + n, 100 + n)));
        let finding = only(&DETECTOR, &records);
        assert_eq!(finding.id, id);
        assert!(finding.evidence.count > 130, "{}", finding.evidence.count);
        assert!(finding.explanation.contains("It lasted or came again over"), "{}", finding.explanation);
    }

    #[test]
    fn a_larger_budget_finds_no_less() {
        let mut records = usual(10);
        records.extend((0..9).map(|n| read(9 * 24 + 12, 100 + n, n)));
        let mut settings = Settings::default();
        let mut counts = Vec::new();
        for budget in [0.01, 1.0, 1_000.0] {
            settings.alerts.budget_per_week = budget;
            counts.push(findings_with(&DETECTOR, &records, &settings).len());
        }
        assert!(counts.is_sorted(), "{counts:?}");
        assert_eq!(counts[0], 0);
        assert!(counts[2] > 0);
    }
}
