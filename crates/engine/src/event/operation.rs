//! The operations and service events of KMS, and what is known of each.
//!
//! Facts are from the KMS API model and the KMS developer guide (56 operations and 4 service events, 2026).
//! The order of the table is that of matching a name, so the busiest operations stand first.

use crate::finding::Severity;

/// Family of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Uses a key (or the random generator) for cryptography.
    Cryptographic,
    /// Reads or lists.
    Discovery,
    /// Makes or describes keys.
    KeyManagement,
    /// Changes the state of a key.
    Lifecycle,
    /// Changes a key policy.
    Policy,
    /// Makes or ends grants.
    Grants,
    /// Changes aliases.
    Alias,
    /// Changes tags.
    Tags,
    /// Changes rotation.
    Rotation,
    /// Imports or deletes key material.
    Import,
    /// Multi-Region keys.
    Replication,
    /// Custom key stores.
    KeyStore,
    /// Done by KMS itself.
    ServiceEvent,
    /// An operation that this version does not know.
    Other,
}

/// What a cryptographic operation does for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Releases plaintext.
    Decrypt,
    /// Makes a data key and releases it in plaintext.
    DataKeyPlaintext,
    /// Makes ciphertext only.
    Encrypt,
    /// Moves ciphertext from one key to another.
    ReEncrypt,
    /// Releases a shared secret.
    SharedSecret,
    /// Makes a signature.
    Sign,
    /// Checks a signature.
    Verify,
    /// Makes a message authentication code.
    Mac,
    /// Checks a message authentication code.
    MacVerify,
    /// Gives random bytes, without a key.
    Random,
    /// Gives out a public key.
    PublicKey,
    /// No cryptography.
    None,
}

/// What an operation can destroy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destructive {
    /// Nothing.
    No,
    /// The key or its material, and with it the data.
    Yes,
    /// The use of the key, for a time.
    Availability,
    /// The right to administer the key.
    Lockout,
}

/// Where a record of the operation names its key, beside `resources`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPlace {
    /// Nowhere: no key takes part.
    None,
    /// `requestParameters.keyId` (may be missing: symmetric Decrypt, RetireGrant by token).
    Request,
    /// `sourceKeyId` (often missing) and `destinationKeyId`; both in `resources`, in this order.
    SourceAndDestination,
    /// `targetKeyId`, beside `aliasName`.
    AliasTarget,
    /// `aliasName` only.
    AliasName,
    /// The response: the key is new.
    Response,
    /// `serviceEventDetails.keyId`, a bare id, if at all.
    ServiceEvent,
}

/// `readOnly` as CloudTrail writes it. It says nothing about how sensitive a call is: Decrypt is a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Logged {
    /// `readOnly: true`; hidden by a trail that logs writes only.
    Read,
    /// `readOnly: false`.
    Write,
}

/// What is known of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationInfo {
    /// `eventName`; empty for [`Operation::Other`].
    pub name: &'static str,
    /// Family.
    pub category: Category,
    /// `readOnly` as logged.
    pub logged: Logged,
    /// What it does for its caller.
    pub direction: Direction,
    /// What it can destroy.
    pub destructive: Destructive,
    /// Where the record names the key.
    pub key_place: KeyPlace,
    /// Whether a principal of another account can do it to this account's keys.
    pub cross_account: bool,
    /// Whether it takes `dryRun`.
    pub dry_run: bool,
    /// Severity of an anomaly in it where nothing more is known.
    pub severity: Severity,
}

