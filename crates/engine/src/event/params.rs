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
mod tests {
    use super::*;
    use crate::event::testing::{self, RecordBuilder};
    use serde_json::json;

    fn params<R>(record: &RecordBuilder, look: impl FnOnce(&Params<'_>) -> R) -> R {
        record.event(|event| look(&event.params))
    }

    #[test]
    fn the_waiting_period_of_a_deletion_is_read_from_number_text_or_response() {
        let date = "May 11, 2026, 10:15:42 AM";
        let asked = testing::kms("ScheduleKeyDeletion")
            .set("requestParameters.pendingWindowInDays", 7)
            .set("responseElements.deletionDate", date)
            .set("responseElements.keyState", "PendingDeletion");
        params(&asked, |params| {
            let at = Timestamp::parse("2026-05-11T10:15:42Z");
            let key_state = Some(Text::Borrowed("PendingDeletion"));
            assert_eq!(*params, Params::Deletion { window_days: Some(7), at, key_state });
        });
        for (record, expected) in [
            (asked.clone().set("requestParameters.pendingWindowInDays", "7"), Some(7)),
            (
                asked
                    .clone()
                    .remove("requestParameters.pendingWindowInDays")
                    .set("responseElements.pendingWindowInDays", 30),
                Some(30),
            ),
            (asked.clone().set("requestParameters.pendingWindowInDays", json!({"x": 1})), None),
            (
                asked.remove("responseElements").set("requestParameters.pendingWindowInDays", json!(null)),
                None,
            ),
        ] {
            params(&record, |params| {
                let Params::Deletion { window_days, .. } = params else { panic!("{params:?}") };
                assert_eq!(*window_days, expected);
            });
        }
    }

    #[test]
    fn a_grant_has_grantee_operations_and_constraints() {
        let record = testing::kms("CreateGrant")
            .set("requestParameters.granteePrincipal", "arn:aws:iam::444455556666:root")
            .set("requestParameters.retiringPrincipal", "arn:aws:iam::444455556666:role/r")
            .set("requestParameters.operations", json!(["Decrypt", 7, "CreateGrant"]))
            .set("responseElements.grantId", "g1");
        let grant = |record: &RecordBuilder| {
            params(record, |params| {
                let Params::Grant(grant) = params else { panic!("{params:?}") };
                (
                    grant.id.as_ref().map(|id| id.to_string()),
                    grant.grantee.as_ref().map(|grantee| grantee.to_string()),
                    grant.operations.iter().map(|operation| operation.to_string()).collect::<Vec<_>>(),
                    grant.constrained,
                )
            })
        };
        let (id, grantee, operations, constrained) = grant(&record);
        assert_eq!(id.as_deref(), Some("g1"));
        assert_eq!(grantee.as_deref(), Some("arn:aws:iam::444455556666:root"));
        assert_eq!(operations, ["Decrypt", "CreateGrant"]);
        assert!(!constrained);
        for (constraints, expected) in [
            (json!({"encryptionContextSubset": {"aws:ebs:id": "vol-1"}}), true),
            (json!({"sourceArn": "arn:aws:s3:::b"}), true),
            (json!({"encryptionContextSubset": {}, "encryptionContextEquals": null}), false),
            (json!({}), false),
            (json!(null), false),
        ] {
            let constrained = record.clone().set("requestParameters.constraints", constraints.clone());
            assert_eq!(grant(&constrained).3, expected, "{constraints}");
        }
        let service =
            testing::kms("CreateGrant").set("requestParameters.granteeServicePrincipal", "ec2.amazonaws.com");
        assert_eq!(grant(&service).1.as_deref(), Some("ec2.amazonaws.com"));
    }

    #[test]
    fn a_grant_retired_by_its_token_is_known_by_additional_data_only() {
        let record = testing::kms("RetireGrant")
            .set("requestParameters", json!(null))
            .set("additionalEventData.grantId", "g1");
        params(&record, |params| {
            let Params::Grant(grant) = params else { panic!("{params:?}") };
            assert_eq!(grant.id.as_deref(), Some("g1"));
        });
        record.event(|event| assert!(event.key.is_some()));
    }

    #[test]
    fn a_policy_is_its_text_whether_it_is_logged_as_text_or_unpacked() {
        let policy = "{\n \"Statement\" : [ {\"Effect\":\"Allow\"} ]\n}";
        let text = testing::kms("PutKeyPolicy")
            .set("requestParameters.policy", policy)
            .set("requestParameters.bypassPolicyLockoutSafetyCheck", "true");
        let read = |record: &RecordBuilder| {
            params(record, |params| {
                let Params::Policy(change) = params else { panic!("{params:?}") };
                (change.policy.as_ref().map(|policy| policy.to_string()), change.bypass_lockout_check)
            })
        };
        assert_eq!(read(&text), (Some(policy.to_owned()), true));
        let unpacked =
            testing::kms("PutKeyPolicy").set("requestParameters.policy", json!({"Statement": [1]}));
        assert_eq!(read(&unpacked), (Some(r#"{"Statement":[1]}"#.to_owned()), false));
        for none in [json!(null), json!(""), json!({}), json!(7)] {
            assert_eq!(read(&testing::kms("PutKeyPolicy").set("requestParameters.policy", none)).0, None);
        }
        let long = format!("{{\"Statement\":[\n\"{}\"]}}", "é\\n".repeat(8_000));
        assert_eq!(
            read(&testing::kms("PutKeyPolicy").set("requestParameters.policy", long.as_str())).0,
            Some(long)
        );
    }

    #[test]
    fn a_new_key_tells_its_origin_and_its_manager() {
        let record = testing::kms("CreateKey")
            .set(
                "requestParameters",
                json!({"origin": "EXTERNAL", "keySpec": "SYMMETRIC_DEFAULT", "multiRegion": true}),
            )
            .set("responseElements.keyMetadata.keyManager", "CUSTOMER")
            .set("responseElements.keyMetadata.keyUsage", "ENCRYPT_DECRYPT");
        params(&record, |params| {
            let Params::Policy(change) = params else { panic!("{params:?}") };
            assert_eq!((change.origin.as_deref(), change.multi_region), (Some("EXTERNAL"), true));
            assert_eq!(change.key_spec.as_deref(), Some("SYMMETRIC_DEFAULT"));
            assert_eq!(change.key_usage.as_deref(), Some("ENCRYPT_DECRYPT"));
            assert_eq!((change.key_manager.as_deref(), &change.policy), (Some("CUSTOMER"), &None));
        });
    }

    #[test]
    fn a_replica_names_its_region_and_its_arn_beside_the_primary_key() {
        let replica = "arn:aws:kms:us-east-1:111122223333:key/mrk-1";
        let primary = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1";
        let record = testing::kms("ReplicateKey")
            .key(primary)
            .set("requestParameters.replicaRegion", "us-east-1")
            .set("responseElements", json!({"replicaKeyMetadata": {"arn": replica}, "replicaPolicy": "{}"}));
        for record in [record.clone(), record.remove("resources")] {
            record.event(|event| {
                assert_eq!(event.key.as_ref().unwrap().arn, primary);
                let Params::Policy(change) = &event.params else { panic!("{:?}", event.params) };
                assert_eq!(change.replica_region.as_deref(), Some("us-east-1"));
                assert_eq!(change.replica_arn.as_deref(), Some(replica));
            });
        }
    }

    #[test]
    fn imported_material_may_expire() {
        let record = testing::kms("ImportKeyMaterial")
            .set("requestParameters.expirationModel", "KEY_MATERIAL_EXPIRES")
            .set("requestParameters.validTo", "Jan 1, 2027 8:00:00 PM")
            .set("requestParameters.keyMaterialId", "m1");
        let valid_to = |record: &RecordBuilder| {
            params(record, |params| {
                let Params::Import(import) = params else { panic!("{params:?}") };
                assert_eq!(import.key_material.as_deref(), Some("m1"));
                import.valid_to
            })
        };
        assert_eq!(valid_to(&record), Timestamp::parse("2027-01-01T20:00:00Z"));
        assert_eq!(valid_to(&record.clone().remove("requestParameters.validTo")), None);
        assert_eq!(valid_to(&record.set("requestParameters.validTo", "soon")), None);
        let expired = testing::kms("DeleteExpiredKeyMaterial").set("serviceEventDetails.keyMaterialId", "m1");
        assert_eq!(valid_to(&expired), None);
    }

    #[test]
    fn a_key_store_is_named_in_request_response_or_additional_data() {
        for (record, proxy) in [
            (
                testing::kms("CreateCustomKeyStore")
                    .set(
                        "requestParameters",
                        json!({"customKeyStoreName": "store", "xksProxyUriEndpoint": "https://p.example"}),
                    )
                    .set("responseElements.customKeyStoreId", "cks-1"),
                Some("https://p.example"),
            ),
            (
                testing::kms("DisconnectCustomKeyStore")
                    .set("requestParameters.customKeyStoreId", "cks-1")
                    .set("additionalEventData.customKeyStoreName", "store"),
                None,
            ),
        ] {
            params(&record, |params| {
                let Params::KeyStore(store) = params else { panic!("{params:?}") };
                assert_eq!((store.id.as_deref(), store.name.as_deref()), (Some("cks-1"), Some("store")));
                assert_eq!(store.proxy_endpoint.as_deref(), proxy);
            });
        }
    }

    #[test]
    fn rotation_tags_and_primary_region_are_read() {
        let rotation = testing::kms("EnableKeyRotation").set("requestParameters.rotationPeriodInDays", "365");
        params(&rotation, |params| {
            assert_eq!(*params, Params::Rotation { period_days: Some(365), rotation_type: None });
        });
        let rotated = testing::kms("RotateKey").set("serviceEventDetails.rotationType", "ON_DEMAND");
        params(&rotated, |params| {
            let rotation_type = Some(Text::Borrowed("ON_DEMAND"));
            assert_eq!(*params, Params::Rotation { period_days: None, rotation_type });
        });
        let tags =
            json!([{"tagKey": "ransom", "tagValue": "pay"}, {"tagValue": "x"}, null, {"tagKey": "日本"}]);
        params(&testing::kms("TagResource").set("requestParameters.tags", tags), |params| {
            assert_eq!(*params, Params::Tags { keys: vec!["ransom".into(), "日本".into()] });
        });
        params(&testing::kms("UntagResource").set("requestParameters.tagKeys", json!(["a"])), |params| {
            assert_eq!(*params, Params::Tags { keys: vec!["a".into()] });
        });
        params(
            &testing::kms("UpdatePrimaryRegion").set("requestParameters.primaryRegion", "us-east-1"),
            |params| {
                assert_eq!(*params, Params::PrimaryRegion { region: Some("us-east-1".into()) });
            },
        );
    }

    #[test]
    fn hostile_lists_are_cut() {
        let many: Vec<String> = (0..10_000).map(|i| format!("tag{i}")).collect();
        params(&testing::kms("UntagResource").set("requestParameters.tagKeys", many), |params| {
            let Params::Tags { keys } = params else { panic!("{params:?}") };
            assert_eq!(keys.len(), LONGEST_LIST);
        });
    }
}
