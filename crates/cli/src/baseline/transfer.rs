//! `kmswatch baseline export` and `import`: what is known of entities as lines of JSON, from one place to another.
//!
//! The first line says what the file is, each other one holds the State of an entity. States merge, so nothing that is
//! known is ever overwritten: importing adds, and importing again changes nothing. The calibration of the estate is no
//! State and stays where it is.

use super::{ExportArgs, ImportArgs, told};
use crate::output::figures::{counted, grouped};
use crate::reading::{Reading, read};
use crate::saved;
use crate::terminal::safe;
use anyhow::{Context, bail};
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::settings::Settings;
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::state::{Entities, Merge, States};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

/// The form of the file.
const FORMAT: u32 = 1;
/// Longest line that is read: no State takes nearly as much.
const LONGEST: u64 = 64 << 20;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The form of the file; its name says what the file is.
    kmswatch_baseline: u32,
    /// Lines that follow.
    entities: u64,
}

/// Each other line.
#[derive(Deserialize)]
struct Line<'a> {
    kind: EntityKind,
    id: String,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// `kmswatch baseline export`. Gives the exit status.
pub(super) fn export(args: &ExportArgs) -> anyhow::Result<u8> {
    let file =
        args.out.as_deref().map(|file| Ok::<_, anyhow::Error>((file, saved::create(file)?))).transpose()?;
    let Reading { watch, troubles } = read(&args.read, &[])?;
    match file {
        None => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            write(&mut out, watch.states())?;
            out.flush()?;
        }
        Some((file, new)) => {
            let failed = || format!("cannot write {}", file.display());
            let mut out = io::BufWriter::new(&new);
            write(&mut out, watch.states()).and_then(|()| out.flush()).with_context(failed)?;
            drop(out);
            new.persist(file).with_context(failed)?;
        }
    }
    told(&troubles)
}

fn write(out: &mut impl Write, states: &States) -> io::Result<()> {
    fn lines<S: Serialize>(out: &mut impl Write, kind: EntityKind, states: &Entities<S>) -> io::Result<()> {
        let mut sorted: Vec<(&String, &S)> = states.iter().collect();
        sorted.sort_by_key(|(id, _)| *id);
        for (id, state) in sorted {
            #[derive(Serialize)]
            struct Line<'a, S> {
                kind: EntityKind,
                id: &'a str,
                state: &'a S,
            }
            serde_json::to_writer(&mut *out, &Line { kind, id, state })?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
    let entities = states.ids().count() as u64;
    serde_json::to_writer(&mut *out, &Head { kmswatch_baseline: FORMAT, entities })?;
    out.write_all(b"\n")?;
    lines(out, EntityKind::Key, &states.keys)?;
    lines(out, EntityKind::Principal, &states.principals)?;
    lines(out, EntityKind::Account, &states.accounts)
}

/// `kmswatch baseline import`. Gives the exit status.
pub(super) fn import(args: &ImportArgs) -> anyhow::Result<u8> {
    let name = safe(&args.file.display().to_string()).into_owned();
    let states = if args.file == Path::new("-") {
        parse(io::stdin().lock())
    } else {
        parse(BufReader::new(File::open(&args.file).with_context(|| format!("cannot read {name}"))?))
    };
    let states = states.with_context(|| format!("cannot import {name}; nothing was changed"))?;
    match &args.into {
        super::Into { state: Some(file), .. } => into_file(&states, file),
        #[cfg(feature = "aws")]
        super::Into { table: Some(table), .. } => into_table(states, table),
        super::Into { .. } => bail!("name where to: --state FILE"),
    }
}

/// All States of a file, or what is wrong with it.
fn parse(mut file: impl BufRead) -> anyhow::Result<States> {
    let mut states = States::default();
    let head = line(&mut file)?;
    let head: Head =
        serde_json::from_str(&head).context("this is nothing that `kmswatch baseline export` writes")?;
    if head.kmswatch_baseline != FORMAT {
        bail!("it was exported by a later version of kmswatch: update it");
    }
    let mut n = 0;
    loop {
        let text = line(&mut file)?;
        if text.is_empty() {
            break;
        }
        n += 1;
        take(&mut states, &text).with_context(|| format!("line {}", n + 1))?;
    }
    if n != head.entities {
        bail!("it should hold {} and holds {n}: it was cut off", counted(head.entities, "line"));
    }
    // A State that could not be stored is known before anything is.
    for id in states.ids() {
        if let Some(Err(error)) = states.encode(&id) {
            bail!("{id}: {error}");
        }
    }
    Ok(states)
}

fn line(file: &mut impl BufRead) -> anyhow::Result<String> {
    let mut text = String::new();
    file.by_ref().take(LONGEST).read_line(&mut text).context("it cannot be read")?;
    if text.len() as u64 == LONGEST {
        bail!("a line is longer than any that is written");
    }
    Ok(text)
}

fn take(states: &mut States, text: &str) -> anyhow::Result<()> {
    fn merge<S: Merge + Default + DeserializeOwned>(
        states: &mut Entities<S>,
        id: String,
        state: &RawValue,
    ) -> anyhow::Result<()> {
        let state: S = serde_json::from_str(state.get())?;
        states.entry(id).or_default().merge(&state);
        Ok(())
    }
    let Line { kind, id, state } = serde_json::from_str(text)?;
    match kind {
        EntityKind::Key => merge(&mut states.keys, id, state),
        EntityKind::Principal => merge(&mut states.principals, id, state),
        EntityKind::Account => merge(&mut states.accounts, id, state),
    }
}

/// What an import has done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Entities that were not known.
    new: u64,
    /// Entities of which something was known, and now more.
    merged: u64,
    /// Entities of which it said nothing that was not known.
    same: u64,
}

