"""What is easier said in Python to the emulator at AWS_ENDPOINT_URL.

    drive.py deploy TEMPLATE BOOTSTRAP [Parameter=Value ...]    prints the outputs of the stack as JSON
    drive.py invoke FUNCTION < EVENT                             prints the answer; ends with 1 if it is an error
"""

import io
import json
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


if __name__ == "__main__":
    json.dump({"deploy": deploy, "invoke": invoke}[sys.argv[1]](*sys.argv[2:]), sys.stdout)
