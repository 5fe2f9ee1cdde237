# SPDX-License-Identifier: Apache-2.0
"""What delivery streams do besides S3: functions, Kinesis as source, HTTP endpoints, OpenSearch."""
import base64
import io
import json
import re
import threading
import time
import zipfile

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from sigv4 import Signer
from strict_endpoints import FirehoseEndpoint, SearchEndpoint
from test_firehose import (ROLE, firehose, lake, make_bucket, objects,  # noqa: F401
                           s3_configuration)
from waiting import read_until

AT_ONCE = {"SizeInMBs": 1, "IntervalInSeconds": 0}


def create(suiro, name, **configuration):
    """With an interval of 0, which Debian's boto3 does not know yet."""
    config = Config(parameter_validation=False, retries={"max_attempts": 1})
    return suiro.client("firehose", config=config).create_delivery_stream(
        DeliveryStreamName=name, **configuration)


def put(firehose, stream, *records):
    reply = firehose.put_record_batch(DeliveryStreamName=stream,
                                      Records=[{"Data": data} for data in records])
    assert reply["FailedPutCount"] == 0


def make_function(suiro, name, code):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", code)
    return suiro.client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="index.handler",
        Code={"ZipFile": archive.getvalue()}, Timeout=20)["FunctionArn"]


TRANSFORM = """
import base64
def handler(event, context):
    assert event["invocationId"] and event["deliveryStreamArn"] and event["region"]
    out = []
    for record in event["records"]:
        data = base64.b64decode(record["data"])
        assert record["approximateArrivalTimestamp"] > 1_700_000_000_000
        answer = {"recordId": record["recordId"]}
        if data.startswith(b"drop"):
            answer["result"] = "Dropped"
        elif data.startswith(b"fail"):
            answer["result"] = "ProcessingFailed"
        elif data.startswith(b"forget"):
            continue
        else:
            answer.update(result="Ok", data=base64.b64encode(data.upper()).decode())
        out.append(answer)
    return {"records": out}
"""


def lines_of(data):
    return [json.loads(line) for line in data.decode().splitlines()]


def test_transformation(suiro, firehose, lake):
    arn = make_function(suiro, lake, TRANSFORM)
    create(suiro, lake, ExtendedS3DestinationConfiguration={
        **s3_configuration(lake), "BufferingHints": AT_ONCE, "ProcessingConfiguration": {
            "Enabled": True, "Processors": [
                {"Type": "Lambda", "Parameters": [
                    {"ParameterName": "LambdaArn", "ParameterValue": arn},
                    {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "0"}]},
                {"Type": "AppendDelimiterToRecord"}]}})
    put(firehose, lake, b"a", b"drop", b"fail", b"forget", b"b")
    found = objects(suiro, lake, 2)
    (failed_key,) = [key for key in found if key.startswith("processing-failed/")]
    lines = lines_of(found.pop(failed_key))
    assert list(found.values()) == [b"A\nB\n"]
    assert [base64.b64decode(line["rawData"]) for line in lines] == [b"fail", b"forget"]
    assert [line["errorCode"] for line in lines] == [
        "Lambda.ProcessingFailedStatus", "Lambda.MissingRecordId"]
    assert all(line["lambdaArn"] == arn and line["attemptsMade"] == 1 for line in lines)


def test_a_function_that_fails(suiro, firehose, lake):
    arn = make_function(suiro, lake, "def handler(event, context): raise ValueError('no')")
    create(suiro, lake, ExtendedS3DestinationConfiguration={
        **s3_configuration(lake), "BufferingHints": AT_ONCE, "ProcessingConfiguration": {
            "Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": [
                {"ParameterName": "LambdaArn", "ParameterValue": arn},
                {"ParameterName": "NumberOfRetries", "ParameterValue": "1"},
                {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "0"}]}]}})
    put(firehose, lake, b"a")
    (key, data), = objects(suiro, lake, 1).items()
    assert key.startswith("processing-failed/")
    (line,) = lines_of(data)
    assert line["errorCode"] == "Lambda.FunctionError" and line["attemptsMade"] == 2


