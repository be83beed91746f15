//! The texts of an incident.

use super::{Fate, Incident, Loss, Member, Stage};
use crate::finding::{KeyName, Span};
use crate::state::distinct::Distinct;
use crate::time::{DAY, HOUR, MINUTE, short_moment};
use crate::words::grouped;
use std::collections::BTreeSet;

/// One line: that of the worst combination, else that of the worst finding.
pub(super) fn title(worst_first: &[&Member], incident: &Incident) -> String {
    let combined = incident
        .combinations
        .iter()
        .filter(|found| !found.muted && found.severity == incident.severity && !found.headline.is_empty())
        .find(|found| worst_first.iter().any(|member| member.finding.id == found.findings[1]));
    match combined {
        Some(found) => {
            let of = |findings: &[String]| {
                who(worst_first.iter().filter(|member| findings.contains(&member.finding.id)).copied())
            };
            // What is missed was taken away before, and more may have been that nobody has missed yet.
            let stages = if found.then == [Stage::Impact] { &[Stage::Destruction] } else { found.then };
            let keys = keys(worst_first, &incident.losses, stages);
            let many = format!("{} principals", incident.principal_count);
            upper(
                &found
                    .headline
                    .replace("{who}", &of(&found.findings))
                    .replace("{first}", &of(&found.findings[..1]))
                    .replace("{many}", &many)
                    .replace("{keys}", &keys),
            )
        }
        None => worst_first.first().map(|member| member.finding.title.clone()).unwrap_or_default(),
    }
}

/// Who, what and when.
pub(super) fn summary(members: &[&Member], incident: &Incident) -> String {
    let stages: Vec<&str> = incident.stages.iter().map(|stage| stage.words()).collect();
    let who = if incident.principal_count == 0 {
        "Nobody in particular".to_owned()
    } else {
        upper(&who(members.iter().copied()))
    };
    let accounts = match incident.accounts.as_slice() {
        [one] if who.ends_with(one.as_str()) => String::new(),
        [] => String::new(),
        [one] => format!(" in account {one}"),
        [one, two] => format!(" in accounts {one} and {two}"),
        [one, ..] => format!(" in account {one} and {} others", incident.accounts.len() - 1),
    };
    let mut text = format!("{who}{accounts}, {}", span(incident.time));
    if !stages.is_empty() {
        text.push_str(&format!(": {}", one_after_another(&stages)));
    }
    text.push_str(&match members.len() {
        1 => format!(" ({}", events(incident.event_count)),
        n => format!(" ({n} findings, {}", events(incident.event_count)),
    });
    if incident.muted_count > 0 {
        text.push_str(&format!("; {} muted", incident.muted_count));
    }
    text.push_str(").");
    text
}

/// "a, b, then c".
fn one_after_another(items: &[&str]) -> String {
    match items {
        [before @ .., last] if !before.is_empty() => format!("{}, then {last}", before.join(", ")),
        _ => items.concat(),
    }
}

/// "1 event", "about 4,310 events".
fn events(n: u64) -> String {
    match n {
        1 => "1 event".to_owned(),
        n if n > Distinct::EXACT as u64 => format!("about {} events", grouped(n)),
        n => format!("{n} events"),
    }
}

/// "2026-03-21 01:08 to 03:45 UTC (2 h 37 min)".
fn span(time: Span) -> String {
    let (start, end) = (time.start.to_string(), time.end.to_string());
    let minutes = |text: &str| text.get(..16).unwrap_or(text).replacen('T', " ", 1);
    let (from, to) = (minutes(&start), minutes(&end));
    if from == to {
        return format!("{from} UTC");
    }
    let to = if from.get(..10) == to.get(..10) { to.get(11..).unwrap_or(&to).to_owned() } else { to };
    format!("{from} to {to} UTC ({})", lasting(time.end.since(time.start)))
}

fn lasting(seconds: i64) -> String {
    match seconds {
        s if s >= 2 * DAY => format!("{} days", s / DAY),
        s if s >= HOUR => format!("{} h {} min", s / HOUR, s % HOUR / MINUTE),
        s => format!("{} min", (s / MINUTE).max(1)),
    }
}

/// The actors of these findings in a few words.
fn who<'m>(members: impl Iterator<Item = &'m Member>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for member in members {
        if let Some(actor) = super::group::actor(&member.finding)
            && !names.contains(&actor)
        {
            names.push(actor);
        }
    }
    match names.as_slice() {
        [] => "somebody".to_owned(),
        [one] => short(one),
        [one, two] => format!("{} and {}", short(one), short(two)),
        [one, ..] => format!("{} and {} others", short(one), names.len() - 1),
    }
}

/// The keys of stages of these kinds in a few words.
fn keys(members: &[&Member], losses: &[Loss], stages: &[Stage]) -> String {
    let is_of = |member: &&&Member| Stage::of(&member.finding).is_some_and(|stage| stages.contains(&stage));
    let mut keys: Vec<&KeyName> =
        members.iter().filter(is_of).filter_map(|member| member.finding.key.as_ref()).collect();
    if stages.contains(&Stage::Destruction) {
        keys = losses
            .iter()
            .filter(|loss| loss.fate != Fate::Restored)
            .map(|loss| &loss.key)
            .chain(keys)
            .collect();
    }
    let distinct: BTreeSet<&str> = keys.iter().map(|key| key.arn.as_str()).collect();
    match (keys.first(), distinct.len()) {
        (Some(key), 1) => key.label().to_owned(),
        (_, 0) => "keys".to_owned(),
        (_, n) => format!("{n} keys"),
    }
}

