//! Misuse that single events or facts tell, each by a call of its own.

use super::stage::{Hand, Stage};
use crate::Error;
use crate::calendar::HOUR;
use crate::dice::Dice;
use crate::organisation::Key;
use crate::organisation::caller::Via;
use crate::record::json::Object;
use crate::record::kms::{self, Naming};
use crate::record::{Caller, other};
use crate::traffic::{secret_context, tenant_context};
use std::sync::Arc;

/// The credentials of the pipeline of the payments account, in the attacker's hands.
fn pipeline(stage: &mut Stage<'_>) -> Result<(Hand, Arc<Caller>, Arc<str>), Error> {
    let actor = stage.actor_named(stage.payments(), "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let home = stage.home(hand.account);
    Ok((hand, caller, home))
}

/// P4, P16: a custom key store disconnected, pointed elsewhere, or made outside.
pub(super) fn key_store_disrupted(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, home) = pipeline(stage)?;
    let id = format!("cks-{:017x}", dice.bits());
    let at = stage.at(stage.begin, &hand, &home, &caller);
    let (name, request) = match stage.variant {
        "repoint" => (
            "UpdateCustomKeyStore",
            Object::new()
                .text("customKeyStoreId", &id)
                .text("xksProxyUriEndpoint", "https://xks.example.net"),
        ),
        "external" => (
            "CreateCustomKeyStore",
            Object::new()
                .text("customKeyStoreName", "archive-store")
                .text("customKeyStoreType", "EXTERNAL_KEY_STORE")
                .text("xksProxyUriEndpoint", "https://xks.example.net")
                .text("xksProxyConnectivity", "PUBLIC_ENDPOINT"),
        ),
        _ => ("DisconnectCustomKeyStore", Object::new().text("customKeyStoreId", &id)),
    };
    let record = kms::key_store(dice, at, name, request);
    stage.emit(dice, record);
    Ok(())
}

/// N11: the grants of services revoked by the dozen.
pub(super) fn grants_revoked(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _) = pipeline(stage)?;
    let index = stage.key("archive")?;
    let key = stage.target(index)?;
    let count = stage.count();
    for n in 0..count {
        let time = stage.begin + n as i64 * stage.lasts / count as i64;
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = kms::revoke_grant(dice, at, &key);
        stage.emit(dice, record);
    }
    Ok(())
}

/// P14: a key put into a resource share with a foreign account.
pub(super) fn shared_by_ram(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, home) = pipeline(stage)?;
    let index = stage.key("card-data")?;
    let key = stage.target(index)?;
    let at = stage.at(stage.begin, &hand, &home, &caller);
    let request = Object::new()
        .text("name", "backup")
        .texts("resourceArns", &[&key.arn])
        .texts("principals", &[stage.foreign_account()])
        .flag("allowExternalPrincipals", true);
    let record = other::call(dice, at, "ram", "CreateResourceShare", request);
    stage.emit(dice, record);
    Ok(())
}

/// P17: a tag set, and the key used for the first time minutes later.
pub(super) fn tagged_in(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _) = pipeline(stage)?;
    let index = stage.key("tokens")?;
    let key = stage.target(index)?;
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::tag(dice, at, &key, "team", "platform");
    stage.emit(dice, record);
    let later = stage.begin + dice.between(120, 900);
    for n in 0..stage.count() {
        let at = stage.at(later + n as i64, &hand, &key.region, &caller);
        let record = kms::decrypt(dice, at, &key, Some(&tenant_context("tokens", n as u32)));
        stage.emit(dice, record);
    }
    Ok(())
}

/// P21: plaintext for an enclave in debug mode, which its owner can read.
pub(super) fn debug_enclave(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _) = pipeline(stage)?;
    let index = stage.key("card-data")?;
    let key = stage.target(index)?;
    for n in 0..stage.count() {
        let time = stage.begin + dice.between(0, stage.lasts);
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = kms::decrypt(dice, at, &key, Some(&tenant_context("card-vault", n as u32)));
        stage.emit(dice, kms::attested(record, &key, &"0".repeat(96)));
    }
    Ok(())
}

