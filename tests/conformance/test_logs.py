# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs with boto3 and `aws logs`, authentication on."""
import json
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ClientError

WAIT_SECONDS_MAX = 120


def now():
    return int(time.time() * 1000)


@pytest.fixture()
def logs(suiro):
    return suiro.client("logs")


@pytest.fixture()
def group(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


def put(logs, group, *messages, stream="s", at=None):
    at = at or now()
    return logs.put_log_events(
        logGroupName=group, logStreamName=stream,
        logEvents=[{"timestamp": at + i, "message": m} for i, m in enumerate(messages)])


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_times_at_the_edge(logs, group):
    put(logs, group, "one")
    latest = 2 ** 63 - 1
    found = logs.filter_log_events(logGroupName=group, endTime=latest)
    assert [e["message"] for e in found["events"]] == ["one"]
    page = logs.get_log_events(logGroupName=group, logStreamName="s", endTime=latest)
    assert [e["message"] for e in page["events"]] == ["one"]
    assert logs.filter_log_events(logGroupName=group, startTime=latest)["events"] == []
    rejected = put(logs, group, "late", at=latest)["rejectedLogEventsInfo"]
    assert rejected["tooNewLogEventStartIndex"] == 0
    for time_hex in ("7f" + "ff" * 7, "80" + "00" * 7):
        token = time_hex + "00" * 14
        for call, members in ((logs.filter_log_events, {"nextToken": token}),
                              (logs.get_log_events, {"nextToken": f"f/{token}/s",
                                                     "logStreamName": "s"})):
            assert refused(call, logGroupName=group, **members) == "InvalidParameterException"


def test_put_and_get(logs, group):
    reply = put(logs, group, "one", "two", "three")
    assert "rejectedLogEventsInfo" not in reply and reply["nextSequenceToken"]
    page = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, limit=2)
    assert [e["message"] for e in page["events"]] == ["one", "two"]
    page = logs.get_log_events(logGroupName=group, logStreamName="s",
                               nextToken=page["nextForwardToken"])
    assert [e["message"] for e in page["events"]] == ["three"]
    assert abs(page["events"][0]["ingestionTime"] - now()) < 60_000
    end = logs.get_log_events(logGroupName=group, logStreamName="s",
                              nextToken=page["nextForwardToken"])
    assert end["events"] == [] and end["nextForwardToken"] == page["nextForwardToken"]
    back = logs.get_log_events(logGroupName=group, logStreamName="s", limit=1,
                               nextToken=page["nextBackwardToken"])
    assert [e["message"] for e in back["events"]] == ["two"]


def test_filter_patterns_and_paginator(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="other")
    start = now() - 10_000
    for i in range(50):
        put(logs, group, json.dumps({"status": 200 if i % 5 else 503, "n": i}), at=start + i * 10)
        put(logs, group, f"10.0.0.{i} GET /x {404 if i % 10 else 500} 17", stream="other",
            at=start + i * 10 + 5)
    pages = logs.get_paginator("filter_log_events")

    def found(**options):
        return [e["message"] for page in pages.paginate(logGroupName=group, **options)
                for e in page["events"]]

    everything = found(PaginationConfig={"PageSize": 7})
    assert len(everything) == 100
    times = [e["timestamp"] for page in pages.paginate(logGroupName=group, interleaved=True)
             for e in page["events"]]
    assert times == sorted(times)
    assert len(found(filterPattern="{ $.status >= 500 }")) == 10
    assert len(found(filterPattern="{ $.status = 503 && $.n > 20 }")) == 5
    assert len(found(filterPattern="[ip, method, path, status = 5*, size]")) == 5
    assert len(found(filterPattern="GET -404")) == 5
    assert len(found(filterPattern='?"/x 500" ?503')) == 15
    assert len(found(logStreamNames=["other"])) == 50
    assert len(found(startTime=start, endTime=start + 5)) == 2
    assert refused(logs.filter_log_events, logGroupName=group,
                   filterPattern="{ $.a") == "InvalidParameterException"


