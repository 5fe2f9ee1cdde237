# SPDX-License-Identifier: Apache-2.0
"""put -> SQL -> stream and -> Firehose -> lake under kill -9: each record once; see README.md."""
import collections
import json
import time

from botocore.config import Config
from harness import FAILURES, unknown
from waiting import read_until

STREAM, OUT, DELIVERY, LAKE, NAME = "clicks", "out", "counts", "lake", "app"
ROLE = "arn:aws:iam::000000000000:role/any"
DRAIN_SECONDS_MAX = 120
CODE = """
CREATE OR REPLACE STREAM PASSED (id VARCHAR(32));
CREATE OR REPLACE PUMP pass AS INSERT INTO PASSED
  SELECT STREAM "id" FROM SOURCE_SQL_STREAM_001;
CREATE OR REPLACE STREAM COUNTED ("user" VARCHAR(16), c BIGINT);
CREATE OR REPLACE PUMP counting AS INSERT INTO COUNTED
  SELECT STREAM "user", COUNT(*) FROM SOURCE_SQL_STREAM_001
  GROUP BY "user", STEP(SOURCE_SQL_STREAM_001.ROWTIME BY INTERVAL '1' SECOND);
"""


def arn(service, resource):
    return f"arn:aws:{service}:ap-northeast-1:000000000000:{resource}"


def build(harness):
    kinesis = harness.client("kinesis")
    # Older clients refuse an interval below a minute, which the service takes.
    firehose = harness.server.client("firehose", config=Config(parameter_validation=False))
    for name in (STREAM, OUT):
        kinesis.create_stream(StreamName=name, ShardCount=2)
        kinesis.get_waiter("stream_exists").wait(StreamName=name)
    harness.client("s3").create_bucket(Bucket=LAKE, CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    firehose.create_delivery_stream(
        DeliveryStreamName=DELIVERY, DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{LAKE}",
            "BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 1}})
    analytics = harness.client("kinesisanalytics")
    columns = [{"Name": "id", "SqlType": "VARCHAR(32)", "Mapping": "$.id"},
               {"Name": "user", "SqlType": "VARCHAR(16)", "Mapping": "$.user"}]
    json_rows = {"RecordFormatType": "JSON"}
    analytics.create_application(
        ApplicationName=NAME, ApplicationCode=CODE,
        Inputs=[{"NamePrefix": "SOURCE_SQL_STREAM",
                 "KinesisStreamsInput": {"ResourceARN": arn("kinesis", f"stream/{STREAM}"),
                                         "RoleARN": ROLE},
                 "InputSchema": {"RecordFormat": json_rows, "RecordColumns": columns}}],
        Outputs=[{"Name": "PASSED", "DestinationSchema": json_rows,
                  "KinesisStreamsOutput": {"ResourceARN": arn("kinesis", f"stream/{OUT}"),
                                           "RoleARN": ROLE}},
                 {"Name": "COUNTED", "DestinationSchema": json_rows,
                  "KinesisFirehoseOutput": {
                      "ResourceARN": arn("firehose", f"deliverystream/{DELIVERY}"),
                      "RoleARN": ROLE}}])
    detail = analytics.describe_application(ApplicationName=NAME)["ApplicationDetail"]
    analytics.start_application(ApplicationName=NAME, InputConfigurations=[
        {"Id": detail["InputDescriptions"][0]["InputId"], "InputStartingPositionConfiguration": {
            "InputStartingPosition": "TRIM_HORIZON"}}])


class Writes:
    def __init__(self):
        self.sent = 0
        self.acknowledged = set()


def putter(harness, number, writes):
    client = harness.client("kinesis")

    def step(rng):
        rows = [{"id": f"{number}.{writes.sent + i}", "user": f"u{rng.randrange(5)}"}
                for i in range(rng.choice((1, 10, 200)))]
        writes.sent += len(rows)
        try:
            client.put_records(StreamName=STREAM, Records=[
                {"Data": json.dumps(row).encode(), "PartitionKey": row["id"]} for row in rows])
        except FAILURES as error:
            if not unknown(error):
                raise
            return
        writes.acknowledged.update(row["id"] for row in rows)

    return step


def records(client, stream):
    found = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"],
                                             ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            page = client.get_records(ShardIterator=iterator)
            found += [json.loads(record["Data"]) for record in page["Records"]]
            iterator = page["NextShardIterator"]
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
    return found


def lake_counts(s3):
    counts, decoder = collections.Counter(), json.JSONDecoder()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=LAKE):
        for row in page.get("Contents", []):
            text = s3.get_object(Bucket=LAKE, Key=row["Key"])["Body"].read().decode()
            while text:
                value, end = decoder.raw_decode(text)
                text = text[end:].lstrip()
                counts[value["user"]] += value["C"]
    return counts


def await_equal(read, expected):
    """The last reading, once it has as much as it should or nothing more comes."""
    return read_until(lambda got: sum(got.values()) >= sum(expected.values()), read,
                      DRAIN_SECONDS_MAX)


def test_every_record_counts_once(harness):
    build(harness)
    writers = [Writes() for _ in range(2)]
    for number, writes in enumerate(writers):
        harness.writer(putter(harness, number, writes))
    harness.run()
    kinesis, s3 = harness.client("kinesis"), harness.client("s3")
    put = records(kinesis, STREAM)
    acknowledged = set().union(*(writes.acknowledged for writes in writers))
    assert acknowledged and acknowledged <= {row["id"] for row in put}
    expected = collections.Counter(row["id"] for row in put)
    got = await_equal(
        lambda: collections.Counter(row["ID"] for row in records(kinesis, OUT)), expected)
    assert got == expected
    users = collections.Counter(row["user"] for row in put)
    assert await_equal(lambda: lake_counts(s3), users) == users


def changer(harness):
    """Changes the code, again and again: another text, and so another program."""
    client = harness.client("kinesisanalytics")

    def step(rng):
        time.sleep(rng.random() / 2)  # the random moment is the point
        try:
            detail = client.describe_application(ApplicationName=NAME)["ApplicationDetail"]
            client.update_application(
                ApplicationName=NAME,
                CurrentApplicationVersionId=detail["ApplicationVersionId"],
                ApplicationUpdate={"ApplicationCodeUpdate": CODE + f"-- {rng.random()}\n"})
        except client.exceptions.ResourceInUseException:
            return  # the change before is under way
        except FAILURES as error:
            if not unknown(error):
                raise

    return step


def test_changes_of_code_lose_no_record(harness):
    build(harness)
    writes = Writes()
    harness.writer(putter(harness, 0, writes))
    harness.writer(changer(harness))
    harness.run()
    kinesis = harness.client("kinesis")
    expected = collections.Counter(row["id"] for row in records(kinesis, STREAM))
    assert writes.acknowledged and writes.acknowledged <= set(expected)
    got = await_equal(
        lambda: collections.Counter(row["ID"] for row in records(kinesis, OUT)), expected)
    assert got == expected
    version = harness.client("kinesisanalytics").describe_application(
        ApplicationName=NAME)["ApplicationDetail"]["ApplicationVersionId"]
    assert version > 2
