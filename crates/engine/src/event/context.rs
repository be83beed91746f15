//! The encryption context and the resource behind it.
//!
//! CloudTrail logs encryption contexts in clear. Their names are safe to show; their values are the customer's
//! data (tenants, file names), so they are reachable only for hashing, and never printed. The exception is the
//! [`Resource`] that an AWS service names in a context of its own.

use super::arn::Arn;
use super::fields::{Read, string};
use super::operation::Operation;
use crate::json::{Text, Value};
use std::fmt;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The encryption context of a call: names are shown, values never.
#[derive(Clone, Copy)]
pub struct EncryptionContext<'a> {
    /// `encryptionContext` as written, of ReEncrypt `sourceEncryptionContext`; null if there is none.
    pub raw: Value<'a>,
    /// `destinationEncryptionContext` of ReEncrypt; null otherwise.
    pub destination: Value<'a>,
    /// A hash of the names of `raw`, in any order: the same for the same names.
    pub names_hash: u64,
}

impl EncryptionContext<'static> {
    /// No context.
    pub(crate) const NONE: EncryptionContext<'static> =
        EncryptionContext { raw: Value::NULL, destination: Value::NULL, names_hash: 0 };

    /// A context of which nothing is known but that it has names of this hash.
    pub(crate) fn named(names_hash: u64) -> EncryptionContext<'static> {
        EncryptionContext { raw: Value::new(r#"{"":""}"#), names_hash, ..EncryptionContext::NONE }
    }
}

impl<'a> EncryptionContext<'a> {
    /// Whether the call had no context.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Names of the context, in the order of the record.
    pub fn names(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        self.raw.members().filter_map(Result::ok).map(|(name, _)| name)
    }

    /// Names and values, as JSON wrote them, for hashing only: values must never reach any output.
    pub fn pairs_for_hashing(&self) -> impl Iterator<Item = (Text<'a>, &'a str)> + use<'a> {
        self.raw.members().filter_map(Result::ok).map(|(name, value)| (name, value.raw()))
    }

    /// A hash of the whole context that does not depend on the order of its members; `None` if there is none.
    pub fn fingerprint(&self) -> Option<u64> {
        let pair = |(name, value): (Text<'a>, &'a str)| {
            xxh3_64_with_seed(value.as_bytes(), xxh3_64(name.as_bytes()))
        };
        self.pairs_for_hashing().map(pair).reduce(u64::wrapping_add)
    }
}

impl fmt::Debug for EncryptionContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Kind of resource that an encryption context names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A secret of Secrets Manager.
    Secret,
    /// A SecureString of SSM Parameter Store.
    Parameter,
    /// An S3 bucket (with S3 Bucket Keys).
    Bucket,
    /// An S3 object.
    Object,
    /// An EBS volume or snapshot.
    Volume,
    /// A Lambda function.
    Function,
    /// A DynamoDB table.
    Table,
    /// A trail of CloudTrail.
    Trail,
    /// An RDS database.
    Database,
    /// Another resource of an AWS service.
    Other,
}

impl ResourceKind {
    /// The kind of the resource `id`, which a name of this kind tells: S3 names objects and buckets alike.
    pub(super) fn of(self, id: &str) -> ResourceKind {
        match self {
            ResourceKind::Object if !Arn::parse(id).is_some_and(|arn| arn.resource.contains('/')) => {
                ResourceKind::Bucket
            }
            kind => kind,
        }
    }

    /// The word used in output.
    pub fn name(self) -> &'static str {
        match self {
            ResourceKind::Secret => "secret",
            ResourceKind::Parameter => "parameter",
            ResourceKind::Bucket => "bucket",
            ResourceKind::Object => "object",
            ResourceKind::Volume => "volume",
            ResourceKind::Function => "function",
            ResourceKind::Table => "table",
            ResourceKind::Trail => "trail",
            ResourceKind::Database => "database",
            ResourceKind::Other => "resource",
        }
    }
}

/// The resource behind an encryption context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// What it is.
    pub kind: ResourceKind,
    /// Its ARN, id or name.
    pub id: Text<'a>,
}

/// What an encryption context tells: a direct caller can send the same, so it counts for the service only
/// together with `invokedBy`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) resource: Option<Resource<'a>>,
    /// Service that writes such a context, without `.amazonaws.com`.
    pub(super) service: Option<&'static str>,
    /// A hash of the names, in any order.
    names_hash: u64,
}

