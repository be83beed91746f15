//! # Unusual first use
//!
//! ## What it finds
//!
//! A principal that calls from a network, with an agent, in a Region, for an account, with an operation or with a key
//! that it has never shown before, that is refused something for the first time, or that decrypts at an hour of the week
//! at which it hardly ever does, where that is unusual for it.
//!
//! ## Why it matters
//!
//! Stolen credentials are used from somewhere else, with another tool, for other things. Each call is allowed and
//! there need not be many of them; that it is new is all there is to see.
//!
//! ## How it decides
//!
//! For each principal it is known which values it has shown, and how often it shows something new: who does so every
//! day does not surprise. A value that many other principals use (the office's network, a new version of an SDK) tells
//! little, one that nobody uses much. A key that has had the same users for months tells more than one that everybody
//! uses, and one that is declared critical tells twice as much. What is new within an hour adds up. The sum is
//! compared with those that the whole estate shows; what goes beyond what the budget allows is a finding: Medium, from
//! a hundred times rarer than the threshold on High, never Critical by itself. An unusual rate or unusual denials of
//! the same principal within a day count together with it.
//!
//! Of decrypts and data keys it is known, after three weeks, how often each hour of the week was active. An hour that is
//! active less often than in one week of a hundred counts, together with how much was done in it.
//!
//! Networks are the VPC endpoint, else the /24 of the address (IPv6: the /48, private addresses: the /16). Of agents
//! the product and its major version count. Session names are not looked at. Principals of AWS services are left out,
//! and so are networks and agents where a service calls for the principal. Of principals that are new themselves (less
//! than two days, or fewer than eight active hours) only what is rare among others counts, and they are compared with
//! others when they were new. In the first two days of an estate nothing is found.
//!
//! ## Parameters
//!
//! `alerts.budget_per_week`: false statistical alerts a week for the whole estate, default 1. It is shared with
//! `unusual_rate` and `unusual_denials`.
//!
//! `estate.critical_keys`: the keys whose first use by somebody new counts in full, by ARN, key id or alias.
//!
//! ## False positives
//!
//! Work at night on an incident or a release; a person who travels and gets a new laptop; a service that moves to another VPC and another SDK in one release; an
//! old role that is given a new task.
//!
//! ## What it cannot see
//!
//! Somebody who works from where the principal works, with its tools, on its keys. What a principal does through an
//! AWS service comes from the service's network. The values that an attacker has shown for an hour are known from then
//! on.
//!
//! ## What to do
//!
//! See who it was and what else the session did; ask the owner; if nobody can explain it, revoke the sessions of the
//! role or disable the access key.
//!
//! ## References
//!
//! Head comment of the engine's module `baseline::novelty` for the model and its sources.
//! MITRE ATT&CK v18: T1078.004, T1580.

use super::{Detector, Look, Reads, page, unusual};
use crate::baseline::judge::{Episode, Topic};
use crate::estate::Estate;
use crate::finding::{Finding, FindingKind, Severity, Technique};
use crate::stage::Stage;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "unusual_first_use",
    title: "Unusual first use",
    severity: Severity::Medium,
    kind: FindingKind::Novelty,
    stage: Some(Stage::FirstUse),
    mitre: &[
        Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" },
        Technique { id: "T1580", name: "Cloud Infrastructure Discovery" },
    ],
    covers: &["M13", "N5", "N28"],
    reads: Reads::All,
    page: page(include_str!("unusual_first_use.rs")),
    look: Look::Score(look),
};

