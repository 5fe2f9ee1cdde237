# SPDX-License-Identifier: Apache-2.0
"""State machines and activities of Step Functions with boto3 and aws. What Debian's boto3 does not
know (versions, aliases, validation) is tested with the JavaScript SDK, in js/states.test.mjs."""
import http.client
import json
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from workflows import ended, kept_role

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


def definition(comment="one"):
    return json.dumps({"Comment": comment, "StartAt": "A",
                       "States": {"A": {"Type": "Pass", "End": True}}})


@pytest.fixture()
def states(suiro):
    return suiro.client("stepfunctions")


@pytest.fixture()
def machine(states, name):
    made = states.create_state_machine(name=name, definition=definition(), roleArn=ROLE)
    yield made["stateMachineArn"]
    states.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def fault(info):
    return info.value.response["Error"]["Code"], info.value.response["Error"]["Message"]


def test_a_machine_from_creation_to_deletion(states, name):
    made = states.create_state_machine(name=name, definition=definition(), roleArn=ROLE,
                                       tags=[{"key": "team", "value": "a"}])
    arn = made["stateMachineArn"]
    assert arn.endswith(f":{ACCOUNT}:stateMachine:{name}")
    again = states.create_state_machine(name=name, definition=definition(), roleArn=ROLE)
    assert again["creationDate"] == made["creationDate"]
    with pytest.raises(ClientError) as info:
        states.create_state_machine(name=name, definition=definition("two"), roleArn=ROLE)
    assert fault(info) == ("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")

    states.update_state_machine(stateMachineArn=arn, definition=definition("two"))
    told = states.describe_state_machine(stateMachineArn=arn)
    assert told["definition"] == definition("two")
    assert (told["status"], told["type"], told["roleArn"]) == ("ACTIVE", "STANDARD", ROLE)
    assert told["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}

    states.tag_resource(resourceArn=arn, tags=[{"key": "k", "value": "v"}])
    with pytest.raises(ClientError) as info:
        states.tag_resource(resourceArn=arn, tags=[{"key": "aws:k", "value": "v"}])
    assert fault(info)[0] == "ValidationException"
    states.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]

    states.delete_state_machine(stateMachineArn=arn)
    with pytest.raises(ClientError) as info:
        states.describe_state_machine(stateMachineArn=arn)
    assert fault(info) == ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def test_definitions_and_names_are_checked(states, name):
    with pytest.raises(ClientError) as info:
        states.create_state_machine(name=name, definition='{"StartAt": "A"}', roleArn=ROLE)
    assert fault(info) == (
        "InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: "
        "These fields are required: [States] at /'")
    with pytest.raises(ClientError) as info:
        states.create_state_machine(name="a b", definition=definition(), roleArn=ROLE)
    assert fault(info) == ("InvalidName", "Invalid Name: 'a b'")


def test_a_log_group_must_exist(suiro, states, name):
    group = f"arn:aws:logs:ap-northeast-1:{ACCOUNT}:log-group:{name}:*"
    logging = {"level": "ALL", "includeExecutionData": True,
               "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
    request = {"name": name, "definition": definition(), "roleArn": ROLE,
               "loggingConfiguration": logging}
    with pytest.raises(ClientError) as info:
        states.create_state_machine(**request)
    assert fault(info) == ("InvalidLoggingConfiguration",
                           "Invalid Logging Configuration: Log Destination not found.")
    suiro.client("logs").create_log_group(logGroupName=name)
    arn = states.create_state_machine(**request)["stateMachineArn"]
    assert states.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"] == logging


def test_the_role_must_deliver_logs(suiro, states, name):
    suiro.client("logs").create_log_group(logGroupName=name)
    group = f"arn:aws:logs:ap-northeast-1:{ACCOUNT}:log-group:{name}:*"
    role = kept_role(suiro, name, "states.amazonaws.com", "logs:PutLogEvents")
    request = {"name": name, "definition": definition(), "roleArn": role, "loggingConfiguration": {
        "level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}}
    with pytest.raises(ClientError) as info:
        states.create_state_machine(**request)
    assert fault(info) == (
        "AccessDeniedException",
        "The state machine IAM Role is not authorized to access the Log Destination")
    suiro.client("iam").put_role_policy(RoleName=name, PolicyName="d", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
            "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"]}]}))
    states.create_state_machine(**request)


