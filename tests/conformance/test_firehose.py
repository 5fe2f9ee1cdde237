# SPDX-License-Identifier: Apache-2.0
"""Delivery streams with boto3 and aws: control plane, puts, what arrives in the lake."""
import gzip
import io
import json
import re
import zipfile

import pytest
from botocore.exceptions import ClientError
from waiting import read_until

ROLE = "arn:aws:iam::000000000000:role/firehose"


def s3_configuration(bucket, **more):
    return {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{bucket}",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}, **more}


def make_bucket(suiro, bucket):
    suiro.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={
        "LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})


def objects(suiro, bucket, count, prefix=""):
    """The bucket's objects when there are `count` of them."""
    s3 = suiro.client("s3")
    keys = read_until(lambda told: len(told) >= count, lambda: [
        item["Key"] for item in
        s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])])
    assert len(keys) == count, keys
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@pytest.fixture()
def lake(suiro, name):
    make_bucket(suiro, name)
    return name


@pytest.fixture()
def firehose(suiro):
    return suiro.client("firehose")


def code(info):
    return info.value.response["Error"]["Code"]


def test_life(suiro, firehose, lake):
    created = firehose.create_delivery_stream(
        DeliveryStreamName=lake, DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration=s3_configuration(lake, Prefix="raw/"),
        Tags=[{"Key": "a", "Value": "1"}])
    arn = created["DeliveryStreamARN"]
    assert arn.endswith(f":deliverystream/{lake}")
    found = firehose.describe_delivery_stream(DeliveryStreamName=lake)["DeliveryStreamDescription"]
    assert found["DeliveryStreamARN"] == arn
    assert found["DeliveryStreamStatus"] == "ACTIVE"
    assert found["VersionId"] == "1"
    destination = found["Destinations"][0]
    s3 = destination["ExtendedS3DestinationDescription"]
    assert s3["Prefix"] == "raw/" and s3["CompressionFormat"] == "UNCOMPRESSED"
    assert s3["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 60}
    assert s3["EncryptionConfiguration"] == {"NoEncryptionConfig": "NoEncryption"}
    assert s3["S3BackupMode"] == "Disabled"
    firehose.update_destination(
        DeliveryStreamName=lake, CurrentDeliveryStreamVersionId="1",
        DestinationId=destination["DestinationId"],
        ExtendedS3DestinationUpdate={"CompressionFormat": "GZIP"})
    with pytest.raises(ClientError) as info:
        firehose.update_destination(
            DeliveryStreamName=lake, CurrentDeliveryStreamVersionId="1",
            DestinationId=destination["DestinationId"],
            ExtendedS3DestinationUpdate={"CompressionFormat": "GZIP"})
    assert code(info) == "ConcurrentModificationException"
    found = firehose.describe_delivery_stream(DeliveryStreamName=lake)["DeliveryStreamDescription"]
    assert found["VersionId"] == "2"
    s3 = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert s3["CompressionFormat"] == "GZIP" and s3["Prefix"] == "raw/"
    firehose.tag_delivery_stream(DeliveryStreamName=lake, Tags=[{"Key": "b", "Value": "2"}])
    firehose.untag_delivery_stream(DeliveryStreamName=lake, TagKeys=["a"])
    tags = firehose.list_tags_for_delivery_stream(DeliveryStreamName=lake)
    assert tags["Tags"] == [{"Key": "b", "Value": "2"}]
    assert lake in firehose.list_delivery_streams(Limit=1000)["DeliveryStreamNames"]
    firehose.delete_delivery_stream(DeliveryStreamName=lake)
    for call in (lambda: firehose.describe_delivery_stream(DeliveryStreamName=lake),
                 lambda: firehose.put_record(DeliveryStreamName=lake, Record={"Data": b"x"}),
                 lambda: firehose.delete_delivery_stream(DeliveryStreamName=lake)):
        with pytest.raises(ClientError) as info:
            call()
        assert code(info) == "ResourceNotFoundException"


def put_megabyte(firehose, stream):
    """More than SizeInMBs: the buffer is due at once. Returns the bytes of the first object."""
    records = [b"%06d" % i + b"." * 10_000 for i in range(110)]
    reply = firehose.put_record_batch(DeliveryStreamName=stream,
                                      Records=[{"Data": data} for data in records])
    assert reply["FailedPutCount"] == 0
    ids = [entry["RecordId"] for entry in reply["RequestResponses"]]
    assert len(set(ids)) == len(records)
    return b"".join(records)


def test_object_name_and_content(suiro, firehose, lake):
    firehose.create_delivery_stream(
        DeliveryStreamName=lake,
        ExtendedS3DestinationConfiguration=s3_configuration(
            lake, Prefix="y=!{timestamp:yyyy}/r=!{firehose:random-string}/",
            ErrorOutputPrefix="bad/!{firehose:error-output-type}/"))
    body = put_megabyte(firehose, lake)
    (key, data), = objects(suiro, lake, 1).items()
    assert data == body
    assert re.fullmatch(r"y=\d{4}/r=[0-9A-Za-z]{11}/" + lake +
                        r"-1-\d{4}(-\d\d){5}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key), key


def snappy_framed(data):
    """Checks the frames, not what is in them."""
    assert data[:10] == b"\xff\x06\x00\x00sNaPpY"
    kinds, at = [], 10
    while at < len(data):
        size = int.from_bytes(data[at + 1:at + 4], "little")
        kinds.append(data[at])
        at += 4 + size
    assert at == len(data) and set(kinds) <= {0, 1}
    return None


def read_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return archive.read(archive.namelist()[0])


@pytest.mark.parametrize("form, extension, read", [
    ("GZIP", ".gz", gzip.decompress), ("ZIP", ".zip", read_zip),
    ("Snappy", ".snappy", snappy_framed), ("ZSTD", ".zst", None)])
def test_compression(suiro, firehose, lake, form, extension, read):
    firehose.create_delivery_stream(
        DeliveryStreamName=lake,
        ExtendedS3DestinationConfiguration=s3_configuration(lake, CompressionFormat=form))
    body = put_megabyte(firehose, lake)
    (key, data), = objects(suiro, lake, 1).items()
    assert key.endswith(extension)
    assert len(data) < len(body)
    if form == "ZSTD":
        assert data[:4] == b"\x28\xb5\x2f\xfd"
    elif (plain := read(data)) is not None:
        assert plain == body


def test_a_buffer_survives_kill_9(own_suiro, name):
    own_suiro.start()
    make_bucket(own_suiro, name)
    client = own_suiro.client("firehose")
    client.create_delivery_stream(DeliveryStreamName=name,
                                  ExtendedS3DestinationConfiguration=s3_configuration(name))
    client.put_record(DeliveryStreamName=name, Record={"Data": b"kept"})
    own_suiro.kill9()
    own_suiro.stop()
    own_suiro.start()
    body = put_megabyte(own_suiro.client("firehose"), name)
    assert list(objects(own_suiro, name, 1).values()) == [b"kept" + body]


@pytest.mark.parametrize("configuration, expected", [
    ({"Prefix": "!{timestamp:yyyy}/"}, "InvalidArgumentException"),
    ({"Prefix": "!{timestamp:QQ}/", "ErrorOutputPrefix": "e"}, "InvalidArgumentException"),
    ({"Prefix": "!{partitionKeyFromQuery:a}/", "ErrorOutputPrefix": "e"},
     "InvalidArgumentException"),
    ({"BufferingHints": {"SizeInMBs": 129, "IntervalInSeconds": 60}}, "ValidationException"),
    ({"BucketARN": "arn:aws:s3:::a/b"}, "ValidationException"),
    ({"DataFormatConversionConfiguration": {"Enabled": True}}, "NotImplemented"),
    ({"DynamicPartitioningConfiguration": {"Enabled": True}}, "NotImplemented"),
    ({"ProcessingConfiguration": {"Enabled": True, "Processors": [
        {"Type": "RecordDeAggregation"}]}}, "NotImplemented"),
    ({"EncryptionConfiguration": {"KMSEncryptionConfig": {
        "AWSKMSKeyARN": "arn:aws:kms:us-east-1:000000000000:key/k"}}}, "NotImplemented"),
])
def test_refusals(firehose, name, configuration, expected):
    with pytest.raises(ClientError) as info:
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={**s3_configuration(name), **configuration})
    assert expected in code(info), info.value
    assert name not in firehose.list_delivery_streams(Limit=1000)["DeliveryStreamNames"]


def test_limits(firehose, lake):
    firehose.create_delivery_stream(DeliveryStreamName=lake,
                                    S3DestinationConfiguration=s3_configuration(lake))
    with pytest.raises(ClientError) as info:
        firehose.put_record(DeliveryStreamName=lake, Record={"Data": b"x" * 1_024_001})
    assert code(info) == "ValidationException"
    with pytest.raises(ClientError) as info:
        firehose.put_record_batch(DeliveryStreamName=lake,
                                  Records=[{"Data": b"x" * 1_000_000}] * 5)
    assert code(info) == "InvalidArgumentException"
    with pytest.raises(ClientError) as info:
        firehose.put_record_batch(DeliveryStreamName=lake, Records=[{"Data": b"x"}] * 501)
    assert code(info) == "ValidationException"
    with pytest.raises(ClientError) as info:
        firehose.create_delivery_stream(
            DeliveryStreamName=lake, S3DestinationConfiguration=s3_configuration(lake))
    assert code(info) == "ResourceInUseException"


def test_aws_command(suiro, lake):
    suiro.aws("firehose", "create-delivery-stream", "--delivery-stream-name", lake,
              "--extended-s3-destination-configuration", json.dumps(s3_configuration(lake)))
    reply = suiro.aws("firehose", "put-record", "--delivery-stream-name", lake,
                      "--cli-binary-format", "raw-in-base64-out", "--record", '{"Data":"a"}',
                      check=False)
    assert reply.returncode == 0, reply.stderr
    assert json.loads(reply.stdout)["RecordId"]
