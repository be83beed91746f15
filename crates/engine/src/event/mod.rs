//! The flat, typed [`Event`] that every detector reads, and [`normalize()`], which makes it from a record.
//!
//! Everything is borrowed from the record, so normalising costs little where nothing is found. Each part has a
//! file of its own: [`operation`], [`principal`], [`key`], [`outcome`], [`context`], [`network`], [`params`].
//! Tests make their records with `event::testing`.
//! Normalising is total: any JSON gives an Event, a Skip with a reason, or a Problem; nothing panics.

mod alike;
mod arn;
pub mod context;
#[cfg(test)]
mod corpus;
pub mod dates;
#[cfg(test)]
mod edge_cases;
mod extra;
mod fields;
mod identity;
pub mod infrastructure;
pub mod key;
mod members;
pub mod network;
pub mod normalize;
pub mod operation;
pub mod outcome;
pub mod params;
mod pattern;
pub mod principal;
mod repeats;
mod service;
mod shapes;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use alike::{Found, Latest};
pub use context::{EncryptionContext, Resource, ResourceKind};
pub use key::Key;
pub use network::{Caller, Protection, Tls};
pub use normalize::{Left, Normalized, SkipReason, normalize, normalize_with};
pub use operation::Operation;
pub use outcome::{ErrorClass, Outcome};
pub use params::Params;
pub(crate) use pattern::{Details, OwnDetails, OwnedPattern, Pattern};
pub use principal::{Principal, PrincipalKind};
pub use repeats::Repeats;

use crate::finding::Actor;
use crate::json::{Text, Value};
use crate::time::Timestamp;
use std::fmt;

/// Which service wrote the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `kms.amazonaws.com`.
    Kms,
    /// `cloudtrail.amazonaws.com`: changes to the log itself.
    CloudTrail,
    /// Another service: a change to what carries logs and alerts.
    Infrastructure(&'static infrastructure::Change),
}

impl Source {
    /// The service, without `.amazonaws.com`.
    pub fn service(self) -> &'static str {
        match self {
            Source::Kms => "kms",
            Source::CloudTrail => "cloudtrail",
            Source::Infrastructure(change) => change.service,
        }
    }
}

/// What wrote the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A call of the API by somebody.
    ApiCall,
    /// Something that the service did by itself, such as `DeleteKey` at the end of the waiting period.
    ServiceEvent,
}

/// One event of KMS or of a watched service, normalised.
///
/// Its `Debug` form leaves `request` and `response` out, since those hold values of encryption contexts.
#[derive(Clone)]
pub struct Event<'a> {
    /// `eventID`; where it is missing, `hash:` and the hash of the record.
    pub id: Text<'a>,
    /// `sharedEventID`: the same in every account's copy of one act.
    pub shared_id: Option<Text<'a>>,
    /// Id of the event that this record replaces (`addendum` with `UPDATED_DATA`).
    pub corrects: Option<Text<'a>>,
    /// `eventTime`.
    pub time: Timestamp,
    /// Which service wrote it.
    pub source: Source,
    /// What wrote the record.
    pub form: Form,
    /// The operation; [`Operation::Other`] for those this version does not know.
    pub operation: Operation,
    /// `eventName` as written.
    pub name: Text<'a>,
    /// Account in whose log it stands: `recipientAccountId`, else the principal's, else the key's; empty if none.
    pub account: Text<'a>,
    /// `awsRegion`; empty if missing.
    pub region: Text<'a>,
    /// Who called.
    pub principal: Principal<'a>,
    /// The key; for ReEncrypt the source key, if it is known.
    pub key: Option<Key<'a>>,
    /// The destination key of ReEncrypt.
    pub destination_key: Option<Key<'a>>,
    /// Alias name (`alias/...`) in the request or the resources.
    pub alias: Option<Text<'a>>,
    /// How the call ended.
    pub outcome: Outcome<'a>,
    /// A trial that does nothing (`dryRun`). It releases no data, whether it was allowed or not.
    pub dry_run: bool,
    /// The encryption context; of ReEncrypt that of the source.
    pub context: EncryptionContext<'a>,
    /// The resource behind the encryption context.
    pub resource: Option<Resource<'a>>,
    /// Where the call came from.
    pub caller: Caller<'a>,
    /// Digest of the attested image of an enclave or NitroTPM, if the call carried an attestation.
    pub attestation: Option<Attestation<'a>>,
    /// `keyMaterialId`, of ReEncrypt the source's.
    pub key_material: Option<Text<'a>>,
    /// Parameters of the operations that change something.
    pub params: Params<'a>,
    /// `requestParameters`, for what no field above holds.
    pub request: Value<'a>,
    /// `responseElements`.
    pub response: Value<'a>,
}

/// Attestation of a Nitro enclave or NitroTPM (`additionalEventData.recipient`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation<'a> {
    /// `attestationDocumentModuleId`: `i-...-enc...` or `i-...-tpm...`.
    pub module: Text<'a>,
    /// `attestationDocumentEnclaveImageDigest` or the first PCR; all zeros in debug mode.
    pub image: Option<Text<'a>>,
}

impl<'a> Event<'a> {
    /// The id of the act: `sharedEventID` where there is one, so that two accounts' copies are one act.
    pub fn act_id(&self) -> &str {
        self.shared_id.as_deref().unwrap_or(&self.id)
    }

    /// Whether the call did what was asked (a dry run did not).
    pub fn succeeded(&self) -> bool {
        self.outcome.error.is_none() && !self.dry_run
    }

    /// Whether the call was refused for want of permission.
    pub fn denied(&self) -> bool {
        self.outcome.class() == Some(ErrorClass::Denied)
    }

    /// Who did it, for a finding.
    pub fn actor(&self) -> Actor {
        let owned = |text: &Option<Text<'a>>| text.as_ref().map(|t| t.to_string());
        Actor {
            id: self.principal.id.to_string(),
            kind: self.principal.kind.name(),
            account: owned(&self.principal.account),
            session: owned(&self.principal.session),
            access_key: owned(&self.principal.access_key),
            via_service: owned(&self.principal.via_service),
            source_identity: owned(&self.principal.source_identity),
            source: owned(&self.caller.address),
            user_agent: owned(&self.caller.user_agent),
        }
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("shared_id", &self.shared_id)
            .field("corrects", &self.corrects)
            .field("time", &self.time)
            .field("source", &self.source)
            .field("form", &self.form)
            .field("operation", &self.operation)
            .field("name", &self.name)
            .field("account", &self.account)
            .field("region", &self.region)
            .field("principal", &self.principal)
            .field("key", &self.key)
            .field("destination_key", &self.destination_key)
            .field("alias", &self.alias)
            .field("outcome", &self.outcome)
            .field("dry_run", &self.dry_run)
            .field("context", &self.context)
            .field("resource", &self.resource)
            .field("caller", &self.caller)
            .field("attestation", &self.attestation)
            .field("key_material", &self.key_material)
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}
