//! What somebody should know from time to time, though nothing woke him: what was muted and by whom, which suppressions
//! nobody needs any more, which detectors are on trial, and what is still open.

use crate::alert::{Context, moment};
use crate::body::{Part, Section};
use crate::email::Email;
use crate::eventbridge::{Entry, SOURCE, VERSION};
use crate::text::{ascii, cut, id, plain};
use crate::{chat, email, slack};
use kmswatch_engine::finding::{Finding, Severity};
use kmswatch_engine::incident::{Incident, Standing};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::tuning::{self, RuleUse};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The JSON Schema of the detail on a bus.
pub const SCHEMA: &str = include_str!("../schema/digest.schema.json");
/// `detail-type` on a bus.
pub const DETAIL_TYPE: &str = "KMS digest";
/// Members of each list in formats for programs.
const LISTED: usize = 25;
/// Members of each list in formats for people.
const TOLD: usize = 15;

/// A digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    /// The time that it is about.
    pub from: Timestamp,
    /// See `from`; what is open, expired or never needed is so as of this moment.
    pub to: Timestamp,
    /// Incidents with an alert in this time, by severity.
    pub alerted: BTreeMap<Severity, u64>,
    /// Incidents that are not over, the worst first.
    pub open: Vec<Open>,
    /// Findings of this time that were muted.
    pub muted: u64,
    /// Suppressions and maintenances that muted any of them; `muted` counts those of this time.
    pub muting: Vec<RuleUse>,
    /// Suppressions that have expired, and such as have never matched anything in the logs at hand: to be deleted.
    pub useless: Vec<RuleUse>,
    /// Findings of this time of detectors on trial, by detector.
    pub staged: BTreeMap<&'static str, u64>,
}

/// An incident that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its id.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// How it stands: one that is quiet is listed for as long as a key can still be saved.
    pub standing: Standing,
    /// What happened.
    pub title: String,
    /// When it began.
    pub since: Timestamp,
    /// When the first key will be lost for good, unless somebody stops it.
    pub deadline: Option<Timestamp>,
}

impl Digest {
    /// The digest of the time from `from` to `to`: of all findings at hand (before anything is muted), and of the
    /// incidents that they make, as of `to`.
    pub fn of(
        findings: &[Finding],
        incidents: &[Incident],
        settings: &Settings,
        from: Timestamp,
        to: Timestamp,
    ) -> Digest {
        let ever = tuning::tune(findings.to_vec(), settings, to);
        let in_time = |finding: &&Finding| finding.time.end >= from && finding.time.start <= to;
        let tuned = tuning::tune(findings.iter().filter(in_time).cloned().collect(), settings, to);
        let mut staged = BTreeMap::new();
        for finding in &tuned.staged {
            *staged.entry(finding.detector).or_default() += 1;
        }
        let mut alerted = BTreeMap::new();
        for incident in incidents {
            if incident.alerts.iter().any(|alert| alert.at >= from && alert.at <= to) {
                *alerted.entry(incident.severity).or_default() += 1;
            }
        }
        let mut open: Vec<Open> = incidents.iter().filter_map(Open::of).collect();
        open.sort_by(|a, b| (b.severity, a.since, &a.id).cmp(&(a.severity, b.since, &b.id)));
        Digest {
            from,
            to,
            alerted,
            open,
            muted: tuned.muted.len() as u64,
            muting: tuned.rules.into_iter().filter(|rule| rule.muted > 0).collect(),
            useless: ever.rules.into_iter().filter(|rule| rule.expired || rule.muted == 0).collect(),
            staged,
        }
    }

    /// In a few words: "2 incidents open, 5 findings muted, 1 suppression to tidy up".
    pub fn title(&self) -> String {
        format!(
            "{} open, {} muted, {} to tidy up",
            counted(self.open.len() as u64, "incident"),
            counted(self.muted, "finding"),
            counted(self.useless.len() as u64, "suppression"),
        )
    }

    /// The days, as `2026-03-02 to 2026-03-09`.
    fn days(&self) -> String {
        let day = |time: Timestamp| time.to_string().get(..10).unwrap_or_default().to_owned();
        format!("{} to {}", day(self.from), day(self.to))
    }

    /// The digest as an e-mail.
    pub fn email(&self, context: &Context) -> Email {
        let mut body = format!("kmswatch, {}: {}\n", self.days(), self.title());
        email::write(&self.sections(), &mut body);
        body.push_str(&format!("\n-- \nkmswatch {}\n", plain(&context.version, 20)));
        let (open, muted, useless) = (self.open.len(), self.muted, self.useless.len());
        let subject =
            format!("kmswatch digest, {}: {open} open, {muted} muted, {useless} to tidy up", self.days());
        Email { subject: ascii(&subject, email::SUBJECT), body }
    }

    /// The digest as a message of Slack.
    pub fn slack(&self, context: &Context) -> Value {
        let title = cut(&format!("kmswatch: {}", self.title()), slack::HEADER);
        let mut blocks = vec![
            json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": false}}),
            json!({"type": "context", "elements": [slack::mrkdwn(&self.days())]}),
        ];
        let left_out = slack::write(&self.sections(), &mut blocks);
        let cut_off = if left_out > 0 { format!("{left_out} parts left out. ") } else { String::new() };
        let end = format!("{cut_off}kmswatch {}", plain(&context.version, 20));
        blocks.push(json!({"type": "context", "elements": [slack::mrkdwn(&slack::escaped(&end))]}));
        json!({"text": format!("kmswatch digest {}: {}", self.days(), self.title()), "blocks": blocks,
            "unfurl_links": false, "unfurl_media": false})
    }

