//! Parameters of the operations that change something, typed.

use super::dates;
use super::fields::{Read, fields, first_string, string, strings};
use super::operation::Operation;
use crate::json::{Kind, Text, Value};
use crate::time::Timestamp;

/// Parameters by family of operation. Read leniently: what is missing or of the wrong type is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Params<'a> {
    /// The operation has none that matter.
    #[default]
    None,
    /// ScheduleKeyDeletion.
    Deletion {
        /// `pendingWindowInDays` of the request or response; KMS takes 30 where none is given.
        window_days: Option<i64>,
        /// `deletionDate` of the response.
        at: Option<Timestamp>,
        /// `keyState` of the response: `PendingDeletion` or `PendingReplicaDeletion`.
        key_state: Option<Text<'a>>,
    },
    /// CreateGrant, RetireGrant, RevokeGrant.
    Grant(Box<Grant<'a>>),
    /// PutKeyPolicy, CreateKey, ReplicateKey.
    Policy(Box<PolicyChange<'a>>),
    /// GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial, DeleteExpiredKeyMaterial.
    Import(Box<Import<'a>>),
    /// The custom key store operations.
    KeyStore(Box<KeyStore<'a>>),
    /// CreateAlias, UpdateAlias: the key that the alias points at stands in `Event::key`.
    Alias,
    /// EnableKeyRotation, RotateKey and the like.
    Rotation {
        /// `rotationPeriodInDays`.
        period_days: Option<i64>,
        /// `rotationType`: `AUTOMATIC` or `ON_DEMAND`.
        rotation_type: Option<Text<'a>>,
    },
    /// TagResource, UntagResource.
    Tags {
        /// Keys of the tags that were set or removed.
        keys: Vec<Text<'a>>,
    },
    /// UpdatePrimaryRegion.
    PrimaryRegion {
        /// `primaryRegion`.
        region: Option<Text<'a>>,
    },
}

/// Parameters of a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant<'a> {
    /// `grantId`, of the response or the request.
    pub id: Option<Text<'a>>,
    /// `granteePrincipal` or `granteeServicePrincipal`.
    pub grantee: Option<Text<'a>>,
    /// `retiringPrincipal` or `retiringServicePrincipal`.
    pub retiring: Option<Text<'a>>,
    /// `operations`.
    pub operations: Vec<Text<'a>>,
    /// Whether it has any constraint.
    pub constrained: bool,
}

/// Parameters of an act that sets a key policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange<'a> {
    /// `policy`, the JSON text of the policy document; the default policy if missing.
    pub policy: Option<Text<'a>>,
    /// `bypassPolicyLockoutSafetyCheck`.
    pub bypass_lockout_check: bool,
    /// `replicaRegion` of ReplicateKey.
    pub replica_region: Option<Text<'a>>,
    /// `replicaKeyMetadata.arn` of ReplicateKey.
    pub replica_arn: Option<Text<'a>>,
    /// `origin` of CreateKey.
    pub origin: Option<Text<'a>>,
    /// `keySpec` of CreateKey.
    pub key_spec: Option<Text<'a>>,
    /// `keyUsage` of CreateKey.
    pub key_usage: Option<Text<'a>>,
    /// `multiRegion` of CreateKey.
    pub multi_region: bool,
    /// `keyManager` of the response.
    pub key_manager: Option<Text<'a>>,
    /// `customKeyStoreId` of CreateKey.
    pub key_store: Option<Text<'a>>,
    /// `xksKeyId` of CreateKey.
    pub xks_key: Option<Text<'a>>,
}

/// Parameters of imported key material.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import<'a> {
    /// `expirationModel`.
    pub expiration_model: Option<Text<'a>>,
    /// `validTo`, read from its locale text.
    pub valid_to: Option<Timestamp>,
    /// `importType`.
    pub import_type: Option<Text<'a>>,
    /// `keyMaterialId`.
    pub key_material: Option<Text<'a>>,
}

/// Parameters of a custom key store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyStore<'a> {
    /// `customKeyStoreId`.
    pub id: Option<Text<'a>>,
    /// `customKeyStoreName`.
    pub name: Option<Text<'a>>,
    /// `customKeyStoreType`.
    pub store_type: Option<Text<'a>>,
    /// `xksProxyUriEndpoint`.
    pub proxy_endpoint: Option<Text<'a>>,
    /// `clusterId`.
    pub cluster: Option<Text<'a>>,
}

