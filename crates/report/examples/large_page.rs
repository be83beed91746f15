//! Writes a page with 10,000 findings about 5,000 entities, to see how large it is and how fast a browser opens it:
//!
//! ```text
//! cargo run --release -p kmswatch-report --example large_page -- large.html
//! target/tmp/browser/bin/python tests/cli/page/browse.py chromium-headless-shell time large.html
//! ```
// What is invented here is never empty, and this program is a shell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods)]

use kmswatch_engine::detectors;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::{self, Actor, Finding, Severity, Span};
use kmswatch_engine::incident::{self, Member};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::{HOUR, Timestamp};
use kmswatch_report::hygiene;
use kmswatch_report::inventory::{Inventory, KeyEntry, State, User};
use kmswatch_report::page::Page;
use kmswatch_report::usage::Usage;
use std::collections::BTreeSet;
use std::io::Write;
use std::time::Instant;

const FINDINGS: i64 = 10_000;
const KEYS: i64 = 2_500;
const PRINCIPALS: i64 = 2_500;
const START: Timestamp = Timestamp(1_770_000_000);

fn main() {
    let file = std::env::args().nth(1).expect("the file to write");
    let findings: Vec<Finding> = (0..FINDINGS).map(finding).collect();
    let settings = Settings::default();
    let now = findings.last().map(|finding| finding.time.end).unwrap_or_default();
    let members = findings.iter().map(|finding| Member { finding: finding.clone(), muted: false });
    let incidents = incident::incidents(members, &settings, now, &BTreeSet::new());
    let watch = Watch::new(Estate::default());
    let mut inventory = Inventory::of(&watch, &Usage::default());
    inventory.keys = (0..KEYS).map(key).collect();
    (inventory.since, inventory.as_of, inventory.days) = (START, now, 90.0);
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        inputs: vec!["invented".to_owned()],
        now,
        summary: &watch.summary_with(&findings),
        findings: &findings,
        incidents: Some(&incidents),
        hygiene: &hygiene::reports(&inventory),
        inventory: &inventory,
        charts: &[],
        problems: Vec::new(),
        notes: Vec::new(),
    };
    let begun = Instant::now();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).expect("a file that can be written"));
    page.write(&mut out).and_then(|()| out.flush()).expect("a disk with room");
    let size = std::fs::metadata(&file).expect("it is there").len();
    println!(
        "{} findings, {} incidents, {KEYS} keys, {PRINCIPALS} principals: {:.1} MB, written in {:.2} s",
        findings.len(),
        incidents.len(),
        size as f64 / 1e6,
        begun.elapsed().as_secs_f64()
    );
}

fn arn(n: i64) -> String {
    format!("arn:aws:kms:eu-west-1:111122223333:key/{:08x}-0000-4000-8000-000000000000", n % KEYS)
}

fn principal(n: i64) -> String {
    format!("arn:aws:iam::111122223333:role/service-{:04}", n % PRINCIPALS)
}

fn finding(n: i64) -> Finding {
    let detectors = detectors::ALL;
    let detector = detectors.get(n as usize % detectors.len()).expect("one of them");
    let mut finding = finding::of_key(detector, &arn(n * 7), &[&n.to_string()]);
    let at = START.plus(n * 13 * 60);
    for event in 0..5 {
        finding.evidence.add(at.plus(event * 60), &format!("{n:08x}-0000-4000-8000-{event:012}"));
    }
    finding.time = Span { start: at, end: at.plus(HOUR) };
    finding.severity = Severity::ALL.get(n as usize * 31 % 5).copied().unwrap_or(Severity::Low);
    finding.title = format!(
        "role/service-{:04}: {} decrypts within an hour, usually 3 to {}",
        n % PRINCIPALS,
        n % 900,
        n % 40
    );
    finding.principal = Some(Actor {
        id: principal(n),
        kind: "role",
        account: Some("111122223333".to_owned()),
        session: Some(format!("i-{n:016x}")),
        access_key: Some(format!("ASIA{n:016}")),
        source: Some("198.51.100.7".to_owned()),
        user_agent: Some("aws-sdk-rust/1.3.0 os/linux lang/rust/1.95.0".to_owned()),
        ..Actor::default()
    });
    finding.explanation = "Its own history (14 weeks, 1,204 hours of it active) lets expect 5.3, in nine of ten cases 3 to 9. \
        Something like it comes about once in 44 weeks in the whole estate; with 1 false alerts a week accepted, the threshold \
        is about once in a week. A backfill, a migration or the catching up after an outage looks the same as somebody who \
        takes all that the credentials reach."
        .to_owned();
    finding
        .evidence
        .details
        .insert("used_by", serde_json::json!([principal(n + 1), principal(n + 2), principal(n + 3)]));
    finding.runbook = vec![
        format!(
            "See what else it did: aws cloudtrail lookup-events --lookup-attributes AttributeKey=AccessKeyId,AttributeValue=ASIA{n:016} --region eu-west-1"
        ),
        format!(
            "Ask the owner of role/service-{:04} whether a deployment, a migration or a backfill explains it.",
            n % PRINCIPALS
        ),
        format!("Disable the key for now: aws kms disable-key --key-id {} --region eu-west-1", arn(n * 7)),
    ];
    finding
}

fn key(n: i64) -> KeyEntry {
    let users = (0..6).map(|at| User {
        principal: principal(n * 3 + at * 401),
        kind: "role",
        account: "111122223333".to_owned(),
        via: if at % 2 == 0 { String::new() } else { "s3".to_owned() },
        calls: 4_000,
        uses: 3_900,
        operations: [("Decrypt", 3_000), ("GenerateDataKey", 900)].into_iter().collect(),
        first: START,
        last: START.plus(n * HOUR),
        last_use: Some(START.plus(n * HOUR)),
        ..User::default()
    });
    KeyEntry {
        arn: arn(n),
        aliases: vec![format!("alias/service-{n:04}")],
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        state: State::Enabled,
        users: users.collect(),
        acts: 24_000,
        operations: [("Decrypt", 18_000), ("GenerateDataKey", 5_400)].into_iter().collect(),
        first_use: Some(START),
        last_use: Some(START.plus(n * HOUR)),
        use_by_day: (20_486..20_576).map(|day| (day, 260)).collect(),
        resources: [("object", 1_800), ("table", 1)].into_iter().collect(),
        ..KeyEntry::default()
    }
}
