//! `userIdentity` → [`Principal`].
//!
//! The session never becomes part of the id: its name and keys are random. Roles are named by the issuer of
//! their session, else by the ARN of the session, which drops the path; so ids of roles never have a path.

use super::arn::Arn;
use super::fields::{Read, bounded, cut, string};
use super::members::{Caller, Known};
use super::principal::{Principal, PrincipalKind};
use super::service::{is_console, is_internal, service_id, service_name};
use crate::json::{Text, Value};

/// What decides beside `userIdentity` about the principal.
#[derive(Debug)]
pub(super) struct Around<'a, 'r> {
    /// `eventType` is `AwsServiceEvent`.
    pub(super) service_event: bool,
    /// The service that wrote the record: `kms` or `cloudtrail`.
    pub(super) source: &'static str,
    /// `sourceIPAddress`.
    pub(super) address: Option<&'r Text<'a>>,
    /// Service that writes such an encryption context.
    pub(super) context_service: Option<&'static str>,
    /// `sessionCredentialFromConsole`.
    pub(super) console: bool,
}

/// What tells who the principal is.
struct Identity<'a> {
    kind: Option<Text<'a>>,
    principal_id: Option<Text<'a>>,
    arn: Option<Text<'a>>,
    account: Option<Text<'a>>,
    user_name: Option<Text<'a>>,
    issuer_id: Option<Text<'a>>,
    issuer_arn: Option<Text<'a>>,
    issuer_account: Option<Text<'a>>,
    issuer_name: Option<Text<'a>>,
}

impl<'a> Principal<'a> {
    /// Derives the principal of a record from `userIdentity`, or from its members where they are known.
    pub(super) fn read(
        identity: Value<'a>,
        places: Option<Known<'a, '_>>,
        around: &Around<'a, '_>,
    ) -> Read<Principal<'a>> {
        let Caller { identity: told, session, issuer, attributes, on_behalf_of } =
            match places.and_then(Known::caller) {
                Some(caller) => caller,
                None => Caller::read(identity)?,
            };
        let person = on_behalf_of.person;
        let invoked_by = string(told.invoked_by)?;
        let identity = Identity {
            kind: string(told.kind)?,
            principal_id: string(told.principal_id)?,
            arn: string(told.arn)?,
            account: string(told.account)?,
            user_name: string(told.user_name)?,
            issuer_id: string(issuer.principal_id)?,
            issuer_arn: string(issuer.arn)?,
            issuer_account: string(issuer.account)?,
            issuer_name: string(issuer.user_name)?,
        };
        let person = string(person)?;
        let mut principal = if around.service_event || (identity.kind.is_none() && invoked_by.is_some()) {
            service_itself(invoked_by.as_ref(), around, internal_id(around.source))
        } else if session.assumed_root.bool() == Some(true) {
            identity.root()
        } else {
            match identity.kind.as_deref() {
                Some("AWSService") => {
                    service_itself(invoked_by.as_ref(), around, Text::Borrowed("service:aws-internal"))
                }
                Some("Root") => identity.root(),
                Some("IAMUser") => identity.user(),
                Some("AssumedRole" | "Role") => identity.role(),
                Some("FederatedUser") => identity.federated_user(),
                Some("AWSAccount") => identity.foreign_account(),
                Some("IdentityCenterUser") => {
                    identity.identity_center_user(person.as_ref(), string(told.credential_id)?)
                }
                _ => identity.unknown(),
            }
        };
        principal.id = bounded(principal.id);
        principal.account = principal.account.or(identity.account);
        principal.access_key = string(told.access_key)?;
        principal.source_identity = string(session.source_identity)?;
        principal.mfa = attributes.mfa.bool();
        principal.console = around.console
            || invoked_by.as_ref().is_some_and(|name| service_name(name).is_some_and(is_console));
        principal.imds = string(session.delivery)?;
        principal.via_service = via_service(invoked_by.as_ref(), &principal, around);
        principal.person = match principal.kind {
            _ if person.is_some() => person,
            PrincipalKind::PermissionSet => principal.session.clone(),
            _ => None,
        };
        Ok(principal)
    }

    fn new(kind: PrincipalKind, id: Text<'a>) -> Principal<'a> {
        Principal {
            id,
            kind,
            account: None,
            session: None,
            generation: None,
            access_key: None,
            via_service: None,
            source_identity: None,
            person: None,
            mfa: None,
            console: false,
            imds: None,
        }
    }
}

