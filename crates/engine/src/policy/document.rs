//! The policy document: JSON text → [`Policy`], leniently in form and strictly in meaning.
//!
//! What AWS accepts is read in all its shapes (one statement or a list, one action or a list). What cannot be
//! read is an error with its reason, never a policy that says less than the text.

use super::action::Actions;
use super::condition::Condition;
use super::subject::{Name, Principals};
use crate::json::{Kind, Text, Value};

/// A key policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its statements, in order.
    pub statements: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `Sid`, if there is one.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`.
    pub principals: Principals,
    /// The KMS actions that `Action` or `NotAction` comes to.
    pub actions: Actions,
    /// `Resource` or `NotResource`.
    pub resources: Resources,
    /// The conditions, all of which must hold.
    pub conditions: Vec<Condition>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allows, unless something denies.
    Allow,
    /// Denies, whatever allows.
    Deny,
}

/// The resources of a statement. In a key policy `*` means the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resources {
    /// `Resource`: these patterns; the key itself if there are none.
    Only(Vec<String>),
    /// `NotResource`: all but these.
    Except(Vec<String>),
}

/// Why a policy cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is too long.
    #[error("the policy has {0} bytes, more than {limit}", limit = Policy::MAX_BYTES)]
    TooLong(usize),
    /// Too many principals, actions, resources and condition values.
    #[error("the policy has more than {limit} principals, actions, resources and values", limit = Policy::MAX_ENTRIES)]
    TooMany,
    /// The text is no JSON object with a `Statement`.
    #[error("the policy is no JSON object with a Statement")]
    NoStatement,
    /// A part of a statement is missing or of the wrong kind.
    #[error("statement {number}: {what}")]
    Statement {
        /// The statement, counted from 1.
        number: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl Policy {
    /// Longest text that is read: twice the quota of KMS (32 KiB), for policies with much white space.
    pub const MAX_BYTES: usize = 64 << 10;
    /// Most principals, actions, resources and condition values together. 32 KiB hold fewer than 2,200 account ids.
    pub const MAX_ENTRIES: usize = 4_096;

    /// Reads a policy document, also one that is JSON inside a JSON string.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        if text.len() > Policy::MAX_BYTES {
            return Err(PolicyError::TooLong(text.len()));
        }
        let text = Value::new(text).embedded();
        let statement =
            member(Value::new(&text), "Statement").ok().flatten().ok_or(PolicyError::NoStatement)?;
        let mut budget = Policy::MAX_ENTRIES;
        let mut statements = Vec::new();
        for (at, value) in one_or_many(statement).enumerate() {
            let number = at + 1;
            let value = value.map_err(|_| PolicyError::NoStatement)?;
            statements.push(Statement::read(value, &mut budget).map_err(|problem| match problem {
                Problem::TooMany => PolicyError::TooMany,
                Problem::What(what) => PolicyError::Statement { number, what },
            })?);
        }
        Ok(Policy { statements })
    }
}

/// What is wrong with a statement.
enum Problem {
    TooMany,
    What(&'static str),
}

impl Statement {
    fn read(value: Value<'_>, budget: &mut usize) -> Result<Statement, Problem> {
        if value.kind() != Kind::Object {
            return Err(Problem::What("is no object"));
        }
        // A statement costs work even if it names nothing.
        spend(budget)?;
        let get = |name| member(value, name);
        let effect = match get("Effect")?.and_then(Value::text).as_deref() {
            Some(effect) if effect.eq_ignore_ascii_case("Allow") => Effect::Allow,
            Some(effect) if effect.eq_ignore_ascii_case("Deny") => Effect::Deny,
            _ => return Err(Problem::What("has no Effect of Allow or Deny")),
        };
        let principals = match (get("Principal")?, get("NotPrincipal")?) {
            (Some(value), None) => Principals::Only(principals(value, budget)?),
            (None, Some(value)) => Principals::Except(principals(value, budget)?),
            _ => return Err(Problem::What("has not one of Principal and NotPrincipal")),
        };
        let actions = match (get("Action")?, get("NotAction")?) {
            (Some(value), None) => actions(value, budget)?,
            (None, Some(value)) => Actions::ALL.minus(actions(value, budget)?),
            _ => return Err(Problem::What("has not one of Action and NotAction")),
        };
        let resources = match (get("Resource")?, get("NotResource")?) {
            (None, None) => Resources::Only(Vec::new()),
            (Some(value), None) => Resources::Only(strings(value, budget)?),
            (None, Some(value)) => Resources::Except(strings(value, budget)?),
            _ => return Err(Problem::What("has both Resource and NotResource")),
        };
        let conditions = match get("Condition")? {
            Some(value) => conditions(value, budget)?,
            None => Vec::new(),
        };
        let sid = get("Sid")?.and_then(Value::nonempty).map(Text::into_owned);
        Ok(Statement { sid, effect, principals, actions, resources, conditions })
    }
}

fn spend(budget: &mut usize) -> Result<(), Problem> {
    *budget = budget.checked_sub(1).ok_or(Problem::TooMany)?;
    Ok(())
}

/// The member of this name in any case; of a repeated one the last.
fn member<'a>(value: Value<'a>, name: &str) -> Result<Option<Value<'a>>, Problem> {
    let mut found = None;
    for entry in value.members() {
        let (entry_name, entry) = entry.map_err(|_| Problem::What("is malformed JSON"))?;
        if entry_name.eq_ignore_ascii_case(name) {
            found = Some(entry).filter(|entry| entry.kind() != Kind::Null);
        }
    }
    Ok(found)
}

/// The items of an array, or the value itself.
fn one_or_many<'a>(value: Value<'a>) -> impl Iterator<Item = Result<Value<'a>, crate::json::Malformed>> {
    let single = (value.kind() != Kind::Array).then_some(Ok(value));
    value.items().chain(single)
}

/// A string, number or boolean, or a list of them, as texts.
fn strings(value: Value<'_>, budget: &mut usize) -> Result<Vec<String>, Problem> {
    let mut texts = Vec::new();
    for item in one_or_many(value) {
        spend(budget)?;
        let item = item.map_err(|_| Problem::What("is malformed JSON"))?;
        texts.push(match item.kind() {
            Kind::String => {
                item.text().map(Text::into_owned).ok_or(Problem::What("holds a malformed string"))?
            }
            Kind::Number | Kind::Bool => item.raw().to_owned(),
            _ => return Err(Problem::What("holds something else where a text or a list of texts belongs")),
        });
    }
    Ok(texts)
}

/// `"*"`, or an object of kinds of principals.
fn principals(value: Value<'_>, budget: &mut usize) -> Result<Vec<Name>, Problem> {
    if value.kind() != Kind::Object {
        return Ok(strings(value, budget)?.iter().map(|text| Name::parse(text)).collect());
    }
    let mut names = Vec::new();
    for entry in value.members() {
        let (kind, entry) = entry.map_err(|_| Problem::What("is malformed JSON"))?;
        let service = kind.eq_ignore_ascii_case("Service");
        names.extend(strings(entry, budget)?.into_iter().map(|text| {
            // `{"Service": "*"}` would be every service, not everybody.
            if service { Name::Service(text.to_ascii_lowercase()) } else { Name::parse(&text) }
        }));
    }
    Ok(names)
}

fn actions(value: Value<'_>, budget: &mut usize) -> Result<Actions, Problem> {
    let patterns = strings(value, budget)?;
    Ok(patterns.iter().fold(Actions::NONE, |set, pattern| set.or(Actions::matching(pattern))))
}

/// `{"Operator": {"key": values}}`.
fn conditions(value: Value<'_>, budget: &mut usize) -> Result<Vec<Condition>, Problem> {
    let malformed = |_| Problem::What("is malformed JSON");
    if value.kind() != Kind::Object {
        return Err(Problem::What("has a Condition that is no object"));
    }
    let mut conditions = Vec::new();
    for operator in value.members() {
        let (operator, keys) = operator.map_err(malformed)?;
        if keys.kind() != Kind::Object {
            return Err(Problem::What("has a condition operator without keys"));
        }
        for key in keys.members() {
            spend(budget)?;
            let (key, values) = key.map_err(malformed)?;
            conditions.push(Condition::new(&operator, &key, strings(values, budget)?));
        }
    }
    Ok(conditions)
}
