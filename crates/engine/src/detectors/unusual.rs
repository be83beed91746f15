//! What the detectors of unusual counts have in common: how an episode becomes a finding.

use super::Detector;
use super::deed::clip;
use super::impact::short;
use crate::baseline::judge::{Anomaly, Entity, Episode};
use crate::baseline::rate::{Maturity, Window};
use crate::finding::{self, Finding, Severity};
use crate::runbook::{aws, quote};
use crate::settings::Settings;
use crate::time::{HOUR, Timestamp};
use serde_json::json;

/// The finding of an episode, with the detector's own words in `means` on what it may mean.
pub(super) fn finding(
    detector: &Detector,
    episode: &Episode,
    settings: &Settings,
    means: &str,
) -> Option<Finding> {
    let top = episode.highest()?;
    let first = top.first.as_ref()?;
    let arn = if let Entity::Key(arn) = &top.entity { arn.as_str() } else { "" };
    let mut finding = finding::of_key(detector, arn, &[episode.actor.id(), &episode.first.to_string()]);
    finding.add_sightings(&episode.sightings);
    finding.account.clone_from(&first.account);
    finding.region.clone_from(&first.region);
    if let Entity::Principal(_) = episode.actor {
        finding.principal = Some(first.by.actor());
    }
    finding.severity = if top.excess() >= 2.0 { Severity::High } else { Severity::Medium };
    let with = if top.entity == episode.actor { "" } else { " with {key}" };
    finding.title = format!("{}: {}{with}, {}", who(&episode.actor), counted(top), usually(top));
    finding.explanation = explanation(episode, top, settings, means);
    finding.runbook = runbook(&finding, episode, settings);
    finding.evidence.observed = Some(top.score.observed as f64);
    finding.evidence.expected = Some(top.score.mean);
    finding.evidence.probability = Some(libm::exp10(top.score.log10_probability()).max(f64::MIN_POSITIVE));
    let mut details = of_part(top);
    let others: Vec<String> = others(episode, top)
        .map(|part| format!("{}: {}, {}", part.entity.id(), counted(part), usually(part)))
        .collect();
    if !others.is_empty() {
        details.insert("others", json!(others));
    }
    if episode.is_cut {
        details.insert("incomplete", true.into());
    }
    finding.evidence.details = details;
    Some(finding)
}

/// The other anomalies: the actor's own first, then by measure and window.
fn others<'e>(episode: &'e Episode, top: &'e Anomaly) -> impl Iterator<Item = &'e Anomaly> {
    let is_own = |part: &&Anomaly| part.entity == episode.actor;
    let own = episode.parts.values().filter(is_own);
    own.chain(episode.parts.values().filter(move |part| !is_own(part))).filter(move |part| *part != top)
}

/// Who, in words.
fn who(actor: &Entity) -> &str {
    match actor {
        Entity::Principal(id) => clip(short(id)),
        Entity::Key(_) => "{key}",
    }
}

/// What stands behind the count: the key, where the count is the key's and laid to a principal.
fn with_what(actor: &Entity, top: &Anomaly) -> &'static str {
    if top.entity == *actor { "" } else { " with {key}, of which it made at least half" }
}

/// "412 decrypts and data keys within an hour".
fn counted(part: &Anomaly) -> String {
    let about = if part.is_exact { "" } else { "about " };
    format!("{about}{} {} {}", grouped(part.score.observed), part.measure.unit, within(part.score.window))
}

fn within(window: Window) -> &'static str {
    match window {
        Window::Hour => "within an hour",
        Window::SixHours => "within 6 hours",
        Window::Day => "within 24 hours",
    }
}

fn usually(part: &Anomaly) -> String {
    match part.score.expected_interval() {
        (_, 0) => "usually none".to_owned(),
        (low, high) if low == high => format!("usually {}", grouped(high)),
        (low, high) => format!("usually {} to {}", grouped(low), grouped(high)),
    }
}

fn maturity(part: &Anomaly) -> Maturity {
    if part.age.is_new() {
        Maturity::New
    } else if part.age.hours < 3 * 168 {
        Maturity::Young
    } else {
        Maturity::Mature
    }
}

fn explanation(episode: &Episode, top: &Anomaly, settings: &Settings, means: &str) -> String {
    let end = Timestamp(top.score.hour.saturating_add(1).saturating_mul(HOUR));
    let (low, high) = top.score.expected_interval();
    let age = top.age;
    let whose = if top.entity == episode.actor { "Its own history" } else { "The history of the key" };
    let mut text = format!(
        "{} had {}{} up to {end}. {whose} ({}, {} of it active) lets expect {}, in nine of ten cases {} to {}. ",
        who(&episode.actor),
        counted(top),
        with_what(&episode.actor, top),
        known_for(age.hours),
        hours(i64::from(age.active_hours)),
        mean(top.score.mean),
        grouped(low),
        grouped(high),
    );
    text.push_str(&format!(
        "Peaks as high as this the whole estate shows {}; with {} false alerts a week accepted, the threshold is {}. ",
        how_often(top.c),
        settings.alerts.budget_per_week,
        how_often(top.threshold.c)
    ));
    text.push_str(match maturity(top) {
        Maturity::New => "It is new, so it is compared with others of the estate when they were new. ",
        Maturity::Young => "It is known for less than three weeks: the rhythm of its week is not. ",
        Maturity::Mature => "",
    });
    if episode.last > episode.first {
        text.push_str(&format!("It lasted or came again over {}. ", hours(episode.last - episode.first + 1)));
    }
    let others: Vec<String> =
        others(episode, top).take(4).map(|part| format!("{} ({})", counted(part), usually(part))).collect();
    if !others.is_empty() {
        text.push_str(&format!("Beyond the threshold as well: {}. ", others.join("; ")));
    }
    text.push_str(means);
    text
}

