//! Which KMS events a trail or an event data store still logs, by its selectors. Used by `trail_blinded`.
//!
//! An event is logged if any selector takes it. A classic selector is a few switches. An advanced one is a list of
//! field selectors that must all hold; within one field, the operators that select are or-ed, those that deselect
//! are and-ed (CloudTrail user guide, "How CloudTrail evaluates multiple conditions for a field").
//! Rather than comparing texts, this asks of every KMS operation whether its events would be taken.

use crate::event::Operation;
use crate::event::operation::Logged;
use crate::json::Value;
use std::collections::BTreeSet;

/// KMS events that selectors leave out, for those who ask a trail instead of reading its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Operations of which not every event is logged.
    pub operations: BTreeSet<&'static str>,
    /// The same in words; empty if all is logged.
    pub words: String,
}

/// What the selectors of a trail leave out: JSON as `PutEventSelectors` takes and `GetEventSelectors` gives it, with
/// `EventSelectors` or `AdvancedEventSelectors`. `None` if it holds neither.
pub fn left_out_by(selectors: &str) -> Option<LeftOut> {
    let lost = lost(Value::new(selectors))?;
    let words = if lost.is_empty() { String::new() } else { lost.words() };
    Some(LeftOut { operations: lost.operations.into_iter().chain(lost.partly).collect(), words })
}

/// What is no longer logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// Operations of which nothing is logged.
    pub operations: BTreeSet<&'static str>,
    /// Operations of which only some events are logged, by a field that is not the operation's.
    pub partly: BTreeSet<&'static str>,
    /// Fields that decide which events of those are logged, such as `userIdentity.arn`.
    pub fields: BTreeSet<String>,
}

impl Lost {
    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.partly.is_empty()
    }

    fn covers(&self, logged: Option<Logged>) -> bool {
        let asked = |operation: &&Operation| logged.is_none_or(|logged| operation.info().logged == logged);
        Operation::ALL.iter().filter(asked).all(|operation| self.operations.contains(operation.name()))
    }

    /// What is lost, in words.
    pub(super) fn words(&self) -> String {
        if self.covers(None) {
            return "all KMS events".to_owned();
        }
        if self.covers(Some(Logged::Read)) {
            return "all reading KMS events, which are over 99 % of all: every use of a key for cryptography, such \
                    as Decrypt, GenerateDataKey and Sign"
                .to_owned();
        }
        if self.covers(Some(Logged::Write)) {
            return "all changing KMS events, such as ScheduleKeyDeletion, PutKeyPolicy and CreateGrant"
                .to_owned();
        }
        let list = |names: &BTreeSet<&str>| {
            let named: Vec<&str> = names.iter().copied().take(5).collect();
            let more = names.len().saturating_sub(named.len());
            if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
        };
        if !self.operations.is_empty() {
            return format!("the events of {}", list(&self.operations));
        }
        let fields: Vec<&str> = self.fields.iter().map(String::as_str).collect();
        format!("KMS events that a condition on {} leaves out", fields.join(", "))
    }
}

