# SPDX-License-Identifier: Apache-2.0
"""What no well-behaved client sends: wrong proofs, broken bodies, broken HTTP. Each gets its error,
nothing is stored, and the server stays up."""
import base64
import socket
import threading
import time
import urllib.parse
import zlib

import botocore
import pytest
from sigv4 import Signer, connect, send


def raw(server, text):
    """Sends bytes and reads to the end of the connection."""
    address = urllib.parse.urlsplit(server.endpoint)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(text)
        out = b""
        while True:
            piece = connection.recv(65536)
            out += piece
            if not piece:
                return out


def render(method, target, headers, body=b""):
    lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def code_of(error):
    return error.value.response["Error"]["Code"]


@pytest.fixture()
def bucket(suiro, name):
    suiro.client("s3").create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})
    return name


def keys(suiro, bucket):
    return [o["Key"] for o in suiro.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("service, operation, wrong_secret, wrong_key", [
    ("s3", "list_buckets", "SignatureDoesNotMatch", "InvalidAccessKeyId"),
    ("sqs", "list_queues", "SignatureDoesNotMatch", "InvalidClientTokenId"),
    ("sts", "get_caller_identity", "SignatureDoesNotMatch", "InvalidClientTokenId"),
    ("lambda", "list_functions", "InvalidSignatureException", "UnrecognizedClientException"),
    ("logs", "describe_log_groups", "InvalidSignatureException", "UnrecognizedClientException"),
])
def test_wrong_credentials(suiro, service, operation, wrong_secret, wrong_key):
    import boto3
    options = {"endpoint_url": suiro.endpoint, "region_name": suiro.env["AWS_DEFAULT_REGION"]}
    key = suiro.env["AWS_ACCESS_KEY_ID"]
    getattr(suiro.client(service), operation)()
    with pytest.raises(botocore.exceptions.ClientError) as error:
        getattr(boto3.client(service, aws_access_key_id=key, aws_secret_access_key="no",
                             **options), operation)()
    assert code_of(error) == wrong_secret
    with pytest.raises(botocore.exceptions.ClientError) as error:
        getattr(boto3.client(service, aws_access_key_id="AKIANOBODY0000000000",
                             aws_secret_access_key="no", **options), operation)()
    assert code_of(error) == wrong_key


def test_wrong_region(suiro):
    import boto3
    client = boto3.client("sqs", endpoint_url=suiro.endpoint, region_name="eu-south-2",
                          aws_access_key_id=suiro.env["AWS_ACCESS_KEY_ID"],
                          aws_secret_access_key=suiro.env["AWS_SECRET_ACCESS_KEY"])
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client.list_queues()
    assert "region" in str(error.value)


def test_unsigned_requests_are_refused(suiro, bucket):
    assert send(suiro, "GET", f"/{bucket}", {"host": "h"})[0] == 403
    status, _, body = send(suiro, "PUT", f"/{bucket}/k", {"host": "h", "content-length": "1"}, b"x")
    assert status == 403 and b"<Code>AccessDenied</Code>" in body
    assert keys(suiro, bucket) == []


def test_clock_skew(suiro, bucket):
    signer = Signer(suiro)
    assert signer.request("GET", f"/{bucket}", age=14 * 60)[0] == 200
    for age in (16 * 60, -16 * 60):
        status, _, body = signer.request("GET", f"/{bucket}", age=age)
        assert status == 403 and b"<Code>RequestTimeTooSkewed</Code>" in body


def test_presigned_urls(suiro, bucket):
    signer = Signer(suiro)
    host = {"host": signer.host}
    put = signer.presign("PUT", f"/{bucket}/k", expires=600)
    assert send(suiro, "PUT", put, {**host, "content-length": "5"}, b"hello")[0] == 200
    assert send(suiro, "GET", signer.presign("GET", f"/{bucket}/k", 600), host)[2] == b"hello"
    status, _, body = send(suiro, "GET", signer.presign("GET", f"/{bucket}/k", 600, age=700), host)
    assert status == 403 and b"<Message>Request has expired</Message>" in body
    forged = signer.presign("GET", f"/{bucket}/other", 600).replace("/other?", "/k?")
    assert b"SignatureDoesNotMatch" in send(suiro, "GET", forged, host)[2]
    long = signer.presign("GET", f"/{bucket}/k", 604801)
    assert b"AuthorizationQueryParametersError" in send(suiro, "GET", long, host)[2]


def test_signed_chunks(suiro, bucket):
    signer = Signer(suiro)
    chunks = [b"a" * 65536, b"b" * 1000]
    status, _, body = signer.chunked(f"/{bucket}/k", chunks)
    assert status == 200, body
    assert suiro.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(chunks)
    for right, wrong in ((b"aaaaa", b"aaaba"), (b"bbb", b"bxb")):
        def spoil(body, right=right, wrong=wrong):
            return body.replace(right, wrong, 1)
        status, _, body = signer.chunked(f"/{bucket}/bad", chunks, spoil)
        assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in body
    assert keys(suiro, bucket) == ["k"]


def test_trailing_checksums(suiro, bucket):
    signer = Signer(suiro)
    data = b"trailing checksum" * 1000
    right = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()

    def put(key, checksum):
        body = f"{len(data):x}\r\n".encode() + data + (
            f"\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode())
        return signer.request("PUT", f"/{bucket}/{key}", body=body,
                              payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", extra={
                                  "content-encoding": "aws-chunked",
                                  "x-amz-decoded-content-length": str(len(data)),
                                  "x-amz-trailer": "x-amz-checksum-crc32"})
    status, headers, body = put("k", right)
    assert status == 200, body
    assert headers.get("x-amz-checksum-crc32") == right
    status, _, body = put("bad", "AAAAAA==")
    assert status == 400 and b"<Code>BadDigest</Code>" in body
    assert keys(suiro, bucket) == ["k"]


def test_bodies_that_are_not_what_they_claim(suiro, bucket):
    signer = Signer(suiro)
    for size in (10, 1_000_000):
        headers = signer.headers("PUT", f"/{bucket}/k", body=b"x" * size)
        status, _, body = send(suiro, "PUT", f"/{bucket}/k", headers, b"x" * (size - 1) + b"y")
        assert status == 400 and b"XAmzContentSHA256Mismatch" in body
    wrong = {"content-md5": base64.b64encode(bytes(16)).decode()}
    status, _, body = signer.request("PUT", f"/{bucket}/k", body=b"x", extra=wrong)
    assert status == 400 and b"<Code>BadDigest</Code>" in body
    assert b"InvalidDigest" in signer.request("PUT", f"/{bucket}/k", body=b"x",
                                              extra={"content-md5": "abc"})[2]
    assert keys(suiro, bucket) == []


def test_a_truncated_upload_stores_nothing(suiro, bucket):
    signer = Signer(suiro)
    headers = signer.headers("PUT", f"/{bucket}/k", payload="UNSIGNED-PAYLOAD",
                             extra={"content-length": "1000000"})
    address = urllib.parse.urlsplit(suiro.endpoint)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(render("PUT", f"/{bucket}/k", headers, b"x" * 500_000))
        connection.shutdown(socket.SHUT_WR)
        assert b"<Code>IncompleteBody</Code>" in connection.recv(65536)
    assert keys(suiro, bucket) == []


def test_a_refused_upload_is_not_asked_for(suiro, bucket):
    signer = Signer(suiro)
    headers = signer.headers("PUT", f"/{bucket}/k", payload="UNSIGNED-PAYLOAD",
                             extra={"content-length": "1000000000"})
    headers["expect"] = "100-continue"
    headers["authorization"] = headers["authorization"][:-1] + "!"
    answer = raw(suiro, render("PUT", f"/{bucket}/k", headers))
    assert answer.startswith(b"HTTP/1.1 403"), answer[:200]


def test_pipelined_requests_are_answered_in_order(suiro, bucket):
    client = suiro.client("s3")
    for key in "abc":
        client.put_object(Bucket=bucket, Key=key, Body=key.encode() * 3)
    signer = Signer(suiro)
    text = b"".join(render("GET", f"/{bucket}/{key}", signer.headers("GET", f"/{bucket}/{key}"))
                    for key in "abc")
    address = urllib.parse.urlsplit(suiro.endpoint)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(text)
        out = b""
        while b"ccc" not in out:
            piece = connection.recv(65536)
            assert piece, out
            out += piece
    assert out.index(b"\r\n\r\naaa") < out.index(b"\r\n\r\nbbb") < out.index(b"\r\n\r\nccc")


BROKEN = {
    "nonsense": (b"nonsense\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "version": (b"GET / HTTP/9.9\r\nHost: h\r\n\r\n", 505),
    "long header": (b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 100_000 + b"\r\n\r\n", 431),
    "length and chunked": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                    b"Content-Length: 2\r\n\r\nxx", 400),
    "NUL": (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\x00c\r\n\r\n", 400),
    "huge body": (b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999\r\n\r\n", 413),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_http(suiro, case):
    text, status = BROKEN[case]
    answer = raw(suiro, text)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert send(suiro, "GET", "/_suiro/health", {"host": "h"})[0] == 200


@pytest.mark.parametrize("service, operation, member", [
    ("ecr", "create_repository", "repositoryName"), ("iam", "get_user", "UserName"),
    ("sqs", "get_queue_url", "QueueName"), ("logs", "create_log_group", "logGroupName")])
def test_errors_that_quote_a_request_can_be_read(suiro, service, operation, member):
    call = getattr(suiro.client(service), operation)
    # Of texts that are cut within a character, and of such as XML has no character for.
    for text in ("\u6c34" * 3000, "a" + "\u6c34" * 3000, "ab" + "\u6c34" * 3000, "a\x01b" * 9,
                 "\ufffe" * 9):
        with pytest.raises(botocore.exceptions.ClientError) as error:
            call(**{member: text})
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
        assert code_of(error)


def test_virtual_host_style(suiro, bucket):
    signer = Signer(suiro)
    port = urllib.parse.urlsplit(suiro.endpoint).port
    for host in (f"{bucket}.localhost:{port}", f"{bucket}.s3.localhost:{port}"):
        signer.host = host
        assert signer.request("PUT", "/key", body=host.encode())[0] == 200
        stored = suiro.client("s3").get_object(Bucket=bucket, Key="key")["Body"].read()
        assert stored == host.encode()


def test_a_client_that_leaves_a_long_poll_takes_no_message(suiro, name):
    client = suiro.client("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    signer = Signer(suiro, "sqs")
    body = f"Action=ReceiveMessage&Version=2012-11-05&WaitTimeSeconds=20&QueueUrl={url}".encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    connection = connect(suiro)
    connection.request("POST", "/", body, signer.headers("POST", "/", body=body, extra=form))
    # The long poll is in place once a second one, begun later, has waited its time out.
    assert "Messages" not in client.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    connection.close()
    assert "Messages" not in client.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    client.send_message(QueueUrl=url, MessageBody="x")
    got = client.receive_message(QueueUrl=url, WaitTimeSeconds=5,
                                 AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert got[0]["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_stop_ends_long_polls(own_suiro, name):
    own_suiro.start()
    client = own_suiro.client("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    answers = []
    poll = threading.Thread(target=lambda: answers.append(
        client.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    poll.start()
    other = own_suiro.client("sqs")
    assert "Messages" not in other.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    begun = time.monotonic()
    own_suiro.stop()
    poll.join()
    assert time.monotonic() - begun < 10
    assert answers and "Messages" not in answers[0]
