# SPDX-License-Identifier: Apache-2.0
"""S3 multipart uploads with boto3, and large and small files with the aws command."""
import hashlib
import os

import pytest

from test_s3 import bucket, fails, s3  # noqa: F401

MIB = 1 << 20


def parts_of(*etags):
    return {"Parts": [{"ETag": etag, "PartNumber": number} for number, etag in etags]}


def begin(s3, bucket, key="k", **members):
    return s3.create_multipart_upload(Bucket=bucket, Key=key, **members)["UploadId"]


def part(s3, bucket, upload, number, body, key="k"):
    return s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number,
                          Body=body)["ETag"]


def test_upload(s3, bucket):
    upload = begin(s3, bucket, ContentType="a/b", Metadata={"m": "1"}, Tagging="t=v")
    big, tail = os.urandom(5 * MIB), b"tail"
    one, two = part(s3, bucket, upload, 1, big), part(s3, bucket, upload, 2, tail)
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    assert [(p["PartNumber"], p["Size"], p["ETag"]) for p in listed["Parts"]] == \
        [(1, 5 * MIB, one), (2, 4, two)]
    page = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload, MaxParts=1)
    assert page["IsTruncated"] is True
    assert page["NextPartNumberMarker"] == 1
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    fails("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="k")
    members = {"Bucket": bucket, "Key": "k", "UploadId": upload,
               "MultipartUpload": parts_of((1, one), (2, two))}
    done = s3.complete_multipart_upload(**members)
    digests = hashlib.md5(big).digest() + hashlib.md5(tail).digest()
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert s3.complete_multipart_upload(**members)["ETag"] == done["ETag"]
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == big + tail
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("a/b", {"m": "1"}, 1)
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert second["Body"].read() == tail
    assert second["PartsCount"] == 2
    assert second["ContentRange"] == f"bytes {5 * MIB}-{5 * MIB + 3}/{5 * MIB + 4}"
    across = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}")
    assert across["Body"].read() == big[-2:] + b"ta"
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"])
    assert attributes["ObjectParts"]["TotalPartsCount"] == 2
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_completion_refused(s3, bucket):
    upload = begin(s3, bucket)
    one, two = part(s3, bucket, upload, 1, b"small"), part(s3, bucket, upload, 2, b"tail")

    def complete(*etags, **members):
        return s3.complete_multipart_upload(**{
            "Bucket": bucket, "Key": "k", "UploadId": upload,
            "MultipartUpload": parts_of(*etags), **members})

    fails("EntityTooSmall", 400, complete, (1, one), (2, two))
    fails("InvalidPartOrder", 400, complete, (2, two), (1, one))
    fails("InvalidPart", 400, complete, (1, two))
    fails("InvalidPart", 400, complete, (3, two))
    fails("MalformedXML", 400, complete)
    fails("NoSuchUpload", 404, complete, (1, one), UploadId="0" * 32)
    fails("InvalidArgument", 400, s3.upload_part, Bucket=bucket, Key="k", UploadId=upload,
          PartNumber=10001, Body=b"")
    fails("NoSuchUpload", 404, s3.upload_part, Bucket=bucket, Key="k", UploadId="no",
          PartNumber=1, Body=b"")
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    fails("NoSuchUpload", 404, s3.abort_multipart_upload, Bucket=bucket, Key="k", UploadId=upload)
    fails("NoSuchUpload", 404, complete, (1, one))
    fails("NoSuchUpload", 404, s3.list_parts, Bucket=bucket, Key="k", UploadId=upload)


