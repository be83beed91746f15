//! # Dormant principal, key or Region woke
//!
//! What was not used for long was used again; or a Region was used in which an account never used a key.
//!
//! ## What it finds
//!
//! * A principal that had plaintext released by a direct call, after long doing nothing of the kind;
//! * a key that was used, after long not being used by anybody;
//! * a Region in which somebody of an account used a key, after long or for the first time.
//!
//! ## Why it matters
//!
//! Nobody looks at what is not used: credentials that were forgotten, keys of systems that were switched off, Regions in
//! which no alarm hangs. Intruders find them.
//!
//! ## How it decides
//!
//! By the days on which it was used. Long are `detectors.dormant_days`. *Medium* for a principal, and for a Region that is
//! new to an account known for `detectors.habit_days` days; *low* for a key, and for a Region that was used before. If
//! Regions are declared, those alone are not new. It is told until there have been uses on seven more days. AWS services
//! wake nobody in a Region.
//!
//! ## Parameters
//!
//! * `detectors.dormant_days` (90): days without use after which a use is a finding. Smaller finds more.
//! * `detectors.habit_days` (14): days that an account must be known before a Region is new to it.
//! * `estate.regions`: Regions that are in use, whatever the logs say.
//!
//! ## False positives
//!
//! Work that comes once a quarter or a year; exercises; the first workload in a new Region.
//!
//! ## What it cannot see
//!
//! What slept before the logs at hand begin. Principals that call through services only.
//!
//! ## What to do
//!
//! Ask the owner whether it was meant to be in use again. If nobody knows, take the credentials out of use, or disable the
//! key, which can be undone.
//!
//! ## References
//!
//! * IAM user guide, "Refine permissions using last accessed information"
//! * MITRE ATT&CK T1078.004, Valid Accounts: Cloud Accounts; T1535, Unused/Unsupported Cloud Regions

use super::impact::{look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::{Estate, is_account_id};
use crate::finding::{self, Actor, Finding, FindingKind, Severity, Span, Technique};
use crate::runbook::look_up;
use crate::stage::Stage;
use crate::state::{AccountState, KeyState, Once, PrincipalState};
use crate::time::DAY;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "dormant_woke",
    title: "Dormant principal, key or Region woke",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: Some(Stage::FirstUse),
    mitre: &[
        Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" },
        Technique { id: "T1535", name: "Unused/Unsupported Cloud Regions" },
    ],
    covers: &["M26"],
    reads: Reads::Cryptographic,
    page: page(include_str!("dormant_woke.rs")),
    look: Look::Several(&[Look::Principal(of_principal), Look::Key(of_key), Look::Account(of_account)]),
};

fn of_principal(principal: &str, state: &PrincipalState, estate: &Estate, found: &mut Vec<Finding>) {
    let Some((once, days)) = state.habits.days.woke(estate.settings.detectors.dormant_days) else { return };
    let mut finding = begin("", &["principal", principal], once);
    // Only ARNs tell the account.
    let account = principal.split(':').nth(4).filter(|account| is_account_id(account));
    finding.account = account.unwrap_or_default().to_owned();
    finding.principal = Some(Actor { id: principal.to_owned(), kind: "unknown", ..Actor::default() });
    finding.severity = Severity::Medium;
    let who = short(principal);
    finding.title = format!("{who}, long idle, had plaintext released");
    finding.explanation = format!(
        "At {} {who} had KMS release plaintext by a direct call, for the first time in {days} days. {IDLE}",
        once.time
    );
    finish(finding, once, days, found);
}

fn of_key(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let Some((once, days)) = state.habits.days.woke(estate.settings.detectors.dormant_days) else { return };
    let mut finding = begin(key, &["key", key], once);
    let who = state.users.iter().map(|sight| sight.name.as_ref()).find(|name| once.is_by(name));
    finding.principal = who.map(|who| Actor { id: who.to_owned(), kind: "unknown", ..Actor::default() });
    finding.severity = Severity::Low;
    finding.title = "{key}, long unused, was used".to_owned();
    finding.explanation = format!(
        "At {} {} used {{key}}, which nobody had used for {days} days. {IDLE}",
        once.time,
        who.map_or("somebody whom the State no longer names", short)
    );
    finish(finding, once, days, found);
}

fn of_account(account: &str, state: &AccountState, estate: &Estate, found: &mut Vec<Finding>) {
    let settings = &estate.settings;
    let known_since = state.regions.first();
    for (region, days) in state.used.iter() {
        if settings.estate.regions.contains(region) {
            continue;
        }
        let first = days.first().filter(|first| {
            let lasting = settings.detectors.habit_days.saturating_mul(DAY);
            !settings.estate.regions.is_empty()
                || known_since.is_some_and(|since| first.time.since(since) >= lasting)
        });
        let woke = days.woke(settings.detectors.dormant_days);
        let (once, slept, severity, was) = match (first, woke) {
            (Some(first), _) => (first, None, Severity::Medium, "in which it never had, in the logs at hand"),
            (None, Some((once, slept))) => (once, Some(slept), Severity::Low, "in which it long had not"),
            (None, None) => continue,
        };
        let mut finding = begin("", &["region", account, region], once);
        finding.account = account.to_owned();
        finding.region = region.to_owned();
        finding.severity = severity;
        finding.title = format!("Account {account} used a key in {region}, {was}");
        finding.explanation = format!(
            "At {} somebody of account {account} used a key in {region}, {was}. What happens in a Region that nobody uses is \
             seldom watched.",
            once.time
        );
        finish(finding, once, slept.unwrap_or_default(), found);
    }
}

const IDLE: &str =
    "What is not used is not looked at; it may be rare work, or somebody has found forgotten credentials.";

