//! What the detectors of unusual counts have in common: how an episode becomes a finding.

use super::Detector;
use super::deed::clip;
use super::impact::short;
use crate::baseline::judge::{Anomaly, Entity, Episode, Group, RefusedKeys, Sign};
use crate::baseline::novelty::Dimension;
use crate::baseline::rate::Maturity;
use crate::finding::{self, Details, Finding, Severity, finding_id};
use crate::measures::resources_decrypted;
use crate::runbook::{self, aws, quote};
use crate::settings::Settings;
use crate::state::Share;
use crate::time::short_moment;
use crate::words::grouped;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use words::{
    end_of, first_use, hours, how_often, known_for, mean, name, rounded, seen, usual, weeks_between, who,
};

pub(super) mod words;

/// The finding of an episode, with the detector's own words in `means` on what it may mean.
pub(super) fn finding(
    detector: &Detector,
    episode: &Episode,
    settings: &Settings,
    means: &str,
) -> Option<Finding> {
    let top = episode.highest()?;
    let first = top.first.as_ref()?;
    let others = others(episode, top);
    // A count of the principal names no key, but a key whose count is laid to it as well does.
    let arn = Some(key_of(top)).filter(|arn| !arn.is_empty()).or_else(|| {
        let key = others.iter().find(|part| part.entity.is_key())?;
        (episode.actor != key.entity).then(|| key.entity.id())
    });
    let refused = RefusedOf::episode(episode);
    let arn = arn.or_else(|| refused.mostly()).unwrap_or_default();
    let mut finding = finding::of_key(detector, arn, &[]);
    // Whatever is strongest in the end, it is one episode.
    finding.id = finding_id("unusual", &[episode.actor.id(), &episode.first.to_string()]);
    finding.add_sightings(&episode.sightings);
    finding.account.clone_from(&first.account);
    finding.region.clone_from(&first.region);
    if let Entity::Principal(_) = episode.actor {
        finding.principal = Some(first.by.actor());
    }
    finding.severity = if episode.excess >= 2.0 { Severity::High } else { Severity::Medium };
    let is_count = !matches!(top.sign, Sign::FirstUses { .. } | Sign::QuietHour { .. });
    let with = if is_count && top.entity != episode.actor { " with {key}" } else { "" };
    finding.title = format!("{}: {}{with}, {}", who(&episode.actor), seen(top, key_of(top)), usual(top));
    // That something was refused says more about an intention than all else.
    let denials = others.iter().find(|part| part.sign.group() == Group::Denials);
    if let Some(denials) = denials.filter(|_| top.sign.group() != Group::Denials) {
        finding.title.push_str(&format!("; {}, {}", seen(denials, arn), usual(denials)));
    }
    finding.explanation = explanation(episode, top, arn, settings, &refused.words(arn)) + means;
    finding.runbook = steps(&finding, episode, settings);
    let (observed, expected) = match &top.sign {
        Sign::Count { score, .. } => (score.observed as f64, score.mean),
        Sign::Drift { drift, .. } => (drift.observed as f64, drift.mean),
        Sign::Share { score } => (score.refused as f64, score.calls as f64 * score.usual),
        Sign::QuietHour { activity, .. } => (1.0, *activity),
        Sign::FirstUses { novelty, .. } => {
            let parts = &novelty.parts;
            let hazard = parts.iter().map(|part| part.hazard).fold(0.0, f64::max);
            (parts.iter().map(|part| part.first_uses).sum::<usize>() as f64, hazard)
        }
    };
    finding.evidence.observed = Some(observed);
    finding.evidence.expected = Some(expected);
    finding.evidence.probability = Some(libm::exp10(-top.sign.calibrated()).max(f64::MIN_POSITIVE));
    let mut details = of_part(top);
    if !refused.keys.is_empty() {
        let keys = refused.keys.iter().take(RefusedKeys::MOST);
        let keys = keys.map(|key| json!({"key": key.name, "calls": key.events, "is_exact": key.is_exact}));
        details.insert("refused_keys", keys.collect());
    }
    let others: Vec<String> = others
        .into_iter()
        // Evidence stands without the key of the finding, so that none of its places is for that.
        .map(|part| format!("{}: {}, {}", part.entity.id(), seen(part, ""), usual(part)))
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

/// The other anomalies: the strongest of each other kind of evidence first, then the actor's own, then by height. Of one
/// measure of an entity only the strongest window: the others hold the same events.
fn others<'e>(episode: &'e Episode, top: &Anomaly) -> Vec<&'e Anomaly> {
    let mut others: Vec<&Anomaly> = episode.parts.iter().filter(|part| *part != top).collect();
    others.sort_by(|a, b| b.c.total_cmp(&a.c));
    let mut streams = BTreeSet::from([stream(top)]);
    others.retain(|part| streams.insert(stream(part)));
    let mut told = BTreeSet::from([top.sign.group()]);
    let mut rank: Vec<(bool, bool, &Anomaly)> = Vec::new();
    for part in others {
        rank.push((!told.insert(part.sign.group()), part.entity != episode.actor, part));
    }
    rank.sort_by_key(|(again, not_own, _)| (*again, *not_own));
    rank.into_iter().map(|(.., part)| part).collect()
}

