//! `kmswatch simulate`: logs of an invented organisation, to try things on.

use crate::output::figures::{counted, grouped};
use crate::output::layout::wrapped;
use crate::output::{COMMAND, FAINT, STRONG};
use crate::progress::Progress;
use crate::terminal;
use anyhow::{Context, bail};
use clap::Parser;
use kmswatch_scenario::scenario::{AccountPlan, AttackPlan, Duty};
use kmswatch_scenario::{PRESETS, Scenario, Truth, attacks};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::path::PathBuf;

/// Write the logs of an invented organisation, with labelled attacks
///
/// Writes a folder that looks like the bucket of an organisation's trail, and beside it labels.json, which says
/// what was an attack. The same arguments give the same logs.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch simulate --out ./sample && kmswatch replay ./sample\n  \
    kmswatch simulate --list-attacks\n  \
    kmswatch simulate --out ./week --days 7 --attack scheduled_deletion@5T02:14\n  \
    kmswatch simulate --out ./calm --preset quickstart --no-attacks --seed 7")]
pub(crate) struct SimulateArgs {
    /// Folder to write to; it must be empty or not there yet
    #[arg(long, value_name = "FOLDER", required_unless_present = "list_attacks")]
    pub(crate) out: Option<PathBuf>,

    /// Scenario to start from
    #[arg(long, value_parser = preset(), default_value = "quickstart")]
    pub(crate) preset: String,

    /// A scenario of your own instead of a preset: a TOML file
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub(crate) scenario: Option<PathBuf>,

    /// Source of all that is random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Days of traffic; attacks keep their distance from the last one
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u32>,

    /// Accounts of the organisation, at least 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=200))]
    pub(crate) accounts: Option<u32>,

    /// Share of KMS among all records, 0.001 to 1
    #[arg(long, value_name = "SHARE")]
    pub(crate) kms_share: Option<f64>,

    /// Attack instead of those of the preset, at day DAY (0 is the first) and UTC time; may be repeated
    #[arg(long = "attack", value_name = "KIND[@DAY[THH:MM]]")]
    pub(crate) attacks: Vec<String>,

    /// No attacks at all
    #[arg(long, conflicts_with = "attacks")]
    pub(crate) no_attacks: bool,

    /// List the kinds of attacks, and harmless acts that look like them
    #[arg(long)]
    pub(crate) list_attacks: bool,
}

fn preset() -> clap::builder::PossibleValuesParser {
    kmswatch_scenario::PRESETS
        .iter()
        .map(|preset| clap::builder::PossibleValue::new(preset.id).help(preset.description))
        .collect::<Vec<_>>()
        .into()
}

/// Writes what was asked for.
pub(crate) fn run(args: &SimulateArgs) -> anyhow::Result<u8> {
    let mut out = anstream::stdout().lock();
    if args.list_attacks {
        list(&mut out, terminal::columns())?;
        return Ok(crate::NOTHING_FOUND);
    }
    let Some(folder) = &args.out else { bail!("name a folder: --out FOLDER") };
    let scenario = scenario(args)?;
    let name = folder.display();
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{name} is not empty, and logs of two scenarios must not mix: choose another folder");
    }
    let progress = Progress::of_work();
    let truth = kmswatch_scenario::write(&scenario, folder, |now| progress.set(now.done))
        .with_context(|| format!("cannot write the logs to {name}"))?;
    progress.finish();
    told(&mut out, &truth, folder)?;
    Ok(crate::NOTHING_FOUND)
}

fn told(out: &mut impl Write, truth: &Truth, folder: &Path) -> io::Result<()> {
    let counts = &truth.counts;
    let folder = folder.display().to_string();
    let folder = terminal::safe(&folder);
    writeln!(
        out,
        "Wrote {} with {}, {} of them of KMS, to {folder}.",
        counted(counts.log_objects, "log object"),
        counted(counts.records, "record"),
        grouped(counts.distinct_kms_records),
    )?;
    writeln!(
        out,
        "{} and {} are described in labels.json.",
        counted(truth.attacks.len() as u64, "attack"),
        counted(truth.look_alikes.len() as u64, "look-alike"),
    )?;
    writeln!(out, "Next: {COMMAND}kmswatch replay {folder}{COMMAND:#}")
}

/// The preset or file, changed as the arguments say.
fn scenario(args: &SimulateArgs) -> anyhow::Result<Scenario> {
    let mut scenario = match &args.scenario {
        Some(file) => {
            let name = file.display();
            let text =
                fs::read_to_string(file).with_context(|| format!("cannot read the scenario in {name}"))?;
            Scenario::from_toml(&text).with_context(|| format!("cannot use the scenario in {name}"))?
        }
        None => {
            let preset = PRESETS.iter().find(|preset| preset.id == args.preset);
            (preset.with_context(|| format!("there is no preset {:?}", args.preset))?.scenario)()
        }
    };
    if let Some(seed) = args.seed {
        scenario.seed = seed;
    }
    if let Some(days) = args.days {
        set_days(&mut scenario, days);
    }
    if let Some(accounts) = args.accounts {
        resize(&mut scenario.organisation.accounts, accounts as usize);
    }
    if let Some(share) = args.kms_share {
        scenario.kms_share = share;
    }
    if args.no_attacks {
        scenario.attacks.clear();
    } else if !args.attacks.is_empty() {
        let last = scenario.days.saturating_sub(1);
        scenario.attacks = args.attacks.iter().map(|text| attack(text, last)).collect::<Result<_, _>>()?;
    }
    scenario.check()?;
    Ok(scenario)
}

