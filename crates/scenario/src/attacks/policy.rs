//! Who may use a key, changed: policies, grants, replicas, aliases.

use super::stage::{Hand, Stage};
use crate::Error;
use crate::dice::Dice;
use crate::organisation::caller::{Via, kms_itself};
use crate::organisation::{Key, KeyKind, PrincipalKind};
use crate::record::kms::{self, Bypass, Naming};
use crate::record::{At, Caller};
use crate::traffic::{Outage, Reason, tenant_context};
use std::sync::Arc;

/// A key policy of these statements, as Terraform writes it.
pub(super) fn document(statements: &[String]) -> String {
    format!("{{\"Version\":\"2012-10-17\",\"Id\":\"key-policy\",\"Statement\":[{}]}}", statements.join(","))
}

/// One statement; `principal` and `condition` are JSON.
pub(super) fn statement(
    sid: &str,
    effect: &str,
    principal: &str,
    action: &str,
    condition: Option<&str>,
) -> String {
    let condition = condition.map(|condition| format!(",\"Condition\":{condition}")).unwrap_or_default();
    format!(
        "{{\"Sid\":\"{sid}\",\"Effect\":\"{effect}\",\"Principal\":{principal},\"Action\":\"{action}\",\
         \"Resource\":\"*\"{condition}}}"
    )
}

/// The usual first statement: the account decides.
pub(super) fn root_statement(account: &str) -> String {
    statement("Account", "Allow", &format!("{{\"AWS\":\"arn:aws:iam::{account}:root\"}}"), "kms:*", None)
}

/// An intruder with the pipeline's credentials, and one key of payments.
pub(super) fn pipeline_and_key(
    stage: &mut Stage<'_>,
    purpose: &str,
) -> Result<(Hand, Arc<Caller>, usize, Key), Error> {
    let actor = stage.actor_named(stage.payments(), "ci-deploy")?;
    let outside = stage.outside(true);
    let hand = stage.hand(actor, outside)?;
    let caller = stage.caller(&hand, Via::Direct);
    let index = stage.key(purpose)?;
    let key = stage.target(index)?;
    Ok((hand, caller, index, key))
}

/// P2: a policy that only the attacker can use, with the safety check off.
pub(super) fn policy_lockout(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, index, key) = pipeline_and_key(stage, "tokens")?;
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::look(dice, at, "GetKeyPolicy", &key, Naming::Id);
    stage.emit(dice, record);
    let account = stage.account_id(hand.account);
    let policy = match stage.variant {
        "deny" => document(&[
            root_statement(&account),
            statement(
                "Maintenance",
                "Deny",
                "\"*\"",
                "kms:*",
                Some(&format!(
                    "{{\"StringNotEquals\":{{\"aws:PrincipalArn\":\"arn:aws:iam::{account}:role/ci/ci-deploy\"}}}}"
                )),
            ),
        ]),
        _ => document(&[statement(
            "Owner",
            "Allow",
            &format!("{{\"AWS\":\"arn:aws:iam::{}:root\"}}", stage.foreign_account()),
            "kms:*",
            None,
        )]),
    };
    let time = stage.begin + dice.between(30, 90);
    let at = stage.at(time, &hand, &key.region, &caller);
    let record = kms::put_policy(dice, at, &key, &policy, Bypass::Yes);
    stage.emit(dice, record);
    stage.breaks(Outage { key: index, from: time + 20, until: stage.end, reason: Reason::LockedOut });
    Ok(())
}

/// P2: a policy that lets everybody, or one foreign account, decrypt.
pub(super) fn policy_opened(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _, key) = pipeline_and_key(stage, "card-data")?;
    let account = stage.account_id(hand.account);
    let principal = match stage.variant {
        "everybody" => "\"*\"".to_owned(),
        _ => format!("{{\"AWS\":\"arn:aws:iam::{}:root\"}}", stage.foreign_account()),
    };
    let policy =
        document(&[root_statement(&account), statement("Partner", "Allow", &principal, "kms:Decrypt", None)]);
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::put_policy(dice, at, &key, &policy, Bypass::No);
    stage.emit(dice, record);
    Ok(())
}

