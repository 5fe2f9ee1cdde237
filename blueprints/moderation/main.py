# SPDX-License-Identifier: Apache-2.0
"""Moderation: each night a forum's posts become a classifier of spam and abuse.

Starts Suiro and a MariaDB, and lives three nights in time-lapse. The first begins while the
database refuses its account, so that it tries again; the second has bad labels, so that its
classifier is refused; in the third the table has lost a column. Each is compared with a plain
computation over the same rows.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import secrets
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import blueprint  # noqa: E402
import check_nights  # noqa: E402
import plain  # noqa: E402
import posts  # noqa: E402
import system  # noqa: E402
import tasks  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from databases import MariaDb  # noqa: E402
from supervisor import Supervisor  # noqa: E402

NIGHTS = ("2027-02-01", "2027-02-02", "2027-02-03")
KILLED_DURING = ("Train", "Preprocess", "Evaluate", "ReadEvaluation")
NIGHT_SECONDS_MAX = 300
POLL_SECONDS = 0.1
EVENTS = 53  # of a good night with one retry


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=4000, help="in the table (default: 4000)")
    parser.add_argument("--seed", type=int, default=1, help="of the posts (default: 1)")
    parser.add_argument("--kill", type=int, default=0, metavar="N",
                        choices=range(len(KILLED_DURING) + 1),
                        help="kill -9 the server N times during the first night, at most "
                             f"{len(KILLED_DURING)}")
    parser.add_argument("--svg", metavar="FILE", help="draw the first night here")
    tasks.add_option(parser)
    parser.add_argument("--keep", metavar="DIR", help="keep the data directory here")
    options = parser.parse_args()
    options.log = str(HERE / "moderation.asl.json")
    return options


def make_database(database, password, options):
    database.start()
    posts.load(database, options.posts, options.seed)
    database.sql(f"CREATE USER nightly@localhost IDENTIFIED BY '{password}';"
                 "GRANT SELECT ON shop.posts TO nightly@localhost;"
                 "GRANT RELOAD, BINLOG MONITOR ON *.* TO nightly@localhost")


class Watcher:
    """Follows executions, through restarts of the server."""

    def __init__(self, supervisor, machine, screen):
        self.supervisor, self.machine, self.screen = supervisor, machine, screen
        self.states = supervisor.client("stepfunctions", attempts=1)
        self.known = set()

    def asked(self, operation, **request):
        """The answer, or None while the server is away."""
        try:
            return getattr(self.states, operation)(**request)
        except BotoCoreError:
            return None
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                raise
            return None

    def begun(self, deadline):
        """The execution that is new."""
        while time.monotonic() < deadline:
            answer = self.asked("list_executions", stateMachineArn=self.machine)
            new = {row["executionArn"] for row in (answer or {"executions": []})["executions"]}
            if new - self.known:
                (arn,) = new - self.known
                self.known.add(arn)
                return arn
            time.sleep(POLL_SECONDS)
        raise SystemExit("no execution began")

    def events(self, arn):
        """All of the history, or None while the server is away."""
        out, page = [], {}
        while True:
            answer = self.asked("get_execution_history", executionArn=arn, maxResults=1000, **page)
            if answer is None:
                return None
            out += answer["events"]
            if "nextToken" not in answer:
                return out
            page = {"nextToken": answer["nextToken"]}

    def follow(self, begin, on_event):
        """What became of the execution that `begin` begins; `on_event(state, type)` of each event
        as it is seen."""
        deadline = time.monotonic() + NIGHT_SECONDS_MAX
        begin()
        arn, seen = self.begun(deadline), 0
        while time.monotonic() < deadline:
            told, events = self.asked("describe_execution", executionArn=arn), self.events(arn)
            if told and events:
                steps = check_nights.steps(events)
                for state, event in steps[seen:]:
                    on_event(state, event["type"])
                seen = len(steps)
                if told["status"] != "RUNNING":
                    return {"arn": arn, "status": told["status"], "steps": steps}
                self.screen.progress("events", seen, EVENTS, steps[-1][0] or "")
            time.sleep(POLL_SECONDS)
        raise SystemExit(f"{arn} did not end")


def hurdles(options, supervisor, database, say):
    """What happens during the first night."""
    kills = list(KILLED_DURING[:options.kill])
    locked = True

    def on_event(state, kind):
        nonlocal locked
        if locked and (state, kind) == ("Extract", "TaskFailed"):
            locked = False
            database.sql("ALTER USER nightly@localhost ACCOUNT UNLOCK")
            say("the extraction was refused; the account is unlocked now")
        if kind == "TaskStarted" and state in kills:
            kills.remove(state)
            os.kill(supervisor.process.pid, signal.SIGKILL)

    return on_event


def three_nights(options, supervisor, database, watcher, nights):
    """What became of each night, with the rows that it read."""
    out = []

    def night(on_event=lambda *_: None):
        name = NIGHTS[len(out)]
        began = time.monotonic()
        found = watcher.follow(lambda: nights.begin(name), on_event)
        watcher.screen.say(f"night {name}: {found['status']}, {time.monotonic() - began:.1f} s, "
                           f"{len(found['steps'])} events")
        out.append({"night": name, **found})

    database.sql("ALTER USER nightly@localhost ACCOUNT LOCK")
    night(hurdles(options, supervisor, database, watcher.screen.say))
    out[0]["rows"] = plain.labelled(database)
    database.sql("UPDATE posts SET label = CASE label WHEN 'fine' THEN 'spam' WHEN 'spam' THEN "
                 "'abuse' ELSE 'fine' END WHERE label IS NOT NULL AND id % 2 = 0")
    night()
    out[1]["rows"] = plain.labelled(database)
    database.sql("ALTER TABLE posts RENAME COLUMN label TO verdict")
    night()
    return out


def rehearse(supervisor, first, say):
    """The schedule's February in virtual time, each night with the answers that the first one got
    in as much time; what is wrong."""
    began = time.monotonic()
    out = supervisor.suiro(
        "rehearse", str(HERE / "moderation.asl.json"), "--input", system.input_of("any"),
        "--recorded", first["arn"], "--from", "2027-02-01", "--days", "28", "--schedule",
        system.EVERY_NIGHT, "--timezone", system.ZONE, "--json")
    nights = [json.loads(line) for line in out.splitlines()]
    say(f"the schedule's {len(nights)} nights of February 2027, rehearsed in "
        f"{time.monotonic() - began:.1f} s: from {nights[0]['start']} to {nights[-1]['stop']}")
    wrong = [f"rehearsed at {night['start']} it went {night['path']}" for night in nights
             if night["path"] != check_nights.path(first)]
    return wrong if len(nights) == 28 else [f"{len(nights)} nights were rehearsed, not 28"]


def show(found, say):
    for night in found:
        evaluation = night.get("evaluation")
        if evaluation:
            say(f"{night['night']}: {evaluation['right']} of {evaluation['posts']} posts as "
                f"labelled, accuracy {evaluation['accuracy']}")
            for name, of in evaluation["classes"].items():
                say(f"  {name:<6} precision {of['precision']:<7} recall {of['recall']}")


def run(options, directory, screen):
    if MariaDb.missing():
        raise SystemExit(f"Debian's package {MariaDb.missing()} is not installed")
    database, password = MariaDb(directory / "database"), secrets.token_urlsafe(12)
    database.socket.parent.mkdir(parents=True)
    supervisor = Supervisor(
        directory / "data", screen.say,
        f"[tasks]\nhost_volumes = [{json.dumps(str(database.socket.parent))}]\n")
    try:
        screen.say(f"suiro runs at {supervisor.endpoint}, pid {supervisor.process.pid}: "
                   f"kill -9 it whenever you like")
        if (status := tasks.refused(options, supervisor, screen.say)) is not None:
            return status
        began, since = time.monotonic(), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with concurrent.futures.ThreadPoolExecutor() as beside:
            made = beside.submit(make_database, database, password, options)
            queue, nights = system.deploy(supervisor, database, password)
            made.result()
        screen.say(f"{options.posts} posts in a MariaDB, images, state machine and schedule: "
                   f"{time.monotonic() - began:.1f} s")
        watcher = Watcher(supervisor, nights.machine, screen)
        found = three_nights(options, supervisor, database, watcher, nights)
        wrong = check_nights.check(supervisor, queue, found)
        show(found, screen.say)
        wrong += rehearse(supervisor, found[0], screen.say)
        screen.say(supervisor.suiro("timeline", "--since", since, "--columns", "110"))
        if options.svg:
            supervisor.suiro("draw", found[0]["arn"], "--to", options.svg)
    finally:
        supervisor.stop()
        if getattr(database, "process", None):
            database.stop()
    return blueprint.verdict(
        screen.say, wrong, "three nights: one classifier promoted, one refused, one failure told; "
        "each as a plain computation has it, each told once", "the nights are not right")


if __name__ == "__main__":
    blueprint.main("moderation", arguments(), run)
