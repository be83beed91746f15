//! Cases beside a rule: records on which it must fire, and records on which it must not.
//!
//! `rule.cases.json` stands beside `rule.yml`. Each case takes the way of a log: what kmswatch does not read at all reaches
//! no rule, and a rule for it never fires, whatever it says.

use crate::folder::{self, FolderError};
use crate::rule::RuleSet;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// The cases of a rule.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Cases {
    /// What all cases have in common: a CloudTrail record.
    record: Map<String, Value>,
    /// Cases on which the rule must fire.
    fires: Vec<Case>,
    /// Cases on which it must not.
    silent: Vec<Case>,
}

/// One record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    name: String,
    /// What is different in this record, by paths with dots; `null` takes a member away.
    #[serde(default)]
    set: Map<String, Value>,
}

/// What came of the cases of one rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Tested {
    /// Id of the rule.
    pub rule: String,
    /// Cases that did what they should.
    pub right: usize,
    /// What did not, in words.
    pub wrong: Vec<String>,
}

/// Tests all rules of a folder. A rule of which no case shows that it fires is wrong.
///
/// # Errors
/// If the rules cannot be used.
pub fn test(folder: &Path) -> Result<Vec<Tested>, FolderError> {
    let mut all = Vec::new();
    let files = folder::files(folder)?;
    if files.is_empty() {
        return Err(FolderError::Empty(folder.to_owned()));
    }
    // All of them first: two of one name are a mistake that none alone shows.
    RuleSet::compile(&files).map_err(FolderError::Rules)?;
    for (name, text) in files {
        let set = RuleSet::compile(&[(name.clone(), text)]).map_err(FolderError::Rules)?;
        let ids: Vec<&'static str> = set.ids().collect();
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let path = folder.join(format!("{stem}.cases.json"));
        let cases = std::fs::read_to_string(&path);
        let rule = ids.first().copied().unwrap_or_default().to_owned();
        let mut tested = Tested { rule, right: 0, wrong: Vec::new() };
        match cases
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_str::<Cases>(&text).map_err(|error| error.to_string()))
        {
            Err(error) => tested.wrong.push(format!("no cases in {stem}.cases.json: {error}")),
            Ok(cases) => try_all(&cases, Arc::new(set), &ids, &mut tested),
        }
        all.push(tested);
    }
    Ok(all)
}

fn try_all(cases: &Cases, rules: Arc<RuleSet>, ids: &[&str], tested: &mut Tested) {
    if cases.fires.is_empty() {
        tested.wrong.push("no case shows that it fires".to_owned());
    }
    let expected =
        cases.fires.iter().map(|case| (case, true)).chain(cases.silent.iter().map(|case| (case, false)));
    for (case, fires) in expected {
        let mut record = Value::Object(cases.record.clone());
        for (path, value) in &case.set {
            set(&mut record, path, value);
        }
        match (fired(&record, &rules, ids), fires) {
            (Ok(did), fires) if did == fires => tested.right += 1,
            (Ok(true), _) => tested.wrong.push(format!("fires on {:?}, and should not", case.name)),
            (Ok(false), _) => tested.wrong.push(format!("does not fire on {:?}", case.name)),
            (Err(why), _) => tested.wrong.push(format!("{:?} reaches no rule: {why}", case.name)),
        }
    }
}

/// Whether any of the rules finds something in the record; why it does not come to any.
fn fired(record: &Value, rules: &Arc<RuleSet>, ids: &[&str]) -> Result<bool, String> {
    let text = serde_json::json!({ "Records": [record] }).to_string();
    let estate = Estate::default();
    let mut worker = Worker::with_rules(Some(Arc::clone(rules) as _));
    let mut watch = Watch::new(estate.clone());
    let outcome = worker.process(text.as_bytes(), &estate, &Filter::default());
    if let Some(problem) = outcome.report.problems.first() {
        return Err(problem.message.clone());
    }
    watch.absorb(outcome);
    let summary = watch.summary();
    if summary.kms_events + summary.watched_events == 0 {
        let source = record.get("eventSource").and_then(Value::as_str).unwrap_or("nothing");
        let name = record.get("eventName").and_then(Value::as_str).unwrap_or("no event");
        return Err(format!("kmswatch does not read {name} of {source}"));
    }
    Ok(watch.findings().iter().any(|finding| ids.contains(&finding.detector)))
}

