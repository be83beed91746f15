//! Everything on one HTML page that needs nothing else: no network, no second file, no program but a browser.
//!
//! The page is four parts: a head with a policy that allows only its own script and style, by their hashes; the data, as
//! JSON that a browser does not run; the style; and the script, which builds what is shown out of text nodes. What comes
//! out of logs is only ever data: it reaches neither markup nor script nor a link.
//!
//! Data stands in blocks. The first holds what lists show, the others the details, some hundred entries each; the script
//! parses one when somebody looks. So a page with ten thousand findings opens as fast as one with ten. Blocks that are not
//! small are deflated, in base64.

mod blocks;
pub mod charts;
mod principals;
#[cfg(test)]
mod tests;

use crate::hygiene;
use crate::inventory::{Deletion, Inventory, KeyEntry, short};
use base64::Engine;
use blocks::{block, chunks};
use charts::Chart;
use kmswatch_engine::finding::{Finding, Severity};
use kmswatch_engine::incident::Incident;
use kmswatch_engine::pipeline::Summary;
use kmswatch_engine::time::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Write};

const STYLE: &str =
    concat!(include_str!("../../assets/uplot/uPlot.min.css"), include_str!("../../assets/page.css"));
const SCRIPT: &str = concat!(
    include_str!("../../assets/uplot/uPlot.iife.min.js"),
    include_str!("../../assets/pako/pako_inflate.umd.min.js"),
    include_str!("../../assets/dom.js"),
    include_str!("../../assets/data.js"),
    include_str!("../../assets/chart.js"),
    include_str!("../../assets/lists.js"),
    include_str!("../../assets/details.js"),
    include_str!("../../assets/overview.js"),
    include_str!("../../assets/main.js"),
);

/// Findings that a page holds; beyond, the least severe are left out.
pub const FINDINGS: usize = 50_000;
/// Problems that a page holds in words.
const PROBLEMS: usize = 200;

/// What a page shows.
#[derive(Debug)]
pub struct Page<'a> {
    /// Version of kmswatch.
    pub version: &'a str,
    /// What was read, as it was named.
    pub inputs: Vec<String>,
    /// The moment that counts as now.
    pub now: Timestamp,
    /// The account of the run.
    pub summary: &'a Summary,
    /// Findings, in order of time.
    pub findings: &'a [Finding],
    /// Incidents, in order of time; `None` for a page about keys alone.
    pub incidents: Option<&'a [Incident]>,
    /// The keys.
    pub inventory: &'a Inventory,
    /// What is careless.
    pub hygiene: &'a [hygiene::Report],
    /// The hours of the entities that statistical findings are about.
    pub charts: &'a [Chart],
    /// What could not be read, in words.
    pub problems: Vec<String>,
    /// What else has to be said: what was left out, and why.
    pub notes: Vec<String>,
}

/// The first block: what lists show.
#[derive(Serialize)]
struct Index<'a> {
    version: &'a str,
    inputs: &'a [String],
    now: Timestamp,
    summary: &'a Summary,
    has_incidents: bool,
    problems: &'a [String],
    notes: &'a [String],
    severities: [&'static str; 5],
    /// Entries in a block of details.
    block: usize,
    incidents: Vec<IncidentRow<'a>>,
    findings: Vec<FindingRow<'a>>,
    keys: Vec<KeyRow<'a>>,
    principals: Vec<PrincipalRow<'a>>,
    hygiene: Vec<(&'a str, &'a str, Severity, usize)>,
    charts: Vec<ChartRow<'a>>,
    inventory: Totals<'a>,
}

#[derive(Serialize)]
struct Totals<'a> {
    days: f64,
    since: Timestamp,
    as_of: Timestamp,
    own_accounts: &'a [String],
    cost: crate::inventory::cost::Cost,
    prices: &'a crate::inventory::cost::Prices,
    cut: &'a crate::usage::Cut,
}

/// Id, severity, standing, start, end, title, findings, alerts.
type IncidentRow<'a> = (&'a str, usize, &'a str, Timestamp, Timestamp, &'a str, usize, usize);
/// Id, severity, time, title, principal, key ARN, detector, events, place of its incident or -1.
type FindingRow<'a> = (&'a str, usize, Timestamp, &'a str, &'a str, &'a str, &'a str, u64, i64);
/// ARN, label, account, Region, state, uses, users, last use, errors, cost.
type KeyRow<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, u64, usize, Option<Timestamp>, u64, f64);
/// Id, short name, kind, account, calls, keys, last.
type PrincipalRow<'a> = (&'a str, &'a str, &'a str, &'a str, u64, usize, Timestamp);
/// Entity, whether it is a key, measure, ids of its findings.
type ChartRow<'a> = (&'a str, bool, &'a str, Vec<&'a str>);

/// The details of a key: its entry, and what breaks without it.
#[derive(Serialize)]
struct KeyDetail<'a> {
    #[serde(flatten)]
    entry: &'a KeyEntry,
    deletion: Deletion,
}

