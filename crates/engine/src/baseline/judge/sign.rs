//! In what way something is unusual.

use super::span;
use crate::baseline::budget::Span;
use crate::baseline::entity::Closed;
use crate::baseline::novelty::{Dimension, Novelty};
use crate::baseline::rate::{Drift, Maturity, Score, Window};
use crate::baseline::share::ShareScore;
use crate::measures::{self, Measure};
use serde::{Deserialize, Serialize};

/// The family of shares.
pub(super) const DENIED_SHARE: &str = "denied_share";

/// The family of hours in which one is hardly ever active.
pub(super) const QUIET_HOUR: &str = "quiet_hour";

/// The family of first uses of keys that are declared critical.
pub(super) const FIRST_USES_CRITICAL: &str = "first_uses_critical";

/// What anomalies are about: which detector tells of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Much use.
    Rate,
    /// Refusals and trials.
    Denials,
    /// First uses, and use at an unusual hour.
    FirstUses,
}

/// Evidence that tells the same: of one group only the strongest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Much use within a day.
    Rate,
    /// Refusals and trials.
    Denials,
    /// First uses.
    FirstUses,
    /// More use from week to week.
    Drift,
    /// Use at an hour at which there is none as a rule.
    QuietHours,
}

impl Group {
    /// The group of counts of a measure.
    pub fn of(measure: &Measure) -> Group {
        let denials = [
            &measures::denied_calls::MEASURE,
            &measures::keys_denied::MEASURE,
            &measures::dry_runs::MEASURE,
            &measures::operations_denied::MEASURE,
        ];
        if denials.iter().any(|one| one.code == measure.code) { Group::Denials } else { Group::Rate }
    }

    /// What it is about.
    pub fn topic(self) -> Topic {
        match self {
            Group::Rate | Group::Drift => Topic::Rate,
            Group::Denials => Topic::Denials,
            Group::FirstUses | Group::QuietHours => Topic::FirstUses,
        }
    }
}

/// What was unusual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Sign {
    /// More than usual within a window.
    Count {
        /// What was counted.
        #[serde(with = "by_code")]
        measure: &'static Measure,
        /// The score of the window.
        score: Score,
        /// Whether the count is exact, and not an estimate.
        is_exact: bool,
    },
    /// More within a week than in the weeks before.
    Drift {
        /// What was counted.
        #[serde(with = "by_code")]
        measure: &'static Measure,
        /// The comparison.
        drift: Drift,
    },
    /// A larger part of all calls refused than usual, within an hour.
    Share {
        /// The judgement.
        score: ShareScore,
    },
    /// Active in an hour of the week in which it is hardly ever active.
    QuietHour {
        /// π: how likely it is that such an hour is active.
        activity: f64,
        /// T: -log10 of that, or what the stream's count is worth if that is less: who is often active at odd hours has seldom
        /// an unusual count.
        calibrated: f64,
    },
    /// Something for the first time.
    FirstUses {
        /// The judgement.
        novelty: Novelty,
        /// The dearest value of each of its parts, in their order.
        values: Vec<NewValue>,
    },
}

/// A value that is new for a principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewValue {
    /// Of what kind it is.
    pub dimension: Dimension,
    /// The value.
    pub name: String,
}

/// A measure is stored by its code.
mod by_code {
    use crate::measures::{self, Measure};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        measure: &&'static Measure,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(measure.code)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<&'static Measure, D::Error> {
        let code = u8::deserialize(deserializer)?;
        measures::by_code(code)
            .ok_or_else(|| serde::de::Error::custom("a measure that this version does not know"))
    }
}

impl Sign {
    /// The hour as such, if it is one in which there is hardly ever anything, of a stream whose week is known.
    pub(super) fn quiet_hour(closed: &Closed) -> Option<Sign> {
        let score =
            closed.scores.iter().find(|score| closed.measure.seasonal && score.window == Window::Hour)?;
        let calibrated = score.calibrated.min(-libm::log10(score.activity));
        let is_known = score.history.maturity() == Maturity::Mature;
        is_known.then_some(Sign::QuietHour { activity: score.activity, calibrated })
    }

    /// T: minus log10 of its probability, as far as is known.
    pub fn calibrated(&self) -> f64 {
        match self {
            Sign::Count { score, .. } => score.calibrated,
            Sign::Drift { drift, .. } => drift.calibrated,
            Sign::Share { score } => score.calibrated,
            Sign::QuietHour { calibrated, .. } => *calibrated,
            Sign::FirstUses { novelty, .. } => novelty.score,
        }
    }

    /// Evidence of the same kind.
    pub fn group(&self) -> Group {
        match self {
            Sign::Count { measure, .. } => Group::of(measure),
            Sign::Drift { .. } => Group::Drift,
            Sign::Share { .. } => Group::Denials,
            Sign::QuietHour { .. } => Group::QuietHours,
            Sign::FirstUses { .. } => Group::FirstUses,
        }
    }

    /// What is compared with each other, beside the class of the entity.
    pub(super) fn family(&self) -> &'static str {
        match self {
            Sign::Count { measure, .. } | Sign::Drift { measure, .. } => measure.id,
            Sign::Share { .. } => DENIED_SHARE,
            Sign::QuietHour { .. } => QUIET_HOUR,
            Sign::FirstUses { novelty, .. } if novelty.is_critical() => FIRST_USES_CRITICAL,
            Sign::FirstUses { .. } => "first_uses",
        }
    }

    /// How many times the usual it is, where that can be said of a day or of more.
    pub(super) fn growth(&self) -> Option<f64> {
        match self {
            Sign::Count { score, .. } if score.window == Window::Day => {
                Some(score.observed as f64 / score.mean.max(1.0))
            }
            Sign::Drift { drift, .. } => Some(drift.observed as f64 / drift.mean.max(1.0)),
            _ => None,
        }
    }

    pub(super) fn span(&self) -> Span {
        match self {
            Sign::Count { score, .. } if score.is_spread => Span::SpreadDay,
            Sign::Count { score, .. } => span(score.window),
            Sign::Drift { .. } => Span::Drift,
            Sign::Share { .. } | Sign::QuietHour { .. } => Span::Hour,
            Sign::FirstUses { .. } => Span::Novelty,
        }
    }

    /// Tells apart what one entity can show in one hour.
    pub(super) fn code(&self) -> (u8, Span) {
        let measure = match self {
            Sign::Count { measure, .. } | Sign::Drift { measure, .. } => measure.code,
            // No measure has these codes.
            Sign::Share { .. } | Sign::FirstUses { .. } => 0,
            Sign::QuietHour { .. } => u8::MAX,
        };
        // Of a day one entity shows one thing, spread or not.
        let span = if self.span() == Span::SpreadDay { Span::Day } else { self.span() };
        (measure, span)
    }

    /// Hours that it looks back over.
    pub(super) fn hours(&self) -> i64 {
        match self {
            Sign::Count { score, .. } => score.window.hours(),
            Sign::Drift { .. } => 168,
            Sign::Share { .. } | Sign::QuietHour { .. } | Sign::FirstUses { .. } => 1,
        }
    }
}
