//! Calls of other services: those that matter for the trail, and the everyday ones that fill a log.

use super::json::{Object, push_escaped};
use super::{At, Record, Resource};
use crate::dice::Dice;

/// A call to CloudTrail itself that changes the trail.
pub(crate) fn trail(dice: &mut Dice, at: At<'_>, name: &'static str, request: Object) -> Record {
    let mut record = Record::new(dice, at, "cloudtrail", name);
    record.read_only = false;
    let request = request.done();
    record.response = (!matches!(name, "StopLogging" | "DeleteTrail")).then(|| request.clone());
    record.request = Some(request);
    record
}

/// Any other call, with its parameters.
pub(crate) fn call(
    dice: &mut Dice,
    at: At<'_>,
    source: &'static str,
    name: &'static str,
    request: Object,
) -> Record {
    let mut record = Record::new(dice, at, source, name);
    record.request = Some(request.done());
    record.read_only =
        ["Get", "List", "Describe", "Head", "Lookup", "Assume", "Batch"].iter().any(|p| name.starts_with(p));
    record
}

/// The everyday calls: service, name, and how often.
const EVERYDAY: &[(&str, &str, f64)] = &[
    ("s3", "GetBucketAcl", 6.0),
    ("s3", "ListBuckets", 2.0),
    ("s3", "GetBucketLocation", 5.0),
    ("s3", "GetBucketEncryption", 4.0),
    ("sts", "AssumeRole", 12.0),
    ("sts", "GetCallerIdentity", 8.0),
    ("ec2", "DescribeInstances", 14.0),
    ("ec2", "DescribeVolumes", 6.0),
    ("ec2", "DescribeSecurityGroups", 5.0),
    ("ec2", "DescribeNetworkInterfaces", 6.0),
    ("iam", "GetRole", 4.0),
    ("iam", "ListAttachedRolePolicies", 3.0),
    ("iam", "ListRolePolicies", 2.0),
    ("dynamodb", "DescribeTable", 8.0),
    ("dynamodb", "ListTables", 2.0),
    ("lambda", "GetFunction20150331v2", 5.0),
    ("lambda", "ListTags20170331", 3.0),
    ("logs", "DescribeLogStreams", 7.0),
    ("secretsmanager", "GetSecretValue", 6.0),
    ("ssm", "GetParameter", 4.0),
    ("ssm", "UpdateInstanceInformation", 6.0),
    ("elasticloadbalancing", "DescribeTargetHealth", 6.0),
    ("monitoring", "DescribeAlarms", 4.0),
    ("ecr", "BatchGetImage", 3.0),
];

/// An everyday call of one of the services that are not KMS, 1.0 to 1.5 KB as text.
pub(crate) fn everyday(dice: &mut Dice, at: At<'_>, account_id: &str) -> Record {
    let index = dice.weighted(EVERYDAY.iter().map(|entry| entry.2));
    let (source, name, _) = EVERYDAY.get(index).copied().unwrap_or(("sts", "GetCallerIdentity", 1.0));
    let mut record = Record::new(dice, at, source, name);
    record.read_only = name != "UpdateInstanceInformation";
    let region = at.region.as_ref();
    let number = dice.below(40);
    match source {
        "s3" => bucket(&mut record, dice, name, account_id, region, number),
        "sts" if name == "AssumeRole" => assume_role(&mut record, dice, account_id, number),
        "ec2" => {
            let items = (0..1 + dice.below(4)).map(|_| {
                Object::new()
                    .text("name", "tag:service")
                    .json("valueSet", &value_set(dice.below(1 << 40)))
                    .done()
            });
            let items = items.collect::<Vec<_>>().join(",");
            record.request = Some(
                Object::new()
                    .number("maxResults", 1000)
                    .json("filterSet", &format!("{{\"items\":[{items}]}}"))
                    .done(),
            );
        }
        "iam" => {
            record.request = Some(Object::new().text("roleName", &format!("svc-role-{number:02}")).done());
        }
        "dynamodb" if name == "DescribeTable" => {
            let table = format!("orders-{number:02}");
            record.resources = vec![Resource {
                arn: format!("arn:aws:dynamodb:{region}:{account_id}:table/{table}").into(),
                account: account_id.into(),
                kind: "AWS::DynamoDB::Table",
            }];
            record.request = Some(Object::new().text("tableName", &table).done());
        }
        "lambda" => {
            let function = format!("arn:aws:lambda:{region}:{account_id}:function:job-{number:02}");
            record.request = Some(Object::new().text("functionName", &function).done());
        }
        "logs" => {
            let group = format!("/aws/lambda/job-{number:02}");
            let request = Object::new().text("logGroupName", &group).text("orderBy", "LastEventTime");
            record.request = Some(request.flag("descending", true).number("limit", 50).done());
        }
        "secretsmanager" => {
            let arn = format!("arn:aws:secretsmanager:{region}:{account_id}:secret:app/{number:02}-AbCdEf");
            record.request = Some(Object::new().text("secretId", &arn).done());
        }
        "ssm" if name == "GetParameter" => {
            let parameter = format!("/app/config/{number:02}");
            record.request = Some(Object::new().text("name", &parameter).flag("withDecryption", true).done());
        }
        "ssm" => {
            let request = Object::new()
                .text("instanceId", &format!("i-0{:016x}", dice.bits()))
                .text("agentVersion", "3.3.1957.0")
                .text("agentStatus", "Active")
                .text("platformType", "Linux")
                .text("platformName", "Amazon Linux");
            record.request = Some(request.done());
        }
        "elasticloadbalancing" => {
            let arn = format!(
                "arn:aws:elasticloadbalancing:{region}:{account_id}:targetgroup/tg-{number:02}/{:016x}",
                dice.bits()
            );
            record.request = Some(Object::new().text("targetGroupArn", &arn).done());
        }
        "ecr" => {
            let request = Object::new()
                .text("registryId", account_id)
                .text("repositoryName", &format!("team/service-{number:02}"))
                .texts("acceptedMediaTypes", &["application/vnd.oci.image.manifest.v1+json"]);
            record.request = Some(request.done());
        }
        _ => {}
    }
    record
}

