use super::*;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::Finding;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use serde_json::json;
use std::sync::Arc;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn rule(detection: &str) -> String {
    format!(
        "title: A rule\nlogsource:\n  product: aws\n  service: cloudtrail\nlevel: high\ndetection:\n{detection}"
    )
}

fn set(text: &str) -> Result<RuleSet, Vec<RuleError>> {
    RuleSet::compile(&[("folder/a_rule.yml".to_owned(), text.to_owned())])
}

fn error(text: &str) -> String {
    let errors = set(text).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

fn record() -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": "2026-05-04T10:15:42Z", "eventSource": "kms.amazonaws.com",
        "eventName": "DisableKey", "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2.17.0", "eventID": "e-1", "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333", "userName": "alice"},
        "requestParameters": {"keyId": KEY},
        "resources": [
            {"ARN": KEY, "accountId": "111122223333", "type": "AWS::KMS::Key"},
            {"ARN": "arn:aws:kms:eu-west-1:444455556666:key/k", "accountId": "444455556666", "type": "AWS::KMS::Key"}],
    })
}

/// What rules find in a record, as text.
fn findings_in(detection: &str, record: &str) -> Vec<Finding> {
    let rules = Arc::new(set(&rule(detection)).unwrap());
    let estate = Estate::default();
    let mut watch = Watch::new(estate.clone());
    let text = format!("{{\"Records\":[{record}]}}");
    let outcome = Worker::with_rules(Some(rules)).process(text.as_bytes(), &estate, &Filter::default());
    assert_eq!(outcome.report.problems, [], "{record}");
    watch.absorb(outcome);
    let mut findings = watch.findings();
    findings.retain(|finding| finding.detector.starts_with(PREFIX));
    findings
}

fn fires(detection: &str) -> bool {
    !findings_in(detection, &record().to_string()).is_empty()
}

#[test]
fn a_rule_looks_at_the_record_as_it_was_written() {
    assert!(fires(
        "  s:\n    eventSource: kms.amazonaws.com\n    eventName: [DisableKey, ScheduleKeyDeletion]\n  condition: s"
    ));
    assert!(!fires("  s:\n    eventName: ScheduleKeyDeletion\n  condition: s"));
    assert!(fires(
        "  s:\n    userIdentity.type: iamuser\n    requestParameters.keyId|contains: key/1234\n  condition: s"
    ));
}

#[test]
fn any_member_of_an_array_is_enough() {
    assert!(fires("  s:\n    resources.accountId: '444455556666'\n  condition: s"));
    assert!(!fires("  s:\n    resources.accountId: '777788889999'\n  condition: s"));
    assert!(!fires(
        "  s:\n    eventName: DisableKey\n  f:\n    resources.accountId: '444455556666'\n  condition: s and not f"
    ));
}

#[test]
fn an_absent_field_is_null() {
    assert!(fires("  s:\n    eventName: DisableKey\n    errorCode: null\n  condition: s"));
    assert!(!fires("  s:\n    eventName: null\n  condition: s"));
}

#[test]
fn a_rule_looks_at_what_kmswatch_makes_of_the_record() {
    assert!(fires("  s:\n    kmswatch.outcome: succeeded\n    kmswatch.category: changing\n  condition: s"));
    assert!(fires(
        "  s:\n    kmswatch.principal|endswith: ':user/alice'\n    kmswatch.via_service: null\n  condition: s"
    ));
    assert!(!fires("  s:\n    kmswatch.key_is_foreign: true\n  condition: s"));
    assert!(fires(
        "  s:\n    kmswatch.key_is_foreign: false\n    kmswatch.agent|startswith: aws-cli\n  condition: s"
    ));
}

#[test]
fn a_record_cannot_say_what_kmswatch_makes_of_it() {
    let mut record = record();
    record["kmswatch.outcome"] = json!("denied");
    record["kmswatch"] = json!({"person": "eve"});
    let found = |detection: &str| !findings_in(detection, &record.to_string()).is_empty();
    assert!(!found("  s:\n    kmswatch.outcome: denied\n  condition: s"));
    assert!(!found("  s:\n    kmswatch.person: eve\n  condition: s"));
    assert!(found("  s:\n    kmswatch.outcome: succeeded\n  condition: s"));
}

#[test]
fn half_a_character_in_a_record_does_not_hide_it_from_rules() {
    let detection = "  s:\n    eventName: DisableKey\n    userAgent|contains: tool\n  condition: s";
    for agent in ["\\ud800tool", "tool\\uDFFF\\u00e9\\\\ud800", "\\ud83d\\ude00 tool \\udead"] {
        let text = record().to_string().replace("aws-cli/2.17.0", agent);
        assert_eq!(findings_in(detection, &text).len(), 1, "{agent}");
    }
    assert_eq!(without_surrogates("\"a\\\\ud800\""), None);
}

