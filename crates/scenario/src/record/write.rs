//! A record as the text that CloudTrail writes, member by member in its order.

use super::json::push_escaped;
use super::{Caller, Record};
use crate::calendar::push_time;

/// Appends `record` as JSON to `out`. `scratch` is reused memory.
pub(crate) fn write_record(record: &Record, recipient: &str, out: &mut Vec<u8>, scratch: &mut String) {
    let caller: &Caller = &record.caller;
    out.extend(br#"{"eventVersion":""#);
    // Services move to a new version one by one.
    out.extend(version(record.source).as_bytes());
    out.extend(br#"","userIdentity":"#);
    out.extend(caller.identity.as_bytes());
    out.extend(br#","eventTime":""#);
    push_time(out, record.time);
    out.extend(br#"","eventSource":""#);
    out.extend(record.source.as_bytes());
    out.extend(br#".amazonaws.com","eventName":""#);
    out.extend(record.name.as_bytes());
    out.extend(br#"","awsRegion":""#);
    out.extend(record.region.as_bytes());
    out.push(b'"');
    text(out, scratch, "sourceIPAddress", &caller.address);
    text(out, scratch, "userAgent", &caller.agent);
    if let Some(failure) = &record.failure {
        text(out, scratch, "errorCode", failure.code);
        text(out, scratch, "errorMessage", &failure.message);
    }
    json(out, "requestParameters", record.request.as_deref().unwrap_or("null"));
    json(out, "responseElements", record.response.as_deref().unwrap_or("null"));
    if let Some(additional) = &record.additional {
        json(out, "additionalEventData", additional);
    }
    if record.service_event.is_none() {
        out.extend(br#","requestID":""#);
        if record.source == "s3" {
            push_short_id(out, record.request_id);
        } else {
            push_uuid(out, record.request_id);
        }
        out.push(b'"');
    }
    out.extend(br#","eventID":""#);
    push_uuid(out, record.event_id);
    out.push(b'"');
    json(out, "readOnly", if record.read_only { "true" } else { "false" });
    if !record.resources.is_empty() {
        out.extend(br#","resources":["#);
        for (n, resource) in record.resources.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            out.extend(br#"{"accountId":""#);
            out.extend(resource.account.as_bytes());
            out.extend(br#"","type":""#);
            out.extend(resource.kind.as_bytes());
            out.push(b'"');
            text(out, scratch, "ARN", &resource.arn);
            out.push(b'}');
        }
        out.push(b']');
    }
    let kind = if record.service_event.is_some() { "AwsServiceEvent" } else { "AwsApiCall" };
    out.extend(br#","eventType":""#);
    out.extend(kind.as_bytes());
    out.extend(br#"","managementEvent":true,"recipientAccountId":""#);
    out.extend(recipient.as_bytes());
    out.push(b'"');
    if let Some(details) = &record.service_event {
        json(out, "serviceEventDetails", details);
    }
    if let Some(shared) = record.shared_event_id {
        out.extend(br#","sharedEventID":""#);
        push_uuid(out, shared);
        out.push(b'"');
    }
    if let Some(endpoint) = &caller.endpoint
        && record.source == "kms"
    {
        text(out, scratch, "vpcEndpointId", endpoint);
        text(out, scratch, "vpcEndpointAccountId", &caller.account);
    }
    out.extend(br#","eventCategory":"Management""#);
    if caller.console {
        out.extend(br#","sessionCredentialFromConsole":"true""#);
    }
    if caller.direct {
        tls(out, record);
    }
    out.push(b'}');
}

fn version(source: &str) -> &'static str {
    match source {
        "kms" | "s3" | "sts" | "iam" | "cloudtrail" => "1.11",
        "ec2" | "dynamodb" => "1.10",
        _ => "1.09",
    }
}

fn tls(out: &mut Vec<u8>, record: &Record) {
    // Newer SDKs negotiate the post-quantum hybrid; one in three callers is still older.
    let modern = !record.caller.identity.len().is_multiple_of(3);
    out.extend(br#","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":""#);
    out.extend(record.source.as_bytes());
    if !matches!(record.source, "iam") {
        out.push(b'.');
        out.extend(record.region.as_bytes());
    }
    out.extend(br#".amazonaws.com","keyExchange":""#);
    out.extend(if modern { b"X25519MLKEM768".as_slice() } else { b"x25519".as_slice() });
    out.extend(br#""}"#);
}

fn text(out: &mut Vec<u8>, scratch: &mut String, name: &str, value: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend(name.as_bytes());
    out.extend(b"\":");
    scratch.clear();
    push_escaped(scratch, value);
    out.extend(scratch.as_bytes());
}

fn json(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend(b",\"");
    out.extend(name.as_bytes());
    out.extend(b"\":");
    out.extend(value.as_bytes());
}

/// A UUID of version 4 made of these bits.
pub(super) fn push_uuid(out: &mut Vec<u8>, bits: u128) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    for nibble in 0..32u32 {
        if matches!(nibble, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        let digit = (bits >> (124 - 4 * nibble)) & 0xf;
        out.push(HEX.get(digit as usize).copied().unwrap_or(b'0'));
    }
}

/// The sixteen capital letters and digits that S3 uses as a request id.
fn push_short_id(out: &mut Vec<u8>, bits: u128) {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for n in 0..16u32 {
        let digit = (bits >> (5 * n)) & 0x1f;
        out.push(DIGITS.get(digit as usize).copied().unwrap_or(b'0'));
    }
}
