# SPDX-License-Identifier: Apache-2.0
"""IAM and STS with boto3 and the aws command: entities, their errors, and what a key may do."""
import json

import boto3
import botocore
import pytest
from botocore.config import Config
from waiting import until

ACCOUNT = "000000000000"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
LAMBDA_TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole"}]})


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def trust(*principals, **more):
    return policy({"Effect": "Allow", "Principal": {"AWS": list(principals)},
                   "Action": "sts:AssumeRole", **more})


def client(server, service, key):
    return boto3.client(
        service, endpoint_url=server.endpoint, region_name=server.env["AWS_DEFAULT_REGION"],
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"), config=Config(retries={"max_attempts": 1}))


def refused(call, code, *texts, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**arguments)
    found = error.value.response["Error"]
    assert found["Code"] == code, found
    for text in texts:
        assert text in found["Message"], found
    return error.value.response


@pytest.fixture()
def iam(suiro):
    return suiro.client("iam")


@pytest.fixture()
def user(suiro, iam, name):
    """A user with a key and no permission."""
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"name": name, "key": key, "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}"}


def grant(iam, user, *statements, name="p"):
    iam.put_user_policy(UserName=user["name"], PolicyName=name, PolicyDocument=policy(*statements))


def test_roles(iam, name):
    made = iam.create_role(RoleName=name, Path="/batch/", AssumeRolePolicyDocument=LAMBDA_TRUST,
                           Description="nightly", MaxSessionDuration=7200,
                           Tags=[{"Key": "team", "Value": "b"}])["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/batch/{name}"
    assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21
    assert made["AssumeRolePolicyDocument"] == json.loads(LAMBDA_TRUST)
    refused(iam.create_role, "EntityAlreadyExists", f"Role with name {name} already exists.",
            RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    role = iam.get_role(RoleName=name)["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("nightly", 7200)
    assert role["Tags"] == [{"Key": "team", "Value": "b"}]
    iam.update_role(RoleName=name, Description="daily", MaxSessionDuration=3600)
    assert iam.get_role(RoleName=name)["Role"]["Description"] == "daily"
    iam.put_role_policy(RoleName=name, PolicyName="in", PolicyDocument=policy(allow("s3:*")))
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["in"]
    inline = iam.get_role_policy(RoleName=name, PolicyName="in")
    assert inline["PolicyDocument"] == json.loads(policy(allow("s3:*")))
    iam.attach_role_policy(RoleName=name, PolicyArn=ADMIN)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached == [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMIN}]
    refused(iam.delete_role, "DeleteConflict", "must detach all policies first", RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=ADMIN)
    refused(iam.delete_role, "DeleteConflict", "must delete policies first", RoleName=name)
    iam.delete_role_policy(RoleName=name, PolicyName="in")
    assert name in [r["RoleName"] for r in iam.list_roles(PathPrefix="/batch/")["Roles"]]
    iam.delete_role(RoleName=name)
    refused(iam.get_role, "NoSuchEntity", f"The role with name {name} cannot be found.",
            RoleName=name)


def test_documents_come_back_url_encoded(suiro, name):
    iam = suiro.client("iam")
    raw = []
    iam.meta.events.register("after-call.iam.*", lambda http_response, **_: raw.append(
        http_response.text))
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    assert "%7B%22Version%22%3A%20%222012-10-17%22%2C" in raw[0]


def test_what_is_malformed_is_refused(iam, name):
    for document, text in (("{", "not a JSON object"), (policy({"Effect": "Allow"}), "needs"),
                           (policy(allow("s3:Get", "bucket")), "ARN format"),
                           (policy(allow("s3:*", Condition={"StringEquals": {"aws:Nope": "x"}})),
                            "aws:Nope"),
                           (policy(allow("s3:*", Condition={"Equals": {"aws:username": "x"}})),
                            "'Equals'")):
        refused(iam.create_policy, "MalformedPolicyDocument", text, PolicyName=name,
                PolicyDocument=document)
    refused(iam.create_role, "MalformedPolicyDocument", RoleName=name,
            AssumeRolePolicyDocument=policy(allow("s3:*")))
    refused(iam.create_role, "MalformedPolicyDocument", "Invalid principal in policy",
            RoleName=name, AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:user/nobody"))
    refused(iam.create_user, "ValidationError", UserName="a b")


def test_managed_policies(iam, name):
    made = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:Get*")),
                             Description="reads", Tags=[{"Key": "k", "Value": "v"}])["Policy"]
    arn = made["Arn"]
    assert made["PolicyId"].startswith("ANPA") and made["DefaultVersionId"] == "v1"
    refused(iam.create_policy, "EntityAlreadyExists", PolicyName=name.upper(),
            PolicyDocument=policy(allow("*")))
    for number in range(2, 6):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:*")),
                                            SetAsDefault=number == 2)["PolicyVersion"]
        assert version["VersionId"] == f"v{number}"
    refused(iam.create_policy_version, "LimitExceeded", "up to 5 versions", PolicyArn=arn,
            PolicyDocument=policy(allow("*")))
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [v["VersionId"] for v in versions] == ["v5", "v4", "v3", "v2", "v1"]
    assert [v["VersionId"] for v in versions if v["IsDefaultVersion"]] == ["v2"]
    refused(iam.delete_policy_version, "DeleteConflict", "default version", PolicyArn=arn,
            VersionId="v2")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert document == json.loads(policy(allow("s3:Get*")))
    refused(iam.delete_policy, "DeleteConflict", "more than one version", PolicyArn=arn)
    for number in range(2, 6):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{number}")
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [u["UserName"] for u in entities["PolicyUsers"]] == [name]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    refused(iam.delete_policy, "DeleteConflict", "attached to entities", PolicyArn=arn)
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    refused(iam.get_policy, "NoSuchEntity", f"Policy {arn} was not found.", PolicyArn=arn)
    refused(iam.attach_user_policy, "NoSuchEntity", UserName=name,
            PolicyArn="arn:aws:iam::aws:policy/NoSuchThing")
    shown = iam.get_policy(PolicyArn=ADMIN)["Policy"]
    assert shown["PolicyName"] == "AdministratorAccess"


def test_users_keys_and_groups(iam, name):
    made = iam.create_user(UserName=name, Path="/team/")["User"]
    assert made["UserId"].startswith("AIDA")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["SecretAccessKey"]) == 40
    iam.create_access_key(UserName=name)
    refused(iam.create_access_key, "LimitExceeded", "AccessKeysPerUser: 2", UserName=name)
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    listed = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert {k["AccessKeyId"]: k["Status"] for k in listed}[key["AccessKeyId"]] == "Inactive"
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=name)["Groups"]] == [name]
    assert [u["UserName"] for u in iam.get_group(GroupName=name)["Users"]] == [name]
    refused(iam.delete_group, "DeleteConflict", GroupName=name)
    refused(iam.delete_user, "DeleteConflict", UserName=name)
    iam.update_user(UserName=name, NewUserName=name + "2")
    assert [u["UserName"] for u in iam.get_group(GroupName=name)["Users"]] == [name + "2"]
    iam.remove_user_from_group(GroupName=name, UserName=name + "2")
    refused(iam.delete_user, "DeleteConflict", "access keys", UserName=name + "2")
    for one in listed:
        iam.delete_access_key(UserName=name + "2", AccessKeyId=one["AccessKeyId"])
    iam.delete_user(UserName=name + "2")
    iam.delete_group(GroupName=name)


