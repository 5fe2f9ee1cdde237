# SPDX-License-Identifier: Apache-2.0
"""Workflows: durable transitions a second, waiting executions, timers due at once, JSONata."""
import dataclasses
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

import commit_log
import rivals

BUILD = rivals.ROOT / "build" / "release" / "bench"
ROLE = "arn:aws:iam::000000000000:role/bench"
CONNECTIONS = 32
UNBOUNDED = 10**9           # starts: time ends a load, and there is no warm-up that nobody counts
CHAIN = 10                  # states of a chain
CALLS = 4
MESSAGES = 2
MAP_ITEMS = 10_000
WRITERS_MAX = 256           # of the ceiling
WAITING = 100_000
TIMERS = 10_000
TIMER_LEAD_SECONDS_MIN = 5
SETTLE_SECONDS_MAX = 300
MOTO_EXECUTIONS = 5         # of a run
MOTO_INPUT = json.dumps({"n": 1, "pad": "x" * 64})
JSONATA = "jsonata@2"
JSONATA_SECONDS_MAX = 0.5   # of one expression in one run


@dataclasses.dataclass
class Run:
    per_second: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    disk: float = 0.0       # bytes on the disk a byte that was committed


def _pass_chain(count):
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(count - 1)}
    states[f"S{count - 1}"] = {"Type": "Pass", "End": True}
    return {"StartAt": "S0", "States": states}


def _tasks(count, operation, parameters):
    """Each state is a call: an effect, its result, the next state."""
    states = {}
    for n in range(count):
        states[f"S{n}"] = {"Type": "Task", "Resource": f"arn:aws:states:::{operation}",
                           "Parameters": parameters, "ResultPath": None,
                           **({"Next": f"S{n + 1}"} if n + 1 < count else {"End": True})}
    return {"StartAt": "S0", "States": states}


def _calls(_queue):
    """What is committed is the execution's alone."""
    return _tasks(CALLS, "aws-sdk:sts:getCallerIdentity", {})


def _messages(queue):
    return _tasks(MESSAGES, "sqs:sendMessage", {"QueueUrl": queue, "MessageBody": "x"})


def _map():
    return {"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": True, "ResultPath": None, "ItemsPath": "$",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                          "StartAt": "P",
                          "States": {"P": {"Type": "Pass", "Result": 1, "End": True}}}}}}


def _create(client, name, definition):
    return client.create_state_machine(name=name, definition=json.dumps(definition),
                                       roleArn=ROLE)["stateMachineArn"]


def _none_running_since(client, arn):
    """When no execution ran any more; None: some do. A page may be empty though there are more."""
    seen, more = None, {}
    while True:
        page = client.list_executions(stateMachineArn=arn, statusFilter="RUNNING", maxResults=1,
                                      **more)
        seen = seen or time.monotonic()
        if page["executions"]:
            return None
        if not page.get("nextToken"):
            return seen
        more = {"nextToken": page["nextToken"]}