/// What the selectors of a call leave out; `None` if the call sets no selectors.
pub(super) fn lost(request: Value<'_>) -> Option<Lost> {
    let classic = member(request, "eventSelectors", "EventSelectors");
    let advanced = member(request, "advancedEventSelectors", "AdvancedEventSelectors");
    // Each form overwrites the other; a call sets one of them.
    for (selectors, takes) in
        [(advanced, takes_advanced as fn(Value<'_>, Operation) -> Takes), (classic, takes_classic)]
    {
        let selectors: Vec<Value<'_>> = selectors.items().filter_map(Result::ok).collect();
        if !selectors.is_empty() {
            return Some(left_out(|operation| {
                selectors.iter().map(|selector| takes(*selector, operation)).max()
            }));
        }
    }
    None
}

/// Whether the selectors of a call are only about other things than management events (data events, Insights and
/// so on), so that KMS was not meant.
pub(super) fn has_management(request: Value<'_>) -> bool {
    let advanced = member(request, "advancedEventSelectors", "AdvancedEventSelectors");
    advanced.items().filter_map(Result::ok).any(|selector| {
        fields(selector)
            .any(|field| name(field) == "eventCategory" && matches_field(field, "Management") == Takes::All)
    })
}

/// How much of an operation's events a selector takes. The order is that of "more".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Takes {
    None,
    /// Some, as these fields decide.
    Some(BTreeSet<String>),
    All,
}

fn left_out(takes: impl Fn(Operation) -> Option<Takes>) -> Lost {
    let mut lost = Lost::default();
    for operation in Operation::ALL {
        match takes(*operation) {
            Some(Takes::All) => {}
            Some(Takes::Some(fields)) => {
                lost.partly.insert(operation.name());
                lost.fields.extend(fields);
            }
            Some(Takes::None) | None => {
                lost.operations.insert(operation.name());
            }
        }
    }
    lost
}

fn takes_classic(selector: Value<'_>, operation: Operation) -> Takes {
    let management = member(selector, "includeManagementEvents", "IncludeManagementEvents");
    let read_write = member(selector, "readWriteType", "ReadWriteType").text();
    let excluded = member(selector, "excludeManagementEventSources", "ExcludeManagementEventSources");
    let read = operation.info().logged == Logged::Read;
    let taken = management.bool() != Some(false)
        && match read_write.as_deref() {
            Some("ReadOnly") => read,
            Some("WriteOnly") => !read,
            _ => true,
        }
        && !texts(excluded).any(|source| source == KMS);
    if taken { Takes::All } else { Takes::None }
}

fn takes_advanced(selector: Value<'_>, operation: Operation) -> Takes {
    let info = operation.info();
    let read_only = if info.logged == Logged::Read { "true" } else { "false" };
    // SynchronizeMultiRegionKey is done by KMS, but logged as a call.
    let service_event = operation.is_service_event() && operation != Operation::SynchronizeMultiRegionKey;
    let mut undecided = BTreeSet::new();
    let mut is_management = false;
    for field in fields(selector) {
        let takes = match name(field).as_ref() {
            "eventCategory" => {
                is_management = true;
                matches_field(field, "Management")
            }
            "eventSource" => matches_field(field, KMS),
            "eventName" => matches_field(field, info.name),
            "readOnly" => matches_field(field, read_only),
            "eventType" => matches_field(field, if service_event { "AwsServiceEvent" } else { "AwsApiCall" }),
            // Who called, and from where, is not known beforehand.
            other => {
                undecided.insert(other.to_owned());
                continue;
            }
        };
        if takes == Takes::None {
            return Takes::None;
        }
    }
    match (is_management, undecided.is_empty()) {
        (false, _) => Takes::None,
        (true, true) => Takes::All,
        (true, false) => Takes::Some(undecided),
    }
}

const KMS: &str = "kms.amazonaws.com";

fn fields(selector: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    member(selector, "fieldSelectors", "FieldSelectors").items().filter_map(Result::ok)
}

fn name(field: Value<'_>) -> std::borrow::Cow<'_, str> {
    member(field, "field", "Field").text().unwrap_or_default()
}

/// Whether one field selector takes a value.
fn matches_field(field: Value<'_>, value: &str) -> Takes {
    let any = |lower: &str, upper: &str, test: fn(&str, &str) -> bool| {
        let mut operands = texts(member(field, lower, upper)).peekable();
        operands.peek().is_some().then(|| operands.any(|operand| test(value, &operand)))
    };
    let equals: fn(&str, &str) -> bool = |value, operand| value == operand;
    let starts: fn(&str, &str) -> bool = |value, operand| value.starts_with(operand);
    let ends: fn(&str, &str) -> bool = |value, operand| value.ends_with(operand);
    let selected = [
        any("equals", "Equals", equals),
        any("startsWith", "StartsWith", starts),
        any("endsWith", "EndsWith", ends),
    ];
    let deselected = [
        any("notEquals", "NotEquals", equals),
        any("notStartsWith", "NotStartsWith", starts),
        any("notEndsWith", "NotEndsWith", ends),
    ];
    let is_selected = selected.iter().all(Option::is_none) || selected.contains(&Some(true));
    if is_selected && !deselected.contains(&Some(true)) { Takes::All } else { Takes::None }
}

/// A member by the spelling of CloudTrail records, or by that of the API.
fn member<'a>(value: Value<'a>, lower: &str, upper: &str) -> Value<'a> {
    let found = value.get(lower);
    if found == Value::NULL { value.get(upper) } else { found }
}

/// The texts of an array; booleans as text, since `readOnly` may be written as one.
fn texts(value: Value<'_>) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    value.items().filter_map(Result::ok).map(|item| item.embedded())
}

#[cfg(test)]
pub(super) mod tests {
    use crate::event::testing::{RecordBuilder, cloudtrail};
    use serde_json::{Value, json};

    pub(in crate::detectors) const STORE: &str =
        "arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/0a1b2c3d";

    pub(in crate::detectors) fn put(selectors: Value) -> RecordBuilder {
        cloudtrail("PutEventSelectors")
            .set("requestParameters", json!({"trailName": "main", "eventSelectors": selectors}))
    }

    pub(in crate::detectors) fn advanced(name: &str, selectors: &[Value]) -> RecordBuilder {
        let selectors: Vec<Value> =
            selectors.iter().map(|fields| json!({"fieldSelectors": fields})).collect();
        let target = if name.ends_with("Store") { "eventDataStore" } else { "trailName" };
        cloudtrail(name).set("requestParameters", json!({target: STORE, "advancedEventSelectors": selectors}))
    }

    pub(in crate::detectors) fn management() -> Value {
        json!({"field": "eventCategory", "equals": ["Management"]})
    }

    /// What a call hides, in words, or nothing.
    fn lost(record: &RecordBuilder) -> Option<String> {
        record
            .event(|event| super::lost(event.request))
            .filter(|lost| !lost.is_empty())
            .map(|lost| lost.words())
    }

    #[test]
    fn each_classic_switch_loses_its_part() {
        for (selector, part) in [
            (json!({"readWriteType": "WriteOnly", "includeManagementEvents": true}), "all reading"),
            (json!({"readWriteType": "ReadOnly"}), "all changing"),
            (json!({"readWriteType": "All", "includeManagementEvents": false}), "all KMS events"),
            (json!({"includeManagementEvents": "false"}), "all KMS events"),
            (
                json!({"excludeManagementEventSources": ["rdsdata.amazonaws.com", "kms.amazonaws.com"]}),
                "all KMS events",
            ),
        ] {
            let lost = lost(&put(json!([selector]))).unwrap();
            assert!(lost.starts_with(part), "{selector}: {lost}");
        }
    }

    #[test]
    fn classic_selectors_that_log_everything_are_not_found() {
        for selectors in [
            json!([{"readWriteType": "All", "includeManagementEvents": true, "excludeManagementEventSources": []}]),
            json!([{"excludeManagementEventSources": ["rdsdata.amazonaws.com"]}]),
            json!([{}]),
            json!([]),
            Value::Null,
        ] {
            assert_eq!(lost(&put(selectors.clone())), None, "{selectors}");
        }
    }

    #[test]
    fn another_selector_of_the_call_may_still_log_what_one_leaves_out() {
        let without_kms = json!({"excludeManagementEventSources": ["kms.amazonaws.com"]});
        assert_eq!(lost(&put(json!([without_kms, {}]))), None);
        let halves = json!([{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}]);
        assert_eq!(lost(&put(halves)), None);
        let reads = lost(&put(json!([without_kms, {"readWriteType": "WriteOnly"}]))).unwrap();
        assert!(reads.starts_with("all reading"));
    }

    #[test]
    fn each_advanced_condition_loses_its_part() {
        for (fields, part) in [
            (json!([management(), {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}]), "all KMS"),
            (json!([management(), {"field": "eventSource", "equals": ["s3.amazonaws.com"]}]), "all KMS"),
            (json!([management(), {"field": "eventSource", "notStartsWith": ["kms"]}]), "all KMS"),
            (json!([management(), {"field": "eventSource", "notEndsWith": [".com"]}]), "all KMS"),
            (json!([management(), {"field": "readOnly", "equals": ["false"]}]), "all reading"),
            (json!([management(), {"field": "readOnly", "equals": [false]}]), "all reading"),
            (json!([management(), {"field": "readOnly", "equals": ["true"]}]), "all changing"),
            (json!([{"field": "eventCategory", "equals": ["Data"]}]), "all KMS"),
            (json!([{"field": "readOnly", "equals": ["true"]}]), "all KMS"),
            (
                json!([management(), {"field": "eventName", "notEquals": ["Decrypt"]}]),
                "the events of Decrypt",
            ),
            (
                json!([management(), {"field": "eventName", "notStartsWith": ["GenerateData"]}]),
                "the events of GenerateDataKey, ",
            ),
            (
                json!([management(), {"field": "eventType", "equals": ["AwsApiCall"]}]),
                "the events of DeleteExpiredKeyMaterial, DeleteKey, RotateKey",
            ),
            (
                json!([management(), {"field": "userIdentity.arn", "notEquals": ["arn:aws:iam::1:user/x"]}]),
                "KMS events that a condition on userIdentity.arn leaves out",
            ),
        ] {
            for name in ["PutEventSelectors", "UpdateEventDataStore"] {
                let lost = lost(&advanced(name, std::slice::from_ref(&fields))).unwrap_or_default();
                assert!(lost.starts_with(part), "{fields}: {lost}");
            }
        }
    }

    #[test]
    fn advanced_selectors_that_log_all_kms_events_are_not_found() {
        for fields in [
            json!([management()]),
            json!([management(), {"field": "eventSource", "notEquals": ["rdsdata.amazonaws.com"]}]),
            json!([management(), {"field": "eventSource", "equals": ["s3.amazonaws.com", "kms.amazonaws.com"]}]),
            json!([management(), {"field": "eventSource", "equals": ["s3.amazonaws.com"], "startsWith": ["kms."]}]),
            json!([management(), {"field": "eventSource", "endsWith": [".amazonaws.com"]}]),
            json!([management(), {"field": "eventName", "notEquals": ["GetCallerIdentity"]}]),
            json!([management(), {"field": "eventSource", "notEquals": []}]),
        ] {
            assert_eq!(lost(&advanced("PutEventSelectors", std::slice::from_ref(&fields))), None, "{fields}");
        }
    }

    #[test]
    fn advanced_selectors_are_or_ed() {
        let without_kms = json!([management(), {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}]);
        let hidden_user = json!([management(), {"field": "userIdentity.arn", "notEquals": ["x"]}]);
        let data = json!([{"field": "eventCategory", "equals": ["Data"]}]);
        let all = json!([management()]);
        for selectors in [
            vec![without_kms.clone(), all.clone()],
            vec![data.clone(), all.clone()],
            vec![hidden_user.clone(), all],
        ] {
            assert_eq!(lost(&advanced("PutEventSelectors", &selectors)), None);
        }
        assert!(lost(&advanced("PutEventSelectors", &[without_kms, hidden_user])).is_some());
        assert!(lost(&advanced("PutEventSelectors", &[data])).is_some());
    }

    #[test]
    fn selected_and_deselected_values_must_both_hold() {
        let fields = json!([management(), {
            "field": "eventName", "equals": ["Decrypt"], "startsWith": ["Generate"], "notEndsWith": ["Plaintext"],
        }]);
        let lost =
            advanced("PutEventSelectors", &[fields]).event(|event| super::lost(event.request)).unwrap();
        let lost: Vec<&str> = lost.operations.into_iter().collect();
        for logged in ["Decrypt", "GenerateDataKey", "GenerateMac"] {
            assert!(!lost.contains(&logged), "{logged}");
        }
        for hidden in ["Encrypt", "GenerateDataKeyWithoutPlaintext", "ScheduleKeyDeletion"] {
            assert!(lost.contains(&hidden), "{hidden}");
        }
    }

    #[test]
    fn five_operations_are_named_and_the_rest_is_counted() {
        let names = ["Decrypt", "Encrypt", "Sign", "Verify", "ReEncrypt", "CreateGrant"];
        let without = |n: usize| {
            let fields = json!([management(), {"field": "eventName", "notEquals": &names[..n]}]);
            lost(&advanced("PutEventSelectors", &[fields])).unwrap()
        };
        assert!(!without(5).contains("more"), "{}", without(5));
        assert!(without(6).ends_with(" and 1 more"), "{}", without(6));
    }

    #[test]
    fn an_empty_list_of_the_other_form_hides_nothing_from_us() {
        let record = put(json!([{"excludeManagementEventSources": ["kms.amazonaws.com"]}]))
            .set("requestParameters.advancedEventSelectors", json!([]));
        assert_eq!(lost(&record).as_deref(), Some("all KMS events"));
        let all = put(json!([{"readWriteType": "All"}]));
        assert_eq!(lost(&all.clone().set("requestParameters.advancedEventSelectors", json!([]))), None);
        assert_eq!(lost(&all.set("requestParameters.advancedEventSelectors", json!({}))), None);
        let writes = put(json!([])).set("requestParameters.EventSelectors", json!({"x": 1}));
        assert_eq!(lost(&writes), None);
    }

    #[test]
    fn what_a_trail_leaves_out_is_told_from_its_selectors() {
        let all = r#"{"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true,
            "DataResources": [], "ExcludeManagementEventSources": []}]}"#;
        assert_eq!(super::left_out_by(all), Some(super::LeftOut::default()));
        let writes = super::left_out_by(&all.replace("All", "WriteOnly")).unwrap();
        assert!(writes.operations.contains("Decrypt") && !writes.operations.contains("DisableKey"));
        assert!(writes.words.starts_with("all reading KMS events"), "{}", writes.words);
        let excluded = all.replace(r#"Sources": []"#, r#"Sources": ["kms.amazonaws.com"]"#);
        assert_eq!(super::left_out_by(&excluded).unwrap().words, "all KMS events");
        let advanced = r#"{"AdvancedEventSelectors": [{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Management"]},
            {"Field": "userIdentity.arn", "NotStartsWith": ["arn:aws:iam::111122223333:role/a"]}]}]}"#;
        let partly = super::left_out_by(advanced).unwrap();
        assert!(partly.operations.contains("Decrypt") && partly.words.contains("userIdentity.arn"));
        assert_eq!(super::left_out_by(r#"{"TrailARN": "x"}"#), None);
    }
}