def test_groups_streams_retention_and_tags(logs, group):
    (row,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert row["arn"].endswith(f":log-group:{group}:*") and "retentionInDays" not in row
    arn = row["arn"].removesuffix(":*")
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    (row,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert row["retentionInDays"] == 7
    assert refused(logs.put_retention_policy, logGroupName=group,
                   retentionInDays=8) == "InvalidParameterException"
    logs.delete_retention_policy(logGroupName=group)
    logs.tag_resource(resourceArn=arn, tags={"team": "lake"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "lake"}
    assert refused(logs.tag_resource, resourceArn=arn,
                   tags={"aws:team": "lake"}) == "InvalidParameterException"
    assert refused(logs.create_log_group, logGroupName=group + "-2",
                   tags={"aws:team": "lake"}) == "InvalidParameterException"
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {}
    put(logs, group, "x")
    (stream,) = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime",
                                          descending=True)["logStreams"]
    assert stream["logStreamName"] == "s" and stream["lastEventTimestamp"] <= now()
    logs.delete_log_stream(logGroupName=group, logStreamName="s")
    assert refused(logs.get_log_events, logGroupName=group,
                   logStreamName="s") == "ResourceNotFoundException"


def test_groups_by_identifier(logs, group):
    def add(params, **_):  # Debian's boto3 does not know the member
        params["body"] = json.dumps(
            {**json.loads(params["body"]), "logGroupIdentifiers": [group]}).encode()
    logs.meta.events.register("before-call.cloudwatch-logs.DescribeLogGroups", add)
    assert [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]] == [group]
    assert refused(logs.describe_log_groups,
                   logGroupNamePrefix=group[:3]) == "InvalidParameterException"


def test_refusals(logs, group):
    assert refused(logs.create_log_group,
                   logGroupName=group) == "ResourceAlreadyExistsException"
    assert refused(logs.create_log_stream, logGroupName=group,
                   logStreamName="s") == "ResourceAlreadyExistsException"
    assert refused(logs.delete_log_group, logGroupName="absent") == "ResourceNotFoundException"
    assert refused(logs.create_log_group, logGroupName="a b") == "InvalidParameterException"
    reply = put(logs, group, "too new", at=now() + 3 * 3_600_000)
    assert reply["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    with pytest.raises(ClientError) as caught:
        logs.describe_metric_filters(logGroupName=group)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 501)
    assert "NotImplemented" in caught.value.response["Error"]["Code"]


def test_aws_logs_tail(suiro, logs, group):
    put(logs, group, "first line", "second line")
    out = suiro.aws("logs", "tail", group, "--since", "1h", "--format", "short").stdout
    assert [line.split(" ", 1)[1] for line in out.splitlines()] == ["first line", "second line"]


def test_aws_logs_tail_follow(suiro, logs, group):
    put(logs, group, "before")
    tail = subprocess.Popen(
        ["/usr/bin/aws", "--endpoint-url", suiro.endpoint, "logs", "tail", group, "--follow",
         "--format", "short"], env=suiro.env, stdout=subprocess.PIPE, text=True)
    lines, seen = [], threading.Condition()

    def read():
        for line in tail.stdout:
            with seen:
                lines.append(line.split(" ", 1)[1].strip())
                seen.notify_all()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with seen:
            assert seen.wait_for(lambda: lines == ["before"], WAIT_SECONDS_MAX), lines
        put(logs, group, "after")
        with seen:
            assert seen.wait_for(lambda: lines == ["before", "after"], WAIT_SECONDS_MAX), lines
    finally:
        tail.terminate()
        tail.wait()
        reader.join()


def test_events_survive_kill(own_suiro, name):
    own_suiro.start()
    logs = own_suiro.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    for i in range(20):
        put(logs, name, f"line {i}")
    own_suiro.kill9()
    own_suiro.start()
    logs = own_suiro.client("logs")
    page = logs.get_log_events(logGroupName=name, logStreamName="s", startFromHead=True)
    assert [e["message"] for e in page["events"]] == [f"line {i}" for i in range(20)]
