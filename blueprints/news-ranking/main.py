# SPDX-License-Identifier: Apache-2.0
"""News ranking: clicks flow through a stream, SQL counts them per minute, article and segment, the
counts are delivered to the lake, and a batch program reads the ranking back.

Starts Suiro, deploys the system, plays an access log's requests as clicks, shows the ranking and
checks it against a plain computation over what the stream holds.
"""
import argparse
import os
import pathlib
import random
import signal
import sys
import time
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import blueprint  # noqa: E402
import ranking  # noqa: E402
import system  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from clicks import clicks_of, now_text, segments_of  # noqa: E402
from supervisor import Supervisor  # noqa: E402

INPUT = HERE.parent / "access-log" / "input" / "access.log.gz"
SETTLE_SECONDS_MAX = 240
LIVE_WINDOW_SECONDS, LAPSE_WINDOW_SECONDS = 60, 2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", default=str(INPUT), help="log file (ALB or Apache combined; "
                        "plain or gzip); default: the recording of the blueprint access-log")
    parser.add_argument("--seconds", type=float, default=20,
                        help="over how long the clicks are spread (default: 20)")
    parser.add_argument("--live", action="store_true", help="clicks happen when they are sent, "
                        "and windows are of one minute; else the log's own times, in time-lapse")
    parser.add_argument("--kill", type=int, default=0, metavar="N",
                        help="kill -9 the server N times in between")
    parser.add_argument("--svg", metavar="FILE", help="draw the clicks over time too")
    parser.add_argument("--keep", metavar="DIR", help="keep the data directory here")
    return parser.parse_args()


def play(options, clicks, supervisor, screen):
    """Sends every click, spread over the time that was asked for."""
    kinesis = supervisor.client("kinesis", attempts=1)
    size = min(max(len(clicks) // max(int(options.seconds * 10), 1), 1), system.BATCH)
    batches = [clicks[i:i + size] for i in range(0, len(clicks), size)]
    kills = set(random.sample(range(len(batches)), min(options.kill, len(batches))))
    pause, began = options.seconds / len(batches), time.monotonic()
    for number, batch in enumerate(batches):
        if number in kills:
            os.kill(supervisor.process.pid, signal.SIGKILL)
        if options.live:
            batch = [{**click, "clicked_at": now_text()} for click in batch]
        system.put_acknowledged(kinesis, batch)
        screen.progress("clicks", min((number + 1) * size, len(clicks)), len(clicks))
        time.sleep(max(began + (number + 1) * pause - time.monotonic(), 0))


def collect(s3, wanted, screen):
    """Rows of the lake, read until they count as many clicks as the stream holds."""
    rows, seen, counted = [], set(), 0
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while counted < wanted and time.monotonic() < deadline:
        try:
            new = ranking.rows_of(s3, system.BUCKET, system.RESULT_PREFIX, seen)
        except (BotoCoreError, ClientError):
            new = []  # between a kill and the restart
        rows += new
        counted += sum(row["clicks"] for row in new)
        screen.progress("counted", counted, wanted)
        if not new:
            time.sleep(0.2)
    return rows


def plain(held, segments):
    """What the SQL should count, by a plain computation."""
    clicks, size = Counter(), Counter()
    for click in held:
        key = (click["clicked_at"][:16], segments.get(click["reader"], "unknown"),
               click["article"])
        clicks[key] += 1
        size[key] += click["bytes"]
    return clicks, size


def check(sent, held, segments, counted):
    """What does not add up, as texts."""
    wrong = []
    missing = {click["id"] for click in sent} - {click["id"] for click in held}
    if missing:
        wrong.append(f"{len(missing)} acknowledged clicks are not in the stream")
    for name, expected, found in zip(("clicks", "bytes"), plain(held, segments), counted):
        if expected != found:
            keys = [k for k in set(expected) | set(found) if expected[k] != found[k]]
            wrong.append(f"{name} of {len(keys)} counts differ, as {keys[0]}: "
                         f"{expected[keys[0]]} by plain computation, {found[keys[0]]} by SQL")
    return wrong


def run(options, directory, screen):
    clicks, malformed = clicks_of(options.log)
    segments = segments_of(clicks)
    screen.say(f"{options.log}: {len(clicks)} clicks of {len({c['reader'] for c in clicks})} "
               f"readers, {len(segments)} of them with a segment; {malformed} malformed lines")
    supervisor = Supervisor(directory / "data", screen.say)
    try:
        screen.say(f"suiro runs at {supervisor.endpoint}, pid {supervisor.process.pid}: "
                   f"kill -9 it whenever you like")
        system.deploy(supervisor, segments,
                      LIVE_WINDOW_SECONDS if options.live else LAPSE_WINDOW_SECONDS)
        began = time.monotonic()
        play(options, clicks, supervisor, screen)
        held = system.stream_content(supervisor.client("kinesis"))
        rows = collect(supervisor.client("s3"), len(held), screen)
        screen.say(f"played and counted in {time.monotonic() - began:.1f} s, "
                   f"{supervisor.restarts} restarts; the stream holds {len(held)} clicks, "
                   f"{len(rows)} rows came to the lake")
        counted = ranking.counts_of(rows)
        ranking.show(counted[0], screen.say)
        if options.svg:
            ranking.draw(counted[0], options.svg)
        wrong = check(clicks, held, segments, counted)
    finally:
        supervisor.stop()
    return blueprint.verdict(screen.say, wrong, "every click is counted once",
                             "the ranking does not add up")


if __name__ == "__main__":
    blueprint.main("news-ranking", arguments(), run)
