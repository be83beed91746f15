//! Data moved under keys of a foreign account.

use super::policy::pipeline_and_key;
use super::stage::Stage;
use crate::Error;
use crate::dice::Dice;
use crate::organisation::caller::Via;
use crate::record::kms::{self, Naming};
use crate::traffic::{Outage, Reason, object_context, tenant_context};

/// P5: objects copied onto themselves under the attacker's key.
pub(super) fn foreign_key_encryption(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let actor = stage.actor_named(stage.payments(), "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let via = if stage.variant == "direct" { Via::Direct } else { Via::Internal };
    let caller = stage.caller(&hand, via);
    let home = stage.home(hand.account);
    let foreign = stage.foreign_key(dice, &home);
    let source = stage.key("archive")?;
    let source = stage.target(source)?;
    let bucket = format!("{}-archive", stage.organisation.name);
    let count = stage.count();
    for n in 0..count {
        let time = stage.begin + (n as i64 * stage.lasts) / count as i64;
        let context = object_context(&bucket, n as u32);
        let at = stage.at(time, &hand, &home, &caller);
        let record = if stage.variant == "direct" {
            kms::encrypt(dice, at, &foreign, Naming::Arn, Some(&tenant_context("archive", n as u32)))
        } else {
            kms::data_key(dice, at, "GenerateDataKey", &foreign, Naming::Arn, Some(&context))
        };
        if via == Via::Internal {
            let record = kms::decrypt(dice, at, &source, Some(&context));
            stage.emit(dice, record);
        }
        stage.emit(dice, record);
    }
    Ok(())
}

/// P9: ciphertexts re-encrypted under the attacker's key, one by one.
pub(super) fn reencrypt_foreign(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _, key) = pipeline_and_key(stage, "card-data")?;
    let foreign = stage.foreign_key(dice, &key.region);
    let count = stage.count();
    for n in 0..count {
        let time = stage.begin + (n as i64 * stage.lasts) / count as i64;
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = kms::re_encrypt(dice, at, &key, &foreign, &tenant_context("card-vault", n as u32));
        stage.emit(dice, record);
    }
    Ok(())
}

/// The whole ransom: everything under a foreign key, then the own key gone.
pub(super) fn ransom(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    foreign_key_encryption(stage, dice)?;
    let (hand, caller, index, key) = pipeline_and_key(stage, "archive")?;
    let time = stage.begin + stage.lasts + dice.between(60, 400);
    let at = stage.at(time, &hand, &key.region, &caller);
    let record = kms::schedule_deletion(dice, at, &key, Some(7));
    stage.emit(dice, record);
    stage.breaks(Outage { key: index, from: time + 5, until: stage.end, reason: Reason::PendingDeletion });
    Ok(())
}
