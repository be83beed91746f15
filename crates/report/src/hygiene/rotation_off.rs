use super::{Sign, Signal, days_between};
use crate::inventory::{Inventory, KeyEntry, short};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "rotation_off",
    title: "Automatic rotation is off",
    severity: Severity::Low,
    advice: "Switch it on: aws kms enable-key-rotation. Old ciphertexts stay readable, and nobody has to do anything.",
    caveat: "Asymmetric and HMAC keys, imported material and key stores cannot rotate by themselves and are left out \
             where the logs tell. A key that was made before the logs begin may rotate unseen.",
    look,
};

/// Days that KMS may be late with a rotation before it is missed.
const GRACE_DAYS: i64 = 10;
/// Days between rotations, if nothing else is set (KMS developer guide).
const USUAL_PERIOD_DAYS: i64 = 365;

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter(|key| can_rotate(key)).filter_map(|key| sign(key, inventory)).collect()
}

fn can_rotate(key: &KeyEntry) -> bool {
    let is_symmetric = key.spec.spec.as_deref().is_none_or(|spec| spec == "SYMMETRIC_DEFAULT")
        && !["Sign", "Verify", "GetPublicKey", "GenerateMac", "DeriveSharedSecret"]
            .iter()
            .any(|name| key.operations.contains_key(name));
    key.is_own_customer_key()
        && is_symmetric
        && key.origin.as_deref().is_none_or(|origin| origin == "AWS_KMS")
}

fn sign(key: &KeyEntry, inventory: &Inventory) -> Option<Sign> {
    let rotation = &key.rotation;
    match (rotation.automatic, &rotation.switched) {
        (Some(false), Some((by, at))) => {
            let says = format!("{} switched it off at {at}.", short(by));
            Some(Sign::of(key, says).by([by.as_str()]))
        }
        (Some(true), _) => {
            let period = rotation.period_days.unwrap_or(USUAL_PERIOD_DAYS);
            let last = rotation.last.or(rotation.switched.as_ref().map(|(_, at)| *at))?;
            let days = days_between(last, inventory.as_of);
            (days > period + GRACE_DAYS).then(|| {
                Sign::of(key, format!("It should rotate every {period} days, and has not for {days}."))
            })
        }
        (None, _) => {
            let made = key.created_at?;
            Some(Sign::of(key, format!("Made at {made}, and rotation was not switched on since.")))
        }
        _ => None,
    }
}