fn runbook(finding: &Finding, episode: &Episode, settings: &Settings) -> Vec<String> {
    let region = finding.region.as_str();
    let (start, end) = (finding.time.start.to_string(), finding.time.end.plus(1).to_string());
    let look = |attribute: &str| {
        aws(
            "cloudtrail lookup-events",
            &[
                ("lookup-attributes", attribute),
                ("start-time", &start),
                ("end-time", &end),
                ("region", region),
            ],
        )
    };
    let mut steps = Vec::new();
    let Some(actor) = &finding.principal else {
        let arn = episode.actor.id();
        steps.push(format!(
            "See who used the key: {}",
            look(&format!("AttributeKey=ResourceName,AttributeValue={}", clip(arn)))
        ));
        steps.push("Ask the owner of the key whether these callers were expected.".to_owned());
        steps.push(tuning(settings));
        return steps;
    };
    // The access key of a call through a service is the service's own and leads nowhere.
    let attribute = match (&actor.access_key, &actor.via_service, &actor.session) {
        (Some(key), None, _) => format!("AttributeKey=AccessKeyId,AttributeValue={}", clip(key)),
        (_, _, Some(session)) => format!("AttributeKey=Username,AttributeValue={}", clip(session)),
        _ => format!("AttributeKey=Username,AttributeValue={}", clip(name(&actor.id))),
    };
    steps.push(format!("See what else it did: {}", look(&attribute)));
    steps.push(format!(
        "Ask the owner of {} whether a deployment, a migration or a backfill explains it.",
        quote(clip(short(&actor.id)))
    ));
    steps.extend(cut_off(actor, &end));
    steps.push(tuning(settings));
    steps
}

/// How to end what the principal can do, in a way that can be taken back.
fn cut_off(actor: &finding::Actor, until: &str) -> Option<String> {
    let command = match actor.kind {
        "role" => {
            let deny = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*",
                "Condition": {"DateLessThan": {"aws:TokenIssueTime": until}}}]});
            let policy = [
                ("role-name", name(&actor.id)),
                ("policy-name", "RevokeOlderSessions"),
                ("policy-document", &deny.to_string()),
            ];
            aws("iam put-role-policy", &policy)
        }
        "user" => {
            let key = actor.access_key.as_deref().unwrap_or("ACCESS_KEY_ID");
            let options =
                [("user-name", name(&actor.id)), ("access-key-id", clip(key)), ("status", "Inactive")];
            aws("iam update-access-key", &options)
        }
        _ => return None,
    };
    Some(format!("If nobody knows of it, cut it off, which ends its rightful sessions as well: {command}"))
}

fn name(id: &str) -> &str {
    id.rsplit(['/', ':']).next().unwrap_or(id)
}

fn tuning(settings: &Settings) -> String {
    format!(
        "If it was expected, nothing has to be set: what stays is learned within about a day. If such alerts come too \
         often, lower alerts.budget_per_week (now {}).",
        settings.alerts.budget_per_week
    )
}

fn of_part(part: &Anomaly) -> std::collections::BTreeMap<&'static str, serde_json::Value> {
    let (low, high) = part.score.expected_interval();
    let maturity = match maturity(part) {
        Maturity::New => "new",
        Maturity::Young => "young",
        Maturity::Mature => "mature",
    };
    let entries = [
        ("entity", json!(part.entity.id())),
        ("measure", json!(part.measure.id)),
        ("window_hours", json!(part.score.window.hours())),
        ("until", json!(Timestamp(part.score.hour.saturating_add(1).saturating_mul(HOUR)))),
        ("observed", json!(part.score.observed)),
        ("expected", json!(rounded(part.score.mean))),
        ("expected_90_percent", json!([low, high])),
        ("c", json!(rounded(part.c))),
        ("threshold", json!(rounded(part.threshold.c))),
        ("estate_weeks", json!(rounded(part.threshold.weeks))),
        ("history_hours", json!(part.age.hours)),
        ("active_hours", json!(part.age.active_hours)),
        ("maturity", json!(maturity)),
    ];
    entries.into_iter().collect()
}

/// Three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// How often C comes, in words.
fn how_often(c: f64) -> String {
    /// A hundred years.
    const LONG: f64 = 5_200.0;
    let weeks = libm::exp10(c);
    if weeks >= LONG {
        "less than once in a hundred years".to_owned()
    } else if weeks >= 1.5 {
        format!("about once in {} weeks", grouped(weeks.round() as u64))
    } else {
        format!("about {:.1} times a week", 1.0 / weeks)
    }
}

fn known_for(n: i64) -> String {
    match n {
        n if n >= 14 * 24 => format!("{} weeks", n / 168),
        n if n >= 48 => format!("{} days", n / 24),
        n => hours(n),
    }
}

fn hours(n: i64) -> String {
    if n == 1 {
        "1 hour".to_owned()
    } else {
        format!("{} hours", grouped(u64::try_from(n).unwrap_or_default()))
    }
}

fn mean(value: f64) -> String {
    if value >= 10.0 {
        grouped(value.round() as u64)
    } else if value >= 0.01 {
        format!("{value:.2}")
    } else {
        "almost none".to_owned()
    }
}

/// 12,345.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(mean(0.001), "almost none");
        assert_eq!(mean(2.345), "2.35");
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
    }
}
