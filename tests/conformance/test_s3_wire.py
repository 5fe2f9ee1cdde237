# SPDX-License-Identifier: Apache-2.0
"""S3 without a client library: what boto3 would not send, signed with botocore's signer."""
import http.client
import re
import socket
import urllib.parse

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from test_s3 import bucket, fails, s3  # noqa: F401


def signed(suiro, method, path, body=b"", **headers):
    """The request's headers; `path` is as on the wire."""
    request = AWSRequest(method, suiro.endpoint + path, data=body, headers={
        name.replace("_", "-"): value for name, value in headers.items()})
    S3SigV4Auth(Credentials(suiro.env["AWS_ACCESS_KEY_ID"], suiro.env["AWS_SECRET_ACCESS_KEY"]),
                "s3", suiro.env["AWS_DEFAULT_REGION"]).add_auth(request)
    return dict(request.headers)


def send(suiro, method, path, body=b"", **headers):
    connection = http.client.HTTPConnection(urllib.parse.urlparse(suiro.endpoint).netloc)
    connection.request(method, path, body, signed(suiro, method, path, body, **headers))
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    code = re.search(rb"<Code>(.*?)</Code>", text)
    return reply.status, code.group(1).decode() if code else None, text, reply.headers


def test_nul_in_a_key(suiro, s3, bucket):
    for key in ("a%00b", "%00", "a%00"):
        status, code, _, _ = send(suiro, "PUT", f"/{bucket}/{key}", key.encode())
        assert (status, code) == (200, None)
    for key in ("a%00b", "%00", "a%00"):
        assert send(suiro, "GET", f"/{bucket}/{key}")[2] == key.encode()
    listed = send(suiro, "GET", f"/{bucket}?encoding-type=url&list-type=2")[2]
    assert re.findall(rb"<Key>(.*?)</Key>", listed) == [b"%00", b"a%00", b"a%00b"]


def test_key_that_is_not_utf8(suiro, bucket):
    status, code, _, _ = send(suiro, "PUT", f"/{bucket}/a%FFb", b"x")
    assert (status, code) == (400, "InvalidURI")


def test_dots_are_key_bytes(suiro, bucket):
    assert send(suiro, "PUT", f"/{bucket}/a/../../b", b"x")[0] == 200
    assert send(suiro, "GET", f"/{bucket}/a/../../b")[2] == b"x"
    assert send(suiro, "GET", f"/{bucket}/b")[1] == "NoSuchKey"


@pytest.mark.parametrize("document", [
    b"", b"<", b"<Delete>", b"<Delete><Object></Delete>", b"not xml", b"<Other/>",
    b"<Delete><Object><Key>" + b"x" * 3_000_000])
def test_broken_documents(suiro, bucket, document):
    import base64
    import hashlib
    md5 = base64.b64encode(hashlib.md5(document).digest()).decode()
    status, code, _, _ = send(suiro, "POST", f"/{bucket}?delete", document, Content_MD5=md5)
    assert 400 <= status < 500
    assert code in ("MalformedXML", "MissingRequestBodyError", "EntityTooLarge",
                    "RequestEntityTooLarge", "MaxMessageLengthExceeded")


def test_body_cut_short(suiro, s3, bucket):
    path = f"/{bucket}/cut"
    headers = signed(suiro, "PUT", path, x_amz_content_sha256="UNSIGNED-PAYLOAD")
    headers["X-Amz-Content-SHA256"] = headers.pop("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")
    headers.pop("Content-Length", None)
    host = urllib.parse.urlparse(suiro.endpoint)
    with socket.create_connection((host.hostname, host.port)) as link:
        head = f"PUT {path} HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Length: 100000\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        link.sendall(head.encode() + b"\r\n" + b"x" * 5000)
    fails("404", 404, s3.head_object, Bucket=bucket, Key="cut")


def test_body_that_is_not_what_was_signed(suiro, s3, bucket):
    path = f"/{bucket}/k"
    headers = signed(suiro, "PUT", path, b"signed")
    connection = http.client.HTTPConnection(urllib.parse.urlparse(suiro.endpoint).netloc)
    connection.request("PUT", path, b"forged", headers)
    reply = connection.getresponse()
    assert reply.status == 400
    assert b"XAmzContentSHA256Mismatch" in reply.read()
    fails("404", 404, s3.head_object, Bucket=bucket, Key="k")