impl Tally {
    /// What became of the entities of an import.
    fn of(imported: &States, before: &States, after: &States) -> Tally {
        let mut tally = Tally::default();
        let stored = |states: &States, id: &EntityId| states.encode(id).and_then(Result::ok);
        for id in imported.ids() {
            match stored(before, &id) {
                None => tally.new += 1,
                Some(known) if Some(&known) == stored(after, &id).as_ref() => tally.same += 1,
                Some(_) => tally.merged += 1,
            }
        }
        tally
    }

    fn tell(&self, place: &str) -> io::Result<()> {
        let all = self.new + self.merged + self.same;
        writeln!(
            anstream::stdout(),
            "{} of {all} entities are new in {}, {} were merged with what was known, of {} nothing was new.",
            grouped(self.new),
            safe(place),
            grouped(self.merged),
            grouped(self.same),
            all = grouped(all),
        )
    }
}

fn into_file(states: &States, file: &Path) -> anyhow::Result<u8> {
    let new = saved::create(file)?;
    let estate = Estate::new(Settings::default());
    let mut watch = if file.exists() {
        let known = saved::load(file)?;
        Watch::restored(estate, &known)
            .with_context(|| format!("cannot use the saved state in {}", file.display()))?
    } else {
        Watch::new(estate)
    };
    let before = watch.states().clone();
    watch.join(states);
    saved::write(new, file, &watch)?;
    Tally::of(states, &before, watch.states()).tell(&file.display().to_string())?;
    Ok(crate::NOTHING_FOUND)
}

#[cfg(feature = "aws")]
fn into_table(states: States, table: &str) -> anyhow::Result<u8> {
    use crate::bucket::wait;
    use kmswatch_aws::clients::Clients;
    use kmswatch_aws::entities::Known;
    use kmswatch_aws::stored;

    let now = crate::reading::clock();
    let name = table.to_owned();
    let (tally, saves) = wait(async move {
        let store = Clients::connect().await.store(&name);
        let entities: Vec<EntityId> = states.ids().collect();
        let mut known = Known::default();
        known.load(&store, entities.iter().cloned()).await?;
        let before = known.states.clone();
        known.states.merge(&states);
        let tally = Tally::of(&states, &before, &known.states);
        let saves = stored::save(&store, &mut known, &entities, now).await?;
        Ok::<_, kmswatch_aws::store::StoreError>((tally, saves))
    })?
    .with_context(|| format!("cannot import into the table {table:?}; running it again goes on"))?;
    tally.tell(table)?;
    for (entity, error) in &saves.failed {
        let text = format!("{entity}: {error}");
        writeln!(anstream::stderr(), "{BAD}problem:{BAD:#} {}", safe(&text), BAD = crate::output::BAD)?;
    }
    Ok(if saves.failed.is_empty() { crate::NOTHING_FOUND } else { crate::TROUBLE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_export_is_refused_with_its_line() {
        let head = "{\"kmswatch_baseline\":1,\"entities\":1}\n";
        let account = "{\"kind\":\"account\",\"id\":\"111122223333\",\"state\":{}}\n";
        let error = |text: String| format!("{:#}", parse(text.as_bytes()).unwrap_err());
        assert_eq!(parse(format!("{head}{account}").as_bytes()).unwrap().accounts.len(), 1);
        assert!(error(String::new()).contains("nothing that"));
        assert!(error("{\"id\":\"kw-1\"}\n".to_owned()).contains("nothing that"));
        assert!(error(head.replace(":1,", ":2,")).contains("later version"));
        assert!(error(head.to_owned()).contains("cut off"));
        assert!(error(format!("{head}{account}{account}")).contains("it should hold 1 line"));
        assert!(error(format!("{head}{}", account.replace("account", "city"))).contains("line 2"));
        assert!(error(format!("{head}{}", &account[..40])).contains("line 2"));
    }
}
