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
mod tests {
    use super::*;

    #[test]
    fn what_a_trail_leaves_out_is_told_from_its_selectors() {
        let all = r#"{"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true,
            "DataResources": [], "ExcludeManagementEventSources": []}]}"#;
        assert_eq!(left_out_by(all), Some(LeftOut::default()));
        let writes = left_out_by(&all.replace("All", "WriteOnly")).unwrap();
        assert!(writes.operations.contains("Decrypt") && !writes.operations.contains("DisableKey"));
        assert!(writes.words.starts_with("all reading KMS events"), "{}", writes.words);
        let excluded = all.replace(r#"Sources": []"#, r#"Sources": ["kms.amazonaws.com"]"#);
        assert_eq!(left_out_by(&excluded).unwrap().words, "all KMS events");
        let advanced = r#"{"AdvancedEventSelectors": [{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Management"]},
            {"Field": "userIdentity.arn", "NotStartsWith": ["arn:aws:iam::111122223333:role/a"]}]}]}"#;
        let partly = left_out_by(advanced).unwrap();
        assert!(partly.operations.contains("Decrypt") && partly.words.contains("userIdentity.arn"));
        assert_eq!(left_out_by(r#"{"TrailARN": "x"}"#), None);
    }
}
