//! Too much of the usual.

use super::stage::Stage;
use crate::Error;
use crate::calendar::DAY;
use crate::dice::{Dice, exp, ln};
use crate::organisation::caller::Via;
use crate::record::kms;
use crate::traffic::{LogRhythm, tenant_context};

/// Most events that one attack writes: a log must stay readable.
const MOST: f64 = 60_000.0;

/// The usual rate of an actor, calls an hour.
fn usual(stage: &Stage<'_>, actor: usize) -> f64 {
    let log = LogRhythm { step: 300 };
    stage.actors.get(actor).map_or(1.0, |actor| actor.habit.a_day(stage.rate_scale, log) / 24.0)
}

/// A workload reads at many times its rate for minutes, from its own machine.
pub(super) fn burst(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let actor = stage.any_actor(dice, |_, actor| Stage::is_workload(actor))?;
    let outside = stage.outside(false);
    let hand = stage.hand(actor, outside)?;
    let count = stage.strength * usual(stage, actor) * stage.lasts as f64 / 3_600.0;
    for _ in 0..count.clamp(20.0, MOST) as u64 {
        let time = stage.begin + dice.between(0, stage.lasts);
        stage.read(dice, actor, &hand, time);
    }
    Ok(())
}

/// A workload reads at a few times its rate for days, in its own rhythm.
pub(super) fn slow_exfiltration(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let factor = stage.strength.max(1.01);
    more_of_the_same(stage, dice, |_| factor)
}

/// Each day a little more than the day before, so that the baseline learns it.
pub(super) fn poisoning_ramp(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let growth = ln(1.0 + stage.strength.max(0.001));
    more_of_the_same(stage, dice, |day| exp(growth * (day + 1) as f64))
}

fn more_of_the_same(
    stage: &mut Stage<'_>,
    dice: &mut Dice,
    factor: impl Fn(i64) -> f64,
) -> Result<(), Error> {
    let actor = stage.any_actor(dice, |_, actor| Stage::is_workload(actor))?;
    let outside = stage.outside(false);
    let hand = stage.hand(actor, outside)?;
    let Some(acting) = stage.actors.get(actor) else { return Ok(()) };
    let until = (stage.begin + stage.lasts).min(stage.end);
    let (first, mut midnight) = stage.day_of(stage.begin);
    let mut day = first;
    let mut written = 0.0;
    while midnight < until && written < MOST {
        let extra = (factor(day - first) - 1.0).max(0.0) * stage.rate_scale;
        let log = LogRhythm { step: 300 };
        for act in acting.habit.times(day, midnight, false, extra, log, dice) {
            if (stage.begin..until).contains(&act.time) {
                stage.read(dice, actor, &hand, act.time);
                written += 1.0;
            }
        }
        day += 1;
        midnight += DAY;
    }
    Ok(())
}

/// One key read by many principals, each of them modestly.
pub(super) fn key_drain(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let index = stage.key("card-data")?;
    let account = stage.payments();
    let mut actors: Vec<usize> = (0..stage.actors.len())
        .filter(|&n| stage.actors.get(n).is_some_and(|a| a.account == account && Stage::is_workload(a)))
        .collect();
    let key = stage.target(index)?;
    for _ in 0..stage.count() {
        if actors.is_empty() {
            break;
        }
        let actor = actors.swap_remove(dice.below(actors.len() as u64) as usize);
        let outside = stage.outside(false);
        let hand = stage.hand(actor, outside)?;
        let caller = stage.caller(&hand, Via::Direct);
        for n in 0..dice.between(15, 40) {
            let time = stage.begin + dice.between(0, stage.lasts);
            let at = stage.at(time, &hand, &key.region, &caller);
            let record = kms::decrypt(dice, at, &key, Some(&tenant_context("card-vault", n as u32)));
            stage.emit(dice, record);
        }
    }
    Ok(())
}