/// Sets a member by its path.
fn set(record: &mut Value, path: &str, value: &Value) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Some(members) = record.as_object_mut() else { return };
    match rest {
        None if value.is_null() => {
            members.remove(first);
        }
        None => {
            members.insert(first.to_owned(), value.clone());
        }
        Some(rest) => {
            let inner = members.entry(first.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            set(inner, rest, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const RULE: &str = "title: x\nlogsource: {product: aws}\ndetection: {s: {eventName: DisableKey, errorCode: null}, condition: s}\n";
    const RECORD: &str = r#"{"eventTime": "2026-05-04T10:00:00Z", "eventSource": "kms.amazonaws.com", "eventName": "DisableKey",
        "eventID": "e", "awsRegion": "eu-west-1", "userIdentity": {"type": "Root", "accountId": "111122223333",
        "arn": "arn:aws:iam::111122223333:root"}, "recipientAccountId": "111122223333"}"#;

    fn tested(cases: &str) -> Tested {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yml"), RULE).unwrap();
        fs::write(folder.path().join("a.cases.json"), cases.replace("RECORD", RECORD)).unwrap();
        test(folder.path()).unwrap().remove(0)
    }

    #[test]
    fn right_cases_are_counted() {
        let cases = r#"{"record": RECORD, "fires": [{"name": "done"}],
            "silent": [{"name": "denied", "set": {"errorCode": "AccessDenied"}}, {"name": "another", "set": {"eventName": "EnableKey"}}]}"#;
        assert_eq!(tested(cases), Tested { rule: "sigma/a".to_owned(), right: 3, wrong: Vec::new() });
    }

    #[test]
    fn wrong_cases_are_told_by_name() {
        let cases = r#"{"record": RECORD, "fires": [{"name": "denied", "set": {"errorCode": "AccessDenied"}}],
            "silent": [{"name": "done", "set": {"userIdentity.type": "IAMUser"}}]}"#;
        assert_eq!(tested(cases).wrong, ["does not fire on \"denied\"", "fires on \"done\", and should not"]);
    }

    #[test]
    fn a_rule_for_what_is_never_read_is_told() {
        let cases = r#"{"record": RECORD, "fires": [{"name": "a user", "set":
            {"eventSource": "iam.amazonaws.com", "eventName": "CreateUser"}}]}"#;
        let wrong = tested(cases).wrong;
        assert_eq!(
            wrong,
            ["\"a user\" reaches no rule: kmswatch does not read CreateUser of iam.amazonaws.com"]
        );
    }

    #[test]
    fn a_rule_that_is_not_shown_to_fire_is_wrong() {
        assert_eq!(tested(r#"{"record": RECORD, "silent": []}"#).wrong, ["no case shows that it fires"]);
        assert!(tested(r#"{"fire": []}"#).wrong[0].contains("unknown field"));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yml"), RULE).unwrap();
        assert!(test(folder.path()).unwrap()[0].wrong[0].starts_with("no cases in a.cases.json"));
    }

    #[test]
    fn a_path_reaches_into_a_record_and_null_takes_away() {
        let mut record = serde_json::json!({"a": {"b": 1}, "c": 2});
        set(&mut record, "a.b", &Value::Null);
        set(&mut record, "a.d.e", &Value::from(3));
        set(&mut record, "c.f", &Value::from(4));
        assert_eq!(record, serde_json::json!({"a": {"d": {"e": 3}}, "c": {"f": 4}}));
    }
}
