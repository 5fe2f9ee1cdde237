# SPDX-License-Identifier: Apache-2.0
"""S3 with boto3: objects, conditions, versions, lists, checksums, bad input."""
import base64
import datetime
import hashlib
import zlib

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def s3(suiro):
    return suiro.client("s3")


@pytest.fixture()
def bucket(suiro, s3, name):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})
    return name


def fails(code, status, call, *arguments, **members):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status, error
    return error


def location(suiro):
    return {"LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]}


# --- buckets --------------------------------------------------------------------------------------

def test_bucket_life(suiro, s3, name):
    made = s3.create_bucket(Bucket=name, CreateBucketConfiguration=location(suiro))
    assert made["Location"].endswith(name + "/") or made["Location"] == "/" + name
    fails("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket=name,
          CreateBucketConfiguration=location(suiro))
    head = s3.head_bucket(Bucket=name)
    assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == \
        suiro.env["AWS_DEFAULT_REGION"]
    assert name in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == \
        suiro.env["AWS_DEFAULT_REGION"]
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket=name)
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    fails("404", 404, s3.head_bucket, Bucket=name)
    fails("NoSuchBucket", 404, s3.list_objects_v2, Bucket=name)
    fails("NoSuchBucket", 404, s3.delete_bucket, Bucket=name)
    fails("NoSuchBucket", 404, s3.put_object, Bucket=name, Key="k", Body=b"x")


