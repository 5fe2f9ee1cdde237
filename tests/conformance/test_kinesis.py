# SPDX-License-Identifier: Apache-2.0
"""Kinesis Data Streams with boto3 and `aws kinesis`, authentication on."""
import hashlib
import time

import pytest
from botocore.exceptions import ClientError
from waiting import read_until


@pytest.fixture()
def kinesis(suiro):
    return suiro.client("kinesis")


def shard_id(index):
    return f"shardId-{index:012d}"


@pytest.fixture()
def stream(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    yield name
    try:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    except kinesis.exceptions.ResourceNotFoundException:
        pass


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def read_all(kinesis, stream, shard, **start):
    start = start or {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)
    iterator = iterator["ShardIterator"]
    records = []
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator)
        records += page["Records"]
        iterator = page.get("NextShardIterator")
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            break
    return records


def test_create_describe_list_delete(kinesis, suiro, name):
    kinesis.create_stream(StreamName=name, ShardCount=3)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE" and summary["OpenShardCount"] == 3
    assert summary["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert summary["RetentionPeriodHours"] == 24
    arn = summary["StreamARN"]
    assert arn.endswith(f":stream/{name}") and arn.startswith("arn:aws:kinesis:")
    description = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert description["StreamName"] == name and not description["HasMoreShards"]
    shards = description["Shards"]
    assert [s["ShardId"] for s in shards] == [shard_id(i) for i in range(3)]
    assert shards[0]["HashKeyRange"]["StartingHashKey"] == "0"
    assert shards[2]["HashKeyRange"]["EndingHashKey"] == str(2**128 - 1)
    for before, after in zip(shards, shards[1:]):
        assert int(before["HashKeyRange"]["EndingHashKey"]) + 1 == \
            int(after["HashKeyRange"]["StartingHashKey"])
    page = kinesis.describe_stream(StreamName=name, Limit=2)["StreamDescription"]
    assert page["HasMoreShards"] and len(page["Shards"]) == 2
    pages = kinesis.get_paginator("describe_stream").paginate(
        StreamName=name, PaginationConfig={"PageSize": 2})
    assert sum(len(p["StreamDescription"]["Shards"]) for p in pages) == 3
    names = [n for p in kinesis.get_paginator("list_streams").paginate(
        PaginationConfig={"PageSize": 1}) for n in p["StreamNames"]]
    assert name in names and names == sorted(names)
    assert refused(kinesis.create_stream, StreamName=name, ShardCount=1) == "ResourceInUseException"
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)
    assert refused(kinesis.describe_stream, StreamName=name) == "ResourceNotFoundException"


def test_on_demand(kinesis, name):
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 4
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    kinesis.delete_stream(StreamName=name)


def test_put_records_and_read(kinesis, stream):
    records = [{"Data": f"d{i}".encode(), "PartitionKey": f"k{i % 7}"} for i in range(500)]
    reply = kinesis.put_records(StreamName=stream, Records=records)
    assert reply["FailedRecordCount"] == 0 and len(reply["Records"]) == 500
    expected = {shard_id(0): [], shard_id(1): []}
    for sent, placed in zip(records, reply["Records"]):
        hash_key = int(hashlib.md5(sent["PartitionKey"].encode()).hexdigest(), 16)
        assert placed["ShardId"] == shard_id(0 if hash_key < 2**127 else 1)
        expected[placed["ShardId"]].append((sent["Data"], placed["SequenceNumber"]))
    for shard, wanted in expected.items():
        got = read_all(kinesis, stream, shard)
        assert [(r["Data"], r["SequenceNumber"]) for r in got] == wanted
        numbers = [int(r["SequenceNumber"]) for r in got]
        assert numbers == sorted(set(numbers))
        assert all(abs(r["ApproximateArrivalTimestamp"].timestamp() - time.time()) < 60
                   for r in got)


