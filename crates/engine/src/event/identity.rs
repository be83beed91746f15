//! `userIdentity` → [`Principal`].
//!
//! The session never becomes part of the id: its name and keys are random. Roles are named by the issuer of
//! their session, else by the ARN of the session, which drops the path; so ids of roles never have a path.

use super::arn::Arn;
use super::fields::{Read, bounded, cut, fields, string};
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

/// Members of `userIdentity`.
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
    /// Derives the principal of a record from `userIdentity`.
    pub(super) fn read(identity: Value<'a>, around: &Around<'a, '_>) -> Read<Principal<'a>> {
        let [
            kind,
            principal_id,
            arn,
            account,
            access_key,
            user_name,
            session_context,
            invoked_by,
            on_behalf_of,
            credential_id,
        ] = fields(
            identity,
            [
                "type",
                "principalId",
                "arn",
                "accountId",
                "accessKeyId",
                "userName",
                "sessionContext",
                "invokedBy",
                "onBehalfOf",
                "credentialId",
            ],
        )?;
        let [issuer, attributes, source_identity, delivery, assumed_root] = fields(
            session_context,
            ["sessionIssuer", "attributes", "sourceIdentity", "ec2RoleDelivery", "assumedRoot"],
        )?;
        let [issuer_id, issuer_arn, issuer_account, issuer_name] =
            fields(issuer, ["principalId", "arn", "accountId", "userName"])?;
        let [mfa] = fields(attributes, ["mfaAuthenticated"])?;
        let [person] = fields(on_behalf_of, ["userId"])?;
        let invoked_by = string(invoked_by)?;
        let identity = Identity {
            kind: string(kind)?,
            principal_id: string(principal_id)?,
            arn: string(arn)?,
            account: string(account)?,
            user_name: string(user_name)?,
            issuer_id: string(issuer_id)?,
            issuer_arn: string(issuer_arn)?,
            issuer_account: string(issuer_account)?,
            issuer_name: string(issuer_name)?,
        };
        let person = string(person)?;
        let mut principal = if around.service_event || (identity.kind.is_none() && invoked_by.is_some()) {
            service_itself(invoked_by.as_ref(), around, internal_id(around.source))
        } else if assumed_root.bool() == Some(true) {
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
                    identity.identity_center_user(person.as_ref(), string(credential_id)?)
                }
                _ => identity.unknown(),
            }
        };
        principal.id = bounded(principal.id);
        principal.account = principal.account.or(identity.account);
        principal.access_key = string(access_key)?;
        principal.source_identity = string(source_identity)?;
        principal.mfa = mfa.bool();
        principal.console = around.console
            || invoked_by.as_ref().is_some_and(|name| service_name(name).is_some_and(is_console));
        principal.imds = string(delivery)?;
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
mod tests {
    use super::*;
    use crate::event::testing::{self, ACCOUNT, ROLE, RecordBuilder};
    use serde_json::json;

    /// Id, kind, session and generation of the principal.
    fn who(record: &RecordBuilder) -> (String, PrincipalKind, Option<String>, Option<String>) {
        record.event(|event| {
            let principal = event.principal.clone();
            (
                principal.id.into_owned(),
                principal.kind,
                principal.session.map(Text::into_owned),
                principal.generation.map(Text::into_owned),
            )
        })
    }

