# SPDX-License-Identifier: Apache-2.0
"""Bucket policies with boto3: what is taken, what comes back, and what it lets a key do."""
import json
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
OPEN = {"BlockPublicAcls": True, "IgnorePublicAcls": True,
        "BlockPublicPolicy": False, "RestrictPublicBuckets": False}


@pytest.fixture(scope="module")
def s3(suiro):
    return suiro.client("s3")


@pytest.fixture(scope="module")
def iam(suiro):
    return suiro.client("iam")


@pytest.fixture()
def bucket(suiro, s3, name):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})
    for key in ("in/a", "out/b"):
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


@pytest.fixture()
def user(suiro, iam, name):
    """A user with a key and no permission."""
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"name": name, "key": key, "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
            "s3": client(suiro, "s3", key)}


def client(server, service, key):
    return boto3.client(
        service, endpoint_url=server.endpoint, region_name=server.env["AWS_DEFAULT_REGION"],
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"), config=Config(retries={"max_attempts": 1}))


def refused(code, status, call, *texts, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status, error
    for text in texts:
        assert text in error["Error"]["Message"], error
    return error


def statement(bucket, effect="Allow", principal="*", action="s3:GetObject", resource="/*", **more):
    resources = [resource] if isinstance(resource, str) else resource
    return {"Effect": effect, "Principal": principal, "Action": action,
            "Resource": [f"arn:aws:s3:::{bucket}{end}" for end in resources], **more}


def document(*statements, **more):
    return json.dumps({"Version": "2012-10-17", **more, "Statement": list(statements)})


def read(s3, bucket, key="in/a"):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def denied(s3, bucket, *texts, key="in/a"):
    return refused("AccessDenied", 403, s3.get_object, *texts, Bucket=bucket, Key=key)


# --- what is kept ---------------------------------------------------------------------------------

def test_a_policy_comes_back_byte_for_byte(s3, bucket, user):
    text = document(statement(bucket, principal={"AWS": user["arn"]})).replace("{", "{ \n\t", 1)
    put = s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    gone = s3.delete_bucket_policy(Bucket=bucket)
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (s3.get_bucket_policy, s3.get_bucket_policy_status):
        refused("NoSuchBucketPolicy", 404, call, "The bucket policy does not exist", Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    for call in (s3.get_bucket_policy, s3.get_bucket_policy_status, s3.delete_bucket_policy):
        refused("NoSuchBucket", 404, call, Bucket=bucket + "-x")
    refused("NoSuchBucket", 404, s3.put_bucket_policy, Bucket=bucket + "-x", Policy="no policy")


def test_policies_survive_a_kill(own_suiro, name):
    own_suiro.start()
    s3, iam = own_suiro.client("s3"), own_suiro.client("iam")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": own_suiro.env["AWS_DEFAULT_REGION"]})
    s3.put_object(Bucket=name, Key="in/a", Body=b"1")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    text = document(statement(name, principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}))
    s3.put_bucket_policy(Bucket=name, Policy=text)
    own_suiro.kill9()
    own_suiro.start()
    assert own_suiro.client("s3").get_bucket_policy(Bucket=name)["Policy"] == text
    assert read(client(own_suiro, "s3", key), name) == b"1"


@pytest.mark.parametrize("text, message", [
    ("", "Policies must be valid JSON and the first byte must be '{'"),
    ("[]", "Policies must be valid JSON and the first byte must be '{'"),
    ('{"Version": ', "This policy contains invalid Json"),
    ('{"Version": "2012-10-17"}', "Missing required field Statement"),
    ('{"Statement": []}', "Could not parse the policy: Statement is empty!"),
    ('{"Version": "2020-01-01", "Statement": []}',
     "The policy must contain a valid version string"),
    ('{"Statment": []}', "Unknown field Statment"),
])
def test_documents_that_are_no_policy(s3, bucket, text, message):
    error = refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket, Policy=text)
    assert error["Error"]["Message"] == message


@pytest.mark.parametrize("change, message", [
    ({"Resource": "arn:aws:s3:::other/*"}, "Policy has invalid resource"),
    ({"Resource": "*"}, "Policy has invalid resource"),
    ({"Resource": "arn:aws:s3:::{bucket}-x"}, "Policy has invalid resource"),
    ({"Resource": []}, "Policy has invalid resource"),
    ({"Action": "s3:Fly"}, "Policy has invalid action"),
    ({"Action": "sqs:SendMessage"}, "Policy has invalid action"),
    ({"Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
    ({"Resource": "arn:aws:s3:::{bucket}"},
     "Action does not apply to any resource(s) in statement"),
    ({"Principal": {"AWS": "nobody"}}, "Invalid principal in policy"),
    ({"Principal": {"AWS": "arn:aws:s3:::lake"}}, "Invalid principal in policy"),
    ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, "Invalid principal in policy"),
    ({"Principal": {"Service": "*"}}, "Invalid principal in policy"),
    ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/*"}}, "Invalid principal in policy"),
    ({"Principal": {"CanonicalUser": "79a5"}}, "Invalid principal in policy"),
    ({"Principal": "ann"}, "Invalid principal in policy"),
    ({"Effect": "Permit"}, "Invalid effect: Permit"),
    ({"Principal": None}, "Missing required field Principal"),
    ({"Action": None}, "Missing required field Action"),
    ({"Resource": None}, "Missing required field Resource"),
    ({"Effect": None}, "Missing required field Effect"),
    ({"Rescource": "x"}, "Unknown field Rescource"),
    ({"NotAction": "s3:PutObject"}, "Statement/policy already has instance of Action"),
    ({"Condition": {"StringEquals": {"s3:ExistingObjectTag/a": "b"}}},
     "Condition key 's3:ExistingObjectTag/a' is not supported"),
    ({"Condition": {"StringIs": {"aws:SourceIp": "b"}}},
     "Condition operator 'StringIs' is not supported"),
])
def test_malformed_statements(s3, bucket, change, message):
    good = statement(bucket, effect="Deny")
    good.update(change)
    text = json.dumps({"Statement": {k: v for k, v in good.items() if v is not None}})
    error = refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket,
                    Policy=text.replace("{bucket}", bucket))
    assert error["Error"]["Message"] == message
    refused("NoSuchBucketPolicy", 404, s3.get_bucket_policy, Bucket=bucket)


def test_the_size_is_counted_without_white_space(s3, bucket):
    one = statement(bucket, effect="Deny", Sid="")
    room = 20480 - len(json.dumps({"Statement": [one]}, separators=(",", ":")))
    one["Sid"] = "x" * room
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [one]}, indent=4))
    one["Sid"] += "x"
    refused("MalformedPolicy", 400, s3.put_bucket_policy,
            "Normalized policy document exceeds the maximum allowed size of 20480 bytes",
            Bucket=bucket, Policy=json.dumps({"Statement": [one]}, separators=(",", ":")))


def test_public_policies_are_blocked(s3, bucket, user):
    anyone = document(statement(bucket))
    error = refused("AccessDenied", 403, s3.put_bucket_policy, Bucket=bucket, Policy=anyone)
    assert error["Error"]["Message"] == (
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: s3:PutBucketPolicy on "
        f"resource: \"arn:aws:s3:::{bucket}\" because public policies are blocked by the "
        "BlockPublicPolicy block public access setting.")
    fixed = document(statement(bucket, Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
    s3.put_bucket_policy(Bucket=bucket, Policy=fixed)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    assert read(user["s3"], bucket) == b"in/a"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_policy(Bucket=bucket, Policy=anyone)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}
    assert read(user["s3"], bucket) == b"in/a"
    # A policy that is there stays; only another public one is refused.
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        **OPEN, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})
    assert read(user["s3"], bucket) == b"in/a"
    refused("AccessDenied", 403, s3.put_bucket_policy, Bucket=bucket, Policy=anyone)


def test_requests_without_a_signature_are_refused(suiro, s3, bucket):
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement(bucket)))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{suiro.endpoint}/{bucket}/in/a", timeout=10)
    assert caught.value.code == 403


# --- what it lets a key do ------------------------------------------------------------------------

def test_an_allow_is_enough_for_a_user(s3, bucket, user):
    denied(user["s3"], bucket, f"User: {user['arn']} is not authorized to perform: s3:GetObject",
           "because no identity-based policy allows the s3:GetObject action")
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, principal={"AWS": user["arn"]}, resource="/in/*")))
    assert read(user["s3"], bucket) == b"in/a"
    denied(user["s3"], bucket, key="out/b")
    refused("AccessDenied", 403, user["s3"].put_object, Bucket=bucket, Key="in/c", Body=b"")
    refused("AccessDenied", 403, user["s3"].list_objects_v2, Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    denied(user["s3"], bucket)


def test_an_account_is_not_its_users(s3, iam, bucket, user):
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, principal={"AWS": [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"]})))
    denied(user["s3"], bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, principal={"AWS": ["1" * 12, f"arn:aws:iam::{'1' * 12}:user/ann"]})))
    denied(user["s3"], bucket)


def test_a_deny_wins(s3, iam, bucket, user):
    iam.attach_user_policy(UserName=user["name"],
                           PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert read(user["s3"], bucket) == b"in/a"
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, effect="Deny", principal={"AWS": user["arn"]}, resource="/in/*"),
        statement(bucket, principal={"AWS": user["arn"]})))
    denied(user["s3"], bucket, f'on resource: "arn:aws:s3:::{bucket}/in/a" with an explicit deny '
                               "in a resource-based policy")
    assert read(user["s3"], bucket, "out/b") == b"out/b"
    # Of a copy the source's bucket is asked too.
    refused("AccessDenied", 403, user["s3"].copy_object, Bucket=bucket, Key="out/c",
            CopySource={"Bucket": bucket, "Key": "in/a"})
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        {**statement(bucket, effect="Deny"), "Principal": {"AWS": ACCOUNT}}))
    denied(user["s3"], bucket)
    iam.detach_user_policy(UserName=user["name"],
                           PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")


def test_a_deny_binds_root_but_for_the_policy_itself(s3, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, effect="Deny", action="s3:*", resource=["", "/*"])))
    denied(s3, bucket, f"User: arn:aws:iam::{ACCOUNT}:root is not authorized",
           "with an explicit deny in a resource-based policy")
    refused("AccessDenied", 403, s3.list_objects_v2, Bucket=bucket)
    refused("AccessDenied", 403, s3.delete_bucket, Bucket=bucket)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, effect="Deny", action="s3:*", resource=["", "/*"])))
    s3.delete_bucket_policy(Bucket=bucket)
    assert read(s3, bucket) == b"in/a"


def test_not_principal(s3, iam, bucket, user):
    iam.put_user_policy(UserName=user["name"], PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
    root = f"arn:aws:iam::{ACCOUNT}:root"
    deny = statement(bucket, effect="Deny")
    del deny["Principal"]
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        {**deny, "NotPrincipal": {"AWS": [root, user["arn"]]}}))
    assert read(user["s3"], bucket) == read(s3, bucket) == b"in/a"
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        {**deny, "NotPrincipal": {"AWS": [root]}}))
    denied(user["s3"], bucket)
    assert read(s3, bucket) == b"in/a"


@pytest.fixture()
def role(suiro, iam, user, name):
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": user["arn"]}, "Action": "sts:AssumeRole"}],
    }))["Role"]["Arn"]
    sts = client(suiro, "sts", user["key"])

    def assume(session, **more):
        answer = sts.assume_role(RoleArn=arn, RoleSessionName=session, **more)
        return client(suiro, "s3", answer["Credentials"])
    return arn, assume


def test_roles_and_their_sessions(s3, bucket, role, name):
    arn, assume = role
    day, night = assume("day"), assume("night")
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement(bucket, principal={"AWS": arn})))
    assert read(day, bucket) == read(night, bucket) == b"in/a"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/night"
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, principal={"AWS": session})))
    assert read(night, bucket) == b"in/a"
    denied(day, bucket)
    # A session's own policies bound what the role is given, not what the session is given itself.
    narrow = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})
    bounded = assume("night", Policy=narrow)
    assert read(bounded, bucket) == b"in/a"
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement(bucket, principal={"AWS": arn})))
    denied(bounded, bucket, "because no session policy allows the s3:GetObject action")


def test_boundaries(s3, iam, bucket, user):
    boundary = iam.create_policy(PolicyName=user["name"], PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=user["name"], PermissionsBoundary=boundary)
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, principal={"AWS": user["arn"]})))
    assert read(user["s3"], bucket) == b"in/a"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement(bucket)))
    denied(user["s3"], bucket, "because no permissions boundary allows the s3:GetObject action")


def test_conditions(s3, bucket, user):
    who = {"AWS": user["arn"]}

    def put(*statements):
        s3.put_bucket_policy(Bucket=bucket, Policy=document(*statements))
    put(statement(bucket, principal=who, action="s3:ListBucket", resource="",
                  Condition={"StringLike": {"s3:prefix": "in/*"}}))
    listed = user["s3"].list_objects_v2(Bucket=bucket, Prefix="in/")
    assert [entry["Key"] for entry in listed["Contents"]] == ["in/a"]
    refused("AccessDenied", 403, user["s3"].list_objects_v2, Bucket=bucket, Prefix="out/")
    refused("AccessDenied", 403, user["s3"].list_objects_v2, Bucket=bucket)
    put(statement(bucket, principal=who, Condition={"IpAddress": {"aws:SourceIp": "127.0.0.1"}}))
    assert read(user["s3"], bucket) == b"in/a"
    put(statement(bucket, principal=who, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    denied(user["s3"], bucket)
    put(statement(bucket, principal=who),
        statement(bucket, effect="Deny", action="s3:*", resource=["", "/*"],
                  Condition={"Bool": {"aws:SecureTransport": "false"}}))
    denied(user["s3"], bucket, "explicit deny in a resource-based policy")
    put(statement(bucket, principal=who, resource="/${aws:username}/*"))
    denied(user["s3"], bucket)
    s3.put_object(Bucket=bucket, Key=f"{user['name']}/a", Body=b"mine")
    assert read(user["s3"], bucket, f"{user['name']}/a") == b"mine"


def test_a_new_bucket_of_the_name_has_no_policy(suiro, s3, name, user):
    place = {"LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    s3.put_bucket_policy(Bucket=name, Policy=document(
        statement(name, principal={"AWS": user["arn"]}, action="s3:*", resource=["", "/*"])))
    user["s3"].list_objects_v2(Bucket=name)
    user["s3"].delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
    refused("AccessDenied", 403, user["s3"].list_objects_v2, Bucket=name)


def test_code_of_functions_is_read_by_the_buckets_policy(suiro, s3, iam, bucket, user, name):
    """What an operation of another service reads asks the bucket's policy too."""
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.attach_user_policy(UserName=user["name"],
                           PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        statement(bucket, effect="Deny", principal={"AWS": user["arn"]})))
    refused("AccessDeniedException", 403, client(suiro, "lambda", user["key"]).create_function,
            "s3:GetObject", "explicit deny in a resource-based policy", FunctionName=name,
            Role=role, Runtime="python3.11", Handler="a.b",
            Code={"S3Bucket": bucket, "S3Key": "in/a"})
    iam.detach_user_policy(UserName=user["name"],
                           PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
