//! The questions that detectors ask of a policy.

use super::action::{Actions, Class, glob};
use super::condition::{Condition, pinned_account};
use super::document::{Effect, Policy, Resources, Statement};
use super::odds::{Ease, Odds};
use super::subject::{Name, Principals, Subject, is_unique_id};
use crate::estate::is_account_id;
use std::collections::BTreeSet;

/// Whose key it is: what a policy is evaluated against.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Account that owns the key.
    pub owner: &'a str,
    /// ARN of the key, or another name of it.
    pub key: &'a str,
    /// Organisations (`o-...`) that are ours.
    pub organizations: &'a [String],
}

/// Somebody outside the owner's account to whom a policy gives something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Everybody.
    Anyone,
    /// Every account of an organisation.
    Organization(String),
    /// An account, or the principals of it that the policy names.
    Account(String),
    /// A principal whose account the policy does not tell.
    Unresolved(String),
}

/// What a policy gives to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// To whom.
    pub who: Who,
    /// The principals named, where it is not everybody in question.
    pub principals: BTreeSet<String>,
    /// Actions that are theirs.
    pub allowed: Actions,
    /// Actions that are theirs under conditions which the policy alone does not decide.
    pub conditional: Actions,
    /// Positions of the Allow statements that give them.
    pub statements: BTreeSet<usize>,
    /// Condition keys of these statements, in lower case.
    pub conditions: BTreeSet<String>,
}

/// Who in the owner's account can still change the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Any principal to which the account's own IAM policies give it.
    Account,
    /// Only these principals.
    Only(BTreeSet<String>),
    /// Somebody, under conditions which the policy alone does not decide.
    Conditional,
    /// Nobody.
    Nobody,
}

impl Policy {
    /// Who outside the owner's account gets what, in a fixed order. An account or organisation appears only if
    /// the policy names it; one that is ours by other knowledge is for the caller to leave out.
    pub fn access(&self, question: &Question<'_>) -> Vec<Access> {
        let mut all: Vec<Access> = Vec::new();
        for subject in self.outsiders(question) {
            let (allowed, conditional) = self.standing(&subject, question);
            if allowed.or(conditional).is_empty() {
                continue;
            }
            let (who, principal) = match &subject {
                Subject::Stranger => (Who::Anyone, None),
                Subject::Organization(id) => (Who::Organization(id.clone()), None),
                Subject::Account(account) => (Who::Account(account.clone()), None),
                Subject::ServiceFor(account) => {
                    (Who::Account(account.clone()), Some("an AWS service".to_owned()))
                }
                Subject::Member { account, arn } => (Who::Account(account.clone()), Some(arn.clone())),
                Subject::UniqueId(id) => (Who::Unresolved(id.clone()), None),
                Subject::Owner | Subject::OwnerMember(_) => continue,
            };
            let giving: Vec<usize> = self.giving(&subject, allowed.or(conditional), question).collect();
            let keys = giving.iter().filter_map(|at| self.statements.get(*at)).flat_map(|s| &s.conditions);
            let conditions = keys.map(|condition| condition.key.clone()).collect();
            let access = Access {
                who,
                principals: principal.into_iter().collect(),
                allowed,
                conditional,
                statements: giving.iter().copied().collect(),
                conditions,
            };
            match all.last_mut() {
                Some(last) if last.who == access.who => last.merge(access),
                _ => all.push(access),
            }
        }
        all
    }

    /// Who in the owner's account can still change the policy.
    pub fn control(&self, question: &Question<'_>) -> Control {
        let change = Actions::named("PutKeyPolicy");
        let (allowed, mut conditional) = self.standing(&Subject::Owner, question);
        if allowed.and(change) == change {
            return Control::Account;
        }
        let mut able = BTreeSet::new();
        for subject in self.insiders(question) {
            let (allowed, maybe) = self.standing(&subject, question);
            conditional = conditional.or(maybe);
            if allowed.and(change) == change
                && let Subject::OwnerMember(arn) = subject
            {
                able.insert(arn);
            }
        }
        if !able.is_empty() {
            Control::Only(able)
        } else if conditional.and(change) == change {
            Control::Conditional
        } else {
            Control::Nobody
        }
    }

    /// The actions that a subject gets surely, and those that it gets under undecided conditions.
    fn standing(&self, subject: &Subject, question: &Question<'_>) -> (Actions, Actions) {
        let (mut sure, mut maybe) = (Actions::NONE, Actions::NONE);
        let (mut denied, mut restrained) = (Actions::NONE, Actions::NONE);
        for statement in &self.statements {
            let odds = statement.odds(subject, question);
            let sets = match statement.effect {
                Effect::Allow => match odds.hold {
                    Ease::Easy => &mut sure,
                    Ease::Maybe => &mut maybe,
                    Ease::Never => continue,
                },
                // A Deny takes away what the subject cannot get around.
                Effect::Deny => match odds.fail {
                    Ease::Never => &mut denied,
                    Ease::Maybe => &mut restrained,
                    Ease::Easy => continue,
                },
            };
            *sets = sets.or(statement.actions);
        }
        let allowed = sure.minus(denied).minus(restrained);
        (allowed, sure.or(maybe).minus(denied).minus(allowed))
    }

