//! What a policy gives that the one before did not, in words.
//!
//! Compared is what the statements say, not who can in the end do what: a principal gains what an Allow statement
//! names it for and none did before, is freed where a condition falls away, and everybody gains where a Deny does.

use super::action::Actions;
use super::condition::Condition;
use super::document::{Effect, Policy, Statement};
use super::subject::{Name, Principals};
use std::collections::{BTreeMap, BTreeSet};

/// What is given beyond the policy before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Principals with the actions that no Allow statement gave them before.
    pub added: Vec<(Who, Actions)>,
    /// Principals with the actions that they have under fewer or other conditions, and the condition keys that fell
    /// away or have other values.
    pub loosened: Vec<(Who, Actions, BTreeSet<String>)>,
    /// Deny statements that are gone or deny less: whom, and what is no longer denied.
    pub undenied: Vec<(Who, Actions)>,
    /// Principals with the actions that no Allow statement gives them any more.
    pub removed: Vec<(Who, Actions)>,
}

/// A principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// One that is named.
    Named(Name),
    /// Everybody but these.
    Except(Vec<Name>),
}

impl Who {
    /// In a line of text.
    pub fn text(&self) -> String {
        match self {
            Who::Named(Name::Anyone) => "everybody".to_owned(),
            Who::Named(name) => name.text().to_owned(),
            Who::Except(names) => {
                let names: Vec<&str> = names.iter().take(3).map(Name::text).collect();
                format!("everybody but {}", names.join(", "))
            }
        }
    }
}

impl Diff {
    /// What `new` gives that `old` did not.
    pub fn between(old: &Policy, new: &Policy) -> Diff {
        let (before, after) = (given(old, Effect::Allow), given(new, Effect::Allow));
        let mut diff = Diff::default();
        for (who, rules) in &after {
            let had = before.get(who).map(Vec::as_slice).unwrap_or_default();
            let added = all(rules).minus(all(had));
            if !added.is_empty() {
                diff.added.push((who.clone(), added));
            }
            diff.loosened.extend(loosened(had, rules).map(|(actions, keys)| (who.clone(), actions, keys)));
        }
        for (who, rules) in &before {
            let has = after.get(who).map(Vec::as_slice).unwrap_or_default();
            let removed = all(rules).minus(all(has));
            if !removed.is_empty() {
                diff.removed.push((who.clone(), removed));
            }
        }
        let (denied, denies) = (given(old, Effect::Deny), given(new, Effect::Deny));
        for (who, rules) in &denied {
            let still = denies.get(who).map(Vec::as_slice).unwrap_or_default();
            // One that holds under fewer conditions denies more.
            let gone = rules.iter().fold(Actions::NONE, |gone, rule| {
                let kept = still.iter().filter(|other| contains(rule.conditions, other.conditions));
                gone.or(rule.actions.minus(kept.fold(Actions::NONE, |set, other| set.or(other.actions))))
            });
            if !gone.is_empty() {
                diff.undenied.push((who.clone(), gone));
            }
        }
        diff
    }
}

/// What one statement gives to one principal.
#[derive(Debug)]
struct Rule<'p> {
    actions: Actions,
    conditions: &'p [Condition],
}

/// The statements of one effect by principal.
fn given(policy: &Policy, effect: Effect) -> BTreeMap<Who, Vec<Rule<'_>>> {
    let mut rules: BTreeMap<Who, Vec<Rule<'_>>> = BTreeMap::new();
    for statement in policy.statements.iter().filter(|statement| statement.effect == effect) {
        for who in whom(statement) {
            let rule = Rule { actions: statement.actions, conditions: &statement.conditions };
            rules.entry(who).or_default().push(rule);
        }
    }
    rules
}

fn whom(statement: &Statement) -> Vec<Who> {
    match &statement.principals {
        Principals::Only(names) => names.iter().cloned().map(Who::Named).collect(),
        Principals::Except(names) => {
            let mut names = names.clone();
            names.sort();
            vec![Who::Except(names)]
        }
    }
}

