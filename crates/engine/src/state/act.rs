//! An act on a key, as it is remembered: what a finding that is judged from a State is made of.

use super::{Merge, seen::bounded};
use crate::event::{Event, Operation, Params, Source};
use crate::finding::Actor;
use crate::json::Text;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What was done to a key.
///
/// The order is that of the table below; what is added goes to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// CreateKey.
    Create,
    /// ScheduleKeyDeletion.
    ScheduleDeletion,
    /// CancelKeyDeletion. Leaves the key disabled.
    CancelDeletion,
    /// DisableKey.
    Disable,
    /// EnableKey.
    Enable,
    /// ImportKeyMaterial.
    ImportMaterial,
    /// DeleteImportedKeyMaterial.
    DeleteMaterial,
    /// DeleteExpiredKeyMaterial, a service event.
    ExpireMaterial,
    /// DeleteKey, a service event: the deletion is final.
    Delete,
    /// ReplicateKey.
    Replicate,
    /// UpdatePrimaryRegion.
    UpdatePrimary,
    /// CreateGrant.
    CreateGrant,
    /// RevokeGrant.
    RevokeGrant,
    /// RetireGrant.
    RetireGrant,
    /// CreateAlias.
    CreateAlias,
    /// UpdateAlias.
    UpdateAlias,
    /// EnableKeyRotation.
    EnableRotation,
    /// DisableKeyRotation.
    DisableRotation,
    /// RotateKeyOnDemand.
    RotateOnDemand,
    /// TagResource.
    Tag,
    /// UntagResource.
    Untag,
    /// ConnectCustomKeyStore.
    ConnectStore,
    /// DisconnectCustomKeyStore.
    DisconnectStore,
    /// StartLogging, of CloudTrail.
    StartLogging,
    /// StopLogging, of CloudTrail.
    StopLogging,
    /// StartEventDataStoreIngestion, of CloudTrail.
    StartIngestion,
    /// StopEventDataStoreIngestion, of CloudTrail.
    StopIngestion,
    /// RestoreEventDataStore, of CloudTrail.
    RestoreStore,
    /// DeleteEventDataStore, of CloudTrail.
    DeleteStore,
}

impl ActKind {
    /// All kinds, each with the operation that it is of.
    const OPERATIONS: [(ActKind, Operation); 23] = [
        (ActKind::Create, Operation::CreateKey),
        (ActKind::ScheduleDeletion, Operation::ScheduleKeyDeletion),
        (ActKind::CancelDeletion, Operation::CancelKeyDeletion),
        (ActKind::Disable, Operation::DisableKey),
        (ActKind::Enable, Operation::EnableKey),
        (ActKind::ImportMaterial, Operation::ImportKeyMaterial),
        (ActKind::DeleteMaterial, Operation::DeleteImportedKeyMaterial),
        (ActKind::ExpireMaterial, Operation::DeleteExpiredKeyMaterial),
        (ActKind::Delete, Operation::DeleteKey),
        (ActKind::Replicate, Operation::ReplicateKey),
        (ActKind::UpdatePrimary, Operation::UpdatePrimaryRegion),
        (ActKind::CreateGrant, Operation::CreateGrant),
        (ActKind::RevokeGrant, Operation::RevokeGrant),
        (ActKind::RetireGrant, Operation::RetireGrant),
        (ActKind::CreateAlias, Operation::CreateAlias),
        (ActKind::UpdateAlias, Operation::UpdateAlias),
        (ActKind::EnableRotation, Operation::EnableKeyRotation),
        (ActKind::DisableRotation, Operation::DisableKeyRotation),
        (ActKind::RotateOnDemand, Operation::RotateKeyOnDemand),
        (ActKind::Tag, Operation::TagResource),
        (ActKind::Untag, Operation::UntagResource),
        (ActKind::ConnectStore, Operation::ConnectCustomKeyStore),
        (ActKind::DisconnectStore, Operation::DisconnectCustomKeyStore),
    ];