impl<'a> Identity<'a> {
    fn root(&self) -> Principal<'a> {
        let id = match &self.account {
            // The usual record holds the very ARN.
            Some(account) => match &self.arn {
                Some(arn) if is_root_arn_of(arn, account) => arn.clone(),
                _ => Text::Owned(format!("arn:{}:iam::{account}:root", self.partition())),
            },
            None => self.arn.clone().unwrap_or_else(|| self.unknown_id()),
        };
        Principal { account: self.account_of_arn(), ..Principal::new(PrincipalKind::Root, id) }
    }

    fn user(&self) -> Principal<'a> {
        let id = match (&self.arn, &self.account, &self.user_name, &self.principal_id) {
            (Some(arn), ..) => arn.clone(),
            (None, Some(account), Some(name), _) => Text::Owned(format!("user:{account}/{name}")),
            (None, _, _, Some(principal_id)) => principal_id.clone(),
            (None, ..) => self.unknown_id(),
        };
        Principal {
            account: self.account_of_arn(),
            generation: self.principal_id.as_ref().and_then(unique_id),
            ..Principal::new(PrincipalKind::User, id)
        }
    }

    fn role(&self) -> Principal<'a> {
        // The issuer tells the role; without it the ARN of the session or, rarely, of the role itself does.
        let told = [&self.issuer_arn, &self.arn]
            .into_iter()
            .flatten()
            .find_map(|arn| RoleArn::parse(arn).map(|role| (arn, role)));
        let account = self.issuer_account.clone().or_else(|| self.account_of_arn());
        let id = match (&told, &account, &self.issuer_name) {
            (Some((arn, role)), ..) if role.is_plain() => (*arn).clone(),
            (Some((_, role)), ..) => {
                Text::Owned(format!("arn:{}:iam::{}:role/{}", role.partition, role.account, role.name))
            }
            (None, Some(account), Some(name)) => {
                Text::Owned(format!("arn:{}:iam::{account}:role/{name}", self.partition()))
            }
            _ => self.unknown_id(),
        };
        let kind = told.map_or(PrincipalKind::Role, |(_, role)| role.kind());
        Principal {
            account,
            session: self.session(),
            generation: [&self.issuer_id, &self.principal_id].into_iter().flatten().find_map(unique_id),
            ..Principal::new(kind, id)
        }
    }

    fn federated_user(&self) -> Principal<'a> {
        let id = self.arn.clone().unwrap_or_else(|| self.unknown_id());
        Principal { account: self.account_of_arn(), ..Principal::new(PrincipalKind::FederatedUser, id) }
    }

    fn foreign_account(&self) -> Principal<'a> {
        let unique = self.principal_id.as_ref().and_then(|id| cut(id, |id| id.split(':').next()));
        let id = match (&self.account, &unique) {
            (Some(account), Some(unique)) => Text::Owned(format!("account:{account}/{unique}")),
            (Some(account), None) => Text::Owned(format!("account:{account}/")),
            (None, _) => self.unknown_id(),
        };
        Principal {
            session: self.principal_id.as_ref().and_then(session_of_id),
            generation: self.principal_id.as_ref().and_then(unique_id),
            ..Principal::new(PrincipalKind::ForeignAccount, id)
        }
    }

    fn identity_center_user(&self, person: Option<&Text<'a>>, credential: Option<Text<'a>>) -> Principal<'a> {
        let id = match person.or(self.principal_id.as_ref()).or(credential.as_ref()) {
            Some(person) => Text::Owned(format!("identity-center:{person}")),
            None => self.unknown_id(),
        };
        Principal::new(PrincipalKind::IdentityCenterUser, id)
    }

    fn unknown(&self) -> Principal<'a> {
        Principal {
            account: self.account_of_arn(),
            ..Principal::new(PrincipalKind::Unknown, self.unknown_id())
        }
    }

    /// Type and principal id, without a session name.
    fn unknown_id(&self) -> Text<'a> {
        let kind = self.kind.as_deref().unwrap_or_default();
        let principal = self.principal_id.as_deref().unwrap_or_default();
        let stable = match kind {
            "AssumedRole" | "Role" => principal.split(':').next().unwrap_or_default(),
            _ => principal,
        };
        Text::Owned(format!("unknown:{kind}:{stable}"))
    }

    fn session(&self) -> Option<Text<'a>> {
        let in_arn = self.arn.as_ref().and_then(|arn| {
            cut(arn, |arn| Some(Arn::parse(arn)?.resource.strip_prefix("assumed-role/")?.split_once('/')?.1))
        });
        in_arn
            .or_else(|| self.principal_id.as_ref().and_then(session_of_id))
            .filter(|session| !session.is_empty())
    }

    fn account_of_arn(&self) -> Option<Text<'a>> {
        if self.account.is_some() {
            return self.account.clone();
        }
        [&self.arn, &self.issuer_arn].into_iter().flatten().find_map(|arn| {
            cut(arn, |arn| Some(Arn::parse(arn)?.account).filter(|account| !account.is_empty()))
        })
    }

    fn partition(&self) -> &str {
        self.arn.as_deref().and_then(Arn::parse).map_or("aws", |arn| arn.partition)
    }
}

