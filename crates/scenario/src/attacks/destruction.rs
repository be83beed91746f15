//! Keys taken away: deletion, disabling.

use super::stage::Stage;
use crate::Error;
use crate::calendar::HOUR;
use crate::dice::Dice;
use crate::organisation::caller::Via;
use crate::record::kms::{self, Naming};
use crate::traffic::{Outage, Reason};

/// P1: lists, describes, then schedules several deletions in seven days.
pub(super) fn scheduled_deletion(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let payments = stage.payments();
    let actor = stage.actor_named(payments, "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let count = stage.count() as usize;
    let keys: Vec<usize> = match stage.named_key() {
        true => vec![stage.key("archive")?],
        false => stage.keys_of(payments).into_iter().take(count).collect(),
    };
    let Some(region) = keys.first().and_then(|&k| stage.organisation.keys.get(k)).map(|k| k.region.clone())
    else {
        return Ok(());
    };
    let mut time = stage.begin;
    for name in ["ListKeys", "ListAliases"] {
        let at = stage.at(time, &hand, &region, &caller);
        let record = kms::list(dice, at, name);
        stage.emit(dice, record);
        time += dice.between(2, 20);
    }
    let step = (stage.lasts / (2 * keys.len().max(1) as i64)).max(1);
    for &index in &keys {
        let key = stage.target(index)?;
        let at = stage.at(time, &hand, &region, &caller);
        let record = kms::look(dice, at, "DescribeKey", &key, Naming::Id);
        stage.emit(dice, record);
        time += dice.between(1, step + 1);
    }
    for &index in &keys {
        let key = stage.target(index)?;
        let at = stage.at(time, &hand, &region, &caller);
        let record = kms::schedule_deletion(dice, at, &key, Some(7));
        stage.emit(dice, record);
        stage.breaks(Outage {
            key: index,
            from: time + 5,
            until: stage.end,
            reason: Reason::PendingDeletion,
        });
        time += dice.between(1, step + 1);
    }
    Ok(())
}

/// P1: one key disabled; its users fail until somebody enables it.
pub(super) fn key_disabled(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let payments = stage.payments();
    let actor = stage.actor_named(payments, "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let index = stage.key("tokens")?;
    let key = stage.target(index)?;
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::switch(dice, at, "DisableKey", &key);
    stage.emit(dice, record);
    let until = stage.begin + (stage.strength * HOUR as f64) as i64;
    stage.breaks(Outage { key: index, from: stage.begin + 5, until, reason: Reason::Disabled });
    Ok(())
}