fn all(rules: &[Rule<'_>]) -> Actions {
    rules.iter().fold(Actions::NONE, |set, rule| set.or(rule.actions))
}

/// Whether every condition of `fewer` is among `more`.
fn contains(more: &[Condition], fewer: &[Condition]) -> bool {
    fewer.iter().all(|condition| more.contains(condition))
}

/// Actions that were there under conditions of which one fell away or changed, with the keys of these.
fn loosened<'r>(
    had: &'r [Rule<'r>],
    has: &'r [Rule<'r>],
) -> impl Iterator<Item = (Actions, BTreeSet<String>)> + 'r {
    has.iter().filter_map(move |rule| {
        // What was given under no more conditions than now is as it was.
        let same = had.iter().filter(|old| contains(rule.conditions, old.conditions));
        let as_before = same.fold(Actions::NONE, |set, old| set.or(old.actions));
        let freed = rule.actions.and(all(had)).minus(as_before);
        let keys = had
            .iter()
            .filter(|old| !old.actions.and(freed).is_empty())
            .flat_map(|old| old.conditions)
            .filter(|condition| !rule.conditions.contains(condition))
            .map(|condition| condition.key.clone())
            .collect();
        (!freed.is_empty()).then_some((freed, keys))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn policy(statements: &[Value]) -> Policy {
        Policy::parse(&json!({ "Statement": statements }).to_string()).unwrap()
    }

    fn allow(who: &str, action: Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"AWS": who}, "Action": action, "Resource": "*"})
    }

    fn conditional(mut statement: Value, conditions: Value) -> Value {
        statement["Condition"] = conditions;
        statement
    }

    fn deny(statement: Value) -> Value {
        let mut statement = statement;
        statement["Effect"] = "Deny".into();
        statement
    }

    const A: &str = "arn:aws:iam::111122223333:role/a";
    const B: &str = "arn:aws:iam::111122223333:role/b";

    fn names(list: &[(Who, Actions)]) -> Vec<(String, Vec<&'static str>)> {
        list.iter().map(|(who, actions)| (who.text(), actions.names().collect())).collect()
    }

    #[test]
    fn what_is_added_and_removed_is_told_by_principal() {
        let old = policy(&[allow(A, json!(["kms:Decrypt", "kms:Encrypt"])), allow(B, json!("kms:Sign"))]);
        let new = policy(&[allow(A, json!(["kms:Decrypt", "kms:CreateGrant"]))]);
        let diff = Diff::between(&old, &new);
        assert_eq!(names(&diff.added), [(A.to_owned(), vec!["CreateGrant"])]);
        assert_eq!(names(&diff.removed), [(A.to_owned(), vec!["Encrypt"]), (B.to_owned(), vec!["Sign"])]);
        assert!(diff.loosened.is_empty() && diff.undenied.is_empty());
    }

    #[test]
    fn order_sids_and_the_way_in_which_statements_are_cut_do_not_matter() {
        let old =
            policy(&[allow(A, json!(["kms:Decrypt", "kms:Encrypt"])), deny(allow("*", json!("kms:Sign")))]);
        let mut sid = allow(A, json!("kms:Encrypt"));
        sid["Sid"] = "x".into();
        let new = policy(&[deny(allow("*", json!("kms:Sign"))), sid, allow(A, json!("kms:Decrypt"))]);
        assert_eq!(Diff::between(&old, &new), Diff::default());
        assert_eq!(Diff::between(&new, &old), Diff::default());
    }

    #[test]
    fn a_condition_that_falls_away_or_changes_is_told_and_a_new_one_is_not() {
        let via = |service: &str| json!({"StringEquals": {"kms:ViaService": service}});
        let free = policy(&[allow(A, json!("kms:Decrypt"))]);
        let bound = policy(&[conditional(allow(A, json!("kms:Decrypt")), via("s3"))]);
        let other = policy(&[conditional(allow(A, json!("kms:Decrypt")), via("ec2"))]);
        for (old, new, told) in [(&bound, &free, true), (&bound, &other, true), (&free, &bound, false)] {
            let diff = Diff::between(old, new);
            assert_eq!(!diff.loosened.is_empty(), told);
            assert!(diff.added.is_empty());
        }
        let (who, actions, keys) = Diff::between(&bound, &free).loosened.remove(0);
        assert_eq!((who.text(), actions.names().collect::<Vec<_>>()), (A.to_owned(), vec!["Decrypt"]));
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["kms:viaservice"]);
    }

    #[test]
    fn a_deny_that_goes_or_denies_less_is_told() {
        let grants = deny(allow("*", json!(["kms:CreateGrant", "kms:Decrypt"])));
        let fewer = deny(allow("*", json!("kms:CreateGrant")));
        let bound = conditional(grants.clone(), json!({"Bool": {"aws:ViaAWSService": "false"}}));
        let undenied = |old: &Value, new: &[Value]| {
            names(&Diff::between(&policy(std::slice::from_ref(old)), &policy(new)).undenied)
        };
        let everybody = |actions: &[&'static str]| vec![("everybody".to_owned(), actions.to_vec())];
        assert_eq!(undenied(&grants, &[]), everybody(&["CreateGrant", "Decrypt"]));
        assert_eq!(undenied(&grants, std::slice::from_ref(&fewer)), everybody(&["Decrypt"]));
        assert_eq!(undenied(&grants, std::slice::from_ref(&bound)), everybody(&["CreateGrant", "Decrypt"]));
        assert!(undenied(&bound, std::slice::from_ref(&grants)).is_empty());
        assert!(undenied(&fewer, &[grants]).is_empty());
    }

    #[test]
    fn all_but_some_is_a_principal_of_its_own() {
        let not = |names: &[&str]| json!({"Effect": "Allow", "NotPrincipal": {"AWS": names}, "Action": "kms:Decrypt", "Resource": "*"});
        assert_eq!(Diff::between(&policy(&[not(&[A, B])]), &policy(&[not(&[B, A])])), Diff::default());
        let diff = Diff::between(&policy(&[not(&[A, B])]), &policy(&[not(&[A])]));
        assert_eq!(diff.added[0].0.text(), format!("everybody but {A}"));
    }
}
