//! Numbers and new values in words.

use crate::baseline::judge::{Anomaly, Entity, NewValue, Sign};
use crate::baseline::novelty::{Dimension, Part};
use crate::baseline::rate::Window;
use crate::detectors::deed::clip;
use crate::detectors::impact::short;
use crate::time::{HOUR, Timestamp};
use crate::words::grouped;

/// New values that a title names.
const NAMED: usize = 3;

/// Who, in words.
pub(super) fn who(actor: &Entity) -> &str {
    match actor {
        Entity::Principal(id) => clip(short(id)),
        Entity::Key(_) => "{key}",
    }
}

/// A key in a text: `{key}` if it is the one that the finding is about.
pub(super) fn key<'k>(arn: &'k str, about: &str) -> &'k str {
    if arn == about { "{key}" } else { clip(arn.rsplit('/').next().unwrap_or(arn)) }
}

/// What was seen: "412 decrypts and data keys within an hour". `about` is the key that the finding is about.
pub(super) fn seen(part: &Anomaly, about: &str) -> String {
    match &part.sign {
        Sign::Count { measure, score, is_exact } => {
            let about = if *is_exact { "" } else { "about " };
            let spread = if score.is_spread { ", all day long" } else { "" };
            format!("{about}{} {}{spread}", counted(score.observed, measure.unit), within(score.window))
        }
        Sign::Drift { measure, drift } => {
            format!("{} {} within 7 days, the busiest left out", grouped(drift.observed), measure.unit)
        }
        Sign::Share { score } => {
            format!("{} of {} calls refused within an hour", grouped(score.refused), grouped(score.calls))
        }
        Sign::QuietHour { .. } => format!("active on a {}", hour_of_week(part.hour)),
        Sign::FirstUses { novelty, .. } if part.entity.is_key() => {
            let users = novelty.parts.first().map_or(0, |part| part.first_uses);
            match users {
                1 => format!("first use of {}", key(part.entity.id(), about)),
                _ => format!("{users} principals that never used it before"),
            }
        }
        Sign::FirstUses { values, .. } => {
            let mut named: Vec<String> = values.iter().take(NAMED).map(|value| new(value, about)).collect();
            if values.len() > NAMED {
                named.push(format!("{} more", values.len() - NAMED));
            }
            format!("first use of {}", listed(&named))
        }
    }
}

/// "Sunday between 02:00 and 03:00 UTC", of whole hours since the epoch.
pub(super) fn hour_of_week(hour: i64) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    // 1970-01-01 was a Thursday.
    let day = (hour.div_euclid(24) + 3).rem_euclid(7);
    let day = DAYS.get(day as usize).copied().unwrap_or_default();
    let of_day = hour.rem_euclid(24);
    format!("{day} between {of_day:02}:00 and {:02}:00 UTC", (of_day + 1) % 24)
}

/// "1 distinct key denied", "2 distinct keys denied". The unit is that of a measure.
pub(super) fn counted(n: u64, unit: &str) -> String {
    let one = |word: &str| match word {
        "and" => "or".to_owned(),
        word => word.strip_suffix('s').unwrap_or(word).to_owned(),
    };
    match n {
        1 => format!("1 {}", unit.split(' ').map(one).collect::<Vec<_>>().join(" ")),
        n => format!("{} {unit}", grouped(n)),
    }
}