def test_kinesis_as_source(suiro, firehose, lake):
    kinesis = suiro.client("kinesis")
    kinesis.create_stream(StreamName=lake, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=lake, WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream_summary(
        StreamName=lake)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.put_record(StreamName=lake, Data=b"before ", PartitionKey="0")
    time.sleep(0.01)  # the delivery stream begins with the millisecond of its creation
    create(suiro, lake, DeliveryStreamType="KinesisStreamAsSource",
           KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
           ExtendedS3DestinationConfiguration={**s3_configuration(lake),
                                               "BufferingHints": AT_ONCE})
    found = firehose.describe_delivery_stream(DeliveryStreamName=lake)["DeliveryStreamDescription"]
    assert found["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == arn
    records = [f"<{i}>".encode() for i in range(200)]
    for i in range(0, 200, 50):
        kinesis.put_records(StreamName=lake, Records=[
            {"Data": data, "PartitionKey": str(n % 7)}
            for n, data in enumerate(records[i:i + 50])])
    s3 = suiro.client("s3")

    def delivered():
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=lake).get("Contents", [])]
        return b"".join(s3.get_object(Bucket=lake, Key=key)["Body"].read() for key in keys)

    came = read_until(lambda told: len(told) >= sum(map(len, records)), delivered)
    assert sorted(re.findall(rb"<\d+>|before", came)) == sorted(records)
    with pytest.raises(ClientError) as info:
        firehose.put_record(DeliveryStreamName=lake, Record={"Data": b"x"})
    assert info.value.response["Error"]["Code"] == "InvalidArgumentException"


@pytest.fixture()
def endpoint():
    made = []

    def make(kind, *arguments, **options):
        made.append(kind(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def http_configuration(lake, url, access_key=None, **more):
    access = {"AccessKey": access_key} if access_key else {}
    return {"EndpointConfiguration": {"Url": url + "/in", "Name": "checker", **access},
            "RoleARN": ROLE, "BufferingHints": AT_ONCE, "S3Configuration": {
                **s3_configuration(lake), "BufferingHints": AT_ONCE}, **more}


def test_http_endpoint(suiro, firehose, lake, endpoint):
    checker = endpoint(FirehoseEndpoint, "secret", "gzip", {"team": "水路"})
    create(suiro, lake, HttpEndpointDestinationConfiguration=http_configuration(
        lake, checker.url, "secret", S3BackupMode="AllData", RequestConfiguration={
            "ContentEncoding": "GZIP",
            "CommonAttributes": [{"AttributeName": "team", "AttributeValue": "水路"}]}))
    found = firehose.describe_delivery_stream(DeliveryStreamName=lake)["DeliveryStreamDescription"]
    described = found["Destinations"][0]["HttpEndpointDestinationDescription"]
    assert described["EndpointConfiguration"] == {"Url": checker.url + "/in", "Name": "checker"}
    assert "secret" not in json.dumps(found, default=str)
    checker.plan = [lambda request_id: (500, "application/json", b"{}"),
                    lambda request_id: FirehoseEndpoint.success("another")]
    put(firehose, lake, b"a", b"\x00\xff")
    checker.wait(lambda: len(checker.requests) == 3)
    assert checker.breaches == []
    assert {request["id"] for request in checker.requests} == {checker.requests[0]["id"]}
    assert checker.requests[2]["records"] == [b"a", b"\x00\xff"]
    assert list(objects(suiro, lake, 1).values()) == [b"a\x00\xff"]


def test_http_endpoint_gives_up(suiro, firehose, lake, endpoint):
    checker = endpoint(FirehoseEndpoint)
    checker.plan = [lambda request_id: (413, "text/plain", b"too much")]
    create(suiro, lake, HttpEndpointDestinationConfiguration=http_configuration(
        lake, checker.url))
    put(firehose, lake, b"a")
    (key, data), = objects(suiro, lake, 1, "http-endpoint-failed/").items()
    (line,) = lines_of(data)
    assert base64.b64decode(line["rawData"]) == b"a"
    assert line["errorCode"] == "HttpEndpoint.DestinationException"
    assert "413 too much" in line["errorMessage"]
    put(firehose, lake, b"b")
    checker.wait(lambda: len(checker.requests) == 2)
    assert checker.requests[1]["records"] == [b"b"] and checker.breaches == []


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "http://localhost.example/x",
                                 "http://127.0.0.1@example.com/"])
def test_plain_http_is_for_loopback(suiro, lake, url):
    with pytest.raises(ClientError) as info:
        create(suiro, lake, HttpEndpointDestinationConfiguration=http_configuration(lake, url))
    assert info.value.response["Error"]["Code"] == "InvalidArgumentException"


def search_configuration(lake, url, **more):
    return {"RoleARN": ROLE, "ClusterEndpoint": url, "IndexName": "clicks",
            "BufferingHints": AT_ONCE, "S3Configuration": {
                **s3_configuration(lake), "BufferingHints": AT_ONCE}, **more}


