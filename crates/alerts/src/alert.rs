//! What an alert says, whatever the format: an incident or a finding, in the order in which somebody asks.

use crate::text::plain;
use kmswatch_engine::finding::{Actor, Evidence, Finding, KeyName, Severity, Technique};
use kmswatch_engine::incident::{AlertKind, Incident, Stage, Step};
use kmswatch_engine::settings::AlertSettings;
use kmswatch_engine::time::Timestamp;

/// What the shell knows beside the incident.
#[derive(Clone, Debug)]
pub struct Context {
    /// The moment at which the alert is made: the clock of the shell, or the end of the logs in a replay.
    pub now: Timestamp,
    /// Version of kmswatch.
    pub version: String,
    /// Account and Region into which findings are imported (Security Hub); those of the alert, if empty.
    pub home: Option<(String, String)>,
    /// Table of CloudTrail logs in Athena.
    pub athena_table: String,
    /// Event data store of CloudTrail Lake (its id), where there is one.
    pub lake_store: Option<String>,
    /// Where the logs are, for commands: a folder or `s3://` address.
    pub logs: String,
}

impl Context {
    /// The context that these settings give, with `logs` as the place of the logs.
    pub fn of(settings: &AlertSettings, now: Timestamp, logs: &str) -> Context {
        let store = &settings.lake_store;
        Context {
            now,
            athena_table: settings.athena_table.clone(),
            lake_store: (!store.is_empty()).then(|| store.clone()),
            logs: logs.to_owned(),
            ..Context::default()
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Context {
            now: Timestamp::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            home: None,
            athena_table: AlertSettings::default().athena_table,
            lake_store: None,
            logs: "./AWSLogs".to_owned(),
        }
    }
}

/// What kind of news an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The first alert about it.
    New,
    /// It has become worse.
    Worse,
    /// A key that was taken away will soon be lost for good.
    Reminder,
}

impl News {
    /// The word used in output.
    pub fn name(self) -> &'static str {
        match self {
            News::New => "new",
            News::Worse => "worse",
            News::Reminder => "reminder",
        }
    }
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// When it began.
    pub time: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub text: String,
    /// Id of the detector.
    pub detector: &'static str,
    /// Distinct events.
    pub count: u64,
    /// Whether what makes the incident bad rests on it.
    pub leads: bool,
}

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Id of the incident or finding: the same for all alerts about it, so that a later one replaces or continues an
    /// earlier one.
    pub id: String,
    /// Whether it is about an incident, and not about one finding.
    pub is_incident: bool,
    /// What kind of news it is.
    pub news: News,
    /// Why it comes now.
    pub reasons: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// One line: what happened.
    pub title: String,
    /// A few sentences.
    pub summary: String,
    /// First and last event.
    pub start: Timestamp,
    /// See `start`.
    pub end: Timestamp,
    /// Accounts in whose logs it stands.
    pub accounts: Vec<String>,
    /// Regions in which it happened.
    pub regions: Vec<String>,
    /// Who acted, the worst first.
    pub principals: Vec<Actor>,
    /// Principals in all.
    pub principal_count: usize,
    /// Keys that it is about.
    pub keys: Vec<KeyName>,
    /// Keys in all.
    pub key_count: usize,
    /// How unusual it is and why it is worth an alert.
    pub why: Vec<String>,
    /// What breaks.
    pub breaks: Vec<String>,
    /// What to do now.
    pub steps: Vec<String>,
    /// Commands to look further.
    pub look: Vec<String>,
    /// What cannot be known.
    pub unknown: Vec<String>,
    /// What happened, in order of time; of a finding empty.
    pub timeline: Vec<Line>,
    /// Findings in all.
    pub finding_count: usize,
    /// Distinct events.
    pub count: u64,
    /// Ids of some events, the worst first, then the earliest.
    pub event_ids: Vec<String>,
    /// What it is in the course of an attack.
    pub stages: Vec<Stage>,
    /// Techniques of MITRE ATT&CK.
    pub mitre: Vec<Technique>,
    /// Detectors and combinations behind it.
    pub analytics: Vec<String>,
    /// What was measured, of a single finding.
    pub evidence: Option<Evidence>,
    /// Parts that were left out before any format cut more.
    pub left_out: usize,
}

