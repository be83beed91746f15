use super::{Sign, Signal, names, united, uses_of};
use crate::inventory::{Inventory, KeyEntry, User};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "cross_account",
    title: "Used by other accounts",
    severity: Severity::Low,
    advice: "Check that each account is meant to, and narrow the key policy to named roles, with a condition on \
             kms:ViaService, kms:CallerAccount or aws:PrincipalOrgID.",
    caveat: "Shared services work like this. Of a caller in another account the owner's log knows only a unique id.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter(|key| !key.foreign).filter_map(|key| sign(key, inventory)).collect()
}

fn sign(key: &KeyEntry, inventory: &Inventory) -> Option<Sign> {
    let is_other = |user: &&User| user.uses > 0 && !user.account.is_empty() && user.account != key.account;
    let others: Vec<&User> = key.users.iter().filter(is_other).collect();
    let evidence = united(others.iter().map(|user| uses_of(user)).collect::<Vec<_>>().iter())?;
    let mut accounts: Vec<&str> = others.iter().map(|user| user.account.as_str()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let known = |account: &str| inventory.own_accounts.iter().any(|own| own == account);
    let listed: Vec<String> = accounts
        .iter()
        .take(5)
        .map(|account| if known(account) { (*account).to_owned() } else { format!("{account} (not yours)") })
        .collect();
    let more = accounts.len().saturating_sub(listed.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let who = names(others.iter().map(|user| user.principal.as_str()));
    let says = format!("Used by account {}{more}: {who}.", listed.join(", "));
    Some(Sign::of(key, says).by(others.iter().map(|user| user.principal.as_str())).with(evidence))
}
