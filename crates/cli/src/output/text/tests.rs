//! The text of findings, whole and in parts.

use super::*;
use crate::output::{Tuning, samples};
use crate::troubles::{InputProblem, Troubles};
use kmswatch_engine::event::SkipReason;
use kmswatch_engine::pipeline::Summary;
use kmswatch_engine::trail::ObjectKind;
use std::path::Path;

const LAYOUT: Layout = Layout { columns: 80, verbose: false };

fn outcome(findings: Vec<Finding>) -> Outcome {
    let summary = Summary {
        objects: BTreeMap::from([(ObjectKind::Log, 12)]),
        records: 43_100,
        kms_events: 412,
        watched_events: 3,
        skipped: BTreeMap::from([(SkipReason::NotWatched, 42_600), (SkipReason::Duplicate, 85)]),
        first_event: Some(samples::at("2026-05-01T00:00:07Z")),
        last_event: Some(samples::at("2026-05-07T23:59:58Z")),
        ..Summary::default()
    };
    Outcome {
        context: kmswatch_alerts::Context::default(),
        findings,
        incidents: None,
        tuning: Tuning::default(),
        less_severe: 0,
        summary,
        accounts: vec!["111122223333".to_owned(), "444455556666".to_owned()],
        troubles: Troubles::default(),
    }
}

/// Compares with a file of `tests/golden`.
#[track_caller]
fn golden(name: &str, text: &str) {
    crate::golden::golden(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name), text);
}

fn shown(outcome: &Outcome, layout: &Layout) -> String {
    let mut out = Vec::new();
    write(&mut out, outcome, layout).unwrap();
    anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
}

#[test]
fn findings_are_told_by_severity_then_time_with_all_that_is_needed() {
    let mut outcome = outcome(vec![
        samples::usual(Severity::Low, 1),
        samples::storm(),
        samples::usual(Severity::Critical, 3),
        samples::bare(),
    ]);
    outcome.less_severe = 2;
    outcome.troubles.ignored.push("logs/README.md".to_owned());
    outcome.troubles.not_logs.push("logs/labels.json".to_owned());
    outcome.troubles.problems.push(InputProblem {
        input: "logs/b.json.gz".to_owned(),
        record: Some(7),
        offset: Some(9_012),
        message: "eventTime: not a time".to_owned(),
    });
    outcome.troubles.problems.push(InputProblem::whole("logs/c.json", "Permission denied (os error 13)"));
    golden("findings.txt", &shown(&outcome, &LAYOUT));
}

fn outcome_of_incidents(findings: Vec<Finding>) -> Outcome {
    let incidents = samples::incidents(&findings);
    Outcome { incidents: Some(incidents), ..outcome(findings) }
}

#[test]
fn incidents_are_told_in_the_order_in_which_somebody_asks() {
    let mut outcome = outcome_of_incidents(samples::story());
    outcome.less_severe = 1;
    golden("incidents.txt", &shown(&outcome, &LAYOUT));
}