fn begin(key: &str, about: &[&str], once: &Once) -> Finding {
    let event_id = once.event_id();
    let about: Vec<&str> = about.iter().copied().chain([event_id.as_str()]).collect();
    let mut finding = finding::of_key(&DETECTOR, key, &about);
    finding.evidence.add(once.time, &event_id);
    finding.time = Span { start: once.time, end: once.time };
    finding
}

fn finish(mut finding: Finding, once: &Once, days: i64, found: &mut Vec<Finding>) {
    if days > 0 {
        finding.evidence.details.insert("days_idle", days.into());
    }
    let region = [("region", finding.region.as_str())];
    finding.runbook = vec![
        format!("See the call: {}", look_up("EventId", &once.event_id(), &region)),
        look_further(&finding),
    ];
    found.push(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, ROLE, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with};
    use crate::settings::Settings;

    fn on(record: RecordBuilder, date: &str) -> RecordBuilder {
        record.at(&format!("{date}T10:00:00Z"))
    }

    fn titles(records: &[RecordBuilder], settings: &Settings) -> Vec<String> {
        findings_with(&DETECTOR, records, settings).into_iter().map(|finding| finding.title).collect()
    }

    #[test]
    fn a_principal_and_a_key_that_slept_for_ninety_days_are_told() {
        let found =
            findings(&DETECTOR, &[on(kms("Decrypt"), "2026-01-01"), on(kms("Decrypt"), "2026-04-01")]);
        let of = |part: &str| found.iter().find(|finding| finding.title.contains(part)).unwrap();
        let principal = of("role/payments-api, long idle");
        assert_eq!((principal.severity, principal.account.as_str()), (Severity::Medium, ACCOUNT));
        assert_eq!(principal.principal.as_ref().unwrap().id, ROLE);
        assert_eq!(principal.evidence.details["days_idle"], 90);
        let key = of("long unused, was used");
        assert_eq!((key.severity, key.key.as_ref().unwrap().arn.as_str()), (Severity::Low, KEY));
        assert!(key.explanation.contains("role/payments-api used"), "{}", key.explanation);
        let region = of("used a key in eu-west-1, in which it long had not");
        assert_eq!((region.severity, region.region.as_str()), (Severity::Low, "eu-west-1"));
        assert_eq!(found.len(), 3);
        let sooner = [on(kms("Decrypt"), "2026-01-01"), on(kms("Decrypt"), "2026-03-31")];
        assert!(findings(&DETECTOR, &sooner).is_empty());
    }

    #[test]
    fn what_is_used_on_eight_days_since_is_awake() {
        let days = |n: u32| -> Vec<RecordBuilder> {
            let since = (0..n).map(|day| on(kms("Decrypt"), &format!("2026-06-{:02}", day + 1)));
            std::iter::once(on(kms("Decrypt"), "2026-01-01")).chain(since).collect()
        };
        assert_eq!(findings(&DETECTOR, &days(7)).len(), 3);
        assert!(findings(&DETECTOR, &days(8)).is_empty());
    }

    #[test]
    fn the_parameter_decides_how_long_is_long() {
        let mut settings = Settings::default();
        settings.detectors.dormant_days = 20;
        let records = [on(kms("Decrypt"), "2026-05-01"), on(kms("Decrypt"), "2026-05-21")];
        assert_eq!(titles(&records, &settings).len(), 3);
        settings.detectors.dormant_days = 21;
        assert!(titles(&records, &settings).is_empty());
    }

    #[test]
    fn a_region_that_is_new_to_a_known_account_is_medium() {
        let there = |date| on(kms("Encrypt").set("awsRegion", "ap-south-1"), date);
        let home = on(kms("ListKeys"), "2026-05-01");
        let found = findings(&DETECTOR, &[home.clone(), there("2026-05-15")]);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Medium));
        assert_eq!(
            found[0].title,
            format!("Account {ACCOUNT} used a key in ap-south-1, in which it never had, in the logs at hand")
        );
        assert!(!found[0].evidence.details.contains_key("days_idle"));
        assert!(
            findings(&DETECTOR, &[home.clone(), there("2026-05-14")]).is_empty(),
            "the account is new itself"
        );
        let service = kms("Encrypt").by_service("s3").set("awsRegion", "ap-south-1");
        assert!(findings(&DETECTOR, &[home.clone(), on(service, "2026-05-15")]).is_empty());
        let look = kms("DescribeKey").set("awsRegion", "ap-south-1");
        assert!(findings(&DETECTOR, &[home, on(look, "2026-05-15")]).is_empty());
    }

    #[test]
    fn declared_regions_decide_alone() {
        let mut settings = Settings::default();
        settings.estate.regions = vec!["eu-west-1".to_owned()];
        let there = on(kms("Encrypt").set("awsRegion", "ap-south-1"), "2026-05-01");
        assert_eq!(titles(std::slice::from_ref(&there), &settings).len(), 1, "no history is needed");
        settings.estate.regions.push("ap-south-1".to_owned());
        assert!(titles(&[there], &settings).is_empty());
    }

    #[test]
    fn calls_through_services_and_refusals_wake_no_principal() {
        let first = on(kms("Decrypt"), "2026-01-01");
        let told = |record: RecordBuilder| {
            let found = findings(&DETECTOR, &[first.clone(), on(record, "2026-06-01")]);
            found.iter().map(|finding| finding.title.contains("long idle")).collect::<Vec<_>>()
        };
        assert_eq!(told(kms("Decrypt").through("s3")), [false, false], "the key and the Region alone");
        assert!(told(kms("Decrypt").denied()).is_empty());
        assert!(told(kms("Decrypt").set("requestParameters.dryRun", true)).is_empty());
    }
}
