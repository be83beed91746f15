"""An estate for `kmswatch doctor` on the emulator at AWS_ENDPOINT_URL: as infra/template.yaml makes it with a bucket of
its own, and broken. (The emulator keeps to itself whether a bucket sends its events to EventBridge.)

    estate.py make             makes all of it; prints the variables of the function as JSON
    estate.py break WHAT ...   breaks parts of it
"""

import json
import sys

import boto3

BUCKET, TABLE, TRAIL, RULE = "trail-logs", "kmswatch", "org-trail", "another-rule"
ACCOUNT, REGION = "123456789012", "us-east-1"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:kmswatch-notifications"
cloudtrail, s3, sqs, sns = (boto3.client(name) for name in ("cloudtrail", "s3", "sqs", "sns"))
events, dynamodb = boto3.client("events"), boto3.client("dynamodb")


def policy(service):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sqs:SendMessage",
                    "Resource": QUEUE,
                    "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"}},
                }
            ],
        }
    )


def selectors(reads="All", excluded=()):
    one = {"ReadWriteType": reads, "IncludeManagementEvents": True, "ExcludeManagementEventSources": list(excluded)}
    cloudtrail.put_event_selectors(TrailName=TRAIL, EventSelectors=[one])


def notify(prefix):
    rules = [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": ".json.gz"}]
    queue = {"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [queue]}
    )


def make():
    s3.create_bucket(Bucket=BUCKET)
    cloudtrail.create_trail(Name=TRAIL, S3BucketName=BUCKET, IsMultiRegionTrail=True)
    cloudtrail.start_logging(Name=TRAIL)
    selectors()
    dead = sqs.create_queue(QueueName="kmswatch-dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "5"})
    attributes = {"VisibilityTimeout": "720", "RedrivePolicy": redrive, "Policy": policy("s3.amazonaws.com")}
    sqs.create_queue(QueueName="kmswatch-notifications", Attributes=attributes)
    notify("AWSLogs/")
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [BUCKET]}, "object": {"key": [{"wildcard": "AWSLogs/*.json.gz"}]}},
    }
    events.put_rule(Name=RULE, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=RULE, Targets=[{"Id": "queue", "Arn": QUEUE}])
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    topic = sns.create_topic(Name="kmswatch")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=dead_arn)
    events.create_event_bus(Name="kmswatch-findings")
    events.put_rule(Name="people", EventBusName="kmswatch-findings", EventPattern='{"source": ["kmswatch"]}')
    alerts = sqs.create_queue(QueueName="kmswatch-alerts")["QueueUrl"]
    return {
        "KMSWATCH_TABLE": TABLE,
        "KMSWATCH_TOPIC": topic,
        "KMSWATCH_BUS": "kmswatch-findings",
        "KMSWATCH_ALERT_QUEUE": alerts,
        "KMSWATCH_LOGS": f"s3://{BUCKET}/AWSLogs",
    }


def url(name):
    return sqs.get_queue_url(QueueName=name)["QueueUrl"]


BREAKS = {
    "logging": lambda: cloudtrail.stop_logging(Name=TRAIL),
    "reads": lambda: selectors(reads="WriteOnly"),
    "kms": lambda: selectors(excluded=["kms.amazonaws.com"]),
    "regions": lambda: cloudtrail.update_trail(Name=TRAIL, IsMultiRegionTrail=False),
    "bucket": lambda: notify("elsewhere/"),
    "policy": lambda: sqs.set_queue_attributes(
        QueueUrl=url("kmswatch-notifications"), Attributes={"Policy": policy("events.amazonaws.com")}
    ),
    "dead": lambda: sqs.send_message(QueueUrl=url("kmswatch-dead"), MessageBody="{}"),
    "topic": lambda: sns.delete_topic(TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:kmswatch"),
    "bus": lambda: (
        events.delete_rule(Name="people", EventBusName="kmswatch-findings"),
        events.delete_event_bus(Name="kmswatch-findings"),
    ),
    "alerts": lambda: sqs.delete_queue(QueueUrl=url("kmswatch-alerts")),
    "table": lambda: dynamodb.delete_table(TableName=TABLE),
}

if __name__ == "__main__":
    if sys.argv[1] == "make":
        json.dump(make(), sys.stdout)
    else:
        for what in sys.argv[2:]:
            BREAKS[what]()