    /// Acts on CloudTrail, by event name.
    const LOG_ACTS: [(ActKind, &'static str); 6] = [
        (ActKind::StartLogging, "StartLogging"),
        (ActKind::StopLogging, "StopLogging"),
        (ActKind::StartIngestion, "StartEventDataStoreIngestion"),
        (ActKind::StopIngestion, "StopEventDataStoreIngestion"),
        (ActKind::RestoreStore, "RestoreEventDataStore"),
        (ActKind::DeleteStore, "DeleteEventDataStore"),
    ];

    /// The act of an event, if it is one that is remembered.
    pub fn of(event: &Event<'_>) -> Option<ActKind> {
        match event.source {
            // Nearly all events are cryptographic calls.
            Source::Kms if event.operation.is_cryptographic() => None,
            Source::Kms => {
                Self::OPERATIONS.iter().find(|(_, of)| *of == event.operation).map(|(kind, _)| *kind)
            }
            Source::CloudTrail => {
                Self::LOG_ACTS.iter().find(|(_, of)| *of == event.name).map(|(kind, _)| *kind)
            }
            Source::Infrastructure(_) => None,
        }
    }

    /// The event name.
    pub fn operation(self) -> &'static str {
        let of_kms = Self::OPERATIONS.iter().find(|(kind, _)| *kind == self).map(|(_, of)| of.name());
        let of_logs = || Self::LOG_ACTS.iter().find(|(kind, _)| *kind == self).map(|(_, of)| *of);
        of_kms.or_else(of_logs).unwrap_or_default()
    }

    /// Whether it makes, ends or changes the life of a key.
    pub fn is_lifecycle(self) -> bool {
        self <= ActKind::UpdatePrimary
    }

    /// Whether somebody takes the key away from its users with it.
    pub fn is_destructive(self) -> bool {
        matches!(self, ActKind::ScheduleDeletion | ActKind::Disable | ActKind::DeleteMaterial)
    }
}

/// One act. Ordered by time and event id first; the rest only breaks ties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Act {
    /// Event time.
    pub time: Timestamp,
    /// Id of the event (of the act, where two accounts have copies).
    pub event_id: String,
    /// What was done.
    pub kind: ActKind,
    /// ARN of the key; empty if the event does not tell.
    pub key: String,
    /// Account in whose log it stands.
    pub account: String,
    /// Region in which it was done.
    pub region: String,
    /// Who did it.
    pub by: By,
    /// What else there is to say of this kind of act.
    pub detail: Detail,
}

/// What an act says beside who, what and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// Of ScheduleKeyDeletion.
    Deletion {
        /// Waiting period in days, 7 to 30.
        window_days: Option<i64>,
        /// When the key will be deleted.
        at: Option<Timestamp>,
        /// A multi-Region primary whose waiting period begins when its last replica is gone.
        waits_for_replicas: bool,
    },
    /// Of ImportKeyMaterial.
    Import {
        /// Whether the material expires.
        expires: bool,
        /// When it does.
        valid_to: Option<Timestamp>,
    },
    /// Of ReplicateKey, and of the CreateKey that it causes in the other Region.
    Replica {
        /// Region of the replica.
        region: String,
        /// ARN of the replica, where it is known.
        arn: Option<String>,
        /// Whether the call gave the replica a key policy of its own.
        own_policy: bool,
    },
    /// Of UpdatePrimaryRegion.
    Primary {
        /// The new primary Region.
        region: String,
    },
    /// Of CreateGrant.
    Grant {
        /// `grantId`.
        id: Option<String>,
        /// Who may use the grant.
        grantee: Option<String>,
        /// Whether its grantee may make further grants.
        extends: bool,
    },
    /// Of an alias, the tags or the like: their names.
    Names(Vec<String>),
    /// Of EnableKeyRotation.
    Rotation {
        /// Days between rotations.
        period_days: Option<i64>,
    },
    /// Of a custom key store or of CloudTrail: what is switched on or off.
    Target(String),
    /// Of CreateKey: where its material comes from, if not from KMS.
    Origin(String),
}

