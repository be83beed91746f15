//! The stored form of findings, for shells that keep them between two runs: what single events have shown is in no
//! State, and an incident may need it days later.
//!
//! A finding that is read back is equal to the one that was written, and merges as that one would.

use super::{Details, Evidence, Finding, FindingKind, KeyName, Severity, Span};
use crate::detectors;
use crate::state::stored::{self, DecodeError, EncodeError};
use crate::state::{By, Sightings};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

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
    principal: Option<By>,
    key: Option<KeyName>,
    observed: Option<f64>,
    expected: Option<f64>,
    probability: Option<f64>,
    details: Details,
    sightings: Sightings,
    lead: Option<(Timestamp, String)>,
    explanation: String,
    runbook: Vec<String>,
    rests_on_foreign: Vec<String>,
    sets_policy: bool,
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
            principal: principal.map(By::from),
            key,
            observed,
            expected,
            probability,
            details,
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
            details: self.details,
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
            principal: self.principal.as_ref().map(By::actor),
            key: self.key,
            evidence,
            mitre: detector.mitre,
            explanation: self.explanation,
            runbook: self.runbook,
            rests_on_foreign: self.rests_on_foreign,
            sets_policy: self.sets_policy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::trail_blinded;
    use crate::finding::{Actor, of_key};
    use serde_json::json;

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
    fn the_stored_form_is_that_of_earlier_versions() {
        let earlier = json!([{
            "id": "kw-1", "detector": "trail_blinded", "severity": "high", "kind": "fact", "title": "t",
            "start": "2026-05-04T10:00:00Z", "end": "2026-05-04T10:00:02Z", "account": "a", "region": "r",
            "principal": {"id": "p", "kind": "role", "account": "1", "session": null, "access_key": "k",
                "via_service": null, "source_identity": null, "source": "s", "user_agent": null},
            "key": {"arn": "arn", "aliases": ["alias/x"], "account": null, "region": "r"},
            "observed": null, "expected": 1.5, "probability": null, "details": {"lost": "x", "of_old": 1},
            "sightings": Sightings::default(), "lead": ["2026-05-04T10:00:00Z", "e"], "explanation": "e", "runbook": ["s"],
            "rests_on_foreign": [], "sets_policy": false,
        }]);
        let read = decode(&stored::encode(&earlier).unwrap()).unwrap().remove(0);
        let principal = read.principal.as_ref().unwrap();
        assert_eq!((principal.kind, principal.access_key.as_deref()), ("role", Some("k")));
        assert_eq!(
            (read.time.end.since(read.time.start), read.key.as_ref().unwrap().label()),
            (2, "alias/x")
        );
        assert_eq!(
            (&read.evidence.details["lost"], &read.evidence.details["of_old"]),
            (&json!("x"), &json!(1))
        );
        let written: serde_json::Value = stored::decode(&encode(&[read]).unwrap()).unwrap();
        assert_eq!(written, earlier);
    }
}
