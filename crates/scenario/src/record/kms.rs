//! The calls of KMS, each with the parameters, response and resources that CloudTrail writes for it.

use super::json::Object;
use super::{At, Record, Resource};
use crate::calendar::{DAY, locale};
use crate::dice::Dice;
use crate::organisation::{Key, KeyKind};

/// How the caller names the key: what stands in the request is what the caller passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Alias,
    Id,
    Arn,
}

impl Naming {
    /// The name of `key` in this form; its ARN if it has no alias.
    pub(crate) fn of(self, key: &Key) -> &str {
        match self {
            Naming::Alias => key.alias.as_deref().unwrap_or(&key.arn),
            Naming::Id => &key.id,
            Naming::Arn => &key.arn,
        }
    }
}

/// `resources` entry of a key.
pub(crate) fn resource(key: &Key) -> Resource {
    Resource { arn: key.arn.clone(), account: key.owner.clone(), kind: "AWS::KMS::Key" }
}

fn on(dice: &mut Dice, at: At<'_>, name: &'static str, key: &Key) -> Record {
    let mut record = Record::new(dice, at, "kms", name);
    record.resources = vec![resource(key)];
    record
}

fn material(key: &Key) -> Option<String> {
    Some(Object::new().text("keyMaterialId", &key.material).done())
}

/// A changing call on one key, answered with the key's ARN.
fn change(dice: &mut Dice, at: At<'_>, name: &'static str, key: &Key, request: Object) -> Record {
    let mut record = on(dice, at, name, key);
    record.read_only = false;
    record.request = Some(request.text("keyId", &key.id).done());
    record.response = Some(Object::new().text("keyId", &key.arn).done());
    record
}

/// Symmetric Decrypt: no key id in the request, the ciphertext tells it.
pub(crate) fn decrypt(dice: &mut Dice, at: At<'_>, key: &Key, context: Option<&str>) -> Record {
    let mut record = on(dice, at, "Decrypt", key);
    let mut request = Object::new();
    if let Some(context) = context {
        request = request.json("encryptionContext", context);
    }
    record.request = Some(request.text("encryptionAlgorithm", "SYMMETRIC_DEFAULT").done());
    record.additional = material(key);
    record
}

/// GenerateDataKey, with the given name of the operation (also `...WithoutPlaintext`).
pub(crate) fn data_key(
    dice: &mut Dice,
    at: At<'_>,
    name: &'static str,
    key: &Key,
    naming: Naming,
    context: Option<&str>,
) -> Record {
    let mut record = on(dice, at, name, key);
    let mut request = Object::new().text("keyId", naming.of(key));
    if let Some(context) = context {
        request = request.json("encryptionContext", context);
    }
    record.request = Some(request.text("keySpec", "AES_256").done());
    record.additional = material(key);
    record
}

/// Encrypt.
pub(crate) fn encrypt(
    dice: &mut Dice,
    at: At<'_>,
    key: &Key,
    naming: Naming,
    context: Option<&str>,
) -> Record {
    let mut record = on(dice, at, "Encrypt", key);
    let mut request = Object::new().text("keyId", naming.of(key));
    if let Some(context) = context {
        request = request.json("encryptionContext", context);
    }
    record.request = Some(request.text("encryptionAlgorithm", "SYMMETRIC_DEFAULT").done());
    record
}

/// ReEncrypt from `source` to `destination`.
pub(crate) fn re_encrypt(
    dice: &mut Dice,
    at: At<'_>,
    source: &Key,
    destination: &Key,
    context: &str,
) -> Record {
    let mut record = on(dice, at, "ReEncrypt", source);
    record.resources.push(resource(destination));
    let request = Object::new()
        .text("sourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT")
        .json("sourceEncryptionContext", context)
        .text("destinationKeyId", &destination.arn)
        .text("destinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT")
        .json("destinationEncryptionContext", context);
    record.request = Some(request.done());
    let additional = Object::new()
        .text("destinationKeyMaterialId", &destination.material)
        .text("sourceKeyMaterialId", &source.material);
    record.additional = Some(additional.done());
    record
}

/// Sign or Verify with an asymmetric key.
pub(crate) fn sign(dice: &mut Dice, at: At<'_>, name: &'static str, key: &Key) -> Record {
    let mut record = on(dice, at, name, key);
    let request = Object::new()
        .text("keyId", Naming::Alias.of(key))
        .text("messageType", "DIGEST")
        .text("signingAlgorithm", "ECDSA_SHA_256");
    record.request = Some(request.done());
    record
}

/// A reading call on one key: DescribeKey, GetKeyPolicy, ListGrants and the like.
pub(crate) fn look(dice: &mut Dice, at: At<'_>, name: &'static str, key: &Key, naming: Naming) -> Record {
    let mut record = on(dice, at, name, key);
    let mut request = Object::new().text("keyId", naming.of(key));
    if name == "GetKeyPolicy" {
        request = request.text("policyName", "default");
    }
    record.request = Some(request.done());
    record
}

