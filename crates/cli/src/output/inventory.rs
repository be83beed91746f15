//! The inventory for people: a few lines a key, and what is careless.

use super::figures::{counted, grouped, measured, moment};
use super::layout::{Part, beside_label, labelled, parts, wrapped};
use super::text::Layout;
use super::{COMMAND, FAINT, STRONG, style_of};
use crate::terminal::safe;
use kmswatch_report::hygiene::{Report, Sign};
use kmswatch_report::inventory::{Deletion, Inventory, KeyEntry, User, short};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Keys, users of a key and places of a sign that are printed without `--verbose`.
const KEYS: usize = 20;
const USERS: usize = 4;
const SIGNS: usize = 3;

/// Writes all keys, those used most first, and what is careless.
pub(crate) fn all(
    out: &mut impl Write,
    inventory: &Inventory,
    hygiene: &[Report],
    layout: &Layout,
) -> io::Result<()> {
    head(out, inventory, layout)?;
    let shown = if layout.verbose { usize::MAX } else { KEYS };
    for entry in inventory.keys.iter().take(shown) {
        writeln!(out)?;
        key(out, entry, layout)?;
    }
    more(out, inventory.keys.len(), shown, "key")?;
    if !hygiene.is_empty() {
        writeln!(out, "\n{STRONG}Hygiene{STRONG:#} {FAINT}(none of this is an attack){FAINT:#}")?;
    }
    hygiene.iter().try_for_each(|report| signs(out, report, layout))
}

/// Writes one key and what breaks if it is deleted.
pub(crate) fn one(
    out: &mut impl Write,
    inventory: &Inventory,
    deletion: &Deletion,
    hygiene: &[Report],
    layout: &Layout,
) -> io::Result<()> {
    let columns = beside_label(layout.columns);
    let layout = &Layout { columns: layout.columns, verbose: true };
    for line in wrapped(&safe(&deletion.answer), layout.columns) {
        writeln!(out, "{STRONG}{line}{STRONG:#}")?;
    }
    writeln!(out)?;
    inventory.keys.iter().try_for_each(|entry| key(out, entry, layout))?;
    let bullets = |lines: &[String]| -> Vec<String> {
        lines.iter().flat_map(|line| bullet(&safe(line), columns)).collect()
    };
    labelled(out, "breaks", bullets(&deletion.breaks))?;
    let sample = inventory.keys.iter().flat_map(|key| &key.resource_sample);
    let sample = sample.map(|resource| safe(&format!("{} {}", resource.kind, resource.id)).into_owned());
    labelled(out, "such as", sample)?;
    labelled(out, "unknown", bullets(&deletion.unknown))?;
    let mut steps = Vec::new();
    for (at, step) in deletion.steps.iter().enumerate() {
        let mut number = format!("{}. ", at + 1);
        for part in parts(step) {
            match part {
                Part::Words(words) => steps.extend(
                    wrapped(words, columns.saturating_sub(3))
                        .into_iter()
                        .map(|line| format!("{}{line}", std::mem::replace(&mut number, "   ".to_owned()))),
                ),
                Part::Command(command) => steps.push(format!("   {COMMAND}{}{COMMAND:#}", safe(command))),
            }
        }
    }
    labelled(out, "instead", steps)?;
    hygiene.iter().try_for_each(|report| signs(out, report, layout))
}

