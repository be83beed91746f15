//! Names of AWS services, as `invokedBy`, `sourceIPAddress` and `userAgent` write them.

use super::arn::is_region;
use crate::json::Text;

/// The id of a service, without allocation for those that fill the logs.
pub(super) fn service_id<'a>(name: &str) -> Text<'a> {
    Text::Borrowed(match name {
        "cloudtrail" => "service:cloudtrail",
        "s3" => "service:s3",
        "dynamodb" => "service:dynamodb",
        "logs" => "service:logs",
        "ec2" => "service:ec2",
        "rds" => "service:rds",
        "lambda" => "service:lambda",
        "sns" => "service:sns",
        "sqs" => "service:sqs",
        "kinesis" => "service:kinesis",
        "config" => "service:config",
        "backup" => "service:backup",
        "fargate" => "service:fargate",
        "secretsmanager" => "service:secretsmanager",
        _ => return Text::Owned(format!("service:{name}")),
    })
}

/// Whether a service is the console: a person at it calls directly.
pub(super) fn is_console(service: &str) -> bool {
    service == "signin" || service == "console" || service.starts_with("console.")
}

pub(super) fn is_internal(text: &str) -> bool {
    text.starts_with("AWS Internal")
}

/// `dynamodb` of `dynamodb.amazonaws.com` and of `dynamodb.us-west-2.amazonaws.com`; `None` for what is no DNS
/// name of a service.
pub(super) fn service_name(text: &str) -> Option<&str> {
    let name = text.strip_suffix(".amazonaws.com").or_else(|| text.strip_suffix(".amazonaws.com.cn"))?;
    let name = match name.rsplit_once('.') {
        Some((service, region)) if is_region(region) => service,
        _ => name,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    // `internal.amazonaws.com` is another way to write `AWS Internal`.
    (!name.is_empty() && name.len() <= 64 && name != "internal" && name.bytes().all(plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_without_domain_and_region() {
        for (text, expected) in [
            ("dynamodb.amazonaws.com", Some("dynamodb")),
            ("dynamodb.us-west-2.amazonaws.com", Some("dynamodb")),
            ("states.cn-north-1.amazonaws.com.cn", Some("states")),
            ("replicator.lambda.amazonaws.com", Some("replicator.lambda")),
            ("internal.amazonaws.com", None),
            ("AWS Internal", None),
            (".amazonaws.com", None),
            ("203.0.113.17", None),
            ("two words.amazonaws.com", None),
        ] {
            assert_eq!(service_name(text), expected, "{text}");
        }
    }

    #[test]
    fn the_id_of_every_service_has_the_same_form() {
        for name in ["cloudtrail", "s3", "workmail", "fargate"] {
            assert_eq!(service_id(name), format!("service:{name}"));
        }
    }
}
