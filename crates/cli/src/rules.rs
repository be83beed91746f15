//! Rules of the user: loaded for a run, and `kmswatch rules`.

use crate::args::{RulesArgs, RulesCommand};
use crate::config::nearest;
use crate::output::{BAD, FAINT};
use crate::terminal::safe;
use anyhow::bail;
use kmswatch_engine::detectors::user_rules::{PREFIX, UserRules};
use kmswatch_engine::settings::Settings;
use kmswatch_rules::{cases, fields};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

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
