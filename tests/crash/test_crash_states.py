# SPDX-License-Identifier: Apache-2.0
"""Executions that wait, map, retry and call back, over kill -9: each that was acknowledged ends as
its uninterrupted twin, with a history whose ids have no gaps."""
import json
import threading
import time

from harness import FAILURES, KILLS, unknown
from workflows import ended

ROLE = "arn:aws:iam::000000000000:role/r"
DRAIN_SECONDS_MAX = 180

WORK = "arn:aws:states:::aws-sdk:sqs:getQueueUrl"
DEFINITION = {
    "StartAt": "Map",
    "States": {
        "Map": {
            "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3, "ResultPath": "$.mapped",
            "ItemProcessor": {"StartAt": "Ask", "States": {
                "Ask": {"Type": "Task", "Resource": WORK, "Parameters": {"QueueName": "calls"},
                        "ResultPath": None, "Next": "Pause"},
                "Pause": {"Type": "Wait", "Seconds": 1, "End": True}}},
            "Next": "Retry"},
        "Retry": {
            "Type": "Task", "Resource": WORK, "Parameters": {"QueueName": "absent"},
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2,
                       "BackoffRate": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Call"}],
            "End": True},
        "Call": {
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl.$": "$.queue", "MessageBody": {"token.$": "$$.Task.Token"}},
            "ResultPath": "$.called", "End": True}}}


class Oracle:
    def __init__(self):
        self.acknowledged = set()  # ARNs
        self.lock = threading.Lock()


def starter(number, oracle, harness, machine, queue):
    client = harness.client("stepfunctions")
    counter = iter(range(1 << 30))

    def step(rng):
        name = f"e-{number}-{next(counter)}"
        text = json.dumps({"items": list(range(rng.randrange(1, 6))), "queue": queue})
        try:
            arn = client.start_execution(
                stateMachineArn=machine, name=name, input=text)["executionArn"]
        except FAILURES as error:
            if not unknown(error):
                raise
            time.sleep(0.05)  # the server is down; there is no condition to wait for
            return
        with oracle.lock:
            oracle.acknowledged.add(arn)
        time.sleep(0.02)  # a rate, so that the drain ends

    return step


def answerer(harness, queue):
    """Answers callbacks. A message may come twice, and a token may have been used."""
    sqs, states = harness.client("sqs"), harness.client("stepfunctions")

    def step(_rng):
        try:
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in found.get("Messages", []):
                token = json.loads(message["Body"])["token"]
                try:
                    states.send_task_success(taskToken=token, output='"yes"')
                except states.exceptions.TaskTimedOut:
                    pass
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        except FAILURES as error:
            if not unknown(error):
                raise
            time.sleep(0.05)  # the server is down; there is no condition to wait for

    return step


def kinds(client, arn):
    """The types of the events of a history; ids and causes are checked."""
    events = [event for page in client.get_paginator("get_execution_history").paginate(
        executionArn=arn) for event in page["events"]]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1)), arn
    assert all(event.get("previousEventId", 0) < event["id"] for event in events), arn
    return sorted(event["type"] for event in events)


def test_executions(harness):
    oracle = Oracle()
    client, sqs = harness.client("stepfunctions"), harness.client("sqs")
    queue = sqs.create_queue(QueueName="calls", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    machine = client.create_state_machine(
        name="m", definition=json.dumps(DEFINITION), roleArn=ROLE)["stateMachineArn"]
    harness.writer(answerer(harness, queue))
    # Twins: one of each number of items, before anything is killed.
    twins = {}
    for count in range(1, 6):
        text = json.dumps({"items": list(range(count)), "queue": queue})
        arn = client.start_execution(
            stateMachineArn=machine, name=f"twin-{count}", input=text)["executionArn"]
        record = ended(client, arn)
        assert record["status"] == "SUCCEEDED", record
        twins[count] = (json.loads(record["output"]), kinds(client, arn))

    stop_starts = threading.Event()
    steps = [starter(number, oracle, harness, machine, queue) for number in range(2)]
    for step in steps:
        harness.writer(lambda rng, step=step: stop_starts.wait(0.1) if stop_starts.is_set()
                       else step(rng))
    kills = iter(range(KILLS))

    def drain(_number):
        if next(kills) < KILLS - 1:
            return
        stop_starts.set()
        end = time.monotonic() + DRAIN_SECONDS_MAX
        with oracle.lock:
            arns = sorted(oracle.acknowledged)
        assert len(arns) > KILLS
        checker = harness.client("stepfunctions")
        for arn in arns:
            record = ended(checker, arn, end - time.monotonic())
            assert record["status"] == "SUCCEEDED", record
            output, expected = twins[len(json.loads(record["input"])["items"])]
            assert json.loads(record["output"]) == output, arn
            assert kinds(checker, arn) == expected, arn

    harness.run(after_restart=drain)