fn look(episode: &Episode, estate: &Estate) -> Option<Finding> {
    if episode.topic != Topic::FirstUses {
        return None;
    }
    let means = "A release, a move or a journey looks the same as somebody else with these credentials.";
    unusual::finding(&DETECTOR, episode, &estate.settings, means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{OTHER_KEY, ROLE, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;
    use crate::time::Timestamp;

    const MONDAY: i64 = 1_777_852_800; // 2026-05-04T00:00:00Z
    /// The hour in which something is new: the last of ten days.
    const NEW: i64 = 9 * 24 + 20;

    fn at(record: RecordBuilder, hour: i64, n: i64) -> RecordBuilder {
        record.at(&Timestamp(MONDAY + hour * 3_600 + n).to_string()).id(&format!("{hour}-{n}"))
    }

    /// Ten days of a role in office hours.
    fn usual() -> Vec<RecordBuilder> {
        let hours = (0..10).flat_map(|day| (8..18).map(move |hour| day * 24 + hour));
        hours.map(|hour| at(kms("Decrypt"), hour, 0)).collect()
    }

    fn with(record: RecordBuilder) -> Vec<RecordBuilder> {
        usual().into_iter().chain([at(record, NEW, 1)]).collect()
    }

    /// Credentials in other hands: another network, another tool.
    fn stolen(record: RecordBuilder) -> RecordBuilder {
        record.set("sourceIPAddress", "198.51.100.9").set("userAgent", "aws-cli/2.15.0 md/awscrt")
    }

    #[test]
    fn another_network_with_another_tool_is_a_finding() {
        let finding = only(&DETECTOR, &with(stolen(kms("Decrypt"))));
        assert_eq!(finding.principal.as_ref().unwrap().id, ROLE);
        assert_eq!(finding.principal.as_ref().unwrap().source.as_deref(), Some("198.51.100.9"));
        assert!(finding.title.contains("network 198.51.100.0/24 and agent aws-cli/2"), "{}", finding.title);
        assert!(finding.title.ends_with("rare for it"), "{}", finding.title);
        assert!(finding.explanation.contains("called from 198.51.100.0/24 for the first time"));
        assert_eq!(finding.evidence.event_ids, [format!("{NEW}-1")]);
        assert_eq!(finding.evidence.details["first_uses"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_refused_call_from_elsewhere_is_a_finding_too() {
        let finding = only(&DETECTOR, &with(stolen(kms("Decrypt").key(OTHER_KEY).denied())));
        assert!(finding.key.is_none(), "a refusal proves no key");
        assert!(finding.explanation.contains("It was refused Decrypt on"), "{}", finding.explanation);
    }

    #[test]
    fn a_key_that_is_declared_critical_counts_in_full() {
        let mut records: Vec<RecordBuilder> = usual();
        // The key has had one other user all the time.
        let owner = |record: RecordBuilder| record.by_role("111122223333", "vault", "i-1").key(OTHER_KEY);
        let hours = (0..10).flat_map(|day| (8..18).map(move |hour| day * 24 + hour));
        records.extend(hours.map(|hour| at(owner(kms("Decrypt")), hour, 7)));
        records.push(at(kms("Decrypt").key(OTHER_KEY), NEW, 1));
        let mut settings = Settings::default();
        let score = |settings: &Settings| {
            let found = findings_with(&DETECTOR, &records, settings);
            found
                .iter()
                .map(|finding| finding.evidence.details["score"].as_f64().unwrap())
                .fold(0.0, f64::max)
        };
        let usual = score(&settings);
        settings.estate.critical_keys = vec!["0987dcba-09fe-87dc-65ba-ab0987654321".into()];
        assert!(score(&settings) > usual + 1.0, "{usual} {}", score(&settings));
        let finding = findings_with(&DETECTOR, &records, &settings).remove(0);
        assert_eq!(finding.key.as_ref().unwrap().arn, OTHER_KEY);
        assert!(finding.explanation.contains("declared critical"), "{}", finding.explanation);
    }

    #[test]
    fn scaling_and_small_updates_are_silent() {
        let scaled = kms("Decrypt")
            .by_role("111122223333", "payments-api", "i-0ffff")
            .set("userAgent", "aws-sdk-rust/1.4.0 os/linux lang/rust/1.99.0")
            .set("sourceIPAddress", "203.0.113.201");
        assert!(findings(&DETECTOR, &with(scaled)).is_empty());
    }

    #[test]
    fn who_moves_about_all_the_time_does_not_surprise() {
        let hours = (0..10).flat_map(|day| (8..18).map(move |hour| day * 24 + hour));
        let from = |hour: i64| kms("Decrypt").set("sourceIPAddress", format!("198.51.{}.9", hour % 250));
        let records: Vec<RecordBuilder> = hours.map(|hour| at(from(hour), hour, 0)).collect();
        assert!(findings(&DETECTOR, &records).is_empty());
    }

    #[test]
    fn what_a_service_does_for_a_principal_tells_no_network() {
        let through = stolen(kms("Decrypt")).through("secretsmanager");
        assert!(findings(&DETECTOR, &with(through)).is_empty());
        let without = kms("Decrypt").remove("sourceIPAddress").remove("userAgent");
        assert!(findings(&DETECTOR, &with(without)).is_empty());
    }

    #[test]
    fn nothing_is_said_in_the_first_two_days() {
        let mut records: Vec<RecordBuilder> = (0..30).map(|hour| at(kms("Decrypt"), hour, 0)).collect();
        records.push(at(stolen(kms("Decrypt")), 40, 1));
        assert!(findings(&DETECTOR, &records).is_empty());
    }
}
