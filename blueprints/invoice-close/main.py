# SPDX-License-Identifier: Apache-2.0
"""Invoice close: a month's invoice lines of many shops become a ledger, day by day, by workflows.

Starts Suiro, puts the lines into the lake, and lets a workflow close the month: each day posts its
shops in parallel, late files are waited for, unreadable ones are listed, an accountant approves.
Then every object of the ledger is compared with a plain recomputation, to the yen, and changes of
the system go through a quality gate.
"""
import argparse
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import blueprint  # noqa: E402
import check_books  # noqa: E402
import watch  # noqa: E402
from books import Books  # noqa: E402
from gate import Gate  # noqa: E402
from generator import Month  # noqa: E402
from supervisor import Supervisor  # noqa: E402
from system import DAY, System  # noqa: E402

LINES_A_DAY, TOLERATED_A_DAY = 15_000, 1
CHANGES = (("rates-in-a-table", None), ("tax-of-totals", 1), ("tax-per-line", 2))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=20, help="business days (default: 20)")
    parser.add_argument("--shops", type=int, default=700, help="default: 700")
    parser.add_argument("--lines", type=int, help=f"in all (default: {LINES_A_DAY:,} a day)")
    parser.add_argument("--seed", default="1", help="of the generator (default: 1)")
    parser.add_argument("--kill", type=int, default=0, metavar="N",
                        help="kill -9 the server N times in between")
    parser.add_argument("--gate", metavar="DIR", help="let this change through the quality gate, "
                        "instead of the blueprint's own; the exit status tells")
    parser.add_argument("--svg", metavar="DIR", help="draw the executions into this directory")
    parser.add_argument("--keep", metavar="DIR", help="keep the data directory here")
    options = parser.parse_args()
    options.log = str(HERE / "day.asl.json")
    if options.gate and not pathlib.Path(options.gate).is_dir():
        parser.error(f"{options.gate} is no directory")
    options.lines = options.lines or LINES_A_DAY * options.days
    return options


def close(options, system, month, books, screen):
    """Closes the month; returns the month's execution as it is told."""
    arn = system.start_month(month, TOLERATED_A_DAY * len(month.days))
    began = time.monotonic()
    told = watch.Watch(system, month, books, screen, options.kill).until_closed(arn)
    took = time.monotonic() - began
    screen.say(f"{month.name} is closed ({told['status']}) after {took:.1f} s: "
               f"{books.total['lines'] / took:,.0f} lines/s, "
               f"{len(month.sizes) / took:,.0f} shops/s, "
               f"restarts of the server: {system.supervisor.restarts}")
    return told


def check(system, month, books, told, days, screen):
    """What does not add up, as texts."""
    if told["status"] != "SUCCEEDED":
        return [f"the close ended with {told.get('error')}: {told.get('cause')}"]
    began = time.monotonic()
    found = {**system.get_all("ledger/"), **system.get_all("close/")}
    wrong = check_books.compare(check_books.expected_objects(month, books), found)
    wrong += check_books.balanced(found)
    wrong += check_books.history("the month", system.history(told["executionArn"]))
    notices = system.sqs.receive_message(QueueUrl=system.queues["notices"]).get("Messages", [])
    if not notices:
        wrong.append("nobody was told that the month is closed")
    more, retried = check_books.executions(system, month, books, days, screen.progress)
    screen.say(f"{len(found)} objects and {len(month.sizes)} histories compared in "
               f"{time.monotonic() - began:.1f} s; {retried} attempts met a late file")
    return wrong + more


def show(books, say):
    for name, value in books.total.items():
        say(f"  {name:<9} {value:>16,}")
    for one in books.all_exceptions():
        say(f"  exception {one['day']} {one['shop']}: {one['error']}, {one['reason']}")


def draw(system, month, told, days, directory, say):
    directory.mkdir(parents=True, exist_ok=True)
    day = month.days[0]
    late = next(arn for arn, events in system.histories(system.children(days[day])).items()
                if check_books.attempts_without_file(events))
    for name, arn in (("month", told["executionArn"]), ("day", days[day]), ("shop", late)):
        system.supervisor.suiro("draw", arn, "--to", str(directory / f"{name}.svg"))
    say(f"drawn: month.svg, day.svg, shop.svg in {directory}")


def own_changes(system, gate, say):
    """Lets the blueprint's changes come to the gate: what went otherwise than it should."""
    wrong, before = [], system.live_versions()
    for name, expected in CHANGES:
        say(f"change {name}:")
        refused = gate.pass_change(HERE / "changes" / name)
        say(f"  refused in stage {refused[0]}: {refused[1]}" if refused else "  is live now")
        if (refused[0] if refused else None) != expected:
            wrong.append(f"the change {name} should have been "
                         f"{'refused in stage ' + str(expected) if expected else 'let through'}")
    if any(system.live_versions()[name] == before[name] for name in before):
        wrong.append("nothing of the change is live")
    day = gate.day
    told = watch.run_day(system, system.live_day, system.day_order(day, "again/"), f"again-{day}")
    again = {key.replace("again/", "ledger/", 1): content
             for key, content in system.get_all("again/").items()}
    told = system.call("DescribeExecution", executionArn=told["executionArn"])
    if (told["status"], told.get("stateMachineVersionArn")) != (
            "SUCCEEDED", system.live_versions()["machine"]):
        wrong.append(f"what is live does not post as it should: {told}")
    return wrong + [f"posted again by what is live: {text}"
                    for text in check_books.compare(gate.ledger, again)]


def run(options, directory, screen):
    began = time.monotonic()
    month = Month(options.seed, options.shops, "2026-10-01", options.days, options.lines)
    books = Books(month)
    screen.say(f"{options.lines:,} lines of {options.shops} shops on {options.days} days; their "
               f"plain recomputation: {time.monotonic() - began:.1f} s")
    supervisor = Supervisor(directory / "data", screen.say)
    refused = None
    try:
        screen.say(f"suiro runs at {supervisor.endpoint}, pid {supervisor.process.pid}: "
                   f"kill -9 it whenever you like")
        system = System(supervisor)
        system.deploy()
        began = time.monotonic()
        files = system.upload(month, lambda *done: screen.progress("upload", *done))
        screen.say(f"{files} files uploaded in {time.monotonic() - began:.1f} s")
        told = close(options, system, month, books, screen)
        days = {row["name"][-10:]: row["executionArn"] for row in system.executions(
            stateMachineArn=system.arn("states", f"stateMachine:{DAY}"))}
        wrong = check(system, month, books, told, days, screen)
        if supervisor.restarts < options.kill:
            wrong.append(f"the server was killed {supervisor.restarts} times only")
        show(books, screen.say)
        if not wrong and options.svg:
            draw(system, month, told, days, pathlib.Path(options.svg), screen.say)
        if not wrong:
            began = time.monotonic()
            gate = Gate(system, month, month.days[0], days[month.days[0]], directory / "approved",
                        screen.say)
            if options.gate:
                refused = gate.pass_change(pathlib.Path(options.gate).resolve())
            else:
                wrong += own_changes(system, gate, screen.say)
            screen.say(f"the gate took {time.monotonic() - began:.1f} s")
    finally:
        supervisor.stop()
    status = blueprint.verdict(
        screen.say, wrong[:check_books.WRONG_MAX], f"the ledger equals the plain recomputation: "
        f"{books.total['gross']:,} yen", "the books do not add up")
    if refused:
        screen.say(f"{options.gate} is refused in stage {refused[0]}: {refused[1]}")
    return 1 if refused else status


if __name__ == "__main__":
    blueprint.main("invoice-close", arguments(), run)