def test_instance_profiles_and_linked_roles(iam, name):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    refused(iam.add_role_to_instance_profile, "LimitExceeded", InstanceProfileName=name,
            RoleName=name)
    profiles = iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]
    assert [p["Roles"][0]["RoleName"] for p in profiles] == [name]
    refused(iam.delete_role, "DeleteConflict", "instance profile", RoleName=name)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role(RoleName=name)
    linked = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]
    assert linked["RoleName"] == "AWSServiceRoleForECS"
    assert linked["Path"] == "/aws-service-role/ecs.amazonaws.com/"
    refused(iam.delete_role, "UnmodifiableEntity", RoleName=linked["RoleName"])
    task = iam.delete_service_linked_role(RoleName=linked["RoleName"])["DeletionTaskId"]
    status = iam.get_service_linked_role_deletion_status(DeletionTaskId=task)
    assert status["Status"] == "SUCCEEDED"


def test_pages(iam, name):
    for number in range(5):
        iam.create_user(UserName=f"{name}-{number}", Path=f"/{name}/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix=f"/{name}/",
                                                     PaginationConfig={"PageSize": 2})
    found = [[u["UserName"] for u in page["Users"]] for page in pages]
    assert [len(page) for page in found] == [2, 2, 1]
    assert sum(found, []) == [f"{name}-{n}" for n in range(5)]