    /// The Allow statements that give one of `actions` to the subject.
    fn giving<'a>(
        &'a self,
        subject: &'a Subject,
        actions: Actions,
        question: &'a Question<'_>,
    ) -> impl Iterator<Item = usize> + 'a {
        let gives = move |statement: &Statement| {
            statement.effect == Effect::Allow
                && !statement.actions.and(actions).is_empty()
                && statement.odds(subject, question).hold > Ease::Never
        };
        self.statements.iter().enumerate().filter(move |(_, statement)| gives(statement)).map(|(at, _)| at)
    }

    /// The kinds of caller outside the owner's account that the policy may treat differently.
    fn outsiders(&self, question: &Question<'_>) -> Vec<Subject> {
        let mut subjects = BTreeSet::from([Subject::Stranger]);
        let foreign = |account: &str| account != question.owner;
        for name in self.names() {
            match name {
                Name::Account(account) if foreign(account) => {
                    subjects.insert(Subject::Account(account.clone()));
                }
                Name::Member { account, arn } if foreign(account) => {
                    subjects.insert(Subject::Member { account: account.clone(), arn: arn.clone() });
                }
                Name::UniqueId(id) | Name::Other(id) => {
                    subjects.insert(Subject::UniqueId(id.clone()));
                }
                _ => {}
            }
        }
        for (key, value) in self.condition_values() {
            if value.starts_with("o-") {
                let organization = value.split('/').next().unwrap_or(value).trim_end_matches('*');
                if !question.organizations.iter().any(|own| own == organization) {
                    subjects.insert(Subject::Organization(organization.to_owned()));
                }
            }
            if let Some(id) = value.split(':').next()
                && key == "aws:userid"
                && is_unique_id(id)
            {
                subjects.insert(Subject::UniqueId(id.to_owned()));
            }
            let Some(account) = pinned_account(value).filter(|account| foreign(account)) else { continue };
            let account = account.to_owned();
            match key {
                "aws:sourceaccount" | "aws:sourcearn" | "aws:sourceowner" => {
                    subjects.insert(Subject::ServiceFor(account));
                }
                "aws:principalarn" => match Name::parse(value) {
                    Name::Member { arn, .. } if !value.contains(['*', '?']) => {
                        subjects.insert(Subject::Member { account, arn });
                    }
                    _ => {
                        subjects.insert(Subject::Account(account));
                    }
                },
                "kms:calleraccount" | "aws:principalaccount" => {
                    subjects.insert(Subject::Account(account));
                }
                _ => {}
            }
        }
        // Those of one account side by side, so that they become one answer.
        let mut subjects: Vec<Subject> = subjects.into_iter().collect();
        subjects.sort_by_key(|subject| match subject {
            Subject::Account(account) | Subject::Member { account, .. } | Subject::ServiceFor(account) => {
                account.clone()
            }
            _ => String::new(),
        });
        subjects
    }

    /// The principals of the owner's account that the policy names.
    fn insiders(&self, question: &Question<'_>) -> BTreeSet<Subject> {
        let mut subjects = BTreeSet::new();
        for name in self.names() {
            if let Name::Member { account, arn } = name
                && account == question.owner
            {
                subjects.insert(Subject::OwnerMember(arn.clone()));
            }
        }
        for (key, value) in self.condition_values() {
            if key == "aws:principalarn"
                && pinned_account(value) == Some(question.owner)
                && !value.contains(['*', '?'])
            {
                subjects.insert(Subject::OwnerMember(value.to_owned()));
            }
        }
        subjects
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        self.statements.iter().flat_map(|statement| match &statement.principals {
            Principals::Only(names) | Principals::Except(names) => names,
        })
    }

    fn condition_values(&self) -> impl Iterator<Item = (&str, &str)> {
        let conditions = self.statements.iter().flat_map(|statement| &statement.conditions);
        conditions.flat_map(|condition| {
            condition.values.iter().map(|value| (condition.key.as_str(), value.as_str()))
        })
    }
}

impl Statement {
    /// How hard it is for `subject` to have the statement apply, and to have it not apply.
    fn odds(&self, subject: &Subject, question: &Question<'_>) -> Odds {
        let covered =
            subject.covered_by(&self.principals, question.owner).and(self.resources.cover(question.key));
        if covered == Odds::NEVER {
            return covered;
        }
        self.conditions
            .iter()
            .map(|condition: &Condition| condition.odds(subject, question))
            .fold(covered, Odds::and)
    }

    /// The statement for a reader: its Sid, or its position counted from 1.
    pub fn label(&self, at: usize) -> String {
        self.sid.clone().unwrap_or_else(|| format!("statement {}", at + 1))
    }
}

impl Resources {
    /// Whether the statement is about this key.
    fn cover(&self, key: &str) -> Odds {
        let test = |pattern: &String| {
            if pattern.bytes().all(|b| b == b'*') && !pattern.is_empty() || glob(pattern, key) {
                Odds::ALWAYS
            } else if key.starts_with("arn:") && key.contains(":key/") {
                Odds::NEVER
            } else {
                // The key is known by another name only: the pattern may mean it.
                Odds::UNKNOWN
            }
        };
        match self {
            Resources::Only(patterns) if patterns.is_empty() => Odds::ALWAYS,
            Resources::Only(patterns) => patterns.iter().map(test).fold(Odds::NEVER, Odds::or),
            Resources::Except(patterns) => patterns.iter().map(test).fold(Odds::NEVER, Odds::or).negated(),
        }
    }
}

impl Access {
    fn merge(&mut self, other: Access) {
        self.allowed = self.allowed.or(other.allowed);
        self.conditional = self.conditional.or(other.conditional).minus(self.allowed);
        self.principals.extend(other.principals);
        self.statements.extend(other.statements);
        self.conditions.extend(other.conditions);
    }

    /// Everything that they get, surely or under conditions.
    pub fn all(&self) -> Actions {
        self.allowed.or(self.conditional)
    }

    /// Whether a class is theirs without undecided conditions.
    pub fn surely_gives(&self, class: Class) -> bool {
        self.allowed.gives(class)
    }
}

impl Who {
    /// The account, if it is one.
    pub fn account(&self) -> Option<&str> {
        match self {
            Who::Account(account) if is_account_id(account) => Some(account),
            _ => None,
        }
    }
}