/// What the context of a call tells of the resource and the service behind it.
pub(super) fn read<'a>(context: Value<'a>, operation: Operation) -> Read<Told<'a>> {
    let mut told = Told::default();
    let mut in_s3 = false;
    for member in context.members() {
        let (name, value) = member?;
        told.names_hash = told.names_hash.wrapping_add(xxh3_64(name.as_bytes()));
        let Some((kind, service)) = known_name(&name) else { continue };
        let Some(id) = string(value)? else { continue };
        in_s3 |= service == "s3";
        // CloudTrail names the log object beside the trail; the trail is what stays the same.
        if told.resource.as_ref().is_some_and(|resource| resource.kind == ResourceKind::Trail) {
            continue;
        }
        told.service = Some(service);
        told.resource = Some(Resource { kind: kind.of(&id), id });
    }
    if in_s3 && operation == Operation::Decrypt {
        // CloudTrail writes log objects, but who reads one does so through S3.
        told.service = Some("s3");
    }
    Ok(told)
}

/// What the value of a member of a context tells, if it is a string and not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// Nothing, whatever it is.
    Nothing,
    /// Nothing but that it is there.
    BeingThere,
    /// The resource; of what kind it is, its name and [`ResourceKind::of`] say.
    Resource(ResourceKind),
}

/// The values of a context, and what each of them tells in [`read`]: as long as those that tell something are strings
/// and not empty, that depends on the names alone. `None` if one of them is something else.
pub(super) fn values(context: Value<'_>) -> Option<Vec<(Value<'_>, Tells)>> {
    let mut values = Vec::new();
    let mut counts: Option<(usize, ResourceKind)> = None;
    for member in context.members() {
        let (name, value) = member.ok()?;
        let tells = match known_name(&name) {
            None => Tells::Nothing,
            Some((kind, _)) => {
                string(value).ok()??;
                if counts.is_none_or(|(_, kind)| kind != ResourceKind::Trail) {
                    counts = Some((values.len(), kind));
                }
                Tells::BeingThere
            }
        };
        values.push((value, tells));
    }
    if let Some((at, kind)) = counts
        && let Some((_, tells)) = values.get_mut(at)
    {
        *tells = Tells::Resource(kind);
    }
    Some(values)
}

/// The hash of the names of a context none of which tells anything of a resource or a service: all that there is to know
/// of it, whatever its values are. `None` for other contexts.
pub(super) fn of_plain_names(context: Value<'_>) -> Option<u64> {
    let mut hash = 0u64;
    for member in context.members() {
        let (name, _) = member.ok()?;
        if known_name(&name).is_some() {
            return None;
        }
        hash = hash.wrapping_add(xxh3_64(name.as_bytes()));
    }
    Some(hash)
}

/// The names by which services tell a resource, and the service (service guides; CloudTrail records).
fn known_name(name: &str) -> Option<(ResourceKind, &'static str)> {
    // Most contexts of applications have other names: one look at the first byte settles those.
    match name.as_bytes().first() {
        Some(b'a' | b'S' | b'P') => {}
        _ => return None,
    }
    Some(match name {
        "aws:s3:arn" => (ResourceKind::Object, "s3"),
        "SecretARN" => (ResourceKind::Secret, "secretsmanager"),
        "PARAMETER_ARN" => (ResourceKind::Parameter, "ssm"),
        "aws:ebs:id" => (ResourceKind::Volume, "ec2"),
        "aws:rds:db-id" | "aws:rds:dbc-id" => (ResourceKind::Database, "rds"),
        "aws:dynamodb:tableName" => (ResourceKind::Table, "dynamodb"),
        "aws:lambda:FunctionArn" => (ResourceKind::Function, "lambda"),
        "aws:cloudtrail:arn" => (ResourceKind::Trail, "cloudtrail"),
        "aws:redshift:arn" => (ResourceKind::Other, "redshift"),
        "aws:ecr:arn" => (ResourceKind::Other, "ecr"),
        "aws:acm:arn" => (ResourceKind::Other, "acm"),
        "aws:ecs:clusterName" => (ResourceKind::Other, "ecs"),
        "aws:dsql:ClusterId" => (ResourceKind::Other, "dsql"),
        "aws:appconfig:deployment:arn" => (ResourceKind::Other, "appconfig"),
        "aws:logs:arn" => (ResourceKind::Other, "logs"),
        "aws:sqs:arn" => (ResourceKind::Other, "sqs"),
        "aws:sns:topicArn" => (ResourceKind::Other, "sns"),
        "aws:kinesis:arn" => (ResourceKind::Other, "kinesis"),
        _ if name.starts_with("aws:logs:") => (ResourceKind::Other, "logs"),
        _ => return None,
    })
}

