# SPDX-License-Identifier: Apache-2.0
"""Credentials of a Task: the machine's role assumes another one, as far as both allow it."""
import json
import time

import pytest
from workflows import ended

SERVICE_TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"},
     "Action": "sts:AssumeRole"}]}


def _trusts(arn):
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}]}


def _allows(action, resource):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": resource}]})


@pytest.fixture()
def system(suiro, name):
    """A queue; a machine's role that may assume `target`; the role `target` that may send."""
    iam, sqs = suiro.client("iam"), suiro.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    machine = iam.create_role(RoleName=f"{name}-m", AssumeRolePolicyDocument=json.dumps(
        SERVICE_TRUST))["Role"]["Arn"]
    target = iam.create_role(RoleName=f"{name}-t", AssumeRolePolicyDocument=json.dumps(
        _trusts(machine)))["Role"]["Arn"]
    iam.put_role_policy(RoleName=f"{name}-m", PolicyName="p",
                        PolicyDocument=_allows("sts:AssumeRole", target))
    iam.put_role_policy(RoleName=f"{name}-t", PolicyName="p",
                        PolicyDocument=_allows("sqs:SendMessage", "*"))
    return {"suiro": suiro, "iam": iam, "name": name, "queue": queue, "machine": machine,
            "target": target}


def _run(system, credentials):
    states = system["suiro"].client("stepfunctions")
    definition = {"StartAt": "Send", "States": {"Send": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True,
        "Parameters": {"QueueUrl": system["queue"], "MessageBody": "x"},
        "Credentials": {"RoleArn": credentials}}}}
    machine = states.create_state_machine(
        name=f"{system['name']}-{time.monotonic_ns()}", definition=json.dumps(definition),
        roleArn=system["machine"])["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    return ended(states, arn)


def test_the_assumed_role_acts(system):
    assert _run(system, system["target"])["status"] == "SUCCEEDED"


def test_the_machines_own_role_needs_no_assuming(system):
    found = _run(system, system["machine"])
    assert found["status"] == "FAILED"  # it may not send


def test_a_role_that_does_not_trust_the_machine_is_refused(system):
    system["iam"].update_assume_role_policy(
        RoleName=f"{system['name']}-t", PolicyDocument=json.dumps(SERVICE_TRUST))
    found = _run(system, system["target"])
    assert found["status"] == "FAILED"
    assert "sts:AssumeRole" in found["cause"]


def test_a_machine_that_may_not_assume_is_refused(system):
    system["iam"].put_role_policy(
        RoleName=f"{system['name']}-m", PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}]}))
    found = _run(system, system["target"])
    assert found["status"] == "FAILED"
    assert "sts:AssumeRole" in found["cause"]


def test_a_role_that_is_not_there_is_refused(system):
    found = _run(system, system["target"] + "-gone")
    assert found["status"] == "FAILED"
    assert "sts:AssumeRole" in found["cause"]
