# SPDX-License-Identifier: Apache-2.0
"""S3's configurations of buckets with boto3: CORS over plain HTTP too, lifecycle, notifications."""
import json
import urllib.error
import urllib.request

import pytest

from test_s3 import bucket, fails, s3  # noqa: F401


def ask(url, method, **headers):
    request = urllib.request.Request(url, method=method, headers={
        name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, dict(reply.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)


def test_cors(suiro, s3, bucket):
    rules = [{"ID": "r", "AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["*"],
              "AllowedOrigins": ["https://*.example.com"], "ExposeHeaders": ["ETag"],
              "MaxAgeSeconds": 300}]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    url = f"{suiro.endpoint}/{bucket}/k"
    status, headers = ask(url, "OPTIONS", Origin="https://a.example.com",
                          Access_Control_Request_Method="PUT",
                          Access_Control_Request_Headers="x-amz-date")
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert "PUT" in headers["Access-Control-Allow-Methods"]
    assert headers["Access-Control-Max-Age"] == "300"
    status, _ = ask(url, "OPTIONS", Origin="https://evil.example.org",
                    Access_Control_Request_Method="PUT")
    assert status == 403
    # Headers come on actual replies too, errors among them.
    status, headers = ask(url, "GET", Origin="https://a.example.com")
    assert status == 403
    assert headers["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert headers["Access-Control-Expose-Headers"] == "ETag"
    fails("InvalidRequest", 400, s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={
        "CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]})
    s3.delete_bucket_cors(Bucket=bucket)
    fails("NoSuchCORSConfiguration", 404, s3.get_bucket_cors, Bucket=bucket)


def test_lifecycle(s3, bucket):
    rules = [
        {"ID": "all", "Status": "Enabled", "Filter": {"And": {
            "Prefix": "logs/", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
            "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 100}}, "Expiration": {"Days": 7}},
        {"ID": "old", "Status": "Disabled", "Prefix": "x/", "Expiration": {"Days": 1}},
        {"ID": "tag", "Status": "Enabled", "Filter": {"Tag": {"Key": "t", "Value": "v"}},
         "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}},
        {"ID": "none", "Status": "Enabled", "Filter": {"Prefix": ""},
         "Expiration": {"ExpiredObjectDeleteMarker": True},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket,
                                          LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    put = s3.put_object(Bucket=bucket, Key="logs/k", Body=b"12345", Tagging="a=1&b=2")
    assert 'rule-id="all"' in put["Expiration"]
    assert s3.head_object(Bucket=bucket, Key="logs/k")["Expiration"] == put["Expiration"]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="logs/k", Body=b"12345")
    fails("NotImplemented", 501, s3.put_bucket_lifecycle_configuration, Bucket=bucket,
          LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Filter": {}, "Transitions": [
              {"Days": 30, "StorageClass": "GLACIER"}]}]})
    fails("MalformedXML", 400, s3.put_bucket_lifecycle_configuration, Bucket=bucket,
          LifecycleConfiguration={"Rules": []})
    s3.delete_bucket_lifecycle(Bucket=bucket)
    fails("NoSuchLifecycleConfiguration", 404, s3.get_bucket_lifecycle_configuration,
          Bucket=bucket)


@pytest.fixture()
def queue(suiro, name):
    """A queue that the test's bucket may send to: its URL and its ARN."""
    sqs = suiro.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = arn["Attributes"]["QueueArn"]
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{name}"}}}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return sqs, url, arn


def receive(sqs, url, count):
    out = []
    while len(out) < count:
        reply = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=10)
        assert reply.get("Messages"), f"{len(out)} of {count} messages came"
        for message in reply["Messages"]:
            out.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return out


def test_notification(s3, bucket, queue):
    sqs, url, arn = queue
    configuration = {"QueueConfigurations": [{
        "Id": "in", "QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"},
                                           {"Name": "suffix", "Value": ".gz"}]}}}]}
    s3.put_bucket_notification_configuration(Bucket=bucket,
                                             NotificationConfiguration=configuration)
    got = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert got["QueueConfigurations"] == configuration["QueueConfigurations"]
    test = receive(sqs, url, 1)[0]
    assert (test["Event"], test["Bucket"]) == ("s3:TestEvent", bucket)
    s3.put_object(Bucket=bucket, Key="in/no.txt", Body=b"x")
    put = s3.put_object(Bucket=bucket, Key="in/a b.gz", Body=b"hello")
    record = receive(sqs, url, 1)[0]["Records"][0]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["configurationId"] == "in"
    assert record["s3"]["bucket"]["name"] == bucket
    assert record["s3"]["object"]["key"] == "in/a+b.gz"
    assert record["s3"]["object"]["size"] == 5
    assert record["s3"]["object"]["eTag"] == put["ETag"].strip('"')
    s3.delete_object(Bucket=bucket, Key="in/a b.gz")
    later = receive(sqs, url, 1)[0]["Records"][0]
    assert later["eventName"] == "ObjectRemoved:Delete"
    assert later["s3"]["object"]["sequencer"] > record["s3"]["object"]["sequencer"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert set(s3.get_bucket_notification_configuration(Bucket=bucket)) == {"ResponseMetadata"}


def test_notification_refused(suiro, s3, bucket, queue):
    _, _, arn = queue

    def put(*queues, **more):
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
            "QueueConfigurations": list(queues), **more})

    every = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    error = fails("InvalidArgument", 400, put, {**every, "QueueArn": arn + "-missing"})
    assert error["Error"]["Message"] == \
        "Unable to validate the following destination configurations"
    fails("InvalidArgument", 400, put, every, {**every, "Events": ["s3:ObjectCreated:Put"]})
    fails("InvalidArgument", 400, put, {**every, "Events": ["s3:Nothing"]})
    closed = suiro.client("sqs")
    url = closed.create_queue(QueueName=bucket + "-closed")["QueueUrl"]
    assert url
    fails("InvalidArgument", 400, put, {**every, "QueueArn": arn + "-closed"})


