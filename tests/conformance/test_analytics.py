# SPDX-License-Identifier: Apache-2.0
"""Kinesis Data Analytics for SQL with boto3 and `aws`, both APIs, authentication on."""
import json

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from waiting import read_until, until

ROLE = "arn:aws:iam::000000000000:role/any"
PASS = """
CREATE OR REPLACE STREAM DEST ("user" VARCHAR(16), n INTEGER);
CREATE OR REPLACE PUMP p AS INSERT INTO DEST
  SELECT STREAM "user", "n" FROM SOURCE_SQL_STREAM_001;
"""


@pytest.fixture()
def v1(suiro):
    return suiro.client("kinesisanalytics")


@pytest.fixture()
def v2(suiro):
    return suiro.client("kinesisanalyticsv2")


def stream_arn(name):
    return f"arn:aws:kinesis:ap-northeast-1:000000000000:stream/{name}"


def schema(*columns):
    columns = columns or (("user", "VARCHAR(16)"), ("n", "INTEGER"))
    return {"RecordFormat": {"RecordFormatType": "JSON",
                             "MappingParameters": {"JSONMappingParameters": {
                                 "RecordRowPath": "$"}}},
            "RecordEncoding": "UTF-8",
            "RecordColumns": [{"Name": name, "SqlType": kind, "Mapping": f"$.{name}"}
                              for name, kind in columns]}


def source(name, role=ROLE):
    target = {"ResourceARN": stream_arn(name)}
    if role:
        target["RoleARN"] = role
    return {"NamePrefix": "SOURCE_SQL_STREAM", "KinesisStreamsInput": target,
            "InputSchema": schema()}


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def await_status(client, name, status):
    detail = read_until(
        lambda told: told["ApplicationStatus"] == status,
        lambda: client.describe_application(ApplicationName=name)["ApplicationDetail"])
    assert detail["ApplicationStatus"] == status, name
    return detail


def create(v2, name, code=PASS, stream="absent", outputs=(), references=()):
    return v2.create_application(
        ApplicationName=name, RuntimeEnvironment="SQL-1_0", ServiceExecutionRole=ROLE,
        ApplicationConfiguration={
            "SqlApplicationConfiguration": {
                "Inputs": [source(stream, role=None)], "Outputs": list(outputs),
                "ReferenceDataSources": list(references)},
            "ApplicationCodeConfiguration": {"CodeContentType": "PLAINTEXT",
                                             "CodeContent": {"TextContent": code}}},
    )["ApplicationDetail"]


def test_version_1_end_to_end_of_data(v1, name):
    summary = v1.create_application(
        ApplicationName=name, ApplicationDescription="clicks", ApplicationCode=PASS,
        Inputs=[source("absent")],
        Outputs=[{"Name": "DEST", "DestinationSchema": {"RecordFormatType": "CSV"},
                  "LambdaOutput": {
                      "ResourceARN": "arn:aws:lambda:ap-northeast-1:000000000000:function:f",
                      "RoleARN": ROLE}}],
        Tags=[{"Key": "team", "Value": "lake"}])["ApplicationSummary"]
    assert summary["ApplicationStatus"] == "READY"
    detail = v1.describe_application(ApplicationName=name)["ApplicationDetail"]
    assert detail["ApplicationDescription"] == "clicks" and detail["ApplicationCode"] == PASS
    assert detail["InputDescriptions"][0]["InAppStreamNames"] == ["SOURCE_SQL_STREAM_001"]
    assert detail["InputDescriptions"][0]["InputSchema"] == schema()
    assert detail["OutputDescriptions"][0]["DestinationSchema"] == {"RecordFormatType": "CSV"}
    version = detail["ApplicationVersionId"]
    v1.add_application_reference_data_source(
        ApplicationName=name, CurrentApplicationVersionId=version,
        ReferenceDataSource={
            "TableName": "segments", "ReferenceSchema": schema(),
            "S3ReferenceDataSource": {"BucketARN": "arn:aws:s3:::lake", "FileKey": "k",
                                      "ReferenceRoleARN": ROLE}})
    assert refused(v1.update_application, ApplicationName=name,
                   CurrentApplicationVersionId=version,
                   ApplicationUpdate={}) == "ConcurrentModificationException"
    v1.update_application(
        ApplicationName=name, CurrentApplicationVersionId=version + 1,
        ApplicationUpdate={"InputUpdates": [{
            "InputId": detail["InputDescriptions"][0]["InputId"],
            "InputSchemaUpdate": {"RecordColumnUpdates": schema(
                ("user", "VARCHAR(64)"), ("n", "INTEGER"))["RecordColumns"]}}]})
    detail = v1.describe_application(ApplicationName=name)["ApplicationDetail"]
    columns = detail["InputDescriptions"][0]["InputSchema"]["RecordColumns"]
    assert columns[0]["SqlType"] == "VARCHAR(64)" and detail["ApplicationVersionId"] == 3
    arn = detail["ApplicationARN"]
    assert v1.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "team", "Value": "lake"}]
    v1.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert v1.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
    v1.delete_application(ApplicationName=name, CreateTimestamp=detail["CreateTimestamp"])
    await_gone(v1, name)


