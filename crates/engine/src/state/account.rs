//! What is remembered of one account.

use super::act::{Act, ActKind, Detail};
use super::{Merge, Newest, Seen};
use crate::event::Event;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What is remembered of one account: where it is active, and where its keys went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountState {
    /// Regions in which calls of KMS succeeded.
    pub regions: Seen<64>,
    /// Replicas made and primaries moved, the newest 32.
    pub replications: Newest<(Timestamp, String), Act, 32>,
}

impl AccountState {
    /// Takes up a call that succeeded.
    pub fn succeed(&mut self, event: &Event<'_>) {
        if !event.region.is_empty() {
            self.regions.note(&event.region, "", event.time);
        }
        let concerns =
            matches!(ActKind::of(event), Some(ActKind::Replicate | ActKind::Create | ActKind::UpdatePrimary));
        if concerns
            && let Some(act) = Act::of(event)
            && act.detail != Detail::None
        {
            self.replications.join((act.time, act.event_id.clone()), act);
        }
    }
}

impl Merge for AccountState {
    fn merge(&mut self, other: &Self) {
        self.regions.merge(&other.regions);
        self.replications.merge(&other.replications);
    }
}
