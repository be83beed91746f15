//! What kmswatch makes of a record, as fields for rules.

use kmswatch_engine::event::Event;
use kmswatch_engine::event::operation::Category;
use serde_json::{Map, Value};

/// A field that rules can name.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in a rule.
    pub name: &'static str,
    /// What it holds.
    pub what: &'static str,
    value: fn(&Event<'_>) -> Value,
}

const fn field(name: &'static str, what: &'static str, value: fn(&Event<'_>) -> Value) -> Field {
    Field { name, what, value }
}

/// All fields. What a record does not tell is `null`.
pub const ALL: &[Field] = &[
    field("kmswatch.operation", "operation of KMS, or the call of another service", |e| text(Some(&e.name))),
    field("kmswatch.category", "`cryptographic`, `reading` or `changing`", |e| {
        Value::from(match e.operation.info().category {
            Category::Cryptographic => "cryptographic",
            Category::Discovery => "reading",
            _ => "changing",
        })
    }),
    field("kmswatch.outcome", "`succeeded`, `dry_run`, `denied`, or `failed` for another reason", |e| {
        Value::from(if e.denied() {
            "denied"
        } else if e.dry_run {
            "dry_run"
        } else if e.succeeded() {
            "succeeded"
        } else {
            "failed"
        })
    }),
    field(
        "kmswatch.principal",
        "stable id of who called, never a session: ARN of a role, user or root, `service:NAME`",
        |e| text(Some(&e.principal.id)),
    ),
    field(
        "kmswatch.principal_kind",
        "`role`, `user`, `root`, `permission_set`, `aws_service`, `foreign_account` and so on",
        |e| Value::from(e.principal.kind.name()),
    ),
    field("kmswatch.principal_account", "account of who called", |e| opt(e.principal.account.as_deref())),
    field("kmswatch.session", "name of the role session", |e| opt(e.principal.session.as_deref())),
    field("kmswatch.person", "human behind a session, where the record tells", |e| {
        opt(e.principal.person.as_deref())
    }),
    field(
        "kmswatch.via_service",
        "service through which the call was made, such as `s3`; `null` for a direct call",
        |e| opt(e.principal.via_service.as_deref()),
    ),
    field("kmswatch.console", "whether it was done with the credentials of a console session", |e| {
        Value::from(e.principal.console)
    }),
    field("kmswatch.account", "account in whose log it stands", |e| text(Some(&e.account))),
    field("kmswatch.region", "Region of the call", |e| text(Some(&e.region))),
    field("kmswatch.key", "ARN of the key; of ReEncrypt the source's", |e| {
        opt(e.key.as_ref().map(|key| key.arn.as_ref()))
    }),
    field("kmswatch.key_account", "account that owns the key", |e| {
        opt(e.key.as_ref().and_then(|key| key.account.as_deref()))
    }),
    field(
        "kmswatch.key_is_foreign",
        "whether the key belongs to another account than the one in whose log it stands",
        |e| {
            let account = e.key.as_ref().and_then(|key| key.account.as_deref());
            Value::from(account.is_some_and(|account| account != e.account.as_ref()))
        },
    ),
    field("kmswatch.destination_key", "ARN of the destination key of ReEncrypt", |e| {
        opt(e.destination_key.as_ref().map(|key| key.arn.as_ref()))
    }),
    field("kmswatch.alias", "alias that the call names", |e| opt(e.alias.as_deref())),
    field("kmswatch.has_context", "whether the call has an encryption context", |e| {
        Value::from(!e.context.is_empty())
    }),
    field(
        "kmswatch.resource_kind",
        "kind of resource behind the key: `secret`, `object`, `volume` and so on",
        |e| e.resource.as_ref().map_or(Value::Null, |resource| Value::from(resource.kind.name())),
    ),
    field("kmswatch.agent", "family of the user agent, such as `aws-cli/2` or `Terraform/1`", |e| {
        opt(e.caller.agent_family.as_deref())
    }),
    field("kmswatch.vpc_endpoint", "VPC endpoint of the caller's own", |e| {
        opt(e.caller.vpc_endpoint.as_deref())
    }),
    field("kmswatch.attested", "whether the call carried the attestation of an enclave or NitroTPM", |e| {
        Value::from(e.attestation.is_some())
    }),
];

fn opt(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from)
}

fn text(text: Option<&impl AsRef<str>>) -> Value {
    opt(text.map(AsRef::as_ref))
}

/// Puts the fields of an event into its record. Names of CloudTrail hold no dot, so none is overwritten but by a record
/// that was made to look like it.
pub(crate) fn add(record: &mut Map<String, Value>, event: &Event<'_>) {
    record.retain(|name, _| !name.starts_with("kmswatch"));
    for field in ALL {
        record.insert(field.name.to_owned(), (field.value)(event));
    }
}
