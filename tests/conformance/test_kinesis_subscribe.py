# SPDX-License-Identifier: Apache-2.0
"""SubscribeToShard with boto3 (HTTP/1.1); the JavaScript SDK's test does it over HTTP/2."""
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

SHARD = "shardId-000000000000"


@pytest.fixture()
def kinesis(suiro):
    return suiro.client("kinesis", config=Config(retries={"max_attempts": 1}, read_timeout=30))


@pytest.fixture()
def consumer(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    made = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    yield made["ConsumerARN"]
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def subscribe(kinesis, consumer, **start):
    start = start or {"Type": "TRIM_HORIZON"}
    return kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=SHARD,
                                      StartingPosition=start)["EventStream"]


def take(events, count):
    """The first `count` records, and the event that brought the last."""
    records = []
    for event in events:
        event = event["SubscribeToShardEvent"]
        records += event["Records"]
        if len(records) >= count:
            return records, event
    raise AssertionError(f"the stream ended after {len(records)} records")


def test_records_arrive_as_they_are_put(kinesis, consumer, name):
    kinesis.put_record(StreamName=name, Data=b"before", PartitionKey="k")
    events = subscribe(kinesis, consumer)
    records, _ = take(events, 1)
    assert [r["Data"] for r in records] == [b"before"]
    assert records[0]["PartitionKey"] == "k"
    put = kinesis.put_record(StreamName=name, Data=b"after", PartitionKey="k")
    records, event = take(events, 1)
    assert [r["Data"] for r in records] == [b"after"]
    assert records[0]["SequenceNumber"] == put["SequenceNumber"]
    assert event["ContinuationSequenceNumber"] == put["SequenceNumber"]
    assert event["MillisBehindLatest"] == 0
    events.close()


def test_goes_on_behind_the_continuation(kinesis, consumer, name):
    for number in range(3):
        kinesis.put_record(StreamName=name, Data=b"%d" % number, PartitionKey="k")
    second = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(
        StreamName=name, ShardId=SHARD,
        ShardIteratorType="TRIM_HORIZON")["ShardIterator"])["Records"][1]
    events = subscribe(kinesis, consumer, Type="AFTER_SEQUENCE_NUMBER",
                       SequenceNumber=second["SequenceNumber"])
    assert [r["Data"] for r in take(events, 1)[0]] == [b"2"]
    events.close()


def test_the_end_of_a_shard_tells_its_children(kinesis, consumer, name):
    kinesis.put_record(StreamName=name, Data=b"last", PartitionKey="k")
    kinesis.split_shard(StreamName=name, ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    events = [e["SubscribeToShardEvent"] for e in subscribe(kinesis, consumer)]
    assert [r["Data"] for e in events for r in e["Records"]] == [b"last"]
    assert {c["ShardId"] for c in events[-1]["ChildShards"]} == {
        "shardId-000000000001", "shardId-000000000002"}
    assert "ContinuationSequenceNumber" not in events[-1]


def test_refusals(kinesis, consumer, name):
    events = subscribe(kinesis, consumer)
    with pytest.raises(ClientError) as caught:
        subscribe(kinesis, consumer)
    assert caught.value.response["Error"]["Code"] == "ResourceInUseException"
    events.close()
    for start in ({"Type": "AT_TIMESTAMP"}, {"Type": "LATEST", "SequenceNumber": "49"}):
        with pytest.raises(ClientError) as caught:
            subscribe(kinesis, consumer, **start)
        assert caught.value.response["Error"]["Code"] == "InvalidArgumentException"
    with pytest.raises(ClientError) as caught:
        subscribe(kinesis, consumer.replace("/reader:", "/other:"))
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_deleted_stream_ends_with_its_error(kinesis, consumer, name):
    events = subscribe(kinesis, consumer)
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    with pytest.raises(ClientError) as caught:
        for _ in events:
            pass
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    kinesis.create_stream(StreamName=name, ShardCount=1)  # for the fixture's end
