# SPDX-License-Identifier: Apache-2.0
"""Schedules that start container tasks, over kill -9: each nominal time has exactly one run, with
its exit code and every line that its container wrote."""
import collections
import datetime
import json
import subprocess
import time

from harness import FAILURES, KILLS, unknown
from suiro_server import binary
from task_images import register_job
from waiting import read_until

DRAIN_SECONDS_MAX = 180
AHEAD_SECONDS, SPREAD_SECONDS = 1, 4
LINES = 3
CLUSTER = "arn:aws:ecs:ap-northeast-1:000000000000:cluster/default"
DEFINITION = "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/job"
ROLE = "arn:aws:iam::000000000000:role/r"
OPEN = ("waiting", "pulling", "running")


class Runs:
    """The nominal times and exit codes of schedules that were asked for, and the acknowledged."""

    def __init__(self):
        self.intended, self.acknowledged = {}, set()


def writer(number, runs, harness):
    counter = iter(range(1 << 30))
    client = harness.client("scheduler")

    def step(rng):
        name = f"s-{number}-{next(counter)}"
        when = datetime.datetime.now(datetime.timezone.utc).replace(
            microsecond=0) + datetime.timedelta(seconds=AHEAD_SECONDS + rng.randrange(
                SPREAD_SECONDS))
        code = rng.randint(0, 100)
        runs.intended[name] = (f"{when:%Y-%m-%dT%H:%M:%S}.000Z", code)
        try:
            client.create_schedule(
                Name=name, ScheduleExpression=f"at({when:%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": CLUSTER, "RoleArn": ROLE,
                        "EcsParameters": {"TaskDefinitionArn": DEFINITION},
                        "Input": json.dumps({"containerOverrides": [{
                            "name": "main", "environment": [
                                {"name": "CODE", "value": str(code)}]}]})})
        except FAILURES as error:
            if not unknown(error):
                raise
            return
        runs.acknowledged.add(name)
        time.sleep(rng.uniform(0.1, 0.4))  # a rate, so that the drain ends

    return step


def kept_runs(harness):
    """The log of runs, by the schedule's name."""
    out = subprocess.run([binary(), "timeline", "--json", "--since", "1d", "--until", "2099-01-01",
                          "--data", str(harness.server.data)], check=True, capture_output=True,
                         text=True).stdout
    found = collections.defaultdict(list)
    for line in out.splitlines():
        run = json.loads(line)
        found[run["Schedule"].rsplit("/", 1)[1]].append(run)
    return found


def settled(harness, runs):
    """The runs, once every acknowledged schedule has one and all have ended."""
    def unsettled(found):
        still = {name for name, mine in found.items() if any(r["State"] in OPEN for r in mine)}
        return still | runs.acknowledged - set(found)

    found = read_until(lambda told: not unsettled(told), lambda: kept_runs(harness),
                       DRAIN_SECONDS_MAX)
    assert not unsettled(found), "runs that did not begin, or do not end"
    return found


def test_scheduled_tasks_over_kill_9(harness):
    register_job(harness.server, "line", LINES)
    runs = Runs()
    for number in range(2):
        harness.writer(writer(number, runs, harness))
    harness.run()
    found = settled(harness, runs)
    assert len(runs.acknowledged) > KILLS
    logs = harness.client("logs")
    for name, mine in found.items():
        planned, code = runs.intended[name]
        assert len(mine) == 1, f"{name} of {planned} had {len(mine)} runs"
        assert mine[0]["PlannedAt"] == planned
        assert mine[0].get("ExitCode") == code, mine[0]
        events = logs.get_log_events(logGroupName="/suiro/tasks", startFromHead=True,
                                     logStreamName=f"main/{mine[0]['RunId']}")["events"]
        assert [event["message"] for event in events] == [f"line {i}" for i in range(LINES)]
