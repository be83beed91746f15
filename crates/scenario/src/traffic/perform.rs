//! What an act writes: one record or a few, with context, errors, retries and the copy for another account.

use super::habit::Act;
use super::{Action, Actor, Callers, Platform, Traffic, Use};
use crate::dice::{Dice, fnv};
use crate::organisation::caller::{Via, from_outside};
use crate::organisation::{Key, Organisation, PrincipalKind};
use crate::record::json::Object;
use crate::record::kms::{self, Naming};
use crate::record::{At, Record, uuid};
use std::sync::Arc;

/// A time in which a key does not work, made by an attack.
#[derive(Clone, Debug)]
pub(crate) struct Outage {
    pub(crate) key: usize,
    /// Unix times.
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) reason: Reason,
}

/// Why a key does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Disabled,
    PendingDeletion,
    PendingImport,
    LockedOut,
}

impl Outage {
    /// Turns a use of the key into the failure that the caller sees.
    pub(crate) fn fail(&self, record: Record, key: &Key) -> Record {
        match self.reason {
            Reason::Disabled => record.failed("DisabledException", format!("{} is disabled.", key.arn)),
            Reason::PendingDeletion => {
                record.failed("KMSInvalidStateException", format!("{} is pending deletion.", key.arn))
            }
            Reason::PendingImport => {
                record.failed("KMSInvalidStateException", format!("{} is pending import.", key.arn))
            }
            Reason::LockedOut => {
                let caller = record.caller.principal.clone();
                let action = record.name.clone();
                record.failed(
                    "AccessDenied",
                    format!(
                        "User: {caller} is not authorized to perform: kms:{action} on resource: {} with an explicit \
                         deny in a resource-based policy",
                        key.arn
                    ),
                )
            }
        }
    }
}

/// Share of direct calls that are throttled and tried again.
const THROTTLED: f64 = 0.0004;
/// Share of Decrypt calls with a ciphertext that does not fit.
const MISMATCHED: f64 = 0.0001;

/// Appends the records of one act.
pub(crate) fn perform(
    traffic: &Traffic,
    organisation: &Organisation,
    (index, actor): (usize, &Actor),
    act: Act,
    callers: &mut Callers,
    dice: &mut Dice,
    records: &mut Vec<Record>,
) {
    let chosen = dice.weighted(actor.uses.iter().map(|a_use| a_use.weight));
    let Some(what) = actor.uses.get(chosen) else { return };
    let Some(key) = organisation.keys.get(what.key) else { return };
    let mut via = what.action.via();
    if actor.platform == Platform::Service {
        via = Via::Direct;
    }
    let caller = callers.get(organisation, (index, actor), act.time, act.instance, via);
    let at = At { time: act.time, account: actor.account, region: &actor.region, caller: &caller };
    let first = records.len();
    write(organisation, actor, what, key, act, at, dice, records);
    let outage = traffic.outages.iter().find(|o| o.key == what.key && (o.from..o.until).contains(&act.time));
    if let Some(outage) = outage
        && is_use(what.action)
    {
        for record in records.iter_mut().skip(first) {
            let old = record.clone();
            *record = outage.fail(old, key);
        }
        // Software tries again, at once and in vain.
        if let Some(last) = records.last().cloned() {
            for _ in 0..dice.below(3) {
                let mut again = last.clone();
                again.time += 1 + dice.between(0, 4);
                again.event_id = dice.wide();
                again.request_id = dice.wide();
                records.push(again);
            }
        }
    } else if let Some(record) = records.last().filter(|r| r.caller.direct && r.failure.is_none()) {
        if dice.chance(THROTTLED) {
            let mut earlier = record.clone();
            earlier.event_id = dice.wide();
            earlier.request_id = dice.wide();
            records.push(earlier.failed("ThrottlingException", "Rate exceeded"));
        } else if record.name == "Decrypt" && dice.chance(MISMATCHED) {
            let broken = record.clone().failed("InvalidCiphertextException", "");
            records.pop();
            records.push(broken);
        }
    }
    share(organisation, dice, first, records);
}

/// Whether the action uses key material.
fn is_use(action: Action) -> bool {
    !matches!(action, Action::Describe | Action::Browse | Action::Refresh | Action::StandingDenial)
}

/// Writes the owner's copies of successful calls on keys of other accounts of the organisation.
pub(crate) fn share(organisation: &Organisation, dice: &mut Dice, first: usize, records: &mut Vec<Record>) {
    for n in first..records.len() {
        let Some(record) = records.get_mut(n) else { continue };
        let Some(owner) = record.resources.first().map(|resource| resource.account.clone()) else { continue };
        if record.failure.is_some() || record.caller.account.is_empty() || *owner == *record.caller.account {
            continue;
        }
        let Some(account) = organisation.accounts.iter().position(|account| account.id == owner) else {
            continue;
        };
        let shared = dice.wide();
        record.shared_event_id = Some(shared);
        let copy = Record {
            account,
            event_id: dice.wide(),
            caller: Arc::new(from_outside(&record.caller)),
            ..record.clone()
        };
        records.push(copy);
    }
}

