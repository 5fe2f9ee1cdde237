# SPDX-License-Identifier: Apache-2.0
"""Kinesis Data Streams: shards, settings, tags and consumers, with boto3, `aws` and plain JSON."""
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from sigv4 import Signer

HALF = 2**127


@pytest.fixture()
def kinesis(suiro):
    return suiro.client("kinesis")


@pytest.fixture()
def stream(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=1)
    yield name
    try:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    except kinesis.exceptions.ResourceNotFoundException:
        pass


def shard_id(index):
    return f"shardId-{index:012d}"


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def call(server, operation, **members):
    """A call with members that Debian's boto3 does not know."""
    status, _, body = Signer(server, "kinesis").request(
        "POST", "/", body=json.dumps(members).encode(),
        extra={"content-type": "application/x-amz-json-1.1",
               "x-amz-target": f"Kinesis_20131202.{operation}"})
    return status, json.loads(body or b"{}")


def shards_of(kinesis, stream, **filters):
    return [s["ShardId"] for s in kinesis.list_shards(StreamName=stream, **filters)["Shards"]]


def arn_of(kinesis, stream):
    return kinesis.describe_stream_summary(
        StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]


def test_split_merge_and_child_shards(kinesis, stream):
    for i in range(10):
        kinesis.put_record(StreamName=stream, Data=str(i).encode(), PartitionKey=f"k{i}")
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard_id(0),
                        NewStartingHashKey=str(HALF))
    shards = kinesis.list_shards(StreamName=stream)["Shards"]
    assert [s["ShardId"] for s in shards] == [shard_id(i) for i in range(3)]
    parent, low, high = shards
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert low["ParentShardId"] == high["ParentShardId"] == shard_id(0)
    assert int(low["HashKeyRange"]["EndingHashKey"]) == HALF - 1
    assert int(low["SequenceNumberRange"]["StartingSequenceNumber"]) > \
        int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id(0),
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    page = kinesis.get_records(ShardIterator=iterator)
    assert len(page["Records"]) == 10 and page.get("NextShardIterator") is None
    assert [(c["ShardId"], c["ParentShards"]) for c in page["ChildShards"]] == \
        [(shard_id(1), [shard_id(0)]), (shard_id(2), [shard_id(0)])]
    kinesis.merge_shards(StreamName=stream, ShardToMerge=shard_id(1),
                         AdjacentShardToMerge=shard_id(2))
    merged = kinesis.list_shards(StreamName=stream)["Shards"][-1]
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == \
        (shard_id(1), shard_id(2))
    placed = kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    assert placed["ShardId"] == shard_id(3)
    assert refused(kinesis.split_shard, StreamName=stream, ShardToSplit=shard_id(0),
                   NewStartingHashKey=str(HALF)) == "InvalidArgumentException"


def test_update_shard_count(kinesis, stream):
    reply = kinesis.update_shard_count(StreamName=stream, TargetShardCount=2,
                                       ScalingType="UNIFORM_SCALING")
    assert (reply["CurrentShardCount"], reply["TargetShardCount"]) == (1, 2)
    kinesis.update_shard_count(StreamName=stream, TargetShardCount=3,
                               ScalingType="UNIFORM_SCALING")
    latest = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    ranges = sorted(int(s["HashKeyRange"]["StartingHashKey"]) for s in latest)
    assert len(ranges) == 3 and ranges[0] == 0
    assert abs(ranges[1] - 2**128 // 3) < 10 and abs(ranges[2] - 2 * (2**128 // 3)) < 10
    assert refused(kinesis.update_shard_count, StreamName=stream, TargetShardCount=7,
                   ScalingType="UNIFORM_SCALING") == "InvalidArgumentException"
    assert kinesis.describe_limits()["OpenShardCount"] >= 3


def test_list_shards_filters_and_pages(kinesis, stream):
    time.sleep(0.05)  # the first shard is older than `before`, and its children are younger
    before = time.time()
    time.sleep(0.05)
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard_id(0), NewStartingHashKey=str(HALF))
    first, low, high = (shard_id(i) for i in range(3))
    for filters, expected in (
            ({"Type": "AT_LATEST"}, [low, high]),
            ({"Type": "AT_TRIM_HORIZON"}, [first]),
            ({"Type": "FROM_TRIM_HORIZON"}, [first, low, high]),
            ({"Type": "AT_TIMESTAMP", "Timestamp": before}, [first]),
            ({"Type": "FROM_TIMESTAMP", "Timestamp": before}, [first, low, high]),
            ({"Type": "AFTER_SHARD_ID", "ShardId": first}, [low, high])):
        assert shards_of(kinesis, stream, ShardFilter=filters) == expected, filters
    assert shards_of(kinesis, stream, ExclusiveStartShardId=low) == [high]
    page = kinesis.list_shards(StreamName=stream, MaxResults=1)
    token, found = page["NextToken"], page["Shards"]
    while "NextToken" in page:
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=1)
        found += page["Shards"]
    assert [s["ShardId"] for s in found] == [first, low, high]
    assert refused(kinesis.list_shards, StreamName=stream, NextToken=token) == \
        "InvalidArgumentException"
    assert refused(kinesis.list_shards, NextToken="nonsense") == "InvalidArgumentException"