def test_a_key_without_policy_is_denied_with_the_reason(suiro, iam, user, name):
    suiro.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3 = client(suiro, "s3", user["key"])
    response = refused(
        s3.list_objects_v2, "AccessDenied",
        f'User: {user["arn"]} is not authorized to perform: s3:ListBucket on resource: '
        f'"arn:aws:s3:::{name}" because no identity-based policy allows the s3:ListBucket action',
        Bucket=name)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    request = response["ResponseMetadata"]["RequestId"]
    assert request in suiro.log()
    until(lambda: "iam:Deny" in suiro.run("trace", request, check=False).stdout, "the span")
    response = refused(client(suiro, "kinesis", user["key"]).list_streams, "AccessDeniedException",
                       "kinesis:ListStreams")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    response = refused(client(suiro, "lambda", user["key"]).list_functions,
                       "AccessDeniedException", "lambda:ListFunctions")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    refused(client(suiro, "sqs", user["key"]).list_queues, "AccessDenied", "sqs:ListQueues")
    identity = client(suiro, "sts", user["key"]).get_caller_identity()
    assert (identity["Arn"], identity["UserId"][:4]) == (user["arn"], "AIDA")


def test_policies_take_effect_at_once(suiro, iam, user, name):
    suiro.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3 = client(suiro, "s3", user["key"])
    grant(iam, user, allow("s3:PutObject", f"arn:aws:s3:::{name}/in/*"),
          allow("s3:ListBucket", f"arn:aws:s3:::{name}",
                Condition={"StringLike": {"s3:prefix": ["in/*", "${aws:username}/*"]}}),
          deny("s3:PutObject", f"arn:aws:s3:::{name}/in/closed/*"))
    s3.put_object(Bucket=name, Key="in/a", Body=b"x")
    refused(s3.put_object, "AccessDenied", "no identity-based policy", Bucket=name, Key="out/a")
    refused(s3.put_object, "AccessDenied", "with an explicit deny in an identity-based policy",
            Bucket=name, Key="in/closed/a")
    s3.list_objects_v2(Bucket=name, Prefix="in/")
    s3.list_objects_v2(Bucket=name, Prefix=f"{user['name']}/")
    refused(s3.list_objects_v2, "AccessDenied", Bucket=name, Prefix="other/")
    refused(s3.get_object, "AccessDenied", "s3:GetObject", Bucket=name, Key="in/a")
    iam.delete_user_policy(UserName=user["name"], PolicyName="p")
    refused(s3.put_object, "AccessDenied", Bucket=name, Key="in/a", Body=b"x")
    iam.attach_user_policy(UserName=user["name"], PolicyArn=ADMIN)
    assert s3.get_object(Bucket=name, Key="in/a")["Body"].read() == b"x"
    iam.update_access_key(UserName=user["name"], AccessKeyId=user["key"]["AccessKeyId"],
                          Status="Inactive")
    refused(s3.list_buckets, "InvalidAccessKeyId")


def test_groups_boundaries_and_conditions(suiro, iam, user, name):
    sqs = client(suiro, "sqs", user["key"])
    iam.create_group(GroupName=name)
    iam.put_group_policy(GroupName=name, PolicyName="g", PolicyDocument=policy(allow("sqs:*")))
    refused(sqs.list_queues, "AccessDenied")
    iam.add_user_to_group(GroupName=name, UserName=user["name"])
    sqs.list_queues()
    boundary = iam.create_policy(PolicyName=name, PolicyDocument=policy(
        allow("sqs:List*", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})))
    iam.put_user_permissions_boundary(UserName=user["name"],
                                      PermissionsBoundary=boundary["Policy"]["Arn"])
    sqs.list_queues()
    refused(sqs.create_queue, "AccessDenied", "because no permissions boundary allows the "
            "sqs:CreateQueue action", QueueName=name)
    iam.delete_user_permissions_boundary(UserName=user["name"])
    grant(iam, user, deny("sqs:*", Condition={"Bool": {"aws:SecureTransport": "false"}}))
    refused(sqs.list_queues, "AccessDenied", "explicit deny")


