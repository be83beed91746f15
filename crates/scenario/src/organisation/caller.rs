//! Sessions and the `userIdentity` that CloudTrail writes for them.

use super::{Organisation, Principal, PrincipalKind};
use crate::calendar::rfc3339;
use crate::record::Caller;
use crate::record::json::Object;
use std::sync::Arc;

/// One session of a principal: credentials, place and tool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// Session name; not used for users and root.
    pub(crate) name: String,
    /// `ASIA...`, or `AKIA...` of a user.
    pub(crate) access_key: String,
    /// When the credentials were made.
    pub(crate) created: i64,
    pub(crate) mfa: bool,
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) console: bool,
    /// Version of the instance metadata service that gave the credentials.
    pub(crate) imds: Option<&'static str>,
    /// Identity Center user id.
    pub(crate) person: Option<String>,
}

/// Through which service a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Via {
    /// None: the caller calls KMS.
    Direct,
    /// The service, with its own name in the record.
    Service(&'static str),
    /// A service that the record only calls `AWS Internal`: S3, SSM.
    Internal,
}

impl Via {
    fn name(self) -> Option<String> {
        match self {
            Via::Direct => None,
            Via::Service(service) => Some(format!("{service}.amazonaws.com")),
            Via::Internal => Some("AWS Internal".to_owned()),
        }
    }
}

/// The caller of a session, directly or through a service.
pub(crate) fn caller(organisation: &Organisation, principal: usize, session: &Session, via: Via) -> Caller {
    let Some(principal) = organisation.principals.get(principal) else { return Caller::default() };
    let account: Arc<str> = principal
        .account
        .and_then(|account| organisation.accounts.get(account))
        .map(|account| account.id.clone())
        .unwrap_or_default();
    if principal.kind == PrincipalKind::AwsService {
        return service(principal);
    }
    let invoked_by = via.name();
    let identity = identity(organisation, principal, &account, session, invoked_by.as_deref());
    let principal_id = match principal.kind {
        PrincipalKind::Root | PrincipalKind::User => principal.unique_id.clone(),
        _ => format!("{}:{}", principal.unique_id, session.name),
    };
    Caller {
        principal: principal.id.clone(),
        account,
        identity,
        principal_id,
        address: invoked_by.clone().unwrap_or_else(|| session.address.clone()),
        agent: invoked_by.unwrap_or_else(|| session.agent.clone()),
        endpoint: if via == Via::Direct { session.endpoint.clone() } else { None },
        direct: via == Via::Direct && !session.address.contains("nternal"),
        console: session.console,
    }
}

/// A service that calls for itself.
fn service(principal: &Principal) -> Caller {
    let name = format!("{}.amazonaws.com", principal.name);
    Caller {
        principal: principal.id.clone(),
        identity: Object::new().text("type", "AWSService").text("invokedBy", &name).done(),
        address: name.clone(),
        agent: name,
        ..Caller::default()
    }
}

/// KMS itself, as the identity of its service events.
pub(crate) fn kms_itself(account: &Arc<str>) -> Caller {
    Caller {
        principal: "service:kms-internal".into(),
        account: account.clone(),
        identity: Object::new().text("accountId", account).text("invokedBy", "AWS Internal").done(),
        address: "AWS Internal".to_owned(),
        agent: "AWS Internal".to_owned(),
        ..Caller::default()
    }
}

/// The same caller as the owner of a resource in another account sees it.
pub(crate) fn from_outside(caller: &Caller) -> Caller {
    let unique_id = caller.principal_id.split(':').next().unwrap_or_default();
    Caller {
        principal: format!("account:{}/{unique_id}", caller.account).into(),
        identity: Object::new()
            .text("type", "AWSAccount")
            .text("principalId", &caller.principal_id)
            .text("accountId", &caller.account)
            .done(),
        // The endpoint belongs to the caller's VPC and is not shown to others.
        endpoint: None,
        console: false,
        ..caller.clone()
    }
}

fn identity(
    organisation: &Organisation,
    principal: &Principal,
    account: &Arc<str>,
    session: &Session,
    invoked_by: Option<&str>,
) -> String {
    let mfa = if session.mfa { "true" } else { "false" };
    let attributes =
        Object::new().text("creationDate", &rfc3339(session.created)).text("mfaAuthenticated", mfa).done();
    // A call through a service carries a key that was made for it.
    let access_key = match invoked_by {
        Some(by) => forwarded_key(organisation, session, by),
        None => session.access_key.clone(),
    };
    let temporary = access_key.starts_with("ASIA");
    let mut object = match principal.kind {
        PrincipalKind::Root | PrincipalKind::User => {
            let kind = if principal.kind == PrincipalKind::Root { "Root" } else { "IAMUser" };
            let mut object = Object::new()
                .text("type", kind)
                .text("principalId", &principal.unique_id)
                .text("arn", &principal.arn)
                .text("accountId", account)
                .text("accessKeyId", &access_key);
            if kind == "IAMUser" {
                object = object.text("userName", &principal.name);
            }
            if temporary {
                let context = Object::new().json("sessionIssuer", "{}").json("attributes", &attributes);
                object = object.json("sessionContext", &context.done());
            }
            object
        }
        _ => {
            let issuer = Object::new()
                .text("type", "Role")
                .text("principalId", &principal.unique_id)
                .text("arn", &principal.arn)
                .text("accountId", account)
                .text("userName", &principal.name)
                .done();
            let mut context = Object::new().json("sessionIssuer", &issuer).json("attributes", &attributes);
            if let Some(version) = session.imds {
                context = context.text("ec2RoleDelivery", version);
            }
            let mut object = Object::new()
                .text("type", "AssumedRole")
                .text("principalId", &format!("{}:{}", principal.unique_id, session.name))
                .text("arn", &session_arn(principal, account, session))
                .text("accountId", account);
            if !access_key.is_empty() {
                object = object.text("accessKeyId", &access_key);
            }
            object.json("sessionContext", &context.done())
        }
    };
    if let Some(person) = &session.person {
        let store =
            format!("arn:aws:identitystore:::identitystore/d-{}", organisation.id.trim_start_matches("o-"));
        let on_behalf = Object::new().text("userId", person).text("identityStoreArn", &store).done();
        object = object.json("onBehalfOf", &on_behalf);
    }
    if let Some(by) = invoked_by {
        object = object.text("invokedBy", by);
    }
    object.done()
}

/// The ARN of a role session: STS drops the path of the role.
pub(crate) fn session_arn(principal: &Principal, account: &str, session: &Session) -> String {
    format!("arn:aws:sts::{account}:assumed-role/{}/{}", principal.name, session.name)
}

fn forwarded_key(organisation: &Organisation, session: &Session, by: &str) -> String {
    access_key("ASIA", organisation.stable(&session.access_key, crate::dice::fnv(by)))
}

/// An access key id made of these bits.
pub(crate) fn access_key(prefix: &str, bits: u128) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let drawn: String = (0..16u32)
        .map(|n| char::from(LETTERS.get((bits >> (5 * n) & 31) as usize).copied().unwrap_or(b'A')))
        .collect();
    format!("{prefix}{drawn}")
}
