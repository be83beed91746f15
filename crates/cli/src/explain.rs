//! `kmswatch explain`: how a finding came about.

use crate::baseline::{close_all, told};
use crate::output::{entity, hours, text, uses};
use crate::reading::{ReadArgs, Reading, only, read};
use crate::terminal;
use clap::Parser;
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::detectors::user_rules::PREFIX;
use kmswatch_engine::finding::Finding;
use kmswatch_engine::pipeline::Watch;
use kmswatch_report::page::charts::Judged;
use std::io::{self, Write};

/// Show how a finding came about: the hours that were judged, and what is usual
///
/// Reads the same logs again and shows the finding in full, each hour around it with what was counted and what was
/// to be expected, and the week that was learned.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  \
    kmswatch explain kw-1b2c ./AWSLogs")]
pub(crate) struct ExplainArgs {
    /// Id of the finding, or the beginning of one
    #[arg(value_name = "FINDING")]
    pub(crate) finding: String,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// `kmswatch explain FINDING PATH...`. Gives the exit status.
pub(crate) fn run(mut args: ExplainArgs) -> anyhow::Result<u8> {
    args.read.keep_stdin()?;
    let Reading { watch, .. } = read(&args.read, &[])?;
    let finding = only(&args.finding, watch.findings(), |finding| &finding.id)?;
    drop(watch);
    let judged = Judged::of(&finding);
    // States keep what was learned and not the hours that taught it, so those of this finding are read again.
    let followed: Vec<Entity> = judged.iter().map(|judged| judged.entity.clone()).collect();
    let Reading { mut watch, troubles } = read(&args.read, &followed)?;
    close_all(&mut watch);
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    let layout = text::Layout { columns: terminal::columns(), verbose: true };
    text::full(out, &finding, &layout)?;
    if let Some(Judged { entity, until, counted }) = &judged {
        writeln!(out)?;
        match counted {
            Some(window) => {
                let history = watch.history(entity);
                hours::scores(out, window, history)?;
                hours::write(out, window, history)?;
            }
            None => uses::write(out, *until, watch.first_uses(entity))?,
        }
    }
    for entity in entities(&finding, &watch) {
        writeln!(out)?;
        entity::write(out, &entity, watch.states(), layout.columns)?;
    }
    match finding.detector.strip_prefix(PREFIX) {
        Some(rule) => writeln!(out, "\nThe rule that decides stands in your rules, in the file {rule}")?,
        None => writeln!(
            out,
            "\nHow the detector decides, and when it is wrong: kmswatch detectors {}",
            finding.detector
        )?,
    }
    out.flush()?;
    told(&troubles)
}

/// Who and what the finding is about, as far as something is known of them.
fn entities(finding: &Finding, watch: &Watch) -> Vec<Entity> {
    let principal = finding.principal.as_ref().map(|who| who.id.clone());
    let principal = principal.filter(|id| watch.states().principals.contains_key(id)).map(Entity::Principal);
    let key = finding.key.as_ref().map(|key| key.arn.clone());
    let key = key.filter(|arn| watch.states().keys.contains_key(arn)).map(Entity::Key);
    principal.into_iter().chain(key).collect()
}
