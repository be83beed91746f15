//! Circumstances of a call that say something about how keys are used.

use kmswatch_engine::event::{Event, Operation, Params, PrincipalKind};
use serde::Serialize;

/// One circumstance of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A direct call for symmetric encryption without an encryption context.
    NoContext,
    /// A direct cryptographic call that names the key by its bare id.
    ByKeyId,
    /// A direct symmetric Decrypt that names no key.
    NoKeyNamed,
    /// A call with the key of an IAM user, which lasts until it is deleted.
    LongTermCredentials,
    /// A user who administers keys without a second factor.
    NoMfa,
    /// Credentials handed out by version 1 of the instance metadata service.
    Imds1,
    /// TLS before 1.2.
    OldTls,
    /// A key policy that was set without the check against locking oneself out.
    LockoutCheckBypassed,
    /// A grant by a direct call, without constraint.
    UnconstrainedGrant,
    /// A direct call by a person: a permission set, or a console session.
    ByPerson,
    /// A dry run.
    DryRun,
    /// A direct call with something in its encryption context that looks like a secret, or like a person's address.
    SecretInContext,
}

impl Fact {
    /// All of them.
    pub const ALL: [Fact; 12] = [
        Fact::NoContext,
        Fact::ByKeyId,
        Fact::NoKeyNamed,
        Fact::LongTermCredentials,
        Fact::NoMfa,
        Fact::Imds1,
        Fact::OldTls,
        Fact::LockoutCheckBypassed,
        Fact::UnconstrainedGrant,
        Fact::ByPerson,
        Fact::DryRun,
        Fact::SecretInContext,
    ];
}

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts(u16);

impl Facts {
    /// Adds one.
    pub fn add(&mut self, fact: Fact) {
        self.0 |= 1 << fact as u16;
    }

    /// Whether it is among them.
    pub fn has(self, fact: Fact) -> bool {
        self.0 & (1 << fact as u16) != 0
    }

    /// Those of an event.
    pub fn of(event: &Event<'_>) -> Facts {
        let mut facts = Facts::default();
        let mut note = |fact, holds: bool| {
            if holds {
                facts.add(fact);
            }
        };
        let principal = &event.principal;
        note(Fact::DryRun, event.dry_run);
        note(Fact::LongTermCredentials, is_long_term(event));
        if principal.through_service() {
            return facts;
        }
        let is_person = principal.kind == PrincipalKind::PermissionSet || principal.console;
        note(Fact::ByPerson, is_person && event.operation.is_cryptographic());
        note(Fact::Imds1, principal.imds.as_deref() == Some("1.0"));
        note(Fact::OldTls, has_old_tls(event));
        note(Fact::NoContext, takes_context(event) && event.context.is_empty());
        note(Fact::SecretInContext, has_secret_in_context(event));
        if event.operation.is_cryptographic() {
            let named = event.request.get("keyId").nonempty();
            note(Fact::ByKeyId, named.as_deref().is_some_and(is_bare_id));
            let is_decrypt = event.operation == Operation::Decrypt && is_symmetric(event);
            note(Fact::NoKeyNamed, is_decrypt && named.is_none());
        }
        let is_user = matches!(principal.kind, PrincipalKind::User | PrincipalKind::Root);
        note(Fact::NoMfa, is_user && principal.mfa != Some(true) && administers(event.operation));
        match &event.params {
            Params::Policy(change) => note(Fact::LockoutCheckBypassed, change.bypass_lockout_check),
            Params::Grant(grant) if event.operation == Operation::CreateGrant => {
                note(Fact::UnconstrainedGrant, !grant.constrained);
            }
            _ => {}
        }
        facts
    }
}

/// Ids of keys that do not expire begin with AKIA (IAM user guide, "IAM identifiers"). Under a service the id is one that
/// was made for the forwarded call.
fn is_long_term(event: &Event<'_>) -> bool {
    event.principal.via_service.is_none()
        && event.principal.access_key.as_deref().is_some_and(|id| id.starts_with("AKIA"))
}

/// KMS asks for TLS 1.2 at least; older lines are those of an interception or of a test endpoint.
fn has_old_tls(event: &Event<'_>) -> bool {
    let version = event.caller.tls.as_ref().and_then(|tls| tls.version.as_deref());
    version.is_some_and(|version| matches!(version, "TLSv1" | "TLSv1.0" | "TLSv1.1" | "SSLv3"))
}

/// Only symmetric encryption takes an encryption context.
fn takes_context(event: &Event<'_>) -> bool {
    use Operation::{Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext};
    matches!(event.operation, Decrypt | Encrypt | GenerateDataKey | GenerateDataKeyWithoutPlaintext)
        && is_symmetric(event)
}

/// Whether the encryption context, which stands in the log in clear, holds what should not. Only this is told of it.
fn has_secret_in_context(event: &Event<'_>) -> bool {
    const NAMES: [&str; 6] = ["password", "passwd", "secret", "token", "apikey", "privatekey"];
    event.context.pairs_for_hashing().any(|(name, value)| {
        let value = value.trim_matches('"');
        let name = name.to_ascii_lowercase().replace(['_', '-'], "");
        !value.is_empty() && (NAMES.contains(&name.as_str()) || is_secret(value) || is_address(value))
    })
}

/// Access keys, private keys, JSON Web Tokens and tokens of GitHub and Slack begin like this.
fn is_secret(value: &str) -> bool {
    let is_access_key = ["AKIA", "ASIA"].iter().any(|begin| value.starts_with(begin)) && value.len() == 20;
    let is_token =
        ["eyJ", "ghp_", "github_pat_", "xoxb-", "xoxp-"].iter().any(|begin| value.starts_with(begin));
    is_access_key || (is_token && value.len() >= 30) || value.contains("-----BEGIN ")
}

/// An address of e-mail, and nothing else.
fn is_address(value: &str) -> bool {
    let Some((user, host)) = value.split_once('@') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    !user.is_empty() && host.contains('.') && user.chars().chain(host.chars()).all(plain)
}

fn is_symmetric(event: &Event<'_>) -> bool {
    let algorithm = event.request.get("encryptionAlgorithm").nonempty();
    algorithm.is_none_or(|algorithm| algorithm == "SYMMETRIC_DEFAULT")
}

fn is_bare_id(name: &str) -> bool {
    !name.starts_with("arn:") && !name.starts_with("alias/")
}

fn administers(operation: Operation) -> bool {
    use Operation::{CreateGrant, DeleteImportedKeyMaterial, DisableKey, PutKeyPolicy, ScheduleKeyDeletion};
    matches!(
        operation,
        PutKeyPolicy | ScheduleKeyDeletion | DisableKey | DeleteImportedKeyMaterial | CreateGrant
    )
}
