//! The members that are looked for by name in every record, and where each has its slot.

use super::fields::{Name, Read};
use crate::json::Value;

/// Declares the members of an object that are used, best in the order in which they are written, and their walk.
macro_rules! members {
    ($(#[$doc:meta])* struct $name:ident { $($slot:ident: $member:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name<'a> {
            $(pub(super) $slot: Value<'a>,)*
        }

        impl<'a> $name<'a> {
            const NAMES: &'static [Name] = &[$(Name::new($member)),*];
            const LEN: usize = [$($member),*].len();

            pub(super) fn read(object: Value<'a>) -> Read<$name<'a>> {
                let mut found = [Value::NULL; [$($member),*].len()];
                object.pick(Self::NAMES, &mut found)?;
                let [$($slot),*] = found;
                Ok($name { $($slot),* })
            }

            #[inline(always)]
            fn of(record: &'a str, places: &[Place]) -> Option<$name<'a>> {
                let [$($slot),*] = places.first_chunk::<{ [$($member),*].len() }>()?;
                Some($name { $($slot: $slot.value(record)),* })
            }

            fn slots(&self) -> [Value<'a>; [$($member),*].len()] {
                [$(self.$slot),*]
            }
        }
    };
}

members! {
    /// The members of a record, in the order in which CloudTrail writes them.
    struct TopLevel {
        version: "eventVersion",
        identity: "userIdentity",
        event_time: "eventTime",
        event_source: "eventSource",
        event_name: "eventName",
        region: "awsRegion",
        source_ip: "sourceIPAddress",
        user_agent: "userAgent",
        error_code: "errorCode",
        error_message: "errorMessage",
        request: "requestParameters",
        response: "responseElements",
        extra: "additionalEventData",
        request_id: "requestID",
        event_id: "eventID",
        resources: "resources",
        event_type: "eventType",
        recipient: "recipientAccountId",
        shared_id: "sharedEventID",
        details: "serviceEventDetails",
        vpc_endpoint: "vpcEndpointId",
        category: "eventCategory",
        addendum: "addendum",
        from_console: "sessionCredentialFromConsole",
        tls: "tlsDetails",
    }
}

members! {
    /// The members of `requestParameters` that are used for all operations.
    struct Request {
        key: "keyId",
        target: "targetKeyId",
        source: "sourceKeyId",
        destination: "destinationKeyId",
        alias: "aliasName",
        context: "encryptionContext",
        source_context: "sourceEncryptionContext",
        destination_context: "destinationEncryptionContext",
        dry_run: "dryRun",
    }
}

members! {
    /// Members of `userIdentity`.
    struct UserIdentity {
        kind: "type",
        principal_id: "principalId",
        arn: "arn",
        account: "accountId",
        access_key: "accessKeyId",
        user_name: "userName",
        session_context: "sessionContext",
        invoked_by: "invokedBy",
        on_behalf_of: "onBehalfOf",
        credential_id: "credentialId",
    }
}

members! {
    /// Members of `sessionContext`.
    struct SessionContext {
        issuer: "sessionIssuer",
        attributes: "attributes",
        source_identity: "sourceIdentity",
        delivery: "ec2RoleDelivery",
        assumed_root: "assumedRoot",
    }
}

members! {
    /// Members of `sessionIssuer`.
    struct SessionIssuer {
        principal_id: "principalId",
        arn: "arn",
        account: "accountId",
        user_name: "userName",
    }
}

members! {
    /// Members of `attributes`.
    struct Attributes {
        creation_date: "creationDate",
        mfa: "mfaAuthenticated",
    }
}

members! {
    /// Members of `onBehalfOf`.
    struct OnBehalfOf {
        person: "userId",
    }
}

members! {
    /// Members of `additionalEventData`.
    struct Additional {
        key_material: "keyMaterialId",
        source_key_material: "sourceKeyMaterialId",
        grant_id: "grantId",
        key_store_id: "customKeyStoreId",
        key_store_name: "customKeyStoreName",
        cluster: "clusterId",
        recipient: "recipient",
    }
}

/// Who called, as a record says.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) identity: UserIdentity<'a>,
    pub(super) session: SessionContext<'a>,
    pub(super) issuer: SessionIssuer<'a>,
    pub(super) attributes: Attributes<'a>,
    pub(super) on_behalf_of: OnBehalfOf<'a>,
}

impl<'a> Caller<'a> {
    pub(super) fn read(identity: Value<'a>) -> Read<Caller<'a>> {
        let identity = UserIdentity::read(identity)?;
        let session = SessionContext::read(identity.session_context)?;
        Ok(Caller {
            identity,
            session,
            issuer: SessionIssuer::read(session.issuer)?,
            attributes: Attributes::read(session.attributes)?,
            on_behalf_of: OnBehalfOf::read(identity.on_behalf_of)?,
        })
    }
}

/// All of these members of one record.
pub(super) struct Members<'a> {
    top: TopLevel<'a>,
    request: Request<'a>,
    caller: Caller<'a>,
    additional: Additional<'a>,
}

/// How many members are looked for in a record.
pub(super) const SLOTS: usize = TopLevel::LEN + Request::LEN + Additional::LEN + CALLER;

/// Those of them that tell who called.
const CALLER: usize =
    UserIdentity::LEN + SessionContext::LEN + SessionIssuer::LEN + Attributes::LEN + OnBehalfOf::LEN;

impl<'a> Members<'a> {
    /// Walks over a record.
    pub(super) fn read(record: Value<'a>) -> Read<Members<'a>> {
        let top = TopLevel::read(record)?;
        Ok(Members {
            top,
            request: Request::read(top.request)?,
            caller: Caller::read(top.identity)?,
            additional: Additional::read(top.extra)?,
        })
    }

    #[cfg(test)]
    pub(super) fn of(
        top: TopLevel<'a>,
        request: Request<'a>,
        caller: Caller<'a>,
        additional: Additional<'a>,
    ) -> Members<'a> {
        Members { top, request, caller, additional }
    }

    /// Whether KMS has written the record: of other services few are read.
    pub(super) fn is_of_kms(&self) -> bool {
        self.top.event_source.text().is_some_and(|source| source.starts_with("kms."))
    }

    /// The encryption contexts: what stands in them is the caller's choice.
    pub(super) fn contexts(&self) -> [Value<'a>; 3] {
        let Request { context, source_context, destination_context, .. } = self.request;
        [context, source_context, destination_context]
    }

    /// All members, in the order of their slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = Value<'a>> {
        let Caller { identity, session, issuer, attributes, on_behalf_of } = self.caller;
        let caller = identity.slots().into_iter().chain(session.slots()).chain(issuer.slots());
        let caller = caller.chain(attributes.slots()).chain(on_behalf_of.slots());
        let others = self.top.slots().into_iter().chain(self.request.slots()).chain(self.additional.slots());
        others.chain(caller)
    }
}

/// From where to where a value stands in its record, in bytes; nowhere, if it is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Place {
    /// The value that stands here in a record without escapes.
    #[inline(always)]
    fn value(self, record: &str) -> Value<'_> {
        match record.get(self.from as usize..self.to as usize) {
            None | Some("") => Value::NULL,
            Some(raw) if raw.starts_with('"') => Value::known_string(raw),
            Some(raw) => Value::known(raw),
        }
    }
}