/// P6: a grant that stays when credentials are changed.
pub(super) fn foreign_grant(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _, key) = pipeline_and_key(stage, "card-data")?;
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::look(dice, at, "ListGrants", &key, Naming::Id);
    stage.emit(dice, record);
    let (grantee, operations): (String, &[&str]) = match stage.variant {
        "self_extending" => (
            format!("arn:aws:iam::{}:role/ci/ci-deploy", stage.account_id(hand.account)),
            &["Decrypt", "GenerateDataKey", "CreateGrant"],
        ),
        _ => (
            format!("arn:aws:iam::{}:role/collector", stage.foreign_account()),
            &["Decrypt", "GenerateDataKey", "DescribeKey"],
        ),
    };
    let time = stage.begin + dice.between(20, 120);
    let at = stage.at(time, &hand, &key.region, &caller);
    let record = kms::create_grant(dice, at, &key, &grantee, operations, None);
    stage.emit(dice, record);
    if stage.variant != "self_extending" {
        // The foreign grantee tries the grant: the owner sees only account and unique id.
        let outsider = Arc::new(Caller {
            principal: format!("account:{}/AROAQHV5KLMNPR2STUVWX", stage.foreign_account()).into(),
            account: stage.foreign_account().into(),
            identity: format!(
                "{{\"type\":\"AWSAccount\",\"principalId\":\"AROAQHV5KLMNPR2STUVWX:drain\",\"accountId\":\"{}\"}}",
                stage.foreign_account()
            ),
            principal_id: "AROAQHV5KLMNPR2STUVWX:drain".to_owned(),
            address: "203.0.113.88".to_owned(),
            agent: "Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux lang/python#3.11.8".to_owned(),
            direct: true,
            ..Caller::default()
        });
        stage.note_principal(outsider.principal.to_string());
        for n in 0..stage.count() {
            let time = time + 60 + n as i64 * stage.lasts / stage.count() as i64;
            let at = At { time, account: hand.account, region: &key.region, caller: &outsider };
            let mut record = kms::decrypt(dice, at, &key, Some(&tenant_context("card-vault", n as u32)));
            record.shared_event_id = Some(dice.wide());
            stage.emit_from_stranger(record);
        }
    }
    Ok(())
}

/// P10: the multi-Region key copied into a Region that nobody uses, then used there.
pub(super) fn replica_new_region(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _, key) = pipeline_and_key(stage, "card-data")?;
    let region: Arc<str> = "ap-southeast-2".into();
    let mut replica = key.replica(&region);
    replica.alias = None;
    let account = stage.account_id(hand.account);
    let policy = document(&[statement(
        "Replica",
        "Allow",
        &format!(
            "{{\"AWS\":[\"arn:aws:iam::{account}:root\",\"arn:aws:iam::{account}:role/ci/ci-deploy\"]}}"
        ),
        "kms:*",
        None,
    )]);
    let mut time = stage.begin;
    let at = stage.at(time, &hand, &key.region, &caller);
    let record = kms::replicate(dice, at, &key, &replica, Some(&policy));
    stage.emit(dice, record);
    // KMS writes the creation in the other Region itself.
    let itself = Arc::new(kms_itself(&account));
    let at = At { time: time + 2, account: hand.account, region: &region, caller: &itself };
    let record = kms::create_key(dice, at, &replica, None);
    stage.emit(dice, record);
    stage.note_key(&replica);
    stage.organisation.keys.push(replica.clone());
    for n in 0..stage.count() {
        time += dice.between(20, stage.lasts / stage.count() as i64 + 21);
        let at = stage.at(time, &hand, &region, &caller);
        let record = kms::decrypt(dice, at, &replica, Some(&tenant_context("card-vault", n as u32)));
        stage.emit(dice, record);
    }
    Ok(())
}

