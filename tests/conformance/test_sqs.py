# SPDX-License-Identifier: Apache-2.0
"""SQS with boto3 and aws (the query form) and hand-written JSON requests, authentication on."""
import hashlib
import json
import threading
import time
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from queues import messages


@pytest.fixture()
def sqs(suiro):
    return suiro.client("sqs")


@pytest.fixture()
def queue(sqs, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    yield url
    try:
        sqs.delete_queue(QueueUrl=url)
    except sqs.exceptions.QueueDoesNotExist:
        pass


@pytest.fixture()
def fifo(sqs, name):
    url = sqs.create_queue(
        QueueName=name + ".fifo",
        Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def error_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def arn_of(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"]


def counts(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
             "ApproximateNumberOfMessagesDelayed"]
    got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(got[n]) for n in names)


def call_json(suiro, operation, body, query_mode=False):
    """A signed AWS JSON 1.0 request; returns status, document and headers."""
    headers = {"Content-Type": "application/x-amz-json-1.0",
               "X-Amz-Target": f"AmazonSQS.{operation}"}
    if query_mode:
        headers["x-amzn-query-mode"] = "true"
    request = AWSRequest("POST", suiro.endpoint + "/", headers=headers, data=json.dumps(body))
    credentials = Credentials(suiro.env["AWS_ACCESS_KEY_ID"], suiro.env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(credentials, "sqs", suiro.env["AWS_DEFAULT_REGION"]).add_auth(request)
    raw = urllib.request.Request(suiro.endpoint + "/", data=request.body.encode()
                                 if isinstance(request.body, str) else request.body,
                                 headers=dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(raw, timeout=60) as reply:
            text = reply.read()
            return reply.status, json.loads(text) if text else {}, reply.headers
    except urllib.error.HTTPError as reply:
        return reply.code, json.loads(reply.read()), reply.headers


def test_send_receive_delete(sqs, queue):
    sent = sqs.send_message(
        QueueUrl=queue, MessageBody="hello 水路",
        MessageAttributes={"s": {"DataType": "String", "StringValue": "x"},
                           "n": {"DataType": "Number", "StringValue": "1.5"},
                           "b": {"DataType": "Binary.raw", "BinaryValue": b"\0\1"}},
        MessageSystemAttributes={"AWSTraceHeader": {
            "DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}})
    assert sent["MD5OfMessageBody"] == hashlib.md5("hello 水路".encode()).hexdigest()
    got = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"],
                              MessageAttributeNames=["All"])["Messages"][0]
    assert got["Body"] == "hello 水路"
    assert got["MessageId"] == sent["MessageId"]
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["MessageAttributes"]["b"]["BinaryValue"] == b"\0\1"
    assert got["MessageAttributes"]["n"] == {"DataType": "Number", "StringValue": "1.5"}
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    assert got["Attributes"]["AWSTraceHeader"].startswith("Root=1-5759e988")
    assert abs(int(got["Attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_attribute_names_select(sqs, queue):
    attributes = {n: {"DataType": "String", "StringValue": n} for n in ("a.x", "a.y", "b")}
    sqs.send_message(QueueUrl=queue, MessageBody="m", MessageAttributes=attributes)
    for asked, expected in ((["a.*"], {"a.x", "a.y"}), (["b"], {"b"}),
                            ([".*"], {"a.x", "a.y", "b"}), ([], None)):
        got = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0,
                                  AttributeNames=["SenderId"],
                                  MessageAttributeNames=asked)["Messages"][0]
        assert got.get("MessageAttributes") is None if expected is None else (
            set(got["MessageAttributes"]) == expected)
        assert set(got["Attributes"]) == {"SenderId"}
    assert error_of(sqs.receive_message, QueueUrl=queue,
                    AttributeNames=["Nonsense"]) == "InvalidAttributeName"


def test_batches(sqs, queue):
    entries = [{"Id": str(i), "MessageBody": f"m{i}"} for i in range(10)]
    entries[3]["MessageBody"] = "bad \b"
    reply = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert len(reply["Successful"]) == 9
    assert reply["Failed"][0]["Id"] == "3"
    assert reply["Failed"][0]["Code"] == "InvalidMessageContents"
    assert reply["Failed"][0]["SenderFault"] is True
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert sorted(m["Body"] for m in got) == sorted(f"m{i}" for i in range(10) if i != 3)
    changed = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[
        {"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 60}
        for m in got])
    assert len(changed["Successful"]) == 9
    handles = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in got]
    handles.append({"Id": "x", "ReceiptHandle": "nonsense"})
    gone = sqs.delete_message_batch(QueueUrl=queue, Entries=handles)
    assert len(gone["Successful"]) == 9
    assert [f["Code"] for f in gone["Failed"]] == ["ReceiptHandleIsInvalid"]
    assert counts(sqs, queue) == (0, 0, 0)


def test_batch_errors(sqs, queue):
    prefix = "AWS.SimpleQueueService."

    def send(entries):
        return error_of(sqs.send_message_batch, QueueUrl=queue, Entries=entries)

    assert send([]) == prefix + "EmptyBatchRequest"
    assert send([{"Id": str(i), "MessageBody": "x"} for i in range(11)]) == (
        prefix + "TooManyEntriesInBatchRequest")
    assert send([{"Id": "a", "MessageBody": "x"}] * 2) == prefix + "BatchEntryIdsNotDistinct"
    assert send([{"Id": "a b", "MessageBody": "x"}]) == prefix + "InvalidBatchEntryId"
    assert send([{"Id": str(i), "MessageBody": "x" * 600_000} for i in range(2)]) == (
        prefix + "BatchRequestTooLong")


def test_errors(sqs, queue):
    missing = queue + "-none"
    assert error_of(sqs.send_message, QueueUrl=missing, MessageBody="x") == (
        "AWS.SimpleQueueService.NonExistentQueue")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="t-none")
    assert error_of(sqs.send_message, QueueUrl=queue, MessageBody="a\x01") == (
        "InvalidMessageContents")
    assert error_of(sqs.send_message, QueueUrl=queue, MessageBody="") == "MissingParameter"
    assert error_of(sqs.send_message, QueueUrl=queue, MessageBody="x" * (1024 * 1024 + 1)) == (
        "InvalidParameterValue")
    assert error_of(sqs.delete_message, QueueUrl=queue, ReceiptHandle="x") == (
        "ReceiptHandleIsInvalid")
    assert error_of(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=11) == (
        "InvalidParameterValue")
    assert error_of(sqs.create_queue, QueueName="a b") == "InvalidParameterValue"
    assert error_of(sqs.set_queue_attributes, QueueUrl=queue,
                    Attributes={"DelaySeconds": "901"}) == "InvalidAttributeValue"
    assert error_of(sqs.get_queue_attributes, QueueUrl=queue,
                    AttributeNames=["Nonsense"]) == "InvalidAttributeName"


def test_create_is_idempotent(sqs, name):
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "40"})["QueueUrl"]
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert error_of(sqs.create_queue, QueueName=name,
                    Attributes={"VisibilityTimeout": "41"}) == "QueueAlreadyExists"
    sqs.delete_queue(QueueUrl=url)
    assert error_of(sqs.create_queue, QueueName=name) == (
        "AWS.SimpleQueueService.QueueDeletedRecently")


def test_attributes(sqs, queue):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": arn_of(sqs, queue),
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:b"}}}]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={
        "Policy": policy, "DelaySeconds": "1", "ReceiveMessageWaitTimeSeconds": "2"})
    got = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert got["Policy"] == policy
    assert got["DelaySeconds"] == "1"
    assert got["MaximumMessageSize"] == "1048576"
    assert got["MessageRetentionPeriod"] == "345600"
    assert got["VisibilityTimeout"] == "30"
    assert got["SqsManagedSseEnabled"] == "false"
    assert abs(int(got["CreatedTimestamp"]) - time.time()) < 60
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    got = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert "Policy" not in got
    unsupported = policy.replace("ArnLike", "DateLessThan")
    assert error_of(sqs.set_queue_attributes, QueueUrl=queue,
                    Attributes={"Policy": unsupported}) == "InvalidAttributeValue"
    assert error_of(sqs.set_queue_attributes, QueueUrl=queue,
                    Attributes={"KmsMasterKeyId": "alias/aws/sqs"}) == (
        "AWS.SimpleQueueService.UnsupportedOperation")


def test_tags_permissions_and_lists(sqs, queue, name):
    sqs.tag_queue(QueueUrl=queue, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=queue, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"b": "2"}
    sqs.add_permission(QueueUrl=queue, Label="l", AWSAccountIds=["111111111111"],
                       Actions=["SendMessage", "ReceiveMessage"])
    policy = json.loads(sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert policy["Statement"][0]["Sid"] == "l"
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    sqs.remove_permission(QueueUrl=queue, Label="l")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])
    others = [sqs.create_queue(QueueName=f"{name}-{i}")["QueueUrl"] for i in range(5)]
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix=name + "-", PaginationConfig={"PageSize": 2})
    assert [u for page in pages for u in page["QueueUrls"]] == others
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name + "x")