def await_gone(client, name):
    def is_gone():
        try:
            client.describe_application(ApplicationName=name)
        except client.exceptions.ResourceNotFoundException:
            return True
        return False

    until(is_gone, f"the end of {name}")


def test_version_2_data(v1, v2, name):
    detail = create(v2, name)
    assert detail["RuntimeEnvironment"] == "SQL-1_0" and detail["ApplicationStatus"] == "READY"
    reply = v2.add_application_output(
        ApplicationName=name, CurrentApplicationVersionId=1,
        Output={"Name": "DEST", "DestinationSchema": {"RecordFormatType": "JSON"},
                "KinesisStreamsOutput": {"ResourceARN": stream_arn("out")}})
    assert reply["ApplicationVersionId"] == 2 and len(reply["OutputDescriptions"]) == 1
    updated = v2.update_application(
        ApplicationName=name,
        ConditionalToken=v2.describe_application(
            ApplicationName=name)["ApplicationDetail"]["ConditionalToken"],
        ApplicationConfigurationUpdate={"ApplicationCodeConfigurationUpdate": {
            "CodeContentUpdate": {"TextContentUpdate": PASS + "-- changed\n"}}})
    assert updated["ApplicationDetail"]["ApplicationVersionUpdatedFrom"] == 2
    versions = v2.list_application_versions(ApplicationName=name)["ApplicationVersionSummaries"]
    assert [row["ApplicationVersionId"] for row in versions] == [3, 2, 1]
    old = v2.describe_application_version(
        ApplicationName=name, ApplicationVersionId=1)["ApplicationVersionDetail"]
    assert old["ApplicationConfigurationDescription"][
        "ApplicationCodeConfigurationDescription"]["CodeContentDescription"][
        "TextContent"] == PASS
    assert v1.describe_application(
        ApplicationName=name)["ApplicationDetail"]["ApplicationVersionId"] == 3
    assert refused(v2.list_application_snapshots,
                   ApplicationName=name) == "UnsupportedOperationException"
    assert refused(v2.create_application, ApplicationName=name + "f",
                   RuntimeEnvironment="FLINK-1_20",
                   ServiceExecutionRole=ROLE) == "UnsupportedOperationException"


def test_errors_of_code_name_line_and_column(v2, name):
    with pytest.raises(v2.exceptions.CodeValidationException) as caught:
        create(v2, name, code="CREATE STREAM a (b INTEGER);\nCREATE PUMP p AS SELEKT 1;")
    assert "line 2, column 18" in caught.value.response["Error"]["Message"]


def test_unable_to_detect_carries_the_records(suiro, v1, name):
    kinesis = suiro.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    kinesis.put_record(StreamName=name, Data=b"no schema here", PartitionKey="k")
    question = {"ResourceARN": stream_arn(name), "RoleARN": ROLE,
                "InputStartingPositionConfiguration": {"InputStartingPosition": "TRIM_HORIZON"}}
    with pytest.raises(v1.exceptions.UnableToDetectSchemaException) as caught:
        v1.discover_input_schema(**question)
    assert caught.value.response["RawInputRecords"] == ["no schema here"]


def test_discovery_with_aws(suiro, name):
    s3 = suiro.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket=name, Key="t.json", Body=b'{"USER":"a","n":1}\n{"USER":"b","n":2}\n')
    out = suiro.aws("kinesisanalytics", "discover-input-schema", "--s3-configuration",
                    f"RoleARN={ROLE},BucketARN=arn:aws:s3:::{name},FileKey=t.json").stdout
    columns = json.loads(out)["InputSchema"]["RecordColumns"]
    assert columns == [{"Name": "COL_USER", "Mapping": "$.USER", "SqlType": "VARCHAR(4)"},
                       {"Name": "n", "Mapping": "$.n", "SqlType": "INTEGER"}]


