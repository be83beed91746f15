//! Findings made by hand, for the tests of outputs.

use kmswatch_engine::finding::{
    Actor, Evidence, Finding, FindingKind, KeyName, Severity, Span, Technique, finding_id,
};
use kmswatch_engine::incident::{self, Incident, Member};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

const ACCOUNT: &str = "111122223333";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A finding as a detector makes it, with `n` events.
pub(crate) fn usual(severity: Severity, n: u32) -> Finding {
    let start = at("2026-05-04T10:15:42Z");
    let mut evidence = Evidence::default();
    for i in 0..n {
        evidence.add(start.plus(i64::from(i) * 20), &format!("5f1a0c5e-0000-4000-8000-{i:012}"));
    }
    Finding {
        id: finding_id("key_deletion_scheduled", &[KEY, severity.name()]),
        detector: "key_deletion_scheduled",
        severity,
        kind: FindingKind::Rule,
        title: "Key alias/prod-payments (1234abcd-12ab-34cd-56ef-1234567890ab) will be deleted on 2026-05-11"
            .to_owned(),
        time: evidence.span().unwrap_or(Span { start, end: start }),
        account: ACCOUNT.to_owned(),
        region: "eu-central-1".to_owned(),
        principal: Some(Actor {
            id: "arn:aws:iam::111122223333:role/Admin".to_owned(),
            kind: "role",
            account: Some(ACCOUNT.to_owned()),
            session: Some("mallory".to_owned()),
            access_key: Some("ASIAEXAMPLE".to_owned()),
            via_service: None,
            source_identity: None,
            source: Some("198.51.100.7".to_owned()),
            user_agent: Some("aws-cli/2.15.0 Python/3.11".to_owned()),
        }),
        key: Some(KeyName {
            arn: KEY.to_owned(),
            aliases: vec!["alias/prod-payments".to_owned()],
            account: Some(ACCOUNT.to_owned()),
            region: Some("eu-central-1".to_owned()),
        }),
        evidence,
        mitre: &[Technique { id: "T1485", name: "Data Destruction" }],
        explanation:
            "Once the waiting period is over, everything that this key encrypted is lost for good. Until \
                      then the deletion can be cancelled."
                .to_owned(),
        runbook: vec![
            format!(
                "Cancel the deletion: `aws kms cancel-key-deletion --key-id {KEY} --region eu-central-1`."
            ),
            "Ask the person behind the session whether it was meant.".to_owned(),
        ],
        rests_on_foreign: Vec::new(),
        sets_policy: false,
    }
}

/// A finding all of whose text an attacker chose.
pub(crate) fn hostile() -> Finding {
    let nasty =
        "\x1b[2J\x1b]0;owned\x07\nCRITICAL forged\r\u{202e}gnp.exe\u{200b}\u{9b}31m\0`$(id)`\u{2028}é";
    let mut finding = usual(Severity::Critical, 2);
    finding.title = format!("Key {nasty} was used");
    finding.account = nasty.to_owned();
    finding.region = nasty.to_owned();
    finding.explanation = format!("It was {nasty}.");
    finding.runbook = vec![format!("Ask {nasty}."), format!("aws kms describe-key --key-id '{nasty}'")];
    finding.principal = Some(Actor {
        id: nasty.to_owned(),
        kind: "unknown",
        account: Some(nasty.to_owned()),
        session: Some(nasty.repeat(300)),
        access_key: Some(nasty.to_owned()),
        via_service: Some(nasty.to_owned()),
        source_identity: Some(nasty.to_owned()),
        source: Some(nasty.to_owned()),
        user_agent: Some(nasty.repeat(300)),
    });
    finding.key = Some(KeyName {
        arn: nasty.to_owned(),
        aliases: vec![nasty.to_owned(); 60],
        account: None,
        region: None,
    });
    finding.evidence.details.insert("context", json!({ nasty: [nasty, 1, null] }));
    finding.evidence.details.insert("names", json!([nasty, nasty]));
    let time = finding.time.start;
    finding.evidence.add(time, nasty);
    finding
}