/// The details of an incident, with what it says of keys that were taken away.
#[derive(Serialize)]
struct IncidentDetail<'a> {
    #[serde(flatten)]
    incident: &'a Incident,
    loss_sentences: Vec<String>,
}

impl Page<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// If `out` cannot be written to.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let title = format!("kmswatch, {}", day(self.inventory.since));
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{}'; style-src '{}'; \
             base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title} to {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{}",
            hash(SCRIPT),
            hash(STYLE),
            day(self.inventory.as_of),
            include_str!("../../assets/body.html"),
        )?;
        let findings = self.findings();
        block(out, "index", &self.index(&findings))?;
        chunks(out, "findings", &findings)?;
        let with_losses = |incident| IncidentDetail { incident, loss_sentences: sentences(incident) };
        let incidents: Vec<_> = self.incidents.unwrap_or_default().iter().map(with_losses).collect();
        chunks(out, "incidents", &incidents)?;
        let deletion = |entry| KeyDetail { entry, deletion: self.inventory.deletion(entry) };
        chunks(out, "keys", self.inventory.keys.iter().map(deletion).collect::<Vec<_>>().as_slice())?;
        chunks(out, "principals", &principals::of(self.inventory))?;
        chunks(out, "hygiene", self.hygiene)?;
        chunks(out, "charts", self.charts)?;
        write!(out, "<script>{SCRIPT}</script>\n</body>\n</html>\n")
    }

    /// The findings that the page holds.
    fn findings(&self) -> Vec<&Finding> {
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        if findings.len() > FINDINGS {
            findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
            findings.truncate(FINDINGS);
            findings.sort_by(|a, b| (a.time.start, &a.id).cmp(&(b.time.start, &b.id)));
        }
        findings
    }

    fn index<'a>(&'a self, findings: &[&'a Finding]) -> Index<'a> {
        let incidents = self.incidents.unwrap_or_default();
        let mut incident_of: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, incident) in incidents.iter().enumerate() {
            incident.timeline.iter().for_each(|step| {
                incident_of.insert(&step.finding, at);
            });
        }
        let inventory = self.inventory;
        Index {
            version: self.version,
            inputs: &self.inputs,
            now: self.now,
            summary: self.summary,
            has_incidents: self.incidents.is_some(),
            problems: self.problems.get(..PROBLEMS).unwrap_or(&self.problems),
            notes: &self.notes,
            severities: Severity::ALL.map(Severity::name),
            block: blocks::ENTRIES,
            incidents: incidents.iter().map(incident_row).collect(),
            findings: findings
                .iter()
                .map(|finding| finding_row(finding, incident_of.get(finding.id.as_str())))
                .collect(),
            keys: inventory.keys.iter().map(key_row).collect(),
            principals: principals::rows(inventory),
            hygiene: self
                .hygiene
                .iter()
                .map(|report| (report.id, report.title, report.severity, report.sign_count))
                .collect(),
            charts: self.charts.iter().map(Chart::row).collect(),
            inventory: Totals {
                days: inventory.days,
                since: inventory.since,
                as_of: inventory.as_of,
                own_accounts: &inventory.own_accounts,
                cost: inventory.cost,
                prices: &inventory.prices,
                cut: &inventory.cut,
            },
        }
    }
}

fn incident_row(incident: &Incident) -> IncidentRow<'_> {
    (
        &incident.id,
        rank(incident.severity),
        incident.standing.name(),
        incident.time.start,
        incident.time.end,
        &incident.title,
        incident.finding_count,
        incident.alerts.len(),
    )
}

fn finding_row<'a>(finding: &'a Finding, incident: Option<&usize>) -> FindingRow<'a> {
    (
        &finding.id,
        rank(finding.severity),
        finding.time.start,
        &finding.title,
        finding.principal.as_ref().map_or("", |who| short(&who.id)),
        finding.key.as_ref().map_or("", |key| key.arn.as_str()),
        finding.detector,
        finding.evidence.count,
        incident.and_then(|at| i64::try_from(*at).ok()).unwrap_or(-1),
    )
}

fn key_row(key: &KeyEntry) -> KeyRow<'_> {
    (
        &key.arn,
        key.label(),
        &key.account,
        &key.region,
        key.state.words(),
        key.users.iter().map(|user| user.uses).sum(),
        key.users.len(),
        key.last_use,
        key.errors.values().sum(),
        key.cost.total(),
    )
}

fn sentences(incident: &Incident) -> Vec<String> {
    incident.losses.iter().map(|loss| format!("{}: {}", loss.key.label(), loss.sentence())).collect()
}

fn rank(severity: Severity) -> usize {
    Severity::ALL.iter().position(|one| *one == severity).unwrap_or_default()
}

/// `2026-05-04`
fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// The source by which a policy allows this text: `sha256-...`.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes())))
}