/// The context and what it tells; for ReEncrypt of the source, else of the destination. `names` is
/// [`of_plain_names`] where that is known of `plain` and there is no other.
pub(super) fn of_call<'a>(
    operation: Operation,
    [plain, source, destination]: [Value<'a>; 3],
    names: Option<u64>,
) -> Read<(EncryptionContext<'a>, Told<'a>)> {
    let raw = if plain.is_empty() { source } else { plain };
    if let Some(names_hash) = names {
        return Ok((EncryptionContext { raw, destination, names_hash }, Told::default()));
    }
    let told = read(raw, operation)?;
    let context = EncryptionContext { raw, destination, names_hash: told.names_hash };
    let told = if told.resource.is_none() { read(destination, operation)? } else { told };
    Ok((context, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> (ResourceKind, String, &'static str) {
        let told = read(Value::new(json), Operation::GenerateDataKey).unwrap();
        let resource = told.resource.unwrap();
        (resource.kind, resource.id.into_owned(), told.service.unwrap())
    }

    #[test]
    fn an_s3_context_is_an_object_or_with_bucket_keys_a_bucket() {
        assert_eq!(
            told(r#"{"aws:s3:arn":"arn:aws:s3:::invoices/2026/05/a.pdf"}"#),
            (ResourceKind::Object, "arn:aws:s3:::invoices/2026/05/a.pdf".into(), "s3")
        );
        assert_eq!(told(r#"{"aws:s3:arn":"arn:aws:s3:::invoices"}"#).0, ResourceKind::Bucket);
    }

    #[test]
    fn a_trail_counts_before_its_log_object_in_either_order() {
        for json in [
            r#"{"aws:cloudtrail:arn":"trail","aws:s3:arn":"arn:aws:s3:::logs/a"}"#,
            r#"{"aws:s3:arn":"arn:aws:s3:::logs/a","aws:cloudtrail:arn":"trail"}"#,
        ] {
            assert_eq!(told(json), (ResourceKind::Trail, "trail".into(), "cloudtrail"));
            let by_reader = read(Value::new(json), Operation::Decrypt).unwrap();
            assert_eq!(by_reader.service, Some("s3"), "log objects are read through S3");
        }
    }

    #[test]
    fn each_service_names_its_resource_in_its_own_way() {
        for (name, kind, service) in [
            ("SecretARN", ResourceKind::Secret, "secretsmanager"),
            ("PARAMETER_ARN", ResourceKind::Parameter, "ssm"),
            ("aws:ebs:id", ResourceKind::Volume, "ec2"),
            ("aws:rds:db-id", ResourceKind::Database, "rds"),
            ("aws:dynamodb:tableName", ResourceKind::Table, "dynamodb"),
            ("aws:lambda:FunctionArn", ResourceKind::Function, "lambda"),
            ("aws:redshift:arn", ResourceKind::Other, "redshift"),
            ("aws:logs:eu-west-1:111122223333:log-group", ResourceKind::Other, "logs"),
        ] {
            let json = format!(r#"{{"SecretVersionId":"v1","{name}":"x"}}"#);
            assert_eq!(told(&json), (kind, "x".into(), service), "{name}");
        }
    }

    #[test]
    fn a_context_of_an_application_tells_no_resource() {
        for json in
            [r#"{"tenant":"t-1","aws":"x","Secret":"y"}"#, r#"{"aws:s3:arn":7}"#, "null", "[]", "\"x\""]
        {
            let told = read(Value::new(json), Operation::Decrypt).unwrap();
            assert_eq!((told.resource, told.service), (None, None), "{json}");
        }
    }

    #[test]
    fn the_hash_of_the_names_knows_neither_order_nor_values() {
        let of = |json| {
            let raw = Value::new(json);
            of_call(Operation::Decrypt, [raw, Value::NULL, Value::NULL], None).unwrap().0.names_hash
        };
        assert_eq!(of(r#"{"a":"1","b":"2"}"#), of(r#"{"b":"1","a":7}"#));
        assert_ne!(of(r#"{"a":"1"}"#), of(r#"{"b":"1"}"#));
        assert_ne!(of(r#"{"a":"1"}"#), of(r#"{"a":"1","b":"1"}"#));
        assert_eq!(of("{}"), 0);
        let source = Value::new(r#"{"a":"1"}"#);
        let other = Value::new(r#"{"b":"1"}"#);
        let both = of_call(Operation::ReEncrypt, [Value::NULL, source, other], None).unwrap().0;
        assert_eq!(both.names_hash, of(r#"{"a":"2"}"#), "of a re-encryption it is the source's");
    }

    #[test]
    fn debug_output_shows_names_but_no_value() {
        let context = EncryptionContext {
            raw: Value::new(r#"{"tenant":"very-secret-value"}"#),
            destination: Value::new(r#"{"x":"very-secret-value"}"#),
            names_hash: 0,
        };
        let shown = format!("{context:?}");
        assert!(shown.contains("tenant") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn the_fingerprint_does_not_depend_on_order_and_tells_names_from_values() {
        let of = |json| EncryptionContext { raw: Value::new(json), ..EncryptionContext::NONE }.fingerprint();
        assert_eq!(of(r#"{"a":"1","b":"2"}"#), of(r#"{"b":"2","a":"1"}"#));
        assert_ne!(of(r#"{"a":"1","b":"2"}"#), of(r#"{"a":"2","b":"1"}"#));
        assert_ne!(of(r#"{"a":"b"}"#), of(r#"{"b":"a"}"#));
        assert_eq!(of("{}"), None);
    }
}