#[test]
fn the_fields_of_the_author_are_in_the_finding() {
    let more = "description: Somebody\n  does it.\nfalsepositives: [Terraform]\ntags: [attack.impact, attack.t1485, attack.t9999.001]\n\
                runbook:\n  - Ask the platform team.\nreferences: ['https://example.com/x']\n";
    let text = rule("  s:\n    eventName: DisableKey\n  condition: s\n") + more;
    let set = set(&text).unwrap();
    let rule = set.rules[0].user;
    assert_eq!((rule.detector.id, rule.detector.title), ("sigma/folder/a_rule", "A rule"));
    assert_eq!((rule.detector.severity, rule.description.as_str()), (Severity::High, "Somebody does it."));
    assert_eq!(rule.steps, ["Ask the platform team.", "Read https://example.com/x"]);
    assert_eq!(rule.false_positives, ["Terraform"]);
    let mitre: Vec<_> = rule.detector.mitre.iter().map(|technique| (technique.id, technique.name)).collect();
    assert_eq!(mitre, [("T1485", "Data Destruction"), ("T9999.001", "T9999.001")]);
}

#[test]
fn a_text_in_the_place_of_a_list_is_taken_as_one_line() {
    let more = "falsepositives: |\n  Rare, but may be:\n    - an exercise.\nrunbook: |\n  Ask\n  somebody.\n";
    let set = set(&(rule("  s:\n    eventName: DisableKey\n  condition: s\n") + more)).unwrap();
    let rule = set.rules[0].user;
    assert_eq!(rule.false_positives, ["Rare, but may be: - an exercise"]);
    assert_eq!(rule.steps, ["Ask somebody."]);
}

#[test]
fn severity_follows_the_level() {
    for (level, severity) in [
        ("informational", Severity::Info),
        ("low", Severity::Low),
        ("medium", Severity::Medium),
        ("high", Severity::High),
        ("critical", Severity::Critical),
    ] {
        let text = rule("  s:\n    eventName: x\n  condition: s\n").replace("high", level);
        assert_eq!(set(&text).unwrap().rules[0].user.detector.severity, severity, "{level}");
    }
    let without = rule("  s:\n    eventName: x\n  condition: s\n").replace("level: high\n", "");
    assert_eq!(set(&without).unwrap().rules[0].user.detector.severity, Severity::Medium);
}

#[test]
fn several_rules_in_a_file_have_numbers_and_can_be_switched_off() {
    let one = rule("  s:\n    eventName: DisableKey\n  condition: s\n");
    let set = set(&format!("{one}---\n{one}")).unwrap();
    assert_eq!(set.ids().collect::<Vec<_>>(), ["sigma/folder/a_rule", "sigma/folder/a_rule-2"]);
    let off = ["sigma/folder/a_rule".to_owned()];
    assert_eq!(set.without(&off).ids().collect::<Vec<_>>(), ["sigma/folder/a_rule-2"]);
}

#[test]
fn a_mistake_is_told_with_its_file_and_field() {
    let right = rule("  s:\n    eventName: x\n  condition: s\n");
    for (text, expected) in [
        (
            rule("  s:\n    eventName|contain: x\n  condition: s"),
            "folder/a_rule.yml: detection.s.eventName|contain: ",
        ),
        (
            rule("  s:\n    eventName|re: '['\n  t:\n    a: b\n  condition: s or t"),
            "detection.s.eventName|re: ",
        ),
        (rule("  s:\n    eventName: x\n  condition: s and"), "detection.condition: "),
        (rule("  s:\n    eventName: x\n  condition: t"), "detection.condition: "),
        (right.replace("title: A rule\n", ""), "title: "),
        (right.replace("high", "severe"), "level: "),
        (right.replace("aws", "windows"), "logsource.product: \"windows\""),
        (right.replace("service: cloudtrail", "service: vpcflow"), "logsource.service: "),
        (right.clone() + "status: deprecated\n", "status: "),
        ("title: [".to_owned(), "folder/a_rule.yml: "),
        (String::new(), "folder/a_rule.yml: "),
        ("title: x\nlogsource:\n  product: aws\n".to_owned(), "detection: "),
    ] {
        let error = error(&text);
        assert!(error.contains(expected), "{expected}\n{error}\n{text}");
    }
}

#[test]
fn rules_about_several_events_are_refused() {
    let text = "title: Many\ncorrelation:\n  type: event_count\n  rules: [x]\n  group-by: [userIdentity.arn]\n  timespan: 1h\n  condition:\n    gte: 5\n";
    assert!(error(text).contains("correlation: "), "{}", error(text));
}

#[test]
fn two_files_of_one_name_are_refused() {
    let text = rule("  s:\n    eventName: x\n  condition: s\n");
    let files = ["a.yml", "a.yaml"].map(|name| (name.to_owned(), text.clone()));
    assert!(RuleSet::compile(&files).unwrap_err()[0].problem.contains("same name"));
}
