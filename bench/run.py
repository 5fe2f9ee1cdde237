# SPDX-License-Identifier: Apache-2.0
"""Measures Suiro side by side with its rivals and with the machine's own ceiling.

Every comparison runs its systems in turn, five times, on this machine in this run; the table shows
medians and Suiro's ratio to each. Absolute figures belong to the machine; ratios travel further.
Bounded in time: each load runs --milliseconds and stops by itself. Loopback only.
"""
import argparse
import io
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import rivals
import schedules
import state_machines
import streams

ROOT = rivals.ROOT
LOAD = ROOT / "build" / "release" / "bench" / "suiro-load"
BODY_BYTES = 256
ACCOUNT = "000000000000"
CONNECTIONS = (1, 64)
KEYS = 4  # of each connection: few enough that one short run of puts covers the gets


def zipped(name, text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, text)
    return out.getvalue()


class Bench:
    def __init__(self, options):
        self.options = options
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="suiro-bench-"))
        self.rows = []

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def start(self, kind):
        missing = kind.missing()
        if missing:
            self.say(f"left out: {missing} is not installed")
            return None
        return kind(self.directory / f"{kind.__name__}-{len(os.listdir(self.directory))}").start()

    def load(self, system, name, *arguments, milliseconds=None):
        env = getattr(system, "load_environment", lambda: None)()
        out = subprocess.run(
            [str(LOAD), name, "--port", str(system.port), "--milliseconds",
             str(milliseconds or self.options.milliseconds), *map(str, arguments)],
            env=env, capture_output=True, text=True)
        if out.returncode != 0:
            raise RuntimeError(out.stderr.strip())
        return json.loads(out.stdout)

    def compare(self, title, sides, payload_bytes):
        """sides: {name: (system, load name, arguments)}; the first is Suiro."""
        broken = set()
        rates, latencies, written = ({name: [] for name in sides} for _ in range(3))
        for repetition in range(self.options.runs):
            for name, (system, load, arguments) in sides.items():
                before = system.written()
                if name in broken:
                    continue
                try:
                    result = self.load(system, load, *arguments)
                    if result["cycles"] == 0 and name != "suiro":
                        raise RuntimeError("nothing was answered in time")
                except RuntimeError as error:
                    if name == "suiro":
                        raise
                    self.say(f"{title}: {name} is left out, it failed: {error}")
                    broken.add(name)
                    continue
                rates[name].append(result["per_second"])
                latencies[name].append((result["p50_ms"], result["p99_ms"]))
                payload = result["cycles"] * payload_bytes
                written[name].append((system.written() - before) / payload if payload else 0)
            self.say(f"{title}: run {repetition + 1} of {self.options.runs}")
        ours = statistics.median(rates[next(iter(sides))])
        for name in (n for n in sides if n not in broken):
            rate = statistics.median(rates[name])
            self.rows.append({
                "comparison": title, "system": name, "per_second": round(rate, 1),
                "p50_ms": statistics.median(p for p, _ in latencies[name]),
                "p99_ms": statistics.median(p for _, p in latencies[name]),
                "disk_bytes_per_payload_byte": round(statistics.median(written[name]), 2),
                "suiro_ratio": round(ours / rate, 2) if rate else None})

    def queues(self, depth):
        """Each system is filled once; one and 64 connections are measured on what it holds."""
        systems = {"suiro": (rivals.Suiro, "sqs"), "redis": (rivals.Redis, "redis"),
                   "rabbitmq": (rivals.Rabbitmq, "rabbitmq"),
                   "beanstalkd": (rivals.Beanstalkd, "beanstalkd")}
        running, sides = [], {}
        try:
            for name, (kind, load) in systems.items():
                if self.options.only and name not in self.options.only:
                    continue
                system = self.start(kind)
                if system is None:
                    continue
                running.append(system)
                queue = self.make_queue(system) if name == "suiro" else "bench"
                arguments = ("--queue", queue, "--body", BODY_BYTES)
                try:
                    system.while_filling(lambda: self.fill(system, name, load, arguments, depth))
                except RuntimeError as error:
                    if name == "suiro":
                        raise
                    self.say(f"queue cycle, depth {depth}: {name} is left out: {error}")
                    continue
                sides[name] = (system, load, arguments)
            for connections in CONNECTIONS:
                self.compare(f"queue cycle, depth {depth}, {connections} connections",
                             {name: (system, load, (*arguments, "--connections", connections))
                              for name, (system, load, arguments) in sides.items()}, BODY_BYTES)
        finally:
            for system in running:
                system.stop()

    def depths(self):
        """What depth costs: Suiro's cycles at each, beside those at the first."""
        for connections in CONNECTIONS:
            found = [(int(match[1]), row) for row in self.rows if row["system"] == "suiro" and (
                match := re.match(rf"queue cycle, depth (\d+), {connections} connections",
                                  row["comparison"]))]
            for depth, row in found[1:]:
                self.rows.append({**row, "comparison": f"suiro's cycle, {connections} connections",
                                  "system": f"depth {depth} : {found[0][0]}",
                                  "suiro_ratio": round(row["per_second"] /
                                                       found[0][1]["per_second"], 2)})

    def make_queue(self, system):
        return system.server.client("sqs").create_queue(QueueName="bench")["QueueUrl"]

    def fill(self, system, name, load, arguments, depth):
        """In batches; ends at the depth, which it may pass by a batch of each connection."""
        if depth == 0:
            return
        connections = max(1, min(64, depth // 2000))
        began = time.monotonic()
        result = self.load(system, load, *arguments, "--connections", connections, "--send-only",
                           "--messages", depth,
                           milliseconds=self.options.fill_seconds_max * 1000)
        self.say(f"{name}: {result['messages']} messages filled in "
                 f"{time.monotonic() - began:.0f} s")
        if result["messages"] < depth:
            raise RuntimeError(f"{name} took only {result['messages']} of {depth} messages in "
                               f"{self.options.fill_seconds_max} s: its depth would be another")

    def objects(self, size, connections):
        suiro, nginx, moto = map(self.start, (rivals.Suiro, rivals.Nginx, rivals.Moto))
        try:
            suiro.server.client("s3").create_bucket(
                Bucket="bench", CreateBucketConfiguration={
                    "LocationConstraint": suiro.server.env["AWS_DEFAULT_REGION"]})
            arguments = ("--bucket", "bench", "--size", size, "--connections", connections,
                         "--keys", KEYS)
            for verb in ("put", "get"):
                sides = {"suiro": (suiro, f"s3-{verb}", arguments)}
                if nginx:
                    sides["nginx (no fsync)"] = (nginx, f"dav-{verb}", arguments)
                if moto:
                    moto.make_bucket("bench")
                    sides["moto (memory)"] = (moto, f"s3-{verb}", arguments)
                if verb == "get":  # short runs of puts may have left keys out
                    for system, load, _ in sides.values():
                        self.load(system, load.replace("get", "put"), *arguments, "--messages",
                                  4 * KEYS * connections, milliseconds=20_000)
                self.compare(f"{verb.upper()} {size} B, {connections} connections", sides, size)
        finally:
            for system in filter(None, (suiro, nginx, moto)):
                system.stop()

    def store(self):
        """The store against the machine's own ceiling; its rows join the puts of 4 KiB."""
        program = ROOT / "build" / "release" / "bench" / "store_bench"
        out = subprocess.run([str(program), "--rounds", str(self.options.runs)], check=True,
                             capture_output=True, text=True).stdout
        print(out)
        found = re.findall(r"^rocksdb (1|64) +(\d+) +(\d+) +(\d+) +([\d.]+)", out, re.M)
        for connections, rate, p50, p99, disk in found:
            title = f"PUT 4096 B, {connections} connections"
            ours = [r for r in self.rows if r["comparison"] == title and r["system"] == "suiro"]
            if ours:
                self.rows.append({
                    "comparison": title, "system": "ceiling: RocksDB", "per_second": float(rate),
                    "p50_ms": int(p50) / 1000, "p99_ms": int(p99) / 1000,
                    "disk_bytes_per_payload_byte": float(disk),
                    "suiro_ratio": round(ours[0]["per_second"] / float(rate), 2)})

    def sandboxes(self):
        """Cold starts and warm invocations of functions, beside the process's own round trip."""
        program = ROOT / "build" / "release" / "bench" / "sandbox_bench"
        cold, warm = 4 * self.options.runs, min(2000, self.options.milliseconds)
        print(subprocess.run([str(program), str(cold), str(warm)], check=True,
                             capture_output=True, text=True).stdout, flush=True)

    def schedules(self):
        """Decisions of 1,000 schedules over a month of virtual time, and the delay of real runs."""
        program = ROOT / "build" / "release" / "bench" / "suiro-schedule-bench"
        out = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
        print(out, flush=True)
        rate = re.search(r"([\d]+) a second", out)
        delay = re.search(r"p50 (\d+) ms, p99 (\d+) ms", out)
        self.rows.append({
            "comparison": "1,000 schedules: decisions, delay", "system": "suiro",
            "per_second": float(rate[1]), "p50_ms": float(delay[1]), "p99_ms": float(delay[2]),
            "disk_bytes_per_payload_byte": 0, "suiro_ratio": None})

    def runs_kept(self):
        """Queries of the log of runs with ten million in it, and the plan of 300 batches."""
        program = ROOT / "build" / "release" / "bench" / "suiro-runs-bench"
        out = subprocess.run([str(program), "--runs", str(self.options.runs_kept)], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        print(out, flush=True)
        for name, found, median, longest in re.findall(
                r"^(.{24}) +(\d+) runs +([\d.]+) ms median +([\d.]+) ms longest", out, re.M):
            self.rows.append({
                "comparison": f"{self.options.runs_kept} runs kept: {name.strip()} ({found} found)",
                "system": "suiro", "per_second": round(1000 / max(float(median), 0.001), 1),
                "p50_ms": float(median), "p99_ms": float(longest),
                "disk_bytes_per_payload_byte": 0, "suiro_ratio": None})

    def logs(self):
        """PutLogEvents of 500 lines, each put durable."""
        system = self.start(rivals.Suiro)
        try:
            client = system.server.client("logs")
            client.create_log_group(logGroupName="bench")
            for connections in (1, 8):
                for number in range(connections):
                    try:
                        client.create_log_stream(logGroupName="bench",
                                                 logStreamName=f"s{number}")
                    except client.exceptions.ResourceAlreadyExistsException:
                        pass
                self.compare(f"log lines of {BODY_BYTES} B, 500 a put, {connections} connections",
                             {"suiro": (system, "logs-put", (
                                 "--queue", "bench", "--body", BODY_BYTES, "--connections",
                                 connections))}, BODY_BYTES * 500)
                row = self.rows[-1]
                self.say(f"logs: {row['per_second'] * 500 * BODY_BYTES / 1e6:.0f} MB/s")
                row["comparison"] += f" ({row['per_second'] * 500 * BODY_BYTES / 1e6:.0f} MB/s)"
        finally:
            system.stop()

    def tasks(self):
        """Starts of container tasks from an image that is there, beside `runc run`."""
        program = ROOT / "build" / "release" / "bench" / "tasks_bench"
        out = subprocess.run([str(program), str(6 * self.options.runs)], capture_output=True,
                             text=True)
        if out.returncode != 0:  # it needs root, runc and busybox
            self.say(f"left out: tasks: {out.stderr.strip()}")
            return
        print("task starts:", out.stdout, flush=True)

    def invocations(self):
        """Invoke over the wire, signed: nothing is subtracted; the function's own time, of its
        REPORT lines, stands beside it."""
        system = self.start(rivals.Suiro)
        try:
            client = system.server.client("lambda")
            client.create_function(
                FunctionName="bench", Runtime="python3.11", Handler="main.handler", MemorySize=128,
                Role=f"arn:aws:iam::{ACCOUNT}:role/bench", Code={"ZipFile": zipped(
                    "main.py", "def handler(event, context):\n    return event\n")})
            cold, warm = [], []
            for repetition in range(self.options.runs):
                client.update_function_configuration(
                    FunctionName="bench", Environment={"Variables": {"RUN": str(repetition)}})
                cold.append(self.load(system, "invoke", "--bucket", "bench", "--messages", 1,
                                      milliseconds=30_000)["p50_ms"])
                warm.append(self.load(system, "invoke", "--bucket", "bench"))
                self.say(f"invoke: run {repetition + 1} of {self.options.runs}")
            median = statistics.median
            self.invoke_row("Invoke, cold", "suiro, python3.11", median(cold), max(cold))
            self.invoke_row("Invoke, warm, 1 connection", "suiro, python3.11",
                            median(r["p50_ms"] for r in warm), median(r["p99_ms"] for r in warm),
                            median(r["per_second"] for r in warm))
            own = self.own_times(system)
            self.invoke_row("Invoke, warm, 1 connection", "function's own",
                            median(own), own[len(own) * 99 // 100])
        finally:
            system.stop()

    def own_times(self, system):
        """Milliseconds of warm invocations, as the newest REPORT lines tell; sorted."""
        events = system.server.client("logs").get_paginator("filter_log_events").paginate(
            logGroupName="/aws/lambda/bench", filterPattern="REPORT -Init",
            PaginationConfig={"MaxItems": 20_000})
        found = (re.search(r"\bDuration: ([\d.]+) ms", event["message"])
                 for page in events for event in page["events"])
        return sorted(float(match[1]) for match in found if match)

    def invoke_row(self, comparison, system, p50, p99, per_second=0):
        self.rows.append({"comparison": comparison, "system": system, "per_second": per_second,
                          "p50_ms": p50, "p99_ms": p99, "disk_bytes_per_payload_byte": 0,
                          "suiro_ratio": None})

    def start_up(self):
        """From exec to the first answered request, and resident memory when idle."""
        times, memory = [], []
        for _ in range(self.options.runs):
            system = rivals.Suiro(self.directory / "start")
            began = time.monotonic()
            system.start()
            times.append((time.monotonic() - began) * 1000)
            system.server.client("sts").get_caller_identity()
            memory.append(system.resident() / 2**20)
            system.stop()
        self.say(f"start to ready line and `suiro env`: {statistics.median(times):.0f} ms; "
                 f"idle RSS {statistics.median(memory):.1f} MiB")
        self.rows.append({"comparison": "start", "system": "suiro",
                          "ready_ms": round(statistics.median(times), 1),
                          "idle_rss_mib": round(statistics.median(memory), 1)})

    def table(self):
        print(f"{'comparison':<62} {'system':<20} {'per s':>10} {'p50 ms':>9} {'p99 ms':>9} "
              f"{'disk/B':>7} {'suiro is':>9}")
        for row in self.rows:
            if row["comparison"] == "start":
                print(f"{'start to ready':<62} {'suiro':<20} {row['ready_ms']:>7} ms   "
                      f"idle RSS {row['idle_rss_mib']} MiB")
                continue
            ours = row["system"] == "suiro" or row["suiro_ratio"] is None
            ratio = "" if ours else f"{row['suiro_ratio']:>8.2f}x"
            print(f"{row['comparison']:<62} {row['system']:<20} {row['per_second']:>10.0f} "
                  f"{row['p50_ms']:>9.3f} {row['p99_ms']:>9.3f} "
                  f"{row['disk_bytes_per_payload_byte']:>7.2f} {ratio:>9}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=2000, help="of each load")
    parser.add_argument("--depths", default="0,10000,1000000")
    parser.add_argument("--fill-seconds-max", type=int, default=240)
    parser.add_argument("--only", help="suiro and these rivals, comma separated")
    parser.add_argument(
        "--parts", default="start,objects,store,lambda,tasks,streams,schedules,"
        "runs,workflows,logs,queues")
    parser.add_argument("--runs-kept", type=int, default=10_000_000)
    parser.add_argument("--json", help="write the rows here too")
    options = parser.parse_args()
    if options.only:
        options.only = {"suiro", *options.only.split(",")}
    return options


def main():
    options = arguments()
    bench = Bench(options)
    parts = options.parts.split(",")
    try:
        if "start" in parts:
            bench.start_up()
        if "objects" in parts:
            for size in (4096, 1 << 20):
                for connections in CONNECTIONS:
                    bench.objects(size, connections)
        if "store" in parts:
            bench.store()
        if "lambda" in parts:
            bench.sandboxes()
            bench.invocations()
        if "tasks" in parts:
            bench.tasks()
        if "streams" in parts:
            streams.run(bench)
        if "schedules" in parts:
            bench.schedules()
            schedules.run(bench)
        if "runs" in parts:
            bench.runs_kept()
        if "workflows" in parts:
            state_machines.run(bench)
        if "logs" in parts:
            bench.logs()
        if "queues" in parts:
            for depth in map(int, options.depths.split(",")):
                bench.queues(depth)
            bench.depths()
    finally:  # what was measured is shown, whatever happened
        shutil.rmtree(bench.directory, ignore_errors=True)
        bench.table()
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(bench.rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