/// A finding with as little in it as there can be, and figures at their edges.
pub(crate) fn bare() -> Finding {
    let mut finding = usual(Severity::Info, 1);
    finding.kind = FindingKind::Rate;
    finding.account = String::new();
    finding.region = String::new();
    finding.principal = None;
    finding.key = None;
    finding.mitre = &[];
    finding.runbook = Vec::new();
    finding.evidence.observed = Some(f64::MAX);
    finding.evidence.expected = Some(f64::NAN);
    finding.evidence.probability = Some(f64::MIN_POSITIVE);
    finding
}

/// A denied sweep, a key taken away, and somebody who misses it; and beside them a role that reads much.
pub(crate) fn story() -> Vec<Finding> {
    let mut denied = usual(Severity::Medium, 40);
    denied.detector = "unusual_denials";
    denied.id = finding_id("unusual_denials", &[]);
    denied.kind = FindingKind::Rate;
    denied.title = "role/Admin: 40 denied calls within an hour, usually none".to_owned();
    denied.key = None;
    denied.runbook = vec!["Ask the person behind the session whether it was meant.".to_owned()];
    let mut deletion = usual(Severity::Critical, 1);
    deletion.title = "alias/prod-payments will be deleted on 2026-05-11".to_owned();
    let details = &mut deletion.evidence.details;
    details.insert("window_days", json!(7));
    details.insert("deletion_date", json!("2026-05-11T10:15:42Z"));
    details.insert("last_used", json!("2026-05-04T09:58:00Z"));
    details.insert(
        "used_by",
        json!([{"principal": "arn:aws:iam::111122223333:role/payments-api", "via": "s3"}]),
    );
    details.insert("used_by_count", json!(1));
    details.insert("resources", json!({"object": 412, "table": 1}));
    let mut missed = usual(Severity::High, 12);
    missed.detector = "unusable_key_used";
    missed.id = finding_id("unusable_key_used", &[]);
    missed.title = "alias/prod-payments is needed and cannot be used".to_owned();
    missed.principal = None;
    missed.runbook.truncate(1);
    missed.evidence.details.insert("principals", json!(["arn:aws:iam::111122223333:role/payments-api"]));
    let mut reading = storm();
    reading.detector = "unusual_rate";
    reading.id = finding_id("unusual_rate", &[]);
    reading.title = "role/reporting: 4,310 decrypts within an hour, usually 9 to 17".to_owned();
    reading.key = None;
    reading.principal = Some(Actor {
        id: "arn:aws:iam::111122223333:role/reporting".to_owned(),
        kind: "role",
        ..Actor::default()
    });
    reading.runbook = vec!["Ask the owner of role/reporting.".to_owned()];
    vec![denied, deletion, missed, reading]
}

/// The incidents of these findings, as of the end of the week.
pub(crate) fn incidents(findings: &[Finding]) -> Vec<Incident> {
    let members = findings.iter().map(|finding| Member { finding: finding.clone(), muted: false });
    let settings = Settings::default();
    incident::incidents(members, &settings, at("2026-05-08T12:00:00Z"), &BTreeSet::new())
}

/// A storm: thousands of events, a figure for each field.
pub(crate) fn storm() -> Finding {
    let mut finding = usual(Severity::High, 4_310);
    finding.kind = FindingKind::Rate;
    finding.principal = Some(Actor { id: "service:s3".to_owned(), kind: "aws_service", ..Actor::default() });
    finding.evidence.observed = Some(4310.0);
    finding.evidence.expected = Some(12.5);
    finding.evidence.probability = Some(1.2e-9);
    finding.evidence.details.insert("resources", json!(["arn:aws:s3:::payments", "arn:aws:s3:::ledger"]));
    finding
}