/// What was judged, whatever the window.
fn stream(part: &Anomaly) -> (&Entity, &'static str) {
    let what = match &part.sign {
        Sign::Count { measure, .. } => measure.id,
        Sign::Drift { .. } => "drift",
        Sign::Share { .. } => "denied_share",
        Sign::QuietHour { .. } => "quiet_hour",
        Sign::FirstUses { .. } => "first_uses",
    };
    (&part.entity, what)
}

/// The key that an anomaly is about: the key itself, or one that is used for the first time; empty if none.
fn key_of(part: &Anomaly) -> &str {
    match (&part.entity, &part.sign) {
        (Entity::Key(arn), _) => arn,
        (_, Sign::FirstUses { values, .. }) => {
            let key = values.iter().find(|value| value.dimension == Dimension::Key);
            key.map_or("", |value| &value.name)
        }
        _ => "",
    }
}

/// What is counted, in words.
fn score_unit(part: &Anomaly) -> &'static str {
    match &part.sign {
        Sign::Count { measure, .. } | Sign::Drift { measure, .. } => measure.unit,
        Sign::Share { .. } => "calls refused",
        Sign::QuietHour { .. } => "quiet hours",
        Sign::FirstUses { .. } => "first uses",
    }
}

fn maturity(part: &Anomaly) -> Maturity {
    if part.is_new {
        Maturity::New
    } else if part.age.hours < 3 * 168 {
        Maturity::Young
    } else {
        Maturity::Mature
    }
}

