# SPDX-License-Identifier: Apache-2.0
"""Access log: files uploaded to the lake start a function that parses and summarises them.

Starts Suiro, deploys the system, uploads the input in time-lapse, waits for every file's summary,
shows the result, checks it against the input and prints the trace of one upload.
"""
import argparse
import gzip
import os
import pathlib
import random
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import blueprint  # noqa: E402
import cut  # noqa: E402
import report  # noqa: E402
import system  # noqa: E402
from log_line import read_lines  # noqa: E402
from supervisor import Supervisor  # noqa: E402

INPUT = HERE / "input" / "access.log.gz"
SETTLE_SECONDS_MAX = 300


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", default=str(INPUT), help="log file (ALB or Apache combined; "
                        "plain or gzip); default: the one recorded from Suiro itself")
    parser.add_argument("--seconds", type=float, default=20,
                        help="over how long the uploads are spread (default: 20)")
    parser.add_argument("--kill", type=int, default=0, metavar="N",
                        help="kill -9 the server N times in between")
    parser.add_argument("--keep", metavar="DIR", help="keep the data directory here")
    return parser.parse_args()


def upload(options, files, supervisor, s3, screen):
    """Uploads every file; returns the summaries seen so far and the request ids by key."""
    pause = options.seconds / max(len(files), 1)
    kills = set(random.sample(range(len(files)), min(options.kill, len(files))))
    seen, requests = {}, {}
    for number, (key, lines) in enumerate(files):
        body = gzip.compress(b"\n".join(lines) + b"\n", mtime=0)
        due = time.monotonic() + pause
        requests[key] = system.put_acknowledged(s3, key, body)
        if number in kills:
            os.kill(supervisor.process.pid, signal.SIGKILL)
        wait(s3, seen, due)
        screen.progress("upload", number + 1, len(files), f"{len(seen)} summarised")
    return seen, requests


def wait(s3, seen, until, wanted=None):
    """Collects summaries until a time, or until there are as many as wanted."""
    while (time.monotonic() < until) if wanted is None else (len(seen) < wanted):
        if time.monotonic() > until:
            return False
        try:
            new = system.summaries(s3, seen)
        except (system.BotoCoreError, system.ClientError):
            new = 0  # between a kill and the restart
        if not new:
            time.sleep(min(0.2, max(until - time.monotonic(), 0)))
    return True


def show_result(options, lines, files, seen, screen):
    totals = report.Totals(seen)
    report.show(totals, screen.say)
    screen.say(f"\n{len(files)} files, {totals.lines} lines: {totals.parsed} parsed, "
               f"{totals.malformed} malformed; {totals.bytes} bytes served")
    for source, line, reason, text in totals.malformed_places[:10]:
        screen.say(f"  {source} line {line}: {reason}: {text[:60]!r}")
    return report.check(lines, files, totals, seen)


def run(options, directory, screen):
    lines = read_lines(options.log)
    files = cut.cut(lines)
    screen.say(f"{options.log}: {len(lines)} lines, {len(files)} five-minute files")
    supervisor = Supervisor(directory / "data", screen.say)
    try:
        screen.say(f"suiro runs at {supervisor.endpoint}, pid {supervisor.process.pid}: "
                   f"kill -9 it whenever you like")
        s3 = system.deploy(supervisor)
        began = time.monotonic()
        seen, requests = upload(options, files, supervisor, s3, screen)
        complete = wait(s3, seen, time.monotonic() + SETTLE_SECONDS_MAX, len(files))
        screen.say(f"uploaded and summarised in {time.monotonic() - began:.1f} s, "
                   f"restarts of the server: {supervisor.restarts}")
        wrong = show_result(options, lines, files, seen, screen)
        if not complete:
            wrong.append(f"no more summaries came within {SETTLE_SECONDS_MAX} s")
        middle = files[len(files) // 2][0]
        screen.say(f"\ntrace of the upload of {middle}")
        screen.say(supervisor.suiro("trace", requests[middle]))
    finally:
        supervisor.stop()
    return blueprint.verdict(screen.say, wrong, "every line is accounted for",
                             "the result does not add up")


if __name__ == "__main__":
    blueprint.main("access-log", arguments(), run)