impl From<Actor> for By {
    fn from(actor: Actor) -> By {
        let Actor {
            id,
            kind,
            account,
            session,
            access_key,
            via_service,
            source_identity,
            source,
            user_agent,
        } = actor;
        let kind = Cow::Borrowed(kind);
        By { id, kind, account, session, access_key, via_service, source_identity, source, user_agent }
    }
}

/// Who did something: an [`Actor`] that can be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct By {
    /// The stable principal.
    pub id: String,
    kind: Cow<'static, str>,
    account: Option<String>,
    session: Option<String>,
    access_key: Option<String>,
    via_service: Option<String>,
    source_identity: Option<String>,
    source: Option<String>,
    user_agent: Option<String>,
}

impl By {
    /// Who did what `event` tells, each text within the bound of what is kept.
    pub(crate) fn of(event: &Event<'_>) -> By {
        let short = |text: &Option<Text<'_>>| text.as_ref().map(|text| bounded(text).into_owned());
        let (principal, caller) = (&event.principal, &event.caller);
        By {
            id: bounded(&principal.id).into_owned(),
            kind: Cow::Borrowed(principal.kind.name()),
            account: short(&principal.account),
            session: short(&principal.session),
            access_key: short(&principal.access_key),
            via_service: short(&principal.via_service),
            source_identity: short(&principal.source_identity),
            source: short(&caller.address),
            user_agent: short(&caller.user_agent),
        }
    }

    /// Texts beside the kind.
    pub(crate) const TEXTS: usize = 8;

    /// The kind and the other texts, in the order of the fields.
    pub(crate) fn texts(&self) -> (&Cow<'static, str>, [Option<&str>; By::TEXTS]) {
        let texts = [
            Some(self.id.as_str()),
            self.account.as_deref(),
            self.session.as_deref(),
            self.access_key.as_deref(),
            self.via_service.as_deref(),
            self.source_identity.as_deref(),
            self.source.as_deref(),
            self.user_agent.as_deref(),
        ];
        (&self.kind, texts)
    }

    /// The one with this kind and these texts: see [`By::texts`].
    pub(crate) fn of_texts(kind: Cow<'static, str>, texts: [Option<&str>; By::TEXTS]) -> By {
        let texts = texts.map(|text| text.map(str::to_owned));
        let [id, account, session, access_key, via_service, source_identity, source, user_agent] = texts;
        let id = id.unwrap_or_default();
        By { id, kind, account, session, access_key, via_service, source_identity, source, user_agent }
    }

    /// The one who did it, as a finding shows it.
    pub fn actor(&self) -> Actor {
        Actor {
            id: self.id.clone(),
            kind: known_kind(&self.kind),
            account: self.account.clone(),
            session: self.session.clone(),
            access_key: self.access_key.clone(),
            via_service: self.via_service.clone(),
            source_identity: self.source_identity.clone(),
            source: self.source.clone(),
            user_agent: self.user_agent.clone(),
        }
    }
}

/// The word for a kind of principal as output uses it; a stored word that this version does not know is
/// `unknown`.
fn known_kind(stored: &str) -> &'static str {
    use crate::event::PrincipalKind as K;
    [
        K::Root,
        K::User,
        K::Role,
        K::ServiceLinkedRole,
        K::PermissionSet,
        K::FederatedUser,
        K::AwsService,
        K::ForeignAccount,
        K::IdentityCenterUser,
    ]
    .into_iter()
    .map(K::name)
    .find(|name| *name == stored)
    .unwrap_or(K::Unknown.name())
}

impl Act {
    /// The act of an event, successful or not, if it is of a kind that is remembered.
    pub fn of(event: &Event<'_>) -> Option<Act> {
        let kind = ActKind::of(event)?;
        Some(Act {
            time: event.time,
            event_id: bounded(event.act_id()).into_owned(),
            kind,
            key: event.key.as_ref().map(|key| bounded(&key.arn).into_owned()).unwrap_or_default(),
            account: bounded(&event.account).into_owned(),
            region: bounded(&event.region).into_owned(),
            by: By::of(event),
            detail: detail(event, kind),
        })
    }
}