/// Where the members of a record stand, each in its slot.
pub(super) type Places = [Place; SLOTS];

/// A record of which it is known where its members stand.
#[derive(Clone, Copy)]
pub(super) struct Known<'a, 'p> {
    pub(super) record: &'a str,
    pub(super) places: &'p Places,
    /// Of the encryption context, if it is the only one: [`super::context::of_plain_names`].
    pub(super) context: Option<u64>,
}

impl<'a, 'p> Known<'a, 'p> {
    #[inline(always)]
    fn behind(self, slots: usize) -> &'p [Place] {
        self.places.get(slots..).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn top(self) -> Option<TopLevel<'a>> {
        TopLevel::of(self.record, self.places)
    }

    #[inline(always)]
    pub(super) fn request(self) -> Option<Request<'a>> {
        Request::of(self.record, self.behind(TopLevel::LEN))
    }

    #[inline(always)]
    pub(super) fn additional(self) -> Option<Additional<'a>> {
        Additional::of(self.record, self.behind(TopLevel::LEN + Request::LEN))
    }

    pub(super) fn caller(self) -> Option<Caller<'a>> {
        let (identity, rest) = self.behind(SLOTS - CALLER).split_at_checked(UserIdentity::LEN)?;
        let (session, rest) = rest.split_at_checked(SessionContext::LEN)?;
        let (issuer, rest) = rest.split_at_checked(SessionIssuer::LEN)?;
        let (attributes, on_behalf_of) = rest.split_at_checked(Attributes::LEN)?;
        Some(Caller {
            identity: UserIdentity::of(self.record, identity)?,
            session: SessionContext::of(self.record, session)?,
            issuer: SessionIssuer::of(self.record, issuer)?,
            attributes: Attributes::of(self.record, attributes)?,
            on_behalf_of: OnBehalfOf::of(self.record, on_behalf_of)?,
        })
    }
}
