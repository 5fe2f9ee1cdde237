# SPDX-License-Identifier: Apache-2.0
"""Whose permissions a function has: those of its role, where IAM keeps it."""
import json

import pytest
from botocore.exceptions import ClientError
from test_iam import ACCOUNT, LAMBDA_TRUST, allow, policy, refused
from test_lambda import call, zipped

SOURCE = """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    arn = boto3.client("sts").get_caller_identity()["Arn"]
    out = {"arn": arn}
    for service, operation in (("sqs", "list_queues"), ("kinesis", "list_streams")):
        try:
            getattr(boto3.client(service), operation)()
            out[service] = "ok"
        except ClientError as error:
            out[service] = error.response["Error"]["Message"]
    return out
"""
EC2_TRUST = LAMBDA_TRUST.replace("lambda", "ec2")


def make(functions, name, role):
    return functions.create_function(
        FunctionName=name, Runtime="python3.11", Role=f"arn:aws:iam::{ACCOUNT}:role/{role}",
        Handler="main.handler", Timeout=60, Code={"ZipFile": zipped({"main.py": SOURCE})})


def test_a_function_acts_as_its_role(suiro, name):
    iam, functions = suiro.client("iam"), suiro.client("lambda")
    make(functions, name, name)
    _, before = call(functions, name)
    assert before["arn"].endswith(f":function:{name}")
    assert (before["sqs"], before["kinesis"]) == ("ok", "ok")
    # The role binds the sandbox that runs already.
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("sqs:*")))
    _, bound = call(functions, name)
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{name}"
    assert bound["arn"] == session
    assert bound["sqs"] == "ok"
    assert bound["kinesis"].startswith(
        f"User: {session} is not authorized to perform: kinesis:ListStreams")
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("kinesis:*")))
    _, after = call(functions, name)
    assert after["kinesis"] == "ok" and "sqs:ListQueues" in after["sqs"]


def test_a_role_must_trust_lambda(suiro, name):
    iam, functions = suiro.client("iam"), suiro.client("lambda")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=EC2_TRUST)
    with pytest.raises(ClientError) as error:
        make(functions, name, name)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert "cannot be assumed by Lambda" in error.value.response["Error"]["Message"]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=LAMBDA_TRUST)
    make(functions, name, name)
    iam.create_role(RoleName=name + "2", AssumeRolePolicyDocument=EC2_TRUST)
    refused(functions.update_function_configuration, "InvalidParameterValueException",
            FunctionName=name, Role=f"arn:aws:iam::{ACCOUNT}:role/{name}2")


def test_strict(own_suiro, name):
    own_suiro.start("--iam", "strict")
    iam, functions = own_suiro.client("iam"), own_suiro.client("lambda")
    with pytest.raises(ClientError) as error:
        make(functions, name, name)
    assert "cannot be assumed by Lambda" in error.value.response["Error"]["Message"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    make(functions, name, name)
    _, body = call(functions, name)
    assert body["arn"].endswith(f"assumed-role/{name}/{name}")
    iam.delete_role(RoleName=name)
    _, body = call(functions, name)
    assert "not authorized" in json.dumps(body["sqs"])


def test_a_deleted_role_frees_nothing(own_suiro, name):
    own_suiro.start()
    iam, functions = own_suiro.client("iam"), own_suiro.client("lambda")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    make(functions, name, name)
    iam.delete_role(RoleName=name)
    own_suiro.kill9()
    own_suiro.start()
    functions = own_suiro.client("lambda")
    # A sandbox that starts now has no role to act as; and none may be made with it.
    with pytest.raises(ClientError):
        call(functions, name)
    with pytest.raises(ClientError) as error:
        make(functions, name + "2", name)
    assert "cannot be assumed by Lambda" in error.value.response["Error"]["Message"]
    # A role under another path is not the one that the function names.
    own_suiro.client("iam").create_role(RoleName=name, Path="/x/",
                                        AssumeRolePolicyDocument=LAMBDA_TRUST)
    with pytest.raises(ClientError):
        make(functions, name + "2", name)


ESCAPE = """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    out = {}
    for key, service, operation, arguments in (
            ("user", "iam", "create_user", {"UserName": event["name"]}),
            ("role", "sts", "assume_role", {"RoleArn": event["role"], "RoleSessionName": "s1"}),
            ("self", "sts", "get_caller_identity", {})):
        try:
            getattr(boto3.client(service), operation)(**arguments)
            out[key] = "ok"
        except ClientError as error:
            out[key] = error.response["Error"]["Code"]
    return out
"""


def test_who_has_no_role_cannot_take_one(suiro, name):
    iam, functions = suiro.client("iam"), suiro.client("lambda")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]}))
    functions.create_function(
        FunctionName=name, Runtime="python3.11", Role=f"arn:aws:iam::{ACCOUNT}:role/no-{name}",
        Handler="main.handler", Timeout=60, Code={"ZipFile": zipped({"main.py": ESCAPE})})
    _, body = call(functions, name, {"name": name, "role": role["Role"]["Arn"]})
    assert body == {"user": "AccessDenied", "role": "AccessDenied", "self": "ok"}