def test_queue_policies_and_batches(suiro, iam, user, name):
    root = suiro.client("sqs")
    url = root.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:ap-northeast-1:{ACCOUNT}:{name}"
    sqs = client(suiro, "sqs", user["key"])
    entry = [{"Id": "a", "MessageBody": "x"}]
    refused(sqs.send_message_batch, "AccessDenied", "sqs:SendMessage", QueueUrl=url, Entries=entry)
    grant(iam, user, allow("sqs:SendMessage", arn))
    sqs.send_message_batch(QueueUrl=url, Entries=entry)
    refused(sqs.receive_message, "AccessDenied", "sqs:ReceiveMessage", QueueUrl=url)
    root.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": user["arn"]}, "Action": "sqs:ReceiveMessage",
             "Resource": arn},
            {"Effect": "Deny", "Principal": {"AWS": user["arn"]}, "Action": "sqs:SendMessage",
             "Resource": arn}]})})
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "x"
    refused(sqs.send_message, "AccessDenied", QueueUrl=url, MessageBody="y")
    # A policy that names the account leaves it to the account's own policies.
    root.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sqs:*",
             "Resource": arn}]})})
    refused(sqs.receive_message, "AccessDenied", "sqs:ReceiveMessage", QueueUrl=url)


def test_assume_role(suiro, iam, user, name):
    arn = iam.create_role(RoleName=name, Path="/x/",
                          AssumeRolePolicyDocument=trust(user["arn"]))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(
        allow(["sqs:ListQueues", "s3:ListAllMyBuckets"])))
    sts = client(suiro, "sts", user["key"])
    assumed = sts.assume_role(RoleArn=arn, RoleSessionName="night", DurationSeconds=900)
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/night"
    assert assumed["AssumedRoleUser"]["Arn"] == session
    key = assumed["Credentials"]
    assert key["AccessKeyId"].startswith("ASIA")
    assert client(suiro, "sts", key).get_caller_identity()["Arn"] == session
    client(suiro, "sqs", key).list_queues()
    refused(client(suiro, "kinesis", key).list_streams, "AccessDeniedException",
            f"User: {session} is not authorized")
    refused(client(suiro, "sqs", {**key, "SessionToken": None}).list_queues,
            "InvalidClientTokenId")
    other = key["SessionToken"][:-8] + "AAAAAAA="
    refused(client(suiro, "sqs", {**key, "SessionToken": other}).list_queues,
            "InvalidClientTokenId")
    narrow = sts.assume_role(RoleArn=arn, RoleSessionName="n1",
                             Policy=policy(allow("s3:*")))["Credentials"]
    client(suiro, "s3", narrow).list_buckets()
    refused(client(suiro, "sqs", narrow).list_queues, "AccessDenied",
            "because no session policy allows the sqs:ListQueues action")
    refused(sts.assume_role, "ValidationError", "MaxSessionDuration", RoleArn=arn,
            RoleSessionName="n1", DurationSeconds=7200)
    for keys, text in ((["team", "Team"], "Duplicate tag keys"), (["aws:team"], "reserved")):
        refused(sts.assume_role, "ValidationError", text, RoleArn=arn, RoleSessionName="n1",
                Tags=[{"Key": key, "Value": "a"} for key in keys])
    refused(suiro.client("sts").assume_role, "AccessDenied", "root accounts", RoleArn=arn,
            RoleSessionName="n1")
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    refused(client(suiro, "sqs", key).list_queues, "AccessDenied")
    iam.create_role(RoleName=name, Path="/x/", AssumeRolePolicyDocument=trust(user["arn"]))
    iam.attach_role_policy(RoleName=name, PolicyArn=ADMIN)
    refused(client(suiro, "sqs", key).list_queues, "AccessDenied")


def test_trust_policies(suiro, iam, user, name):
    root = f"arn:aws:iam::{ACCOUNT}:root"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(
        root, Condition={"StringEquals": {"sts:ExternalId": "e-1"}}))["Role"]["Arn"]
    sts = client(suiro, "sts", user["key"])
    wanted = {"RoleArn": arn, "RoleSessionName": "s1"}
    refused(sts.assume_role, "AccessDenied", "sts:AssumeRole", **wanted, ExternalId="e-1")
    grant(iam, user, allow("sts:AssumeRole", arn))
    refused(sts.assume_role, "AccessDenied", "sts:AssumeRole", **wanted, ExternalId="e-2")
    refused(sts.assume_role, "AccessDenied", "sts:AssumeRole", **wanted)
    sts.assume_role(**wanted, ExternalId="e-1")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=LAMBDA_TRUST)
    refused(sts.assume_role, "AccessDenied", **wanted, ExternalId="e-1")


