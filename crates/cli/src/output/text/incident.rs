//! Incidents for people: in the order in which somebody who was just woken asks.

use super::{DETAIL, lines, names, on_one_line, runbook, title, who};
use crate::output::figures::{counted, grouped, moment};
use crate::output::layout::{beside_label, labelled, paragraphs, wrapped};
use crate::output::text::Layout;
use crate::output::{FAINT, STRONG, style_of};
use crate::terminal::{capped, safe};
use kmswatch_engine::finding::Severity;
use kmswatch_engine::incident::{AlertKind, Incident, Stage, Step};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Principals, keys and losses told; the JSON holds more.
const TOLD: usize = 4;
/// Lines of a timeline, and steps; `--verbose` tells all.
const TIMELINE: usize = 15;
const STEPS: usize = 12;
/// Reasons told: whoever has read three is convinced.
const WHYS: usize = 3;
/// Lines of a timeline by one detector: after so many a reader knows the pattern.
const ALIKE: usize = 5;
/// Commands to look further.
const LOOKS: usize = 4;

/// Writes the incidents, the worst first; gives how many were told on one line only.
pub(super) fn write(out: &mut impl Write, incidents: &[Incident], layout: &Layout) -> io::Result<usize> {
    let mut shortened = 0;
    for severity in Severity::ALL.into_iter().rev() {
        for incident in incidents.iter().filter(|incident| incident.severity == severity) {
            // What is worth no alert is worth a line.
            if layout.verbose || !incident.alerts.is_empty() {
                writeln!(out)?;
                full(out, incident, layout)?;
            } else {
                if shortened == 0 {
                    writeln!(out)?;
                }
                shortened += 1;
                on_one_line(out, severity, incident.time.start, &incident.title, "", layout)?;
            }
        }
    }
    Ok(shortened)
}

fn full(out: &mut impl Write, incident: &Incident, layout: &Layout) -> io::Result<()> {
    let columns = beside_label(layout.columns);
    title(out, incident.severity, &incident.title, layout)?;
    labelled(out, "what", paragraphs(&incident.summary, columns))?;
    labelled(out, "status", wrapped(&status(incident), columns))?;
    for actor in incident.principals.iter().take(TOLD) {
        labelled(out, "who", who(actor, columns))?;
    }
    labelled(out, "", more(incident.principal_count, TOLD, "principal"))?;
    let mut label = "key";
    for key in incident.keys.iter().take(TOLD) {
        labelled(out, label, names(key))?;
        label = "";
    }
    labelled(out, "", more(incident.key_count, TOLD, "key"))?;
    let whys = if layout.verbose { Incident::WHYS } else { WHYS };
    labelled(out, "why", incident.why.iter().take(whys).flat_map(|why| bullet(why, columns)))?;
    labelled(out, "", more(incident.why.len(), whys, "reason"))?;
    let losses = incident.losses.iter().take(2 * TOLD);
    let losses =
        losses.flat_map(|loss| bullet(&format!("{}: {}", loss.key.label(), loss.sentence()), columns));
    labelled(out, "breaks", losses)?;
    if incident.losses.is_empty() && !incident.stages.contains(&Stage::Impact) {
        labelled(out, "breaks", ["nothing: no key was taken away"])?;
    }
    let steps = if layout.verbose { Incident::STEPS } else { STEPS };
    let shown = incident.steps.get(..steps).unwrap_or(&incident.steps);
    labelled(out, "do now", runbook(shown, columns))?;
    let left_out = incident.steps_left_out + incident.steps.len() - shown.len();
    if left_out > 0 {
        labelled(out, "", [format!("and {} (--verbose)", counted(left_out as u64, "more step"))])?;
    }
    timeline(out, incident, layout)?;
    labelled(
        out,
        "look",
        runbook(incident.look_further.get(..LOOKS).unwrap_or(&incident.look_further), columns),
    )?;
    labelled(out, "unknown", incident.unknown.iter().flat_map(|line| bullet(line, columns)))?;
    let mut known_as = vec![safe(&incident.id).into_owned()];
    known_as.extend(incident.joined.iter().map(|id| format!("joined with {}", safe(id))));
    known_as.extend(incident.mitre.iter().map(|technique| format!("ATT&CK {}", technique.id)));
    let known_as = wrapped(&known_as.join(" · "), columns);
    labelled(out, "by", known_as.iter().map(|line| format!("{FAINT}{line}{FAINT:#}")))
}

fn status(incident: &Incident) -> String {
    let mut parts = vec![incident.standing.name().to_owned()];
    for alert in &incident.alerts {
        let at = moment(alert.at);
        let at = at.get(..16).unwrap_or(&at);
        parts.push(match alert.kind {
            AlertKind::Opened => format!("opened {at} ({})", alert.severity),
            AlertKind::Escalated => format!("worse {at} ({})", alert.severity),
            AlertKind::Reminder => format!("reminder {at}"),
        });
    }
    parts.join(", ")
}

/// A line that there are more of something than are told.
fn more(n: usize, told: usize, what: &str) -> Option<String> {
    let more = n.saturating_sub(told);
    (more > 0).then(|| format!("and {}", counted(more as u64, &format!("more {what}"))))
}

fn bullet(text: &str, columns: usize) -> Vec<String> {
    let mut mark = "- ";
    let lines = paragraphs(text, columns.saturating_sub(2));
    lines.into_iter().map(|line| format!("{}{line}", std::mem::replace(&mut mark, "  "))).collect()
}

/// What happened in order of time; the least severe are left out first, but none that a combination rests on.
fn timeline(out: &mut impl Write, incident: &Incident, layout: &Layout) -> io::Result<()> {
    let all = incident.timeline.iter().collect::<Vec<_>>();
    if all.len() < 2 {
        return Ok(());
    }
    let length = if layout.verbose { Incident::TIMELINE } else { TIMELINE };
    let mut steps: Vec<(usize, &Step)> = all.into_iter().enumerate().collect();
    let is_lesser = |step: &Step| !incident.rests_on(&step.finding);
    steps.sort_by_key(|(at, step)| (is_lesser(step), std::cmp::Reverse(step.severity), *at));
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    steps.retain(|(_, step)| {
        let told = alike.entry(step.detector).or_default();
        *told += 1;
        layout.verbose || *told <= ALIKE
    });
    steps.truncate(length);
    steps.sort_by_key(|(at, _)| *at);
    let mut day = String::new();
    let mut shown = Vec::new();
    for (_, step) in &steps {
        let at = moment(step.time);
        let (date, time) = at.split_once(' ').unwrap_or((&at, ""));
        if date != day {
            date.clone_into(&mut day);
            shown.push(format!("{STRONG}{date}{STRONG:#}"));
        }
        let times = if step.count > 1 { format!(" ({}×)", grouped(step.count)) } else { String::new() };
        let muted = if step.muted { " (muted)" } else { "" };
        let style = style_of(step.severity);
        let left = beside_label(layout.columns).saturating_sub(16 + times.chars().count() + muted.len());
        let title = capped(&step.title, left.min(DETAIL).saturating_sub(1));
        let time = time.get(..5).unwrap_or(time);
        shown.push(format!(
            "{time} {style}{:<9}{style:#}{title}{times}{muted}",
            step.severity.name().to_uppercase()
        ));
    }
    labelled(out, "timeline", shown)?;
    let left_out = incident.timeline_left_out + incident.timeline.len() - steps.len();
    if left_out > 0 {
        lines(out, &[format!("            and {} (--verbose)", counted(left_out as u64, "lesser finding"))])?;
    }
    Ok(())
}