def test_put_record_with_an_explicit_hash_key(kinesis, stream):
    for index, key in ((0, 0), (0, 2**127 - 1), (1, 2**127), (1, 2**128 - 1)):
        reply = kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="same",
                                   ExplicitHashKey=str(key))
        assert reply["ShardId"] == shard_id(index)
        assert len(reply["SequenceNumber"]) == 56 and reply["SequenceNumber"].startswith("49")
    assert refused(kinesis.put_record, StreamName=stream, Data=b"x", PartitionKey="k",
                   ExplicitHashKey=str(2**128)) == "InvalidArgumentException"


def test_iterator_types(kinesis, stream):
    put = [kinesis.put_record(StreamName=stream, Data=str(i).encode(), PartitionKey="k",
                              ExplicitHashKey="0") for i in range(3)]
    middle = put[1]["SequenceNumber"]

    def data(**start):
        return [r["Data"] for r in read_all(kinesis, stream, shard_id(0), **start)]

    assert data(ShardIteratorType="TRIM_HORIZON") == [b"0", b"1", b"2"]
    assert data(ShardIteratorType="AT_SEQUENCE_NUMBER",
                StartingSequenceNumber=middle) == [b"1", b"2"]
    assert data(ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=middle) == [b"2"]
    assert data(ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time() - 3600) == \
        [b"0", b"1", b"2"]
    latest = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id(0),
                                        ShardIteratorType="LATEST")["ShardIterator"]
    kinesis.put_record(StreamName=stream, Data=b"3", PartitionKey="k", ExplicitHashKey="0")
    assert [r["Data"] for r in kinesis.get_records(ShardIterator=latest)["Records"]] == [b"3"]
    assert refused(kinesis.get_shard_iterator, StreamName=stream, ShardId=shard_id(0),
                   ShardIteratorType="AT_SEQUENCE_NUMBER") == "InvalidArgumentException"
    assert refused(kinesis.get_shard_iterator, StreamName=stream, ShardId=shard_id(9),
                   ShardIteratorType="LATEST") == "ResourceNotFoundException"
    assert refused(kinesis.get_records, ShardIterator="x" * 40) == "InvalidArgumentException"


def test_limit_and_behind(kinesis, stream):
    for i in range(5):
        kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id(0),
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    page = read_until(lambda told: told["MillisBehindLatest"] > 0,
                      lambda: kinesis.get_records(ShardIterator=iterator, Limit=2))
    assert len(page["Records"]) == 2 and page["MillisBehindLatest"] > 0
    page = kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert len(page["Records"]) == 3 and page["MillisBehindLatest"] == 0


def test_records_that_are_refused(kinesis, stream):
    assert refused(kinesis.put_record, StreamName="no-such", Data=b"x",
                   PartitionKey="k") == "ResourceNotFoundException"
    assert refused(kinesis.put_record, StreamName=stream, Data=b"x" * (1 << 20),
                   PartitionKey="k") == "InvalidArgumentException"
    assert kinesis.put_record(StreamName=stream, Data=b"x" * ((1 << 20) - 1),
                              PartitionKey="k")["ShardId"]
    assert refused(kinesis.put_records, StreamName=stream,
                   Records=[{"Data": b"x", "PartitionKey": "k"}] * 501) == "ValidationException"
    many = [{"Data": b"x" * ((1 << 19) - 1), "PartitionKey": "k"}] * 20
    assert kinesis.put_records(StreamName=stream, Records=many)["FailedRecordCount"] == 0
    assert refused(kinesis.put_records, StreamName=stream, Records=many + many[:1]) == \
        "InvalidArgumentException"


def test_records_survive_kill(own_suiro):
    own_suiro.start()
    kinesis = own_suiro.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    placed = kinesis.put_records(
        StreamName="s", Records=[{"Data": str(i).encode(), "PartitionKey": "k"}
                                 for i in range(100)])["Records"]
    own_suiro.kill9()
    own_suiro.start()
    kinesis = own_suiro.client("kinesis")
    got = read_all(kinesis, "s", shard_id(0))
    assert [r["Data"] for r in got] == [str(i).encode() for i in range(100)]
    assert [r["SequenceNumber"] for r in got] == [p["SequenceNumber"] for p in placed]
