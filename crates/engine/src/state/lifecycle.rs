//! The acts on a key in the order in which they can have happened.

use super::act::{Act, ActKind};

/// Status of a key, as far as acts tell (KMS developer guide, "Key states of AWS KMS keys").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Usable,
    Disabled,
    PendingDeletion,
    WithoutMaterial,
    Deleted,
}

impl Status {
    /// What the key becomes; `None` if the act cannot be done in this status or changes nothing.
    fn after(self, kind: ActKind) -> Option<Status> {
        use Status::{Deleted, Disabled, PendingDeletion, Usable, WithoutMaterial};
        match (self, kind) {
            (Usable | Disabled | WithoutMaterial, ActKind::ScheduleDeletion) => Some(PendingDeletion),
            (PendingDeletion, ActKind::CancelDeletion) | (Usable, ActKind::Disable) => Some(Disabled),
            (Disabled, ActKind::Enable) | (WithoutMaterial, ActKind::ImportMaterial) => Some(Usable),
            (Usable | Disabled, ActKind::DeleteMaterial | ActKind::ExpireMaterial) => Some(WithoutMaterial),
            (PendingDeletion, ActKind::Delete) => Some(Deleted),
            _ => None,
        }
    }
}

/// Puts `acts`, which come by (time, event id), into an order in which they can have happened.
///
/// CloudTrail tells time in seconds, and tools schedule, cancel and enable within one. Of the acts of one second
/// those come first that change the status of the key as it is by then: a deletion can only be cancelled while it
/// is pending. Otherwise a cancellation and a new schedule of the same second could be read as a cancelled one.
pub(crate) fn timeline<'a>(acts: impl Iterator<Item = &'a Act>) -> Vec<&'a Act> {
    let mut status = Status::Usable;
    let mut ordered = Vec::new();
    let mut second: Vec<&Act> = Vec::new();
    let mut settle = |second: &mut Vec<&'a Act>, ordered: &mut Vec<&'a Act>| {
        while !second.is_empty() {
            let next = second.iter().position(|act| status.after(act.kind).is_some()).unwrap_or(0);
            let act = second.remove(next);
            status = status.after(act.kind).unwrap_or(status);
            ordered.push(act);
        }
    };
    for act in acts {
        if second.first().is_some_and(|first| first.time != act.time) {
            settle(&mut second, &mut ordered);
        }
        second.push(act);
    }
    settle(&mut second, &mut ordered);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::act::{By, Detail};
    use crate::time::Timestamp;

    fn acts(kinds: &[(i64, ActKind)]) -> Vec<Act> {
        let acts = kinds.iter().enumerate().map(|(n, (time, kind))| Act {
            time: Timestamp(*time),
            event_id: n.to_string(),
            kind: *kind,
            key: String::new(),
            account: String::new(),
            region: String::new(),
            by: By::default(),
            detail: Detail::None,
        });
        acts.collect()
    }

    fn ordered(kinds: &[(i64, ActKind)]) -> Vec<ActKind> {
        timeline(acts(kinds).iter()).into_iter().map(|act| act.kind).collect()
    }

    use ActKind::{CancelDeletion, Delete, Disable, Enable, ScheduleDeletion};

    #[test]
    fn acts_of_one_second_come_in_an_order_that_can_be() {
        assert_eq!(
            ordered(&[(1, Enable), (1, CancelDeletion), (1, ScheduleDeletion)]),
            [ScheduleDeletion, CancelDeletion, Enable]
        );
    }

    #[test]
    fn a_new_schedule_in_the_second_of_a_cancellation_comes_after_it() {
        assert_eq!(
            ordered(&[(1, ScheduleDeletion), (5, ScheduleDeletion), (5, CancelDeletion)]),
            [ScheduleDeletion, CancelDeletion, ScheduleDeletion]
        );
    }

    #[test]
    fn acts_of_different_seconds_keep_their_order() {
        assert_eq!(ordered(&[(1, Enable), (2, Disable), (3, Delete)]), [Enable, Disable, Delete]);
    }

    #[test]
    fn every_act_is_kept() {
        let same: Vec<_> = [Delete, Enable, Disable, Enable, CancelDeletion].map(|kind| (1, kind)).into();
        assert_eq!(ordered(&same).len(), same.len());
        assert_eq!(ordered(&[]).len(), 0);
    }
}
