# SPDX-License-Identifier: Apache-2.0
"""Schedules that are due every second, over kill -9: one message for each nominal time."""
import datetime
import json
import time

from harness import FAILURES, KILLS, drained, unknown

ROLE = "arn:aws:iam::000000000000:role/r"
AHEAD_SECONDS = 1  # between a schedule's creation and its time
SPREAD_SECONDS = 8


class Runs:
    """Bodies of the runs that were asked for, and of those that were acknowledged."""

    def __init__(self):
        self.intended, self.acknowledged = set(), set()


def prepare(harness):
    sqs = harness.client("sqs")
    url = sqs.create_queue(QueueName="runs")["QueueUrl"]
    return sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def deleting(client):
    """The client with ActionAfterCompletion DELETE, which Debian's boto3 does not know yet."""
    def add(params, **_):
        params["body"] = json.dumps({**json.loads(params["body"]),
                                     "ActionAfterCompletion": "DELETE"}).encode()

    client.meta.events.register("before-call.scheduler.CreateSchedule", add)
    return client


def writer(number, runs, harness, arn):
    """Makes schedules of one run each; half of them delete themselves."""
    counter = iter(range(1 << 30))
    clients = (harness.client("scheduler"), deleting(harness.client("scheduler")))

    def step(rng):
        name = f"s-{number}-{next(counter)}"
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
            seconds=AHEAD_SECONDS + rng.randrange(SPREAD_SECONDS))
        body = f"{name} {when:%Y-%m-%dT%H:%M:%SZ}"
        runs.intended.add(body)
        try:
            rng.choice(clients).create_schedule(
                Name=name, ScheduleExpression=f"at({when:%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": arn, "RoleArn": ROLE,
                        "Input": f"{name} <aws.scheduler.scheduled-time>"})
        except FAILURES as error:
            if not unknown(error):
                raise
            return
        runs.acknowledged.add(body)

    return step


def test_single_runs(harness):
    runs = Runs()
    arn = prepare(harness)
    for number in range(3):
        harness.writer(writer(number, runs, harness, arn))
    harness.run()
    assert len(runs.acknowledged) > 5 * KILLS
    time.sleep(AHEAD_SECONDS + SPREAD_SECONDS)  # until the last of them is due
    found = drained(harness, "runs", runs.acknowledged)
    missing = runs.acknowledged - set(found)
    assert not missing, f"lost {len(missing)} of {len(runs.acknowledged)}"
    twice = [body for body, count in found.items() if count > 1]
    assert not twice, f"{len(twice)} runs began twice"
    assert set(found) <= runs.intended