fn head(out: &mut impl Write, inventory: &Inventory, layout: &Layout) -> io::Result<()> {
    let cost = inventory.cost;
    let words = format!(
        "{} in {} days of logs, {} to {} UTC; about {:.2} USD a month ({:.2} for keys, {:.2} for requests, prices of \
         {}, us-east-1).",
        counted(inventory.keys.len() as u64, "key"),
        measured(inventory.days),
        moment(inventory.since),
        moment(inventory.as_of),
        cost.total(),
        cost.keys,
        cost.requests,
        inventory.prices.as_of,
    );
    wrapped(&words, layout.columns).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    if inventory.cut.is_cut() {
        let words = format!(
            "There was more than is told apart: {} on other keys and {} of other users are counted as a whole, {} of \
             other resources{}.",
            counted(inventory.cut.calls_of_other_keys, "call"),
            counted(inventory.cut.calls_of_other_users, "call"),
            counted(inventory.cut.other_resources, "use"),
            if inventory.cut.repetitions { ", and repeated events may have been counted twice" } else { "" }
        );
        wrapped(&words, layout.columns).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(())
}

fn key(out: &mut impl Write, key: &KeyEntry, layout: &Layout) -> io::Result<()> {
    let columns = beside_label(layout.columns);
    let owner = if key.foreign { ", not yours" } else { "" };
    writeln!(
        out,
        "{STRONG}{}{STRONG:#}  {FAINT}{} {}{owner}{FAINT:#}",
        safe(key.label()),
        safe(&key.account),
        safe(&key.region)
    )?;
    labelled(out, "arn", [safe(&key.arn)])?;
    if key.aliases.len() > 1 {
        labelled(out, "aliases", wrapped(&safe(&key.aliases.join(", ")), columns))?;
    }
    labelled(out, "is", wrapped(&safe(&facts(key)), columns))?;
    labelled(out, "use", wrapped(&usage(key), columns))?;
    let shown = if layout.verbose { usize::MAX } else { USERS };
    let mut users: Vec<String> =
        key.users.iter().take(shown).flat_map(|one| bullet(&user(one), columns)).collect();
    let left = key.users.len().saturating_sub(shown);
    if left > 0 {
        users.push(format!("and {}", counted(left as u64, "more user")));
    }
    if key.acts_of_other_users > 0 {
        users.push(format!(
            "and {} of users that are not told apart",
            counted(key.acts_of_other_users, "call")
        ));
    }
    labelled(out, "users", users)?;
    let behind: Vec<String> =
        key.resources.iter().map(|(kind, n)| counted(*n, &kind.replace('_', " "))).collect();
    if !behind.is_empty() {
        let least = if key.resources_cut { "at least " } else { "" };
        labelled(out, "behind", wrapped(&format!("{least}{}", behind.join(", ")), columns))?;
    }
    if !key.errors.is_empty() {
        labelled(out, "errors", wrapped(&counts(&key.errors), columns))?;
    }
    let cost = key.cost;
    if cost.total() > 0.0 && !key.foreign {
        labelled(out, "cost", [format!("about {:.2} USD a month", cost.total())])?;
    }
    Ok(())
}

fn facts(key: &KeyEntry) -> String {
    let mut facts = vec![match key.state_since {
        Some(since) => format!("{} since {}", key.state.words(), moment(since)),
        None => key.state.words().to_owned(),
    }];
    facts.extend(key.deletion_at.map(|at| format!("to be deleted at {}", moment(at))));
    facts.extend(key.manager.as_ref().map(|manager| format!("managed by {manager}")));
    facts.extend(key.origin.as_ref().map(|origin| format!("origin {origin}")));
    facts.extend(key.spec.spec.clone());
    facts.extend(key.material_expires_at.map(|at| format!("its material expires at {}", moment(at))));
    facts.extend(key.rotation.automatic.map(|on| format!("rotation {}", if on { "on" } else { "off" })));
    match key.copies.len() {
        0 if key.multi_region => facts.push("part of a multi-Region key".to_owned()),
        0 => {}
        n => facts.push(format!("multi-Region, {} more", counted(n as u64, "Region"))),
    }
    facts.join(", ")
}

fn usage(key: &KeyEntry) -> String {
    let Some(last) = key.last_use else { return "none".to_owned() };
    let services = key.services();
    let through =
        if services.is_empty() { String::new() } else { format!(", through {}", services.join(", ")) };
    let text = format!(
        "{}; {} a day, last {}{through}",
        counts(&key.operations),
        measured(if key.uses_per_day < 10.0 { key.uses_per_day } else { key.uses_per_day.round() }),
        moment(last)
    );
    safe(&text).into_owned()
}

fn user(user: &User) -> String {
    let via = if user.via.is_empty() { String::new() } else { format!(" through {}", user.via) };
    let text = format!(
        "{}{via}: {}, last {}",
        short(&user.principal),
        counted(user.calls, "call"),
        moment(user.last)
    );
    safe(&text).into_owned()
}

/// `Decrypt 4,310, Encrypt 2`, the most frequent first; the seldom ones are only counted.
fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    const NAMED: usize = 5;
    let mut sorted: Vec<(&&str, &u64)> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut parts: Vec<String> =
        sorted.iter().take(NAMED).map(|(name, n)| format!("{name} {}", grouped(**n))).collect();
    if let Some(rest) = sorted.get(NAMED..).filter(|rest| !rest.is_empty()) {
        let sum = rest.iter().map(|(_, n)| **n).sum();
        parts.push(format!("others {}", grouped(sum)));
    }
    parts.join(", ")
}

fn signs(out: &mut impl Write, report: &Report, layout: &Layout) -> io::Result<()> {
    let columns = beside_label(layout.columns);
    let style = style_of(report.severity);
    writeln!(
        out,
        "\n{style}{:<7}{style:#} {STRONG}{}{STRONG:#}  {FAINT}{}, {}{FAINT:#}",
        report.severity.name().to_uppercase(),
        report.title,
        report.id,
        counted(report.sign_count as u64, "key"),
    )?;
    let shown = if layout.verbose { usize::MAX } else { SIGNS };
    let listed = report.signs.iter().take(shown);
    let left = report.sign_count.saturating_sub(listed.len());
    let mut lines: Vec<String> = listed.flat_map(|one| bullet(&sign(one), columns)).collect();
    if left > 0 {
        lines.push(format!("and {} (--verbose)", counted(left as u64, "more key")));
    }
    labelled(out, "seen", lines)?;
    labelled(out, "advice", wrapped(report.advice, columns))?;
    labelled(out, "but", wrapped(report.caveat, columns))
}

fn sign(sign: &Sign) -> String {
    let event = sign.evidence.as_ref().and_then(|evidence| evidence.event_ids.first());
    let event = event.map_or(String::new(), |id| format!(" Event {id}."));
    safe(&format!("{}: {}{event}", sign.label, sign.says)).into_owned()
}

fn bullet(text: &str, columns: usize) -> Vec<String> {
    let mut mark = "- ";
    let lines = wrapped(text, columns.saturating_sub(2));
    lines.into_iter().map(|line| format!("{}{line}", std::mem::replace(&mut mark, "  "))).collect()
}

fn more(out: &mut impl Write, all: usize, shown: usize, what: &str) -> io::Result<()> {
    match all.saturating_sub(shown) {
        0 => Ok(()),
        left => writeln!(out, "\nand {} (--verbose)", counted(left as u64, &format!("more {what}"))),
    }
}