fn detail(event: &Event<'_>, kind: ActKind) -> Detail {
    match &event.params {
        Params::Deletion { window_days, at, key_state } => Detail::Deletion {
            window_days: *window_days,
            at: *at,
            waits_for_replicas: key_state.as_deref() == Some("PendingReplicaDeletion"),
        },
        Params::Import(import) if kind == ActKind::ImportMaterial => Detail::Import {
            // The API takes KEY_MATERIAL_EXPIRES where none is given.
            expires: import.expiration_model.as_deref() != Some("KEY_MATERIAL_DOES_NOT_EXPIRE"),
            valid_to: import.valid_to,
        },
        Params::Policy(change) if kind == ActKind::Replicate => {
            let given = event.request.get("policy");
            Detail::Replica {
                region: change.replica_region.as_deref().map(bounded).unwrap_or_default().into_owned(),
                arn: change.replica_arn.as_deref().map(|arn| bounded(arn).into_owned()),
                own_policy: !given.is_empty(),
            }
        }
        Params::Policy(_) if kind == ActKind::Create && is_replica(event) => Detail::Replica {
            region: bounded(&event.region).into_owned(),
            arn: event.key.as_ref().map(|key| bounded(&key.arn).into_owned()),
            own_policy: false,
        },
        Params::Policy(change) if kind == ActKind::Create => match change.origin.as_deref() {
            None | Some("AWS_KMS") => Detail::None,
            Some(origin) => Detail::Origin(bounded(origin).into_owned()),
        },
        Params::Grant(grant) if kind == ActKind::CreateGrant => Detail::Grant {
            id: grant.id.as_deref().map(|id| bounded(id).into_owned()),
            grantee: grant.grantee.as_deref().map(|grantee| bounded(grantee).into_owned()),
            extends: grant.operations.iter().any(|operation| operation == "CreateGrant"),
        },
        Params::Grant(grant) => Detail::Names(grant.id.iter().map(|id| bounded(id).into_owned()).collect()),
        Params::Alias => Detail::Names(event.alias.iter().map(|alias| bounded(alias).into_owned()).collect()),
        Params::Rotation { period_days, .. } => Detail::Rotation { period_days: *period_days },
        Params::Tags { keys } => {
            Detail::Names(keys.iter().take(LONGEST_LIST).map(|key| bounded(key).into_owned()).collect())
        }
        Params::KeyStore(store) => {
            Detail::Target(store.id.as_deref().map(bounded).unwrap_or_default().into_owned())
        }
        _ if event.source == Source::CloudTrail => Detail::Target(log_target(event)),
        Params::PrimaryRegion { region } => {
            Detail::Primary { region: region.as_deref().map(bounded).unwrap_or_default().into_owned() }
        }
        _ => Detail::None,
    }
}

/// Longest list of names that is kept with an act.
const LONGEST_LIST: usize = 8;

/// The trail or event data store of a call to CloudTrail: its name, or the last part of its ARN.
fn log_target(event: &Event<'_>) -> String {
    let named = ["trailName", "name", "eventDataStore"]
        .into_iter()
        .find_map(|member| event.request.get(member).nonempty());
    let name = named.unwrap_or_default();
    bounded(name.rsplit('/').next().unwrap_or(&name)).into_owned()
}

/// Whether a CreateKey made a replica: KMS writes one in the other Region for a ReplicateKey.
fn is_replica(event: &Event<'_>) -> bool {
    let metadata = event.response.get("keyMetadata");
    metadata.get("multiRegionConfiguration").get("multiRegionKeyType").text().as_deref() == Some("REPLICA")
}

/// Two copies of one act differ only in what the accounts see; the greater one stays.
impl Merge for Act {
    fn merge(&mut self, other: &Self) {
        if other > self {
            self.clone_from(other);
        }
    }
}
