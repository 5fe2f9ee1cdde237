# SPDX-License-Identifier: Apache-2.0
"""Streams: puts beside rivals, catching up, SQL alone, and the way from a put to the lake."""
import gzip
import json
import statistics
import subprocess
import threading
import time

from botocore.config import Config

import rivals

RECORD_BYTES = 113
RECORDS_A_PUT = 500
WINDOW_SECONDS = 5
CONNECTIONS = 4  # of the way to the lake
ROLE = "arn:aws:iam::000000000000:role/bench"
SETTLE_SECONDS_MAX = 120
DELAY_WINDOWS = 60
# What the application counts: clicks of suiro-load, joined with the users' segments.
PROGRAM = f"""
CREATE STREAM "COUNTS" ("article" VARCHAR(16), "segment" VARCHAR(16), "n" BIGINT, "s" BIGINT,
                        "lo" INTEGER, "hi" INTEGER);
CREATE PUMP "P" AS INSERT INTO "COUNTS"
SELECT STREAM c."article", s."segment", COUNT(*), SUM(c."ms"), MIN(c."ms"), MAX(c."ms")
FROM "CLICKS_001" AS c JOIN "SEGMENTS" AS s ON c."user" = s."user"
GROUP BY STEP(c.ROWTIME BY INTERVAL '{WINDOW_SECONDS}' SECOND), c."article", s."segment";
"""


def puts(bench, connections):
    """500 records a request, each durable (NATS of Debian: written, not synced)."""
    kinds = {"suiro": (rivals.Suiro, "kinesis-put"),
             "redis streams": (rivals.Redis, "redis-stream"),
             "nats (no sync)": (rivals.Nats, "nats")}
    running, sides = [], {}
    try:
        for name, (kind, load) in kinds.items():
            system = bench.start(kind)
            if system is None:
                continue
            running.append(system)
            if name == "suiro":
                system.server.client("kinesis").create_stream(StreamName="bench", ShardCount=2)
            sides[name] = (system, load, ("--queue", "bench", "--body", RECORD_BYTES,
                                          "--connections", connections))
        title = f"puts of {RECORDS_A_PUT} records, {connections} connections"
        bench.compare(title, sides, RECORD_BYTES * RECORDS_A_PUT)
    finally:
        for system in running:
            system.stop()


def catch_up(bench, records):
    """GetRecords from the beginning of a shard, by one reader."""
    system = bench.start(rivals.Suiro)
    try:
        system.server.client("kinesis").create_stream(StreamName="bench", ShardCount=1)
        bench.load(system, "kinesis-put", "--queue", "bench", "--body", RECORD_BYTES,
                   "--connections", 4, "--messages", records, milliseconds=60_000)
        rates = []
        for _ in range(bench.options.runs):
            began = time.monotonic()
            read = bench.load(system, "kinesis-get", "--queue", "bench")["messages"]
            rates.append(read / (time.monotonic() - began))
        row(bench, "GetRecords, catching up", "suiro, records", statistics.median(rates))
    finally:
        system.stop()


def firehose_puts(bench, connections):
    """PutRecordBatch of 500 records, durable in the delivery stream's buffer."""
    system = bench.start(rivals.Suiro)
    try:
        make_bucket(system.server)
        make_delivery_stream(system.server)
        rates, p50, p99, written = [], [], [], []
        for _ in range(bench.options.runs):
            before = system.written()
            result = bench.load(system, "firehose-put", "--queue", "bench", "--body", RECORD_BYTES,
                                "--connections", connections)
            rates.append(result["per_second"] * RECORDS_A_PUT)
            p50.append(result["p50_ms"])
            p99.append(result["p99_ms"])
            written.append((system.written() - before) /
                           (max(result["messages"], 1) * RECORD_BYTES))
        row(bench, f"Firehose puts of {RECORDS_A_PUT}, {connections} connections",
            "suiro, records", statistics.median(rates), statistics.median(p50),
            statistics.median(p99), statistics.median(written))
    finally:
        system.stop()