/// P12: the alias points at a key of the attacker's making; new data goes under it.
pub(super) fn alias_repoint(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let (hand, caller, _, old) = pipeline_and_key(stage, "archive")?;
    let account = stage.account_id(hand.account);
    let mut new = Key::draw(dice, &account, &old.region, KeyKind::Symmetric);
    new.account = Some(hand.account);
    stage.note_key(&new);
    let policy = document(&[root_statement(&account)]);
    let at = stage.at(stage.begin, &hand, &old.region, &caller);
    let record = kms::create_key(dice, at, &new, Some(&policy));
    stage.emit(dice, record);
    let alias = old.alias.clone().unwrap_or_default();
    let at = stage.at(stage.begin + dice.between(40, 200), &hand, &old.region, &caller);
    let record = kms::update_alias(dice, at, &alias, &new);
    stage.emit(dice, record);
    stage.organisation.keys.push(new);
    Ok(())
}

/// Look-alike: a policy for everybody of the own organisation.
pub(super) fn organisation_policy(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let actor = stage.actor_named(stage.payments(), "terraform")?;
    let hand = stage.hand(actor, false)?;
    let caller = stage.caller(&hand, Via::Direct);
    let index = stage.key("archive")?;
    let key = stage.target(index)?;
    let condition = format!("{{\"StringEquals\":{{\"aws:PrincipalOrgID\":\"{}\"}}}}", stage.organisation.id);
    let policy = document(&[
        root_statement(&stage.account_id(hand.account)),
        statement("Organisation", "Allow", "{\"AWS\":\"*\"}", "kms:Decrypt", Some(&condition)),
    ]);
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::put_policy(dice, at, &key, &policy, Bypass::No);
    stage.emit(dice, record);
    Ok(())
}

/// Look-alike: a grant to another account of the own organisation.
pub(super) fn organisation_grant(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let actor = stage.actor_named(stage.payments(), "terraform")?;
    let hand = stage.hand(actor, false)?;
    let caller = stage.caller(&hand, Via::Direct);
    let index = stage.key("archive")?;
    let key = stage.target(index)?;
    let reader =
        stage.organisation.principals.iter().find(|p| {
            p.kind == PrincipalKind::Job && p.account.is_some_and(|account| account != hand.account)
        });
    let Some(grantee) = reader.map(|p| p.arn.clone()) else { return Ok(()) };
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    // Made with care: only for the objects of one bucket.
    let bucket = format!("{{\"aws:s3:arn\":\"arn:aws:s3:::{}-archive\"}}", stage.organisation.name);
    let constraints = format!("{{\"encryptionContextSubset\":{bucket}}}");
    let record = kms::create_grant(dice, at, &key, &grantee, &["Decrypt", "DescribeKey"], Some(&constraints));
    stage.emit(dice, record);
    Ok(())
}

/// Look-alike that still deserves an alert: Terraform removes an unused key of the sandbox.
pub(super) fn planned_deletion(stage: &mut Stage<'_>, dice: &mut Dice) -> Result<(), Error> {
    let sandbox = stage
        .organisation
        .accounts
        .iter()
        .position(|account| account.duty == crate::scenario::Duty::Sandbox)
        .unwrap_or_else(|| stage.organisation.account_for(crate::scenario::Duty::Data));
    let actor = stage.actor_named(sandbox, "terraform")?;
    let hand = stage.hand(actor, false)?;
    let caller = stage.caller(&hand, Via::Direct);
    let unused = stage.keys_of(sandbox).into_iter().rev().find(|&index| {
        stage
            .organisation
            .keys
            .get(index)
            .is_some_and(|key| key.alias.as_deref().is_some_and(|alias| alias.ends_with("/unused")))
    });
    let Some(index) = unused.or_else(|| stage.keys_of(sandbox).pop()) else { return Ok(()) };
    let key = stage.target(index)?;
    let at = stage.at(stage.begin, &hand, &key.region, &caller);
    let record = kms::look(dice, at, "DescribeKey", &key, Naming::Id);
    stage.emit(dice, record);
    let at = stage.at(stage.begin + 3, &hand, &key.region, &caller);
    let record = kms::schedule_deletion(dice, at, &key, Some(30));
    stage.emit(dice, record);
    stage.breaks(Outage {
        key: index,
        from: stage.begin + 9,
        until: stage.end,
        reason: Reason::PendingDeletion,
    });
    Ok(())
}
