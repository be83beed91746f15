//! What is remembered of one account.

use super::act::{Act, ActKind, Detail};
use super::delta::Occurrences;
use super::{Days, Heard, Merge, Newest, Seen, Tally};
use crate::event::{Event, PrincipalKind};
use crate::time::{HOUR, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is remembered of one account: where it is active, and where its keys went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountState {
    /// Regions in which calls of KMS succeeded.
    pub regions: Seen<64>,
    /// Replicas made and primaries moved, the newest 32.
    pub replications: Newest<(Timestamp, String), Act, 32>,
    /// The first key made of each origin that is not KMS: `EXTERNAL`, `EXTERNAL_KEY_STORE`, `AWS_CLOUDHSM`.
    pub outside_material: BTreeMap<String, Act>,
    /// Trails, event data stores and custom key stores that were switched on or off, the newest 64.
    pub switches: Newest<(Timestamp, String), Act, 64>,
    /// Calls that were throttled, by hour of event time (whole hours since the epoch) and Region, with the principals
    /// that they hit; the newest 24.
    pub throttled: Newest<(i64, String), Tally, 24>,
    /// The hours in which calls of KMS succeeded, by Region; of more Regions than there are, the last by name.
    pub heard: Newest<String, Heard, 48>,
    /// The days on which somebody other than AWS itself used a key in a Region; bounded as `heard`.
    pub used: Newest<String, Days, 48>,
}

impl AccountState {
    /// As [`super::KeyState::forgets_acts`].
    pub fn forgets_acts(&self) -> bool {
        self.replications.is_full() || self.switches.is_full()
    }

    /// Takes up calls that succeeded: `event` and others like it.
    pub(super) fn succeed(&mut self, event: &Event<'_>, occurrences: Occurrences<'_, '_>) {
        if !event.region.is_empty() {
            self.regions.note_span(&event.region, "", occurrences.first, occurrences.last);
            self.hear(&event.region, occurrences);
            if event.operation.is_cryptographic() && !is_aws(event) {
                self.uses(event);
            }
        }
        let concerns =
            matches!(ActKind::of(event), Some(ActKind::Replicate | ActKind::Create | ActKind::UpdatePrimary));
        if concerns && let Some(act) = Act::of(event) {
            let stamp = (act.time, act.event_id.clone());
            match act.detail {
                Detail::None => {}
                Detail::Origin(_) => self.outside(act),
                _ => self.replications.join(stamp, act),
            }
        }
    }

    /// Takes up when something was heard: all of these are of one hour.
    fn hear(&mut self, region: &str, occurrences: Occurrences<'_, '_>) {
        let Some(last) = occurrences.all.iter().max_by_key(|one| (one.time, one.id)) else { return };
        let region = super::seen::bounded(region);
        let hour = last.time.hour();
        self.heard.join_with(
            |known| known.as_str().cmp(&region),
            || {
                let mut heard = Heard::default();
                heard.note(hour, last.time, last.id);
                (region.to_string(), heard)
            },
            |heard| heard.note(hour, last.time, last.id),
        );
    }

    /// Takes up that a key was used: `event` is the first of those that are alike.
    fn uses(&mut self, event: &Event<'_>) {
        let region = super::seen::bounded(&event.region);
        let note = |days: &mut Days| days.note(event.time, event.act_id(), &event.principal.id);
        self.used.join_with(
            |known| known.as_str().cmp(&region),
            || {
                let mut days = Days::default();
                note(&mut days);
                (region.to_string(), days)
            },
            note,
        );
    }

    fn outside(&mut self, act: Act) {
        let Detail::Origin(origin) = &act.detail else { return };
        // What else a log may say is no origin.
        if !["EXTERNAL", "EXTERNAL_KEY_STORE", "AWS_CLOUDHSM"].contains(&origin.as_str()) {
            return;
        }
        match self.outside_material.get_mut(origin) {
            Some(first) => *first = act.min(first.clone()),
            None => {
                self.outside_material.insert(origin.clone(), act);
            }
        }
    }

    /// Takes up that something was switched on or off.
    pub(super) fn switch(&mut self, act: Act) {
        self.switches.join((act.time, act.event_id.clone()), act);
    }

    /// Takes up a call that was throttled.
    pub(super) fn throttle(&mut self, event: &Event<'_>) {
        let mut tally = Tally::default();
        tally.add(&event.principal.id, event.time, event.act_id());
        let region = super::seen::bounded(&event.region).into_owned();
        self.throttled.join((event.time.0.div_euclid(HOUR), region), tally);
    }
}

impl Merge for AccountState {
    fn merge(&mut self, other: &Self) {
        self.regions.merge(&other.regions);
        self.replications.merge(&other.replications);
        other.outside_material.values().for_each(|act| self.outside(act.clone()));
        self.switches.merge(&other.switches);
        self.throttled.merge(&other.throttled);
        self.heard.merge(&other.heard);
        self.used.merge(&other.used);
    }
}

/// Whether AWS itself calls: services are active where nobody of the account is.
fn is_aws(event: &Event<'_>) -> bool {
    matches!(event.principal.kind, PrincipalKind::AwsService | PrincipalKind::ServiceLinkedRole)
}
