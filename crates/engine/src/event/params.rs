//! Parameters of the operations that change something, typed.

use crate::json::Text;
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
