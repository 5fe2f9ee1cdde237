# SPDX-License-Identifier: Apache-2.0
"""Nothing acknowledged is lost over kill -9; see README.md."""
import collections
import hashlib
import io
import threading
import time
import zipfile
import zlib

from harness import FAILURES, unknown
from waiting import read_until

DRAIN_SECONDS_MAX = 120


def attempt(call):
    """(reply, True) when acknowledged; (None, False) when the outcome is unknown."""
    try:
        return call(), True
    except FAILURES as error:
        if not unknown(error):
            raise
        return None, False


# --- S3 ---

class Objects:
    """What a bucket may hold: for each key the contents that the last requests allow."""

    def __init__(self):
        self.allowed = {}  # key -> set of digests, None for absent

    def intend(self, key, digest):
        self.allowed.setdefault(key, {None}).add(digest)

    def acknowledge(self, key, digest):
        self.allowed[key] = {digest}


def s3_writer(harness, bucket, number, objects):
    client = harness.client("s3")
    keys = [f"w{number}/{i}" for i in range(20)]

    def step(rng):
        key = rng.choice(keys)
        if rng.random() < 0.25:
            objects.intend(key, None)
            _, done = attempt(lambda: client.delete_object(Bucket=bucket, Key=key))
            digest = None
        else:
            size = rng.choice((0, 100, 4096, 100_000, 1_000_000))
            body = rng.randbytes(size)
            digest = hashlib.sha256(body).hexdigest()
            objects.intend(key, digest)
            _, done = attempt(lambda: client.put_object(Bucket=bucket, Key=key, Body=body))
        if done:
            objects.acknowledge(key, digest)

    return step


def check_objects(client, bucket, objects):
    listed = {item["Key"]
              for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
              for item in page.get("Contents", [])}
    for key, allowed in objects.allowed.items():
        found = None
        if key in listed:
            body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            found = hashlib.sha256(body).hexdigest()
        assert found in allowed, f"{key}: {found} is not among {allowed}"
    assert listed <= set(objects.allowed), "objects that nobody put"


def test_s3(harness):
    client = harness.client("s3")
    client.create_bucket(Bucket="crash", CreateBucketConfiguration={
        "LocationConstraint": harness.server.env["AWS_DEFAULT_REGION"]})
    oracles = [Objects() for _ in range(4)]
    for number, objects in enumerate(oracles):
        harness.writer(s3_writer(harness, "crash", number, objects))
    harness.run()
    merged = Objects()
    for objects in oracles:
        merged.allowed.update(objects.allowed)
    assert len(merged.allowed) > 10
    check_objects(harness.client("s3"), "crash", merged)


# --- SQS ---

class Messages:
    """What was sent and deleted; bodies are unique."""

    def __init__(self):
        self.lock = threading.Lock()
        self.intended, self.sent = set(), set()
        self.delete_intended, self.deleted = set(), set()
        self.received_after_delete = set()

    def receive(self, body):
        with self.lock:
            if body in self.deleted:
                self.received_after_delete.add(body)


def sender(harness, url, number, messages, fifo):
    client, counter = harness.client("sqs"), iter(range(1 << 30))

    def step(rng):
        body = f"{number}-{next(counter)}"
        extra = {"MessageGroupId": str(number), "MessageDeduplicationId": body} if fifo else {}
        with messages.lock:
            messages.intended.add(body)
        while True:
            _, done = attempt(lambda: client.send_message(
                QueueUrl=url, MessageBody=body, **extra))
            if done:
                messages.sent.add(body)
            # FIFO senders repeat what was not acknowledged, as an SDK does: it is deduplicated.
            if done or not fifo or harness.stopping.is_set():
                return

    return step


def receiver(harness, url, messages):
    client = harness.client("sqs")

    def step(rng):
        reply, done = attempt(lambda: client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1))
        for message in (reply or {}).get("Messages", []) if done else []:
            take(client, url, messages, message)

    return step


def take(client, url, messages, message):
    body = message["Body"]
    messages.receive(body)
    if left_for_later(body):
        return
    with messages.lock:
        messages.delete_intended.add(body)
    _, done = attempt(lambda: client.delete_message(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]))
    if done:
        with messages.lock:
            messages.deleted.add(body)


def left_for_later(body):
    """Some messages are left for later: they must come back after their visibility timeout."""
    return zlib.crc32(body.encode()) % 5 == 0


def drain(client, url, wanted):
    """Receives and deletes until every wanted body was seen; returns the bodies in order."""
    seen = []

    def take():
        reply = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in reply.get("Messages", []):
            seen.append(message["Body"])
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return seen

    return read_until(lambda told: wanted <= set(told), take, DRAIN_SECONDS_MAX)


