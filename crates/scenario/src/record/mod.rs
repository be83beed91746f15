//! One CloudTrail record: what it holds before it is text.

pub(crate) mod json;
pub(crate) mod kms;
pub(crate) mod other;
mod write;

use crate::dice::Dice;
use std::borrow::Cow;
use std::sync::Arc;

pub(crate) use write::write_record;

/// Who calls, and from where: all that the calls of one session have in common, as finished text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// Stable id of the principal, in the form the truth uses.
    pub(crate) principal: Arc<str>,
    /// Account of the caller; empty for services.
    pub(crate) account: Arc<str>,
    /// The `userIdentity` object.
    pub(crate) identity: String,
    /// Unique id and session name, for the copy in another account.
    pub(crate) principal_id: String,
    /// `sourceIPAddress`.
    pub(crate) address: String,
    /// `userAgent`.
    pub(crate) agent: String,
    /// `vpcEndpointId` of the own VPC.
    pub(crate) endpoint: Option<String>,
    /// Whether the caller reaches the endpoint itself, so that `tlsDetails` is written.
    pub(crate) direct: bool,
    /// `sessionCredentialFromConsole`.
    pub(crate) console: bool,
}

/// An entry of `resources`.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) arn: Arc<str>,
    pub(crate) account: Arc<str>,
    pub(crate) kind: &'static str,
}

/// `errorCode` and `errorMessage`.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// A record, before it is delivered. Times are whole seconds, as CloudTrail writes them.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) time: i64,
    /// Index of the account that receives this copy.
    pub(crate) account: usize,
    pub(crate) region: Arc<str>,
    pub(crate) caller: Arc<Caller>,
    /// `kms`, `s3` and so on, without `.amazonaws.com`.
    pub(crate) source: &'static str,
    pub(crate) name: Cow<'static, str>,
    pub(crate) request: Option<String>,
    pub(crate) response: Option<String>,
    pub(crate) additional: Option<String>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) failure: Option<Failure>,
    pub(crate) read_only: bool,
    /// `serviceEventDetails`; makes it an `AwsServiceEvent`.
    pub(crate) service_event: Option<String>,
    pub(crate) event_id: u128,
    pub(crate) request_id: u128,
    pub(crate) shared_event_id: Option<u128>,
}

impl Record {
    /// A bare call.
    pub(crate) fn new(
        dice: &mut Dice,
        at: At<'_>,
        source: &'static str,
        name: impl Into<Cow<'static, str>>,
    ) -> Record {
        Record {
            time: at.time,
            account: at.account,
            region: at.region.clone(),
            caller: at.caller.clone(),
            source,
            name: name.into(),
            request: None,
            response: None,
            additional: None,
            resources: Vec::new(),
            failure: None,
            read_only: true,
            service_event: None,
            event_id: dice.wide(),
            request_id: dice.wide(),
            shared_event_id: None,
        }
    }

    /// Turns the call into a failed one: no response, no key material.
    pub(crate) fn failed(mut self, code: &'static str, message: impl Into<String>) -> Record {
        self.failure = Some(Failure { code, message: message.into() });
        self.response = None;
        self.additional = None;
        self
    }

    /// The event id as text: version 4 of RFC 9562.
    pub(crate) fn event_id(&self) -> String {
        uuid(self.event_id)
    }
}

/// Where and when a call is made, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) time: i64,
    pub(crate) account: usize,
    pub(crate) region: &'a Arc<str>,
    pub(crate) caller: &'a Arc<Caller>,
}

/// 128 bits as a UUID of version 4.
pub(crate) fn uuid(bits: u128) -> String {
    let mut out = Vec::with_capacity(36);
    write::push_uuid(&mut out, bits);
    String::from_utf8(out).unwrap_or_default()
}
