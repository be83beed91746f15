"""What is easier said in Python to the emulator at AWS_ENDPOINT_URL.

    drive.py deploy TEMPLATE BOOTSTRAP [Parameter=Value ...]    prints the outputs of the stack as JSON
    drive.py invoke FUNCTION < EVENT                             prints the answer; ends with 1 if it is an error
    drive.py upload FOLDER BUCKET PREFIX [REGION]                puts a folder into a new bucket; prints how many
    drive.py table NAME                                          makes a table for States
    drive.py dump NAME                                           prints the bodies of its items, by name
"""

import base64
import io
import json
import os
import sys
import zipfile

import boto3

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


def table(name):
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def dump(name):
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=name)
    items = [item for page in pages for item in page["Items"]]
    return {item["pk"]["S"]: base64.b64encode(item["body"]["B"]).decode() for item in items}


if __name__ == "__main__":
    commands = {"deploy": deploy, "invoke": invoke, "upload": upload, "table": table, "dump": dump}
    json.dump(commands[sys.argv[1]](*sys.argv[2:]), sys.stdout)
