//! `kmswatch replay --report`: everything on one page.

use crate::baseline::close_all;
use crate::output::{self, Outcome};
use crate::reading::ReadArgs;
use crate::reading::{Reading, read};
use crate::run::ReplayArgs;
use anyhow::Context;
use kmswatch_engine::finding::{Finding, Severity};
use kmswatch_engine::incident::{self, Incident};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::tuning::{self, Tuned};
use kmswatch_report::hygiene;
use kmswatch_report::inventory::Inventory;
use kmswatch_report::page::charts::{self, CHARTS, Chart};
use kmswatch_report::page::{self, FINDINGS};
use kmswatch_report::usage::{Bounds, Usage};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// A page that will be written once all is read.
pub(crate) struct Page {
    file: File,
    usage: Usage,
}

impl Page {
    /// Creates the file, so that a wrong name is told before the run.
    pub(crate) fn create(file: &Path) -> anyhow::Result<Page> {
        let file =
            File::create(file).with_context(|| format!("cannot write the report to {}", file.display()))?;
        Ok(Page { file, usage: Usage::new(Bounds::default()) })
    }

    /// Counts who uses which key, to be fed while the logs are read.
    pub(crate) fn usage(&mut self) -> &mut Usage {
        &mut self.usage
    }

    /// Writes the page: the findings that pass `args`, whatever of them is printed, and all incidents of these.
    pub(crate) fn write(self, args: &ReplayArgs, watch: &Watch, outcome: &Outcome) -> anyhow::Result<()> {
        let told = Told::of(args, watch, outcome);
        let mut notes = told.notes;
        let charts = charts(&args.read, &told.findings, &mut notes)?;
        let inventory = Inventory::of(watch, &self.usage);
        let page = page::Page {
            version: env!("CARGO_PKG_VERSION"),
            inputs: args.read.paths.iter().map(|path| path.display().to_string()).collect(),
            now: outcome.context.now,
            summary: &outcome.summary,
            findings: &told.findings,
            incidents: Some(&told.incidents),
            hygiene: &hygiene::reports(&inventory),
            inventory: &inventory,
            charts: &charts,
            problems: outcome.troubles.problems.items.iter().map(output::words).collect(),
            notes,
        };
        let mut out = BufWriter::new(self.file);
        page.write(&mut out).and_then(|()| out.flush()).context("cannot write the report")
    }
}

/// What the page tells of what was found.
struct Told {
    findings: Vec<Finding>,
    incidents: Vec<Incident>,
    notes: Vec<String>,
}

impl Told {
    fn of(args: &ReplayArgs, watch: &Watch, outcome: &Outcome) -> Told {
        let settings = &watch.estate().settings;
        let tuned = tuning::tune(watch.findings(), settings, outcome.context.now);
        let mut notes = Vec::new();
        let mut note = |n: usize, what: &str| {
            if n > 0 {
                notes.push(format!("{}: {what}.", output::figures::counted(n as u64, "finding")));
            }
        };
        note(tuned.muted.len(), "muted by the settings; they stand in incidents alone");
        note(if args.staged { 0 } else { tuned.staged.len() }, "of detectors on trial, left out");
        let tuned = if args.staged { Tuned { told: tuned.staged, ..Tuned::default() } } else { tuned };
        let now = outcome.context.now;
        let mut incidents = incident::incidents(tuned.members(), settings, now, &BTreeSet::new());
        let mut findings = tuned.told;
        let is_told = |severity: Severity| severity >= args.severity;
        incidents.retain(|one| one.muted_count < one.finding_count && is_told(one.severity));
        let all = findings.len();
        findings.retain(|finding| is_told(finding.severity));
        note(all - findings.len(), &format!("below severity {}, left out", args.severity));
        note(
            findings.len().saturating_sub(FINDINGS),
            "the least severe, left out, since a page holds no more",
        );
        Told { findings, incidents, notes }
    }
}

/// The hours of the entities that the findings are about. States keep what was learned and not the hours that taught it,
/// so the logs are read again.
fn charts(args: &ReadArgs, findings: &[Finding], notes: &mut Vec<String>) -> anyhow::Result<Vec<Chart>> {
    let followed = charts::entities(findings);
    if followed.is_empty() {
        return Ok(Vec::new());
    }
    if followed.len() == CHARTS {
        notes.push(format!("Charts are drawn of the {CHARTS} entities with the worst findings alone."));
    }
    let Reading { mut watch, .. } = read(args, &followed)?;
    close_all(&mut watch);
    Ok(Chart::of(&watch, findings))
}