/// ListKeys, ListAliases: no key at all.
pub(crate) fn list(dice: &mut Dice, at: At<'_>, name: &'static str) -> Record {
    let mut record = Record::new(dice, at, "kms", name);
    if name == "ListAliases" {
        record.request = Some(Object::new().number("limit", 100).done());
    }
    record
}

/// PutKeyPolicy.
pub(crate) fn put_policy(dice: &mut Dice, at: At<'_>, key: &Key, policy: &str, bypass: Bypass) -> Record {
    let request = Object::new()
        .text("policyName", "default")
        .text("policy", policy)
        .flag("bypassPolicyLockoutSafetyCheck", bypass == Bypass::Yes);
    let mut record = change(dice, at, "PutKeyPolicy", key, request);
    record.response = None;
    record
}

/// `bypassPolicyLockoutSafetyCheck`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bypass {
    Yes,
    No,
}

/// ScheduleKeyDeletion after so many days; `None` leaves the parameter out, which means 30.
pub(crate) fn schedule_deletion(dice: &mut Dice, at: At<'_>, key: &Key, days: Option<u64>) -> Record {
    let mut request = Object::new();
    if let Some(days) = days {
        request = request.number("pendingWindowInDays", days);
    }
    let mut record = change(dice, at, "ScheduleKeyDeletion", key, request);
    let days = days.unwrap_or(30);
    let response = Object::new()
        .text("keyId", &key.arn)
        .text("deletionDate", &locale(at.time + days as i64 * DAY))
        .text("keyState", "PendingDeletion")
        .number("pendingWindowInDays", days);
    record.response = Some(response.done());
    record
}

/// DisableKey, EnableKey, EnableKeyRotation, CancelKeyDeletion: a change that needs only the key.
pub(crate) fn switch(dice: &mut Dice, at: At<'_>, name: &'static str, key: &Key) -> Record {
    change(dice, at, name, key, Object::new())
}

/// CreateGrant to `grantee`.
pub(crate) fn create_grant(
    dice: &mut Dice,
    at: At<'_>,
    key: &Key,
    grantee: &str,
    operations: &[&str],
    constraints: Option<&str>,
) -> Record {
    let mut request = Object::new().text("granteePrincipal", grantee).texts("operations", operations);
    if let Some(constraints) = constraints {
        request = request.json("constraints", constraints);
    }
    request = request.text("retiringPrincipal", grantee);
    let mut record = change(dice, at, "CreateGrant", key, request);
    let grant = format!("{:032x}{:032x}", dice.wide(), dice.wide());
    record.response = Some(Object::new().text("grantId", &grant).text("keyId", &key.arn).done());
    record
}

/// CreateKey of what `key` describes.
pub(crate) fn create_key(dice: &mut Dice, at: At<'_>, key: &Key, policy: Option<&str>) -> Record {
    let mut record = on(dice, at, "CreateKey", key);
    record.read_only = false;
    let origin = if key.kind == KeyKind::Imported { "EXTERNAL" } else { "AWS_KMS" };
    let mut request = Object::new()
        .text("description", "")
        .text("origin", origin)
        .flag("bypassPolicyLockoutSafetyCheck", false)
        .text("customerMasterKeySpec", "SYMMETRIC_DEFAULT")
        .text("keySpec", "SYMMETRIC_DEFAULT")
        .text("keyUsage", "ENCRYPT_DECRYPT")
        .flag("multiRegion", key.kind == KeyKind::Primary);
    if let Some(policy) = policy {
        request = request.text("policy", policy);
    }
    record.request = Some(request.done());
    let state = if key.kind == KeyKind::Imported { "PendingImport" } else { "Enabled" };
    record.response = Some(Object::new().json("keyMetadata", &metadata(key, at.time, state, origin)).done());
    record
}

fn metadata(key: &Key, created: i64, state: &str, origin: &str) -> String {
    let multi_region = matches!(key.kind, KeyKind::Primary | KeyKind::Replica);
    Object::new()
        .text("aWSAccountId", &key.owner)
        .text("keyId", &key.id)
        .text("arn", &key.arn)
        .text("creationDate", &locale(created))
        .flag("enabled", state == "Enabled")
        .text("description", "")
        .text("keyUsage", "ENCRYPT_DECRYPT")
        .text("keyState", state)
        .text("origin", origin)
        .text("keyManager", "CUSTOMER")
        .text("customerMasterKeySpec", "SYMMETRIC_DEFAULT")
        .text("keySpec", "SYMMETRIC_DEFAULT")
        .texts("encryptionAlgorithms", &["SYMMETRIC_DEFAULT"])
        .flag("multiRegion", multi_region)
        .done()
}

/// GetParametersForImport: logged as reading.
pub(crate) fn parameters_for_import(dice: &mut Dice, at: At<'_>, key: &Key) -> Record {
    let mut record = on(dice, at, "GetParametersForImport", key);
    let request = Object::new()
        .text("keyId", &key.id)
        .text("wrappingAlgorithm", "RSAES_OAEP_SHA_256")
        .text("wrappingKeySpec", "RSA_4096");
    record.request = Some(request.done());
    record
}

