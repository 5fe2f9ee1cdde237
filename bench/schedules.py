# SPDX-License-Identifier: Apache-2.0
"""Schedules beside other work: the delay of runs. And `suiro plan` of many batches."""
import datetime
import statistics
import subprocess
import threading
import time

import rivals

SCHEDULES = 300
LOAD_CONNECTIONS = 16
LEAD_SECONDS = 15          # enough to make the schedules
SETTLE_SECONDS_MAX = 60
BATCHES = 300
ROLE = "arn:aws:iam::000000000000:role/bench"
TASK = """  batch-{n}:
    description: Batch number {n} of the bench.
    image: 000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/bench:current
    command: [batch, "{n}"]
    memory: 128
    schedules: [{{expression: "cron({minute} {hour} * * ? *)"}}]
"""


def _schedule_all(client, queue_arn, at):
    for number in range(SCHEDULES):
        client.create_schedule(
            Name=f"s{number}", ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": queue_arn, "RoleArn": ROLE, "Input": str(number)})


def _sent_times(client, queue):
    """When each schedule's message was put into the queue; milliseconds."""
    found, deadline = {}, time.monotonic() + SETTLE_SECONDS_MAX
    while len(found) < SCHEDULES and time.monotonic() < deadline:
        reply = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1,
                                       AttributeNames=["SentTimestamp"])
        for message in reply.get("Messages", []):
            found[message["Body"]] = int(message["Attributes"]["SentTimestamp"])
    if len(found) < SCHEDULES:
        raise RuntimeError(f"only {len(found)} of {SCHEDULES} schedules ran")
    return list(found.values())


def delay_under_load(bench):
    """Many schedules due in one second, each a durable message, while others send and receive."""
    system = bench.start(rivals.Suiro)
    try:
        queues, schedules = system.server.client("sqs"), system.server.client("scheduler")
        queue = queues.create_queue(QueueName="runs")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])[
            "Attributes"]["QueueArn"]
        busy = bench.make_queue(system)
        at = (datetime.datetime.now(datetime.timezone.utc)
              + datetime.timedelta(seconds=LEAD_SECONDS)).replace(microsecond=0)
        _schedule_all(schedules, arn, at)
        done = {}
        wait = at.timestamp() - time.time()
        load = threading.Thread(target=lambda: done.update(bench.load(
            system, "sqs", "--queue", busy, "--body", 256, "--connections", LOAD_CONNECTIONS,
            milliseconds=int((max(wait, 0) + 3) * 1000))))
        load.start()
        load.join()
        delays = sorted(sent - at.timestamp() * 1000 for sent in _sent_times(queues, queue))
    finally:
        system.stop()
    bench.rows.append({
        "comparison": f"{SCHEDULES} schedules at once, beside {LOAD_CONNECTIONS} clients",
        "system": "suiro", "per_second": done["per_second"],
        "p50_ms": statistics.median(delays), "p99_ms": delays[len(delays) * 99 // 100],
        "disk_bytes_per_payload_byte": 0, "suiro_ratio": None})


def plan_of_many(bench):
    """`suiro plan` of 300 batches: reading, comparing with the server, a month simulated."""
    system = bench.start(rivals.Suiro)
    try:
        file = bench.directory / "batches.yaml"
        file.write_text("name: bench\ntimezone: Asia/Tokyo\ntasks:\n" + "".join(
            TASK.format(n=n, minute=n % 60, hour=n % 24) for n in range(BATCHES)))
        command = [system.program, "plan", str(file), "--data", str(system.server.data)]
        times = []
        for _ in range(bench.options.runs):
            began = time.monotonic()
            out = subprocess.run(command, capture_output=True, text=True)
            times.append((time.monotonic() - began) * 1000)
            if out.returncode not in (0, 3):  # 3: there is something to change
                raise RuntimeError(out.stderr)
    finally:
        system.stop()
    bench.rows.append({
        "comparison": f"suiro plan, {BATCHES} batches", "system": "suiro",
        "per_second": 1000 / statistics.median(times), "p50_ms": statistics.median(times),
        "p99_ms": max(times), "disk_bytes_per_payload_byte": 0, "suiro_ratio": None})


def run(bench):
    delay_under_load(bench)
    plan_of_many(bench)
