//! Record → Event.

use super::extra::Extra;
use super::fields::{Read, bounded, fields, string};
use super::identity::Around;
use super::key::{Clues, RequestedKeys};
use super::members::{Known, Place, Request, SLOTS, TopLevel};
use super::network::Origin;
use super::operation::KeyPlace;
use super::params::{Params, Sources};
use super::repeats::{self, Parts, Repeats};
use super::service::service_name;
use super::{Event, Form, Operation, Outcome, Source, context, infrastructure};
use crate::json::{Kind, Malformed, Text, Value};
use crate::time::Timestamp;
use crate::trail::Record;
use sha2::{Digest, Sha256};

/// What became of a record.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "made and looked at once: allocating costs more than moving")]
pub enum Normalized<'a> {
    /// An event that detectors look at.
    Event(Event<'a>),
    /// Left out on purpose, counted by reason.
    Skip(SkipReason),
    /// Could not be read: names the field and what is wrong with it.
    Problem(String),
}

/// Why a record is left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Of a service or an operation that no detector looks at.
    NotWatched,
    /// The same event stood in the input before.
    Duplicate,
    /// Copy of a call as the owner of a VPC endpoint sees it; the call itself is in the trail.
    NetworkActivity,
    /// An anomaly summary of CloudTrail Insights.
    Insight,
    /// Left out by `--since`, `--until`, `--account` or `--region`.
    Filtered,
    /// A record version whose major number this version does not know.
    UnknownVersion,
}

/// Operations of CloudTrail that decide what is logged, and who may change that.
const LOG_CHANGES: [&str; 25] = [
    "StopLogging",
    "StartLogging",
    "CreateTrail",
    "UpdateTrail",
    "DeleteTrail",
    "PutEventSelectors",
    "PutInsightSelectors",
    "PutEventConfiguration",
    "AddTags",
    "RemoveTags",
    "CreateEventDataStore",
    "UpdateEventDataStore",
    "DeleteEventDataStore",
    "RestoreEventDataStore",
    "StopEventDataStoreIngestion",
    "StartEventDataStoreIngestion",
    "DisableFederation",
    "CreateChannel",
    "UpdateChannel",
    "DeleteChannel",
    "RegisterOrganizationDelegatedAdmin",
    "DeregisterOrganizationDelegatedAdmin",
    "PutResourcePolicy",
    "DeleteResourcePolicy",
    "StopImport",
];

/// Reads a record into an Event.
///
/// Total: any text gives an Event, a Skip or a Problem. What is missing, null, empty or of an odd type is taken
/// as missing; only what no event can do without (its time, its name, its source) makes a Problem.
pub fn normalize<'a>(record: &Record<'a>) -> Normalized<'a> {
    normalized(read(record, Parts::default(), None))
}

/// [`normalize()`], quicker for one record after the other: parts that were met before are not read again, and the
/// Event stays where it was made. The result is the same, whatever was met.
pub fn normalize_with<'a>(record: &Record<'a>, repeats: &'a mut Repeats) -> Result<Event<'a>, Left> {
    let (shapes, parts) = repeats.shapes_and_parts();
    let mut places = [Place::default(); SLOTS];
    let known = shapes.place(record.text, &mut places);
    read(record, parts, known)
}