# --- Running ------------------------------------------------------------------------------------

def start(v2, name, position="TRIM_HORIZON"):
    detail = v2.describe_application(ApplicationName=name)["ApplicationDetail"]
    inputs = detail["ApplicationConfigurationDescription"][
        "SqlApplicationConfigurationDescription"]["InputDescriptions"]
    v2.start_application(ApplicationName=name, RunConfiguration={"SqlRunConfigurations": [
        {"InputId": inputs[0]["InputId"], "InputStartingPositionConfiguration": {
            "InputStartingPosition": position}}]})
    return await_status(v2, name, "RUNNING")


def make_stream(kinesis, name, shards=1):
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)


def put(kinesis, name, rows):
    for begin in range(0, len(rows), 500):
        reply = kinesis.put_records(StreamName=name, Records=[
            {"Data": json.dumps(row).encode(), "PartitionKey": str(i)}
            for i, row in enumerate(rows[begin:begin + 500])])
        assert reply["FailedRecordCount"] == 0


def read(kinesis, name, count):
    """The first `count` records of a stream, in the order of each shard."""
    iterators = [kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard["ShardId"],
        ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        for shard in kinesis.list_shards(StreamName=name)["Shards"]]
    rows = []

    def more():
        for i, iterator in enumerate(iterators):
            page = kinesis.get_records(ShardIterator=iterator)
            iterators[i] = page["NextShardIterator"]
            rows.extend(json.loads(record["Data"]) for record in page["Records"])
        return rows

    return read_until(lambda _: len(rows) >= count, more)


def to_stream(name):
    return {"Name": "DEST", "DestinationSchema": {"RecordFormatType": "JSON"},
            "KinesisStreamsOutput": {"ResourceARN": stream_arn(name)}}


def test_stream_to_sql_to_stream(suiro, v2, name):
    kinesis = suiro.client("kinesis")
    make_stream(kinesis, name, shards=2)
    make_stream(kinesis, name + "-out")
    create(v2, name, stream=name, outputs=[to_stream(name + "-out")])
    put(kinesis, name, [{"user": f"u{i % 7}", "n": i} for i in range(1200)])
    start(v2, name)
    rows = read(kinesis, name + "-out", 1200)
    assert sorted(row["N"] for row in rows) == list(range(1200))
    v2.stop_application(ApplicationName=name)
    await_status(v2, name, "READY")
    put(kinesis, name, [{"user": "late", "n": i} for i in range(1200, 1210)])
    start(v2, name, "LAST_STOPPED_POINT")
    rows = read(kinesis, name + "-out", 1210)
    assert sorted(row["N"] for row in rows) == list(range(1210))
    assert refused(v2.start_application, ApplicationName=name) == "ResourceInUseException"


COUNT = """
CREATE OR REPLACE STREAM DEST ("segment" VARCHAR(16), c BIGINT);
CREATE OR REPLACE PUMP p AS INSERT INTO DEST
  SELECT STREAM r."segment", COUNT(*)
  FROM SOURCE_SQL_STREAM_001 AS s JOIN "segments" AS r ON s."user" = r."user"
  GROUP BY r."segment", STEP(s.ROWTIME BY INTERVAL '2' SECOND);
"""


