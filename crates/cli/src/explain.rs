//! `kmswatch explain`: how a finding came about.

use crate::args::ExplainArgs;
use crate::baseline::{close_all, told};
use crate::output::{entity, hours, text, uses};
use crate::reading::{Reading, only, read};
use crate::terminal;
use anyhow::bail;
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::finding::{Finding, FindingKind};
use kmswatch_engine::measures::{self, Measure};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::time::Timestamp;
use std::io::{self, Write};

/// `kmswatch explain FINDING PATH...`. Gives the exit status.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<u8> {
    if args.read.paths.iter().any(|path| path.as_os_str() == "-") {
        bail!("explain reads its input twice: write it to a file first");
    }
    let Reading { watch, .. } = read(&args.read, &[])?;
    let finding = only(&args.finding, watch.findings(), |finding| &finding.id)?;
    drop(watch);
    let judged = judged(&finding);
    // States keep what was learned and not the hours that taught it, so those of this finding are read again.
    let followed: Vec<Entity> = judged.iter().map(|judged| judged.entity.clone()).collect();
    let Reading { mut watch, troubles } = read(&args.read, &followed)?;
    close_all(&mut watch);
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    let layout = text::Layout { columns: terminal::columns(), verbose: true };
    text::full(out, &finding, &layout)?;
    if let Some(Judged { entity, until, window }) = &judged {
        writeln!(out)?;
        match window {
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
    writeln!(
        out,
        "\nHow the detector decides, and when it is wrong: kmswatch detectors {}",
        finding.detector
    )?;
    out.flush()?;
    told(&troubles)
}

/// What a statistical finding was judged by.
struct Judged {
    entity: Entity,
    /// The hour with which it ends, whole hours since the epoch.
    until: i64,
    /// The window, if something was counted; `None` for first uses.
    window: Option<hours::Judged>,
}

fn judged(finding: &Finding) -> Option<Judged> {
    if !matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty) {
        return None;
    }
    let details = &finding.evidence.details;
    let text = |name: &str| details.get(name).and_then(|value| value.as_str());
    let entity = match text("counted_for")? {
        "key" => Entity::Key(finding.key.as_ref()?.arn.clone()),
        _ => Entity::Principal(finding.principal.as_ref()?.id.clone()),
    };
    let until = Timestamp::parse(text("until")?)?.hour() - 1;
    let measure: Option<&'static Measure> =
        measures::ALL.iter().copied().find(|one| Some(one.id) == text("measure"));
    let hours = details.get("window_hours").and_then(|value| value.as_i64());
    let window = measure.zip(hours).map(|(measure, hours)| hours::Judged { measure, until, hours });
    // The share of refusals is judged by their count as well.
    let refusals = || hours::Judged { measure: &measures::denied_calls::MEASURE, until, hours: 1 };
    let window = window.or_else(|| details.contains_key("calls").then(refusals));
    Some(Judged { entity, until, window })
}

/// Who and what the finding is about, as far as something is known of them.
fn entities(finding: &Finding, watch: &Watch) -> Vec<Entity> {
    let principal = finding.principal.as_ref().map(|who| who.id.clone());
    let principal = principal.filter(|id| watch.states().principals.contains_key(id)).map(Entity::Principal);
    let key = finding.key.as_ref().map(|key| key.arn.clone());
    let key = key.filter(|arn| watch.states().keys.contains_key(arn)).map(Entity::Key);
    principal.into_iter().chain(key).collect()
}