def test_session_tokens(suiro, iam, user):
    grant(iam, user, allow("sqs:ListQueues"))
    key = client(suiro, "sts", user["key"]).get_session_token()["Credentials"]
    client(suiro, "sqs", key).list_queues()
    refused(client(suiro, "s3", key).list_buckets, "AccessDenied")
    refused(client(suiro, "sts", key).get_session_token, "AccessDenied")
    grant(iam, user, allow("sts:GetAccessKeyInfo"), name="q")
    info = client(suiro, "sts", user["key"]).get_access_key_info(
        AccessKeyId=user["key"]["AccessKeyId"])
    assert info["Account"] == ACCOUNT


def test_simulation(iam, user, name):
    grant(iam, user, allow("s3:Get*", f"arn:aws:s3:::{name}/*"), deny("s3:GetObjectAcl"))
    found = iam.simulate_principal_policy(
        PolicySourceArn=user["arn"],
        ActionNames=["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject"],
        ResourceArns=[f"arn:aws:s3:::{name}/k"])["EvaluationResults"]
    assert [r["EvalDecision"] for r in found] == ["allowed", "explicitDeny", "implicitDeny"]
    custom = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("sqs:*", Condition={
            "NumericLessThan": {"s3:max-keys": "10"}}))], ActionNames=["sqs:SendMessage"],
        ContextEntries=[{"ContextKeyName": "s3:max-keys", "ContextKeyValues": ["9"],
                         "ContextKeyType": "numeric"}])["EvaluationResults"]
    assert custom[0]["EvalDecision"] == "allowed"


def test_what_a_simulation_and_an_empty_list_refuse(iam):
    refused(iam.simulate_custom_policy, "InvalidInput", PolicyInputList=[policy(allow("s3:*"))],
            ActionNames=["s3:GetObject"], CallerArn="arn:aws:iam::000000000000:role/r")
    refused(iam.simulate_custom_policy, "InvalidInput", "CallerArn",
            PolicyInputList=[policy(allow("s3:*"))], ActionNames=["s3:GetObject"],
            ResourcePolicy=policy(allow("s3:*", Principal="*")))
    refused(iam.list_virtual_mfa_devices, "ValidationError", Marker="?")


def test_the_command_line(suiro, name, tmp_path):
    document = tmp_path / "p.json"
    document.write_text(policy(allow("s3:ListAllMyBuckets")))
    suiro.aws("iam", "create-user", "--user-name", name)
    suiro.aws("iam", "put-user-policy", "--user-name", name, "--policy-name", "p",
              "--policy-document", f"file://{document}")
    key = json.loads(suiro.aws("iam", "create-access-key", "--user-name", name).stdout)["AccessKey"]
    root = dict(suiro.env)
    try:
        suiro.env = {**root, "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                     "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        suiro.aws("s3", "ls")
        denied = suiro.aws("sqs", "list-queues", check=False)
        assert denied.returncode == 254 and "no identity-based policy allows" in denied.stderr
    finally:
        suiro.env = root


def test_identities_and_sessions_survive_a_kill(own_suiro, name):
    own_suiro.start()
    iam = own_suiro.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.put_user_policy(UserName=name, PolicyName="p",
                        PolicyDocument=policy(allow(["s3:ListAllMyBuckets", "sts:*"])))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(
        f"arn:aws:iam::{ACCOUNT}:user/{name}"))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name,
                           PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    session = client(own_suiro, "sts", key).assume_role(
        RoleArn=arn, RoleSessionName="s1")["Credentials"]
    own_suiro.kill9()
    own_suiro.start()
    client(own_suiro, "s3", key).list_buckets()
    refused(client(own_suiro, "sqs", key).list_queues, "AccessDenied")
    client(own_suiro, "sqs", session).list_queues()
    refused(client(own_suiro, "s3", session).list_buckets, "AccessDenied")


def test_an_administrator_may_do_all_of_aws(suiro, iam, user, name):
    iam.attach_user_policy(UserName=user["name"], PolicyArn=ADMIN)
    mine = client(suiro, "iam", user["key"])
    assert mine.get_user()["User"]["UserName"] == user["name"]
    mine.create_user(UserName=name + "-2")
    mine.delete_user(UserName=name + "-2")
    used = iam.get_access_key_last_used(AccessKeyId=user["key"]["AccessKeyId"])
    assert used["AccessKeyLastUsed"]["ServiceName"] == "iam"
