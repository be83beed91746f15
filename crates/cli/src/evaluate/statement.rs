//! What evaluation keeps of a finding: who and what it names, when, and what sort of entity made it speak.

use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::finding::{Finding, FindingKind, Severity, Span};
use serde::Serialize;
use serde_json::Value;

/// Whose habits were broken: the class of the stream that was highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// A role, user or root.
    Principal,
    /// An AWS service, for itself or in a role made for it.
    Service,
    /// A key.
    Key,
}

impl Class {
    pub(crate) const ALL: [Class; 3] = [Class::Principal, Class::Service, Class::Key];

    /// The class of a principal, by id.
    pub(crate) fn of(id: &str) -> Class {
        Class::named(Entity::Principal(id.to_owned()).class())
    }

    /// The class of that name, as findings give it.
    fn named(name: &str) -> Class {
        match name {
            "key" => Class::Key,
            "service" => Class::Service,
            _ => Class::Principal,
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Class::Principal => "principals",
            Class::Service => "services",
            Class::Key => "keys",
        }
    }
}

/// How long the entity had been known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Age {
    /// Less than two days, or fewer than nine active hours.
    New,
    /// Less than three weeks.
    Young,
    /// Longer.
    Mature,
    /// The finding does not say.
    Unsaid,
}

impl Age {
    pub(crate) const ALL: [Age; 4] = [Age::New, Age::Young, Age::Mature, Age::Unsaid];

    fn of(word: Option<&str>) -> Age {
        match word {
            Some("new") => Age::New,
            Some("young") => Age::Young,
            Some("mature") => Age::Mature,
            _ => Age::Unsaid,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Age::New => "new",
            Age::Young => "young",
            Age::Mature => "mature",
            Age::Unsaid => "of unsaid age",
        }
    }
}

/// A finding of at least medium severity, as it stood at some moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) id: String,
    pub(crate) detector: &'static str,
    /// Whether statistics say it, and not a rule or fact.
    pub(crate) is_statistical: bool,
    /// First and last event of its evidence.
    pub(crate) span: Span,
    pub(crate) principal: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) event_ids: Vec<String>,
    pub(crate) class: Class,
    pub(crate) age: Age,
}

impl Statement {
    /// What there is to keep; `None` below medium severity, which alerts nobody.
    pub(crate) fn of(finding: Finding) -> Option<Statement> {
        if finding.severity < Severity::Medium {
            return None;
        }
        let principal = finding.principal.map(|actor| actor.id);
        let key = finding.key.map(|key| key.arn);
        let detail = |name: &str| finding.evidence.details.get(name).and_then(Value::as_str);
        Some(Statement {
            class: detail("counted_for").map_or(Class::Principal, Class::named),
            age: Age::of(detail("maturity")),
            id: finding.id,
            detector: finding.detector,
            is_statistical: matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty),
            span: finding.time,
            event_ids: finding.evidence.event_ids,
            principal,
            key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples;

    #[test]
    fn what_is_of_low_severity_alerts_nobody() {
        assert!(Statement::of(samples::usual(Severity::Low, 1)).is_none());
        assert!(Statement::of(samples::usual(Severity::Medium, 1)).is_some());
    }

    #[test]
    fn the_class_is_that_of_the_stream_and_not_of_whom_it_is_laid_to() {
        let mut finding = samples::usual(Severity::High, 1);
        finding.evidence.details.insert("counted_for", "key".into());
        finding.evidence.details.insert("maturity", "young".into());
        let statement = Statement::of(finding).unwrap();
        assert_eq!((statement.class, statement.age), (Class::Key, Age::Young));
        assert_eq!(Class::of("service:s3"), Class::Service);
        assert_eq!(Class::of("arn:aws:iam::111122223333:role/app"), Class::Principal);
    }
}
