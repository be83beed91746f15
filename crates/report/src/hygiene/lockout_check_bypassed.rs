use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "lockout_check_bypassed",
    title: "Key policies set without the check against locking oneself out",
    severity: Severity::Low,
    advice: "Leave the check on. Read the policy again: can somebody still change it? Deny kms:BypassPolicyLockoutSafetyCheck \
             to all but those who know why.",
    caveat: "Some templates set the flag without need.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::LockoutCheckBypassed),
        |_| true,
        |evidence, who| format!("{} by {who} with BypassPolicyLockoutSafetyCheck.", calls(evidence.count)),
    )
}