#[allow(clippy::too_many_arguments)] // All of it is the one act, taken apart by the caller.
fn write(
    organisation: &Organisation,
    actor: &Actor,
    what: &Use,
    key: &Key,
    act: Act,
    at: At<'_>,
    dice: &mut Dice,
    records: &mut Vec<Record>,
) {
    let item = dice.skewed(what.resources);
    let context = |action| context(organisation, actor, what, action, item, at);
    let record = match what.action {
        Action::Open => kms::decrypt(dice, at, key, Some(&context(what.action))),
        Action::Secret
        | Action::Parameter
        | Action::ReadObject
        | Action::ReadBucket
        | Action::Table
        | Action::Volume
        | Action::Database => kms::decrypt(dice, at, key, Some(&context(what.action))),
        Action::Seal => {
            kms::data_key(dice, at, "GenerateDataKey", key, actor.naming, Some(&context(Action::Seal)))
        }
        Action::WriteObject => {
            kms::data_key(dice, at, "GenerateDataKey", key, Naming::Arn, Some(&context(Action::WriteObject)))
        }
        Action::Encrypt => kms::encrypt(dice, at, key, actor.naming, Some(&context(Action::Open))),
        Action::Sign => kms::sign(dice, at, "Sign", key),
        Action::Verify => kms::sign(dice, at, "Verify", key),
        Action::Rewrap => kms::re_encrypt(dice, at, key, key, &context(Action::Open)),
        Action::Describe => kms::look(dice, at, "DescribeKey", key, actor.naming),
        Action::Browse => return browse(organisation, actor, key, at, dice, records),
        Action::Refresh => return refresh(organisation, actor, at, dice, records),
        Action::NewVolume => {
            return new_volume(organisation, actor, key, &context(Action::Volume), at, dice, records);
        }
        Action::DeployFunction => {
            let call = kms::data_key(
                dice,
                at,
                "GenerateDataKey",
                key,
                Naming::Arn,
                Some(&context(Action::DeployFunction)),
            );
            kms::dry_run(call)
        }
        Action::StandingDenial => {
            let caller =
                organisation.principals.get(actor.principal).map(|p| p.id.clone()).unwrap_or_default();
            kms::decrypt(dice, at, key, Some(&context(Action::DeployFunction)))
                .failed("AccessDenied", kms::not_authorized(&caller, "Decrypt", key))
        }
        Action::LogObject | Action::ReadLogObject => {
            let Some((stamp, account)) = act.object else { return };
            let path = organisation.object_path(account, &what.family, stamp, 0);
            let context = log_context(organisation, &path);
            if what.action == Action::LogObject {
                let mut call = kms::data_key(dice, at, "GenerateDataKey", key, Naming::Arn, Some(&context));
                call.shared_event_id = Some(dice.wide());
                call
            } else {
                kms::decrypt(dice, at, key, Some(&context))
            }
        }
    };
    records.push(record);
}

fn log_context(organisation: &Organisation, path: &str) -> String {
    let region = organisation.accounts.get(organisation.security).map(|a| a.home()).unwrap_or_default();
    let account = organisation.accounts.get(organisation.security).map(|a| a.id.clone()).unwrap_or_default();
    Object::new()
        .text("aws:cloudtrail:arn", &format!("arn:aws:cloudtrail:{region}:{account}:trail/org-trail"))
        .text("aws:s3:arn", &format!("arn:aws:s3:::{}/{path}", organisation.bucket))
        .done()
}

/// A successful read of one resource with the key of this use, as its actor would write it.
pub(crate) fn read(
    organisation: &Organisation,
    actor: &Actor,
    what: &Use,
    item: u32,
    at: At<'_>,
    dice: &mut Dice,
) -> Option<Record> {
    let key = organisation.keys.get(what.key)?;
    Some(kms::decrypt(dice, at, key, Some(&context(organisation, actor, what, what.action, item, at))))
}

/// The encryption context of a call about one of the resources.
fn context(
    organisation: &Organisation,
    actor: &Actor,
    what: &Use,
    action: Action,
    item: u32,
    at: At<'_>,
) -> String {
    let account = organisation.accounts.get(actor.account).map(|a| a.id.as_ref()).unwrap_or_default();
    let (region, family) = (at.region, &what.family);
    match action {
        Action::Secret => secret_context(organisation, account, region, family, item),
        Action::Parameter => parameter_context(account, region, family, item),
        Action::ReadObject | Action::WriteObject => object_context(family, item),
        Action::ReadBucket => Object::new().text("aws:s3:arn", &format!("arn:aws:s3:::{family}")).done(),
        Action::Table => Object::new()
            .text("aws:dynamodb:tableName", family)
            .text("aws:dynamodb:subscriberId", account)
            .done(),
        Action::Volume => {
            let volume = organisation.stable(family, u64::from(item)) as u64;
            Object::new().text("aws:ebs:id", &format!("vol-0{volume:016x}")).done()
        }
        Action::Database => {
            let database = organisation.stable(family, u64::from(item)) as u64;
            Object::new().text("aws:rds:db-id", &format!("db-{:026X}", u128::from(database) << 32)).done()
        }
        Action::DeployFunction => {
            let function = format!("arn:aws:lambda:{region}:{account}:function:{family}-{item:02}");
            Object::new().text("aws:lambda:FunctionArn", &function).done()
        }
        _ => tenant_context(family, item),
    }
}