def test_not_modified_names_the_object(suiro, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    status, _, text, headers = send(suiro, "GET", f"/{bucket}/k", If_None_Match=etag)
    assert (status, text, headers["ETag"]) == (304, b"", etag)
    assert headers["Last-Modified"]


def test_error_document(suiro, bucket):
    status, code, text, _ = send(suiro, "GET", f"/{bucket}/none")
    assert (status, code) == (404, "NoSuchKey")
    assert b"<Key>none</Key>" in text
    assert b"<RequestId>" in text
    status, code, text, _ = send(suiro, "GET", "/no-bucket-of-this-name/k")
    assert (status, code) == (404, "NoSuchBucket")
    assert b"<BucketName>no-bucket-of-this-name</BucketName>" in text


def test_head_has_no_body(suiro, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    status, _, text, headers = send(suiro, "HEAD", f"/{bucket}/k")
    assert (status, text, headers["Content-Length"]) == (200, b"", "5")
    assert len(headers.get_all("Content-Length")) == 1
    status, _, text, headers = send(suiro, "GET", f"/{bucket}/k")
    assert (status, text, headers.get_all("Content-Length")) == (200, b"12345", ["5"])


def test_sub_resources_that_are_not_there(suiro, bucket):
    for query in ("logging", "website", "acl", "replication"):
        status, code, _, _ = send(suiro, "PUT", f"/{bucket}?{query}", b"<a/>")
        assert (status, code) == (501, "NotImplemented"), query
    for query in ("analytics", "inventory", "metrics", "intelligent-tiering"):
        status, code, _, _ = send(suiro, "GET", f"/{bucket}?{query}")
        assert (status, code) == (501, "NotImplemented"), query


@pytest.mark.parametrize("query", ["", "list-type=2&", "versions&"])
def test_optional_object_attributes(suiro, s3, bucket, query):
    # Objects in archives alone have a RestoreStatus; what is no attribute is refused.
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    listed = send(suiro, "GET", f"/{bucket}?{query}prefix=k",
                  x_amz_optional_object_attributes="RestoreStatus")
    assert listed[0] == 200 and b"<Key>k</Key>" in listed[2] and b"RestoreStatus" not in listed[2]
    refused = send(suiro, "GET", f"/{bucket}?{query}prefix=k",
                   x_amz_optional_object_attributes="Weight")
    assert refused[:2] == (400, "InvalidArgument")


@pytest.mark.parametrize("member", ["ChecksumMD5", "ChecksumSHA512", "ChecksumXXHASH3",
                                    "ChecksumXXHASH64", "ChecksumXXHASH128"])
def test_checksums_of_parts_that_are_not_kept(suiro, s3, bucket, member):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    document = (f"<CompleteMultipartUpload><Part><ETag>{etag}</ETag><{member}>AAAA</{member}>"
                f"<PartNumber>1</PartNumber></Part></CompleteMultipartUpload>").encode()
    status, code, text, _ = send(suiro, "POST", f"/{bucket}/k?uploadId={upload}", document)
    assert (status, code) == (501, "NotImplemented") and member.encode() in text


def test_a_signed_request_stays_with_its_host(suiro, s3, bucket):
    # The target's host wins over the header (RFC 9112, 3.2.2), so that it must be the signed one.
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    host = urllib.parse.urlparse(suiro.endpoint)
    signed_for = f"other.localhost:{host.port}"
    request = AWSRequest("GET", f"http://{signed_for}/k")
    S3SigV4Auth(Credentials(suiro.env["AWS_ACCESS_KEY_ID"], suiro.env["AWS_SECRET_ACCESS_KEY"]),
                "s3", suiro.env["AWS_DEFAULT_REGION"]).add_auth(request)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())

    def ask(target):
        with socket.create_connection((host.hostname, host.port)) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {signed_for}\r\n"
                               f"Connection: close\r\n{lines}\r\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))

    assert b"<Code>NoSuchBucket</Code>" in ask("/k")
    assert b"<Code>NoSuchBucket</Code>" in ask(f"http://{signed_for}/k")
    stolen = ask(f"http://{bucket}.localhost:{host.port}/k")
    assert b"<Code>SignatureDoesNotMatch</Code>" in stolen and b"secret" not in stolen
