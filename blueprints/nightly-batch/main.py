# SPDX-License-Identifier: Apache-2.0
"""Nightly batches: twelve batches of a web service in one definition file.

Simulates a month of their schedules, then lives one day in time-lapse: containers start on time,
the image is replaced in the middle, one batch fails and is retried, one overlaps with itself. At
the end the timeline, and a check that each nominal time had exactly one run.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import blueprint  # noqa: E402
import check_runs  # noqa: E402
import day  # noqa: E402
import oci  # noqa: E402
import tasks  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from supervisor import Supervisor, binary  # noqa: E402

REPOSITORY = "nightly-batch"
DATE = "2027-01-31T15:00:00Z"  # midnight in Tokyo of 1 February 2027, a Monday
LEAD_SECONDS = 8
SETTLE_SECONDS_MAX = 180


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", default=str(HERE / "batches.yaml"), metavar="FILE",
                        help="definition file (default: the blueprint's own)")
    parser.add_argument("--seconds", type=float, default=130,
                        help="how long the day takes (default: 130)")
    parser.add_argument("--kill", type=int, default=0, metavar="N",
                        help="kill -9 the server N times in between")
    parser.add_argument("--html", metavar="FILE", default="timeline.html",
                        help="where the timeline's page goes (default: timeline.html)")
    tasks.add_option(parser)
    parser.add_argument("--keep", metavar="DIR", help="keep the data directory here")
    return parser.parse_args()


def now():
    return datetime.now(timezone.utc)


def planned(supervisor, file, days):
    """The plan as data: exit status 3 says that something would change."""
    done = subprocess.run(
        [binary(), "plan", file, "--from", DATE, "--days", str(days), "--json", "--data",
         str(supervisor.data)], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def show_month(supervisor, file, say):
    began = time.monotonic()
    plan = planned(supervisor, file, 28)
    runs = sum(len(schedule["runs"]) for schedule in plan["schedules"])
    say(f"February 2027, simulated in {time.monotonic() - began:.2f} s: {runs} runs of "
        f"{len(plan['schedules'])} schedules")
    for schedule in plan["schedules"]:
        say(f"  {schedule['name']:<15} {schedule['expression']:<28} {len(schedule['runs']):>5} "
            f"runs, first {schedule['runs'][0][:16] if schedule['runs'] else 'none'}")


def timeline(supervisor, since):
    out = supervisor.suiro("timeline", "--json", "--since", since.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return [json.loads(line) for line in out.splitlines()]


def live(options, supervisor, plan, pushes, screen):
    """Lets the day pass; replaces the image in its middle."""
    kills = sorted(random.uniform(0.1, 0.9) for _ in range(options.kill))
    begin = plan[0][2]
    replaced = False
    while (passed := (now() - begin).total_seconds()) < options.seconds:
        share = passed / options.seconds
        if kills and share > kills[0]:
            kills.pop(0)
            os.kill(supervisor.process.pid, signal.SIGKILL)
        # In the middle, while invoice-close runs.
        running = [moment for _, batch, moment in plan if batch == "invoice-close"]
        middle = (running[0] - begin).total_seconds() + 8 if running else options.seconds / 2
        if not replaced and passed > middle:
            replaced = replace_image(supervisor, pushes, screen.say)
        screen.progress("the day", round(max(share, 0) * 100), 100,
                        f"{(now() - begin).total_seconds():.0f} s")
        time.sleep(0.2)


def replace_image(supervisor, pushes, say):
    began = now()
    try:
        digest = oci.push(supervisor, REPOSITORY, "current", image(2))
    except (OSError, RuntimeError, BotoCoreError, ClientError):
        return False  # between a kill and the restart: once more
    pushes.append((began, now(), digest))
    say("the image was replaced: what starts from now on runs version 2")
    return True


def image(version):
    script = (HERE / "batch.sh").read_bytes()
    return oci.build([oci.busybox(), {"bin/batch": script, "version": f"{version}\n".encode()}])


def settle(supervisor, since, screen):
    """The runs, when all have ended."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        try:
            runs = timeline(supervisor, since)
            open_count = len(check_runs.open_runs(runs))
        except subprocess.CalledProcessError:
            runs, open_count = [], -1  # between a kill and the restart
        if open_count == 0 or time.monotonic() > deadline:
            return runs
        screen.progress("ended", len(runs) - open_count, len(runs))
        time.sleep(0.5)


def run(options, directory, screen):
    supervisor = Supervisor(directory / "data", screen.say)
    since = now()
    try:
        screen.say(f"suiro runs at {supervisor.endpoint}, pid {supervisor.process.pid}: "
                   f"kill -9 it whenever you like")
        if (status := tasks.refused(options, supervisor, screen.say)) is not None:
            return status
        show_month(supervisor, options.log, screen.say)
        supervisor.client("ecr").create_repository(repositoryName=REPOSITORY)
        began = now()
        first = oci.push(supervisor, REPOSITORY, "current", image(1))
        pushes = [(began, now(), first)]
        screen.say(supervisor.suiro("apply", options.log).rstrip())
        begin = (now() + timedelta(seconds=LEAD_SECONDS)).replace(microsecond=0)
        plan = day.lapse(planned(supervisor, options.log, 1), begin, options.seconds)
        scheduler = supervisor.client("scheduler")
        day.retry(supervisor.client("events"))
        day.deploy(scheduler, plan, screen.say)
        day.overlapping(scheduler)
        live(options, supervisor, plan, pushes, screen)
        scheduler.delete_schedule(Name=day.OVERLAPPING, GroupName="overlapping")
        runs = settle(supervisor, since, screen)
        window = ("timeline", "--since", begin.strftime("%Y-%m-%dT%H:%M:%SZ"))
        screen.say(supervisor.suiro(*window, "--columns", "110"))
        screen.say(supervisor.suiro(*window, "--html", options.html).strip())
        wrong = check_runs.planned_once(plan, runs) + check_runs.retried(plan, runs)
        wrong += check_runs.overlaps(runs) + check_runs.images(runs, pushes)
        versions = {digest: number + 1 for number, (_, _, digest) in enumerate(pushes)}
        wrong += check_runs.logs(supervisor.client("logs"), runs, versions)
        wrong += [f"{run['Name']} has not ended" for run in check_runs.open_runs(runs)]
    finally:
        supervisor.stop()
        if options.keep:
            shutil.copy(options.log, directory)
    return blueprint.verdict(screen.say, wrong,
                             f"{len(plan)} nominal times, {len(plan)} runs: each had exactly one",
                             "the runs do not add up")


if __name__ == "__main__":
    blueprint.main("nightly-batch", arguments(), run)