#[test]
fn incidents_fit_the_terminal_but_for_what_must_be_copied() {
    for line in shown(&outcome_of_incidents(samples::story()), &LAYOUT).lines() {
        let whole_word = line.contains("arn:") || line.contains("aws ");
        assert!(whole_word || line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn without_findings_it_says_so_and_what_was_read() {
    golden("nothing.txt", &shown(&outcome(Vec::new()), &LAYOUT));
}

#[test]
fn no_text_out_of_a_log_acts_on_the_terminal() {
    let mut findings = vec![samples::hostile(), samples::hostile()];
    findings[1].severity = Severity::Low;
    findings[1].id.push('x');
    for mut outcome in [outcome(findings.clone()), outcome_of_incidents(findings)] {
        no_text_acts(&mut outcome);
    }
}

fn no_text_acts(outcome: &mut Outcome) {
    outcome.troubles.problems.push(InputProblem::whole("a\x1b[2J\u{202e}", "b\x1b[2J\nforged"));
    outcome.troubles.ignored.push("c\x1b[2J\nforged".to_owned());
    let mut out = Vec::new();
    write(&mut out, outcome, &LAYOUT).unwrap();
    let styled = String::from_utf8(out).unwrap();
    // All sequences that are left are those of our own styles.
    let ours = styled.split('\x1b').skip(1);
    for sequence in ours {
        let end = sequence.find('m').expect("only styles");
        let digits = sequence[1..end].chars().all(|c| c.is_ascii_digit() || c == ';');
        assert!(sequence.starts_with('[') && digits, "{sequence:?}");
        assert!(!sequence.starts_with("[2J"));
    }
    for line in styled.split('\n') {
        let line = anstream::adapter::strip_str(line).to_string();
        assert_eq!(crate::terminal::safe_lines(&line), line);
        assert!(!line.starts_with("CRITICAL") && !line.starts_with("forged"), "{line}");
        assert!(line.chars().count() < 900, "{line}");
    }
}

#[test]
fn commands_stay_on_one_line_in_the_narrowest_terminal() {
    let outcome = outcome(vec![samples::usual(Severity::Critical, 1)]);
    let text = shown(&outcome, &Layout { columns: 40, verbose: false });
    let command = "aws kms cancel-key-deletion --key-id arn:aws:kms:eu-central-1:111122223333:key/\
                   1234abcd-12ab-34cd-56ef-1234567890ab --region eu-central-1";
    assert!(text.lines().any(|line| line.trim() == command), "{text}");
}

#[test]
fn of_many_findings_of_one_detector_the_first_are_told_in_full() {
    let outcome = outcome((0..20).map(|_| samples::usual(Severity::High, 1)).collect());
    let text = shown(&outcome, &LAYOUT);
    assert_eq!(text.matches("do now").count(), IN_FULL);
    assert_eq!(text.matches(" HIGH ").count(), 2 * 20, "each in the overview and below");
    assert_eq!(text.matches("In order of time").count(), 1);
    assert!(text.contains("15 findings on one line only: --verbose"), "{text}");
    let text = shown(&outcome, &Layout { columns: 80, verbose: true });
    assert_eq!(text.matches("do now").count(), 20);
}

#[test]
fn details_are_told_in_words() {
    let value =
        serde_json::json!([{ "at": "2026-05-04", "event_id": "e-1" }, { "days": 12_345, "short": true }]);
    assert_eq!(plain(&value), "at 2026-05-04, event id e-1; days 12,345, short yes");
    assert_eq!(plain(&serde_json::json!(["a", null, 0.125])), "a, none, 0.12");
}

#[test]
fn long_lists_in_the_evidence_get_a_line_for_each_of_the_first() {
    let arns: Vec<String> = (0..9).map(|n| format!("arn:aws:s3:::a-bucket-with-a-name/object-{n}")).collect();
    let lines = detail("resources", &serde_json::json!(arns), 68);
    assert_eq!(lines.len(), 1 + MEMBERS + 1, "{lines:?}");
    assert_eq!(lines[1], "  arn:aws:s3:::a-bucket-with-a-name/object-0");
    assert_eq!(lines[5], "  and 5 more");
    assert_eq!(detail("services", &serde_json::json!(["s3", "ebs"]), 68), ["services: s3, ebs"]);
}

#[test]
fn where_nothing_could_be_read_nothing_is_said_to_be_fine() {
    let mut outcome = outcome(Vec::new());
    outcome.troubles.problems.push(InputProblem::whole("a", "b"));
    assert!(shown(&outcome, &LAYOUT).starts_with("Nothing found in what could be read."));
    outcome.summary = Summary::default();
    assert!(shown(&outcome, &LAYOUT).starts_with("Nothing could be read."));
}

#[test]
fn usual_findings_fit_the_terminal_but_for_what_must_be_copied() {
    let outcome = outcome(vec![samples::usual(Severity::Critical, 3), samples::storm()]);
    for line in shown(&outcome, &LAYOUT).lines() {
        let whole_word = line.contains("arn:") || line.contains("aws ");
        assert!(whole_word || line.chars().count() <= 80, "{line}");
    }
}