def test_long_poll_wakes_at_once(sqs, suiro, queue):
    took = []

    def wait():
        begin = time.monotonic()
        got = suiro.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20)
        took.append((time.monotonic() - begin, got["Messages"][0]["Body"]))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)  # the call waits now: nothing tells that it does
    sent_at = time.monotonic()
    sqs.send_message(QueueUrl=queue, MessageBody="now")
    thread.join()
    assert took[0][1] == "now"
    assert time.monotonic() - sent_at < 3


def test_delay_and_visibility(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=1)
    assert counts(sqs, queue) == (0, 0, 1)
    got = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, VisibilityTimeout=1,
                              AttributeNames=["All"])["Messages"][0]
    again = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5,
                                AttributeNames=["All"])["Messages"][0]
    assert again["MessageId"] == got["MessageId"]
    assert again["ReceiptHandle"] != got["ReceiptHandle"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"],
                                  VisibilityTimeout=0)
    assert counts(sqs, queue) == (1, 0, 0)
    assert error_of(sqs.change_message_visibility, QueueUrl=queue,
                    ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=5) == (
        "AWS.SimpleQueueService.MessageNotInflight")


def test_purge(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.purge_queue(QueueUrl=queue)
    assert counts(sqs, queue) == (0, 0, 0)
    assert error_of(sqs.purge_queue, QueueUrl=queue) == (
        "AWS.SimpleQueueService.PurgeQueueInProgress")


def test_fifo_order_and_deduplication(sqs, fifo):
    sent = [sqs.send_message(QueueUrl=fifo, MessageBody=f"{g}{i}", MessageGroupId=g)
            for i in range(3) for g in "ab"]
    again = sqs.send_message(QueueUrl=fifo, MessageBody="a0", MessageGroupId="a")
    assert again["MessageId"] == sent[0]["MessageId"]
    numbers = [int(s["SequenceNumber"]) for s in sent]
    assert numbers == sorted(numbers)
    first = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=2,
                                AttributeNames=["All"])["Messages"]
    assert [m["Body"] for m in first] == ["a0", "a1"]
    assert first[0]["Attributes"]["MessageGroupId"] == "a"
    assert first[0]["Attributes"]["SequenceNumber"] == sent[0]["SequenceNumber"]
    assert first[0]["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"a0").hexdigest()
    second = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    assert [m["Body"] for m in second] == ["b0", "b1", "b2"]
    for message in first:
        sqs.delete_message(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"])
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=fifo)["Messages"]] == ["a2"]
    assert error_of(sqs.send_message, QueueUrl=fifo, MessageBody="x") == "MissingParameter"
    assert error_of(sqs.send_message, QueueUrl=fifo, MessageBody="x", MessageGroupId="a",
                    DelaySeconds=1) == "InvalidParameterValue"