def window_delay(bench):
    """From a window's close to its row in a reader's hands, by the clock of this machine: records
    come in all the time, windows of a second are counted, the output stream is polled."""
    system = bench.start(rivals.Suiro)
    ends, began = [], time.monotonic()
    stop = threading.Event()
    try:
        server = system.server
        make_windows(server)
        kinesis = server.client("kinesis")

        def feed():
            client = server.client("kinesis")
            while not stop.is_set():
                client.put_records(StreamName="in", Records=[
                    {"Data": b'{"k":"k%d"}' % i, "PartitionKey": str(i)} for i in range(10)])
                time.sleep(0.01)

        feeder = threading.Thread(target=feed)
        feeder.start()
        iterator = kinesis.get_shard_iterator(
            StreamName="out", ShardId="shardId-000000000000",
            ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        seen = set()
        while len(seen) < DELAY_WINDOWS and time.monotonic() - began < SETTLE_SECONDS_MAX:
            page = kinesis.get_records(ShardIterator=iterator)
            now, iterator = time.time(), page["NextShardIterator"]
            for record in page["Records"]:
                window = json.loads(record["Data"])["w"]
                if window in seen:
                    continue
                seen.add(window)
                ends.append((now - (window / 1000 + 1)) * 1000)
            time.sleep(0.005)
    finally:
        stop.set()
        if "feeder" in locals():
            feeder.join()
        system.stop()
    if len(ends) < DELAY_WINDOWS:
        raise RuntimeError(f"{len(ends)} windows came out in {SETTLE_SECONDS_MAX} s")
    ends = sorted(ends[1:])  # the first is the application's start
    row(bench, "close of a one-second window to its row", "suiro, windows", 1.0,
        statistics.median(ends), ends[int(len(ends) * 0.99)])


def engine(bench):
    program = rivals.ROOT / "build" / "release" / "bench" / "suiro-sql-bench"
    print(subprocess.run([str(program), "1000000", str(bench.options.runs)], check=True,
                         capture_output=True, text=True).stdout, flush=True)


def row(bench, comparison, system, per_second, p50=0.0, p99=0.0, disk=0.0):
    bench.rows.append({"comparison": comparison, "system": system, "per_second": per_second,
                       "p50_ms": p50, "p99_ms": p99, "disk_bytes_per_payload_byte": disk,
                       "suiro_ratio": None})


def make_bucket(server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bench", CreateBucketConfiguration={
        "LocationConstraint": server.env["AWS_DEFAULT_REGION"]})
    return s3


def make_delivery_stream(server):
    # An interval below 60 s: newer than what Debian's boto3 knows of the service.
    firehose = server.client("firehose", config=Config(parameter_validation=False))
    firehose.create_delivery_stream(
        DeliveryStreamName="bench", ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::bench", "Prefix": "out/",
            "CompressionFormat": "GZIP",
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 1}})


def start_application(analytics, name):
    detail = analytics.describe_application(ApplicationName=name)["ApplicationDetail"]
    analytics.start_application(ApplicationName=name, InputConfigurations=[{
        "Id": detail["InputDescriptions"][0]["InputId"],
        "InputStartingPositionConfiguration": {"InputStartingPosition": "TRIM_HORIZON"}}])