/// Declares [`Operation`] and its table together, so that they cannot disagree.
macro_rules! operations {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $category:ident, $logged:ident, $direction:ident, $destructive:ident, $key_place:ident,
            cross_account: $cross_account:literal, dry_run: $dry_run:literal, $severity:ident
        }
    )*) => {
        /// An operation or service event of KMS.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $($(#[$doc])* $name,)*
            /// An operation that this version does not know, or one of another service.
            Other,
        }

        impl Operation {
            /// All known operations, without [`Operation::Other`].
            pub const ALL: &'static [Operation] = &[$(Operation::$name,)*];

            /// The operation that CloudTrail calls `name`; [`Operation::Other`] if this version does not know it.
            pub fn from_name(name: &str) -> Operation {
                match name {
                    $(stringify!($name) => Operation::$name,)*
                    _ => Operation::Other,
                }
            }

            /// What is known of the operation.
            pub fn info(self) -> &'static OperationInfo {
                match self {
                    $(Operation::$name => &OperationInfo {
                        name: stringify!($name),
                        category: Category::$category,
                        logged: Logged::$logged,
                        direction: Direction::$direction,
                        destructive: Destructive::$destructive,
                        key_place: KeyPlace::$key_place,
                        cross_account: $cross_account,
                        dry_run: $dry_run,
                        severity: Severity::$severity,
                    },)*
                    // Of an unknown operation nothing is excluded.
                    Operation::Other => &OperationInfo {
                        name: "",
                        category: Category::Other,
                        logged: Logged::Write,
                        direction: Direction::None,
                        destructive: Destructive::No,
                        key_place: KeyPlace::Request,
                        cross_account: true,
                        dry_run: true,
                        severity: Severity::Low,
                    },
                }
            }
        }
    };
}

