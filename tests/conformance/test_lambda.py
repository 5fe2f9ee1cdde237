# SPDX-License-Identifier: Apache-2.0
"""Lambda with boto3 and the aws CLI: real sandboxes, authentication on."""
import base64
import io
import json
import stat
import urllib.error
import urllib.request
import zipfile

import pytest
from botocore.exceptions import ClientError
from waiting import until

ROLE = "arn:aws:iam::000000000000:role/any"

ECHO = """
import json, os
def handler(event, context):
    print("hello from", context.function_name)
    return {"event": event, "version": context.function_version, "request": context.aws_request_id,
            "marker": os.environ.get("MARKER", "")}
"""


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def make(client, name, source=ECHO, runtime="python3.11", handler="main.handler", file="main.py",
         **options):
    return client.create_function(FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler,
                                  Code={"ZipFile": zipped({file: source})}, **options)


def call(client, name, event=None, **options):
    reply = client.invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
    body = reply["Payload"].read()
    return reply, json.loads(body) if body else None


@pytest.fixture()
def client(suiro):
    return suiro.client("lambda")


def test_create_invoke_describe_delete(client, name):
    made = make(client, name, Environment={"Variables": {"MARKER": "m"}}, Description="d")
    assert made["State"] == "Active" and made["LastUpdateStatus"] == "Successful"
    assert made["FunctionArn"].endswith(":function:" + name) and made["Version"] == "$LATEST"
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    client.get_waiter("function_updated").wait(FunctionName=name)
    reply, body = call(client, name, {"n": 1}, LogType="Tail")
    assert reply["StatusCode"] == 200 and reply["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in reply
    assert body["event"] == {"n": 1} and body["marker"] == "m"
    log = base64.b64decode(reply["LogResult"]).decode()
    assert f"START RequestId: {body['request']} Version: $LATEST" in log
    assert f"hello from {name}" in log
    assert "REPORT RequestId: " + body["request"] in log and "Billed Duration" in log
    assert reply["ResponseMetadata"]["RequestId"] == body["request"]
    found = client.get_function(FunctionName=made["FunctionArn"])
    assert found["Configuration"]["CodeSha256"] == made["CodeSha256"]
    with urllib.request.urlopen(found["Code"]["Location"]) as download:
        assert zipfile.ZipFile(io.BytesIO(download.read())).namelist() == ["main.py"]
    assert name in [f["FunctionName"] for p in client.get_paginator("list_functions").paginate()
                    for f in p["Functions"]]
    client.delete_function(FunctionName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        call(client, name)


def test_a_changed_download_link_is_refused(client, name):
    make(client, name)
    url = client.get_function(FunctionName=name)["Code"]["Location"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url[:-4] + ("0000" if not url.endswith("0000") else "1111"))
    assert refused.value.code == 403


def test_aws_cli(suiro, name, tmp_path):
    package = tmp_path / "code.zip"
    package.write_bytes(zipped({"main.py": ECHO}))
    suiro.aws("lambda", "create-function", "--function-name", name, "--runtime", "python3.11",
              "--role", ROLE, "--handler", "main.handler", "--zip-file", f"fileb://{package}")
    suiro.aws("lambda", "wait", "function-active", "--function-name", name)
    out = tmp_path / "out.json"
    suiro.aws("lambda", "invoke", "--function-name", name, "--cli-binary-format",
              "raw-in-base64-out", "--payload", '{"a": "b"}', str(out))
    assert json.loads(out.read_text())["event"] == {"a": "b"}


def test_node(client, name):
    make(client, name, "exports.handler = async (event) => ({got: event.n + 1});",
         "nodejs18.x", "index.handler", "index.js")
    reply, body = call(client, name, {"n": 1})
    assert body == {"got": 2}, reply


def test_provided_bootstrap(client, name):
    source = """#!/bin/bash
while true; do
  headers=$(mktemp)
  api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
  event=$(curl -sS -D "$headers" "$api/invocation/next")
  id=$(grep -i lambda-runtime-aws-request-id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -o /dev/null -d "{\\"echo\\": $event}" \
    "$api/invocation/$id/response"
done
"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(entry, source)
    client.create_function(FunctionName=name, Runtime="provided.al2023", Role=ROLE,
                           Handler="any", Code={"ZipFile": out.getvalue()}, Timeout=20)
    _, body = call(client, name, {"n": 3})
    assert body == {"echo": {"n": 3}}


def test_function_errors(client, name):
    make(client, name, "def handler(event, context):\n    raise ValueError('no ' + event['w'])")
    reply, body = call(client, name, {"w": "way"})
    assert reply["StatusCode"] == 200 and reply["FunctionError"] == "Unhandled"
    assert body["errorType"] == "ValueError" and body["errorMessage"] == "no way"
    assert body["stackTrace"]
    client.update_function_code(FunctionName=name, ZipFile=zipped({"main.py": "syntax error"}))
    reply, body = call(client, name)
    assert reply["FunctionError"] == "Unhandled" and "SyntaxError" in body["errorType"]
    client.update_function_code(FunctionName=name, ZipFile=zipped({"other.py": ""}))
    reply, body = call(client, name)
    assert reply["FunctionError"] == "Unhandled" and "ImportModuleError" in body["errorType"]


def test_timeout_kills_and_the_next_one_works(client, name):
    make(client, name, "import time\ndef handler(event, context):\n    time.sleep(event['s'])\n"
                       "    return 'done'\n", Timeout=1)
    reply, body = call(client, name, {"s": 30})
    assert reply["FunctionError"] == "Unhandled" and "timed out after 1.00 seconds" in \
        body["errorMessage"]
    reply, body = call(client, name, {"s": 0})
    assert body == "done"


@pytest.mark.parametrize("source", [
    "import os\ndef handler(event, context):\n    while True:\n        try:\n"
    "            os.fork()\n        except OSError:\n            pass\n",
    "def handler(event, context):\n    held = []\n    while True:\n"
    "        held.append(bytearray(10 << 20))\n",
    "def handler(event, context):\n    while True:\n        pass\n",
    "import os\ndef handler(event, context):\n    os._exit(3)\n",
], ids=["forks", "allocates", "spins", "exits"])
def test_bad_functions_end_and_the_server_stays(client, suiro, name, source):
    make(client, name, source, Timeout=3, MemorySize=128)
    reply, body = call(client, name)
    assert reply["FunctionError"] == "Unhandled", body
    assert body["errorMessage"]
    make(client, name + "-after")
    _, body = call(client, name + "-after", {"n": 1})
    assert body["event"] == {"n": 1}


def test_updates_and_revisions(client, name):
    made = make(client, name)
    changed = client.update_function_configuration(
        FunctionName=name, MemorySize=256, Timeout=9, Environment={"Variables": {"MARKER": "2"}},
        RevisionId=made["RevisionId"])
    assert (changed["MemorySize"], changed["Timeout"]) == (256, 9)
    _, body = call(client, name)
    assert body["marker"] == "2"
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.update_function_code(FunctionName=name, ZipFile=zipped({"main.py": "x = 1"}),
                                    RevisionId=made["RevisionId"])
    dry = client.update_function_code(FunctionName=name, ZipFile=zipped({"main.py": "x = 1"}),
                                      DryRun=True)
    assert dry["CodeSha256"] != made["CodeSha256"]
    assert client.get_function_configuration(FunctionName=name)["CodeSha256"] == made["CodeSha256"]


def test_versions_aliases_weights(client, name):
    make(client, name, Environment={"Variables": {"MARKER": "1"}})
    one = client.publish_version(FunctionName=name)
    assert one["Version"] == "1" and one["FunctionArn"].endswith(":1")
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    client.update_function_configuration(FunctionName=name,
                                         Environment={"Variables": {"MARKER": "2"}})
    assert client.publish_version(FunctionName=name)["Version"] == "2"
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    reply, body = call(client, name, Qualifier="live")
    assert reply["ExecutedVersion"] == "1" and body["marker"] == "1"
    client.update_alias(FunctionName=name, Name="live",
                        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    seen = {call(client, name + ":live")[0]["ExecutedVersion"] for _ in range(40)}
    assert seen == {"1", "2"}
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.delete_function(FunctionName=name, Qualifier="2")
    versions = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [v["Version"] for v in versions] == ["$LATEST", "1", "2"]
    assert client.list_aliases(FunctionName=name)["Aliases"][0]["Name"] == "live"
    client.delete_alias(FunctionName=name, Name="live")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_alias(FunctionName=name, Name="live")


def test_invocation_forms_and_limits(client, name):
    make(client, name)
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName=name, InvocationType="Event",
                         Payload="{}")["StatusCode"] == 202
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName=name, Payload="{no json")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName=name, InvocationType="Event",
                      Payload=json.dumps("x" * (1 << 20)))
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    client.update_function_code(FunctionName=name, ZipFile=zipped({"main.py": (
        "def handler(event, context):\n    return context.client_context.custom['k']\n")}))
    _, body = call(client, name, ClientContext=context)
    assert body == "v"


def test_reserved_concurrency(client, name):
    make(client, name)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        call(client, name)
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 0
    client.delete_function_concurrency(FunctionName=name)
    assert call(client, name)[1]["version"] == "$LATEST"
    settings = client.get_account_settings()
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000


def test_permissions(client, name):
    make(client, name)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=name)
    added = client.add_permission(
        FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::lake", SourceAccount="000000000000")
    assert json.loads(added["Statement"])["Principal"] == {"Service": "s3.amazonaws.com"}
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
                              Principal="s3.amazonaws.com")
    policy = client.get_policy(FunctionName=name)
    assert json.loads(policy["Policy"])["Statement"][0]["Sid"] == "s3"
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.remove_permission(FunctionName=name, StatementId="s3", RevisionId="other")
    client.remove_permission(FunctionName=name, StatementId="s3", RevisionId=policy["RevisionId"])
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.remove_permission(FunctionName=name, StatementId="s3")


def test_tags(client, name):
    arn = make(client, name, Tags={"a": "1"})["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}


@pytest.mark.parametrize("options", [
    {"Layers": ["arn:aws:lambda:ap-northeast-1:000000000000:layer:l:1"]},
    {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
    {"SnapStart": {"ApplyOn": "PublishedVersions"}},
    {"Architectures": ["arm64"]},
    {"Environment": {"Variables": {"AWS_REGION": "x"}}},
    {"Environment": {"Variables": {"BIG": "x" * 5000}}},
], ids=["layers", "vpc", "snapstart", "architecture", "reserved", "environment"])
def test_what_is_not_supported_is_refused(client, name, options):
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        make(client, name, **options)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)


def test_unknown_runtime_is_refused(client, name):
    with pytest.raises(client.exceptions.InvalidParameterValueException) as refused:
        make(client, name, runtime="python3.6")
    assert "python3.11" in str(refused.value)


def link_zip(target):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, target)
    return out.getvalue()


@pytest.mark.parametrize("package", [
    b"no zip at all", b"", zipped({"../evil.py": "x"}), zipped({"/etc/evil": "x"}),
    link_zip("/etc/passwd"), link_zip("../../outside"), zipped({"main.py": "x" * 9999})[:60],
    zipped({"zeros": b"\0" * (251 << 20)}),
], ids=["text", "empty", "dotdot", "absolute", "link", "relative-link", "cut", "bomb"])
def test_bad_zips_are_refused_and_leave_nothing(client, suiro, name, package):
    before = sorted(p.name for p in (suiro.data / "functions").iterdir())
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.create_function(FunctionName=name, Runtime="python3.11", Role=ROLE,
                               Handler="main.handler", Code={"ZipFile": package})
    assert sorted(p.name for p in (suiro.data / "functions").iterdir()) == before
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)


def test_logs_arrive(suiro, client, name):
    make(client, name)
    call(client, name)
    logs = suiro.client("logs")

    def found():
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/" + name)["events"]
        except ClientError:
            return None
        text = "\n".join(e["message"] for e in events)
        return text if "REPORT" in text else None
    text = until(found, "the function's lines are in its log group")
    assert "START RequestId" in text and f"hello from {name}" in text


# --- with queues and the lake ---

def make_bucket(s3, name):
    s3.create_bucket(Bucket=name,
                     CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})


def make_queue(suiro, name, **attributes):
    sqs = suiro.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return sqs, url, found["Attributes"]["QueueArn"]


def receive_one(sqs, url):
    def take():
        return sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=1,
                                   MessageAttributeNames=["All"]).get("Messages")
    return until(take, "a message arrives")[0]


def test_asynchronous_failure_reaches_destination_and_dead_letter_queue(suiro, client, name):
    sqs, dead_url, dead_arn = make_queue(suiro, name + "-dead")
    _, fail_url, fail_arn = make_queue(suiro, name + "-fail")
    make(client, name, "def handler(event, context):\n    raise RuntimeError('never')\n",
         DeadLetterConfig={"TargetArn": dead_arn})
    client.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": fail_arn}})
    client.invoke(FunctionName=name, InvocationType="Event", Payload='{"n": 7}')
    record = json.loads(receive_one(sqs, fail_url)["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"n": 7}
    assert record["responsePayload"]["errorType"] == "RuntimeError"
    dead = receive_one(sqs, dead_url)
    assert json.loads(dead["Body"]) == {"n": 7}
    assert dead["MessageAttributes"]["ErrorMessage"]["StringValue"] == "never"


def test_success_destination(suiro, client, name):
    sqs, url, arn = make_queue(suiro, name)
    make(client, name)
    client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}})
    client.invoke(FunctionName=name, InvocationType="Event", Payload='{"n": 8}')
    record = json.loads(receive_one(sqs, url)["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"]["event"] == {"n": 8}


def test_mapping_with_partial_failures(suiro, client, name):
    sqs, dead_url, dead_arn = make_queue(suiro, name + "-dead")
    sqs, url, arn = make_queue(suiro, name, VisibilityTimeout="3", RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1}))
    make(client, name, """
def handler(event, context):
    bad = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": i} for i in bad]}
""", Timeout=3)
    made = client.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"])
    until(lambda: client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled",
          "the mapping is enabled")
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)
    sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": str(i), "MessageBody": "bad" if i == 4 else "good"} for i in range(10)])
    assert receive_one(sqs, dead_url)["Body"] == "bad"

    def empty():
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return found["ApproximateNumberOfMessages"] == "0" and \
            found["ApproximateNumberOfMessagesNotVisible"] == "0"
    until(empty, "every other message is deleted")
    assert client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"][0]["UUID"] \
        == made["UUID"]
    client.delete_event_source_mapping(UUID=made["UUID"])
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_event_source_mapping(UUID=made["UUID"])


RELAY = """
import boto3, os
def handler(event, context):
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        group = record["attributes"]["MessageGroupId"]
        sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=group + " " + record["body"],
                         MessageGroupId="all", MessageDeduplicationId=record["messageId"])
"""


def test_mapping_of_a_fifo_queue_keeps_the_order_of_each_group(suiro, client, name):
    sqs, url, arn = make_queue(suiro, name + ".fifo", FifoQueue="true", VisibilityTimeout="30")
    _, out_url, _ = make_queue(suiro, name + "-out.fifo", FifoQueue="true")
    make(client, name, RELAY, Timeout=20, Environment={"Variables": {"OUT": out_url}})
    client.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, BatchSize=4)
    for n in range(8):
        sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": group, "MessageBody": str(n), "MessageGroupId": group,
             "MessageDeduplicationId": f"{group}{n}"} for group in "abc"])
    seen = []

    def all_came():
        for message in sqs.receive_message(QueueUrl=out_url, MaxNumberOfMessages=10,
                                           WaitTimeSeconds=1).get("Messages", []):
            seen.append(message["Body"].split())
            sqs.delete_message(QueueUrl=out_url, ReceiptHandle=message["ReceiptHandle"])
        return len(seen) >= 24
    until(all_came, "24 messages pass")
    for group in "abc":
        assert [int(n) for g, n in seen if g == group] == list(range(8))


LAKE = """
import json, os, urllib.parse
import boto3
def handler(event, context):
    s3 = boto3.client("s3")
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key="out/" + key.rsplit("/", 1)[1], Body=body.upper())
"""


def test_upload_starts_a_function_that_writes_to_the_lake(suiro, client, name):
    s3 = suiro.client("s3")
    make_bucket(s3, name)
    arn = make(client, name, LAKE, Timeout=30, MemorySize=512)["FunctionArn"]
    settings = {"LambdaFunctionConfigurations": [{
        "LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}}]}
    with pytest.raises(ClientError):
        s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=settings)
    client.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
                          Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::" + name)
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=settings)
    s3.put_object(Bucket=name, Key="in/a b.txt", Body=b"text")

    def written():
        found = s3.list_objects_v2(Bucket=name, Prefix="out/").get("Contents")
        return found and s3.get_object(Bucket=name, Key="out/a b.txt")["Body"].read()
    assert until(written, "the function wrote its object") == b"TEXT"


def test_code_from_the_lake(suiro, client, name):
    s3 = suiro.client("s3")
    make_bucket(s3, name)
    s3.put_object(Bucket=name, Key="code.zip", Body=zipped({"main.py": ECHO}))
    client.create_function(FunctionName=name, Runtime="python3.11", Role=ROLE,
                           Handler="main.handler", Code={"S3Bucket": name, "S3Key": "code.zip"})
    assert call(client, name, {"n": 2})[1]["event"] == {"n": 2}
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.update_function_code(FunctionName=name, S3Bucket=name, S3Key="absent.zip")


def test_acknowledged_work_survives_kill9(own_suiro, name):
    own_suiro.start()
    client = own_suiro.client("lambda")
    make(client, name)
    for n in range(20):
        client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": n}))
    own_suiro.kill9()
    own_suiro.start()
    client = own_suiro.client("lambda")
    assert call(client, name)[1]["version"] == "$LATEST"

    def all_ran():
        lines = own_suiro.run("usage").stdout
        return any(name in line and int(line.split()[1]) >= 21 for line in lines.splitlines())
    until(all_ran, "every acknowledged invocation ran")