    fn decrypt_by(identity: serde_json::Value) -> RecordBuilder {
        testing::kms("Decrypt").set("userIdentity", identity)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_role_is_named_without_its_path_and_without_its_session() {
        let with_path = testing::kms("Decrypt").by_role(ACCOUNT, "apps/eu/payments-api", "i-1");
        let expected = (ROLE.into(), PrincipalKind::Role, some("i-1"), some("AROAPAYMENTS-API"));
        let (id, kind, session, _) = who(&with_path);
        assert_eq!((id, kind, session), (expected.0, expected.1, expected.2));
    }

    #[test]
    fn a_role_is_the_same_with_and_without_its_session_context() {
        let full = testing::kms("Decrypt").by_role(ACCOUNT, "apps/payments-api", "i-1");
        let without = full.clone().remove("userIdentity.sessionContext");
        let empty_issuer = full.clone().set("userIdentity.sessionContext.sessionIssuer", json!({}));
        let own_arn = full
            .clone()
            .remove("userIdentity.sessionContext")
            .set("userIdentity.arn", "arn:aws:iam::111122223333:role/apps/payments-api");
        let by_name =
            full.clone().remove("userIdentity.arn").remove("userIdentity.sessionContext.sessionIssuer.arn");
        for record in [&full, &without, &empty_issuer, &own_arn, &by_name] {
            let (id, kind, session, _) = who(record);
            assert_eq!((id.as_str(), kind, session.as_deref()), (ROLE, PrincipalKind::Role, Some("i-1")));
        }
    }

    #[test]
    fn a_role_that_was_made_again_has_another_generation() {
        let (_, _, _, old) = who(&testing::kms("Decrypt"));
        let again = testing::kms("Decrypt")
            .set("userIdentity.sessionContext.sessionIssuer.principalId", "AROAEXAMPLEROLEID0002");
        let (id, _, _, new) = who(&again);
        assert_eq!(
            (id.as_str(), old, new),
            (ROLE, some("AROAEXAMPLEROLEID0001"), some("AROAEXAMPLEROLEID0002"))
        );
    }

    #[test]
    fn type_role_is_read_like_an_assumed_role() {
        let record = testing::kms("Decrypt")
            .by_role(ACCOUNT, "aws-service-role/example.amazonaws.com/AWSServiceRoleForExample", "SLRSession")
            .set("userIdentity.type", "Role");
        let (id, kind, ..) = who(&record);
        assert_eq!(id, "arn:aws:iam::111122223333:role/AWSServiceRoleForExample");
        assert_eq!(kind, PrincipalKind::ServiceLinkedRole);
    }

    #[test]
    fn service_linked_roles_are_told_by_their_path_not_by_a_name_that_anyone_can_give() {
        let real = testing::kms("Decrypt").by_role(
            ACCOUNT,
            "aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS",
            "s",
        );
        assert_eq!(who(&real).1, PrincipalKind::ServiceLinkedRole);
        let fake = testing::kms("Decrypt").by_role(ACCOUNT, "AWSServiceRoleForRDS", "s");
        assert_eq!(who(&fake).1, PrincipalKind::Role);
        let no_issuer = real.remove("userIdentity.sessionContext");
        assert_eq!(who(&no_issuer).1, PrincipalKind::ServiceLinkedRole);
    }

    #[test]
    fn the_session_of_a_permission_set_is_a_person() {
        for path in [
            "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef",
            "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
        ] {
            let record = testing::kms("Decrypt").by_role(ACCOUNT, path, "zoë@example.com");
            record.event(|event| {
                let principal = &event.principal;
                assert_eq!(principal.kind, PrincipalKind::PermissionSet);
                assert_eq!(
                    principal.id,
                    "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef"
                );
                assert_eq!(principal.person.as_deref(), Some("zoë@example.com"));
            });
        }
        testing::kms("Decrypt").event(|event| assert_eq!(event.principal.person, None));
    }

    #[test]
    fn the_data_path_of_ebs_is_a_pseudo_role_and_a_call_by_ec2() {
        let record = decrypt_by(json!({
            "type": "AssumedRole",
            "principalId": "111122223333:aws:ec2-infrastructure:i-0abc",
            "arn": "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc",
            "accountId": "111122223333",
            "accessKeyId": "",
            "sessionContext": {"sessionIssuer": {
                "type": "Role",
                "principalId": "111122223333:aws:ec2-infrastructure",
                "arn": "arn:aws:iam::111122223333:role/aws:ec2-infrastructure",
                "accountId": "111122223333",
                "userName": "aws:ec2-infrastructure",
            }},
        }));
        let (id, kind, session, generation) = who(&record);
        assert_eq!(id, "arn:aws:iam::111122223333:role/aws:ec2-infrastructure");
        assert_eq!((kind, session, generation), (PrincipalKind::ServiceLinkedRole, some("i-0abc"), None));
        record.event(|event| {
            assert_eq!(event.principal.via_service.as_deref(), Some("ec2"));
            assert_eq!((event.caller.ip, event.principal.access_key.as_deref()), (None, None));
        });
    }

    #[test]
    fn a_user_is_its_arn_with_the_path() {
        let record = decrypt_by(json!({
            "type": "IAMUser", "principalId": "AIDAEXAMPLEUSERID0001", "accountId": ACCOUNT, "userName": "alice",
            "arn": "arn:aws:iam::111122223333:user/ops/alice", "accessKeyId": "AKIAEXAMPLE",
        }));
        let expected = "arn:aws:iam::111122223333:user/ops/alice";
        assert_eq!(who(&record), (expected.into(), PrincipalKind::User, None, some("AIDAEXAMPLEUSERID0001")));
        let no_arn = record.remove("userIdentity.arn");
        assert_eq!(who(&no_arn).0, "user:111122223333/alice");
        let only_id = no_arn.remove("userIdentity.userName");
        assert_eq!(who(&only_id).0, "AIDAEXAMPLEUSERID0001");
        assert_eq!(who(&decrypt_by(json!({"type": "IAMUser"}))).0, "unknown:IAMUser:");
    }

    #[test]
    fn a_user_through_a_service_stays_the_user() {
        let record = testing::kms("Decrypt")
            .by_user(ACCOUNT, "alice")
            .set(
                "userIdentity.sessionContext",
                json!({"sessionIssuer": {}, "webIdFederationData": {},
                "attributes": {"creationDate": "2026-05-04T10:00:00Z", "mfaAuthenticated": "false"}}),
            )
            .through("secretsmanager");
        record.event(|event| {
            assert_eq!(event.principal.id, "arn:aws:iam::111122223333:user/alice");
            assert_eq!(event.principal.via_service.as_deref(), Some("secretsmanager"));
            assert_eq!(event.principal.mfa, Some(false));
            assert_eq!((event.caller.ip, &event.caller.tls), (None, &None));
        });
    }

    #[test]
    fn root_is_root_and_so_is_an_assume_root_session() {
        let root = testing::kms("Decrypt").by_root(ACCOUNT);
        let (id, kind, ..) = who(&root);
        assert_eq!((id.as_str(), kind), ("arn:aws:iam::111122223333:root", PrincipalKind::Root));
        root.event(|event| assert_eq!(event.principal.mfa, Some(true)));
        for member in ["userIdentity.type", "userIdentity.arn"] {
            let assumed =
                root.clone().set("userIdentity.sessionContext.assumedRoot", "true").set(member, "x");
            assert_eq!(who(&assumed), who(&root), "{member}");
        }
        let china = root.set("userIdentity.arn", "arn:aws-cn:iam::111122223333:root");
        assert_eq!(who(&china).0, "arn:aws-cn:iam::111122223333:root");
    }

    #[test]
    fn a_federated_user_is_its_own_principal() {
        let record = decrypt_by(json!({
            "type": "FederatedUser", "principalId": "111122223333:bob", "accountId": ACCOUNT,
            "arn": "arn:aws:sts::111122223333:federated-user/bob",
        }));
        let (id, kind, ..) = who(&record);
        assert_eq!(
            (id.as_str(), kind),
            ("arn:aws:sts::111122223333:federated-user/bob", PrincipalKind::FederatedUser)
        );
    }

    #[test]
    fn a_caller_of_another_account_is_known_by_its_unique_id_only() {
        let record = decrypt_by(
            json!({"type": "AWSAccount", "principalId": "AROAFOREIGN01:session-name", "accountId": "444455556666"}),
        );
        let expected = "account:444455556666/AROAFOREIGN01";
        let kind = PrincipalKind::ForeignAccount;
        assert_eq!(who(&record), (expected.into(), kind, some("session-name"), some("AROAFOREIGN01")));
        record.event(|event| {
            assert_eq!(event.principal.account.as_deref(), Some("444455556666"));
            assert_eq!(event.account, ACCOUNT);
        });
    }

    #[test]
    fn a_service_is_known_by_its_name_in_every_region() {
        for (by, expected) in [
            ("cloudtrail.amazonaws.com", "service:cloudtrail"),
            ("dynamodb.us-west-2.amazonaws.com", "service:dynamodb"),
            ("logs.eu-west-1.amazonaws.com", "service:logs"),
            ("ops.apigateway.amazonaws.com", "service:ops.apigateway"),
            ("states.cn-north-1.amazonaws.com.cn", "service:states"),
            ("AWS Internal", "service:aws-internal"),
        ] {
            let record = decrypt_by(json!({"type": "AWSService", "invokedBy": by}))
                .set("sourceIPAddress", "AWS Internal")
                .remove("recipientAccountId");
            let (id, kind, ..) = who(&record);
            assert_eq!((id.as_str(), kind), (expected, PrincipalKind::AwsService), "{by}");
            record.event(|event| {
                assert_eq!(event.principal.account, None);
                assert_eq!(event.account, ACCOUNT, "the key's account, as there is no other");
                assert!(event.principal.via_service.is_some());
            });
        }
    }

    #[test]
    fn a_service_event_is_done_by_kms() {
        for name in ["RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey"] {
            let (id, kind, ..) = who(&testing::kms(name));
            assert_eq!((id.as_str(), kind), ("service:kms-internal", PrincipalKind::AwsService), "{name}");
        }
        let without_type = decrypt_by(json!({"accountId": ACCOUNT, "invokedBy": "kms.amazonaws.com"}));
        assert_eq!(who(&without_type).0, "service:kms");
    }

    #[test]
    fn an_internal_service_is_named_by_the_context_that_it_writes() {
        let record = decrypt_by(json!({"accountId": ACCOUNT, "invokedBy": "AWS Internal"}))
            .set("eventName", "GenerateDataKey")
            .set("sourceIPAddress", "AWS Internal")
            .set("requestParameters.encryptionContext", json!({"aws:cloudtrail:arn": "trail"}));
        assert_eq!(who(&record).0, "service:cloudtrail");
    }

    #[test]
    fn an_identity_center_user_is_a_person() {
        let record = decrypt_by(json!({
            "type": "IdentityCenterUser", "accountId": ACCOUNT, "credentialId": "EXAMPLE",
            "onBehalfOf": {"userId": "0a0b-1111", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"},
        }));
        let (id, kind, ..) = who(&record);
        assert_eq!((id.as_str(), kind), ("identity-center:0a0b-1111", PrincipalKind::IdentityCenterUser));
        record.event(|event| assert_eq!(event.principal.person.as_deref(), Some("0a0b-1111")));
        let role = testing::kms("Decrypt").set("userIdentity.onBehalfOf.userId", "0a0b-1111");
        role.event(|event| {
            assert_eq!(
                (event.principal.id.as_ref(), event.principal.person.as_deref()),
                (ROLE, Some("0a0b-1111"))
            );
        });
    }

    #[test]
    fn whoever_is_of_no_known_type_keeps_type_and_id() {
        for (identity, expected) in [
            (
                json!({"type": "SAMLUser", "principalId": "Zm9v=:bob@example.com"}),
                "unknown:SAMLUser:Zm9v=:bob@example.com",
            ),
            (json!({"type": "Unknown", "principalId": "Anonymous"}), "unknown:Unknown:Anonymous"),
            (
                json!({"type": "AssumedRole", "principalId": "AROAX:random-session"}),
                "unknown:AssumedRole:AROAX",
            ),
            (json!({"type": "...", "arn": "..."}), "unknown:...:"),
            (json!({}), "unknown::"),
            (json!(null), "unknown::"),
            (json!("text"), "unknown::"),
            (json!({"type": {"a": 1}, "principalId": 7, "invokedBy": []}), "unknown::"),
        ] {
            assert_eq!(who(&decrypt_by(identity)).0, expected);
        }
    }

    #[test]
    fn the_service_between_is_the_named_one_else_that_of_the_context() {
        let via = |invoked_by: Option<&str>, address: &str, context: serde_json::Value| {
            let mut record = testing::kms("Decrypt")
                .set("sourceIPAddress", address)
                .set("requestParameters.encryptionContext", context);
            if let Some(invoked_by) = invoked_by {
                record = record.set("userIdentity.invokedBy", invoked_by);
            }
            record.event(|event| event.principal.via_service.clone().map(Text::into_owned))
        };
        let parameter = json!({"PARAMETER_ARN": "arn:aws:ssm:eu-west-1:111122223333:parameter/p"});
        assert_eq!(
            via(Some("lambda.amazonaws.com"), "lambda.amazonaws.com", parameter.clone()),
            some("lambda")
        );
        assert_eq!(via(Some("AWS Internal"), "AWS Internal", parameter.clone()), some("ssm"));
        assert_eq!(via(Some("AWS Internal/3"), "AWS Internal/3", json!({})), some("aws-internal"));
        assert_eq!(via(None, "s3.amazonaws.com", json!({})), some("s3"));
        // What a direct caller writes into the context proves nothing.
        assert_eq!(via(None, "203.0.113.17", parameter), None);
    }

    #[test]
    fn a_person_at_the_console_calls_directly() {
        let record = testing::kms("DescribeKey")
            .by_user(ACCOUNT, "alice")
            .set("userIdentity.invokedBy", "signin.amazonaws.com");
        record.event(|event| {
            assert_eq!(event.principal.via_service, None);
            assert!(event.principal.console && event.caller.ip.is_some());
        });
        let newer = testing::kms("DescribeKey").set("sessionCredentialFromConsole", "true");
        newer.event(|event| assert!(event.principal.console));
    }

    #[test]
    fn attributes_of_the_session_are_kept() {
        let record = testing::kms("Decrypt")
            .set("userIdentity.sessionContext.sourceIdentity", "zoe")
            .set("userIdentity.sessionContext.attributes.mfaAuthenticated", "true");
        record.event(|event| {
            let principal = &event.principal;
            assert_eq!(principal.source_identity.as_deref(), Some("zoe"));
            assert_eq!((principal.mfa, principal.imds.as_deref()), (Some(true), Some("2.0")));
            assert_eq!(principal.access_key.as_deref(), Some("ASIAEXAMPLEKEY000001"));
        });
    }

    #[test]
    fn session_names_with_odd_characters_stay_whole() {
        for session in ["user=a@example.com", "a/b:c", "日本", "botocore-session-1777889742"] {
            let record = testing::kms("Decrypt").by_role(ACCOUNT, "payments-api", session);
            let (id, _, found, _) = who(&record);
            assert_eq!((id.as_str(), found.as_deref()), (ROLE, Some(session)));
        }
    }
}