def test_encryption_at_rest(own_suiro):
    """Replies say AES256 where, and only where, the store is encrypted."""
    own_suiro.start("--encryption")
    s3 = own_suiro.client("s3")
    s3.create_bucket(Bucket="sealed", CreateBucketConfiguration={
        "LocationConstraint": own_suiro.env["AWS_DEFAULT_REGION"]})
    rules = s3.get_bucket_encryption(Bucket="sealed")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    secret = b"what nobody may read" * 100_000
    for members in ({}, {"ServerSideEncryption": "AES256"}):
        put = s3.put_object(Bucket="sealed", Key="k", Body=secret, **members)
        assert put["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket="sealed", Key="k")["ServerSideEncryption"] == "AES256"
    s3.put_object(Bucket="sealed", Key="small", Body=b"what nobody may read")
    own_suiro.kill9()
    for path in own_suiro.data.rglob("*"):
        assert not path.is_file() or b"what nobody may read" not in path.read_bytes()
    own_suiro.start("--encryption")
    s3 = own_suiro.client("s3")
    assert s3.get_object(Bucket="sealed", Key="k")["Body"].read() == secret
    assert s3.get_object(Bucket="sealed", Key="small")["Body"].read() == b"what nobody may read"


def test_members_that_have_no_meaning_here_are_refused(s3, bucket):  # noqa: F811
    fails("NotImplemented", 501, s3.delete_object, Bucket=bucket, Key="k",
          BypassGovernanceRetention=True)


def test_public_access_ownership_and_encryption(s3, bucket):
    asked = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True,
             "RestrictPublicBuckets": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=asked)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == asked
    s3.delete_public_access_block(Bucket=bucket)
    fails("NoSuchPublicAccessBlockConfiguration", 404, s3.get_public_access_block, Bucket=bucket)

    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    fails("OwnershipControlsNotFoundError", 404, s3.get_bucket_ownership_controls, Bucket=bucket)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == enforced
    fails("NotImplemented", 501, s3.put_bucket_ownership_controls, Bucket=bucket,
          OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})

    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    fails("NotImplemented", 501, s3.put_bucket_encryption, Bucket=bucket,
          ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.delete_bucket_encryption(Bucket=bucket)