def _wait_none_running(client, arn):
    """Returns when that was, by the monotonic clock."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while not (since := _none_running_since(client, arn)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"executions of {arn} still run after {SETTLE_SECONDS_MAX} s")
        time.sleep(0.02)
    return since


def _row(bench, comparison, system, per_second, p50=0.0, p99=0.0, disk=0.0, ratio=None):
    bench.rows.append({"comparison": comparison, "system": system, "per_second": per_second,
                       "p50_ms": p50, "p99_ms": p99, "disk_bytes_per_payload_byte": disk,
                       "suiro_ratio": ratio})


def _medians(runs):
    return Run(*(statistics.median(getattr(run, field.name) for run in runs)
                 for field in dataclasses.fields(Run)))


def _rows(bench, comparison, runs):
    """runs: {system: its runs}, the first of Suiro."""
    ours = None
    for system, all_runs in runs.items():
        found = _medians(all_runs)
        ratio = round(ours / found.per_second, 2) if ours and found.per_second else None
        ours = ours or found.per_second
        _row(bench, comparison, system, found.per_second, found.p50_ms, found.p99_ms,
             round(found.disk, 2), ratio)


def _ceiling(bench, committed, transitions):
    """Raw RocksDB with commits of as many rows and bytes, synced: from so many writers with a group
    commit, and in groups as Suiro's were. {system: Run}, in transitions."""
    commits, group = committed.commits / transitions, max(1, round(committed.commits_a_group))
    # Starts wait for their commit, what goes on behind them does not hold the next start up.
    shape = (min(max(CONNECTIONS, group), WRITERS_MAX), group,
             max(1, round(committed.puts_a_commit)), round(committed.bytes_a_commit))
    out = subprocess.run(
        [str(BUILD / "store_bench"), "--directory", str(bench.directory), "--rounds", "1",
         "--seconds", str(bench.options.milliseconds / 1000), "--shape",
         ",".join(map(str, shape))], check=True, stdout=subprocess.PIPE, text=True).stdout
    names = {"rocksdb": "RocksDB, writers", "ideal": "RocksDB, same groups"}
    return {names[kind]: Run(float(rate) / commits, float(p50) / 1000, float(p99) / 1000,
                             float(disk))
            for kind, rate, p50, p99, disk in re.findall(
                r"^(rocksdb|ideal) \d+ +(\d+) +(\d+) +(\d+) +([\d.]+)", out, re.M)}


def _beside_ceiling(bench, name, system, drive, rival=None):
    """drive(): (transitions, Run) of Suiro, in turn with the ceiling of what it committed, and with
    rival(): its Run, or None."""
    runs, shapes = {"suiro": []}, []
    for repetition in range(bench.options.runs):
        data, written = system.server.data, system.written()
        before = commit_log.last_commit(data)
        transitions, run = drive()
        committed = commit_log.committed_since(data, before)
        run.disk = (system.written() - written) / committed.bytes
        runs["suiro"].append(run)
        shapes.append((committed.commits / transitions, committed.bytes / transitions))
        for kind, found in _ceiling(bench, committed, transitions).items():
            runs.setdefault(kind, []).append(found)
        found = rival() if rival else None
        if found:
            runs.setdefault("moto, one at a time", []).append(found)
        bench.say(f"{name}: run {repetition + 1} of {bench.options.runs}: "
                  f"{committed.bytes_a_commit:.0f} bytes and {committed.puts_a_commit:.1f} rows a "
                  f"commit, {committed.commits_a_group:.1f} commits a sync")
    commits, size = (statistics.median(column) for column in zip(*shapes))
    _rows(bench, f"transitions, {name}: {commits:.2f} commits, {size:.0f} B", runs)


def _start_load(bench, system, client, arn, states):
    """StartExecution in a closed loop, until all that were started have ended."""
    result = bench.load(system, "states-start", "--queue", arn, "--body", 64, "--connections",
                        CONNECTIONS, "--messages", UNBOUNDED)
    if result["cycles"] == 0:
        raise RuntimeError("nothing was answered in time")
    began = time.monotonic()
    ended = _wait_none_running(client, arn)
    seconds = result["cycles"] / result["per_second"] + ended - began
    # The state's entry, as AWS counts transitions, and the execution's start.
    transitions = result["cycles"] * (states + 1)
    return transitions, Run(transitions / seconds, result["p50_ms"], result["p99_ms"])


