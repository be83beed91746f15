//! What came of looking at one thing.

use super::facts::Refusal;
use serde::Serialize;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// Nobody was allowed to look, or could.
    NotChecked,
    /// It works, but not as well as it should, or not for long.
    Warning,
    /// Something is not seen, or not told, because of it.
    Failed,
}

impl Status {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::NotChecked => "not checked",
            Status::Warning => "warning",
            Status::Failed => "failed",
        }
    }
}

/// What is looked at, in the order in which it is told: that of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Area {
    /// The variables of the function.
    Settings,
    /// Who is asking.
    Credentials,
    /// What writes the logs.
    Trail,
    /// How the function hears of a log: from the bucket to the queue.
    Notifications,
    /// What the function keeps, and how far it has come.
    Table,
    /// Where alerts go.
    Sinks,
}

impl Area {
    /// As a heading.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Area::Settings => "Settings",
            Area::Credentials => "Credentials",
            Area::Trail => "Trail",
            Area::Notifications => "Notifications",
            Area::Table => "Table and States",
            Area::Sinks => "Alerts",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What it belongs to.
    pub(crate) area: Area,
    /// What was looked at: `trail org-trail: Regions`.
    pub(crate) what: String,
    /// How it stands.
    pub(crate) status: Status,
    /// What was seen, in a sentence or two.
    pub(crate) says: String,
    /// What to do about it: steps, with commands behind a colon. Never empty for what has failed.
    #[serde(rename = "do")]
    pub(crate) steps: Vec<String>,
}

impl Check {
    fn of(area: Area, what: impl Into<String>, status: Status, says: impl Into<String>) -> Check {
        Check { area, what: what.into(), status, says: says.into(), steps: Vec::new() }
    }

    pub(crate) fn ok(area: Area, what: impl Into<String>, says: impl Into<String>) -> Check {
        Check::of(area, what, Status::Ok, says)
    }

    pub(crate) fn warning(area: Area, what: impl Into<String>, says: impl Into<String>) -> Check {
        Check::of(area, what, Status::Warning, says)
    }

    pub(crate) fn failed(
        area: Area,
        what: impl Into<String>,
        says: impl Into<String>,
        step: impl Into<String>,
    ) -> Check {
        Check::of(area, what, Status::Failed, says).step(step)
    }

    /// What could not be looked at, and why.
    pub(crate) fn not_checked(area: Area, what: impl Into<String>, why: impl Into<String>) -> Check {
        Check::of(area, what, Status::NotChecked, why)
    }

    /// What an answer that was refused means for a thing that has to be there; `step` says how to get it.
    pub(crate) fn refused(
        area: Area,
        what: impl Into<String>,
        refusal: &Refusal,
        step: impl Into<String>,
    ) -> Check {
        match refusal {
            Refusal::Missing(why) => Check::failed(area, what, format!("It does not exist: {why}"), step),
            Refusal::Denied(why) => Check::not_checked(area, what, format!("Access denied: {why}")),
            Refusal::Failed(why) => Check::not_checked(area, what, format!("It could not be asked: {why}")),
        }
    }

    /// The same with one step more.
    pub(crate) fn step(mut self, step: impl Into<String>) -> Check {
        self.steps.push(step.into());
        self
    }
}
