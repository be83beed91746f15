//! The hours of an entity that a statistical finding is about: counts, what was to be expected, what was judged.

use super::ChartRow;
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::baseline::rate::Window;
use kmswatch_engine::finding::{Finding, FindingKind};
use kmswatch_engine::measures::{self, Measure};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Entities that are drawn, those of the worst findings first.
pub const CHARTS: usize = 300;
/// Hours of one chart, the last: half a year.
const HOURS: usize = 24 * 183;

/// What a statistical finding has judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The principal or key.
    pub entity: Entity,
    /// The last hour, whole hours since the epoch.
    pub until: i64,
    /// The window, where something was counted; `None` for first uses.
    pub counted: Option<Counted>,
}

/// A window in which something was counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// What was counted.
    pub measure: &'static Measure,
    /// The last hour of the window, whole hours since the epoch.
    pub until: i64,
    /// Hours of the window.
    pub hours: i64,
}

impl Judged {
    /// What a statistical finding is about; `None` for one of another kind.
    pub fn of(finding: &Finding) -> Option<Judged> {
        if !matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty) {
            return None;
        }
        let details = &finding.evidence.details;
        let text = |name: &str| details.get(name).and_then(|value| value.as_str());
        let entity = match text("counted_for")? {
            "key" => Entity::Key(finding.key.as_ref()?.arn.clone()),
            _ => Entity::Principal(finding.principal.as_ref()?.id.clone()),
        };
        let until = Timestamp::parse(text("until")?)?.hour() - 1;
        let measure = measures::ALL.iter().copied().find(|one| Some(one.id) == text("measure"));
        let hours = details.get("window_hours").and_then(|value| value.as_i64());
        let counted = measure.zip(hours).map(|(measure, hours)| Counted { measure, until, hours });
        // The share of refusals is judged by their count as well.
        let refusals = || Counted { measure: &measures::denied_calls::MEASURE, until, hours: 1 };
        let counted = counted.or_else(|| details.contains_key("calls").then(refusals));
        Some(Judged { entity, until, counted })
    }
}

/// The entities to follow while the logs are read again, those of the worst findings first.
pub fn entities(findings: &[Finding]) -> Vec<Entity> {
    let mut worst_first: Vec<&Finding> = findings.iter().collect();
    worst_first.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut entities = Vec::new();
    let judged = worst_first.into_iter().filter_map(Judged::of);
    for judged in judged.filter(|judged| judged.counted.is_some()) {
        if entities.len() < CHARTS && !entities.contains(&judged.entity) {
            entities.push(judged.entity);
        }
    }
    entities
}

/// One measure of one entity.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    /// Id or ARN.
    entity: String,
    is_key: bool,
    measure: &'static str,
    /// What is counted, such as `decrypts`.
    unit: &'static str,
    /// The first hour, whole hours since the epoch.
    first: i64,
    /// Hours with a count: hours after the first, count, and between what nine of ten such hours lie.
    hours: Vec<(i64, u64, u64, u64)>,
    /// Earlier hours that are left out.
    left_out: usize,
    windows: Vec<WindowMark>,
}

/// A window that a finding rests on.
#[derive(Clone, Debug, Serialize)]
struct WindowMark {
    finding: String,
    title: String,
    /// First hour and the hour after the last one.
    from: i64,
    until: i64,
    observed: Option<f64>,
    expected: Option<f64>,
}

impl Chart {
    /// The charts of these findings, as far as `watch` has followed their entities.
    pub fn of(watch: &Watch, findings: &[Finding]) -> Vec<Chart> {
        let mut wanted: BTreeMap<(Entity, &'static str), (&'static Measure, Vec<WindowMark>)> =
            BTreeMap::new();
        for finding in findings {
            let Some(judged) = Judged::of(finding) else { continue };
            let Some(counted) = judged.counted else { continue };
            let mark = WindowMark {
                finding: finding.id.clone(),
                title: finding.title.clone(),
                from: judged.until - counted.hours + 1,
                until: judged.until + 1,
                observed: finding.evidence.observed,
                expected: finding.evidence.expected,
            };
            let slot = (judged.entity, counted.measure.id);
            wanted.entry(slot).or_insert_with(|| (counted.measure, Vec::new())).1.push(mark);
        }
        wanted
            .into_iter()
            .filter_map(|((entity, _), (measure, windows))| chart(watch, &entity, measure, windows))
            .collect()
    }

    pub(super) fn row(&self) -> ChartRow<'_> {
        let findings = self.windows.iter().map(|window| window.finding.as_str()).collect();
        (&self.entity, self.is_key, self.measure, findings)
    }
}

fn chart(
    watch: &Watch,
    entity: &Entity,
    measure: &'static Measure,
    windows: Vec<WindowMark>,
) -> Option<Chart> {
    let of_measure: Vec<_> =
        watch.history(entity).iter().filter(|hour| hour.measure.id == measure.id).collect();
    let left_out = of_measure.len().saturating_sub(HOURS);
    let kept = of_measure.get(left_out..)?;
    let first = kept.first()?.hour;
    let hours = kept
        .iter()
        .map(|hour| {
            let score = hour.scores.iter().find(|score| score.window == Window::Hour);
            let (low, high) = score.map_or((0, 0), |score| score.expected_interval());
            (hour.hour - first, hour.count, low, high)
        })
        .collect();
    Some(Chart {
        entity: entity.id().to_owned(),
        is_key: entity.is_key(),
        measure: measure.id,
        unit: measure.unit,
        first,
        hours,
        left_out,
        windows,
    })
}
