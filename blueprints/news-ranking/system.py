# SPDX-License-Identifier: Apache-2.0
"""The system: a click stream, an SQL application that counts it, a delivery stream to the lake."""
import csv
import io
import json
import pathlib

from botocore.exceptions import BotoCoreError, ClientError

from blueprint import until
from supervisor import ensure

HERE = pathlib.Path(__file__).resolve().parent
BUCKET, STREAM, DELIVERY, APPLICATION = "lake", "clicks", "ranking", "news-ranking"
SEGMENTS_KEY, RESULT_PREFIX = "tables/segments.csv", "ranking/"
SHARDS, BATCH = 2, 500
READY_SECONDS_MAX = 60
ROLE = "arn:aws:iam::000000000000:role/news-ranking"
INPUT_COLUMNS = [("clicked_at", "TIMESTAMP"), ("reader", "VARCHAR(16)"),
                 ("article", "VARCHAR(512)"), ("bytes", "BIGINT"), ("id", "BIGINT")]


def arn(service, resource, region):
    return f"arn:aws:{service}:{region}:000000000000:{resource}"


def columns(pairs):
    return [{"Name": n, "SqlType": t, "Mapping": f"$.{n}"} for n, t in pairs]


def await_state(describe, wanted):
    """Waits until a resource is what it should be."""
    until(lambda: describe() == wanted, f"not {wanted}", READY_SECONDS_MAX)


def deploy(supervisor, segments, window_seconds):
    """Everything of the system, started. Safe to repeat until the application exists."""
    region = supervisor.environment()["AWS_DEFAULT_REGION"]
    s3, kinesis = supervisor.client("s3"), supervisor.client("kinesis")
    ensure(lambda: s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region}),
        ("BucketAlreadyOwnedByYou",))
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(sorted(segments.items()))
    s3.put_object(Bucket=BUCKET, Key=SEGMENTS_KEY, Body=table.getvalue().encode())
    ensure(lambda: kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS),
           ("ResourceInUseException",))
    await_state(lambda: kinesis.describe_stream_summary(StreamName=STREAM)[
        "StreamDescriptionSummary"]["StreamStatus"], "ACTIVE")
    # An interval below 60 s: newer than what Debian's boto3 knows of the service.
    firehose = supervisor.client("firehose", parameter_validation=False)
    ensure(lambda: firehose.create_delivery_stream(
        DeliveryStreamName=DELIVERY, DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{BUCKET}", "CompressionFormat": "GZIP",
            "Prefix": RESULT_PREFIX + "!{timestamp:yyyy/MM/dd/HH}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 1}}),
        ("ResourceInUseException",))
    await_state(lambda: firehose.describe_delivery_stream(DeliveryStreamName=DELIVERY)[
        "DeliveryStreamDescription"]["DeliveryStreamStatus"], "ACTIVE")
    start_application(supervisor.client("kinesisanalytics"), region, window_seconds)


def start_application(analytics, region, window_seconds):
    code = (HERE / "program.sql").read_text().replace("${WINDOW}", str(window_seconds))
    analytics.create_application(
        ApplicationName=APPLICATION, ApplicationCode=code,
        Inputs=[{
            "NamePrefix": "CLICKS",
            "KinesisStreamsInput": {"ResourceARN": arn("kinesis", f"stream/{STREAM}", region),
                                    "RoleARN": ROLE},
            "InputSchema": {"RecordFormat": {
                "RecordFormatType": "JSON",
                "MappingParameters": {"JSONMappingParameters": {"RecordRowPath": "$"}}},
                "RecordEncoding": "UTF-8", "RecordColumns": columns(INPUT_COLUMNS)}}],
        Outputs=[{
            "Name": "RANKING", "DestinationSchema": {"RecordFormatType": "JSON"},
            "KinesisFirehoseOutput": {
                "ResourceARN": arn("firehose", f"deliverystream/{DELIVERY}", region),
                "RoleARN": ROLE}}])
    analytics.add_application_reference_data_source(
        ApplicationName=APPLICATION, CurrentApplicationVersionId=1,
        ReferenceDataSource={
            "TableName": "SEGMENTS",
            "S3ReferenceDataSource": {"BucketARN": f"arn:aws:s3:::{BUCKET}",
                                      "FileKey": SEGMENTS_KEY, "ReferenceRoleARN": ROLE},
            "ReferenceSchema": {"RecordFormat": {
                "RecordFormatType": "CSV", "MappingParameters": {"CSVMappingParameters": {
                    "RecordRowDelimiter": "\n", "RecordColumnDelimiter": ","}}},
                "RecordColumns": [{"Name": "reader", "SqlType": "VARCHAR(16)"},
                                  {"Name": "segment", "SqlType": "VARCHAR(16)"}]}})
    detail = analytics.describe_application(ApplicationName=APPLICATION)["ApplicationDetail"]
    analytics.start_application(ApplicationName=APPLICATION, InputConfigurations=[{
        "Id": detail["InputDescriptions"][0]["InputId"],
        "InputStartingPositionConfiguration": {"InputStartingPosition": "TRIM_HORIZON"}}])
    await_state(lambda: analytics.describe_application(ApplicationName=APPLICATION)[
        "ApplicationDetail"]["ApplicationStatus"], "RUNNING")


def put_acknowledged(kinesis, clicks, attempts=40):
    """Puts until every click is acknowledged. What was sent and not answered is sent again, so the
    stream may hold it twice; check() counts what the stream holds."""
    waiting = clicks
    for attempt in range(attempts):
        try:
            reply = kinesis.put_records(StreamName=STREAM, Records=[
                {"Data": json.dumps(click, separators=(",", ":")).encode(),
                 "PartitionKey": click["reader"]} for click in waiting])
        except (BotoCoreError, ClientError):
            if attempt + 1 == attempts:
                raise
            continue
        waiting = [click for click, result in zip(waiting, reply["Records"])
                   if "ErrorCode" in result]
        if not waiting:
            return
    raise SystemExit(f"{len(waiting)} clicks were refused {attempts} times")


def stream_content(kinesis):
    """Every click that the stream holds."""
    held = []
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=STREAM, ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator)
            held += [json.loads(record["Data"]) for record in page["Records"]]
            iterator = page.get("NextShardIterator")
            if not page["Records"] and not page["MillisBehindLatest"]:
                break
    return held