/// Makes it longer or shorter. Attacks keep their distance from the end; those from before the first day fall away.
pub(crate) fn set_days(scenario: &mut Scenario, days: u32) {
    let before = scenario.days;
    scenario.attacks.retain(|attack| attack.day + days >= before);
    for attack in &mut scenario.attacks {
        attack.day = attack.day + days - before;
    }
    scenario.days = days;
}

/// Takes accounts away from the end, or adds some; those that every organisation needs stay.
fn resize(accounts: &mut Vec<AccountPlan>, n: usize) {
    while accounts.len() > n {
        let needless = |account: &AccountPlan| !matches!(account.duty, Duty::Payments | Duty::Security);
        let Some(at) = accounts.iter().rposition(needless) else { break };
        accounts.remove(at);
    }
    for number in accounts.len() + 1..=n {
        let regions = vec!["eu-west-1".to_owned()];
        accounts.push(AccountPlan {
            name: format!("workload-{number}"),
            duty: Duty::Workload,
            regions,
            id: None,
        });
    }
}

/// `KIND`, `KIND@DAY` or `KIND@DAYTHH:MM`; on the last day unless told otherwise.
fn attack(text: &str, last_day: u32) -> anyhow::Result<AttackPlan> {
    let (kind, when) = text.split_once('@').map_or((text, None), |(kind, when)| (kind, Some(when)));
    if !attacks().iter().any(|known| known.id == kind) {
        let hint = crate::config::nearest(kind, attacks().iter().map(|known| known.id))
            .map_or_else(String::new, |kind| format!("did you mean {kind:?}? "));
        bail!("there is no attack {kind:?}: {hint}`kmswatch simulate --list-attacks` shows them");
    }
    let (day, time) = match when {
        None => (last_day, "12:00"),
        Some(when) => {
            let (day, time) = when.split_once('T').unwrap_or((when, "12:00"));
            let day = day.parse().with_context(|| format!("{text:?}: write KIND@DAY or KIND@DAYTHH:MM"))?;
            (day, time)
        }
    };
    Ok(AttackPlan::new(kind, day, time))
}

fn list(out: &mut impl Write, columns: usize) -> io::Result<()> {
    let widest = attacks().iter().map(|kind| kind.id.len()).max().unwrap_or(0);
    for (heading, look_alikes) in [("Attacks", false), ("Harmless acts that look like attacks", true)] {
        let mut kinds = attacks().iter().filter(|kind| kind.look_alike == look_alikes).peekable();
        if kinds.peek().is_none() {
            continue;
        }
        writeln!(out, "{STRONG}{heading}{STRONG:#}")?;
        for kind in kinds {
            let mut id = kind.id;
            for line in wrapped(kind.description, columns.saturating_sub(widest + 4)) {
                writeln!(out, "  {id:<widest$}  {line}")?;
                id = "";
            }
        }
    }
    writeln!(out, "{FAINT}A scenario of your own says more about each: --scenario FILE{FAINT:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser;

    fn asked(args: &[&str]) -> anyhow::Result<Scenario> {
        let args = ["kmswatch", "simulate", "--out", "x"].iter().chain(args);
        match Args::try_parse_from(args)?.command {
            Command::Simulate(args) => scenario(&args),
            _ => bail!("another command"),
        }
    }

    #[test]
    fn the_preset_is_changed_as_asked() {
        let usual = asked(&[]).unwrap();
        assert_eq!(usual, Scenario::quickstart());
        let scenario =
            asked(&["--seed", "7", "--days", "9", "--accounts", "5", "--kms-share", "0.5"]).unwrap();
        assert_eq!((scenario.seed, scenario.days, scenario.kms_share), (7, 9, 0.5));
        assert_eq!(scenario.organisation.accounts.len(), 5);
        let from_end = |scenario: &Scenario| -> Vec<(String, u32)> {
            scenario.attacks.iter().map(|a| (a.kind.clone(), scenario.days - a.day)).collect()
        };
        let mut kept = from_end(&usual);
        kept.retain(|(_, days)| *days <= 9);
        assert!(kept.len() < usual.attacks.len(), "one is from before the nine days");
        assert_eq!(from_end(&scenario), kept, "the same distance from the end");
        assert_eq!(asked(&["--accounts", "2"]).unwrap().organisation.accounts.len(), 2);
        assert!(asked(&["--no-attacks"]).unwrap().attacks.is_empty());
    }

    #[test]
    fn attacks_are_told_by_kind_day_and_time() {
        let kind = attacks()[0].id;
        let scenario = asked(&["--attack", kind, "--attack", &format!("{kind}@3T02:14")]).unwrap();
        assert_eq!(scenario.attacks[0], AttackPlan::new(kind, scenario.days - 1, "12:00"));
        assert_eq!(scenario.attacks[1], AttackPlan::new(kind, 3, "02:14"));
        for wrong in ["no_such_attack".to_owned(), format!("{kind}@x"), format!("{kind}@1T25:00")] {
            assert!(asked(&["--attack", &wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for args in [&["--days", "0"][..], &["--kms-share", "2"], &["--accounts", "1"], &["--preset", "none"]]
        {
            assert!(asked(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn every_kind_of_attack_is_listed() {
        let mut out = Vec::new();
        list(&mut out, 80).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(attacks().iter().all(|kind| text.contains(kind.id)));
    }
}
