# SPDX-License-Identifier: Apache-2.0
"""State machines for tests: made, run to their end, looked at."""
import json

from botocore.config import Config

from queues import queue_of
from sigv4 import Signer
from waiting import SECONDS_MAX, read_until, until

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
TOKEN = ".waitForTaskToken"
ENDS = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def ended(client, execution, seconds=SECONDS_MAX):
    """What is told of an execution when it has ended."""
    told = read_until(lambda told: told["status"] in ENDS,
                      lambda: client.describe_execution(executionArn=execution), seconds)
    assert told["status"] in ENDS, f"{execution} does not end"
    return told


def one(state, **more):
    """A definition of one state, JSONPath unless `more` says otherwise."""
    return {"StartAt": "S", "States": {"S": {"End": True, **state}}, **more}


def task(resource, **more):
    resource = resource if resource.startswith("arn:") else "arn:aws:states:::" + resource
    return {"Type": "Task", "Resource": resource, **more}


def caught(state, **more):
    """A definition whose output is the error of its one state."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    return {"StartAt": "S", "States": {
        "S": {"End": True, **state, "Catch": catch},
        "Caught": {"Type": "Pass", "End": True}}, **more}


def callback(url, **more):
    return task("sqs:sendMessage" + TOKEN, Parameters={
        "QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token", "in.$": "$"}}, **more)


def child_task(child, **more):
    return task("states:startExecution.sync:2", Parameters={"StateMachineArn": child}, **more)


def siblings(state, url):
    """A state beside one that waits for its token."""
    waiting = {"StartAt": "Wait", "States": {"Wait": {**callback(url), "End": True}}}
    running = {"StartAt": "Run", "States": {"Run": {**state, "End": True}}}
    return one({"Type": "Parallel", "Branches": [running, waiting]})


# A function that ends the task of a token, but may not fail it.
TOKEN_SENDER = """
import boto3, json
from botocore.exceptions import ClientError
def handler(event, context):
    states = boto3.client("stepfunctions")
    refused = ""
    try:
        states.send_task_failure(taskToken=event["token"], error="E", cause="C")
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    states.send_task_success(taskToken=event["token"], output=json.dumps({"refused": refused}))
"""


class Workflows:
    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.region = server.env["AWS_DEFAULT_REGION"]
        # Debian's boto3 would send StartSyncExecution to a host that no name server knows.
        self.client = server.client("stepfunctions", config=Config(
            inject_host_prefix=False, read_timeout=90, retries={"max_attempts": 1}))
        self.made = []

    def close(self):
        for arn in self.made:
            self.client.delete_state_machine(stateMachineArn=arn)

    def make(self, definition, suffix="", **more):
        """The ARN of a new state machine."""
        more.setdefault("roleArn", ROLE)
        arn = self.client.create_state_machine(
            name=self.name + suffix, definition=json.dumps(definition), **more)["stateMachineArn"]
        self.made.append(arn)
        return arn

    def start(self, machine, given=None, **more):
        return self.client.start_execution(
            stateMachineArn=machine, input=json.dumps(given or {}), **more)["executionArn"]

    def status(self, execution):
        return self.client.describe_execution(executionArn=execution)["status"]

    def finish(self, execution, seconds=SECONDS_MAX):
        return ended(self.client, execution, seconds)

    def run(self, definition, given=None, suffix="", **more):
        return self.finish(self.start(self.make(definition, suffix, **more), given))

    def output(self, definition, given=None, suffix="", **more):
        """The output of an execution that must succeed."""
        told = self.run(definition, given, suffix, **more)
        assert told["status"] == "SUCCEEDED", self.history(told["executionArn"])[-2:]
        return json.loads(told["output"])

    def history(self, execution):
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]

    def types(self, execution):
        return [event["type"] for event in self.history(execution)]

    def failure(self, execution):
        """Error and cause of the last failed event of a state or the execution."""
        for event in reversed(self.history(execution)):
            for key, details in event.items():
                if key.endswith(("FailedEventDetails", "TimedOutEventDetails")):
                    return details.get("error"), details.get("cause", "")
        raise AssertionError("nothing failed")

    def call(self, operation, **arguments):
        """An operation that Debian's boto3 does not know yet: status and answer."""
        status, _, body = Signer(self.server, "states").request(
            "POST", "/", body=json.dumps(arguments).encode(), extra={
                "content-type": "application/x-amz-json-1.0",
                "x-amz-target": "AWSStepFunctions." + operation})
        return status, json.loads(body)


def queue(server, name, **attributes):
    """URL and ARN of a new queue that EventBridge may send to."""
    return queue_of(server.client("sqs"), name, **attributes)


def message(server, url):
    """The body of the next message, parsed; it is deleted."""
    sqs = server.client("sqs")
    found = until(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages"),
                  "a message")[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])
    return json.loads(found["Body"])


def bucket(server, name):
    s3 = server.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": server.env["AWS_DEFAULT_REGION"]})
    return s3


def kept_role(server, name, service, actions, resource="*"):
    """The ARN of a role that IAM keeps: it may do nothing but `actions`."""
    iam = server.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": service},
            "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": resource}]}))
    return role
