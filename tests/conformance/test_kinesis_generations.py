# SPDX-License-Identifier: Apache-2.0
"""A stream that is deleted and made again under its name: what clients hold of the old one fails,
and every reader of Suiro's reads the new one from its first record."""

import pytest
from botocore.exceptions import ClientError
from test_analytics import await_status, create, make_stream, put, read, start, to_stream
from test_firehose import ROLE, make_bucket
from test_firehose_delivery import AT_ONCE
from test_firehose_delivery import create as create_delivery
from test_kinesis_lambda import RELAY, receive
from test_lambda import make
from waiting import until

SHARD = "shardId-000000000000"


@pytest.fixture()
def kinesis(suiro):
    return suiro.client("kinesis")


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def put_texts(kinesis, name, *texts):
    for text in texts:
        kinesis.put_record(StreamName=name, Data=text.encode(), PartitionKey=text)


def make_again(kinesis, name, shards=1):
    kinesis.delete_stream(StreamName=name)
    make_stream(kinesis, name, shards)


def stream_arn(kinesis, name):
    return kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]


def test_what_clients_hold_fails(kinesis, name):
    make_stream(kinesis, name, shards=3)
    sequence = kinesis.put_record(StreamName=name, Data=b"old", PartitionKey="k",
                                  ExplicitHashKey="0")["SequenceNumber"]
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=SHARD,
                                          ShardIteratorType="LATEST")["ShardIterator"]
    token = kinesis.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    make_again(kinesis, name, shards=3)
    put_texts(kinesis, name, "new")
    assert refused(kinesis.get_records, ShardIterator=iterator) == "ResourceNotFoundException"
    assert refused(kinesis.list_shards, NextToken=token) == "ResourceNotFoundException"
    for at in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]:
        assert refused(kinesis.get_shard_iterator, StreamName=name, ShardId=SHARD,
                       ShardIteratorType=at, StartingSequenceNumber=sequence
                       ) == "InvalidArgumentException"
    kinesis.delete_stream(StreamName=name)
    assert refused(kinesis.get_records, ShardIterator=iterator) == "ResourceNotFoundException"


def test_open_shards_are_limited(kinesis, name):
    limits = kinesis.describe_limits()
    room = limits["ShardLimit"] - limits["OpenShardCount"]
    kinesis.create_stream(StreamName=name, ShardCount=10_000)
    kinesis.create_stream(StreamName=name + "-2", ShardCount=room - 10_000)
    assert kinesis.describe_limits()["OpenShardCount"] == limits["ShardLimit"]
    with pytest.raises(ClientError) as caught:
        kinesis.create_stream(StreamName=name + "-3", ShardCount=1)
    error = caught.value.response["Error"]
    assert error["Code"] == "LimitExceededException"
    assert f"Limit: {limits['ShardLimit']}." in error["Message"]
    assert refused(kinesis.create_stream, StreamName=name + "-3",
                   StreamModeDetails={"StreamMode": "ON_DEMAND"}) == "LimitExceededException"
    assert refused(kinesis.split_shard, StreamName=name + "-2", ShardToSplit=SHARD,
                   NewStartingHashKey="1000") == "LimitExceededException"
    for made in [name, name + "-2"]:
        kinesis.delete_stream(StreamName=made)
    assert kinesis.describe_limits()["OpenShardCount"] == limits["OpenShardCount"]


def test_a_mapping_reads_it_from_its_beginning(suiro, kinesis, name):
    sqs, client = suiro.client("sqs"), suiro.client("lambda")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    make_stream(kinesis, name)
    make(client, name, RELAY, Timeout=20, Environment={"Variables": {"OUT": url}})
    mapping = client.create_event_source_mapping(
        EventSourceArn=stream_arn(kinesis, name), FunctionName=name, StartingPosition="LATEST")
    put_texts(kinesis, name, *[f"old{i}" for i in range(5)])
    seen = []

    def came(count):
        receive(sqs, url, seen)
        return len(seen) >= count
    until(lambda: came(5), "5 records pass")
    kinesis.delete_stream(StreamName=name)
    until(lambda: "PROBLEM" in client.get_event_source_mapping(
        UUID=mapping["UUID"])["LastProcessingResult"], "the mapping tells that its stream is gone")
    make_stream(kinesis, name, shards=2)
    put_texts(kinesis, name, *[f"new{i}" for i in range(8)])
    until(lambda: came(13), "8 more pass")
    assert sorted(seen) == [f"new{i}" for i in range(8)] + [f"old{i}" for i in range(5)]
    client.delete_event_source_mapping(UUID=mapping["UUID"])
    kinesis.delete_stream(StreamName=name)


def test_a_delivery_stream_reads_it_from_its_beginning(suiro, kinesis, name):
    make_bucket(suiro, name)
    make_stream(kinesis, name)
    create_delivery(suiro, name, DeliveryStreamType="KinesisStreamAsSource",
                    KinesisStreamSourceConfiguration={
                        "KinesisStreamARN": stream_arn(kinesis, name), "RoleARN": ROLE},
                    ExtendedS3DestinationConfiguration={
                        "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{name}",
                        "BufferingHints": AT_ONCE})
    put_texts(kinesis, name, "<old0>", "<old1>", "<old2>")

    def content():
        s3 = suiro.client("s3")
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=name).get("Contents", [])]
        bodies = [s3.get_object(Bucket=name, Key=key)["Body"].read() for key in keys]
        return sorted(part for body in bodies for part in body.split(b"<") if part)
    until(lambda: len(content()) == 3, "3 records are delivered")
    make_again(kinesis, name, shards=2)
    put_texts(kinesis, name, "<new0>", "<new1>", "<new2>", "<new3>", "<new4>")
    until(lambda: len(content()) == 8, "5 more are delivered")
    assert content() == [b"new%d>" % i for i in range(5)] + [b"old%d>" % i for i in range(3)]
    suiro.client("firehose").delete_delivery_stream(DeliveryStreamName=name)
    kinesis.delete_stream(StreamName=name)


def test_an_application_reads_it_from_its_beginning(own_suiro, name):
    own_suiro.start()
    kinesis, v2 = own_suiro.client("kinesis"), own_suiro.client("kinesisanalyticsv2")
    make_stream(kinesis, name)
    make_stream(kinesis, name + "-out")
    create(v2, name, stream=name, outputs=[to_stream(name + "-out")])
    put(kinesis, name, [{"user": "old", "n": i} for i in range(50)])
    start(v2, name)
    assert len(read(kinesis, name + "-out", 50)) == 50
    make_again(kinesis, name)
    put(kinesis, name, [{"user": "new", "n": i} for i in range(100, 170)])
    rows = read(kinesis, name + "-out", 120)
    assert sorted(row["N"] for row in rows) == [*range(50), *range(100, 170)]
    # Once more, while the process is away.
    make_again(kinesis, name, shards=2)
    own_suiro.kill9()
    own_suiro.stop()
    own_suiro.start()
    kinesis, v2 = own_suiro.client("kinesis"), own_suiro.client("kinesisanalyticsv2")
    await_status(v2, name, "RUNNING")
    put(kinesis, name, [{"user": "last", "n": i} for i in range(200, 210)])
    assert len(read(kinesis, name + "-out", 130)) == 130
    # What would come twice comes before one more.
    put(kinesis, name, [{"user": "end", "n": 300}])
    rows = read(kinesis, name + "-out", 131)
    assert sorted(row["N"] for row in rows) == [*range(50), *range(100, 170), *range(200, 210), 300]