def test_passing_a_role_needs_a_permission(suiro, name):
    from test_iam import client
    iam = suiro.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("lambda:*")))
    functions = client(suiro, "lambda", key)
    with pytest.raises(ClientError) as error:
        make(functions, name, name)
    assert f"iam:PassRole on resource: arn:aws:iam::{ACCOUNT}:role/{name}" in str(error.value)
    iam.put_user_policy(UserName=name, PolicyName="q", PolicyDocument=policy(allow(
        "iam:PassRole", Condition={"StringEquals": {
            "iam:PassedToService": "lambda.amazonaws.com"}})))
    make(functions, name, name)


def test_a_functions_policy_lets_a_user_invoke(suiro, name):
    from test_iam import client
    iam, functions = suiro.client("iam"), suiro.client("lambda")
    make(functions, name, name)
    user = iam.create_user(UserName=name)["User"]["Arn"]
    mine = client(suiro, "lambda", iam.create_access_key(UserName=name)["AccessKey"])

    def denied():
        text = f"User: {user} is not authorized to perform: lambda:InvokeFunction on resource"
        answer = refused(mine.invoke, "AccessDeniedException", text,
                         FunctionName=name, InvocationType="DryRun")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    denied()
    # The account as a whole is not the user: its own policies have to allow it as well.
    functions.add_permission(FunctionName=name, StatementId="a", Principal=ACCOUNT,
                             Action="lambda:InvokeFunction")
    denied()
    functions.add_permission(FunctionName=name, StatementId="b", Principal=user,
                             Action="lambda:InvokeFunction")
    assert mine.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    refused(mine.get_function, "AccessDeniedException", "lambda:GetFunction", FunctionName=name)
    refused(mine.invoke, "AccessDeniedException", FunctionName=name + "-none")
    functions.remove_permission(FunctionName=name, StatementId="b")
    denied()
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(
        allow("lambda:InvokeFunction")))
    assert mine.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204


def test_a_run_by_family_is_permitted_by_its_revision(suiro, name):
    from test_iam import client
    iam, tasks = suiro.client("iam"), suiro.client("ecs")
    tasks.create_cluster(clusterName=name)
    arns = [tasks.register_task_definition(family=name, networkMode="none", containerDefinitions=[
        {"name": "c", "image": "none/none", "memory": 64}])["taskDefinition"]["taskDefinitionArn"]
        for _ in range(2)]
    iam.create_user(UserName=name)
    mine = client(suiro, "ecs", iam.create_access_key(UserName=name)["AccessKey"])

    def permit(*statements):
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))

    def may(definition):
        answer = mine.run_task(cluster=name, taskDefinition=definition)
        for task in answer["tasks"]:
            assert task["taskDefinitionArn"] == arns[1]

    family = arns[1].rsplit(":", 1)[0]
    permit(allow("ecs:RunTask"), {"Effect": "Deny", "Action": "ecs:RunTask", "Resource": arns[1]})
    for denied in (name, family, arns[1], f"{name}:2"):
        refused(mine.run_task, "AccessDeniedException", f"on resource: {arns[1]} with an explicit",
                cluster=name, taskDefinition=denied)
    permit(allow("ecs:RunTask", arns[1]))
    for permitted in (name, family, arns[1]):
        may(permitted)
    refused(mine.run_task, "AccessDeniedException", arns[0], cluster=name, taskDefinition=arns[0])
    permit(allow("ecs:RunTask", family + ":*"))
    may(name)
    permit(allow("ecs:ListTasks"))
    refused(mine.run_task, "AccessDeniedException", f"{name}-none:*", cluster=name,
            taskDefinition=name + "-none")


def test_starting_tasks_passes_the_roles_of_their_definition(suiro, name):
    from test_iam import client
    iam, tasks = suiro.client("iam"), suiro.client("ecs")
    role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST.replace(
        "lambda.", "ecs-tasks."))
    tasks.create_cluster(clusterName=name)
    tasks.register_task_definition(
        family=name, taskRoleArn=role, networkMode="none", containerDefinitions=[
            {"name": "c", "image": "none/none", "memory": 64}])
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("ecs:*")))
    mine = client(suiro, "ecs", key)
    service = {"cluster": name, "serviceName": "s", "taskDefinition": name, "desiredCount": 0}
    refused(mine.create_service, "AccessDeniedException", f"iam:PassRole on resource: {role}",
            **service)
    refused(mine.run_task, "AccessDeniedException", f"iam:PassRole on resource: {role}",
            cluster=name, taskDefinition=name + ":1")
    iam.put_user_policy(UserName=name, PolicyName="q", PolicyDocument=policy(allow(
        "iam:PassRole", role, Condition={"StringEquals": {
            "iam:PassedToService": "ecs-tasks.amazonaws.com"}})))
    made = mine.create_service(**service)["service"]
    mine.update_service(cluster=name, service="s", taskDefinition=name)
    iam.delete_user_policy(UserName=name, PolicyName="q")
    refused(mine.update_service, "AccessDeniedException", f"iam:PassRole on resource: {role}",
            cluster=name, service="s", forceNewDeployment=True)
    # Who scales a service passes nothing.
    mine.update_service(cluster=name, service="s", desiredCount=0)
    # What is of elsewhere is not taken for what has its name here.
    for there in (made["serviceArn"].replace(ACCOUNT, "111111111111"),
                  made["serviceArn"].replace(":ecs:", ":ecs:x-"),
                  made["serviceArn"].replace(f"/{name}/", "/other/")):
        refused(tasks.describe_services, "InvalidParameterException", "dentifier", cluster=name,
                services=[there])
    tasks.delete_service(cluster=name, service=made["serviceArn"], force=True)