fn explanation(episode: &Episode, top: &Anomaly, about: &str, settings: &Settings, refused: &str) -> String {
    let mut text = match &top.sign {
        Sign::Count { score, .. } => {
            let (low, high) = score.expected_interval();
            let (by, whose) = match top.entity == episode.actor {
                true => ("", "it"),
                false => (", at least half of it by this principal", "the key"),
            };
            let (usual, mean) = match (low, high) {
                (_, 0) => (format!("no {}", score_unit(top)), String::new()),
                (low, high) if low == high => (words::counted(high, score_unit(top)), String::new()),
                (low, high) => (
                    format!("{} to {} {}", grouped(low), grouped(high), score_unit(top)),
                    format!(", {} on average", mean(score.mean)),
                ),
            };
            // The title says how many.
            format!(
                "In {} of history, {} of it active, {whose} usually had {usual} {}{mean}. Counted up to {}{by}. ",
                known_for(top.age.hours),
                hours(i64::from(top.age.active_hours)),
                words::within(score.window),
                short_moment(end_of(score.hour)),
            )
        }
        Sign::Drift { drift, .. } => format!(
            "{}: {}{}, up to {}. The weeks from two to seven weeks before had {} on average: it grew slowly, as somebody makes it grow who wants it to become usual. ",
            who(&episode.actor),
            seen(top, key_of(top)),
            if top.entity == episode.actor {
                ""
            } else {
                " with {key}, at least half of them by this principal"
            },
            short_moment(end_of(drift.hour)),
            mean(drift.mean),
        ),
        Sign::Share { score } => format!(
            "{} had {} up to {}. In {} of history, {} of it active, it was refused {} of so many. ",
            who(&episode.actor),
            seen(top, key_of(top)),
            short_moment(end_of(top.hour)),
            known_for(top.age.hours),
            hours(i64::from(top.age.active_hours)),
            mean(score.calls as f64 * score.usual),
        ),
        Sign::QuietHour { .. } => format!(
            "{} was {}. In {} of history it hardly ever was. ",
            who(&episode.actor),
            seen(top, key_of(top)),
            known_for(top.age.hours),
        ),
        Sign::FirstUses { novelty, values } => {
            let of_key = top.entity.is_key();
            let mut text = match top.age.hours {
                known if of_key => format!("{{key}} is known for {}. ", known_for(known)),
                0 => format!("{} was not seen before. ", who(&episode.actor)),
                known => format!("{} is known for {}. ", who(&episode.actor), known_for(known)),
            };
            for (part, value) in novelty.parts.iter().zip(values) {
                text.push_str(&first_use(value, part, novelty.active_hours, key_of(top)));
            }
            text
        }
    };
    text.push_str(refused);
    let groups: BTreeSet<Group> = episode.parts.iter().map(|part| part.sign.group()).collect();
    let what =
        if groups.len() > 1 && episode.c > top.c { "all of this together" } else { "something like it" };
    text.push_str(&format!(
        "In the whole estate {what} comes {}; alerts of this kind begin at {} (alerts.budget_per_week = {}). ",
        how_often(episode.c - top.prior),
        how_often(top.threshold.c - top.prior),
        settings.alerts.budget_per_week,
    ));
    text.push_str(match (maturity(top), &top.sign) {
        (Maturity::New, _) => "It is new, so it is compared with others of the estate when they were new. ",
        (Maturity::Young, Sign::Count { .. }) => {
            "It is known for less than three weeks: the rhythm of its week is not. "
        }
        _ => "",
    });
    if episode.last > episode.first {
        text.push_str(&format!("It lasted or came again over {}. ", hours(episode.last - episode.first + 1)));
    }
    let others: Vec<String> = others(episode, top)
        .into_iter()
        .take(4)
        .map(|part| {
            let with = match (&part.entity, &part.sign) {
                (_, Sign::FirstUses { .. }) => String::new(),
                (entity, _) if *entity == episode.actor || !entity.is_key() => String::new(),
                (entity, _) => format!(" with {}", words::key(entity.id(), about)),
            };
            format!("{}{with} ({})", seen(part, about), usual(part))
        })
        .collect();
    if !others.is_empty() {
        text.push_str(&format!("Unusual as well: {}. ", others.join("; ")));
    }
    text
}

/// For which keys the calls of an episode were refused, the most refused first.
struct RefusedOf {
    keys: Vec<Share>,
    others: u64,
}

impl RefusedOf {
    fn episode(episode: &Episode) -> RefusedOf {
        // All that is unusual in one hour tells the same of it.
        let hours: BTreeMap<i64, &RefusedKeys> = episode
            .parts
            .iter()
            .map(|part| (part.hour, &part.refused_keys))
            .filter(|(_, of)| !of.most.is_empty())
            .collect();
        let mut keys: BTreeMap<&str, Share> = BTreeMap::new();
        for share in hours.values().flat_map(|of| &of.most) {
            keys.entry(&share.name)
                .and_modify(|known| {
                    known.events += share.events;
                    known.is_exact &= share.is_exact;
                })
                .or_insert_with(|| share.clone());
        }
        let mut keys: Vec<Share> = keys.into_values().collect();
        keys.sort_by(|a, b| (b.events, &a.name).cmp(&(a.events, &b.name)));
        RefusedOf { keys, others: hours.values().map(|of| of.others).sum() }
    }