impl Alert {
    /// The alert about an incident as it stands now, with the reasons of its latest alert moment.
    pub fn of_incident(incident: &Incident) -> Alert {
        let moment = incident.alerts.last();
        let news = match moment.map(|moment| moment.kind) {
            Some(AlertKind::Escalated) => News::Worse,
            Some(AlertKind::Reminder) => News::Reminder,
            Some(AlertKind::Opened) | None => News::New,
        };
        let mut analytics: Vec<String> =
            incident.combinations.iter().map(|found| found.id.to_owned()).collect();
        for step in &incident.timeline {
            if !analytics.iter().any(|known| known == step.detector) {
                analytics.push(step.detector.to_owned());
            }
        }
        // What came after it has made worse still is no news any more.
        let is_past =
            |id: &str| id.strip_prefix("severity_").is_some_and(|was| was != incident.severity.name());
        let reasons = moment.into_iter().flat_map(|moment| &moment.reasons);
        let reasons = reasons.filter(|reason| !is_past(&reason.id)).map(|reason| reason.why.clone());
        let mut worst_first: Vec<&Step> = incident.timeline.iter().collect();
        worst_first.sort_by_key(|step| std::cmp::Reverse(step.severity));
        let line = |step: &Step| Line {
            time: step.time,
            severity: step.severity,
            text: step.title.clone(),
            detector: step.detector,
            count: step.count,
            leads: incident.rests_on(&step.finding),
        };
        let breaks = incident.losses.iter().map(|loss| format!("{}: {}", loss.key.label(), loss.sentence()));
        let mut events = std::collections::BTreeSet::new();
        let event_ids = worst_first.iter().filter_map(|step| step.event_id.clone());
        Alert {
            id: incident.id.clone(),
            is_incident: true,
            news,
            reasons: reasons.collect(),
            severity: incident.severity,
            title: incident.title.clone(),
            summary: incident.summary.clone(),
            start: incident.time.start,
            end: incident.time.end,
            accounts: incident.accounts.clone(),
            regions: incident.regions.clone(),
            principals: incident.principals.clone(),
            principal_count: incident.principal_count,
            keys: incident.keys.clone(),
            key_count: incident.key_count,
            why: incident.why.clone(),
            breaks: breaks.collect(),
            steps: incident.steps.clone(),
            look: incident.look_further.clone(),
            unknown: incident.unknown.clone(),
            timeline: incident.timeline.iter().map(line).collect(),
            finding_count: incident.finding_count,
            count: incident.event_count,
            event_ids: event_ids.filter(|id| events.insert(id.clone())).collect(),
            stages: incident.stages.clone(),
            mitre: incident.mitre.clone(),
            analytics,
            evidence: None,
            left_out: incident.steps_left_out + incident.timeline_left_out,
        }
    }

    /// The alert about a single finding.
    pub fn of_finding(finding: &Finding) -> Alert {
        let texts = |text: &String| if text.is_empty() { Vec::new() } else { vec![text.clone()] };
        Alert {
            id: finding.id.clone(),
            is_incident: false,
            news: News::New,
            reasons: Vec::new(),
            severity: finding.severity,
            title: finding.title.clone(),
            summary: finding.explanation.clone(),
            start: finding.time.start,
            end: finding.time.end,
            accounts: texts(&finding.account),
            regions: texts(&finding.region),
            principals: finding.principal.iter().cloned().collect(),
            principal_count: finding.principal.iter().len(),
            keys: finding.key.iter().cloned().collect(),
            key_count: finding.key.iter().len(),
            why: Vec::new(),
            breaks: Vec::new(),
            steps: finding.runbook.clone(),
            look: Vec::new(),
            unknown: Vec::new(),
            timeline: Vec::new(),
            finding_count: 1,
            count: finding.evidence.count,
            event_ids: finding.evidence.event_ids.clone(),
            stages: Stage::of(finding).into_iter().collect(),
            mitre: finding.mitre.to_vec(),
            analytics: vec![finding.detector.to_owned()],
            evidence: Some(finding.evidence.clone()),
            left_out: 0,
        }
    }

