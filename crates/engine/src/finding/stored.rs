//! The stored form of findings, for shells that keep them between two runs: what single events have shown is in no
//! State, and an incident may need it days later.
//!
//! A finding that is read back is equal to the one that was written, and merges as that one would.

use super::{Actor, Evidence, Finding, FindingKind, KeyName, Severity, Span};
use crate::detectors;
use crate::state::Sightings;
use crate::state::act::known_kind;
use crate::state::stored::{self, DecodeError, EncodeError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names of details that detectors give. What is read is given the name from here, since a name that is not of the
/// program itself has no place in a finding.
const DETAILS: &[&str] = &[
    "active_hours",
    "alias",
    "became_primary",
    "began_again",
    "bucket",
    "by",
    "c",
    "canary",
    "canary_tag",
    "cancelled",
    "cause",
    "changed",
    "changes",
    "connected",
    "console",
    "counted_for",
    "days_idle",
    "days_kept_at_least",
    "decisive",
    "declared_as",
    "declared_users",
    "decrypts_a_week",
    "deleted",
    "deletion_date",
    "denied",
    "enabled",
    "entity",
    "estate_weeks",
    "expected",
    "expected_90_percent",
    "expiry_set_by",
    "fields",
    "first_use",
    "first_uses",
    "foreign_account",
    "foreign_accounts",
    "grant_constrained",
    "grant_id",
    "grant_operations",
    "grantee",
    "habit",
    "history_hours",
    "image",
    "imported_again",
    "incomplete",
    "key",
    "key_count",
    "key_store",
    "keys",
    "last_used",
    "left",
    "lost",
    "made_under",
    "maturity",
    "measure",
    "mfa",
    "module",
    "observed",
    "off_seconds",
    "old_key",
    "old_key_user_count",
    "old_key_users",
    "once_in_weeks",
    "opened_to",
    "opened_to_count",
    "operation",
    "operations",
    "operations_lost",
    "operations_partly_lost",
    "origin",
    "others",
    "own_policy",
    "period_days",
    "policy_bypass",
    "policy_error",
    "primary_region",
    "principal_count",
    "principals",
    "proxy_endpoint",
    "replica_arn",
    "replica_region",
    "resource_kind",
    "resource_sample",
    "resources",
    "restored",
    "retiring_principal",
    "scheduled_again",
    "score",
    "service",
    "services",
    "siblings",
    "source_key",
    "states",
    "tags",
    "target",
    "threshold",
    "threshold_once_in_weeks",
    "until",
    "used_by",
    "used_by_count",
    "users_incomplete",
    "valid_to",
    "waits_for_replicas",
    "watch_rests_on",
    "weeks_compared",
    "window_days",
    "window_hours",
];

#[derive(Serialize, Deserialize)]
struct Stored {
    id: String,
    detector: String,
    severity: Severity,
    kind: FindingKind,
    title: String,
    start: Timestamp,
    end: Timestamp,
    account: String,
    region: String,
    principal: Option<StoredActor>,
    key: Option<StoredKey>,
    observed: Option<f64>,
    expected: Option<f64>,
    probability: Option<f64>,
    details: BTreeMap<String, serde_json::Value>,
    sightings: Sightings,
    lead: Option<(Timestamp, String)>,
    explanation: String,
    runbook: Vec<String>,
    rests_on_foreign: Vec<String>,
    sets_policy: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredActor {
    id: String,
    kind: String,
    account: Option<String>,
    session: Option<String>,
    access_key: Option<String>,
    via_service: Option<String>,
    source_identity: Option<String>,
    source: Option<String>,
    user_agent: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    arn: String,
    aliases: Vec<String>,
    account: Option<String>,
    region: Option<String>,
}

/// The stored form of findings.
///
/// # Errors
/// If it is too long for an item.
pub fn encode(findings: &[Finding]) -> Result<Vec<u8>, EncodeError> {
    stored::encode(&findings.iter().map(Stored::of).collect::<Vec<_>>())
}

/// Reads what [`encode`] wrote. Findings of detectors that this version does not have are left out.
///
/// # Errors
/// If it is of a newer form, or damaged.
pub fn decode(bytes: &[u8]) -> Result<Vec<Finding>, DecodeError> {
    let stored: Vec<Stored> = stored::decode(bytes)?;
    Ok(stored.into_iter().filter_map(Stored::finding).collect())
}

impl Stored {
    fn of(finding: &Finding) -> Stored {
        let Finding {
            id,
            detector,
            severity,
            kind,
            title,
            time,
            account,
            region,
            principal,
            key,
            evidence,
            // Of the detector.
            mitre: _,
            explanation,
            runbook,
            rests_on_foreign,
            sets_policy,
        } = finding.clone();
        let Evidence { observed, expected, probability, details, sightings, lead, .. } = evidence;
        Stored {
            id,
            detector: detector.to_owned(),
            severity,
            kind,
            title,
            start: time.start,
            end: time.end,
            account,
            region,
            principal: principal.map(StoredActor::of),
            key: key.map(|KeyName { arn, aliases, account, region }| StoredKey {
                arn,
                aliases,
                account,
                region,
            }),
            observed,
            expected,
            probability,
            details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            sightings,
            lead,
            explanation,
            runbook,
            rests_on_foreign,
            sets_policy,
        }
    }

    fn finding(self) -> Option<Finding> {
        let detector = detectors::ALL.iter().find(|detector| detector.id == self.detector)?;
        let mut evidence = Evidence {
            observed: self.observed,
            expected: self.expected,
            probability: self.probability,
            details: self.details.into_iter().filter_map(named).collect(),
            sightings: self.sightings,
            lead: self.lead,
            ..Evidence::default()
        };
        evidence.show();
        Some(Finding {
            id: self.id,
            detector: detector.id,
            severity: self.severity,
            kind: self.kind,
            title: self.title,
            time: Span { start: self.start, end: self.end },
            account: self.account,
            region: self.region,
            principal: self.principal.map(StoredActor::actor),
            key: self.key.map(|StoredKey { arn, aliases, account, region }| KeyName {
                arn,
                aliases,
                account,
                region,
            }),
            evidence,
            mitre: detector.mitre,
            explanation: self.explanation,
            runbook: self.runbook,
            rests_on_foreign: self.rests_on_foreign,
            sets_policy: self.sets_policy,
        })
    }
}

fn named((name, value): (String, serde_json::Value)) -> Option<(&'static str, serde_json::Value)> {
    let at = DETAILS.binary_search(&name.as_str()).ok()?;
    DETAILS.get(at).map(|name| (*name, value))
}

impl StoredActor {
    fn of(actor: Actor) -> StoredActor {
        let Actor {
            id,
            kind,
            account,
            session,
            access_key,
            via_service,
            source_identity,
            source,
            user_agent,
        } = actor;
        StoredActor {
            id,
            kind: kind.to_owned(),
            account,
            session,
            access_key,
            via_service,
            source_identity,
            source,
            user_agent,
        }
    }

    fn actor(self) -> Actor {
        Actor {
            id: self.id,
            kind: known_kind(&self.kind),
            account: self.account,
            session: self.session,
            access_key: self.access_key,
            via_service: self.via_service,
            source_identity: self.source_identity,
            source: self.source,
            user_agent: self.user_agent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::trail_blinded;
    use crate::finding::of_key;

    fn finding(n: i64) -> Finding {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let mut finding = of_key(&trail_blinded::DETECTOR, arn, &["one"]);
        finding.title = "{key} and words".to_owned();
        finding.principal = Some(Actor { id: "role".to_owned(), kind: "role", ..Actor::default() });
        finding.evidence.details.insert("keys", serde_json::json!(["a", 1, null, { "b": 0.1 }]));
        finding.evidence.probability = Some(0.1 + 0.2);
        finding.runbook = vec!["aws kms".to_owned()];
        finding.rests_on_foreign = vec!["444455556666".to_owned()];
        finding.sets_policy = true;
        for event in 0..40 {
            finding.evidence.add(Timestamp(n + event), &format!("e{event}"));
        }
        finding.time = finding.evidence.span().unwrap();
        finding
    }

    #[test]
    fn what_is_read_is_what_was_written_and_merges_alike() {
        let (one, two) = (finding(1_770_000_000), finding(1_770_000_500));
        let mut read = decode(&encode(&[one.clone(), two.clone()]).unwrap()).unwrap();
        assert_eq!(read, [one.clone(), two.clone()]);
        let mut merged = one;
        merged.merge(two);
        read.remove(0);
        let mut other = read.remove(0);
        other.merge(finding(1_770_000_000));
        assert_eq!(other, merged);
        assert!(decode(b"damaged").is_err());
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn every_detail_that_a_detector_gives_has_its_name_here() {
        assert!(DETAILS.windows(2).all(|pair| pair[0] < pair[1]), "not in order");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detectors");
        let mut names = 0;
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            for after in text.split("details").skip(1) {
                let Some(rest) = after.trim_start().trim_start_matches('.').strip_prefix("insert(") else {
                    continue;
                };
                let Some((name, _)) =
                    rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'))
                else {
                    continue;
                };
                assert!(DETAILS.contains(&name), "{}: {name}", file.display());
                names += 1;
            }
        }
        assert!(names > 50, "only {names} found");
    }
}