/// A principal in a line of text: `role/payments-api`, `root of 111122223333`, `account 999988887777`.
fn short(principal: &str) -> String {
    if let Some(stranger) = principal.strip_prefix("account:") {
        // The rest is a unique id that nobody knows by heart.
        return format!("account {}", stranger.split('/').next().unwrap_or(stranger));
    }
    let mut parts = principal.splitn(6, ':').skip(4);
    match (principal.starts_with("arn:"), parts.next(), parts.next()) {
        (true, Some(account), Some("root")) => format!("root of {account}"),
        (true, Some(_), Some(name)) => name.to_owned(),
        _ => principal.to_owned(),
    }
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        // Only words of ours begin a sentence: `role/x` stays as it is.
        Some(first) if text.split(' ').next().is_some_and(|word| word.chars().all(char::is_alphabetic)) => {
            first.to_uppercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// What logs cannot tell, as far as it bears on these findings.
pub(super) fn unknown(members: &[&Member], losses: &[Loss]) -> Vec<String> {
    let stages: BTreeSet<Stage> = members.iter().filter_map(|member| Stage::of(&member.finding)).collect();
    let mut unknown = Vec::new();
    let mut say = |when: bool, text: &str| {
        if when {
            unknown.push(text.to_owned());
        }
    };
    say(
        !losses.is_empty(),
        "Uses of a key before the logs at hand begin, and data behind data keys that are cached: a key without known \
         use may still protect an archive.",
    );
    say(
        losses.iter().any(|loss| loss.is_multi_region() && loss.siblings.is_empty()),
        "Whether copies of a multi-Region key in other Regions are left.",
    );
    say(
        stages.contains(&Stage::Opening) && !stages.contains(&Stage::ForeignUse),
        "Whether access that was given away was used: calls that are refused to another account stand in its log only.",
    );
    say(
        stages.contains(&Stage::Blinding),
        "What happened while a log was off. The Event history keeps 90 days of it.",
    );
    say(
        stages.contains(&Stage::ForeignKey),
        "What lies under the foreign key, and whether its owner still lets you decrypt.",
    );
    say(
        stages.contains(&Stage::Taking) || stages.contains(&Stage::FirstUse),
        "Whether unusual use was a backfill, a migration or a new task: ask the owner of the principal.",
    );
    say(true, "Who sat behind the credentials.");
    unknown
}

/// What has become of a key and what breaks, in sentences.
impl Loss {
    /// What has become of it, until when it can be undone, who used it and who misses it.
    pub fn sentence(&self) -> String {
        let mut text = match (self.fate, self.final_at, self.days_left) {
            (Fate::PendingDeletion, Some(end), Some(days)) => {
                format!("unusable; gone for good on {} ({})", short_moment(end), left(days))
            }
            (Fate::PendingDeletion, ..) => "unusable; deleted once its last replica is gone".to_owned(),
            (Fate::Expiring, Some(end), Some(days)) => {
                format!("its material expires on {} ({})", short_moment(end), left(days))
            }
            (Fate::Expiring, ..) => "its material expires".to_owned(),
            (Fate::Deleted, ..) => "deleted: what it encrypted is lost".to_owned(),
            (Fate::MaterialLost, ..) => {
                "unusable until the same key material is imported again; AWS has no copy of it".to_owned()
            }
            (Fate::LockedOut, ..) => {
                "its policy shuts its owner out; only AWS Support can change that".to_owned()
            }
            (Fate::Disabled, ..) => "disabled; it can be enabled at any time".to_owned(),
            (Fate::Restored, ..) => "given back".to_owned(),
        };
        text.push_str(". ");
        let names: Vec<String> = self.used_by.iter().take(3).map(|name| short(name)).collect();
        let n = self.used_by_count.unwrap_or(0) as usize;
        match (names.is_empty(), self.last_used) {
            (false, last) => {
                let more = n.saturating_sub(names.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let last = last.map(|last| format!(", last {}", short_moment(last))).unwrap_or_default();
                text.push_str(&format!("In use by {}{more}{last}.", names.join(", ")));
            }
            (true, Some(last)) => text.push_str(&format!("Last known use {}.", short_moment(last))),
            (true, None) => text.push_str("No use of it is known from the logs at hand."),
        }
        if let Some(n) = self.decrypts_a_week.filter(|n| *n > 0) {
            text.push_str(&format!(" Usually about {} decrypts and data keys a week.", grouped(n)));
        }
        if !self.resources.is_empty() {
            let kinds: Vec<String> = self
                .resources
                .iter()
                .map(|(kind, n)| format!("{n} {kind}{}", if *n == 1 { "" } else { "s" }))
                .collect();
            text.push_str(&format!(" Behind it: {}.", kinds.join(", ")));
        }
        if let Some(first) = self.needed_since {
            let names: Vec<String> = self.needed_by.iter().take(3).map(|name| short(name)).collect();
            text.push_str(&format!(" Missed since {} by {}.", short_moment(first), names.join(", ")));
        }
        match self.siblings.len() {
            0 if self.is_multi_region() => text.push_str(" Copies in other Regions: unknown."),
            0 => {}
            n => text.push_str(&format!(" Copies in other Regions, still usable: {n}.")),
        }
        text
    }
}

fn left(days: i64) -> String {
    match days {
        0 => "less than a day left".to_owned(),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    }
}
