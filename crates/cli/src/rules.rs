//! Rules of the user: loaded for a run, and `kmswatch rules`.

use crate::config::nearest;
use crate::output::{BAD, FAINT};
use crate::terminal::safe;
use anyhow::bail;
use clap::{Parser, Subcommand};
use kmswatch_engine::detectors::user_rules::{PREFIX, UserRules};
use kmswatch_engine::settings::Settings;
use kmswatch_rules::{cases, fields};
use std::io::{self, Write};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Rules of your own, in Sigma: test them, or see what they can name
///
/// A rule is a file of the Sigma format about CloudTrail records. It is used by `--rules FOLDER`, and what it finds is
/// told, staged and muted under its id: `sigma/` and the name of the file.
#[derive(Debug, Parser)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check the rules of a folder, and that each fires on its cases and on no other
    #[command(after_help = "Cases of rule.yml stand in rule.cases.json:\n  \
        {\"record\": {what all have in common},\n   \
        \"fires\":  [{\"name\": \"a key is disabled\", \"set\": {\"eventName\": \"DisableKey\"}}],\n   \
        \"silent\": [{\"name\": \"it was denied\", \"set\": {\"errorCode\": \"AccessDenied\"}}]}\n\n\
        Exit status: 0 all right, 1 a case does what it should not, or none shows that a rule fires,\n\
        2 a rule cannot be used.")]
    Test {
        /// Folder of rules
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// List what a rule can name beside the members of the record
    Fields,
}

/// The rules of a folder, but for those that the settings switch off. An id of the settings that names none of them is a
/// mistake.
pub(crate) fn load(folder: &Path, settings: &Settings) -> anyhow::Result<Arc<dyn UserRules>> {
    let rules = kmswatch_rules::load(folder)?;
    let detectors = &settings.detectors;
    let muting = settings.suppressions.iter().flat_map(|suppression| &suppression.detectors);
    for id in detectors.off.iter().chain(&detectors.staged).chain(muting) {
        if id.starts_with(PREFIX) && !rules.ids().any(|known| known == id) {
            let hint =
                nearest(id, rules.ids()).map_or_else(String::new, |id| format!(": did you mean {id:?}?"));
            bail!("the settings name {id:?}, and there is no such rule in {}{hint}", folder.display());
        }
    }
    Ok(Arc::new(rules.without(&detectors.off)))
}

/// `kmswatch rules`.
pub(crate) fn run(args: &RulesArgs) -> anyhow::Result<u8> {
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    let status = match &args.command {
        RulesCommand::Test { folder } => test(&mut out, folder)?,
        RulesCommand::Fields => {
            let widest = fields::ALL.iter().map(|field| field.name.len()).max().unwrap_or(0);
            for field in fields::ALL {
                writeln!(out, "{:<widest$}  {}", field.name, field.what)?;
            }
            crate::NOTHING_FOUND
        }
    };
    out.flush()?;
    Ok(status)
}

fn test(out: &mut impl Write, folder: &Path) -> anyhow::Result<u8> {
    let mut status = crate::NOTHING_FOUND;
    for tested in cases::test(folder)? {
        let plural = if tested.right == 1 { "" } else { "s" };
        let right = format!("{} case{plural} right", tested.right);
        writeln!(out, "{}  {FAINT}{right}{FAINT:#}", safe(&tested.rule))?;
        for wrong in &tested.wrong {
            writeln!(out, "  {BAD}wrong:{BAD:#} {}", safe(wrong))?;
            status = crate::FOUND;
        }
    }
    Ok(status)
}