/// Longest list of names that is kept (KMS allows 50 tags on a key, and knows fewer than 20 grant operations).
const LONGEST_LIST: usize = 64;

/// Where parameters stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a, 'r> {
    pub(super) request: Value<'a>,
    pub(super) response: Value<'a>,
    /// `serviceEventDetails`.
    pub(super) details: Value<'a>,
    /// `additionalEventData`.
    pub(super) extra: &'r super::extra::Extra<'a>,
}

impl<'a> Params<'a> {
    /// The parameters of `operation`.
    pub(super) fn read(operation: Operation, from: Sources<'a, '_>) -> Read<Params<'a>> {
        use Operation as O;
        Ok(match operation {
            O::ScheduleKeyDeletion => deletion(from)?,
            O::CreateGrant | O::RetireGrant | O::RevokeGrant => Params::Grant(Box::new(Grant::read(from)?)),
            O::PutKeyPolicy | O::CreateKey | O::ReplicateKey => {
                Params::Policy(Box::new(PolicyChange::read(from)?))
            }
            O::GetParametersForImport
            | O::ImportKeyMaterial
            | O::DeleteImportedKeyMaterial
            | O::DeleteExpiredKeyMaterial => Params::Import(Box::new(Import::read(from)?)),
            O::ConnectCustomKeyStore
            | O::CreateCustomKeyStore
            | O::DeleteCustomKeyStore
            | O::DescribeCustomKeyStores
            | O::DisconnectCustomKeyStore
            | O::UpdateCustomKeyStore => Params::KeyStore(Box::new(KeyStore::read(from)?)),
            O::CreateAlias | O::UpdateAlias => Params::Alias,
            O::EnableKeyRotation | O::DisableKeyRotation | O::RotateKeyOnDemand | O::RotateKey => {
                let [period] = fields(from.request, ["rotationPeriodInDays"])?;
                let [rotation_type] = fields(from.details, ["rotationType"])?;
                Params::Rotation { period_days: period.integer(), rotation_type: string(rotation_type)? }
            }
            O::TagResource | O::UntagResource => Params::Tags { keys: tag_keys(from.request)? },
            O::UpdatePrimaryRegion => {
                let [region] = fields(from.request, ["primaryRegion"])?;
                Params::PrimaryRegion { region: string(region)? }
            }
            _ => Params::None,
        })
    }
}

fn deletion<'a>(from: Sources<'a, '_>) -> Read<Params<'a>> {
    let [requested] = fields(from.request, ["pendingWindowInDays"])?;
    let [answered, date, key_state] =
        fields(from.response, ["pendingWindowInDays", "deletionDate", "keyState"])?;
    Ok(Params::Deletion {
        window_days: requested.integer().or(answered.integer()),
        at: dates::read(date),
        key_state: string(key_state)?,
    })
}

impl<'a> Grant<'a> {
    fn read(from: Sources<'a, '_>) -> Read<Grant<'a>> {
        let [id, grantee, grantee_service, retiring, retiring_service, operations, constraints] = fields(
            from.request,
            [
                "grantId",
                "granteePrincipal",
                "granteeServicePrincipal",
                "retiringPrincipal",
                "retiringServicePrincipal",
                "operations",
                "constraints",
            ],
        )?;
        let [new_id] = fields(from.response, ["grantId"])?;
        Ok(Grant {
            id: first_string([new_id, id])?.or_else(|| from.extra.grant_id.clone()),
            grantee: first_string([grantee, grantee_service])?,
            retiring: first_string([retiring, retiring_service])?,
            operations: strings(operations, LONGEST_LIST)?,
            constrained: any_filled(constraints)?,
        })
    }
}

/// Whether an object has a member that is not empty: `{"encryptionContextSubset":{}}` constrains nothing.
fn any_filled(object: Value<'_>) -> Read<bool> {
    let mut filled = false;
    for member in object.members() {
        filled |= !member?.1.is_empty();
    }
    Ok(filled)
}