def test_copied_parts(s3, bucket):
    source = os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=source)
    upload = begin(s3, bucket)

    def copy(number, **members):
        return s3.upload_part_copy(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number,
                                   CopySource={"Bucket": bucket, "Key": "source"}, **members)

    one = copy(1, CopySourceRange=f"bytes=0-{5 * MIB - 1}")["CopyPartResult"]["ETag"]
    two = copy(2, CopySourceRange=f"bytes={5 * MIB}-{6 * MIB - 1}")["CopyPartResult"]["ETag"]
    fails("InvalidArgument", 400, copy, 3, CopySourceRange="bytes=5-")
    fails("InvalidArgument", 400, copy, 3, CopySourceRange=f"bytes=0-{6 * MIB}")
    fails("PreconditionFailed", 412, copy, 3, CopySourceIfMatch='"x"')
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload,
                                 MultipartUpload=parts_of((1, one), (2, two)))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == source


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_checksums_of_parts(s3, bucket, algorithm):
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm)
    name = "Checksum" + algorithm
    sent = [s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=body,
                           ChecksumAlgorithm=algorithm)
            for number, body in ((1, b"x" * 5 * MIB), (2, b"tail"))]
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    assert [p[name] for p in listed["Parts"]] == [p[name] for p in sent]
    done = s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [
            {"ETag": p["ETag"], "PartNumber": n, name: p[name]} for n, p in enumerate(sent, 1)]})
    assert done[name].endswith("-2")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[name] == done[name]
    assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-checksum-type"] == "COMPOSITE"


def test_list_uploads(s3, bucket):
    uploads = {key: begin(s3, bucket, key) for key in ("a/1", "a/2", "b", "ü x")}
    found, members = [], {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, EncodingType="url", **members)
        found += [u["UploadId"] for u in page.get("Uploads", [])]
        if not page["IsTruncated"]:
            break
        members = {"KeyMarker": page["NextKeyMarker"],
                   "UploadIdMarker": page["NextUploadIdMarker"]}
    assert found == list(uploads.values())
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["a/"]
    assert [u["Key"] for u in page["Uploads"]] == ["b", "ü x"]


def test_versions_of_uploads(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    upload = begin(s3, bucket)
    one = part(s3, bucket, upload, 1, b"x")
    members = {"Bucket": bucket, "Key": "k", "UploadId": upload,
               "MultipartUpload": parts_of((1, one))}
    done = s3.complete_multipart_upload(**members)
    assert s3.complete_multipart_upload(**members)["VersionId"] == done["VersionId"]
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_aws_command(suiro, bucket, tmp_path):
    """cp, sync and rm of small files, empty ones, and one in parts."""
    tree = tmp_path / "tree"
    (tree / "sub dir").mkdir(parents=True)
    files = {"small.txt": b"small", "empty": b"", "sub dir/ü.bin": os.urandom(100_000),
             "large.bin": os.urandom(20 * MIB)}
    for path, data in files.items():
        (tree / path).write_bytes(data)
        # S3 tells times in whole seconds: a file of this very second would seem newer.
        os.utime(tree / path, (1_700_000_000, 1_700_000_000))
    suiro.aws("s3", "sync", str(tree), f"s3://{bucket}/tree/")
    listed = suiro.aws("s3", "ls", "--recursive", f"s3://{bucket}/").stdout
    for path in files:
        assert f"tree/{path}" in listed
    back = tmp_path / "back"
    suiro.aws("s3", "sync", f"s3://{bucket}/tree/", str(back))
    for path, data in files.items():
        assert (back / path).read_bytes() == data
    assert suiro.aws("s3", "sync", str(tree), f"s3://{bucket}/tree/").stdout.strip() == ""
    suiro.aws("s3", "cp", f"s3://{bucket}/tree/large.bin", f"s3://{bucket}/copy.bin")
    suiro.aws("s3", "cp", f"s3://{bucket}/copy.bin", str(tmp_path / "copy.bin"))
    assert (tmp_path / "copy.bin").read_bytes() == files["large.bin"]
    suiro.aws("s3", "mv", f"s3://{bucket}/copy.bin", f"s3://{bucket}/moved.bin")
    suiro.aws("s3", "rm", "--recursive", f"s3://{bucket}/")
    assert suiro.aws("s3", "ls", "--recursive", f"s3://{bucket}/", check=False).stdout == ""
    suiro.aws("s3", "rb", f"s3://{bucket}")
