//! The hours around a finding as they were judged.

use super::figures::{counted, grouped, moment, probability};
use super::layout::{labelled, wrapped};
use super::plot::bar;
use super::{BAD, FAINT};
use kmswatch_engine::baseline::rate::{Score, Window};
use kmswatch_engine::pipeline::JudgedHour;
use kmswatch_engine::time::{HOUR, Timestamp};
use kmswatch_report::page::charts::Counted;
use std::io::{self, Write};

/// Hours shown before the judged window, and after it.
const AROUND: [i64; 2] = [30, 12];
/// Columns of the bars.
const BAR: usize = 20;

/// Writes the hours around the judged window, silent ones together.
pub(crate) fn write(out: &mut impl Write, judged: &Counted, history: &[JudgedHour]) -> io::Result<()> {
    let first = judged.until - judged.hours + 1;
    let shown = first - AROUND[0]..=judged.until + AROUND[1];
    let hours: Vec<&JudgedHour> =
        history.iter().filter(|hour| hour.measure == judged.measure && shown.contains(&hour.hour)).collect();
    let most = hours.iter().map(|hour| hour.count).max().unwrap_or_default() as f64;
    let head = format!("{} by hour (UTC), and where nine of ten hours lie", judged.measure.unit);
    labelled(out, "hours", wrapped(&head, 66))?;
    let mut before: Option<i64> = None;
    for hour in &hours {
        if let Some(silent) = before.map(|before| hour.hour - before - 1).filter(|silent| *silent > 0) {
            let silent = counted(u64::try_from(silent).unwrap_or_default(), "hour");
            labelled(out, "", [format!("{FAINT}            … {silent} without any{FAINT:#}")])?;
        }
        labelled(out, "", [line(hour, (first..=judged.until).contains(&hour.hour), most)])?;
        before = Some(hour.hour);
    }
    if hours.is_empty() {
        labelled(out, "", ["none of them could be read again"])?;
    }
    Ok(())
}

fn line(hour: &JudgedHour, is_judged: bool, most: f64) -> String {
    let when = moment(Timestamp(hour.hour.saturating_mul(HOUR)));
    let when = when.get(5..16).unwrap_or(&when).to_owned();
    let expected =
        hour.scores.iter().find(|score| score.window == Window::Hour).map_or(String::new(), interval);
    let bar = bar(hour.count as f64, most, BAR);
    let gap = BAR.saturating_sub(bar.chars().count());
    let count = grouped(hour.count);
    if is_judged {
        format!("{when} {BAD}{bar}{BAD:#}{:gap$} {count:>7} {FAINT}{expected:>9}{FAINT:#} {BAD}◄{BAD:#}", "")
    } else {
        format!("{when} {bar}{:gap$} {count:>7} {FAINT}{expected:>9}{FAINT:#}", "")
    }
}

fn interval(score: &Score) -> String {
    let (low, high) = score.expected_interval();
    format!("{}-{}", grouped(low), grouped(high))
}

/// How each window that ends with the judged one was scored.
pub(crate) fn scores(out: &mut impl Write, judged: &Counted, history: &[JudgedHour]) -> io::Result<()> {
    let hour = history.iter().find(|hour| hour.measure == judged.measure && hour.hour == judged.until);
    let Some(hour) = hour else { return Ok(()) };
    let lines: Vec<String> = hour
        .scores
        .iter()
        .map(|score| {
            let p = probability(10f64.powf(score.log10_probability()));
            format!(
                "{:>2} h: {} counted, {} expected, probability {p}",
                score.window.hours(),
                grouped(score.observed),
                interval(score),
            )
        })
        .collect();
    labelled(out, "windows", lines)
}