    /// The account that the alert is filed under: that of the log.
    pub fn account(&self) -> &str {
        self.accounts.first().map_or("", String::as_str)
    }

    /// The Region that the alert is filed under.
    pub fn region(&self) -> &str {
        self.regions.first().map_or("", String::as_str)
    }

    /// Where it happened, in a few words.
    pub fn place(&self) -> String {
        let some = |list: &[String], what: &str| match list {
            [] => format!("unknown {what}"),
            [one] => plain(one, 30),
            [one, ..] => format!("{} and {} more", plain(one, 30), list.len() - 1),
        };
        format!("{} {}", some(&self.accounts, "account"), some(&self.regions, "Region"))
    }
}

/// The name of a principal in a line of text, and what is known of the session behind it.
pub(crate) fn who(actor: &Actor) -> (String, Vec<(&'static str, String)>) {
    let kind = actor.kind.replace('_', " ");
    let mut facts = vec![("kind", kind)];
    let named = [
        ("session", &actor.session),
        ("access key", &actor.access_key),
        ("source identity", &actor.source_identity),
        ("via", &actor.via_service),
        ("from", &actor.source),
        ("agent", &actor.user_agent),
    ];
    // A service that calls for somebody tells neither his address nor his agent.
    let says_nothing = |value: &str| value == "AWS Internal" || value.ends_with(".amazonaws.com");
    for (name, value) in named {
        if let Some(value) = value
            && !(matches!(name, "from" | "agent") && says_nothing(value))
        {
            facts.push((name, plain(value, 120)));
        }
    }
    (plain(&actor.id, 200), facts)
}

/// The names of a key: an alias if it has one, and its ARN.
pub(crate) fn key_names(key: &KeyName) -> (Option<String>, String) {
    (key.aliases.first().map(|alias| plain(alias, 120)), plain(&key.arn, 200))
}

/// A step of a runbook taken apart: words, and the command after them.
pub(crate) fn words_and_command(step: &str) -> (&str, Option<&str>) {
    let step = step.trim();
    if step.starts_with("aws ") || step.starts_with("kmswatch ") {
        return ("", Some(step));
    }
    for (at, colon) in step.match_indices(": ") {
        if let (Some(words), Some(rest)) = (step.get(..at), step.get(at + colon.len()..))
            && (rest.starts_with("aws ") || rest.starts_with("kmswatch "))
        {
            return (words, Some(rest));
        }
    }
    let quoted = step.split_once('`').and_then(|(words, rest)| Some((words, rest.split_once('`')?.0)));
    if let Some((words, command)) = quoted
        && command.starts_with("aws ")
    {
        return (words.trim_end_matches([' ', ':']), Some(command));
    }
    (step, None)
}

/// `2026-05-04 10:15 UTC`.
pub(crate) fn moment(time: Timestamp) -> String {
    kmswatch_engine::time::short_moment(time)
}

/// `2026-05-04 10:15 to 12:30 UTC`.
pub(crate) fn span(start: Timestamp, end: Timestamp) -> String {
    let (from, to) = (moment(start), moment(end));
    if from == to {
        return from;
    }
    let from = from.trim_end_matches(" UTC");
    match (from.get(..11), to.get(..11), to.get(11..)) {
        (Some(day), Some(same), Some(time)) if day == same => format!("{from} to {time}"),
        _ => format!("{from} to {to}"),
    }
}