fn normalized(read: Result<Event<'_>, Left>) -> Normalized<'_> {
    match read {
        Ok(event) => Normalized::Event(event),
        Err(Left::Skip(reason)) => Normalized::Skip(reason),
        Err(Left::Problem(problem)) => Normalized::Problem(problem),
    }
}

/// Why a record became no event.
#[derive(Debug)]
pub enum Left {
    /// Left out on purpose.
    Skip(SkipReason),
    /// Could not be read: names the field and what is wrong with it.
    Problem(String),
}

/// What was read, or a problem that names the part of the record in which malformed JSON was found.
///
/// No function: parts are large, and each result of another type that they go through is a copy.
macro_rules! within {
    ($field:expr, $read:expr) => {
        match $read {
            Ok(part) => part,
            Err(Malformed { .. }) => return Err(Left::Problem(format!("malformed JSON in {}", $field))),
        }
    };
}

pub(super) fn read<'a>(
    record: &Record<'a>,
    known: Parts<'a>,
    places: Option<Known<'a, '_>>,
) -> Result<Event<'a>, Left> {
    let whole = Value::new(record.text);
    let top = match places.and_then(Known::top) {
        Some(top) => Ok(top),
        None if whole.kind() == Kind::Object => TopLevel::read(whole),
        None => Err(Malformed { at: 0 }),
    };
    let top = top.map_err(|Malformed { at }| {
        Left::Problem(format!(
            "malformed JSON at byte {at} of the record: read the object again from its source"
        ))
    })?;
    let name = top.event_name.text().filter(|name| !name.is_empty()).map(bounded);
    let source = top.source(name.as_deref())?;
    let name = name.ok_or_else(|| problem("eventName", top.event_name, "is not a name"))?;
    let time = top
        .event_time
        .text()
        .and_then(|text| Timestamp::parse(&text))
        .ok_or_else(|| problem("eventTime", top.event_time, "is not a time"))?;
    let operation = match source {
        Source::Kms => Operation::from_name(&name),
        Source::CloudTrail | Source::Infrastructure(_) => Operation::Other,
    };
    let service_event = top.event_type.text().as_deref() == Some("AwsServiceEvent");

    let request = match places.and_then(Known::request) {
        Some(request) => request,
        None => within!("requestParameters", Request::read(top.request)),
    };
    let names = places.and_then(|known| known.context);
    let contexts = [request.context, request.source_context, request.destination_context];
    let (context, told) = within!("encryptionContext", context::of_call(operation, contexts, names));
    let address = within!("sourceIPAddress", string(top.source_ip));
    let around = Around {
        service_event,
        source: source.service(),
        address: address.as_ref(),
        context_service: told.service,
        console: top.from_console.bool() == Some(true),
    };
    let identity = (top.identity, places);
    let principal = within!("userIdentity", repeats::principal(known.principals, identity, &around));
    let origin = "userAgent, vpcEndpointId or tlsDetails";
    let user_agent = within!(origin, string(top.user_agent));
    let tls = within!(origin, repeats::tls(known.tls, top.tls));
    let caller = Origin {
        address,
        vpc_endpoint: top.vpc_endpoint,
        agent_family: user_agent.as_ref().and_then(|agent| repeats::agent_family(known.families, agent)),
        user_agent,
        tls,
        by_service: principal.through_service(),
    };
    let caller = within!(origin, caller.caller());
    let error = "errorCode or errorMessage";
    let outcome = within!(error, Outcome::read(top.error_code, top.error_message));

    let region = within!("awsRegion", string(top.region)).unwrap_or_default();
    let recipient = within!("recipientAccountId", string(top.recipient));
    let log_account = recipient.or_else(|| principal.account.clone());
    let place_of_keys = "resources, responseElements or requestParameters";
    let names_keys = source == Source::Kms && operation.info().key_place != KeyPlace::None;
    let listed = match names_keys {
        true => within!(place_of_keys, repeats::listed(known.lists, top.resources)),
        false => Default::default(),
    };
    let keys = Clues {
        operation,
        request: request.keys(),
        response: top.response,
        details: top.details,
        message: outcome.error.as_ref().and_then(|error| error.message.as_ref()),
        // A bare name means the caller's own account; services that call for themselves have none.
        account: principal.account.as_deref().or(log_account.as_deref()).unwrap_or_default(),
        region: &region,
        principal: &principal.id,
    };
    let keys = match source {
        Source::Kms => within!(place_of_keys, keys.keys(listed)),
        Source::CloudTrail | Source::Infrastructure(_) => Default::default(),
    };
    let extra = within!("additionalEventData", Extra::read(top.extra, places.and_then(Known::additional)));
    let sources =
        Sources { request: top.request, response: top.response, details: top.details, extra: &extra };
    let place_of_params = "requestParameters, responseElements or serviceEventDetails";
    let params = within!(place_of_params, Params::read(operation, sources));
    let account =
        log_account.or_else(|| keys.key.as_ref().and_then(|key| key.account.clone())).unwrap_or_default();
    Ok(Event {
        id: match within!("eventID", string(top.event_id)) {
            Some(id) => bounded(id),
            None => Text::Owned(hash_id(record.text)),
        },
        shared_id: within!("sharedEventID", string(top.shared_id)).map(bounded),
        corrects: within!("addendum", corrected(top.addendum)),
        time,
        source,
        form: if service_event || operation.is_service_event() { Form::ServiceEvent } else { Form::ApiCall },
        operation,
        name,
        account,
        dry_run: request.dry_run.bool() == Some(true) || outcome.class() == Some(super::ErrorClass::DryRun),
        region,
        principal,
        key: keys.key,
        destination_key: keys.destination,
        alias: keys.alias,
        outcome,
        context,
        resource: told.resource,
        caller,
        attestation: extra.attestation,
        key_material: extra.key_material,
        params,
        request: top.request,
        response: top.response,
    })
}

