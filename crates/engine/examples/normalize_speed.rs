//! Nanoseconds per record of `event::normalize`: `cargo run --release --example normalize_speed`.

use kmswatch_engine::event::{Normalized, normalize};
use kmswatch_engine::json::Value;
use kmswatch_engine::trail::Record;
use std::hint::black_box;

/// A Decrypt of an application in the usual form, written compactly as CloudTrail does.
const DIRECT: &str = concat!(
    r#"{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEROLEID0001:i-0abc1234def567890","#,
    r#""arn":"arn:aws:sts::111122223333:assumed-role/payments-api/i-0abc1234def567890","accountId":"111122223333","#,
    r#""accessKeyId":"ASIAEXAMPLEKEY000001","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLEID0001","#,
    r#""arn":"arn:aws:iam::111122223333:role/payments-api","accountId":"111122223333","userName":"payments-api"},"#,
    r#""attributes":{"creationDate":"2026-05-04T09:12:00Z","mfaAuthenticated":"false"},"ec2RoleDelivery":"2.0"}},"#,
    r#""eventTime":"2026-05-04T10:15:42Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"eu-west-1","#,
    r#""sourceIPAddress":"10.20.3.17","userAgent":"aws-sdk-rust/1.3.9 os/linux lang/rust/1.90.0","#,
    r#""requestParameters":{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"tenant":"t-4711","purpose":"card"}},"#,
    r#""responseElements":null,"additionalEventData":{"keyMaterialId":"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"},"#,
    r#""requestID":"7e1f1c7a-55c6-4f0e-9c6e-0a1b2c3d4e5f","eventID":"0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f","readOnly":true,"#,
    r#""resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}],"#,
    r#""eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","vpcEndpointId":"vpce-0123456789abcdef0","#,
    r#""vpcEndpointAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","#,
    r#""cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"kms.eu-west-1.amazonaws.com","keyExchange":"X25519MLKEM768"}}"#,
);

/// A Decrypt by Secrets Manager on behalf of a user.
const THROUGH_SERVICE: &str = concat!(
    r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEUSERID0001","arn":"arn:aws:iam::111122223333:user/ops/alice","#,
    r#""accountId":"111122223333","accessKeyId":"ASIAONETIMEKEY","userName":"alice","sessionContext":{"attributes":{"creationDate":"2026-05-04T10:00:00Z","#,
    r#""mfaAuthenticated":"false"}},"invokedBy":"secretsmanager.amazonaws.com"},"eventTime":"2026-05-04T10:15:42Z","eventSource":"kms.amazonaws.com","#,
    r#""eventName":"Decrypt","awsRegion":"eu-west-1","sourceIPAddress":"secretsmanager.amazonaws.com","userAgent":"secretsmanager.amazonaws.com","#,
    r#""requestParameters":{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"SecretARN":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf","#,
    r#""SecretVersionId":"83DAFE35-675A-49C6-A3CB-E80E7996AE01"}},"responseElements":null,"requestID":"7e1f1c7a-55c6-4f0e-9c6e-0a1b2c3d4e5f","#,
    r#""eventID":"0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f","readOnly":true,"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","#,
    r#""ARN":"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}],"eventType":"AwsApiCall","managementEvent":true,"#,
    r#""recipientAccountId":"111122223333","eventCategory":"Management"}"#,
);

/// Many short rounds, of which the best counts: other work on the machine then falls into the rest.
const ROUNDS: u32 = 500;
const RECORDS: u32 = 1_000;

#[allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn best(mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = std::time::Instant::now();
        for _ in 0..RECORDS {
            work();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(RECORDS));
    }
    best
}

#[allow(clippy::print_stdout, reason = "a measurement says its result")]
fn main() {
    for (name, text) in [("direct", DIRECT), ("through a service", THROUGH_SERVICE)] {
        let record = Record { text, index: 0, offset: 0, next: &[] };
        let whole = best(|| assert!(matches!(normalize(black_box(&record)), Normalized::Event(_))));
        let walk = best(|| assert!(Value::new(black_box(text)).members().all(|member| member.is_ok())));
        println!(
            "{name}: {whole:.0} ns per record of {} bytes; one walk over its members {walk:.0} ns",
            text.len()
        );
    }
}
