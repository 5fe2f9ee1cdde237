# SPDX-License-Identifier: Apache-2.0
"""Kinesis in its CBOR form (application/x-amz-cbor-1.1), as the AWS SDKs for Java speak it."""
import struct
import time

from sigv4 import Signer

TYPE = "application/x-amz-cbor-1.1"


class Time(float):
    """Seconds; tag 1 with whole milliseconds on the wire."""


def head(major, value):
    for info, size, form in ((24, 1 << 8, ">B"), (25, 1 << 16, ">H"), (26, 1 << 32, ">I")):
        if value < 24:
            return bytes([major << 5 | value])
        if value < size:
            return bytes([major << 5 | info]) + struct.pack(form, value)
    return bytes([major << 5 | 27]) + struct.pack(">Q", value)


def dump(value):
    """Maps and lists of indefinite length, as Jackson writes them."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, Time):
        return b"\xc1" + head(0, int(value * 1000))
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return b"\x9f" + b"".join(map(dump, value)) + b"\xff"
    return b"\xbf" + b"".join(dump(k) + dump(v) for k, v in value.items()) + b"\xff"


def load(data):
    value, rest = item(data)
    assert rest == b""
    return value


def item(data):
    major, info, data = data[0] >> 5, data[0] & 31, data[1:]
    if major == 7:
        if info == 27:
            return struct.unpack(">d", data[:8])[0], data[8:]
        return {20: False, 21: True, 22: None}[info], data
    if info >= 24:
        size = 1 << info - 24
        info, data = int.from_bytes(data[:size], "big"), data[size:]
    if major in (0, 1):
        return (info if major == 0 else -1 - info), data
    if major in (2, 3):
        text = data[:info]
        return (text if major == 2 else text.decode()), data[info:]
    if major == 6:
        assert info == 1
        value, data = item(data)
        assert isinstance(value, int)
        return Time(value / 1000), data
    out = [] if major == 4 else {}
    for _ in range(info):
        key, data = item(data)
        if major == 4:
            out.append(key)
        else:
            out[key], data = item(data)
    return out, data


def call(server, operation, **members):
    status, headers, body = Signer(server, "kinesis").request(
        "POST", "/", body=dump(members),
        extra={"content-type": TYPE, "x-amz-target": f"Kinesis_20131202.{operation}"})
    assert headers["content-type"] == TYPE
    return status, load(body) if body else {}


def test_streams_in_cbor(suiro, name):
    assert call(suiro, "CreateStream", StreamName=name, ShardCount=1)[0] == 200
    status, summary = call(suiro, "DescribeStreamSummary", StreamName=name)
    created = summary["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    assert status == 200 and isinstance(created, Time) and abs(created - time.time()) < 60
    data = bytes(range(256))
    status, placed = call(suiro, "PutRecords", StreamName=name, Records=[
        {"Data": data, "PartitionKey": "a"}, {"Data": b"", "PartitionKey": "b"}])
    assert status == 200 and placed["FailedRecordCount"] == 0
    status, found = call(suiro, "GetShardIterator", StreamName=name,
                         ShardId="shardId-000000000000", ShardIteratorType="AT_TIMESTAMP",
                         Timestamp=Time(time.time() - 60))
    assert status == 200
    status, page = call(suiro, "GetRecords", ShardIterator=found["ShardIterator"])
    assert status == 200 and page["MillisBehindLatest"] == 0
    assert [r["Data"] for r in page["Records"]] == [data, b""]
    assert [r["SequenceNumber"] for r in page["Records"]] == \
        [r["SequenceNumber"] for r in placed["Records"]]
    arrived = page["Records"][0]["ApproximateArrivalTimestamp"]
    assert isinstance(arrived, Time) and abs(arrived - time.time()) < 60


def test_errors_in_cbor(suiro):
    status, error = call(suiro, "DescribeStream", StreamName="no-such")
    assert status == 400 and error["__type"] == "ResourceNotFoundException"
    assert "no-such" in error["message"]
    status, error = call(suiro, "PutRecord", StreamName="s")
    assert status == 400 and error["__type"] == "ValidationException"
    status, headers, body = Signer(suiro, "kinesis").request(
        "POST", "/", body=b"\xbf\xff\xff",
        extra={"content-type": TYPE, "x-amz-target": "Kinesis_20131202.ListStreams"})
    assert status == 400 and load(body)["__type"] == "SerializationException"
