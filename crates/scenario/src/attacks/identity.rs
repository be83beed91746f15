//! The right call by the wrong one: stolen, idle, sleeping or all-powerful credentials.

use super::stage::Stage;
use crate::Error;
use crate::dice::Dice;
use crate::organisation::PrincipalKind;
use crate::organisation::caller::Via;
use crate::record::kms::{self, Naming};
use crate::traffic::{Platform, tenant_context};

/// P21: a workload's credentials used from the attacker's network, at a modest pace.
pub(super) fn stolen_credentials(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let actor = stage.any_actor(dice, |_, actor| Stage::is_workload(actor))?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    for _ in 0..stage.count() {
        let time = stage.begin + dice.between(0, stage.lasts);
        stage.read(dice, actor, &hand, time);
    }
    Ok(())
}

/// P22: the root user looks at keys and decrypts.
pub(super) fn root_use(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let root = stage.principal(PrincipalKind::Root, stage.payments())?;
    let hand = stage.fresh(root, "");
    let caller = stage.caller(&hand, Via::Direct);
    let index = stage.key("card-data")?;
    let key = stage.target(index)?;
    let mut time = stage.begin;
    for name in ["ListAliases", "DescribeKey", "GetKeyPolicy", "EnableKeyRotation"] {
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = match name {
            "ListAliases" => kms::list(dice, at, name),
            "EnableKeyRotation" => kms::switch(dice, at, name, &key),
            _ => kms::look(dice, at, name, &key, Naming::Id),
        };
        stage.emit(dice, record);
        time += dice.between(5, stage.lasts / 4 + 6);
    }
    Ok(())
}

/// The break-glass role, idle for ever, reads a little.
pub(super) fn idle_break_glass(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let role = stage.principal(PrincipalKind::BreakGlass, stage.payments())?;
    let hand = stage.fresh(role, "emergency");
    let caller = stage.caller(&hand, Via::Direct);
    let index = stage.key("card-data")?;
    let key = stage.target(index)?;
    for n in 0..stage.count() {
        let time = stage.begin + dice.between(0, stage.lasts);
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = kms::decrypt(dice, at, &key, Some(&tenant_context("card-vault", n as u32)));
        stage.emit(dice, record);
    }
    Ok(())
}

/// A person at night, from home, with usual means.
pub(super) fn off_hours_person(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let actor = stage.any_actor(dice, |_, actor| {
        actor.platform == Platform::Person && actor.uses.iter().any(|a_use| a_use.action.reads())
    })?;
    let outside = stage.outside(false);
    let hand = stage.hand(actor, outside)?;
    for _ in 0..stage.count() {
        let time = stage.begin + dice.between(0, stage.lasts);
        stage.read(dice, actor, &hand, time);
    }
    Ok(())
}

/// A workload of the payments account that never uses this key.
fn stranger_to(stage: &Stage<'_>, dice: &mut Dice, key: usize) -> Result<usize, Error> {
    let account = stage.payments();
    stage.any_actor(dice, |_, actor| {
        actor.account == account
            && Stage::is_workload(actor)
            && actor.uses.iter().all(|a_use| a_use.key != key)
    })
}

/// A workload that has never used the critical key decrypts with it, from its own machine.
pub(super) fn first_seen_on_critical_key(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let index = stage.key("card-data")?;
    let actor = stranger_to(stage, dice, index)?;
    let outside = stage.outside(false);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let key = stage.target(index)?;
    for n in 0..stage.count() {
        let time = stage.begin + dice.between(0, stage.lasts);
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = kms::decrypt(dice, at, &key, Some(&tenant_context("card-vault", n as u32)));
        stage.emit(dice, record);
    }
    Ok(())
}

/// P15: signatures by somebody who never signs.
pub(super) fn signing_abuse(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let index = stage.key("webhook-signing")?;
    let actor = stranger_to(stage, dice, index)?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let key = stage.target(index)?;
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::look(dice, at, "GetPublicKey", &key, Naming::Alias);
    stage.emit(dice, record);
    for _ in 0..stage.count() {
        let time = stage.begin + 5 + dice.between(0, stage.lasts);
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = kms::sign(dice, at, "Sign", &key);
        stage.emit(dice, record);
    }
    Ok(())
}
