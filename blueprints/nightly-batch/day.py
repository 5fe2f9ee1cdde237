# SPDX-License-Identifier: Apache-2.0
"""One day of the plan, in time-lapse: each nominal time of the day becomes one schedule that starts
its batch at the like moment of a few minutes."""
import json
from datetime import datetime, timedelta, timezone

CLUSTER = "arn:aws:ecs:ap-northeast-1:000000000000:cluster/default"
DEFINITION = "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/"
ROLE = "arn:aws:iam::000000000000:role/nightly-batch"
GROUP = "day"
# Overlaps with itself in real time, see overlapping().
OVERLAPPING = "sync-users"


def parse(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def lapse(plan, begin, seconds):
    """[(schedule's name, batch, planned moment)] of the plan's runs, in order of time."""
    first, last = parse(plan["from"]), parse(plan["to"])
    out = []
    for schedule in plan["schedules"]:
        if schedule["target"] == OVERLAPPING:
            continue
        for text in schedule["runs"]:
            share = (parse(text) - first) / (last - first)
            moment = (begin + timedelta(seconds=seconds * share)).replace(microsecond=0)
            name = f"{schedule['name']}-{parse(text):%d%H%M}"
            out.append((name, schedule["target"], moment))
    return sorted(out, key=lambda run: run[2])


def target(batch):
    return {"Arn": CLUSTER, "RoleArn": ROLE,
            "EcsParameters": {"TaskDefinitionArn": DEFINITION + batch, "TaskCount": 1}}


def deploy(scheduler, runs, say):
    scheduler.create_schedule_group(Name=GROUP)
    for name, batch, moment in runs:
        scheduler.create_schedule(
            Name=name, GroupName=GROUP, FlexibleTimeWindow={"Mode": "OFF"},
            ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})", Target=target(batch))
    say(f"{len(runs)} starts are planned")


def overlapping(scheduler):
    """A schedule whose batch takes longer than its interval: runs that overlap are skipped."""
    name = "overlapping"
    scheduler.create_schedule_group(Name=name, Tags=[{"Key": "suiro:overlap", "Value": "forbid"}])
    scheduler.create_schedule(
        Name=OVERLAPPING, GroupName=name, FlexibleTimeWindow={"Mode": "OFF"},
        ScheduleExpression="rate(1 minute)", Target=target(OVERLAPPING))


def retry(events):
    """A rule that starts a batch once more when its planned run failed."""
    events.put_rule(Name="retry", EventPattern=json.dumps({
        "source": ["aws.ecs"], "detail-type": ["ECS Task State Change"],
        "detail": {"lastStatus": ["STOPPED"], "group": ["family:stock-import"],
                   "startedBy": [{"prefix": "chronos-schedule/"}],
                   "containers": {"exitCode": [{"anything-but": 0}]}}}))
    answer = events.put_targets(Rule="retry", Targets=[{
        "Id": "again", **target("stock-import"),
        "Input": json.dumps({"containerOverrides": [{
            "name": "stock-import", "environment": [{"name": "ATTEMPT", "value": "2"}]}]})}])
    if answer["FailedEntryCount"]:
        raise RuntimeError(answer["FailedEntries"])
