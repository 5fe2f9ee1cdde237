# SPDX-License-Identifier: Apache-2.0
"""Subscription filters and export tasks of CloudWatch Logs, with boto3."""
import base64
import gzip
import io
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError
from waiting import until

ROLE = "arn:aws:iam::000000000000:role/logs"


@pytest.fixture()
def group(suiro, name):
    logs = suiro.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


def put(suiro, group, *messages):
    at = int(time.time() * 1000)
    suiro.client("logs").put_log_events(
        logGroupName=group, logStreamName="s",
        logEvents=[{"timestamp": at, "message": message} for message in messages])


def test_subscription_to_a_stream(suiro, group):
    logs, kinesis = suiro.client("logs"), suiro.client("kinesis")
    kinesis.create_stream(StreamName=group, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=group)
    arn = kinesis.describe_stream_summary(StreamName=group)[
        "StreamDescriptionSummary"]["StreamARN"]
    logs.put_subscription_filter(logGroupName=group, filterName="errors",
                                 filterPattern="ERROR", destinationArn=arn, roleArn=ROLE)
    described = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert described[0]["destinationArn"] == arn and described[0]["roleArn"] == ROLE
    assert described[0]["distribution"] == "ByLogStream"
    put(suiro, group, "ERROR one", "fine", "ERROR two")
    iterator = kinesis.get_shard_iterator(StreamName=group, ShardId="shardId-000000000000",
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = until(lambda: kinesis.get_records(ShardIterator=iterator)["Records"], "a record")
    document = json.loads(gzip.decompress(records[0]["Data"]))
    assert document["messageType"] == "DATA_MESSAGE" and document["logGroup"] == group
    assert document["subscriptionFilters"] == ["errors"] and document["logStream"] == "s"
    assert [e["message"] for e in document["logEvents"]] == ["ERROR one", "ERROR two"]
    kinesis.delete_stream(StreamName=group)


def test_subscription_to_a_function(suiro, group):
    logs, functions, s3 = suiro.client("logs"), suiro.client("lambda"), suiro.client("s3")
    s3.create_bucket(Bucket=group, CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", (
            "import boto3\n"
            "def handler(event, context):\n"
            f"    boto3.client('s3').put_object(Bucket='{group}', Key='seen',\n"
            "        Body=event['awslogs']['data'].encode())\n"))
    arn = functions.create_function(
        FunctionName=group, Runtime="python3.11", Handler="app.handler", Role=ROLE, Timeout=20,
        Code={"ZipFile": code.getvalue()})["FunctionArn"]
    with pytest.raises(ClientError) as caught:
        logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="",
                                     destinationArn=arn)
    assert "permission to execute your function" in str(caught.value)
    functions.add_permission(FunctionName=group, StatementId="logs", Principal="logs.amazonaws.com",
                             Action="lambda:InvokeFunction")
    logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="",
                                 destinationArn=arn)
    put(suiro, group, "hello")

    def seen():
        try:
            return s3.get_object(Bucket=group, Key="seen")["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
    document = json.loads(gzip.decompress(base64.b64decode(until(seen, "an object"))))
    assert [e["message"] for e in document["logEvents"]] == ["hello"]
    functions.delete_function(FunctionName=group)


def test_destinations_that_are_refused(suiro, group):
    logs, sqs, kinesis = (suiro.client(s) for s in ("logs", "sqs", "kinesis"))
    url = sqs.create_queue(QueueName=group)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])[
        "Attributes"]["QueueArn"]
    kinesis.create_stream(StreamName=group, ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName=group)[
        "StreamDescriptionSummary"]["StreamARN"]
    function = stream.replace(":kinesis:", ":lambda:").replace("stream/", "function:")
    for destination, role, text in (
            (queue, {}, "PutSubscriptionFilter operation cannot work with destinationArn for "
                        "vendor sqs"),
            (stream, {}, "destinationArn for vendor kinesis cannot be used without roleArn"),
            (function, {"roleArn": ROLE},
             "destinationArn for vendor lambda cannot be used with roleArn")):
        with pytest.raises(ClientError) as caught:
            logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="",
                                         destinationArn=destination, **role)
        error = caught.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("InvalidParameterException", text)
    kinesis.delete_stream(StreamName=group)
    sqs.delete_queue(QueueUrl=url)


@pytest.mark.parametrize("bucket, to, text", [
    ("none", 4_000_000_000_000, "bucket"), ("there", 1, "creation of the log group")])
def test_exports_that_are_refused(suiro, group, bucket, to, text):
    suiro.client("s3").create_bucket(Bucket=f"there-{group}", CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    with pytest.raises(ClientError) as caught:
        suiro.client("logs").create_export_task(logGroupName=group, fromTime=0, to=to,
                                                destination=f"{bucket}-{group}")
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterException" and text in error["Message"]


def test_tokens_of_nothing_are_refused(suiro, group):
    logs = suiro.client("logs")
    for call in (lambda: logs.describe_subscription_filters(logGroupName=group, nextToken="6e6f"),
                 lambda: logs.describe_export_tasks(nextToken="6e6f")):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_buckets_policy_may_deny_an_export(suiro, group):
    logs, s3 = suiro.client("logs"), suiro.client("s3")
    s3.create_bucket(Bucket=group, CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    s3.put_bucket_policy(Bucket=group, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": {"Service": "logs.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{group}/*"}]}))
    put(suiro, group, "one")
    now = int(time.time() * 1000)
    task = logs.create_export_task(logGroupName=group, fromTime=now - 60_000, to=now + 60_000,
                                   destination=group)["taskId"]

    def failed():
        found = logs.describe_export_tasks(taskId=task)["exportTasks"][0]["status"]
        return found if found["code"] == "FAILED" else None
    assert "explicit deny in a resource-based policy" in until(failed, "the failure")["message"]
    assert "Contents" not in s3.list_objects_v2(Bucket=group)


def test_export_to_the_lake(suiro, group):
    logs, s3 = suiro.client("logs"), suiro.client("s3")
    s3.create_bucket(Bucket=group, CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    put(suiro, group, "one", "two")
    now = int(time.time() * 1000)
    task = logs.create_export_task(taskName="nightly", logGroupName=group, fromTime=now - 60_000,
                                   to=now + 60_000, destination=group)["taskId"]

    def done():
        found = logs.describe_export_tasks(taskId=task)["exportTasks"][0]
        return found if found["status"]["code"] == "COMPLETED" else None
    assert until(done, "the end of the task")["taskName"] == "nightly"
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=group)["Contents"]]
    assert keys == [f"exportedlogs/{task}/s/000000.gz"]
    lines = gzip.decompress(s3.get_object(Bucket=group, Key=keys[0])["Body"].read()).decode()
    assert [line.split(" ", 1)[1] for line in lines.splitlines()] == ["one", "two"]
