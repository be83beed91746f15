//! Keys taken away: deletion, disabling.

use super::stage::Stage;
use crate::Error;
use crate::calendar::{DAY, HOUR};
use crate::dice::Dice;
use crate::organisation::caller::{Via, kms_itself};
use crate::organisation::{Key, KeyKind};
use crate::record::At;
use crate::record::json::Object;
use crate::record::kms::{self, Naming};
use crate::traffic::{Outage, Reason, object_context};
use std::sync::Arc;

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
        // Those of least regard first: the attacker takes what he can.
        false => stage.keys_of(payments).into_iter().rev().take(count).collect(),
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
        // Seven days later KMS deletes it, unless the scenario ends before.
        let itself = Arc::new(kms_itself(&key.owner));
        let late = time + 7 * DAY + dice.between(0, 12 * HOUR);
        let at = At { time: late, account: hand.account, region: &key.region, caller: &itself };
        let details = Object::new().text("keyId", &key.id).done();
        let record = kms::service_event(dice, at, "DeleteKey", &key, details);
        stage.emit(dice, record);
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

/// P3: data under material that only the attacker has, which he then takes away; or the material of an own
/// key deleted.
pub(super) fn imported_material_ransom(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let payments = stage.payments();
    let actor = stage.actor_named(payments, "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    if stage.variant == "existing_key" {
        let index = stage.key("settlement-files")?;
        let key = stage.target(index)?;
        let at = stage.at(stage.begin, &hand, &key.region, &caller);
        let record = kms::delete_material(dice, at, &key);
        stage.emit(dice, record);
        stage.breaks(Outage {
            key: index,
            from: stage.begin + 5,
            until: stage.end,
            reason: Reason::PendingImport,
        });
        return Ok(());
    }
    let source = stage.key("archive")?;
    let source = stage.target(source)?;
    let mut key = Key::draw(dice, &source.owner, &source.region, KeyKind::Imported);
    key.account = Some(hand.account);
    stage.note_key(&key);
    let mut time = stage.begin;
    for step in 0..3 {
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = match step {
            0 => kms::create_key(dice, at, &key, None),
            1 => kms::parameters_for_import(dice, at, &key),
            _ => kms::import_material(dice, at, &key, Some(time + 2 * DAY)),
        };
        stage.emit(dice, record);
        time += dice.between(20, 90);
    }
    let through_s3 = stage.caller(&hand, Via::Internal);
    let bucket = format!("{}-archive", stage.organisation.name);
    let count = stage.count();
    for n in 0..count {
        let time = time + n as i64 * stage.lasts / count as i64;
        let context = object_context(&bucket, n as u32);
        let at = stage.at(time, &hand, &key.region, &through_s3);
        let record = kms::data_key(dice, at, "GenerateDataKey", &key, Naming::Arn, Some(&context));
        stage.emit(dice, record);
    }
    let at = stage.at(time + stage.lasts + 60, &hand, &key.region, &caller);
    let record = kms::delete_material(dice, at, &key);
    stage.emit(dice, record);
    stage.organisation.keys.push(key);
    Ok(())
}
