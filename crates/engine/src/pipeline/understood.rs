//! What findings about single events explain: whose acts on which days say nothing of what is usual.

use crate::baseline::budget::{Understood, WEEKS};
use crate::baseline::judge::Entity;
use crate::finding::{Finding, Severity};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Hours on either side of a finding that it explains as well.
const AROUND: i64 = 24;

/// What findings of an earlier run have explained: actor, first and last hour of the finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before(BTreeSet<(u64, i64, i64)>);

impl Before {
    /// What is explained by the UTC day of `hour`: by earlier runs, and by `findings`.
    pub(super) fn and(&self, findings: &IndexMap<String, Finding>, hour: i64) -> Vec<Understood> {
        let day = hour.div_euclid(24) * 24;
        let all = self.0.iter().copied().chain(findings.values().filter_map(explained));
        all.filter(|(_, _, last)| *last < day)
            .map(|(actor, first, last)| Understood { actor, from: first - AROUND, to: last + AROUND })
            .collect()
    }

    /// The same with `findings`, for the next run: as far back as peaks are compared.
    pub(super) fn with(&self, findings: &IndexMap<String, Finding>) -> Before {
        let mut all = self.0.clone();
        all.extend(findings.values().filter_map(explained));
        let latest = all.iter().map(|(_, _, last)| *last).max().unwrap_or_default();
        all.retain(|(_, _, last)| latest - last <= (WEEKS + 1) * 168);
        Before(all)
    }
}

/// Those of high severity alone: what is understood must not become a way to teach the baselines.
fn explained(finding: &Finding) -> Option<(u64, i64, i64)> {
    let actor = Entity::Principal(finding.principal.as_ref()?.id.clone()).hash();
    let (first, last) = (finding.time.start.hour(), finding.time.end.hour());
    (finding.severity >= Severity::High).then_some((actor, first, last))
}