/// Context of one tenant of an application.
pub(crate) fn tenant_context(family: &str, item: u32) -> String {
    Object::new().text("purpose", family).text("tenant", &format!("t-{item:04}")).done()
}

/// Context of one secret.
pub(crate) fn secret_context(
    organisation: &Organisation,
    account: &str,
    region: &str,
    family: &str,
    item: u32,
) -> String {
    let bits = organisation.stable(family, u64::from(item));
    let suffix: String = (0..6u32)
        .map(|n| {
            char::from(
                b"abcdefghijkmnpqrstuvwxyzABCDEFGH"
                    .get((bits >> (5 * n) & 31) as usize)
                    .copied()
                    .unwrap_or(b'a'),
            )
        })
        .collect();
    let arn = format!("arn:aws:secretsmanager:{region}:{account}:secret:{family}/{item:03}-{suffix}");
    Object::new().text("SecretARN", &arn).text("SecretVersionId", &uuid(bits.rotate_left(9))).done()
}

/// Context of one parameter.
pub(crate) fn parameter_context(account: &str, region: &str, family: &str, item: u32) -> String {
    Object::new()
        .text("PARAMETER_ARN", &format!("arn:aws:ssm:{region}:{account}:parameter/{family}/{item:03}"))
        .done()
}

/// Context of one object of a bucket.
pub(crate) fn object_context(bucket: &str, item: u32) -> String {
    let spread = fnv(bucket) as u32 ^ item.wrapping_mul(0x9e37_79b1);
    Object::new().text("aws:s3:arn", &format!("arn:aws:s3:::{bucket}/part/{spread:08x}.parquet")).done()
}

/// A console page: lists for its menus, then a look at one key.
fn browse(
    organisation: &Organisation,
    actor: &Actor,
    key: &Key,
    at: At<'_>,
    dice: &mut Dice,
    records: &mut Vec<Record>,
) {
    records.push(kms::list(dice, at, "ListAliases"));
    for name in ["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags", "ListGrants"] {
        if dice.chance(0.7) {
            let time = at.time + dice.between(0, 2);
            records.push(kms::look(dice, At { time, ..at }, name, key, Naming::Id));
        }
    }
    if dice.chance(0.1)
        && let Some(other) = organisation.keys.iter().find(|k| k.account == Some(actor.account))
    {
        records.push(kms::look(dice, at, "DescribeKey", other, Naming::Id));
    }
}

/// Terraform reads what it manages: every customer key of the account.
fn refresh(
    organisation: &Organisation,
    actor: &Actor,
    at: At<'_>,
    dice: &mut Dice,
    records: &mut Vec<Record>,
) {
    let managed = organisation.keys.iter().filter(|key| {
        key.account == Some(actor.account)
            && *key.region == **at.region
            && key.alias.as_deref().is_some_and(|alias| !alias.starts_with("alias/aws/"))
    });
    for (n, key) in managed.enumerate() {
        let time = at.time + n as i64 / 4;
        // Configurations name keys by alias and look them up once.
        records.push(kms::look(dice, At { time, ..at }, "DescribeKey", key, Naming::Alias));
        for name in ["GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags"] {
            records.push(kms::look(dice, At { time, ..at }, name, key, Naming::Id));
        }
    }
}

/// A new machine: the autoscaling role grants EC2 the key and makes a data key for the volume.
fn new_volume(
    organisation: &Organisation,
    actor: &Actor,
    key: &Key,
    context: &str,
    at: At<'_>,
    dice: &mut Dice,
    records: &mut Vec<Record>,
) {
    let account = organisation.accounts.get(actor.account).map(|a| a.id.clone()).unwrap_or_default();
    records.push(kms::data_key(dice, at, "GenerateDataKeyWithoutPlaintext", key, Naming::Arn, Some(context)));
    let infrastructure = organisation
        .principals
        .iter()
        .find(|p| {
            p.kind == PrincipalKind::ServiceLinked
                && p.account == Some(actor.account)
                && p.name.contains("ec2-")
        })
        .map_or_else(|| format!("arn:aws:iam::{account}:root"), |p| p.arn.clone());
    let constraints = Object::new().json("encryptionContextSubset", context).done();
    let at = At { time: at.time + 1, ..at };
    let operations = ["Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "DescribeKey", "CreateGrant"];
    records.push(kms::create_grant(dice, at, key, &infrastructure, &operations, Some(&constraints)));
}