fn value_set(tag: u64) -> String {
    format!("{{\"items\":[{{\"value\":\"{tag:010x}\"}}]}}")
}

fn bucket(record: &mut Record, dice: &mut Dice, name: &str, account_id: &str, region: &str, number: u64) {
    let bucket = format!("{account_id}-artifacts-{number:02}");
    let host = format!("{bucket}.s3.{region}.amazonaws.com");
    let request = Object::new().text("bucketName", &bucket).text("Host", &host);
    let request = match name {
        "GetBucketAcl" => request.text("acl", ""),
        "GetBucketLocation" => request.text("location", ""),
        _ => request.text("encryption", ""),
    };
    record.request = Some(request.done());
    let additional = Object::new()
        .text("SignatureVersion", "SigV4")
        .text("CipherSuite", "TLS_AES_128_GCM_SHA256")
        .number("bytesTransferredIn", 0)
        .text("AuthenticationMethod", "AuthHeader")
        .text("x-amz-id-2", &format!("{:032x}{:032x}", dice.wide(), dice.wide()))
        .number("bytesTransferredOut", 200 + dice.below(400));
    record.additional = Some(additional.done());
    record.resources = vec![Resource {
        arn: format!("arn:aws:s3:::{bucket}").into(),
        account: account_id.into(),
        kind: "AWS::S3::Bucket",
    }];
}

fn assume_role(record: &mut Record, dice: &mut Dice, account_id: &str, number: u64) {
    let role = format!("arn:aws:iam::{account_id}:role/svc-role-{number:02}");
    let session = format!("session-{:010}", dice.below(10_000_000_000));
    let request = Object::new()
        .text("roleArn", &role)
        .text("roleSessionName", &session)
        .number("durationSeconds", 3600);
    record.request = Some(request.done());
    let mut expiration = String::new();
    push_escaped(&mut expiration, &crate::calendar::locale(record.time + 3600));
    let access_key = format!("ASIA{:016X}", dice.bits());
    let credentials = Object::new()
        .text("accessKeyId", &access_key)
        .text("sessionToken", &format!("{:032x}{:032x}{:032x}", dice.wide(), dice.wide(), dice.wide()))
        .json("expiration", &expiration);
    let user = Object::new()
        .text("assumedRoleId", &format!("AROA{:017X}:{session}", dice.bits()))
        .text("arn", &format!("arn:aws:sts::{account_id}:assumed-role/svc-role-{number:02}/{session}"));
    record.response = Some(
        Object::new().json("credentials", &credentials.done()).json("assumedRoleUser", &user.done()).done(),
    );
    record.resources =
        vec![Resource { arn: role.into(), account: account_id.into(), kind: "AWS::IAM::Role" }];
}