/// A role by its own ARN or by that of a session.
struct RoleArn<'t> {
    partition: &'t str,
    account: &'t str,
    /// Folders before the name; empty in the ARN of a session, which does not tell them.
    path: &'t str,
    name: &'t str,
    of_session: bool,
}

impl<'t> RoleArn<'t> {
    fn parse(arn: &'t str) -> Option<RoleArn<'t>> {
        let arn = Arn::parse(arn)?;
        let (path, name, of_session) = match arn.service {
            "iam" => {
                let role = arn.resource.strip_prefix("role/")?;
                let (path, name) = role.rsplit_once('/').unwrap_or(("", role));
                (path, name, false)
            }
            "sts" => ("", arn.resource.strip_prefix("assumed-role/")?.split('/').next()?, true),
            _ => return None,
        };
        let complete = !name.is_empty() && !arn.account.is_empty();
        complete.then_some(RoleArn { partition: arn.partition, account: arn.account, path, name, of_session })
    }

    /// Whether the ARN that was read is already the id: a role without a path.
    fn is_plain(&self) -> bool {
        !self.of_session && self.path.is_empty()
    }

    fn kind(&self) -> PrincipalKind {
        let path_or_name = |path: &str, name: &str| {
            self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                || (self.of_session && self.name.starts_with(name))
        };
        if path_or_name("aws-reserved/sso.amazonaws.com", "AWSReservedSSO_") {
            PrincipalKind::PermissionSet
        } else if path_or_name("aws-service-role", "AWSServiceRoleFor") || self.name.starts_with("aws:") {
            // Role names of customers hold no colon: `aws:ec2-infrastructure` is the data path of EBS.
            PrincipalKind::ServiceLinkedRole
        } else {
            PrincipalKind::Role
        }
    }
}

/// Whether an ARN tells a role: then nothing but the issuer's decides who the caller is.
pub(super) fn tells_role(arn: &str) -> bool {
    RoleArn::parse(arn).is_some()
}

fn is_root_arn_of(arn: &str, account: &str) -> bool {
    Arn::parse(arn)
        .is_some_and(|arn| arn.service == "iam" && arn.resource == "root" && arn.account == account)
}

/// `AROA...` of `AROA...:session`. Account ids and words of AWS (`aws:ec2-infrastructure`) are none.
fn unique_id<'a>(principal_id: &Text<'a>) -> Option<Text<'a>> {
    cut(principal_id, |id| {
        let id = id.split(':').next()?;
        let plausible = id.starts_with('A') && id.bytes().all(|b| b.is_ascii_alphanumeric());
        plausible.then_some(id)
    })
}

fn session_of_id<'a>(principal_id: &Text<'a>) -> Option<Text<'a>> {
    cut(principal_id, |id| {
        id.split_once(':').map(|(_, session)| session).filter(|session| !session.is_empty())
    })
}

/// The service that calls for itself: by its own name, by the address, or by the context that it writes.
fn service_itself<'a>(
    invoked_by: Option<&Text<'a>>,
    around: &Around<'a, '_>,
    otherwise: Text<'a>,
) -> Principal<'a> {
    let names = [invoked_by, around.address].into_iter().flatten();
    let name = names.into_iter().find_map(|text| service_name(text)).or(around.context_service);
    Principal::new(PrincipalKind::AwsService, name.map_or(otherwise, service_id))
}

/// Who acts in a record that says only `AWS Internal`: the service that wrote it.
fn internal_id<'a>(source: &str) -> Text<'a> {
    match source {
        "kms" => Text::Borrowed("service:kms-internal"),
        source => Text::Owned(format!("service:{source}-internal")),
    }
}

fn via_service<'a>(
    invoked_by: Option<&Text<'a>>,
    principal: &Principal<'a>,
    around: &Around<'a, '_>,
) -> Option<Text<'a>> {
    let named = |text: &Text<'a>| cut(text, service_name).filter(|name| !is_console(name));
    // Old records have no invokedBy, but no address of a caller either.
    if let Some(name) = [invoked_by, around.address].into_iter().flatten().find_map(named) {
        return Some(name);
    }
    if principal.id.ends_with(":role/aws:ec2-infrastructure") {
        return Some(Text::Borrowed("ec2"));
    }
    let by_console = invoked_by.is_some_and(|name| service_name(name).is_some_and(is_console));
    let internal =
        (invoked_by.is_some() && !by_console) || around.address.is_some_and(|text| is_internal(text));
    internal.then(|| Text::Borrowed(around.context_service.unwrap_or("aws-internal")))
}

#[cfg(test)]
mod tests;