/// ImportKeyMaterial; with `valid_to` it expires.
pub(crate) fn import_material(dice: &mut Dice, at: At<'_>, key: &Key, valid_to: Option<i64>) -> Record {
    let request = match valid_to {
        Some(time) => {
            Object::new().text("validTo", &locale(time)).text("expirationModel", "KEY_MATERIAL_EXPIRES")
        }
        None => Object::new().text("expirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"),
    };
    let mut record = change(dice, at, "ImportKeyMaterial", key, request);
    let response = Object::new().text("keyId", &key.arn).text("keyMaterialId", &key.material);
    record.response = Some(response.done());
    record
}

/// DeleteImportedKeyMaterial: at once, without a waiting period.
pub(crate) fn delete_material(dice: &mut Dice, at: At<'_>, key: &Key) -> Record {
    let mut record = change(dice, at, "DeleteImportedKeyMaterial", key, Object::new());
    let response = Object::new().text("keyId", &key.arn).text("keyMaterialId", &key.material);
    record.response = Some(response.done());
    record
}

/// ReplicateKey of `key` into the Region of `replica`.
pub(crate) fn replicate(
    dice: &mut Dice,
    at: At<'_>,
    key: &Key,
    replica: &Key,
    policy: Option<&str>,
) -> Record {
    let mut request = Object::new()
        .text("replicaRegion", &replica.region)
        .flag("bypassPolicyLockoutSafetyCheck", false)
        .text("description", "");
    if let Some(policy) = policy {
        request = request.text("policy", policy);
    }
    let mut record = change(dice, at, "ReplicateKey", key, request);
    let response = Object::new()
        .json("replicaKeyMetadata", &metadata(replica, at.time, "Creating", "AWS_KMS"))
        .text("replicaPolicy", policy.unwrap_or(""))
        .json("replicaTags", "[]");
    record.response = Some(response.done());
    record
}

/// UpdateAlias of `alias` to `target`: the old target is not in the event.
pub(crate) fn update_alias(dice: &mut Dice, at: At<'_>, alias: &str, target: &Key) -> Record {
    let mut record = Record::new(dice, at, "kms", "UpdateAlias");
    record.read_only = false;
    record.request = Some(Object::new().text("aliasName", alias).text("targetKeyId", &target.id).done());
    record.response = Some(Object::new().text("keyId", &target.arn).done());
    let arn = format!("arn:aws:kms:{}:{}:{alias}", target.region, target.owner);
    record.resources = vec![
        Resource { arn: arn.into(), account: target.owner.clone(), kind: "AWS::KMS::Key" },
        resource(target),
    ];
    record
}

/// RevokeGrant of a grant that somebody made before.
pub(crate) fn revoke_grant(dice: &mut Dice, at: At<'_>, key: &Key) -> Record {
    let grant = format!("{:032x}{:032x}", dice.wide(), dice.wide());
    let mut record = change(dice, at, "RevokeGrant", key, Object::new().text("grantId", &grant));
    record.response = None;
    record
}

/// TagResource with one tag.
pub(crate) fn tag(dice: &mut Dice, at: At<'_>, key: &Key, name: &str, value: &str) -> Record {
    let tag = Object::new().text("tagKey", name).text("tagValue", value).done();
    let mut record = change(dice, at, "TagResource", key, Object::new().json("tags", &format!("[{tag}]")));
    record.response = None;
    record
}

/// A call about a custom key store, which names no key.
pub(crate) fn key_store(dice: &mut Dice, at: At<'_>, name: &'static str, request: Object) -> Record {
    let mut record = Record::new(dice, at, "kms", name);
    record.read_only = false;
    record.request = Some(request.done());
    record
}

/// The call with the attestation of an enclave of this image.
pub(crate) fn attested(mut record: Record, key: &Key, image: &str) -> Record {
    let recipient = Object::new()
        .text("attestationDocumentModuleId", "i-0a1b2c3d4e5f60718-enc01890a1b2c3d4e5f")
        .text("attestationDocumentEnclaveImageDigest", image);
    let told = Object::new().text("keyMaterialId", &key.material).json("recipient", &recipient.done());
    record.additional = Some(told.done());
    record
}

/// A call that KMS makes itself: RotateKey, DeleteKey, DeleteExpiredKeyMaterial.
pub(crate) fn service_event(
    dice: &mut Dice,
    at: At<'_>,
    name: &'static str,
    key: &Key,
    details: String,
) -> Record {
    let mut record = on(dice, at, name, key);
    record.read_only = false;
    record.service_event = Some(details);
    record
}

/// The message of a call that no policy allows.
pub(crate) fn not_authorized(caller_arn: &str, action: &str, key: &Key) -> String {
    format!(
        "User: {caller_arn} is not authorized to perform: kms:{action} on resource: {} because no \
         identity-based policy allows the kms:{action} action",
        key.arn
    )
}

/// Makes a call a dry run that would have worked.
pub(crate) fn dry_run(mut record: Record) -> Record {
    if let Some(request) = &mut record.request
        && request.ends_with('}')
    {
        request.pop();
        request.push_str(",\"dryRun\":true}");
    }
    record
        .failed("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}
