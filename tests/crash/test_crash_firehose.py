# SPDX-License-Identifier: Apache-2.0
"""Records on their way into the lake over kill -9: each acknowledged one is in one object, once."""
import re

from botocore.config import Config
from harness import FAILURES, unknown
from waiting import read_until

ROLE = "arn:aws:iam::000000000000:role/r"
DRAIN_SECONDS_MAX = 120
RECORD = re.compile(rb"<(\d+-\d+-\d+)>")


class Records:
    """What was sent, and what was acknowledged; names are unique."""

    def __init__(self):
        self.intended, self.acknowledged = set(), set()


def writer(number, records, send):
    """Sends batches; what has no answer is not repeated."""
    counter = iter(range(1 << 30))

    def step(rng):
        batch = next(counter)
        names = [f"{number}-{batch}-{i}" for i in range(rng.randint(1, 50))]
        records.intended.update(names)
        padding = b"." * rng.choice((0, 100, 3000))
        try:
            send([b"<" + name.encode() + b">" + padding for name in names])
        except FAILURES as error:
            if not unknown(error):
                raise
            return
        records.acknowledged.update(names)

    return step


def prepare(harness, **source):
    env = harness.server.env
    harness.client("s3").create_bucket(Bucket="lake", CreateBucketConfiguration={
        "LocationConstraint": env["AWS_DEFAULT_REGION"]})
    # Debian's boto3 knows no interval below a minute.
    client = harness.server.client("firehose", config=Config(parameter_validation=False))
    client.create_delivery_stream(
        DeliveryStreamName="crash", **source, ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}})


def check(harness, records):
    """Waits for what was acknowledged, then asserts that everything is there once."""
    client, bodies = harness.client("s3"), {}

    def names():
        for page in client.get_paginator("list_objects_v2").paginate(Bucket="lake"):
            for item in page.get("Contents", []):
                if item["Key"] not in bodies:
                    bodies[item["Key"]] = client.get_object(
                        Bucket="lake", Key=item["Key"])["Body"].read()
        return [name.decode() for body in bodies.values() for name in RECORD.findall(body)]

    found = read_until(lambda told: records.acknowledged <= set(told), names, DRAIN_SECONDS_MAX)
    missing = records.acknowledged - set(found)
    assert not missing, f"lost: {len(missing)} of {len(records.acknowledged)}"
    assert len(found) == len(set(found)), "a record is in the lake twice"
    assert set(found) <= records.intended
    assert len(records.acknowledged) > 100 and len(bodies) > 1


def test_firehose(harness):
    prepare(harness)
    records = Records()

    def sender():
        client = harness.client("firehose")
        return lambda batch: client.put_record_batch(
            DeliveryStreamName="crash", Records=[{"Data": data} for data in batch])

    for number in range(3):
        harness.writer(writer(number, records, sender()))
    harness.run()
    check(harness, records)


def test_kinesis_to_firehose(harness):
    kinesis = harness.client("kinesis")
    kinesis.create_stream(StreamName="source", ShardCount=2)
    arn = kinesis.describe_stream_summary(
        StreamName="source")["StreamDescriptionSummary"]["StreamARN"]
    prepare(harness, DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE})
    records = Records()

    def sender():
        client = harness.client("kinesis")
        return lambda batch: client.put_records(StreamName="source", Records=[
            {"Data": data, "PartitionKey": str(i)} for i, data in enumerate(batch)])

    for number in range(3):
        harness.writer(writer(number, records, sender()))
    harness.run()
    check(harness, records)
