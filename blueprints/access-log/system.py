# SPDX-License-Identifier: Apache-2.0
"""The system: a bucket, a function and the trigger between."""
import io
import json
import pathlib
import zipfile

from botocore.exceptions import BotoCoreError, ClientError

from supervisor import ensure

HERE = pathlib.Path(__file__).resolve().parent
LIB = HERE.parent / "lib"
BUCKET, FUNCTION = "lake", "access-log"


def deploy(supervisor):
    """Bucket, function, permission and notification. Safe to repeat."""
    s3, functions = supervisor.client("s3"), supervisor.client("lambda")
    region = supervisor.environment()["AWS_DEFAULT_REGION"]
    ensure(lambda: s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region}),
        ("BucketAlreadyOwnedByYou",))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as code:
        code.write(HERE / "function" / "handler.py", "handler.py")
        code.write(LIB / "log_line.py", "log_line.py")
    ensure(lambda: functions.create_function(
        FunctionName=FUNCTION, Runtime="python3.11", Handler="handler.handler", Timeout=60,
        MemorySize=256, Role="arn:aws:iam::000000000000:role/access-log",
        Code={"ZipFile": archive.getvalue()}), ("ResourceConflictException",))
    functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
    ensure(lambda: functions.add_permission(
        FunctionName=FUNCTION, StatementId="lake", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{BUCKET}"),
        ("ResourceConflictException",))
    arn = functions.get_function(FunctionName=FUNCTION)["Configuration"]["FunctionArn"]
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={
        "LambdaFunctionConfigurations": [{
            "LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"},
                                               {"Name": "suffix", "Value": ".gz"}]}}}]})
    return s3


def put_acknowledged(s3, key, body, attempts=20):
    """Puts until it is acknowledged, over restarts of the server; returns the request id."""
    for attempt in range(attempts):
        try:
            reply = s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            return reply["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
        except (BotoCoreError, ClientError):
            if attempt + 1 == attempts:
                raise
    raise AssertionError("unreachable")


def summaries(s3, seen):
    """Fetches the summaries that are not in `seen` yet, into it. Returns how many were new."""
    new = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="summary/"):
        for item in page.get("Contents", []):
            if item["Key"] not in seen:
                body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
                seen[item["Key"]] = json.loads(body)
                new += 1
    return new
