//! Whose acts on which days say nothing of what is usual: those that findings about single events explain, and those that
//! somebody has confirmed.

use crate::baseline::budget::{Understood, WEEKS};
use crate::baseline::judge::Entity;
use crate::finding::{Finding, Severity};
use crate::settings::Settings;
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

/// What people have confirmed, and planned work by those it names.
pub(super) fn declared(settings: &Settings) -> impl Iterator<Item = Understood> {
    let confirmed =
        settings.confirmed.iter().flat_map(|one| one.actors.iter().map(|actor| (actor, one.from, one.until)));
    let planned = settings
        .maintenance
        .iter()
        .flat_map(|one| one.principals.iter().chain(&one.keys).map(|actor| (actor, one.from, one.until)));
    // Calibrations know actors by their hash: of those with a `*` nothing can be said.
    confirmed.chain(planned).filter(|(actor, ..)| !actor.contains('*')).map(|(actor, from, until)| {
        Understood { actor: Entity::Principal(actor.clone()).hash(), from: from.hour(), to: until.hour() }
    })
}

/// Those of high severity alone: what is understood must not become a way to teach the baselines.
fn explained(finding: &Finding) -> Option<(u64, i64, i64)> {
    let actor = Entity::Principal(finding.principal.as_ref()?.id.clone()).hash();
    let (first, last) = (finding.time.start.hour(), finding.time.end.hour());
    (finding.severity >= Severity::High).then_some((actor, first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Confirmed, Maintenance};
    use crate::time::Timestamp;

    #[test]
    fn what_is_confirmed_and_planned_work_by_name_say_nothing_of_what_is_usual() {
        let (from, until) = (Timestamp(7_200), Timestamp(36_000));
        let text = |text: &str| vec![text.to_owned()];
        let mut settings = Settings::default();
        settings.confirmed.push(Confirmed {
            reason: "r".into(),
            owner: "o".into(),
            actors: text("key"),
            from,
            until,
        });
        for principal in ["backfill", "backfill-*"] {
            settings.maintenance.push(Maintenance {
                reason: "r".into(),
                owner: "o".into(),
                from,
                until,
                principals: text(principal),
                keys: Vec::new(),
                accounts: Vec::new(),
            });
        }
        let hash = |entity: Entity| entity.hash();
        let of = |actor| Understood { actor, from: 2, to: 10 };
        let all: Vec<_> = declared(&settings).collect();
        assert_eq!(
            all,
            [of(hash(Entity::Key("key".into()))), of(hash(Entity::Principal("backfill".into())))]
        );
    }
}
