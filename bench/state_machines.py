# SPDX-License-Identifier: Apache-2.0
"""Workflows: durable transitions a second, waiting executions, timers due at once, JSONata."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

import rivals

ROLE = "arn:aws:iam::000000000000:role/bench"
CONNECTIONS = 32
CHAIN = 10                  # states of a chain
MAP_ITEMS = 10_000
WAITING = 100_000
TIMERS = 10_000
SETTLE_SECONDS_MAX = 300
JSONATA = "jsonata@2"


def _pass_chain(count):
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(count - 1)}
    states[f"S{count - 1}"] = {"Type": "Pass", "End": True}
    return {"StartAt": "S0", "States": states}


def _steps(count):
    """A chain whose every state is a commit of its own: waits of no time in between."""
    states = {}
    for n in range(count):
        states[f"S{n}"] = {"Type": "Wait", "Seconds": 0}
        states[f"S{n}"].update({"Next": f"S{n + 1}"} if n + 1 < count else {"End": True})
    return {"StartAt": "S0", "States": states}


def _tasks():
    """Each state sends a message: an effect, its result, the next state."""
    def task(next_state):
        return {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl.$": "$.queue", "MessageBody": "x"}, "ResultPath": None,
                **next_state}
    return {"StartAt": "A", "States": {"A": task({"Next": "B"}), "B": task({"End": True})}}


def _map(mode):
    config = {"Mode": mode}
    if mode == "DISTRIBUTED":
        config["ExecutionType"] = "STANDARD"
    return {"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": True, "ResultPath": None, "ItemsPath": "$",
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": "P",
                          "States": {"P": {"Type": "Pass", "Result": 1, "End": True}}}}}}


def _create(client, name, definition):
    return client.create_state_machine(name=name, definition=json.dumps(definition),
                                       roleArn=ROLE)["stateMachineArn"]


def _running(client, arn):
    return len(client.list_executions(stateMachineArn=arn, statusFilter="RUNNING",
                                      maxResults=1)["executions"])


def _wait_none_running(client, arn):
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while _running(client, arn):
        if time.monotonic() > deadline:
            raise RuntimeError(f"executions of {arn} still run after {SETTLE_SECONDS_MAX} s")
        time.sleep(0.02)


def _row(bench, comparison, system, per_second, p50=0.0, p99=0.0, disk=0.0, ratio=None):
    bench.rows.append({"comparison": comparison, "system": system, "per_second": per_second,
                       "p50_ms": p50, "p99_ms": p99, "disk_bytes_per_payload_byte": disk,
                       "suiro_ratio": ratio})


def starts(bench):
    """StartExecution until it is acknowledged, and until all that were started have ended."""
    system = bench.start(rivals.Suiro)
    try:
        client = system.server.client("stepfunctions")
        for name, definition, states in (
                (f"chains of {CHAIN} Pass", _pass_chain(CHAIN), CHAIN),
                ("waits of no time, 4 in a row", _steps(4), 4)):
            arn = _create(client, re.sub("[^a-z0-9]+", "-", name.lower()), definition)
            rates, p50, p99, disk = [], [], [], []
            for _ in range(bench.options.runs):
                before, began = system.written(), time.monotonic()
                result = bench.load(system, "states-start", "--queue", arn, "--body", 64,
                                    "--connections", CONNECTIONS)
                _wait_none_running(client, arn)
                seconds = time.monotonic() - began
                # The state's entry, as AWS counts transitions, and the execution's start.
                transitions = result["cycles"] * (states + 1)
                rates.append(transitions / seconds)
                p50.append(result["p50_ms"])
                p99.append(result["p99_ms"])
                disk.append((system.written() - before) / max(1, transitions))
            median = statistics.median
            _row(bench, f"transitions, {name}", "suiro", median(rates), median(p50), median(p99))
            bench.say(f"{name}: {median(disk):.0f} bytes written a transition")
    finally:
        system.stop()


def one_execution(bench, name, definition, execution_input, transitions):
    """One execution from its start to its end."""
    system = bench.start(rivals.Suiro)
    try:
        client = system.server.client("stepfunctions")
        if "queue" in execution_input:
            queue = bench.make_queue(system)
            execution_input = execution_input.replace("QUEUE", queue)
        arn = _create(client, "one", definition)
        times = []
        for _ in range(bench.options.runs):
            began = time.monotonic()
            execution = client.start_execution(stateMachineArn=arn,
                                               input=execution_input)["executionArn"]
            _wait_none_running(client, arn)
            times.append(time.monotonic() - began)
            found = client.describe_execution(executionArn=execution)
            if found["status"] != "SUCCEEDED":
                raise RuntimeError(f"{name}: {found['status']}: {found.get('cause')}")
        seconds = statistics.median(times)
        _row(bench, name, "suiro", transitions / seconds, seconds * 1000, max(times) * 1000)
    finally:
        system.stop()


def waiting(bench):
    """100,000 executions in a Wait: memory, and a start after kill -9."""
    system = bench.start(rivals.Suiro)
    try:
        client = system.server.client("stepfunctions")
        arn = _create(client, "waiting", {"StartAt": "W", "States": {
            "W": {"Type": "Wait", "Seconds": 86_400, "End": True}}})
        empty = system.resident()
        began = time.monotonic()
        bench.load(system, "states-start", "--queue", arn, "--body", 64, "--connections",
                   CONNECTIONS, "--messages", WAITING,
                   milliseconds=SETTLE_SECONDS_MAX * 1000)
        bench.say(f"{WAITING} executions wait, started in {time.monotonic() - began:.1f} s")
        full = system.resident()
        times = []
        for _ in range(bench.options.runs):
            system.server.kill9()
            began = time.monotonic()
            system.server.start()
            system.process = system.server.process
            system.server.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
            times.append((time.monotonic() - began) * 1000)
        after = system.resident()
        _row(bench, f"{WAITING} waiting executions: restart after kill -9", "suiro",
             1000 / statistics.median(times), statistics.median(times), max(times))
        bench.say(f"resident memory: empty {empty >> 20} MiB, with {WAITING} waiting "
                  f"{full >> 20} MiB, after the restart {after >> 20} MiB")
    finally:
        system.stop()


def timers(bench):
    """10,000 waits that end in the same second: from that second to the last end."""
    system = bench.start(rivals.Suiro)
    try:
        client = system.server.client("stepfunctions")
        due = int(time.time()) + 20
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due))
        arn = _create(client, "timers", {"StartAt": "W", "States": {
            "W": {"Type": "Wait", "Timestamp": text, "End": True}}})
        bench.load(system, "states-start", "--queue", arn, "--body", 64, "--connections",
                   CONNECTIONS, "--messages", TIMERS, milliseconds=15_000)
        if time.time() > due:
            raise RuntimeError("the machine is too slow to start them all before they are due")
        _wait_none_running(client, arn)
        late = []
        for page in client.get_paginator("list_executions").paginate(stateMachineArn=arn):
            late += [(e["stopDate"].timestamp() - due) * 1000 for e in page["executions"]]
        late.sort()
        _row(bench, f"{TIMERS} waits due in one second: how late they end", "suiro",
             len(late) / max(late[-1] / 1000, 0.001), statistics.median(late),
             late[len(late) * 99 // 100])
    finally:
        system.stop()


def jsonata(bench):
    """Expressions a second, beside the reference implementation on node."""
    build = rivals.ROOT / "build" / "release" / "bench"
    modules = build / "jsonata-rival"
    if not shutil.which("npm"):
        bench.say("left out: JSONata's reference: npm is not installed")
        return
    if not (modules / "node_modules" / "jsonata").exists():
        modules.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                        str(modules), JSONATA], check=True)
    rival = pathlib.Path(__file__).parent / "jsonata" / "rival.mjs"
    cases = str(rival.parent / "cases.jsonl")
    ours = _evaluations(subprocess.run([str(build / "suiro-jsonata-bench"), cases], check=True,
                                       capture_output=True, text=True).stdout)
    theirs = _evaluations(subprocess.run(
        ["node", str(rival), cases], check=True, capture_output=True, text=True,
        env={**os.environ, "NODE_MODULES": str(modules / "node_modules")}).stdout)
    for name, rate in ours.items():
        _row(bench, f"JSONata: {name}", "suiro", rate)
        if name in theirs:
            _row(bench, f"JSONata: {name}", "jsonata on node", theirs[name],
                 ratio=round(rate / theirs[name], 2))


def _evaluations(text):
    return {match[1]: float(match[2].replace(",", "")) for match in
            re.finditer(r"^(\w[\w ]*?)\s{2,}([\d,.]+)", text, re.M)}


def run(bench):
    starts(bench)
    one_execution(bench, "tasks that send a message, 2 in a row", _tasks(),
                  '{"queue": "QUEUE"}', 3)
    items = json.dumps(list(range(MAP_ITEMS)))
    one_execution(bench, f"Map of {MAP_ITEMS}, distributed", _map("DISTRIBUTED"), items,
                  2 * MAP_ITEMS)
    waiting(bench)
    timers(bench)
    jsonata(bench)