def test_retention(kinesis, stream):
    def hours():
        return kinesis.describe_stream_summary(
            StreamName=stream)["StreamDescriptionSummary"]["RetentionPeriodHours"]

    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=8760)
    assert hours() == 8760
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    assert hours() == 24
    for change, wanted in ((kinesis.increase_stream_retention_period, 8761),
                           (kinesis.decrease_stream_retention_period, 23),
                           (kinesis.decrease_stream_retention_period, 25)):
        assert refused(change, StreamName=stream, RetentionPeriodHours=wanted) == \
            "InvalidArgumentException"


def test_tags(kinesis, suiro, stream):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"a": "1", "b": "2", "c": "3"})
    kinesis.remove_tags_from_stream(StreamName=stream, TagKeys=["b"])
    reply = kinesis.list_tags_for_stream(StreamName=stream, Limit=1)
    assert reply == {**reply, "Tags": [{"Key": "a", "Value": "1"}], "HasMoreTags": True}
    reply = kinesis.list_tags_for_stream(StreamName=stream, ExclusiveStartTagKey="a")
    assert [t["Key"] for t in reply["Tags"]] == ["c"] and not reply["HasMoreTags"]
    arn = arn_of(kinesis, stream)
    assert call(suiro, "TagResource", ResourceARN=arn, Tags={"d": "4"})[0] == 200
    assert call(suiro, "UntagResource", ResourceARN=arn, TagKeys=["a"])[0] == 200
    status, tags = call(suiro, "ListTagsForResource", ResourceARN=arn)
    assert status == 200 and [t["Key"] for t in tags["Tags"]] == ["c", "d"]
    assert refused(kinesis.add_tags_to_stream, StreamName=stream,
                   Tags={f"k{i}": "v" for i in range(49)}) == "InvalidArgumentException"


def test_streams_by_arn(kinesis, suiro, stream):
    arn = arn_of(kinesis, stream)
    status, reply = call(suiro, "PutRecord", StreamARN=arn, Data="eA==", PartitionKey="k")
    assert status == 200 and reply["ShardId"] == shard_id(0)
    status, reply = call(suiro, "DescribeStream", StreamARN=arn, StreamName=stream)
    assert status == 200 and reply["StreamDescription"]["StreamName"] == stream
    status, reply = call(suiro, "PutRecord", StreamARN=arn, StreamName="other", Data="eA==",
                         PartitionKey="k")
    assert status == 400 and reply["__type"].endswith("InvalidArgumentException")
    status, reply = call(suiro, "PutRecord", Data="eA==", PartitionKey="k")
    assert status == 400 and reply["__type"].endswith("InvalidArgumentException")


def test_record_size(kinesis, suiro, stream):
    arn = arn_of(kinesis, stream)
    large = b"x" * (2 << 20)
    assert refused(kinesis.put_record, StreamName=stream, Data=large, PartitionKey="k") == \
        "InvalidArgumentException"
    assert call(suiro, "UpdateMaxRecordSize", StreamARN=arn, MaxRecordSizeInKiB=4096)[0] == 200
    kinesis.put_record(StreamName=stream, Data=large, PartitionKey="k")
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id(0),
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"] == large
    assert call(suiro, "UpdateMaxRecordSize", StreamARN=arn, MaxRecordSizeInKiB=1)[0] == 400


def test_mode(kinesis, stream):
    arn = arn_of(kinesis, stream)
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert refused(kinesis.update_shard_count, StreamName=stream, TargetShardCount=2,
                   ScalingType="UNIFORM_SCALING") == "ValidationException"


def test_monitoring(kinesis, stream):
    reply = kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert len(reply["DesiredShardLevelMetrics"]) == 7
    reply = kinesis.disable_enhanced_monitoring(StreamName=stream,
                                                ShardLevelMetrics=["IncomingBytes"])
    assert len(reply["DesiredShardLevelMetrics"]) == 6