operations! {
    /// Releases a plaintext or a plaintext data key.
    Decrypt { Cryptographic, Read, Decrypt, No, Request, cross_account: true, dry_run: true, High }
    /// Makes a data key and releases it in plaintext too.
    GenerateDataKey { Cryptographic, Read, DataKeyPlaintext, No, Request, cross_account: true, dry_run: true, Medium }
    /// Encrypts up to 4,096 bytes.
    Encrypt { Cryptographic, Read, Encrypt, No, Request, cross_account: true, dry_run: true, Medium }
    /// Reads what a key is.
    DescribeKey { Discovery, Read, None, No, Request, cross_account: true, dry_run: false, Low }
    /// Releases the shared secret of an ML-KEM ciphertext.
    Decapsulate { Cryptographic, Read, SharedSecret, No, Request, cross_account: true, dry_run: true, High }
    /// Releases an ECDH shared secret.
    DeriveSharedSecret { Cryptographic, Read, SharedSecret, No, Request, cross_account: true, dry_run: true, High }
    /// Makes an ML-KEM ciphertext and releases its shared secret.
    Encapsulate { Cryptographic, Read, SharedSecret, No, Request, cross_account: true, dry_run: true, Medium }
    /// Makes a key pair and releases its private key in plaintext too.
    GenerateDataKeyPair { Cryptographic, Read, DataKeyPlaintext, No, Request, cross_account: true, dry_run: true, Medium }
    /// Makes a key pair; its private key comes encrypted only.
    GenerateDataKeyPairWithoutPlaintext { Cryptographic, Read, Encrypt, No, Request, cross_account: true, dry_run: true, Low }
    /// Makes a data key that comes encrypted only.
    GenerateDataKeyWithoutPlaintext { Cryptographic, Read, Encrypt, No, Request, cross_account: true, dry_run: true, Low }
    /// Makes a message authentication code.
    GenerateMac { Cryptographic, Read, Mac, No, Request, cross_account: true, dry_run: true, Medium }
    /// Random bytes; no key takes part.
    GenerateRandom { Cryptographic, Read, Random, No, None, cross_account: false, dry_run: false, Info }
    /// Moves a ciphertext from one key to another without showing the plaintext.
    ReEncrypt { Cryptographic, Read, ReEncrypt, No, SourceAndDestination, cross_account: true, dry_run: true, High }
    /// Makes a signature.
    Sign { Cryptographic, Read, Sign, No, Request, cross_account: true, dry_run: true, High }
    /// Checks a signature.
    Verify { Cryptographic, Read, Verify, No, Request, cross_account: true, dry_run: true, Low }
    /// Checks a message authentication code.
    VerifyMac { Cryptographic, Read, MacVerify, No, Request, cross_account: true, dry_run: true, Low }
    /// Lists the custom key stores.
    DescribeCustomKeyStores { Discovery, Read, None, No, None, cross_account: false, dry_run: false, Low }
    /// Tells when a key was last used.
    GetKeyLastUsage { Discovery, Read, None, No, Request, cross_account: false, dry_run: false, Low }
    /// Reads a key policy.
    GetKeyPolicy { Discovery, Read, None, No, Request, cross_account: false, dry_run: false, Medium }
    /// Tells whether a key rotates.
    GetKeyRotationStatus { Discovery, Read, None, No, Request, cross_account: true, dry_run: false, Info }
    /// Gives out a public key, which then works outside KMS and unseen.
    GetPublicKey { Discovery, Read, PublicKey, No, Request, cross_account: true, dry_run: false, Low }
    /// Lists aliases, of all keys or of one.
    ListAliases { Discovery, Read, None, No, Request, cross_account: false, dry_run: false, Low }
    /// Lists the grants of a key.
    ListGrants { Discovery, Read, None, No, Request, cross_account: true, dry_run: false, Medium }
    /// Lists the names of a key's policies.
    ListKeyPolicies { Discovery, Read, None, No, Request, cross_account: false, dry_run: false, Low }
    /// Lists the rotations of a key.
    ListKeyRotations { Discovery, Read, None, No, Request, cross_account: false, dry_run: false, Info }
    /// Lists the keys of the account.
    ListKeys { Discovery, Read, None, No, None, cross_account: false, dry_run: false, Low }
    /// Lists the tags of a key.
    ListResourceTags { Discovery, Read, None, No, Request, cross_account: false, dry_run: false, Info }
    /// Lists the grants that a principal may retire.
    ListRetirableGrants { Discovery, Read, None, No, None, cross_account: false, dry_run: false, Low }
    /// Makes a key.
    CreateKey { KeyManagement, Write, None, No, Response, cross_account: false, dry_run: false, Medium }
    /// Changes the description of a key.
    UpdateKeyDescription { KeyManagement, Write, None, No, Request, cross_account: false, dry_run: false, Low }
    /// Stops a deletion; the key stays disabled.
    CancelKeyDeletion { Lifecycle, Write, None, No, Request, cross_account: false, dry_run: false, Medium }
    /// Takes a key out of use until EnableKey.
    DisableKey { Lifecycle, Write, None, Availability, Request, cross_account: false, dry_run: false, High }
    /// Takes a key into use again.
    EnableKey { Lifecycle, Write, None, No, Request, cross_account: false, dry_run: false, Medium }
    /// Takes a key out of use at once and deletes it after 7 to 30 days.
    ScheduleKeyDeletion { Lifecycle, Write, None, Yes, Request, cross_account: false, dry_run: false, Critical }
    /// Replaces the key policy.
    PutKeyPolicy { Policy, Write, None, Lockout, Request, cross_account: false, dry_run: false, High }
    /// Lets a principal use a key, beside the key policy.
    CreateGrant { Grants, Write, None, No, Request, cross_account: true, dry_run: true, High }
    /// Ends a grant, as its grantee or retiring principal.
    RetireGrant { Grants, Write, None, Availability, Request, cross_account: true, dry_run: true, Medium }
    /// Ends a grant, as the key's administrator.
    RevokeGrant { Grants, Write, None, Availability, Request, cross_account: true, dry_run: true, Medium }
    /// Makes an alias.
    CreateAlias { Alias, Write, None, No, AliasTarget, cross_account: false, dry_run: false, Medium }
    /// Removes an alias; who calls by it fails from then on.
    DeleteAlias { Alias, Write, None, Availability, AliasName, cross_account: false, dry_run: false, Medium }
    /// Points an alias at another key.
    UpdateAlias { Alias, Write, None, Availability, AliasTarget, cross_account: false, dry_run: false, High }
    /// Sets tags, which may decide about access.
    TagResource { Tags, Write, None, No, Request, cross_account: false, dry_run: false, Medium }
    /// Removes tags, which may decide about access.
    UntagResource { Tags, Write, None, No, Request, cross_account: false, dry_run: false, Medium }
    /// Ends automatic rotation.
    DisableKeyRotation { Rotation, Write, None, No, Request, cross_account: false, dry_run: false, Medium }
    /// Begins automatic rotation.
    EnableKeyRotation { Rotation, Write, None, No, Request, cross_account: false, dry_run: false, Low }
    /// Rotates a key now.
    RotateKeyOnDemand { Rotation, Write, None, No, Request, cross_account: false, dry_run: false, Medium }
    /// Deletes imported material at once, without a waiting period.
    DeleteImportedKeyMaterial { Import, Write, None, Yes, Request, cross_account: false, dry_run: false, Critical }
    /// Hands out a wrapping key and an import token: the first step of an import.
    GetParametersForImport { Import, Read, None, No, Request, cross_account: false, dry_run: false, High }
    /// Imports material that the caller knows.
    ImportKeyMaterial { Import, Write, None, No, Request, cross_account: false, dry_run: false, Critical }
    /// Makes a replica of a multi-Region key in another Region, with a policy of its own.
    ReplicateKey { Replication, Write, None, No, Request, cross_account: false, dry_run: false, High }
    /// Makes a replica the primary key. Written twice, once in each Region.
    UpdatePrimaryRegion { Replication, Write, None, No, Request, cross_account: false, dry_run: false, High }
    /// Begins to connect a key store.
    ConnectCustomKeyStore { KeyStore, Write, None, No, None, cross_account: false, dry_run: false, Medium }
    /// Makes a key store.
    CreateCustomKeyStore { KeyStore, Write, None, No, None, cross_account: false, dry_run: false, Critical }
    /// Removes an empty key store.
    DeleteCustomKeyStore { KeyStore, Write, None, Yes, None, cross_account: false, dry_run: false, Critical }
    /// Cuts a key store off: all of its keys become unavailable.
    DisconnectCustomKeyStore { KeyStore, Write, None, Availability, None, cross_account: false, dry_run: false, Critical }
    /// Changes a key store.
    UpdateCustomKeyStore { KeyStore, Write, None, Availability, None, cross_account: false, dry_run: false, High }
    /// KMS has rotated a key.
    RotateKey { ServiceEvent, Write, None, No, ServiceEvent, cross_account: false, dry_run: false, Info }
    /// KMS has deleted a key at the end of its waiting period.
    DeleteKey { ServiceEvent, Write, None, Yes, ServiceEvent, cross_account: false, dry_run: false, Critical }
    /// KMS has deleted imported material that expired.
    DeleteExpiredKeyMaterial { ServiceEvent, Write, None, Yes, ServiceEvent, cross_account: false, dry_run: false, High }
    /// KMS has copied shared properties to a replica. Logged as `AwsApiCall`.
    SynchronizeMultiRegionKey { ServiceEvent, Write, None, No, ServiceEvent, cross_account: false, dry_run: false, Info }
}