    /// The key for which at least half was refused, of more than a call or two.
    fn mostly(&self) -> Option<&str> {
        let all = self.keys.iter().map(|key| key.events).sum::<u64>().saturating_add(self.others);
        let most = self.keys.first().filter(|key| key.events >= 3 && key.events.saturating_mul(2) >= all)?;
        Some(&most.name).filter(|arn| arn.contains(":key/")).map(String::as_str)
    }

    fn words(&self, about: &str) -> String {
        let named = self.keys.iter().take(NAMED_REFUSED).map(|key| {
            let calls = if key.events == 1 { "call" } else { "calls" };
            let about_ = if key.is_exact { "" } else { "about " };
            let name = match key.name.as_str() {
                "" => "keys that the log does not name",
                arn => words::key(arn, about),
            };
            format!("{name} ({about_}{} {calls})", grouped(key.events))
        });
        let mut named: Vec<String> = named.collect();
        if self.keys.len() > NAMED_REFUSED || self.others > 0 {
            named.push("others".to_owned());
        }
        match named.is_empty() {
            true => String::new(),
            false => format!("Refused for {}. ", words::listed(&named)),
        }
    }
}

/// Keys that a text names.
const NAMED_REFUSED: usize = 3;

fn steps(finding: &Finding, episode: &Episode, settings: &Settings) -> Vec<String> {
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
    steps.extend(runbook::cut_off(actor, &end));
    if episode.parts.iter().any(|part| score_unit(part) == resources_decrypted::MEASURE.unit) {
        steps.push(
            "If nobody knows of it, take what was opened as known to somebody else: change those secrets and passwords."
                .to_owned(),
        );
    }
    steps.push(tuning(settings));
    steps
}

fn tuning(settings: &Settings) -> String {
    format!(
        "If it was expected, nothing has to be set: what stays is learned within about a week. If such alerts come too \
         often, lower alerts.budget_per_week (now {}).",
        settings.alerts.budget_per_week
    )
}

fn of_part(part: &Anomaly) -> Details {
    let maturity = match maturity(part) {
        Maturity::New => "new",
        Maturity::Young => "young",
        Maturity::Mature => "mature",
    };
    let mut details = Details::default();
    details.extend([
        ("counted_for", json!(part.entity.class())),
        ("until", json!(end_of(part.hour))),
        ("once_in_weeks", json!(weeks_between(part.c - part.prior))),
        ("threshold_once_in_weeks", json!(weeks_between(part.threshold.c - part.prior))),
        ("estate_weeks", json!(rounded(part.threshold.weeks))),
        ("history_hours", json!(part.age.hours)),
        ("active_hours", json!(part.age.active_hours)),
        ("maturity", json!(maturity)),
    ]);
    match &part.sign {
        Sign::Count { measure, score, .. } => {
            let (low, high) = score.expected_interval();
            details.extend([
                ("measure", json!(measure.id)),
                ("window_hours", json!(score.window.hours())),
                ("all_day_long", json!(score.is_spread)),
                ("expected_90_percent", json!([low, high])),
            ]);
        }
        Sign::Drift { measure, drift } => details.extend([
            ("measure", json!(measure.id)),
            ("window_hours", json!(168)),
            ("weeks_compared", json!(drift.weeks)),
        ]),
        Sign::Share { score } => details.extend([
            ("window_hours", json!(1)),
            ("refused", json!(score.refused)),
            ("calls", json!(score.calls)),
            ("usual_share", json!(rounded(score.usual))),
        ]),
        Sign::QuietHour { activity, .. } => details.extend([
            ("hour", json!(words::hour_of_week(part.hour))),
            ("active_in_such_hours", json!(rounded(*activity))),
        ]),
        Sign::FirstUses { novelty, values } => {
            let first = values.iter().zip(&novelty.parts).map(|(value, part)| {
                json!({"what": value.dimension, "value": value.name, "score": rounded(part.score),
                    "first_uses_per_active_hour": rounded(part.hazard),
                    "peers": part.peers, "key": part.key})
            });
            details.insert("first_uses", first.collect());
            details.insert("score", json!(rounded(novelty.score)));
        }
    }
    details
}

#[cfg(test)]
mod tests;