impl<'a> Request<'a> {
    fn keys(&self) -> RequestedKeys<'a> {
        RequestedKeys {
            key: self.key,
            target: self.target,
            source: self.source,
            destination: self.destination,
            alias: self.alias,
        }
    }
}

impl TopLevel<'_> {
    /// Which service wrote the record, if its events are watched.
    fn source(&self, name: Option<&str>) -> Result<Source, Left> {
        let source = self.event_source.text().unwrap_or_default();
        let category = self.category.text().unwrap_or_default();
        let event_type = self.event_type.text().unwrap_or_default();
        if category == "Insight" || event_type == "AwsCloudTrailInsight" {
            return Err(Left::Skip(SkipReason::Insight));
        }
        let source = match source.as_ref() {
            "kms.amazonaws.com" | "kms.amazonaws.com.cn" => Some(Source::Kms),
            "cloudtrail.amazonaws.com" | "cloudtrail.amazonaws.com.cn"
                if name.is_none_or(|name| LOG_CHANGES.contains(&name)) =>
            {
                Some(Source::CloudTrail)
            }
            "" => None,
            other => {
                let change = service_name(other)
                    .zip(name)
                    .and_then(|(service, name)| infrastructure::find(service, name));
                Some(Source::Infrastructure(change.ok_or(Left::Skip(SkipReason::NotWatched))?))
            }
        };
        if category == "NetworkActivity" || event_type.starts_with("AwsVpceEvent") {
            return Err(Left::Skip(SkipReason::NetworkActivity));
        }
        if !is_known_version(self.version) {
            return Err(Left::Skip(SkipReason::UnknownVersion));
        }
        source.ok_or_else(|| problem("eventSource", self.event_source, "is not a service"))
    }
}

/// Major version 1, of any minor: those only add fields. Very old exports have no version.
fn is_known_version(version: Value<'_>) -> bool {
    let text = match version.kind() {
        Kind::Number => Text::Borrowed(version.raw()),
        _ => version.text().unwrap_or_default(),
    };
    text.is_empty()
        || text.starts_with("1.")
        || text.split('.').next().and_then(|major| major.parse().ok()) == Some(1u32)
}