def test_encryption_is_not_pretended(kinesis, stream):
    assert refused(kinesis.start_stream_encryption, StreamName=stream, EncryptionType="KMS",
                   KeyId="alias/aws/kinesis") == "NotImplemented"
    description = kinesis.describe_stream(StreamName=stream)["StreamDescription"]
    assert description["EncryptionType"] == "NONE"


def test_encryption_of_the_store(own_suiro):
    own_suiro.start("--encryption")
    kinesis = own_suiro.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    kinesis.start_stream_encryption(StreamName="s", EncryptionType="KMS",
                                    KeyId="alias/aws/kinesis")
    description = kinesis.describe_stream(StreamName="s")["StreamDescription"]
    assert (description["EncryptionType"], description["KeyId"]) == ("KMS", "alias/aws/kinesis")
    assert kinesis.put_record(StreamName="s", Data=b"secret",
                              PartitionKey="k")["EncryptionType"] == "KMS"
    kinesis.stop_stream_encryption(StreamName="s", EncryptionType="KMS",
                                   KeyId="alias/aws/kinesis")


def test_consumers(kinesis, suiro, stream):
    arn = arn_of(kinesis, stream)
    made = [kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=f"c{i}")["Consumer"]
            for i in range(3)]
    assert made[0]["ConsumerStatus"] == "ACTIVE"
    assert made[0]["ConsumerARN"].startswith(f"{arn}/consumer/c0:")
    pages = kinesis.get_paginator("list_stream_consumers").paginate(
        StreamARN=arn, PaginationConfig={"PageSize": 2})
    assert [c["ConsumerName"] for p in pages for c in p["Consumers"]] == ["c0", "c1", "c2"]
    found = kinesis.describe_stream_consumer(
        ConsumerARN=made[1]["ConsumerARN"])["ConsumerDescription"]
    assert found["ConsumerName"] == "c1" and found["StreamARN"] == arn
    assert refused(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="c0") == \
        "ResourceInUseException"
    assert refused(kinesis.delete_stream, StreamName=stream) == "ResourceInUseException"
    kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="c0")
    kinesis.deregister_stream_consumer(ConsumerARN=made[1]["ConsumerARN"])
    assert refused(kinesis.describe_stream_consumer, StreamARN=arn, ConsumerName="c0") == \
        "ResourceNotFoundException"
    status, reply = call(suiro, "PutResourcePolicy", ResourceARN=arn, Policy="{}")
    assert status == 501 and "NotImplemented" in reply["__type"]


def test_limits_of_aws(own_suiro):
    own_suiro.start("--kinesis-limits", "aws")
    kinesis = own_suiro.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    records = [{"Data": b"x" * 10_000, "PartitionKey": "k"}] * 200
    reply = kinesis.put_records(StreamName="s", Records=records)
    failed = [r for r in reply["Records"] if "ErrorCode" in r]
    assert reply["FailedRecordCount"] == len(failed) and 50 < len(failed) < 150
    assert failed[0]["ErrorCode"] == "ProvisionedThroughputExceededException"
    assert "shardId-000000000000" in failed[0]["ErrorMessage"]
    iterator = kinesis.get_shard_iterator(StreamName="s", ShardId=shard_id(0),
                                          ShardIteratorType="LATEST")["ShardIterator"]
    codes = []

    def read(_):
        try:
            kinesis.get_records(ShardIterator=iterator)
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    # At once: a slow machine must not spread them over more seconds than they need.
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(read, range(100)))
    assert set(codes) == {"ProvisionedThroughputExceededException"}


def test_aws_cli(suiro, name):
    suiro.aws("kinesis", "create-stream", "--stream-name", name, "--shard-count", "1")
    suiro.aws("kinesis", "wait", "stream-exists", "--stream-name", name)
    put = json.loads(suiro.aws("kinesis", "put-record", "--stream-name", name, "--partition-key",
                               "k", "--data", "aGVsbG8=").stdout)
    shown = json.loads(suiro.aws("kinesis", "get-shard-iterator", "--stream-name", name,
                                 "--shard-id", put["ShardId"], "--shard-iterator-type",
                                 "TRIM_HORIZON").stdout)
    got = json.loads(suiro.aws("kinesis", "get-records", "--shard-iterator",
                               shown["ShardIterator"]).stdout)
    assert got["Records"][0]["SequenceNumber"] == put["SequenceNumber"]
    suiro.aws("kinesis", "delete-stream", "--stream-name", name)
