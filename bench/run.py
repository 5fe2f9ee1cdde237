# SPDX-License-Identifier: Apache-2.0
"""Measures Suiro side by side with its rivals and with the machine's own ceiling.

Every comparison runs its systems in turn, five times, on this machine in this run; the table shows
medians and Suiro's ratio to each. Absolute figures belong to the machine; ratios travel further.
Bounded in time: each load runs --milliseconds and stops by itself. Loopback only.
"""
import argparse
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

import rivals

ROOT = rivals.ROOT
LOAD = ROOT / "build" / "release" / "bench" / "suiro-load"
BODY_BYTES = 256
KEYS = 4  # of each connection: few enough that one short run of puts covers the gets


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

    def queues(self, depth, connections):
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
                self.fill(system, name, load, arguments, depth)
                sides[name] = (system, load, (*arguments, "--connections", connections))
            self.compare(f"queue cycle, depth {depth}, {connections} connections", sides,
                         BODY_BYTES)
        finally:
            for system in running:
                system.stop()

    def make_queue(self, system):
        return system.server.client("sqs").create_queue(QueueName="bench")["QueueUrl"]

    def fill(self, system, name, load, arguments, depth):
        sent, began = 0, time.monotonic()
        while sent < depth:
            # Stops by itself after each slice; the last one overshoots by less than a slice.
            result = self.load(system, load, *arguments, "--connections", 64, "--send-only",
                               milliseconds=500 if depth < 100_000 else 5000)
            sent += result["cycles"]
            self.say(f"{name}: {min(sent, depth)} of {depth} messages filled "
                     f"after {time.monotonic() - began:.0f} s")
            if time.monotonic() - began > self.options.fill_seconds_max:
                self.say(f"{name}: filling stopped at {sent} messages "
                         f"({self.options.fill_seconds_max} s)")
                break

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
        print(subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout)

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
        print(f"{'comparison':<40} {'system':<18} {'per s':>10} {'p50 ms':>9} {'p99 ms':>9} "
              f"{'disk/B':>7} {'suiro is':>9}")
        for row in self.rows:
            if row["comparison"] == "start":
                print(f"{'start to ready':<40} {'suiro':<18} {row['ready_ms']:>7} ms   "
                      f"idle RSS {row['idle_rss_mib']} MiB")
                continue
            ours = row["system"] == "suiro" or row["suiro_ratio"] is None
            ratio = "" if ours else f"{row['suiro_ratio']:>8.2f}x"
            print(f"{row['comparison']:<40} {row['system']:<18} {row['per_second']:>10.0f} "
                  f"{row['p50_ms']:>9.3f} {row['p99_ms']:>9.3f} "
                  f"{row['disk_bytes_per_payload_byte']:>7.2f} {ratio:>9}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=2000, help="of each load")
    parser.add_argument("--depths", default="0,10000,1000000")
    parser.add_argument("--fill-seconds-max", type=int, default=240)
    parser.add_argument("--only", help="suiro and these rivals, comma separated")
    parser.add_argument("--parts", default="start,objects,store,lambda,queues")
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
                for connections in (1, 64):
                    bench.objects(size, connections)
        if "store" in parts:
            bench.store()
        if "lambda" in parts:
            bench.sandboxes()
        if "queues" in parts:
            for depth in map(int, options.depths.split(",")):
                for connections in (1, 64):
                    bench.queues(depth, connections)
    finally:
        shutil.rmtree(bench.directory, ignore_errors=True)
    bench.table()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(bench.rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