/// P21: a key that only a service ever called for somebody, called directly.
pub(super) fn service_key_direct(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, home) = pipeline(stage)?;
    let index = stage.key("app-secrets")?;
    let key = stage.target(index)?;
    let account = stage.account_id(hand.account);
    for n in 0..stage.count() {
        let time = stage.begin + dice.between(0, stage.lasts);
        let context = secret_context(stage.organisation, &account, &home, "deploy", n as u32);
        let at = stage.at(time, &hand, &key.region, &caller);
        let record = kms::decrypt(dice, at, &key, Some(&context));
        stage.emit(dice, record);
    }
    Ok(())
}

/// P11: ciphertext that does not fit, until some does.
pub(super) fn ciphertext_probing(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _) = pipeline(stage)?;
    let index = stage.key("card-data")?;
    let key = stage.target(index)?;
    let count = stage.count();
    for n in 0..count {
        let time = stage.begin + n as i64 * stage.lasts / count as i64;
        let at = stage.at(time, &hand, &key.region, &caller);
        let code = if n % 3 == 0 { "IncorrectKeyException" } else { "InvalidCiphertextException" };
        let record = kms::decrypt(dice, at, &key, None).failed(code, "");
        stage.emit(dice, record);
    }
    Ok(())
}

/// P19: others are throttled for as long as somebody uses the quota up.
pub(super) fn quota_exhausted(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _) = pipeline(stage)?;
    let index = stage.key("card-data")?;
    let key = stage.target(index)?;
    let payments = stage.payments();
    let mut victims: Vec<(Hand, Arc<Caller>)> = Vec::new();
    for actor in 0..stage.actors.len() {
        let is_victim =
            stage.actors.get(actor).is_some_and(|a| a.account == payments && Stage::is_workload(a));
        if is_victim && victims.len() < 4 {
            let victim = stage.hand(actor, false)?;
            let called = stage.caller(&victim, Via::Direct);
            victims.push((victim, called));
        }
    }
    // Within a clock hour, however late the plan begins.
    let from = stage.begin - stage.begin.rem_euclid(HOUR);
    let count = stage.count();
    for n in 0..count {
        let time = from + n as i64 * stage.lasts.min(HOUR) / count as i64;
        let flood = stage.at(time, &hand, &key.region, &caller);
        let record = kms::data_key(dice, flood, "GenerateDataKey", &key, Naming::Arn, None);
        stage.emit(dice, record);
        let Some((victim, called)) = victims.get(n as usize % victims.len().max(1)) else { continue };
        let at = stage.at(time, victim, &key.region, called);
        let record = kms::decrypt(dice, at, &key, None).failed("ThrottlingException", "Rate exceeded");
        stage.emit(dice, record);
    }
    Ok(())
}

/// P13: what brings logs to kmswatch, or alerts to people, is taken away.
pub(super) fn watch_cut(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, home) = pipeline(stage)?;
    let id = stage.account_id(hand.account);
    let at = stage.at(stage.begin, &hand, &home, &caller);
    let (source, name, request) = match stage.variant {
        "function" => {
            ("lambda", "DeleteFunction20150331", Object::new().text("functionName", "kmswatch-processor"))
        }
        "topic" => {
            let arn = format!("arn:aws:sns:{home}:{id}:kmswatch-alerts");
            ("sns", "DeleteTopic", Object::new().text("topicArn", &arn))
        }
        _ => {
            let url = format!("https://sqs.{home}.amazonaws.com/{id}/kmswatch-objects");
            ("sqs", "DeleteQueue", Object::new().text("queueUrl", &url))
        }
    };
    let record = other::call(dice, at, source, name, request);
    stage.emit(dice, record);
    Ok(())
}

/// M23: rotation of a key in use switched off.
pub(super) fn rotation_disabled(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _) = pipeline(stage)?;
    let index = stage.key("card-data")?;
    let key: Key = stage.target(index)?;
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::switch(dice, at, "DisableKeyRotation", &key);
    stage.emit(dice, record);
    Ok(())
}
