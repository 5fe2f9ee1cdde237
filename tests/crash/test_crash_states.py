# SPDX-License-Identifier: Apache-2.0
"""Executions that wait, map, retry and call back, over kill -9: each that was acknowledged ends as
its uninterrupted twin, with a history whose ids have no gaps. Express ones begin anew, and the log
has one end of each."""
import collections
import datetime
import json
import threading
import time

from harness import FAILURES, KILLS, unknown
from waiting import read_until
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


def starter(number, oracle, harness, machine, make_input):
    client = harness.client("stepfunctions")
    counter = iter(range(1 << 30))

    def step(rng):
        name = f"e-{number}-{next(counter)}"
        text = json.dumps(make_input(name, rng))
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


def run_and_check(harness, oracle, steps, check):
    """Steps start executions while the server is killed; `check` gets the ARNs of those that were
    acknowledged when it was started for the last time."""
    stop_starts = threading.Event()
    for step in steps:
        harness.writer(lambda rng, step=step: stop_starts.wait(0.1) if stop_starts.is_set()
                       else step(rng))
    kills = iter(range(KILLS))

    def drain(_number):
        if next(kills) < KILLS - 1:
            return
        stop_starts.set()
        with oracle.lock:
            arns = sorted(oracle.acknowledged)
        assert len(arns) > KILLS
        check(arns)

    harness.run(after_restart=drain)


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

    def make_input(_name, rng):
        return {"items": list(range(rng.randrange(1, 6))), "queue": queue}

    def check(arns):
        end = time.monotonic() + DRAIN_SECONDS_MAX
        checker = harness.client("stepfunctions")
        for arn in arns:
            record = ended(checker, arn, end - time.monotonic())
            assert record["status"] == "SUCCEEDED", record
            output, expected = twins[len(json.loads(record["input"])["items"])]
            assert json.loads(record["output"]) == output, arn
            assert kinds(checker, arn) == expected, arn

    steps = [starter(number, oracle, harness, machine, make_input) for number in range(2)]
    run_and_check(harness, oracle, steps, check)


# How an execution ends follows from the number in its name, and so from its ARN.
ENDS = {"good": "ExecutionSucceeded", "bad": "ExecutionFailed", "late": "ExecutionTimedOut"}
EXPRESS = {
    "StartAt": "Pause", "TimeoutSeconds": 3, "States": {
        "Pause": {"Type": "Wait", "TimestampPath": "$.until", "Next": "Ask"},
        "Ask": {"Type": "Task", "Resource": WORK, "Parameters": {"QueueName": "calls"},
                "ResultPath": None, "Next": "Choose"},
        "Choose": {"Type": "Choice", "Default": "Succeed", "Choices": [
            {"Variable": "$.end", "StringEquals": "bad", "Next": "Fail"},
            {"Variable": "$.end", "StringEquals": "late", "Next": "Stay"}]},
        "Stay": {"Type": "Wait", "Seconds": 100, "Next": "Succeed"},
        "Fail": {"Type": "Fail", "Error": "Bad", "Cause": "as told"},
        "Succeed": {"Type": "Succeed"}}}


def logged_ends(logs, group):
    """The ends that the log tells of each execution. Each run has a stream of its own; a request
    names at most 100 of them."""
    streams = [stream["logStreamName"] for page in logs.get_paginator(
        "describe_log_streams").paginate(logGroupName=group) for stream in page["logStreams"]]
    found = collections.defaultdict(list)
    for at in range(0, len(streams), 100):
        for page in logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, logStreamNames=streams[at:at + 100]):
            for row in page["events"]:
                line = json.loads(row["message"])
                if line["type"] in ENDS.values() or line["type"] == "ExecutionAborted":
                    found[line["execution_arn"]].append(line["type"])
    return found


def test_express_executions(harness):
    """Each that was acknowledged has one end in the log, the one that it was to have; none has
    two."""
    oracle = Oracle()
    client, logs = harness.client("stepfunctions"), harness.client("logs")
    harness.client("sqs").create_queue(QueueName="calls")
    logs.create_log_group(logGroupName="ends")
    machine = client.create_state_machine(
        name="x", type="EXPRESS", definition=json.dumps(EXPRESS), roleArn=ROLE,
        loggingConfiguration={"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {
            "logGroupArn": "arn:aws:logs:ap-northeast-1:000000000000:log-group:ends:*"}}]},
    )["stateMachineArn"]
    endings = sorted(ENDS)

    def make_input(name, rng):
        # A moment, not a span: what begins anew long after it does not time out.
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=rng.random())
        return {"end": endings[int(name.rpartition("-")[2]) % 3],
                "until": until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}

    def expected(arn):
        name = arn.split(":")[-2]
        return ENDS[endings[int(name.rpartition("-")[2]) % 3]]

    def check(arns):
        checker = harness.client("logs")
        found = read_until(lambda told: told.keys() >= set(arns),
                           lambda: logged_ends(checker, "ends"), DRAIN_SECONDS_MAX)
        assert not set(arns) - found.keys(), "executions that do not end"
        for arn, ends in found.items():
            assert ends == [expected(arn)], (arn, ends)

    steps = [starter(number, oracle, harness, machine, make_input) for number in range(2)]
    run_and_check(harness, oracle, steps, check)