class MotoStates:
    """moto's own interpreter, where its version has one. Its server fails each start but the first
    after a reset (5.2 copies all that ran, with their locks): it runs one execution at a time."""

    def __init__(self, bench):
        self.bench, self.system, self.failed = bench, bench.start(rivals.Moto), set()
        probe = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 7, "End": True}}}
        if self.system and self._execute(lambda _: probe)[0].get("output") != "7":
            bench.say(f"moto: does not execute state machines (version {self.system.version()})")
            self.stop()

    def _execute(self, definition):
        """(What DescribeExecution tells at its end, seconds of the start, seconds of it all)."""
        if not (self.system.post("reset") and self.system.post(
                "config", {"stepfunctions": {"execute_state_machine": True}})):
            return {}, 0, 0
        client = self.system.client("stepfunctions")
        queue = self.system.client("sqs").create_queue(QueueName="bench")["QueueUrl"]
        arn = _create(client, "bench", definition(queue))
        began = time.monotonic()
        execution = client.start_execution(stateMachineArn=arn, name="bench",
                                           input=MOTO_INPUT)["executionArn"]
        started = time.monotonic() - began
        while True:
            found = client.describe_execution(executionArn=execution)
            seconds = time.monotonic() - began
            if found["status"] != "RUNNING" or seconds > rivals.START_SECONDS_MAX:
                return found, started, seconds
            time.sleep(0.001)

    def run(self, name, definition, states):
        """None where it is not there, or cannot."""
        if not self.system or name in self.failed:
            return None
        try:
            runs = []
            for _ in range(MOTO_EXECUTIONS):
                found, started, seconds = self._execute(definition)
                if found.get("status") != "SUCCEEDED":
                    raise RuntimeError(f"{found.get('status')}: {found.get('cause')}")
                runs.append(Run((states + 1) / seconds, started * 1000, started * 1000))
            return _medians(runs)
        except Exception as error:  # a rival that breaks is left out
            self.bench.say(f"{name}: moto is left out, it failed: {error}")
            self.failed.add(name)
            return None

    def stop(self):
        if self.system:
            self.system.stop()
            self.system = None


def _machine_name(name):
    return re.sub("[^a-z0-9]+", "-", name.lower())


def starts(bench):
    """Executions that are started until time is over, up to the end of the last."""
    system, moto = bench.start(rivals.Suiro), MotoStates(bench)
    try:
        client = system.server.client("stepfunctions")
        queue = bench.make_queue(system)
        for name, definition, states in (
                (f"chains of {CHAIN} Pass", lambda _: _pass_chain(CHAIN), CHAIN),
                ("tasks that call STS", _calls, CALLS),
                ("tasks that send a message", _messages, MESSAGES)):
            arn = _create(client, _machine_name(name), definition(queue))
            _beside_ceiling(
                bench, name, system,
                lambda: _start_load(bench, system, client, arn, states),
                lambda: moto.run(name, definition, states))
    finally:
        moto.stop()
        system.stop()


def map_of_many(bench):
    """One execution from its start to its end."""
    system = bench.start(rivals.Suiro)
    items, transitions = json.dumps(list(range(MAP_ITEMS))), 2 * MAP_ITEMS
    try:
        client = system.server.client("stepfunctions")
        arn = _create(client, "map", _map())

        def drive():
            began = time.monotonic()
            execution = client.start_execution(stateMachineArn=arn, input=items)["executionArn"]
            seconds = _wait_none_running(client, arn) - began
            found = client.describe_execution(executionArn=execution)
            if found["status"] != "SUCCEEDED":
                raise RuntimeError(f"Map: {found['status']}: {found.get('cause')}")
            return transitions, Run(transitions / seconds, seconds * 1000, seconds * 1000)

        _beside_ceiling(bench, f"Map of {MAP_ITEMS}, distributed", system, drive)
    finally:
        system.stop()


def in_process(bench):
    """The runtime alone, and how late a step is at half of the rate that it reached."""
    out = subprocess.run(
        [str(BUILD / "suiro-states-bench"), "--milliseconds", str(bench.options.milliseconds),
         "--runs", str(bench.options.runs)], check=True, stdout=subprocess.PIPE, text=True).stdout
    print(out, flush=True)
    for name, rate, p50, p99 in re.findall(
            r"^(chain|steps|half load) +([\d.]+) +([\d.]+) +([\d.]+)$", out, re.M):
        title = "a step at half load, from due to durable" if name == "half load" else \
            f"transitions in process, {name}"
        if float(rate) == 0:
            bench.say(f"left out: {title}: the pace could not be held")
            continue
        _row(bench, title, "suiro", float(rate), float(p50), float(p99))