impl Operation {
    /// `eventName` of the operation; empty for [`Operation::Other`].
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Whether it uses a key, or the random generator, for cryptography.
    pub fn is_cryptographic(self) -> bool {
        self.info().category == Category::Cryptographic
    }

    /// Whether it hands out something secret: plaintext, a plaintext data key or private key, a shared secret.
    /// ReEncrypt does not, although it opens the ciphertext inside KMS.
    pub fn releases_secret(self) -> bool {
        matches!(
            self.info().direction,
            Direction::Decrypt | Direction::DataKeyPlaintext | Direction::SharedSecret
        )
    }

    /// Whether KMS does it by itself; nobody calls it.
    pub fn is_service_event(self) -> bool {
        self.info().category == Category::ServiceEvent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_operation_is_found_by_its_name() {
        assert_eq!(Operation::ALL.len(), 60);
        for operation in Operation::ALL {
            assert_eq!(Operation::from_name(operation.name()), *operation);
            assert_eq!(operation.name(), format!("{operation:?}"));
        }
    }

    #[test]
    fn a_name_that_is_not_known_is_other() {
        for name in ["", "decrypt", "DecryptV2", "Decryp", "PutObject", "Other"] {
            assert_eq!(Operation::from_name(name), Operation::Other, "{name}");
        }
    }

    #[test]
    fn all_cryptographic_operations_are_logged_as_reads() {
        for operation in Operation::ALL.iter().filter(|operation| operation.is_cryptographic()) {
            assert_eq!(operation.info().logged, Logged::Read, "{operation:?}");
        }
    }

    #[test]
    fn nothing_that_destroys_can_be_done_from_another_account() {
        for operation in Operation::ALL {
            let info = operation.info();
            assert!(!(info.destructive == Destructive::Yes && info.cross_account), "{operation:?}");
        }
    }

    /// A CSV line with fields in double quotes where they hold commas.
    fn csv_fields(line: &str) -> Vec<String> {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        fields
    }

    #[test]
    fn the_table_equals_the_collected_one() {
        let Some(text) = crate::event::testing::corpus("../domain/kms-operations.csv") else { return };
        let mut lines = text.lines();
        let columns = csv_fields(lines.next().unwrap());
        let mut n = 0;
        for line in lines {
            let row: BTreeMap<String, String> = columns.iter().cloned().zip(csv_fields(line)).collect();
            let operation = Operation::from_name(&row["event_name"]);
            let info = operation.info();
            assert_eq!(info.name, row["event_name"]);
            let snake = |word: String| {
                word.chars()
                    .enumerate()
                    .flat_map(|(i, c)| {
                        let gap = (c.is_uppercase() && i > 0).then_some('_');
                        gap.into_iter().chain(c.to_lowercase())
                    })
                    .collect::<String>()
            };
            let category = snake(format!("{:?}", info.category)).replace("key_store", "custom_key_store");
            assert_eq!(category, row["category"], "{line}");
            let direction = snake(format!("{:?}", info.direction)).replace("re_encrypt", "reencrypt");
            assert_eq!(direction, row["direction_class"], "{line}");
            assert_eq!(snake(format!("{:?}", info.destructive)), row["destructive_class"], "{line}");
            assert_eq!(info.severity.name(), row["default_severity_if_anomalous"], "{line}");
            assert_eq!((info.logged == Logged::Read).to_string(), row["read_only_logged"], "{line}");
            assert_eq!(info.cross_account, row["cross_account_allowed"] == "yes", "{line}");
            assert_eq!(info.dry_run, row["dry_run_supported"].starts_with("yes"), "{line}");
            assert_eq!(operation.is_service_event(), row["kind"] == "service_event", "{line}");
            let place = row["key_id_in_request"].as_str();
            let expected = match info.key_place {
                KeyPlace::None => !place.starts_with("keyId"),
                KeyPlace::Request => place.starts_with("keyId") || info.name == "RetireGrant",
                KeyPlace::SourceAndDestination => place.starts_with("sourceKeyId"),
                KeyPlace::AliasTarget => place.starts_with("targetKeyId"),
                KeyPlace::AliasName => place.starts_with("aliasName"),
                KeyPlace::Response => row["key_id_in_response"].starts_with("keyMetadata"),
                KeyPlace::ServiceEvent => row["kind"] == "service_event",
            };
            assert!(expected, "{line}");
            n += 1;
        }
        assert_eq!(n, Operation::ALL.len());
    }
}
