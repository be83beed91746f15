//! What is known of one principal or key, for people: its names, who uses it, what is usual for it.

use super::figures::{counted, grouped, measured, moment};
use super::layout::{beside_label, labelled, wrapped};
use super::plot::spark;
use super::{FAINT, STRONG};
use crate::terminal::safe;
use kmswatch_engine::baseline::entity::Baseline;
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::baseline::rate::{Profile, WEEK};
use kmswatch_engine::measures::Measure;
use kmswatch_engine::state::{KeyState, PrincipalState, Seen, Sight, States};
use kmswatch_engine::time::{HOUR, Timestamp};
use std::io::{self, Write};

/// Members of a list that are printed.
const MEMBERS: usize = 8;
/// Names of the days, as [`Profile::week`] begins.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Writes the page of an entity.
pub(crate) fn write(
    out: &mut impl Write,
    entity: &Entity,
    states: &States,
    columns: usize,
) -> io::Result<()> {
    let kind = match entity {
        Entity::Key(_) => "key",
        Entity::Principal(_) => "principal",
    };
    writeln!(out, "{STRONG}{}{STRONG:#}  {FAINT}{kind}{FAINT:#}", safe(entity.id()))?;
    let baseline = match entity {
        Entity::Key(arn) => {
            let Some(state) = states.keys.get(arn) else { return Ok(()) };
            key(out, arn, state, states, columns)?;
            &state.baseline
        }
        Entity::Principal(id) => {
            let Some(state) = states.principals.get(id) else { return Ok(()) };
            let among = among(entity, state.baseline.keeps_schedule());
            labelled(out, "judged", wrapped(among, beside_label(columns)))?;
            principal(out, state, columns)?;
            &state.baseline
        }
    };
    usual(out, baseline, columns)
}

fn key(out: &mut impl Write, arn: &str, state: &KeyState, states: &States, columns: usize) -> io::Result<()> {
    let columns = beside_label(columns);
    let aliases = states.names().of(arn, state);
    if !aliases.is_empty() {
        labelled(out, "aliases", wrapped(&safe(&aliases.join(", ")), columns))?;
    }
    let origin = state.origin.get().map(|origin| format!("origin {}", safe(origin)));
    let manager = state.manager.get().map(|manager| format!("managed by {}", safe(manager)));
    let regions = state.multi_region.then(|| "part of a multi-Region key".to_owned());
    let facts: Vec<String> = [origin, manager, regions].into_iter().flatten().collect();
    if !facts.is_empty() {
        labelled(out, "is", wrapped(&facts.join(", "), columns))?;
    }
    labelled(out, "used by", sights(&state.users, "nobody, as far as was read"))?;
    if !state.others.is_empty() {
        labelled(out, "others", sights(&state.others, ""))?;
    }
    let kinds: Vec<String> =
        state.resources.kinds().map(|(kind, n)| counted(n, &kind.replace('_', " "))).collect();
    if !kinds.is_empty() {
        labelled(out, "protects", wrapped(&kinds.join(", "), columns))?;
    }
    let acts = state.timeline().into_iter().rev().take(MEMBERS);
    let acts: Vec<String> = acts
        .map(|act| format!("{}  {} by {}", moment(act.time), act.kind.operation(), safe(&act.by.id)))
        .collect();
    labelled(out, "changed", acts)
}

/// With whom the counts of a principal are compared.
fn among(entity: &Entity, keeps_schedule: bool) -> &'static str {
    match entity.class_among(keeps_schedule) {
        "job" => "among jobs, since it keeps to a schedule",
        "person" => "among people",
        "service" => "among services of AWS",
        _ => "among workloads",
    }
}

fn principal(out: &mut impl Write, state: &PrincipalState, columns: usize) -> io::Result<()> {
    let columns = beside_label(columns);
    let all = [("destroyed", &state.destroyed), ("attempted", &state.attempted)];
    for (label, acts) in all {
        let lines = acts.values().rev().take(MEMBERS).flat_map(|acts| {
            let act = &acts.first;
            let line = format!("{}  {} {}", moment(act.time), act.kind.operation(), safe(&act.key));
            wrapped(&line, columns)
        });
        labelled(out, label, lines.collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Names with the last time they were seen, the latest first.
fn sights<const N: usize>(seen: &Seen<N>, none: &str) -> Vec<String> {
    let newest = seen.newest();
    let mut lines: Vec<String> = newest.iter().take(MEMBERS).map(|sight| line(sight)).collect();
    match newest.len().saturating_sub(MEMBERS) {
        0 if lines.is_empty() && !none.is_empty() => lines.push(none.to_owned()),
        0 => {}
        more => lines.push(format!(
            "and {}{} more",
            if seen.is_full() { "at least " } else { "" },
            grouped(more as u64)
        )),
    }
    lines
}

fn line(sight: &Sight) -> String {
    let via = if sight.detail.is_empty() { String::new() } else { format!(" via {}", safe(&sight.detail)) };
    let when = match (sight.first, sight.last) {
        (_, Some(last)) => format!("last {}", moment(last)),
        (Some(first), None) => format!("since {}", moment(first)),
        (None, None) => String::new(),
    };
    format!("{}{via}, {when}", safe(&sight.name))
}

/// What is usual: one line a measure, and the week of the busiest that has one.
fn usual(out: &mut impl Write, baseline: &Baseline, columns: usize) -> io::Result<()> {
    let mut learned: Vec<(&Measure, &Profile)> =
        baseline.series().filter_map(|(measure, series)| Some((measure, series.profile()?))).collect();
    if learned.is_empty() {
        return labelled(out, "usual", ["nothing learned yet: no hour with a count has closed"]);
    }
    let by_week = |profile: &Profile| profile.week().iter().sum::<f64>();
    learned.sort_by(|a, b| by_week(b.1).total_cmp(&by_week(a.1)));
    let lines: Vec<String> = learned
        .iter()
        .map(|(measure, profile)| {
            let history = profile.history();
            format!(
                "{:<32} {:>9} a week, {} active of {}",
                measure.unit,
                measured(rounded(by_week(profile))),
                grouped(u64::from(history.active_hours)),
                counted(u64::try_from(history.hours).unwrap_or_default(), "hour"),
            )
        })
        .collect();
    labelled(out, "usual", lines)?;
    match learned.iter().find(|(measure, _)| measure.seasonal) {
        Some((measure, profile)) => week(out, measure, profile, columns),
        None => Ok(()),
    }
}

/// Whole from ten on.
fn rounded(value: f64) -> f64 {
    if value >= 10.0 { value.round() } else { value }
}

/// The week that was learned: a line a day, a character an hour.
pub(crate) fn week(
    out: &mut impl Write,
    measure: &Measure,
    profile: &Profile,
    columns: usize,
) -> io::Result<()> {
    let week = profile.week();
    let most = week.iter().copied().fold(0.0, f64::max);
    let since = Timestamp(profile.first_hour().saturating_mul(HOUR));
    let words = format!(
        "{} expected by hour (UTC), learned since {}; █ is {} an hour",
        measure.unit,
        moment(since),
        measured(rounded(most))
    );
    labelled(out, "week", wrapped(&words, beside_label(columns)))?;
    labelled(out, "", [format!("{FAINT}    0     6     12    18{FAINT:#}")])?;
    for (day, hours) in DAYS.iter().zip(week.chunks(WEEK / DAYS.len())) {
        let line: String = hours.iter().map(|mean| spark(*mean, most)).collect();
        labelled(out, "", [format!("{FAINT}{day}{FAINT:#} {line}")])?;
    }
    Ok(())
}