/// What is usual in its place: "usually 2 to 7".
pub(super) fn usual(part: &Anomaly) -> String {
    match &part.sign {
        Sign::Count { score, .. } => match score.expected_interval() {
            (_, 0) => "usually none".to_owned(),
            (low, high) if low == high => format!("usually {}", grouped(high)),
            (low, high) => format!("usually {} to {}", grouped(low), grouped(high)),
        },
        Sign::Drift { drift, .. } => format!("usually about {}", mean(drift.mean)),
        Sign::Share { score } if score.calls as f64 * score.usual < 0.05 => "usually none".to_owned(),
        Sign::Share { score } => format!("usually {}", share(score.usual)),
        Sign::QuietHour { activity, .. } => {
            format!("usually in 1 of {} such hours", grouped((1.0 / activity.max(1e-9)).round() as u64))
        }
        Sign::FirstUses { novelty, .. } => {
            let often = novelty.parts.iter().map(|part| part.hazard).fold(0.0, f64::max);
            match (novelty.active_hours, often) {
                _ if part.entity.is_key() && often > 0.2 => "as is usual for the key".to_owned(),
                _ if part.entity.is_key() => "rare for the key".to_owned(),
                (0..8, _) => "and it is new itself".to_owned(),
                (_, often) if often > 0.2 => "not rare for it".to_owned(),
                _ => "rare for it".to_owned(),
            }
        }
    }
}

/// A new value: "network 198.51.100.0/24".
fn new(value: &NewValue, about: &str) -> String {
    let name = clip(&value.name);
    match value.dimension {
        Dimension::Network => format!("network {name}"),
        Dimension::Agent => format!("agent {name}"),
        Dimension::Region => format!("Region {name}"),
        Dimension::Account => format!("keys of account {name}"),
        Dimension::Operation => name.to_owned(),
        Dimension::Key => format!("key {}", key(&value.name, about)),
        Dimension::Refusal => format!("a refused call ({})", refused(name)),
        Dimension::User => clip(short(name)).to_owned(),
    }
}

/// "ListGrants on key/1234abcd-...": the operation and the end of the ARN.
fn refused(name: &str) -> String {
    match name.split_once(" on ") {
        Some((operation, arn)) => format!("{operation} on {}", arn.rsplit(':').next().unwrap_or(arn)),
        None => name.to_owned(),
    }
}

/// Why one of the first uses is unusual, in a sentence or two.
pub(super) fn first_use(value: &NewValue, part: &Part, active_hours: u32, about: &str) -> String {
    let name = clip(&value.name);
    let what = match value.dimension {
        Dimension::Network => format!("It called from {name}"),
        Dimension::Agent => format!("It called with the agent {name}"),
        Dimension::Region => format!("It called in {name}"),
        Dimension::Account => format!("It used a key of account {name}"),
        Dimension::Operation => format!("It called {name}"),
        Dimension::Key => format!("It used {}", key(&value.name, about)),
        Dimension::Refusal => format!("It was refused {}", refused(name)),
        Dimension::User => format!("{} used {{key}}", clip(short(name))),
    };
    let mut text = format!("{what} for the first time");
    if part.first_uses > 1 {
        text.push_str(&format!(", and {} more of the kind", part.first_uses - 1));
    }
    let mut reasons = Vec::new();
    if active_hours >= crate::baseline::novelty::WARM_HOURS {
        let hours = (1.0 / part.hazard.max(1e-9)).round().max(1.0) as u64;
        let what = kind(value.dimension);
        reasons.push(match hours {
            1 => format!("{what} is usual for it"),
            _ => format!("{what} comes once in about {} of its active hours", grouped(hours)),
        });
    }
    if let Some(peers) = part.peers {
        let others = format!("of about {} others", grouped(u64::from(peers.alive)));
        reasons.push(match peers.using {
            0 => format!("none {others} has shown it"),
            1 => format!("1 {others} has shown it"),
            n => format!("{} {others} have shown it", grouped(u64::from(n))),
        });
    }
    if let Some(key) = part.key {
        reasons.push(format!(
            "the key had somebody new in {} of {}",
            grouped(u64::from(key.first_uses.min(key.active_hours))),
            match key.active_hours {
                1 => "the 1 hour in which it was used".to_owned(),
                n => format!("the {} hours in which it was used", grouped(u64::from(n))),
            }
        ));
    }
    if !reasons.is_empty() {
        text.push_str(&format!(": {}", listed(&reasons)));
    }
    text.push_str(". ");
    if part.key.is_some_and(|key| key.is_critical) {
        text.push_str("The key is declared critical. ");
    }
    if part.was_refused {
        text.push_str("Shortly before it had been refused this key. ");
    }
    text
}

