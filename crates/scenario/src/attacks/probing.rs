//! Looking for what the stolen credentials can do, and taking what they can.

use super::stage::Stage;
use crate::Error;
use crate::dice::Dice;
use crate::organisation::caller::Via;
use crate::organisation::{Key, KeyKind};
use crate::record::json::Object;
use crate::record::kms::{self, Naming};
use crate::record::other;
use crate::traffic::{parameter_context, secret_context};

/// P11: lists, looks, denials and dry runs over all keys of the account.
pub(super) fn enumeration(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    probe(stage, dice, &["look", "denied", "dry_run"])
}

/// Many keys asked for, all refused.
pub(super) fn key_enumeration(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    probe(stage, dice, &["denied"])
}

/// Dry runs over several keys and operations.
pub(super) fn dry_run_probing(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    probe(stage, dice, &["dry_run"])
}

fn probe(stage: &mut Stage<'_>, dice: &mut Dice, ways: &[&str]) -> Result<(), Error> {
    let payments = stage.payments();
    let actor = stage.actor_named(payments, "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let home = stage.home(hand.account);
    let mut time = stage.begin;
    if ways.contains(&"look") {
        for name in ["ListKeys", "ListAliases"] {
            let at = stage.at(time, &hand, &home, &caller);
            let record = kms::list(dice, at, name);
            stage.emit(dice, record);
            time += dice.between(1, 6);
        }
    }
    let known: Vec<Key> = stage
        .keys_of(hand.account)
        .into_iter()
        .filter_map(|index| stage.organisation.keys.get(index).cloned())
        .filter(|key| key.kind != KeyKind::Signing)
        .collect();
    let count = stage.count();
    for n in 0..count as usize {
        let way = ways.get(n % ways.len().max(1)).copied().unwrap_or("denied");
        let round = n / ways.len().max(1);
        // What works is done with the keys that the lists gave; refusals also come from ids of old notes.
        let index = if way == "denied" { round } else { round % known.len().max(1) };
        let key = match known.get(index) {
            Some(key) => {
                stage.note_key(key);
                key.clone()
            }
            None => Key::draw(dice, &stage.account_id(hand.account), &home, KeyKind::Symmetric),
        };
        let at = stage.at(time, &hand, &home, &caller);
        let record = match way {
            "look" => kms::look(dice, at, "GetKeyPolicy", &key, Naming::Id),
            "dry_run" if round.is_multiple_of(2) => kms::dry_run(kms::decrypt(dice, at, &key, None)),
            "dry_run" => kms::dry_run(kms::data_key(dice, at, "GenerateDataKey", &key, Naming::Arn, None)),
            _ => {
                let name = dice
                    .pick(&["DescribeKey", "ListGrants", "GetKeyRotationStatus"])
                    .copied()
                    .unwrap_or("DescribeKey");
                let message = kms::not_authorized(&caller.principal, name, &key);
                kms::look(dice, at, name, &key, Naming::Arn).failed("AccessDenied", message)
            }
        };
        stage.emit(dice, record);
        time += dice.between(1, 2 * stage.lasts / count as i64 + 2);
    }
    Ok(())
}

/// P8: many secrets or parameters within minutes.
pub(super) fn bulk_secret_read(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let payments = stage.payments();
    let actor = stage.actor_named(payments, "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let direct = stage.caller(&hand, Via::Direct);
    let parameters = stage.variant == "parameters";
    let via = if parameters { Via::Internal } else { Via::Service("secretsmanager") };
    let caller = stage.caller(&hand, via);
    let home = stage.home(hand.account);
    let account = stage.account_id(hand.account);
    let alias = if parameters { "alias/aws/ssm" } else { "" };
    let own = stage
        .organisation
        .keys
        .iter()
        .position(|key| key.account == Some(hand.account) && key.alias.as_deref() == Some(alias));
    let index = match own {
        Some(index) => index,
        None => stage.key("app-secrets")?,
    };
    let key = stage.target(index)?;
    let families: Vec<String> = stage
        .organisation
        .principals
        .iter()
        .filter(|p| p.account == Some(hand.account) && p.arn.contains("/apps/"))
        .map(|p| p.name.clone())
        .collect();
    let count = stage.count();
    for n in 0..count {
        let time = stage.begin + (n as i64 * stage.lasts) / count as i64;
        let family = families.get(n as usize % families.len().max(1)).map_or("deploy", String::as_str);
        let item = n as u32 / families.len().max(1) as u32;
        let (source, name, context) = if parameters {
            ("ssm", "GetParameter", parameter_context(&account, &home, family, item))
        } else {
            (
                "secretsmanager",
                "GetSecretValue",
                secret_context(stage.organisation, &account, &home, family, item),
            )
        };
        let at = stage.at(time, &hand, &home, &direct);
        let asked =
            Object::new().text(if parameters { "name" } else { "secretId" }, &format!("{family}/{item:03}"));
        let record = other::call(dice, at, source, name, asked);
        stage.emit(dice, record);
        let at = stage.at(time, &hand, &home, &caller);
        let record = kms::decrypt(dice, at, &key, Some(&context));
        stage.emit(dice, record);
    }
    Ok(())
}