def test_dead_letters_and_move_task(sqs, queue, name):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    dead_arn = arn_of(sqs, dead)
    redrive = '{"maxReceiveCount" : 1, "deadLetterTargetArn":"%s"}' % dead_arn
    assert error_of(sqs.set_queue_attributes, QueueUrl=queue, Attributes={
        "RedrivePolicy": redrive.replace("-dead", "-none")}) == "InvalidParameterValue"
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": redrive})
    got = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    assert got["Attributes"]["RedrivePolicy"] == redrive
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sent = sqs.send_message(QueueUrl=queue, MessageBody="bad")
    assert sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    message = sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0,
                                  AttributeNames=["All"])["Messages"][0]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"
    assert counts(sqs, dead) == (1, 0, 0)


def test_move_task_json(suiro, sqs, queue, name):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    dead_arn = arn_of(sqs, dead)
    status, reply, _ = call_json(suiro, "StartMessageMoveTask", {"SourceArn": dead_arn})
    assert status == 400
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(
        {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})})
    sqs.send_message(QueueUrl=dead, MessageBody="direct")
    status, reply, _ = call_json(suiro, "StartMessageMoveTask",
                                 {"SourceArn": dead_arn, "DestinationArn": arn_of(sqs, queue)})
    assert status == 200 and reply["TaskHandle"]
    got = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert got[0]["Body"] == "direct"
    status, reply, _ = call_json(suiro, "ListMessageMoveTasks", {"SourceArn": dead_arn})
    assert reply["Results"][0]["Status"] in ("RUNNING", "COMPLETED")
    assert reply["Results"][0]["ApproximateNumberOfMessagesMoved"] == 1
    status, reply, _ = call_json(suiro, "ListMessageMoveTasks", {"SourceArn": dead_arn + "x"})
    assert status == 404 or status == 400
    assert reply["__type"].endswith("ResourceNotFoundException")


