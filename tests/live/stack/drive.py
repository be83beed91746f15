"""What is easier said in Python to the emulator at AWS_ENDPOINT_URL.

    drive.py deploy TEMPLATE BOOTSTRAP [Parameter=Value ...]    prints the outputs of the stack as JSON
    drive.py invoke FUNCTION < EVENT                             prints the answer; ends with 1 if it is an error
    drive.py upload FOLDER BUCKET PREFIX [REGION]                puts a folder into a new bucket; prints how many
    drive.py table NAME [forever]                                makes the table of the template under this name; items
                                                                 may be kept for ever: of tests that play in the past
    drive.py dump NAME                                           prints the bodies of its items, by name
    drive.py expiry NAME                                         prints its TTL, and when its items expire, by name
    drive.py listeners                                           makes a topic, a bus and a queue, and who listens to them
    drive.py queue NAME                                          makes a queue; prints its URL
    drive.py send URL < LINES                                    sends each line as a message
    drive.py receive URL                                         takes a message; prints it
    drive.py left URL                                            prints how many messages wait or are being worked on
    drive.py hub < FINDINGS                                      imports findings, one a line, into Security Hub; prints all
    drive.py metrics < LINES                                     does with lines of embedded metrics what CloudWatch
                                                                 does; prints all alarms by name
"""

import base64
import io
import json
import os
import sys
import zipfile

import boto3
import yaml

SOURCE = "CodeUri: ../crates/lambda\n"
CODE = ("artifacts", "bootstrap.zip")
STACK = "kmswatch"


def packed(binary):
    """The binary as a zip file, executable. Not compressed: that would take longer than anything else here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive, open(binary, "rb") as file:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, file.read())
    return buffer.getvalue()


def deploy(template, binary, *parameters):
    """Does what `sam package` and `sam deploy` do: the code goes to a bucket, and the template names it there."""
    with open(template, encoding="utf-8") as file:
        body = file.read()
    if body.count(SOURCE) != 1:
        sys.exit("the template names its code in another way than expected")
    body = body.replace(SOURCE, "CodeUri: s3://%s/%s\n" % CODE)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=CODE[0])
    s3.put_object(Bucket=CODE[0], Key=CODE[1], Body=packed(binary))
    formation = boto3.client("cloudformation")
    pairs = [parameter.split("=", 1) for parameter in parameters]
    formation.create_stack(
        StackName=STACK,
        TemplateBody=body,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in pairs],
    )
    waiter = formation.get_waiter("stack_create_complete")
    waiter.wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    stack = formation.describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def invoke(function):
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=sys.stdin.buffer.read())
    payload = json.loads(answer["Payload"].read() or "null")
    if "FunctionError" in answer:
        sys.exit(json.dumps(payload))
    return payload


def upload(folder, bucket, prefix, region="us-east-1"):
    s3 = boto3.client("s3", region_name=region)
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **place)
    n = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            s3.upload_file(path, bucket, prefix + os.path.relpath(path, folder))
            n += 1
    return n


def table(name, kept=None):
    class Loader(yaml.SafeLoader):
        """Leaves out what CloudFormation works out."""

    Loader.add_multi_constructor("!", lambda *_: None)
    path = os.path.join(os.path.dirname(__file__), "../../../infra/template.yaml")
    with open(path, encoding="utf-8") as file:
        properties = yaml.load(file, Loader)["Resources"]["Table"]["Properties"]
    dynamodb = boto3.client("dynamodb")
    same = ("KeySchema", "AttributeDefinitions", "BillingMode")
    dynamodb.create_table(TableName=name, **{member: properties[member] for member in same})
    if kept != "forever":
        ttl = properties["TimeToLiveSpecification"]
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def items_of(name):
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=name)
    return {item["pk"]["S"]: item for page in pages for item in page["Items"]}


def dump(name):
    return {pk: base64.b64encode(item["body"]["B"]).decode() for pk, item in items_of(name).items()}


def expiry(name):
    ttl = boto3.client("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    # DynamoDB looks at numbers alone.
    expires = {pk: item.get(ttl["AttributeName"], {}).get("N") for pk, item in items_of(name).items()}
    return {"status": ttl["TimeToLiveStatus"], "expires": expires}


def queue(name):
    attributes = {"VisibilityTimeout": "30"}
    return boto3.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def listeners():
    sqs, sns, events = boto3.client("sqs"), boto3.client("sns"), boto3.client("events")
    urls = {name: queue(name) for name in ("queue", "topic_heard", "bus_heard")}

    def arn(name):
        answer = sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    topic = sns.create_topic(Name="alerts")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("topic_heard"), Attributes=raw)
    events.create_event_bus(Name="findings")
    rule = {"Name": "all", "EventBusName": "findings"}
    events.put_rule(EventPattern=json.dumps({"source": ["kmswatch"]}), **rule)
    events.put_targets(Rule="all", EventBusName="findings", Targets=[{"Id": "1", "Arn": arn("bus_heard")}])
    return {"topic": topic, "bus": "findings", **urls}


def send(url):
    sqs = boto3.client("sqs")
    for line in sys.stdin.read().splitlines():
        sqs.send_message(QueueUrl=url, MessageBody=line)


def receive(url):
    sqs = boto3.client("sqs")
    for _ in range(20):
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        if messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
            return json.loads(messages[0]["Body"])
    sys.exit("nothing has come")


def left(url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def hub():
    """Refused are findings that do not have the form that the service's model says, too."""
    client = boto3.client("securityhub")
    findings = [json.loads(line) for line in sys.stdin]
    taken, failed = 0, []
    for at in range(0, len(findings), 100):
        answer = client.batch_import_findings(Findings=findings[at : at + 100])
        taken += answer["SuccessCount"]
        failed += answer["FailedFindings"]
    pages = client.get_paginator("get_findings").paginate()
    return {"taken": taken, "failed": failed, "stored": [finding for page in pages for finding in page["Findings"]]}


def metrics():
    cloudwatch = boto3.client("cloudwatch")
    for line in map(json.loads, sys.stdin):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = [{"Name": name, "Value": line[name]} for name in names]
                data = [
                    {"MetricName": one["Name"], "Unit": one["Unit"], "Value": line[one["Name"]], "Dimensions": dimensions}
                    for one in directive["Metrics"]
                ]
                cloudwatch.put_metric_data(Namespace=directive["Namespace"], MetricData=data)
    pages = cloudwatch.get_paginator("describe_alarms").paginate()
    members = ("StateValue", "Namespace", "MetricName", "Dimensions")
    return {
        alarm["AlarmName"]: {member: alarm[member] for member in members}
        for page in pages
        for alarm in page["MetricAlarms"]
    }


if __name__ == "__main__":
    commands = {
        command.__name__: command
        for command in (deploy, invoke, upload, table, dump, expiry, queue, listeners, send, receive, left, hub, metrics)
    }
    json.dump(commands[sys.argv[1]](*sys.argv[2:]), sys.stdout)