def test_bucket_refusals(suiro, s3, name):
    fails("IllegalLocationConstraintException", 400, s3.create_bucket, Bucket=name)
    fails("IllegalLocationConstraintException", 400, s3.create_bucket, Bucket=name,
          CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    fails("InvalidBucketAclWithObjectOwnership", 400, s3.create_bucket, Bucket=name,
          ACL="public-read", CreateBucketConfiguration=location(suiro))
    fails("NotImplemented", 501, s3.create_bucket, Bucket=name, ObjectLockEnabledForBucket=True,
          CreateBucketConfiguration=location(suiro))
    for bad in ("Upper-case", "under_score", "two..dots", "192.168.1.1", "xn--name"):
        fails("InvalidBucketName", 400, s3.create_bucket, Bucket=bad,
              CreateBucketConfiguration=location(suiro))
    fails("AccessDenied", 403, s3.list_objects_v2, Bucket=name, ExpectedBucketOwner="1" * 12)


def test_untouched_bucket(s3, bucket):
    """What Terraform reads of a bucket."""
    for code, call in (
            ("NoSuchBucketPolicy", s3.get_bucket_policy),
            ("NoSuchBucketPolicy", s3.get_bucket_policy_status),
            ("NoSuchWebsiteConfiguration", s3.get_bucket_website),
            ("ReplicationConfigurationNotFoundError", s3.get_bucket_replication),
            ("ServerSideEncryptionConfigurationNotFoundError", s3.get_bucket_encryption),
            ("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration),
            ("NoSuchTagSet", s3.get_bucket_tagging),
            ("NoSuchCORSConfiguration", s3.get_bucket_cors),
            ("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration)):
        fails(code, 404, call, Bucket=bucket)
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert [g["Permission"] for g in acl["Grants"]] == ["FULL_CONTROL"]
    assert acl["Grants"][0]["Grantee"] == {"ID": acl["Owner"]["ID"], "Type": "CanonicalUser"}
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    owner = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert owner == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                   "RestrictPublicBuckets"), True)
    notification = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(notification) == {"ResponseMetadata"}


def test_operations_that_are_not_there(s3, bucket):
    fails("NotImplemented", 501, s3.put_bucket_acl, Bucket=bucket, ACL="public-read")
    fails("NotImplemented", 501, s3.put_bucket_website, Bucket=bucket,
          WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    fails("NotImplemented", 501, s3.list_bucket_inventory_configurations, Bucket=bucket)


def test_bucket_tagging(s3, bucket):
    tags = [{"Key": "team", "Value": "lake"}, {"Key": "ü", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    fails("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=bucket)
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    fails("InvalidTag", 400, s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": twice})


# --- objects --------------------------------------------------------------------------------------

def test_put_get_head(s3, bucket):
    put = s3.put_object(
        Bucket=bucket, Key="dir/ü &+.txt", Body=b"hello", ContentType="text/plain",
        CacheControl="max-age=60", ContentDisposition="attachment", ContentEncoding="identity",
        ContentLanguage="de", Expires=datetime.datetime(2030, 1, 1), StorageClass="STANDARD",
        WebsiteRedirectLocation="/elsewhere", Metadata={"Colour": "blue"}, Tagging="a=1&b=x%20y")
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert "VersionId" not in put
    for reply in (s3.get_object(Bucket=bucket, Key="dir/ü &+.txt"),
                  s3.head_object(Bucket=bucket, Key="dir/ü &+.txt")):
        assert reply["ContentType"] == "text/plain"
        assert reply["CacheControl"] == "max-age=60"
        assert reply["ContentDisposition"] == "attachment"
        assert reply["ContentEncoding"] == "identity"
        assert reply["ContentLanguage"] == "de"
        assert reply["WebsiteRedirectLocation"] == "/elsewhere"
        assert reply["Metadata"] == {"colour": "blue"}
        assert reply["ContentLength"] == 5
        assert reply["ETag"] == put["ETag"]
        assert reply["AcceptRanges"] == "bytes"
        assert "2030" in reply["ResponseMetadata"]["HTTPHeaders"]["expires"]
        assert "ServerSideEncryption" not in reply
    got = s3.get_object(Bucket=bucket, Key="dir/ü &+.txt")
    assert got["TagCount"] == 2
    assert got["Body"].read() == b"hello"
    s3.put_object(Bucket=bucket, Key="plain", Body=b"")
    got = s3.get_object(Bucket=bucket, Key="plain")
    assert got["ContentType"] == "binary/octet-stream"
    assert got["Body"].read() == b""
    fails("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="none")
    fails("404", 404, s3.head_object, Bucket=bucket, Key="none")
    s3.delete_object(Bucket=bucket, Key="none")


def test_response_overrides(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="a/b",
                        ResponseCacheControl="no-store", ResponseContentDisposition="inline",
                        ResponseContentEncoding="identity", ResponseContentLanguage="fr",
                        ResponseExpires=datetime.datetime(2031, 2, 3))
    assert got["ContentType"] == "a/b"
    assert got["CacheControl"] == "no-store"
    assert got["ContentDisposition"] == "inline"
    assert got["ContentLanguage"] == "fr"
    assert got["ResponseMetadata"]["HTTPHeaders"]["expires"].startswith("Mon, 03 Feb 2031")


@pytest.mark.parametrize("range_, expected, content_range", [
    ("bytes=0-3", b"0123", "bytes 0-3/10"), ("bytes=7-", b"789", "bytes 7-9/10"),
    ("bytes=-2", b"89", "bytes 8-9/10"), ("bytes=8-100", b"89", "bytes 8-9/10")])
def test_ranges(s3, bucket, range_, expected, content_range):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=range_)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == content_range
    assert got["Body"].read() == expected
    head = s3.head_object(Bucket=bucket, Key="k", Range=range_)
    assert head["ContentLength"] == len(expected)


def test_ranges_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    fails("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-")
    fails("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range="bytes=-0")
    whole = s3.get_object(Bucket=bucket, Key="k", Range="lines=1-2")
    assert whole["ResponseMetadata"]["HTTPStatusCode"] == 200
    fails("NotImplemented", 501, s3.get_object, Bucket=bucket, Key="k", Range="bytes=0-1,3-4")
    one = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert one["Body"].read() == b"0123456789"
    fails("InvalidPartNumber", 416, s3.get_object, Bucket=bucket, Key="k", PartNumber=2)


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    past = datetime.datetime(2001, 1, 1)
    future = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    for call in (s3.get_object, s3.head_object):
        head = call == s3.head_object
        failed = "412" if head else "PreconditionFailed"
        call(Bucket=bucket, Key="k", IfMatch=etag)
        fails(failed, 412, call, Bucket=bucket, Key="k", IfMatch='"other"')
        fails("304", 304, call, Bucket=bucket, Key="k", IfNoneMatch=etag)
        call(Bucket=bucket, Key="k", IfNoneMatch='"other"')
        call(Bucket=bucket, Key="k", IfModifiedSince=past)
        fails("304", 304, call, Bucket=bucket, Key="k", IfModifiedSince=future)
        call(Bucket=bucket, Key="k", IfUnmodifiedSince=future)
        fails(failed, 412, call, Bucket=bucket, Key="k", IfUnmodifiedSince=past)
        # RFC 9110: a match decides before a date does.
        call(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=past)
        fails("304", 304, call, Bucket=bucket, Key="k", IfNoneMatch=etag, IfModifiedSince=past)


def with_headers(client, operation, **headers):
    """Adds headers that Debian's boto3 has no members for; takes them away again."""
    def add(params, **_):
        params["headers"].update({k.replace("_", "-"): v for k, v in headers.items()})
    event = f"before-call.s3.{operation}"
    client.meta.events.register(event, add, unique_id="headers")
    return lambda: client.meta.events.unregister(event, unique_id="headers")


def test_conditional_writes(suiro, bucket):
    s3 = suiro.client("s3")
    undo = with_headers(s3, "PutObject", If_None_Match="*")
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    fails("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"2")
    undo()
    undo = with_headers(s3, "PutObject", If_Match='"0123"')
    fails("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"2")
    fails("NoSuchKey", 404, s3.put_object, Bucket=bucket, Key="none", Body=b"2")
    undo()
    undo = with_headers(s3, "PutObject", If_Match=etag)
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    undo()
    undo = with_headers(s3, "DeleteObject", If_Match=etag)
    fails("PreconditionFailed", 412, s3.delete_object, Bucket=bucket, Key="k")
    undo()
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_refused_members(s3, bucket):
    fails("AccessControlListNotSupported", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          ACL="public-read")
    fails("AccessControlListNotSupported", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          GrantRead="id=1")
    fails("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          ServerSideEncryption="AES256")
    fails("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          ServerSideEncryption="aws:kms")
    fails("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          StorageClass="GLACIER")
    fails("InvalidStorageClass", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          StorageClass="COLD")
    fails("InvalidRequest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          ObjectLockLegalHoldStatus="ON")
    fails("MetadataTooLarge", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x",
          Metadata={"a": "x" * 2048})
    md5 = "1B2M2Y8AsgTpgAmY7PhCfg=="
    for call, members in [(s3.put_object, {"Body": b"x"}), (s3.get_object, {}),
                          (s3.head_object, {}), (s3.create_multipart_upload, {})]:
        error = pytest.raises(ClientError, call, Bucket=bucket, Key="k", SSECustomerKeyMD5=md5,
                              **members).value.response
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 501, (call, error)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    fails("NotImplemented", 501, s3.copy_object, Bucket=bucket, Key="l", CopySource=f"{bucket}/k",
          CopySourceSSECustomerKeyMD5=md5)


def test_members_without_effect(s3, bucket):
    # No bucket is a Requester Pays bucket: nobody is charged, and the replies say so by silence.
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", RequestPayer="requester")
    got = s3.get_object(Bucket=bucket, Key="k", RequestPayer="requester")
    assert got["Body"].read() == b"x"
    assert "RequestCharged" not in put and "RequestCharged" not in got
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    fails("NotImplemented", 501, s3.put_bucket_request_payment, Bucket=bucket,
          RequestPaymentConfiguration={"Payer": "Requester"})


@pytest.mark.parametrize("key", [
    "../../etc/passwd", "..", ".", "a//b", "/a", "a/", "x" * 1024, "ü€😀", "a b+c%20d?e#f&g=h",
    "<tag>&amp;\"'", "\u00a0", "new\nline", "tab\t"])
def test_keys_are_bytes(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": "copy"}]})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_keys_refused(s3, bucket):
    fails("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"")
    fails("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="€" * 342, Body=b"")


# --- checksums ------------------------------------------------------------------------------------

def checksums(data):
    return {"CRC32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode(),
            "SHA1": base64.b64encode(hashlib.sha1(data).digest()).decode(),
            "SHA256": base64.b64encode(hashlib.sha256(data).digest()).decode()}


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums(s3, bucket, algorithm):
    value = checksums(b"hello")[algorithm]
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    assert put["Checksum" + algorithm] == value
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Checksum" + algorithm] == value
    assert got["Body"].read() == b"hello"
    assert "Checksum" + algorithm not in s3.head_object(Bucket=bucket, Key="k")
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=[
        "ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"])
    assert attributes["Checksum"]["Checksum" + algorithm] == value
    assert attributes["ETag"] == "5d41402abc4b2a76b9719d911017c592"
    assert attributes["ObjectSize"] == 5
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **{"Checksum" + algorithm: value})
    fails("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"other",
          **{"Checksum" + algorithm: value})
    fails("InvalidRequest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"other",
          **{"Checksum" + algorithm: "AAAA"})


def test_default_checksum(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"123456789")
    headers = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ResponseMetadata"]
    if "x-amz-checksum-crc64nvme" in headers["HTTPHeaders"]:
        assert headers["HTTPHeaders"]["x-amz-checksum-crc64nvme"] == "rosUhgp5mIg="
    else:  # a client that always sends CRC32
        assert headers["HTTPHeaders"]["x-amz-checksum-crc32"] == "y/Q5Jg=="
    assert headers["HTTPHeaders"]["x-amz-checksum-type"] == "FULL_OBJECT"


def test_content_md5(s3, bucket):
    good = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentMD5=good)
    fails("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"other", ContentMD5=good)
    fails("InvalidDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5="xyz")


# --- copies, deletes, tags ------------------------------------------------------------------------

def test_copy(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"bytes", ContentType="a/b",
                  Metadata={"m": "1"}, Tagging="t=v")
    source = {"Bucket": bucket, "Key": "from"}
    result = s3.copy_object(Bucket=bucket, Key="to", CopySource=source)["CopyObjectResult"]
    head = s3.head_object(Bucket=bucket, Key="to")
    assert head["ETag"] == result["ETag"]
    assert head["ContentType"] == "a/b"
    assert head["Metadata"] == {"m": "1"}
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "t", "Value": "v"}]
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE",
                   Metadata={"n": "2"}, TaggingDirective="REPLACE", Tagging="x=y")
    head = s3.head_object(Bucket=bucket, Key="to")
    assert head["Metadata"] == {"n": "2"}
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "x", "Value": "y"}]
    fails("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="from", CopySource=source)
    fails("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="to",
          CopySource={"Bucket": bucket, "Key": "none"})
    fails("NoSuchBucket", 404, s3.copy_object, Bucket=bucket, Key="to",
          CopySource={"Bucket": "no-such-bucket-here", "Key": "k"})
    etag = s3.head_object(Bucket=bucket, Key="from")["ETag"]
    fails("PreconditionFailed", 412, s3.copy_object, Bucket=bucket, Key="to", CopySource=source,
          CopySourceIfNoneMatch=etag)
    fails("PreconditionFailed", 412, s3.copy_object, Bucket=bucket, Key="to", CopySource=source,
          CopySourceIfMatch='"x"')
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch=etag)


def test_delete_many(s3, bucket):
    for i in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x")
    objects = [{"Key": f"k{i}"} for i in range(5)] + [{"Key": "none"}, {"Key": "k0"}]
    reply = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert len(reply["Deleted"]) == 7
    assert "Errors" not in reply
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert "Deleted" not in quiet
    long = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "x" * 1025}]})
    assert long["Errors"][0]["Code"] == "KeyTooLongError"
    fails("MalformedXML", 400, s3.delete_objects, Bucket=bucket,
          Delete={"Objects": [{"Key": str(i)} for i in range(1001)]})


def test_object_tagging(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    tags = [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    many = [{"Key": str(i), "Value": ""} for i in range(11)]
    fails("BadRequest", 400, s3.put_object_tagging, Bucket=bucket, Key="k",
          Tagging={"TagSet": many})
    fails("InvalidTag", 400, s3.put_object_tagging, Bucket=bucket, Key="k",
          Tagging={"TagSet": [{"Key": "x" * 129, "Value": ""}]})
    fails("NoSuchKey", 404, s3.get_object_tagging, Bucket=bucket, Key="none")
    fails("InvalidArgument", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"",
          Tagging="a=1&a=2")


# --- versions -------------------------------------------------------------------------------------

def test_versions(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    one = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["VersionId"]
    two = s3.put_object(Bucket=bucket, Key="k", Body=b"two")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    error = fails("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="k")
    headers = error["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"
    assert headers["x-amz-version-id"] == marker["VersionId"]
    fails("MethodNotAllowed", 405, s3.get_object, Bucket=bucket, Key="k",
          VersionId=marker["VersionId"])
    for version, body in ((one, b"one"), (two, b"two"), ("null", b"null")):
        got = s3.get_object(Bucket=bucket, Key="k", VersionId=version)
        assert got["Body"].read() == body
        assert got["VersionId"] == version
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == [two, one, "null"]
    assert [v["IsLatest"] for v in listed["Versions"]] == [False] * 3
    assert listed["DeleteMarkers"][0]["IsLatest"] is True
    gone = s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert gone["DeleteMarker"] is True
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
    s3.copy_object(Bucket=bucket, Key="k",
                   CopySource={"Bucket": bucket, "Key": "k", "VersionId": one})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
    fails("NoSuchVersion", 404, s3.get_object, Bucket=bucket, Key="k", VersionId="0" * 32)
    fails("InvalidArgument", 400, s3.get_object, Bucket=bucket, Key="k", VersionId="nonsense")
    fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)


def test_suspended_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(Bucket=bucket, Key="k", Body=b"kept")["VersionId"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"null 1")["VersionId"] == "null"
    s3.put_object(Bucket=bucket, Key="k", Body=b"null 2")
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [v["VersionId"] for v in versions] == ["null", kept]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == [kept]
    reply = s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": "k", "VersionId": "null"}, {"Key": "k", "VersionId": kept}]})
    assert len(reply["Deleted"]) == 2
    s3.delete_bucket(Bucket=bucket)


# --- lists ----------------------------------------------------------------------------------------

KEYS = ["a/1", "a/2", "a/b/3", "b", "c/1", "d"]


@pytest.fixture()
def filled(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def test_list_v2(s3, filled):
    listed = s3.list_objects_v2(Bucket=filled)
    assert [o["Key"] for o in listed["Contents"]] == KEYS
    assert listed["KeyCount"] == 6
    first = listed["Contents"][0]
    assert (first["Size"], first["StorageClass"]) == (3, "STANDARD")
    assert "Owner" not in first
    assert "ID" in s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]["Owner"]
    listed = s3.list_objects_v2(Bucket=filled, Delimiter="/")
    assert [p["Prefix"] for p in listed["CommonPrefixes"]] == ["a/", "c/"]
    assert [o["Key"] for o in listed["Contents"]] == ["b", "d"]
    assert listed["KeyCount"] == 4
    listed = s3.list_objects_v2(Bucket=filled, Delimiter="/", Prefix="a/")
    assert [p["Prefix"] for p in listed["CommonPrefixes"]] == ["a/b/"]
    assert [o["Key"] for o in listed["Contents"]] == ["a/1", "a/2"]
    listed = s3.list_objects_v2(Bucket=filled, StartAfter="a/b/3")
    assert [o["Key"] for o in listed["Contents"]] == ["b", "c/1", "d"]
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=0)["KeyCount"] == 0
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=filled, MaxKeys=-1)
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=filled, ContinuationToken="!")


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages(s3, filled, size):
    def pages(operation, **members):
        return s3.get_paginator(operation).paginate(Bucket=filled, PaginationConfig={
            "PageSize": size}, **members)
    for operation in ("list_objects_v2", "list_objects"):
        keys = [o["Key"] for page in pages(operation) for o in page.get("Contents", [])]
        assert keys == KEYS
        names = [o["Key"] for page in pages(operation, Delimiter="/")
                 for o in page.get("Contents", [])]
        prefixes = [p["Prefix"] for page in pages(operation, Delimiter="/")
                    for p in page.get("CommonPrefixes", [])]
        assert (names, prefixes) == (["b", "d"], ["a/", "c/"])
    versions = [v["Key"] for page in pages("list_object_versions") for v in page["Versions"]]
    assert versions == KEYS


def test_list_v1(s3, filled):
    listed = s3.list_objects(Bucket=filled, MaxKeys=2, Delimiter="/")
    assert listed["IsTruncated"] is True
    assert listed["NextMarker"] == "b"
    listed = s3.list_objects(Bucket=filled, Marker="c/1")
    assert [o["Key"] for o in listed["Contents"]] == ["d"]
    assert "ID" in listed["Contents"][0]["Owner"]
    fails("InvalidArgument", 400, s3.list_objects, Bucket=filled, EncodingType="none")


# --- other doors ----------------------------------------------------------------------------------

def test_presigned(suiro, bucket):
    import urllib.error
    import urllib.request
    s3 = suiro.client("s3", config=Config(signature_version="s3v4"))
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p q"})
    with urllib.request.urlopen(urllib.request.Request(put, data=b"signed", method="PUT")) as reply:
        assert reply.status == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p q"})
    with urllib.request.urlopen(get) as reply:
        assert reply.read() == b"signed"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(get.replace("p%20q", "other"))
    assert caught.value.code == 403
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{suiro.endpoint}/{bucket}/p%20q")
    assert caught.value.code == 403


def test_virtual_host_style(suiro, bucket, monkeypatch):
    import socket
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolve(
        "127.0.0.1" if host.endswith(".localhost") else host, *rest, **more))
    endpoint = suiro.endpoint.replace("127.0.0.1", "localhost")
    import boto3
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name=suiro.env["AWS_DEFAULT_REGION"],
                      aws_access_key_id=suiro.env["AWS_ACCESS_KEY_ID"],
                      aws_secret_access_key=suiro.env["AWS_SECRET_ACCESS_KEY"],
                      config=Config(s3={"addressing_style": "virtual"}))
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"virtual")
    assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"virtual"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/b"]
