//! Destructive acts that were refused for want of permission. Shared by the detectors of these acts.

use super::Detector;
use super::impact::{look_further, short};
use crate::finding::{self, Finding, Severity};
use crate::state::principal::Acts;
use crate::state::{ActKind, Merge, PrincipalState, Sightings};
use crate::time::{DAY, HOUR};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that are named in the details.
const NAMED: usize = 10;

/// One finding for each UTC day on which the principal was denied acts of this kind.
pub(super) fn judge(
    detector: &Detector,
    kind: ActKind,
    [one_key, several_keys]: [Severity; 2],
    (principal, state): (&str, &PrincipalState),
    found: &mut Vec<Finding>,
) {
    let mut days: BTreeMap<i64, Vec<&Acts>> = BTreeMap::new();
    for ((hour, attempted, _), acts) in state.attempted.iter() {
        if *attempted == kind {
            days.entry(hour.div_euclid(DAY / HOUR)).or_default().push(acts);
        }
    }
    for (day, attempts) in days {
        let Some(first) = attempts.iter().map(|acts| &acts.first).min() else { continue };
        let keys: BTreeSet<&str> = attempts.iter().map(|acts| acts.first.key.as_str()).collect();
        let mut calls = Sightings::default();
        attempts.iter().for_each(|acts| calls.merge(&acts.calls));
        let operation = kind.operation();
        let mut finding =
            finding::of_act(detector, first, &["denied", operation, principal, &day.to_string()]);
        finding.add_sightings(&calls);
        let who = short(principal);
        let several = keys.len() > 1;
        let what = if several {
            finding.key = None;
            format!("{} keys", keys.len())
        } else if finding.key.is_some() {
            "{key}".to_owned()
        } else {
            "a key that the log does not name".to_owned()
        };
        finding.severity = if several { several_keys } else { one_key };
        finding.title = format!("{operation} on {what} was tried and denied");
        finding.explanation = format!(
            "{who} called {operation} on {what} and was denied, so nothing happened. Either somebody tries what \
             this principal is not meant to do, or a tool lacks a permission. The next try may come from a \
             principal that has it."
        );
        let named: Vec<&str> = keys.iter().copied().filter(|key| !key.is_empty()).take(NAMED).collect();
        finding.evidence.details.insert("denied", true.into());
        finding.evidence.details.insert("keys", json!(named));
        finding.evidence.details.insert("key_count", keys.len().into());
        if state.attempted.is_full() {
            finding.evidence.details.insert("incomplete", true.into());
        }
        finding.runbook = vec![
            "Ask the owner of the principal whether this call was meant.".to_owned(),
            look_further(&finding),
        ];
        found.push(finding);
    }
}