/// What is new, in words.
fn kind(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Network => "a new network",
        Dimension::Agent => "a new agent",
        Dimension::Region => "a new Region",
        Dimension::Account => "a key of a new account",
        Dimension::Operation => "a new call",
        Dimension::Key => "a new key",
        Dimension::Refusal => "a new refusal",
        Dimension::User => "a new user",
    }
}

/// A share in words: "1 in 300".
fn share(share: f64) -> String {
    match 1.0 / share.max(1e-9) {
        one if one < 2.0 => format!("{:.0} in 100", share * 100.0),
        one if one < 5_000.0 => format!("1 in {}", grouped(one.round() as u64)),
        _ => "none".to_owned(),
    }
}

pub(super) fn within(window: Window) -> &'static str {
    match window {
        Window::Hour => "within an hour",
        Window::SixHours => "within 6 hours",
        Window::Day => "within 24 hours",
    }
}

/// a, b and c.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// The end of an hour.
pub(super) fn end_of(hour: i64) -> Timestamp {
    Timestamp(hour.saturating_add(1).saturating_mul(HOUR))
}

/// The name of a principal without what stands before it.
pub(super) fn name(id: &str) -> &str {
    id.rsplit(['/', ':']).next().unwrap_or(id)
}

/// Three decimals.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A hundred years, in weeks.
const LONG: f64 = 5_200.0;

/// Weeks between two peaks of this C, with two digits: at most a hundred years, since nobody has watched for longer.
pub(super) fn weeks_between(c: f64) -> f64 {
    let weeks = libm::exp10(c).min(LONG);
    let digit = libm::exp10(libm::log10(weeks).floor() - 1.0);
    ((weeks / digit).round() * digit * 1e6).round() / 1e6
}

/// How often C comes, in words.
pub(super) fn how_often(c: f64) -> String {
    let weeks = libm::exp10(c);
    if weeks >= LONG {
        "less than once in a hundred years".to_owned()
    } else if weeks >= 1.5 {
        format!("about once in {} weeks", grouped(weeks.round() as u64))
    } else {
        format!("about {:.1} times a week", 1.0 / weeks)
    }
}

pub(super) fn known_for(n: i64) -> String {
    match n {
        n if n >= 14 * 24 => format!("{} weeks", n / 168),
        n if n >= 48 => format!("{} days", n / 24),
        n => hours(n),
    }
}

pub(super) fn hours(n: i64) -> String {
    if n == 1 {
        "1 hour".to_owned()
    } else {
        format!("{} hours", grouped(u64::try_from(n).unwrap_or_default()))
    }
}

pub(super) fn mean(value: f64) -> String {
    if value >= 10.0 {
        grouped(value.round() as u64)
    } else if value >= 0.01 {
        format!("{value:.2}")
    } else {
        "almost none".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(mean(0.001), "almost none");
        assert_eq!(mean(2.345), "2.35");
        assert_eq!([0.8, 0.01, 1e-5].map(share), ["80 in 100", "1 in 100", "none"]);
        assert_eq!(counted(1, "distinct keys denied"), "1 distinct key denied");
        assert_eq!(counted(1, "decrypts and data keys"), "1 decrypt or data key");
        assert_eq!(counted(1_200, "denied calls"), "1,200 denied calls");
        assert_eq!(hours(1), "1 hour");
        assert_eq!(known_for(400), "2 weeks");
        assert_eq!(known_for(60), "2 days");
    }

    #[test]
    fn how_often_is_said_in_weeks() {
        assert_eq!(how_often(-1.0), "about 10.0 times a week");
        assert_eq!(how_often(0.0), "about 1.0 times a week");
        assert_eq!(how_often(1.0), "about once in 10 weeks");
        assert_eq!(how_often(60.0), "less than once in a hundred years");
        assert_eq!([-1.0, 0.123, 2.0, 300.0].map(weeks_between), [0.1, 1.3, 100.0, 5_200.0]);
    }
}
