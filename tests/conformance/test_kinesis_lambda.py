# SPDX-License-Identifier: Apache-2.0
"""Streams that start functions, with boto3: real sandboxes, authentication on."""
import json

import pytest
from test_lambda import make
from waiting import until


@pytest.fixture()
def client(suiro):
    return suiro.client("lambda")


@pytest.fixture()
def stream(suiro, name):
    kinesis = suiro.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=2)
    arn = kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    yield kinesis, arn
    kinesis.delete_stream(StreamName=name)


@pytest.fixture()
def queue(suiro, name):
    sqs = suiro.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return sqs, url, arn["Attributes"]["QueueArn"]


def receive(sqs, url, into):
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10,
                                       WaitTimeSeconds=1).get("Messages", []):
        into.append(message["Body"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


RELAY = """
import base64, boto3, os
def handler(event, context):
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        assert record["eventSource"] == "aws:kinesis", record
        data = base64.b64decode(record["kinesis"]["data"]).decode()
        if data == "bad":
            raise ValueError(data)
        sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=data)
"""


def test_records_reach_the_function(suiro, client, stream, queue, name):
    kinesis, arn = stream
    sqs, url, _ = queue
    make(client, name, RELAY, Timeout=20, Environment={"Variables": {"OUT": url}})
    made = client.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, StartingPosition="TRIM_HORIZON", BatchSize=10)
    assert made["StartingPosition"] == "TRIM_HORIZON" and made["BatchSize"] == 10
    assert made["ParallelizationFactor"] == 1 and made["MaximumRetryAttempts"] == -1
    kinesis.put_records(StreamName=name, Records=[
        {"Data": str(i).encode(), "PartitionKey": f"k{i % 5}"} for i in range(30)])
    seen = []

    def all_came():
        receive(sqs, url, seen)
        return len(seen) >= 30
    until(all_came, "30 records pass")
    assert sorted(map(int, seen)) == list(range(30))
    until(lambda: client.get_event_source_mapping(UUID=made["UUID"])["LastProcessingResult"]
          == "OK", "the mapping tells that it works")
    # A shard that splits is read to its end, then its children.
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000",
                        NewStartingHashKey=str(2**126))
    kinesis.put_records(StreamName=name, Records=[
        {"Data": str(i).encode(), "PartitionKey": f"k{i % 5}"} for i in range(30, 50)])
    until(lambda: all_came() and len(seen) >= 50, "20 more pass")
    assert sorted(map(int, seen)) == list(range(50))
    client.delete_event_source_mapping(UUID=made["UUID"])


def test_bad_records_go_to_the_destination(suiro, client, stream, queue, name):
    kinesis, arn = stream
    sqs, url, _ = queue
    dead_url = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])
    make(client, name, RELAY, Timeout=20, Environment={"Variables": {"OUT": url}})
    made = client.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, StartingPosition="TRIM_HORIZON", BatchSize=4,
        BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, DestinationConfig={
            "OnFailure": {"Destination": dead_arn["Attributes"]["QueueArn"]}})
    bad = None
    for i in range(8):
        placed = kinesis.put_record(StreamName=name, Data=b"bad" if i == 5 else str(i).encode(),
                                    PartitionKey="k")
        bad = placed if i == 5 else bad
    seen, dead = [], []

    def all_came():
        receive(sqs, url, seen)
        receive(sqs, dead_url, dead)
        return len(set(seen)) >= 7 and dead
    until(all_came, "seven records pass and one is given up")
    info = json.loads(dead[0])["KinesisBatchInfo"]
    assert info["startSequenceNumber"] == info["endSequenceNumber"] == bad["SequenceNumber"]
    assert info["shardId"] == bad["ShardId"] and info["batchSize"] == 1
    client.delete_event_source_mapping(UUID=made["UUID"])
