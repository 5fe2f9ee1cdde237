# SPDX-License-Identifier: Apache-2.0
"""What does not add up in the runs of a day, as texts."""
from collections import Counter, defaultdict

from day import OVERLAPPING, parse

FLAKY = "stock-import"
FINAL = {"succeeded", "failed", "stopped", "missed", "skipped"}


def open_runs(runs):
    return [run for run in runs if run["State"] not in FINAL]


def planned_once(plan, runs):
    """Every nominal time had exactly one run, and no other."""
    wrong = []
    by_schedule = defaultdict(list)
    for run in runs:
        if run.get("Schedule", "").split(":")[-1].startswith("schedule/day/"):
            by_schedule[run["Schedule"].rsplit("/", 1)[1]].append(run)
    for name, batch, moment in plan:
        found = by_schedule.pop(name, [])
        if len(found) != 1:
            wrong.append(f"{name} of {moment:%H:%M:%S} had {len(found)} runs")
        for run in found:
            if run["Name"] != batch or parse(run["PlannedAt"]) != moment:
                wrong.append(f"{name} ran {run['Name']} as of {run['PlannedAt']}")
            expected = ("failed", 17) if batch == FLAKY else ("succeeded", 0)
            if (run["State"], run.get("ExitCode")) != expected:
                wrong.append(f"{name} {run['State']}: {run.get('Reason', '')} "
                             f"(exit code {run.get('ExitCode')})")
    wrong += [f"{name} was not planned" for name in by_schedule]
    return wrong


def retried(plan, runs):
    failures = sum(batch == FLAKY for _, batch, _ in plan)
    again = [run for run in runs if run.get("StartedBy", "").startswith("events-rule/")]
    wrong = [] if len(again) == failures else [
        f"{failures} runs failed, and {len(again)} were started again"]
    return wrong + [f"the second attempt of {run['Name']} {run['State']}"
                    for run in again if run["State"] != "succeeded"]


def overlaps(runs):
    """Nominal times of the schedule that overlaps: one record each, some of them skipped."""
    mine = [run for run in runs if "/overlapping/" in run.get("Schedule", "")]
    times = Counter(run["PlannedAt"] for run in mine)
    wrong = [f"{OVERLAPPING} of {time} has {count} runs" for time, count in times.items()
             if count != 1]
    states = Counter(run["State"] for run in mine)
    if not states["skipped"] or not states["succeeded"]:
        wrong.append(f"{OVERLAPPING} should have run and been skipped: {dict(states)}")
    return wrong


def images(runs, pushes):
    """A run has the image that the tag named when it was pulled: what ran stays as it was."""
    wrong = []
    for run in runs:
        if "ImageDigest" not in run:
            continue
        pulled = parse(run["PullStartedAt"])
        # Between the two moments of a push either digest is right.
        right = {digest for begin, end, digest in pushes
                 if begin <= pulled and not any(b > begin and e <= pulled for b, e, _ in pushes)}
        if run["ImageDigest"] not in right:
            wrong.append(f"{run['Name']} of {run['PullStartedAt']} ran {run['ImageDigest'][:19]}")
    if len({run["ImageDigest"] for run in runs if "ImageDigest" in run}) < 2:
        wrong.append("only one of the two images ran")
    return wrong


def logs(client, runs, versions):
    """What each container wrote is there, from its first line to its last."""
    wrong = []
    for run in runs:
        if "ImageDigest" not in run:
            continue
        stream = f"{run['Name']}/{run['RunId']}"
        events = client.get_log_events(logGroupName="/suiro/tasks", logStreamName=stream,
                                       startFromHead=True)["events"]
        lines = [event["message"] for event in events]
        attempt = 2 if run.get("StartedBy", "").startswith("events-rule/") else 1
        version = versions[run["ImageDigest"]]
        expected = [f"{run['Name']} begins, image {version}, attempt {attempt}",
                    f"{run['Name']} is done" if run["State"] == "succeeded"
                    else f"{run['Name']}: warehouse 3 does not answer"]
        if lines != expected:
            wrong.append(f"the log of {stream} is {lines}")
    return wrong
