# SPDX-License-Identifier: Apache-2.0
"""Follows a month's close while it runs: brings the late files, kills the server, approves."""
import json
import os
import signal
import time

from botocore.exceptions import BotoCoreError, ClientError

import generator
from blueprint import until
from system import DAY

CLOSE_SECONDS_MAX = 1800
ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


class Watch:
    def __init__(self, system, month, books, screen, kills):
        self.system, self.month, self.books, self.screen = system, month, books, screen
        total = len(month.sizes)
        self.kills = [total * (number + 1) // (kills + 1) for number in range(kills)]
        self.runs = {}  # of Maps, by the day's execution
        self.counts = {}  # shops that have ended, by the day's execution
        self.late = {day for day in month.days if month.late(day)}

    def look(self):
        """How many shops have ended, over all days that began."""
        for row in self.system.executions(
                stateMachineArn=self.system.arn("states", f"stateMachine:{DAY}")):
            arn = row["executionArn"]
            if self.counts.get(arn) == len(self.month.shops):
                continue
            for run in self.system.states.list_map_runs(executionArn=arn)["mapRuns"]:
                self.runs[arn] = run["mapRunArn"]
                counts = self.system.states.describe_map_run(
                    mapRunArn=run["mapRunArn"])["itemCounts"]
                self.counts[arn] = counts["succeeded"] + counts["failed"]
        return sum(self.counts.values())

    def bring_late(self):
        """A late file comes when its shop was tried in vain."""
        for day in sorted(self.late):
            arn = next((arn for arn in self.runs if arn.endswith(day)), None)
            if arn is None:
                continue
            shop = self.month.late(day)
            for child in self.system.executions(mapRunArn=self.runs[arn], statusFilter="RUNNING"):
                events = self.system.history(child["executionArn"])
                order = json.loads(events[0]["executionStartedEventDetails"]["input"])
                if order["shop"] == shop and any(e["type"] == "TaskFailed" for e in events):
                    self.system.put(generator.key_of(day, shop), self.month.csv(day, shop))
                    self.late.discard(day)
                    self.screen.say(f"{shop} of {day}: its file was late, and is there now")
                    break

    def approve(self):
        """Answers for the accountant: the totals must be those of the plain recomputation."""
        for message in self.system.sqs.receive_message(
                QueueUrl=self.system.queues["approvals"]).get("Messages", []):
            asked = json.loads(message["Body"])
            close = asked["close"]
            if close["totals"] == self.books.total:
                self.system.states.send_task_success(
                    taskToken=asked["token"], output=json.dumps({"approved_by": "the accountant"}))
                self.screen.say(f"the totals of {close['month']} are approved: "
                                f"{close['totals']['gross']:,} yen")
            else:
                self.system.states.send_task_failure(
                    taskToken=asked["token"], error="Refused",
                    cause=f"totals {close['totals']} instead of {self.books.total}")
            self.system.sqs.delete_message(QueueUrl=self.system.queues["approvals"],
                                           ReceiptHandle=message["ReceiptHandle"])

    def until_closed(self, execution):
        """The month's execution, when it has ended."""
        deadline = time.monotonic() + CLOSE_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                done = self.look()
                self.bring_late()
                self.approve()
                told = self.system.states.describe_execution(executionArn=execution)
            except (BotoCoreError, ClientError):
                continue  # between a kill and the restart
            self.screen.progress("shops and days", done, len(self.month.sizes),
                                 f"{len(self.runs)} of {len(self.month.days)} days began")
            if told["status"] in ENDED:
                return told
            if self.kills and done >= self.kills[0]:
                self.kills.pop(0)
                os.kill(self.system.supervisor.process.pid, signal.SIGKILL)
            time.sleep(0.1)
        raise SystemExit(f"{execution} has not ended after {CLOSE_SECONDS_MAX} s")


def run_day(system, machine, order, name):
    """Starts a day by itself, and waits for its end."""
    arn = system.states.start_execution(stateMachineArn=machine, name=name,
                                        input=json.dumps(order))["executionArn"]
    until(lambda: system.states.describe_execution(executionArn=arn)["status"] in ENDED,
          f"{arn} has not ended", CLOSE_SECONDS_MAX)
    return system.states.describe_execution(executionArn=arn)
