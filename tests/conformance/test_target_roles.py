# SPDX-License-Identifier: Apache-2.0
"""Roles of rules' targets and of schedules: their policies decide what an event starts."""
import datetime
import json

import pytest

from waiting import until
from workflows import ACCOUNT, kept_role, one, queue


@pytest.fixture()
def targets(suiro, flows, name):
    """A state machine, a stream, a queue for dead letters: their ARNs, and what reached them."""
    kinesis = suiro.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    dead_url, dead = queue(suiro, name + "-dead")
    return {"machine": flows.make(one({"Type": "Pass"})),
            "stream": f"arn:aws:kinesis:{flows.region}:{ACCOUNT}:stream/{name}",
            "dead": dead, "dead_url": dead_url, "name": name}


def executions(flows, targets):
    return flows.client.list_executions(stateMachineArn=targets["machine"])["executions"]


def records(suiro, targets):
    kinesis = suiro.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName=targets["name"], ShardId="shardId-000000000000",
        ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    return kinesis.get_records(ShardIterator=iterator)["Records"]


def dead_letter(suiro, targets):
    """The attributes of the next dead letter."""
    sqs = suiro.client("sqs")
    found = until(lambda: sqs.receive_message(
        QueueUrl=targets["dead_url"], WaitTimeSeconds=2,
        MessageAttributeNames=["All"]).get("Messages"), "a dead letter")[0]
    sqs.delete_message(QueueUrl=targets["dead_url"], ReceiptHandle=found["ReceiptHandle"])
    return {key: value["StringValue"] for key, value in found["MessageAttributes"].items()}


def allow(suiro, name, action, resource):
    """The role's one policy from now on."""
    suiro.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": action, "Resource": resource}]}))


def sentence(name, session, action, resource):
    return (f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session} is not authorized to "
            f"perform: {action} on resource: {resource} because no identity-based policy allows")


def check_dead(letter, code, name, session, action, resource):
    assert letter["ERROR_CODE"] == code, letter
    assert letter["TARGET_ARN"] == resource
    assert letter["ERROR_MESSAGE"].startswith(sentence(name, session, action, resource)), letter


def test_rules(suiro, flows, targets, name):
    role = kept_role(suiro, name, "events.amazonaws.com", "kinesis:PutRecord", targets["stream"])
    events = suiro.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    answer = events.put_targets(Rule=name, Targets=[
        {"Id": kind, "Arn": targets[kind], "RoleArn": role,
         "DeadLetterConfig": {"Arn": targets["dead"]}} for kind in ("machine", "stream")])
    assert answer["FailedEntryCount"] == 0

    def put():
        answer = events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": "{}"}])
        assert answer["FailedEntryCount"] == 0

    put()
    check_dead(dead_letter(suiro, targets), "NO_PERMISSIONS", name, "events",
               "states:StartExecution", targets["machine"])
    until(lambda: len(records(suiro, targets)) == 1, "a record")
    assert not executions(flows, targets)
    allow(suiro, name, "states:StartExecution", targets["machine"])
    put()
    check_dead(dead_letter(suiro, targets), "NO_PERMISSIONS", name, "events",
               "kinesis:PutRecord", targets["stream"])
    until(lambda: len(executions(flows, targets)) == 1, "an execution")
    assert len(records(suiro, targets)) == 1


def test_a_rule_whose_role_trusts_another_service(suiro, flows, targets, name):
    role = kept_role(suiro, name, "events.amazonaws.com", "*")
    events = suiro.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{
        "Id": "1", "Arn": targets["machine"], "RoleArn": role,
        "DeadLetterConfig": {"Arn": targets["dead"]}}])
    suiro.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole"}]}))
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": "{}"}])
    letter = dead_letter(suiro, targets)
    assert letter["ERROR_CODE"] == "NO_PERMISSIONS"
    assert letter["ERROR_MESSAGE"].startswith("events.amazonaws.com cannot act as a role: ")
    assert not executions(flows, targets)


def test_schedules(suiro, flows, targets, name):
    role = kept_role(suiro, name, "scheduler.amazonaws.com", "kinesis:PutRecord",
                     targets["stream"])
    scheduler = suiro.client("scheduler")

    def run(suffix):
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        for kind in ("machine", "stream"):
            more = {"KinesisParameters": {"PartitionKey": "k"}} if kind == "stream" else {}
            scheduler.create_schedule(
                Name=f"{name}-{kind}-{suffix}", FlexibleTimeWindow={"Mode": "OFF"},
                ScheduleExpression=f"at({when:%Y-%m-%dT%H:%M:%S})", Target={
                    "Arn": targets[kind], "RoleArn": role, "Input": "{}", **more,
                    "DeadLetterConfig": {"Arn": targets["dead"]}})

    run("1")
    letter = dead_letter(suiro, targets)
    check_dead(letter, "AccessDenied", name, "scheduler", "states:StartExecution",
               targets["machine"])
    assert letter["SCHEDULE_ARN"].endswith(f"/{name}-machine-1")
    assert letter["RETRY_ATTEMPTS"] == "0"
    until(lambda: len(records(suiro, targets)) == 1, "a record")
    assert not executions(flows, targets)
    allow(suiro, name, "states:StartExecution", targets["machine"])
    run("2")
    check_dead(dead_letter(suiro, targets), "AccessDenied", name, "scheduler",
               "kinesis:PutRecord", targets["stream"])
    until(lambda: len(executions(flows, targets)) == 1, "an execution")
    assert len(records(suiro, targets)) == 1