def make_windows(server):
    """Streams `in` and `out`, and an application that counts windows of a second between them."""
    kinesis, region = server.client("kinesis"), server.env["AWS_DEFAULT_REGION"]
    for name in ("in", "out"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    analytics = server.client("kinesisanalytics")
    arn = f"arn:aws:kinesis:{region}:000000000000:stream/{{}}"
    analytics.create_application(
        ApplicationName="windows", ApplicationCode="""
CREATE STREAM "ROWS" ("w" BIGINT, "k" VARCHAR(16), "n" BIGINT);
CREATE PUMP "P" AS INSERT INTO "ROWS"
SELECT STREAM UNIX_TIMESTAMP(STEP(c.ROWTIME BY INTERVAL '1' SECOND)), c."k", COUNT(*)
FROM "IN_001" AS c GROUP BY STEP(c.ROWTIME BY INTERVAL '1' SECOND), c."k";
""",
        Inputs=[{"NamePrefix": "IN",
                 "KinesisStreamsInput": {"ResourceARN": arn.format("in"), "RoleARN": ROLE},
                 "InputSchema": {"RecordFormat": {
                     "RecordFormatType": "JSON", "MappingParameters": {
                         "JSONMappingParameters": {"RecordRowPath": "$"}}},
                     "RecordColumns": [{"Name": "k", "SqlType": "VARCHAR(16)",
                                        "Mapping": "$.k"}]}}],
        Outputs=[{"Name": "ROWS", "DestinationSchema": {"RecordFormatType": "JSON"},
                  "KinesisStreamsOutput": {"ResourceARN": arn.format("out"), "RoleARN": ROLE}}])
    start_application(analytics, "windows")


def make_system(server):
    """Stream, application and delivery stream; returns the client of the lake."""
    s3, region = make_bucket(server), server.env["AWS_DEFAULT_REGION"]
    table = "".join(f"u{user:07},segment-{user % 10}\n" for user in range(10_000))
    s3.put_object(Bucket="bench", Key="segments.csv", Body=table.encode())
    server.client("kinesis").create_stream(StreamName="bench", ShardCount=2)
    make_delivery_stream(server)
    analytics = server.client("kinesisanalytics")

    def columns(*pairs):
        return [{"Name": n, "SqlType": t, "Mapping": f"$.{n}"} for n, t in pairs]

    arn = f"arn:aws:{{}}:{region}:000000000000:{{}}/bench"
    analytics.create_application(
        ApplicationName="bench", ApplicationCode=PROGRAM,
        Inputs=[{"NamePrefix": "CLICKS",
                 "KinesisStreamsInput": {"ResourceARN": arn.format("kinesis", "stream"),
                                         "RoleARN": ROLE},
                 "InputSchema": {"RecordFormat": {
                     "RecordFormatType": "JSON", "MappingParameters": {
                         "JSONMappingParameters": {"RecordRowPath": "$"}}},
                     "RecordColumns": columns(("user", "VARCHAR(16)"), ("article", "VARCHAR(16)"),
                                              ("ms", "INTEGER"))}}],
        Outputs=[{"Name": "COUNTS", "DestinationSchema": {"RecordFormatType": "JSON"},
                  "KinesisFirehoseOutput": {
                      "ResourceARN": arn.format("firehose", "deliverystream"),
                      "RoleARN": ROLE}}])
    analytics.add_application_reference_data_source(
        ApplicationName="bench", CurrentApplicationVersionId=1, ReferenceDataSource={
            "TableName": "SEGMENTS",
            "S3ReferenceDataSource": {"BucketARN": "arn:aws:s3:::bench",
                                      "FileKey": "segments.csv", "ReferenceRoleARN": ROLE},
            "ReferenceSchema": {"RecordFormat": {
                "RecordFormatType": "CSV", "MappingParameters": {"CSVMappingParameters": {
                    "RecordRowDelimiter": "\n", "RecordColumnDelimiter": ","}}},
                "RecordColumns": [{"Name": n, "SqlType": "VARCHAR(16)"}
                                  for n in ("user", "segment")]}})
    start_application(analytics, "bench")
    return s3


def counted(s3, seen):
    """Records that the lake's new objects count."""
    total = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix="out/"):
        for item in page.get("Contents", []):
            if item["Key"] in seen:
                continue
            seen.add(item["Key"])
            text = gzip.decompress(
                s3.get_object(Bucket="bench", Key=item["Key"])["Body"].read()).decode()
            decoder, at = json.JSONDecoder(), 0
            while at < len(text):
                document, at = decoder.raw_decode(text, at)
                total += document["n"]
                while at < len(text) and text[at].isspace():
                    at += 1
    return total


def to_the_lake(bench):
    """Records a second from the first put to the moment at which the lake counts the last one."""
    rates, written, memory, late = [], [], [], []
    for repetition in range(min(bench.options.runs, 3)):
        system = bench.start(rivals.Suiro)
        try:
            s3, seen, found = make_system(system.server), set(), 0
            before, began = system.written(), time.monotonic()
            wanted = 500 * bench.options.milliseconds
            sent = bench.load(system, "kinesis-put", "--queue", "bench", "--body", RECORD_BYTES,
                              "--clicks", "--connections", CONNECTIONS, "--messages", wanted,
                              milliseconds=120_000)["messages"]
            put = time.monotonic()
            while found < sent and time.monotonic() - put < SETTLE_SECONDS_MAX:
                found += counted(s3, seen)
                time.sleep(0.05)
            end = time.monotonic()
            # The puts that were under way when the load ended count too.
            if not sent <= found <= sent + CONNECTIONS * RECORDS_A_PUT:
                raise RuntimeError(f"{sent} records were put, the lake counts {found}")
            rates.append(found / (end - began))
            late.append((end - put) * 1000)
            written.append((system.written() - before) / (sent * RECORD_BYTES))
            memory.append(system.resident() / 2**20)
        finally:
            system.stop()
        bench.say(f"put to lake: run {repetition + 1}: {sent} records put in {put - began:.1f} s, "
                  f"counted in the lake {end - put:.1f} s later; {memory[-1]:.0f} MiB resident")
    row(bench, f"put, SQL, lake (windows of {WINDOW_SECONDS} s)", "suiro, records",
        statistics.median(rates), statistics.median(late), max(late), statistics.median(written))


def run(bench):
    for connections in (1, 8):
        puts(bench, connections)
    catch_up(bench, 1_000_000)
    firehose_puts(bench, 8)
    engine(bench)
    window_delay(bench)
    to_the_lake(bench)