    /// The digest as a custom notification of Amazon Q Developer in chat applications.
    pub fn chat(&self, context: &Context) -> Value {
        let end = format!("\nkmswatch {}", plain(&context.version, 20));
        let mut description = format!("{}\n", self.days());
        chat::write(self.sections().iter(), &end, &mut description);
        json!({
            "version": "1.0",
            "source": "custom",
            "id": format!("digest-{}", self.to),
            "content": {
                "textType": "client-markdown",
                "title": cut(&format!(":memo: kmswatch: {}", self.title()), chat::TITLE),
                "description": cut(&(description + &end), chat::DESCRIPTION),
                "keywords": ["kms", "digest"],
            },
            "metadata": {
                "threadId": "kmswatch-digest",
                "summary": self.title(),
                "eventType": "kmswatch_digest",
            },
        })
    }

    /// The digest as an entry of `PutEvents`.
    pub fn entry(&self) -> Entry {
        let rule = |rule: &RuleUse| {
            json!({"kind": rule.kind, "reason": plain(&rule.reason, 300), "owner": plain(&rule.owner, 100),
                "expires": rule.expires, "expired": rule.expired, "muted": rule.muted})
        };
        let open = |open: &Open| {
            json!({"id": id(&open.id, 60), "severity": open.severity, "standing": open.standing,
                "title": plain(&open.title, 500), "since": open.since, "deadline": open.deadline})
        };
        let alerted: serde_json::Map<String, Value> =
            self.alerted.iter().map(|(severity, n)| (severity.name().to_owned(), (*n).into())).collect();
        Entry {
            source: SOURCE,
            detail_type: DETAIL_TYPE,
            resources: Vec::new(),
            detail: json!({
                "version": VERSION,
                "kind": "digest",
                "time": {"start": self.from, "end": self.to},
                "alerted": alerted,
                "open": self.open.iter().take(LISTED).map(open).collect::<Vec<_>>(),
                "open_count": self.open.len(),
                "muted": self.muted,
                "muting": self.muting.iter().take(LISTED).map(rule).collect::<Vec<_>>(),
                "useless": self.useless.iter().take(LISTED).map(rule).collect::<Vec<_>>(),
                "useless_count": self.useless.len(),
                "staged": self.staged,
            }),
        }
    }

    fn sections(&self) -> Vec<Section> {
        let open = self.open.iter().map(|open| {
            let deadline = open
                .deadline
                .map(|end| format!(" A key is lost for good on {}.", moment(end)))
                .unwrap_or_default();
            let severity = open.severity.name().to_uppercase();
            let title = plain(&open.title, 200);
            format!(
                "{severity}: {title} (since {}, {}, {}).{deadline}",
                moment(open.since),
                open.standing.name(),
                plain(&open.id, 60)
            )
        });
        let rule = |rule: &RuleUse| {
            format!("{} of {}: {}", rule.kind, plain(&rule.owner, 60), plain(&rule.reason, 200))
        };
        let muting = self.muting.iter().map(|one| {
            format!("{} by the {} (until {})", counted(one.muted, "finding"), rule(one), moment(one.expires))
        });
        let useless = self.useless.iter().map(|one| {
            let why = if one.expired { "has expired: delete it" } else { "has matched nothing so far" };
            format!("The {} {why}.", rule(one))
        });
        let staged =
            self.staged.iter().map(|(detector, n)| format!("{detector}: {}", counted(*n, "finding")));
        let alerted: Vec<String> =
            self.alerted.iter().rev().map(|(severity, n)| format!("{n} {severity}")).collect();
        let alerted = if alerted.is_empty() { "no incident".to_owned() } else { alerted.join(", ") };
        vec![
            Section { title: "", parts: vec![Part::Labelled("Alerts", alerted)] },
            section("Still open", open, "Nothing."),
            section("Muted", muting, "Nothing."),
            section("To tidy up", useless, "No suppression."),
            section("Detectors on trial", staged, "They found nothing, or there are none."),
        ]
    }
}

impl Open {
    fn of(incident: &Incident) -> Option<Open> {
        let pending = incident.losses.iter().filter(|loss| loss.is_pending() && !loss.muted);
        let deadline = pending.clone().filter_map(|loss| loss.final_at).min();
        let is_open = incident.standing != Standing::Quiet || pending.count() > 0;
        (is_open && !incident.alerts.is_empty()).then(|| Open {
            id: incident.id.clone(),
            severity: incident.severity,
            standing: incident.standing,
            title: incident.title.clone(),
            since: incident.time.start,
            deadline,
        })
    }
}

/// The first of these, how many more there are, or words for none.
fn section(title: &'static str, items: impl Iterator<Item = String>, none: &str) -> Section {
    let items: Vec<String> = items.collect();
    let mut parts: Vec<Part> = items.iter().take(TOLD).cloned().map(Part::Item).collect();
    match items.len().saturating_sub(TOLD) {
        _ if items.is_empty() => parts.push(Part::Text(none.to_owned())),
        0 => {}
        more => parts.push(Part::Text(format!("and {more} more"))),
    }
    Section { title, parts }
}

/// "1 finding", "2 findings".
fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