def test_json_form(suiro, queue):
    status, sent, _ = call_json(suiro, "SendMessage", {
        "QueueUrl": queue, "MessageBody": "json",
        "MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": "AAE="}}})
    assert status == 200
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"json").hexdigest()
    status, got, _ = call_json(suiro, "ReceiveMessage", {
        "QueueUrl": queue, "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["SentTimestamp"], "MaxNumberOfMessages": 10})
    message = got["Messages"][0]
    assert message["Body"] == "json"
    assert message["MessageAttributes"]["b"]["BinaryValue"] == "AAE="
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert set(message["Attributes"]) == {"SentTimestamp"}
    status, reply, headers = call_json(suiro, "SendMessage", {
        "QueueUrl": queue + "-none", "MessageBody": "x"}, query_mode=True)
    assert status == 400
    assert reply["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"


def test_aws_command_line(suiro, name):
    created = json.loads(suiro.aws("sqs", "create-queue", "--queue-name", name).stdout)
    url = created["QueueUrl"]
    suiro.aws("sqs", "send-message", "--queue-url", url, "--message-body", "from the shell")
    got = json.loads(suiro.aws("sqs", "receive-message", "--queue-url", url).stdout)
    assert got["Messages"][0]["Body"] == "from the shell"
    suiro.aws("sqs", "delete-message", "--queue-url", url, "--receipt-handle",
              got["Messages"][0]["ReceiptHandle"])
    assert suiro.aws("sqs", "receive-message", "--queue-url", url).stdout == ""


def test_kill9_keeps_what_was_acknowledged(own_suiro):
    own_suiro.start()
    sqs = own_suiro.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for i in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=f"m{i}")
    held = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2,
                               VisibilityTimeout=600)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held[0]["ReceiptHandle"])
    own_suiro.kill9()
    own_suiro.start()
    sqs = own_suiro.client("sqs")
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    assert counts(sqs, url) == (3, 1, 0)
    rest = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert {m["Body"] for m in rest} == {"m0", "m1", "m2", "m3", "m4"} - {m["Body"] for m in held}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held[1]["ReceiptHandle"])
    assert counts(sqs, url) == (0, 3, 0)


def test_bucket_events_need_the_queues_policy(suiro, sqs, queue, name):
    s3 = suiro.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})
    arn = arn_of(sqs, queue)
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    assert error_of(s3.put_bucket_notification_configuration, Bucket=name,
                    NotificationConfiguration=wanted) == "InvalidArgument"
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": arn,
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:*:*:{name}"}}}]})})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=wanted)
    s3.put_object(Bucket=name, Key="a/b.txt", Body=b"x")
    # Another message says that notifications were switched on.
    (message,) = [one for one in messages(sqs, queue, 2) if "Records" in json.loads(one["Body"])]
    records = json.loads(message["Body"])["Records"]
    assert [r["s3"]["object"]["key"] for r in records] == ["a/b.txt"]
    assert message["Attributes"]["AWSTraceHeader"].startswith("Root=1-")