def test_pages_of_machines(states, name):
    arns = [states.create_state_machine(name=f"{name}-{n}", definition=definition(),
                                        roleArn=ROLE)["stateMachineArn"] for n in range(5)]
    found = []
    for page in states.get_paginator("list_state_machines").paginate(
            PaginationConfig={"PageSize": 2}):
        assert len(page["stateMachines"]) <= 2
        found += [row["stateMachineArn"] for row in page["stateMachines"]]
    assert [arn for arn in found if arn in arns] == arns
    assert len(set(found)) == len(found)
    for arn in arns:
        states.delete_state_machine(stateMachineArn=arn)
    with pytest.raises(ClientError) as info:
        states.list_state_machines(nextToken="nonsense")
    assert fault(info)[0] == "InvalidToken"


def test_activities(states, name):
    made = states.create_activity(name=name, tags=[{"key": "k", "value": "v"}])
    arn = made["activityArn"]
    assert states.create_activity(name=name)["creationDate"] == made["creationDate"]
    assert states.describe_activity(activityArn=arn)["name"] == name
    assert arn in [row["activityArn"] for row in states.list_activities()["activities"]]
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    states.delete_activity(activityArn=arn)
    states.delete_activity(activityArn=arn)
    with pytest.raises(ClientError) as info:
        states.describe_activity(activityArn=arn)
    assert fault(info) == ("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")


def test_machines_outlive_a_kill(own_suiro, name):
    own_suiro.start()
    arn = own_suiro.client("stepfunctions").create_state_machine(
        name=name, definition=definition(), roleArn=ROLE)["stateMachineArn"]
    own_suiro.kill9()
    own_suiro.start()
    told = own_suiro.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert told["definition"] == definition()


def test_the_command_line(suiro, machine):
    out = suiro.aws("stepfunctions", "describe-state-machine", "--state-machine-arn", machine)
    assert json.loads(out.stdout)["stateMachineArn"] == machine


def test_a_host_with_the_prefix_of_synchronous_operations(suiro, states, machine):
    """SDKs send StartSyncExecution and TestState to sync-HOST."""
    address = urlsplit(suiro.endpoint)
    request = AWSRequest("POST", f"http://sync-{address.netloc}/", headers={
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AWSStepFunctions.DescribeStateMachine"},
        data=json.dumps({"stateMachineArn": machine}))
    keys = Credentials(suiro.env["AWS_ACCESS_KEY_ID"], suiro.env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "states", suiro.env["AWS_DEFAULT_REGION"]).add_auth(request)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    connection.request("POST", "/", request.data,
                       {**dict(request.headers), "Host": f"sync-{address.netloc}"})
    answer = connection.getresponse()
    assert (answer.status, json.load(answer)["stateMachineArn"]) == (200, machine)


def test_a_role_must_be_allowed_to_be_passed(suiro, states, name):
    iam = suiro.client("iam")
    iam.create_user(UserName=name)
    allowed = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "states:*", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(allowed))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    import boto3
    user = boto3.client("stepfunctions", endpoint_url=suiro.endpoint,
                        region_name=suiro.env["AWS_DEFAULT_REGION"],
                        aws_access_key_id=key["AccessKeyId"],
                        aws_secret_access_key=key["SecretAccessKey"])
    with pytest.raises(ClientError) as info:
        user.create_state_machine(name=name, definition=definition(), roleArn=ROLE)
    assert fault(info)[0] == "AccessDeniedException"
    assert "iam:PassRole" in fault(info)[1]
    assert user.create_activity(name=name)["activityArn"]


def test_a_synchronous_execution_that_fails(suiro, name):
    states = suiro.client("stepfunctions", config=Config(inject_host_prefix=False))
    failing = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Mine"}}})
    arn = states.create_state_machine(name=name, definition=failing, roleArn=ROLE,
                                      type="EXPRESS")["stateMachineArn"]
    told = states.start_sync_execution(stateMachineArn=arn)
    assert (told["status"], told["error"]) == ("FAILED", "Mine")
    assert told["outputDetails"] == {"included": True}  # though there is no output
    assert "output" not in told


def test_an_execution_whose_time_is_over(states, name):
    waiting = json.dumps({"StartAt": "W", "TimeoutSeconds": 1,
                          "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}})
    machine = states.create_state_machine(name=name, definition=waiting, roleArn=ROLE)
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    told = ended(states, execution)
    assert told["status"] == "TIMED_OUT"
    assert "error" not in told and "cause" not in told


def test_a_status_that_is_none(suiro, machine):
    states = suiro.client("stepfunctions", config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as info:
        states.list_executions(stateMachineArn=machine, statusFilter="succeeded")
    assert fault(info) == (
        "ValidationException",
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy "
        "constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, "
        "ABORTED, FAILED, RUNNING]")


def test_redrives_are_of_map_runs(states, machine):
    with pytest.raises(ClientError) as info:
        states.list_executions(stateMachineArn=machine, statusFilter="PENDING_REDRIVE")
    assert fault(info)[0] == "ValidationException"