def test_reference_join_windows_firehose_and_the_lake(suiro, v2, name):
    kinesis, s3 = suiro.client("kinesis"), suiro.client("s3")
    # Older clients refuse an interval below a minute, which the service takes.
    firehose = suiro.client("firehose", config=Config(parameter_validation=False))
    make_stream(kinesis, name)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket=name, Key="segments.json",
                  Body=b'{"user":"a","segment":"young"}\n{"user":"b","segment":"old"}\n')
    firehose.create_delivery_stream(
        DeliveryStreamName=name, DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{name}", "Prefix": "counts/",
            "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}})
    arn = firehose.describe_delivery_stream(DeliveryStreamName=name)[
        "DeliveryStreamDescription"]["DeliveryStreamARN"]
    create(v2, name, code=COUNT, stream=name,
           outputs=[{"Name": "DEST", "DestinationSchema": {"RecordFormatType": "JSON"},
                     "KinesisFirehoseOutput": {"ResourceARN": arn}}],
           references=[{"TableName": "segments",
                        "S3ReferenceDataSource": {"BucketARN": f"arn:aws:s3:::{name}",
                                                  "FileKey": "segments.json"},
                        "ReferenceSchema": schema(("user", "VARCHAR(16)"),
                                                  ("segment", "VARCHAR(16)"))}])
    start(v2, name)
    put(kinesis, name, [{"user": "ab"[i % 2], "n": i} for i in range(100)])

    def read_counts():
        counts = {}
        for row in s3.list_objects_v2(Bucket=name, Prefix="counts/").get("Contents", []):
            text = s3.get_object(Bucket=name, Key=row["Key"])["Body"].read().decode()
            decoder = json.JSONDecoder()
            while text.strip():
                value, end = decoder.raw_decode(text.lstrip())
                text = text.lstrip()[end:]
                counts[value["segment"]] = counts.get(value["segment"], 0) + value["C"]
        return counts

    counts = read_until(lambda told: sum(told.values()) >= 100, read_counts)
    assert counts == {"young": 50, "old": 50}


def test_rows_survive_kill(own_suiro, name):
    own_suiro.start()
    kinesis, v2 = own_suiro.client("kinesis"), own_suiro.client("kinesisanalyticsv2")
    make_stream(kinesis, name)
    make_stream(kinesis, name + "-out")
    create(v2, name, stream=name, outputs=[to_stream(name + "-out")])
    start(v2, name)
    for round_ in range(3):
        put(kinesis, name, [{"user": "u", "n": i}
                            for i in range(round_ * 700, round_ * 700 + 700)])
        own_suiro.kill9()
        own_suiro.stop()
        own_suiro.start()
        kinesis, v2 = own_suiro.client("kinesis"), own_suiro.client("kinesisanalyticsv2")
    rows = read(kinesis, name + "-out", 2100)
    assert [row["N"] for row in rows] == list(range(2100))


SWITCHED = """
CREATE OR REPLACE STREAM DEST ("n" INTEGER, "t" TIMESTAMP, "d" BIGINT, "x" VARCHAR(4));
CREATE OR REPLACE PUMP p AS INSERT INTO DEST
  SELECT STREAM "n", TIMESTAMP '1970-01-01 00:00:01',
    TSDIFF(TIMESTAMP '1970-01-01 00:00:05', TIMESTAMP '1970-01-01 00:00:03'),
    SUBSTRING('ab', 5)
  FROM SOURCE_SQL_STREAM_001;
"""


def test_switches_of_the_configuration_and_the_command_line(own_suiro, name):
    config = own_suiro.directory / "suiro.toml"
    config.write_text('[analytics]\nslash_comments = "accept"\noutput_nulls = "leave-out"\n'
                      'output_timestamps = "epoch-ms"\nsubstring_past_end = "empty"\n')
    commented = SWITCHED.replace("TSDIFF", "// the distance\n TSDIFF")

    def connect(*options):
        own_suiro.restart(*options)
        return own_suiro.client("kinesis"), own_suiro.client("kinesisanalyticsv2")

    kinesis, v2 = connect()
    assert refused(create, v2=v2, name=name, code=commented) == "CodeValidationException"
    for stream in (name, name + "-out"):
        make_stream(kinesis, stream)
    create(v2, name, code=SWITCHED, stream=name, outputs=[to_stream(name + "-out")])
    start(v2, name)
    put(kinesis, name, [{"n": 1}])
    plain = {"n": 1, "t": "1970-01-01 00:00:01.000", "d": 2000, "x": None}
    assert read(kinesis, name + "-out", 1) == [plain]

    # The command line goes before the file; the application notices, and goes on.
    kinesis, v2 = connect("--config", str(config), "--analytics-switch", "tsdiff=end-minus-start",
                          "--analytics-switch", "substring_past_end=null")
    put(kinesis, name, [{"n": 2}])
    assert read(kinesis, name + "-out", 2) == [plain, {"n": 2, "t": 1000, "d": -2000}]
    create(v2, name + "-commented", code=commented)

    kinesis, v2 = connect("--config", str(config))
    put(kinesis, name, [{"n": 3}])
    assert read(kinesis, name + "-out", 3)[2] == {"n": 3, "t": 1000, "d": 2000, "x": ""}