def test_sqs_standard(harness):
    client = harness.client("sqs")
    url = client.create_queue(QueueName="crash", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
    messages = Messages()
    for number in range(3):
        harness.writer(sender(harness, url, number, messages, fifo=False))
    for _ in range(2):
        harness.writer(receiver(harness, url, messages))
    harness.run()
    wanted = messages.sent - messages.delete_intended
    seen = drain(harness.client("sqs"), url, wanted)
    assert wanted <= set(seen), f"lost: {sorted(wanted - set(seen))[:10]}"
    assert not messages.received_after_delete, "an acknowledged delete came back"
    assert not set(seen) & messages.deleted, "an acknowledged delete came back"
    assert set(seen) <= messages.intended
    assert len(messages.sent) > 50


def test_sqs_fifo(harness):
    client = harness.client("sqs")
    url = client.create_queue(QueueName="crash.fifo", Attributes={
        "FifoQueue": "true", "VisibilityTimeout": "3"})["QueueUrl"]
    messages, order, ids = Messages(), [], collections.defaultdict(set)
    for number in range(4):
        harness.writer(sender(harness, url, number, messages, fifo=True))
    consumer = harness.client("sqs")

    def consume(rng):
        reply, done = attempt(lambda: consumer.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1))
        for message in (reply or {}).get("Messages", []) if done else []:
            body = message["Body"]
            messages.receive(body)
            order.append(body)
            ids[body].add(message["MessageId"])
            _, gone = attempt(lambda: consumer.delete_message(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]))
            if gone:
                messages.deleted.add(body)

    harness.writer(consume)
    harness.run()
    wanted = messages.sent - set(order)
    order += drain(harness.client("sqs"), url, wanted)
    assert messages.sent <= set(order), "lost"
    assert not messages.received_after_delete, "a deleted message was received again"
    assert all(len(found) == 1 for found in ids.values()), "a send was stored twice"
    for number in range(4):
        # A message may be read again after its visibility timeout; its first reading is in order.
        firsts = list(dict.fromkeys(int(b.split("-")[1]) for b in order
                                    if b.split("-")[0] == str(number)))
        assert firsts == sorted(firsts), f"group {number} is out of order: {firsts}"
    assert len(messages.sent) > 50


# --- S3 -> Lambda -> S3 ---

FUNCTION = b'''
import urllib.parse, boto3
s3 = boto3.client("s3")
def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key="out/" + key[3:], Body=body[::-1])
'''


def deploy_reverser(harness):
    s3, functions = harness.client("s3"), harness.client("lambda")
    s3.create_bucket(Bucket="chain", CreateBucketConfiguration={
        "LocationConstraint": harness.server.env["AWS_DEFAULT_REGION"]})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", FUNCTION)
    arn = functions.create_function(
        FunctionName="reverse", Runtime="python3.11", Handler="index.handler", Timeout=30,
        Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": code.getvalue()})["FunctionArn"]
    functions.add_permission(FunctionName="reverse", StatementId="s3", Principal="s3.amazonaws.com",
                             Action="lambda:InvokeFunction", SourceArn="arn:aws:s3:::chain")
    s3.put_bucket_notification_configuration(Bucket="chain", NotificationConfiguration={
        "LambdaFunctionConfigurations": [{
            "LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}}]})


def test_upload_event_function_object(harness):
    deploy_reverser(harness)
    uploaded, counter = {}, iter(range(1 << 30))
    client = harness.client("s3")

    def upload(rng):
        key, body = f"{next(counter):06}", rng.randbytes(rng.choice((10, 5000)))
        _, done = attempt(lambda: client.put_object(Bucket="chain", Key=f"in/{key}", Body=body))
        if done:
            uploaded[key] = body
        time.sleep(0.02)  # paces the uploads: functions are slower than puts

    harness.writer(upload)
    harness.run()
    assert len(uploaded) > 10
    reader = harness.client("s3")
    missing = read_until(lambda told: not told, lambda: set(uploaded) - {
        item["Key"][4:]
        for page in reader.get_paginator("list_objects_v2").paginate(Bucket="chain", Prefix="out/")
        for item in page.get("Contents", [])}, DRAIN_SECONDS_MAX)
    assert not missing, f"{len(missing)} of {len(uploaded)} events are lost: {sorted(missing)[:10]}"
    for key, body in uploaded.items():
        assert reader.get_object(Bucket="chain", Key=f"out/{key}")["Body"].read() == body[::-1]