impl<'a> PolicyChange<'a> {
    fn read(from: Sources<'a, '_>) -> Read<PolicyChange<'a>> {
        let [
            policy,
            bypass,
            replica_region,
            origin,
            key_spec,
            old_key_spec,
            key_usage,
            multi_region,
            key_store,
            xks,
        ] = fields(
            from.request,
            [
                "policy",
                "bypassPolicyLockoutSafetyCheck",
                "replicaRegion",
                "origin",
                "keySpec",
                "customerMasterKeySpec",
                "keyUsage",
                "multiRegion",
                "customKeyStoreId",
                "xksKeyId",
            ],
        )?;
        let [metadata, replica, replica_policy] =
            fields(from.response, ["keyMetadata", "replicaKeyMetadata", "replicaPolicy"])?;
        let [new_origin, new_key_spec, new_key_usage, new_multi_region, new_key_store, key_manager] = fields(
            metadata,
            ["origin", "keySpec", "keyUsage", "multiRegion", "customKeyStoreId", "keyManager"],
        )?;
        let [replica_arn, replica_key_manager] = fields(replica, ["arn", "keyManager"])?;
        Ok(PolicyChange {
            policy: match policy_text(policy)? {
                Some(policy) => Some(policy),
                None => policy_text(replica_policy)?,
            },
            bypass_lockout_check: bypass.bool() == Some(true),
            replica_region: string(replica_region)?,
            replica_arn: string(replica_arn)?,
            origin: first_string([origin, new_origin])?,
            key_spec: first_string([key_spec, old_key_spec, new_key_spec])?,
            key_usage: first_string([key_usage, new_key_usage])?,
            multi_region: multi_region.bool().or(new_multi_region.bool()) == Some(true),
            key_manager: first_string([key_manager, replica_key_manager])?,
            key_store: first_string([key_store, new_key_store])?,
            xks_key: string(xks)?,
        })
    }
}

/// A policy is logged as JSON inside a string; some exports have unpacked it.
fn policy_text(value: Value<'_>) -> Read<Option<Text<'_>>> {
    match value.kind() {
        Kind::Object if !value.is_empty() => Ok(Some(Text::Borrowed(value.raw()))),
        _ => string(value),
    }
}

impl<'a> Import<'a> {
    fn read(from: Sources<'a, '_>) -> Read<Import<'a>> {
        let [expiration_model, valid_to, import_type, requested] =
            fields(from.request, ["expirationModel", "validTo", "importType", "keyMaterialId"])?;
        let [answered] = fields(from.response, ["keyMaterialId"])?;
        let [expired] = fields(from.details, ["keyMaterialId"])?;
        Ok(Import {
            expiration_model: string(expiration_model)?,
            valid_to: dates::read(valid_to),
            import_type: string(import_type)?,
            key_material: first_string([requested, answered, expired])?
                .or_else(|| from.extra.key_material.clone()),
        })
    }
}

impl<'a> KeyStore<'a> {
    fn read(from: Sources<'a, '_>) -> Read<KeyStore<'a>> {
        let [id, name, new_name, store_type, proxy_endpoint, cluster] = fields(
            from.request,
            [
                "customKeyStoreId",
                "customKeyStoreName",
                "newCustomKeyStoreName",
                "customKeyStoreType",
                "xksProxyUriEndpoint",
                "clusterId",
            ],
        )?;
        let [new_id] = fields(from.response, ["customKeyStoreId"])?;
        Ok(KeyStore {
            id: first_string([id, new_id])?.or_else(|| from.extra.key_store_id.clone()),
            name: first_string([new_name, name])?.or_else(|| from.extra.key_store_name.clone()),
            store_type: string(store_type)?,
            proxy_endpoint: string(proxy_endpoint)?,
            cluster: string(cluster)?.or_else(|| from.extra.cluster.clone()),
        })
    }
}

/// Tag keys of TagResource (`tags[].tagKey`) and of UntagResource (`tagKeys[]`).
fn tag_keys(request: Value<'_>) -> Read<Vec<Text<'_>>> {
    let [tags, tag_keys] = fields(request, ["tags", "tagKeys"])?;
    let mut keys = strings(tag_keys, LONGEST_LIST)?;
    for tag in tags.items() {
        let [key] = fields(tag?, ["tagKey"])?;
        if let Some(key) = string(key)?
            && keys.len() < LONGEST_LIST
        {
            keys.push(key);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