def test_search(suiro, firehose, lake, endpoint):
    checker = endpoint(SearchEndpoint)
    create(suiro, lake, AmazonopensearchserviceDestinationConfiguration=search_configuration(
        lake, checker.url, IndexRotationPeriod="OneMonth"))
    put(firehose, lake, b'{"n": 1}\n', b'{"n":\n 2}', b"no document", b'{"n": 3, "reject": 400}')
    (key, data), = objects(suiro, lake, 1, "AmazonOpenSearchService-failed/").items()
    checker.wait(lambda: len(checker.documents) == 2)
    assert checker.breaches == []
    month = time.strftime("clicks-%Y-%m", time.gmtime())
    assert {index for index, _ in checker.documents} == {month}
    assert sorted(document["n"] for document in checker.documents.values()) == [1, 2]
    lines = {base64.b64decode(line["rawData"]): line for line in lines_of(data)}
    assert set(lines) == {b"no document", b'{"n": 3, "reject": 400}'}
    rejected = lines[b'{"n": 3, "reject": 400}']
    assert rejected["errorCode"] == "400" and "mapper_parsing" in rejected["errorMessage"]
    assert rejected["esIndexName"] == month and rejected["esDocumentId"]


def test_search_repeats_what_is_busy(suiro, firehose, lake, endpoint):
    checker = endpoint(SearchEndpoint)

    def busy_for_some(actions):
        for _, document in actions:
            if document["n"] % 2:
                document["reject"] = 429

    checker.plan = [lambda actions: (503, "text/plain", b"starting"), busy_for_some]
    create(suiro, lake, AmazonopensearchserviceDestinationConfiguration=search_configuration(
        lake, checker.url, IndexRotationPeriod="NoRotation"))
    put(firehose, lake, *(json.dumps({"n": n}).encode() for n in range(10)))
    checker.wait(lambda: len(checker.documents) == 10)
    assert checker.breaches == []
    assert [len(actions) for actions in checker.requests] == [10, 10, 5]
    ids = [{action["index"]["_id"] for action, _ in actions} for actions in checker.requests]
    assert ids[0] == ids[1] and ids[2] < ids[1]
    assert sorted(document["n"] for document in checker.documents.values()) == list(range(10))


def test_search_without_document_ids(suiro, firehose, lake, endpoint):
    checker = endpoint(SearchEndpoint)
    configuration = search_configuration(
        lake, checker.url, IndexRotationPeriod="NoRotation",
        DocumentIdOptions={"DefaultDocumentIdFormat": "NO_DOCUMENT_ID"})
    # Debian's boto3 does not know the option.
    status, _, reply = Signer(suiro, "firehose").request("POST", "/", body=json.dumps({
        "DeliveryStreamName": lake,
        "AmazonopensearchserviceDestinationConfiguration": configuration}).encode(), extra={
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "Firehose_20150804.CreateDeliveryStream"})
    assert status == 200, reply
    put(firehose, lake, b'{"n": 1}')
    checker.wait(lambda: checker.documents)
    assert list(checker.documents) == [("clicks", "generated0")]
    assert checker.breaches == []


def test_a_request_keeps_its_id_over_kill_9(own_suiro, name, endpoint):
    own_suiro.start()
    make_bucket(own_suiro, name)
    checker = endpoint(FirehoseEndpoint)
    checker.plan = [lambda request_id: (500, "text/plain", b"")] * 3
    create(own_suiro, name, HttpEndpointDestinationConfiguration=http_configuration(
        name, checker.url, RetryOptions={"DurationInSeconds": 3600}))
    own_suiro.client("firehose").put_record(DeliveryStreamName=name, Record={"Data": b"a"})
    checker.wait(lambda: len(checker.requests) >= 2)
    own_suiro.kill9()
    own_suiro.stop()
    own_suiro.start()
    checker.wait(lambda: len(checker.requests) == 4)
    assert len({request["id"] for request in checker.requests}) == 1
    assert all(request["records"] == [b"a"] for request in checker.requests)
    assert checker.breaches == [] and objects(own_suiro, name, 0) == {}


def test_a_stop_does_not_wait_for_an_endpoint(own_suiro, name, endpoint):
    own_suiro.start()
    make_bucket(own_suiro, name)
    checker = endpoint(FirehoseEndpoint)
    released = threading.Event()

    def silent(request_id):
        released.wait(60)
        return FirehoseEndpoint.success(request_id)

    checker.plan = [silent]
    create(own_suiro, name, HttpEndpointDestinationConfiguration=http_configuration(
        name, checker.url, RetryOptions={"DurationInSeconds": 0}))
    own_suiro.client("firehose").put_record(DeliveryStreamName=name, Record={"Data": b"a"})
    checker.wait(lambda: checker.requests)
    begun = time.monotonic()
    own_suiro.stop()
    assert time.monotonic() - begun < 20
    released.set()
    own_suiro.start()
    # What the stop cut off is no failed attempt: with a duration of 0 it would be given up.
    checker.wait(lambda: len(checker.requests) == 2)
    assert checker.requests[0]["id"] == checker.requests[1]["id"] and checker.breaches == []
    assert objects(own_suiro, name, 0) == {}