def waiting(bench):
    """Executions in a Wait: memory, and a start after kill -9. Returns seconds to start them."""
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
        seconds = time.monotonic() - began
        bench.say(f"{WAITING} executions wait, started in {seconds:.1f} s")
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
        _row(bench, f"{WAITING} waiting: restart after kill -9, {after >> 20} MiB then", "suiro",
             1000 / statistics.median(times), statistics.median(times), max(times))
        bench.say(f"resident memory: empty {empty >> 20} MiB, with {WAITING} waiting "
                  f"{full >> 20} MiB, after the restart {after >> 20} MiB")
        return seconds
    finally:
        system.stop()


def timers(bench, lead_seconds):
    """Waits that end in the same second: from that second to the last end."""
    system = bench.start(rivals.Suiro)
    try:
        client = system.server.client("stepfunctions")
        runs, counts = [], []
        for repetition in range(bench.options.runs):
            due = int(time.time()) + lead_seconds
            text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due))
            arn = _create(client, f"timers-{repetition}", {"StartAt": "W", "States": {
                "W": {"Type": "Wait", "Timestamp": text, "End": True}}})
            bench.load(system, "states-start", "--queue", arn, "--body", 64, "--connections",
                       CONNECTIONS, "--messages", TIMERS, milliseconds=(lead_seconds - 2) * 1000)
            if time.time() > due:
                raise RuntimeError("the machine is too slow: waits were due before all waited")
            _wait_none_running(client, arn)
            late = []
            for page in client.get_paginator("list_executions").paginate(stateMachineArn=arn):
                late += [(e["stopDate"].timestamp() - due) * 1000 for e in page["executions"]]
            late.sort()
            counts.append(len(late))
            runs.append(Run(len(late) / max(late[-1] / 1000, 0.001), statistics.median(late),
                            late[len(late) * 99 // 100]))
        _rows(bench, f"{min(counts)} waits due in one second: how late they end", {"suiro": runs})
    finally:
        system.stop()


def _jsonata_rival():
    """The folder of the reference implementation; None: it is not there and cannot be had."""
    modules = BUILD / "jsonata-rival"
    if (modules / "node_modules" / "jsonata").exists():
        return modules
    if not shutil.which("npm"):
        return None
    modules.mkdir(parents=True, exist_ok=True)
    got = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                          str(modules), JSONATA])
    return modules if got.returncode == 0 else None


def jsonata(bench):
    """Expressions a second, beside the reference implementation on node."""
    modules = _jsonata_rival()
    if not modules:
        bench.say("left out: JSONata: npm has no reference implementation to compare with")
        return
    rival = pathlib.Path(__file__).parent / "jsonata" / "rival.mjs"
    cases = str(rival.parent / "cases.jsonl")
    seconds = str(min(bench.options.milliseconds / 1000, JSONATA_SECONDS_MAX))
    commands = {"suiro": [str(BUILD / "suiro-jsonata-bench"), cases, seconds],
                "jsonata on node": ["node", str(rival), cases, seconds]}
    found = {}
    for _ in range(bench.options.runs):
        for system, command in commands.items():
            rates = _evaluations(subprocess.run(
                command, check=True, capture_output=True, text=True,
                env={**os.environ, "NODE_MODULES": str(modules / "node_modules")}).stdout)
            for name, rate in rates.items():
                found.setdefault(name, {}).setdefault(system, []).append(Run(rate))
    for name, runs in found.items():
        _rows(bench, f"JSONata: {name}", runs)


def _evaluations(text):
    return {match[1]: float(match[2].replace(",", "")) for match in
            re.finditer(r"^(\w[\w ]*?)\s{2,}([\d,.]+)", text, re.M)}


def run(bench):
    starts(bench)
    map_of_many(bench)
    in_process(bench)
    seconds = waiting(bench)
    # Three times as long as the starts took above.
    timers(bench, max(TIMER_LEAD_SECONDS_MIN, round(3 * seconds * TIMERS / WAITING) + 2))
    jsonata(bench)
