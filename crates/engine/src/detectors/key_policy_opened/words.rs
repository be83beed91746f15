//! What a policy gives to strangers, in words, and what to do about it.

use super::super::deed::{self, Deed};
use super::LISTED;
use crate::event::Event;
use crate::finding::KeyName;
use crate::policy::{Access, Actions, Class, Policy, Who};
use crate::runbook;
use std::collections::BTreeSet;

pub(super) fn who(who: &Who) -> &str {
    match who {
        Who::Anyone => "everybody",
        Who::Organization(id) | Who::Account(id) | Who::Unresolved(id) => id,
    }
}

/// The strangers in a line of text.
pub(super) fn to_whom(opened: &[Access]) -> String {
    let first = match opened.first().map(|access| &access.who) {
        Some(Who::Anyone) => return "everybody".to_owned(),
        Some(Who::Organization(id)) => format!("organisation {}", deed::clip(id)),
        Some(Who::Account(id)) => format!("foreign account {id}"),
        Some(Who::Unresolved(id)) => format!("unresolved principal {}", deed::clip(id)),
        None => String::new(),
    };
    match opened.len() {
        0 | 1 => first,
        2 => format!("{first} and one more"),
        n => format!("{first} and {} more", n - 1),
    }
}

pub(super) fn explanation(opened: &[Access], deed: Deed, key: &str, to_whom: &str) -> String {
    let all = opened.iter().fold(Actions::NONE, |set, access| set.or(access.all()));
    let mut can = Vec::new();
    for (class, words) in [
        (Class::Use, "encrypt, decrypt or sign with it"),
        (Class::Grant, "make or end grants, which no policy shows"),
        (Class::Admin, "administer it"),
        (Class::Read, "read its metadata or check signatures"),
    ] {
        if all.gives(class) {
            can.push(words);
        }
    }
    let mut text = format!("{}This policy of {key} lets {to_whom} {}.", deed.preface(), can.join(", "));
    let conditions: BTreeSet<&str> =
        opened.iter().flat_map(|a| &a.conditions).map(|key| deed::clip(key)).collect();
    if opened.iter().all(|access| access.allowed.is_empty()) {
        let keys: Vec<&str> = conditions.into_iter().take(5).collect();
        text.push_str(&format!(
            " It does so only under conditions that the policy alone does not decide ({}).",
            keys.join(", ")
        ));
    }
    if all.gives(Class::Admin) {
        text.push_str(" KMS takes administration only from principals of the account that owns the key, whatever the policy says.");
    }
    text.push_str(" It does not prove that anybody has used the access, nor by itself that the access is new: CloudTrail does not tell the policy before.");
    text
}

pub(super) fn steps(key: Option<&KeyName>, event: &Event<'_>, deed: Deed) -> Vec<String> {
    let id = key.map_or("KEY_ID", |key| &key.arn);
    let region = key.and_then(|key| key.region.as_deref()).unwrap_or(&event.region);
    let policy = [("key-id", id), ("policy-name", "default"), ("region", region)];
    let mut steps = vec![format!(
        "Look at the policy in force: {} --query Policy --output text",
        runbook::aws("kms get-key-policy", &policy)
    )];
    if deed == Deed::Denied {
        // Nothing has changed, so there is nothing to put back.
        steps.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
        return steps;
    }
    steps.push(format!(
        "Put the last good policy back (from code, or from the previous PutKeyPolicy in the logs): {} --policy file://last-good-policy.json",
        runbook::aws("kms put-key-policy", &policy)
    ));
    steps.push(format!("See who used the key since: {}", deed::look_up_key(id, region)));
    steps.push(format!(
        "Look for grants made since; they outlive the policy: {}",
        runbook::aws("kms list-grants", &[("key-id", id), ("region", region)])
    ));
    steps
}

pub(super) fn detail(access: &Access, policy: &Policy) -> serde_json::Value {
    let names = |actions: Actions| -> Vec<String> {
        if actions == Actions::ALL {
            vec!["kms:*".to_owned()]
        } else {
            actions.names().map(|name| format!("kms:{name}")).collect()
        }
    };
    let labels =
        access.statements.iter().take(LISTED).filter_map(|at| Some(policy.statements.get(*at)?.label(*at)));
    let mut detail = serde_json::Map::new();
    detail.insert("to".to_owned(), deed::clip(who(&access.who)).into());
    let mut add = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            detail.insert(name.to_owned(), values.into());
        }
    };
    add("statements", labels.map(|label| deed::clip(&label).to_owned()).collect());
    add(
        "principals",
        access.principals.iter().take(LISTED).map(|text| deed::clip(text).to_owned()).collect(),
    );
    add("classes", access.all().classes().map(|class| class.name().to_owned()).collect());
    add("allowed", names(access.allowed));
    add("conditional", names(access.conditional));
    add("conditions", access.conditions.iter().take(LISTED).map(|key| deed::clip(key).to_owned()).collect());
    detail.into()
}