/// The event that a late record replaces.
fn corrected(addendum: Value<'_>) -> Read<Option<Text<'_>>> {
    if addendum.kind() != Kind::Object {
        return Ok(None);
    }
    let [reason, original] = fields(addendum, ["reason", "originalEventID"])?;
    if reason.text().as_deref() == Some("UPDATED_DATA") {
        Ok(string(original)?.map(bounded))
    } else {
        Ok(None)
    }
}

/// A stand-in for a missing `eventID`: the same text gives the same id.
fn hash_id(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut id = String::from("hash:");
    for byte in digest.iter().take(16) {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}

/// Longest piece of a record that a problem quotes, in characters.
const LONGEST_QUOTE: usize = 60;

fn problem(field: &str, value: Value<'_>, fault: &str) -> Left {
    if value.is_empty() {
        return Left::Problem(format!("{field} is missing"));
    }
    let mut quote: String = value.raw().chars().take(LONGEST_QUOTE).flat_map(char::escape_debug).collect();
    if value.raw().chars().nth(LONGEST_QUOTE).is_some() {
        quote.push_str("...");
    }
    Left::Problem(format!("{field} {fault}: {quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, ACCOUNT, KEY, OTHER_KEY, ROLE};
    use crate::event::{ErrorClass, PrincipalKind};

    #[test]
    fn a_modern_record_is_read_in_full() {
        let record = testing::kms("Decrypt")
            .set("requestParameters.encryptionContext.tenant", "t-4711")
            .set("additionalEventData.keyMaterialId", "a1")
            .set("vpcEndpointId", "vpce-0123456789abcdef0")
            .id("0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f");
        record.event(|event| {
            assert_eq!(event.id, "0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f");
            assert_eq!(event.time.to_string(), "2026-05-04T10:15:42Z");
            assert_eq!((event.source, event.form), (Source::Kms, Form::ApiCall));
            assert_eq!((event.operation, event.name.as_ref()), (Operation::Decrypt, "Decrypt"));
            assert_eq!((event.account.as_ref(), event.region.as_ref()), (ACCOUNT, "eu-west-1"));
            assert_eq!((event.principal.id.as_ref(), event.principal.kind), (ROLE, PrincipalKind::Role));
            assert_eq!(event.key.as_ref().unwrap().arn, KEY);
            assert!(event.succeeded() && event.outcome.error.is_none());
            assert_eq!(event.context.names().collect::<Vec<_>>(), ["tenant"]);
            assert_eq!(event.caller.ip, Some("203.0.113.17".parse().unwrap()));
            assert_eq!(event.caller.agent_family.as_deref(), Some("aws-sdk-rust/1"));
            assert_eq!(event.caller.vpc_endpoint.as_deref(), Some("vpce-0123456789abcdef0"));
            assert_eq!(event.key_material.as_deref(), Some("a1"));
            assert!(matches!(event.params, Params::None));
        });
    }

    #[test]
    fn every_operation_becomes_an_event() {
        for operation in Operation::ALL {
            testing::kms(operation.name()).event(|event| {
                assert_eq!(event.operation, *operation);
                let keyless = operation.info().key_place == crate::event::operation::KeyPlace::None;
                assert_eq!(event.key.is_none(), keyless, "{operation:?}");
            });
        }
        testing::kms("ReEncrypt").event(|event| {
            assert_eq!(event.key.as_ref().unwrap().arn, KEY);
            assert_eq!(event.destination_key.as_ref().unwrap().arn, OTHER_KEY);
        });
    }

    #[test]
    fn a_denied_call_keeps_its_key() {
        testing::kms("Decrypt").denied().remove("resources").event(|event| {
            assert_eq!(event.outcome.class(), Some(ErrorClass::Denied));
            assert_eq!(event.key.as_ref().unwrap().arn, KEY);
        });
    }

    #[test]
    fn the_busy_operations_borrow_everything_from_the_record() {
        fn borrowed(text: &Text<'_>) -> bool {
            matches!(text, Text::Borrowed(_))
        }
        for name in ["Decrypt", "GenerateDataKey", "Encrypt"] {
            let direct = testing::kms(name).set("requestParameters.encryptionContext.tenant", "t");
            let secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db";
            let context = serde_json::json!({"SecretARN": secret});
            let forwarded = direct
                .clone()
                .by_user(ACCOUNT, "alice")
                .through("secretsmanager")
                .set("requestParameters.encryptionContext", context);
            let own = direct.clone().by_service("cloudtrail");
            for builder in [direct, forwarded, own] {
                builder.event(|event| {
                    let (principal, caller) = (&event.principal, &event.caller);
                    let key = event.key.as_ref().unwrap();
                    let optional = [
                        &principal.account,
                        &principal.session,
                        &principal.generation,
                        &principal.access_key,
                        &principal.via_service,
                        &caller.address,
                        &caller.user_agent,
                        &caller.agent_family,
                        &key.account,
                        &key.region,
                    ];
                    assert!(
                        [&event.id, &event.name, &event.account, &event.region].into_iter().all(borrowed)
                    );
                    assert!([&principal.id, &key.arn, &key.id].into_iter().all(borrowed), "{event:?}");
                    assert!(optional.into_iter().flatten().all(borrowed), "{event:?}");
                    assert!(event.resource.iter().all(|resource| borrowed(&resource.id)));
                });
            }
        }
    }
}
