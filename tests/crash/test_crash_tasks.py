# SPDX-License-Identifier: Apache-2.0
"""Container tasks over kill -9: one task for each request token, every exit code, and every line
that a container had written, once."""
import collections
import json
import time

from harness import FAILURES, unknown
from task_images import register_job
from waiting import read_until

DRAIN_SECONDS_MAX = 180
LINES = 5


class Runs:
    """Tokens and the exit codes that their tasks shall have."""

    def __init__(self):
        self.exit_codes, self.acknowledged = {}, {}


def with_tokens(client):
    """Debian's boto3 does not know RunTask's clientToken: startedBy is sent as the token, too."""
    def add(params, **_):
        body = json.loads(params["body"])
        params["body"] = json.dumps({**body, "clientToken": body["startedBy"]}).encode()
    client.meta.events.register("before-call.ecs.RunTask", add)
    return client


def starter(harness, number, runs):
    """Starts one task a token; what has no answer is asked again with the same token."""
    counter = iter(range(1 << 30))
    client = with_tokens(harness.client("ecs"))

    def step(rng):
        token = f"run-{number}-{next(counter)}"
        code = rng.randint(0, 100)
        runs.exit_codes[token] = code
        while not harness.stopping.is_set():
            try:
                answer = client.run_task(
                    taskDefinition="job", startedBy=token,
                    overrides={"containerOverrides": [{"name": "main", "environment": [
                        {"name": "TOKEN", "value": token},
                        {"name": "CODE", "value": str(code)}]}]})
            except FAILURES as error:
                if not unknown(error):
                    raise
                time.sleep(0.02)  # the server is down; there is no condition to wait for
                continue
            assert not answer["failures"], answer["failures"]
            runs.acknowledged[token] = answer["tasks"][0]["taskArn"]
            break
        time.sleep(rng.uniform(0, 0.2))  # a rate, so that the drain ends

    return step


def stopped_tasks(ecs):
    """Everything that ended, by startedBy; and how many still live."""
    # First what lives: what ends between the two looks is in the second one.
    live = ecs.list_tasks(desiredStatus="RUNNING")["taskArns"]
    found = collections.defaultdict(list)
    for page in ecs.get_paginator("list_tasks").paginate(desiredStatus="STOPPED"):
        for begin in range(0, len(page["taskArns"]), 100):
            arns = page["taskArns"][begin:begin + 100]
            for task in ecs.describe_tasks(tasks=arns)["tasks"]:
                found[task["startedBy"]].append(task)
    unfinished = [t for tasks in found.values() for t in tasks if t["lastStatus"] != "STOPPED"]
    return found, len(live) + len(unfinished)


def lines_of(logs, task):
    stream = f"main/{task['taskArn'].split('/')[-1]}"
    events = logs.get_log_events(logGroupName="/suiro/tasks", logStreamName=stream,
                                 startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_tasks_over_kill_9(harness):
    register_job(harness.server, "$TOKEN", LINES)
    runs = Runs()
    for number in range(2):
        harness.writer(starter(harness, number, runs))
    harness.run()
    ecs, logs = harness.client("ecs"), harness.client("logs")
    found, live = read_until(lambda told: told[1] == 0, lambda: stopped_tasks(ecs),
                             DRAIN_SECONDS_MAX)
    assert live == 0, f"{live} tasks do not end"
    assert len(runs.acknowledged) > 5
    for token, arn in runs.acknowledged.items():
        assert [task["taskArn"] for task in found[token]] == [arn], token
    for token, tasks in found.items():
        assert len(tasks) == 1, f"{token} was started {len(tasks)} times"
        assert tasks[0]["containers"][0].get("exitCode") == runs.exit_codes[token], tasks[0]
        assert lines_of(logs, tasks[0]) == [f"{token} {i}" for i in range(LINES)]
