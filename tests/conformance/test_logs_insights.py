# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs Insights with boto3 and `aws logs start-query`."""
import json
import time

import pytest
from botocore.exceptions import ClientError
from test_logs import group, logs  # noqa: F401
from waiting import read_until


def put(logs, group, *messages):
    at = int(time.time() * 1000) - len(messages)
    logs.put_log_events(
        logGroupName=group, logStreamName="s",
        logEvents=[{"timestamp": at + i, "message": m} for i, m in enumerate(messages)])


def times():
    now = int(time.time())
    return {"startTime": now - 600, "endTime": now + 60}


def ended(results):
    told = read_until(lambda told: told["status"] not in ("Scheduled", "Running"), results)
    assert told["status"] not in ("Scheduled", "Running"), "the query did not end in time"
    return told


def answer(logs, query, **arguments):
    started = logs.start_query(queryString=query, **times(), **arguments)
    return ended(lambda: logs.get_query_results(queryId=started["queryId"]))


def rows(found):
    return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"}
            for row in found["results"]]


def test_fields_of_json_are_found(logs, group):
    put(logs, group, json.dumps({"level": "E", "took": {"ms": 12}}),
        json.dumps({"level": "I", "took": {"ms": 3}}), json.dumps({"level": "E"}), "plain")
    found = answer(logs, 'filter level = "E" | fields level, took.ms | sort took.ms desc',
                   logGroupName=group)
    assert found["status"] == "Complete"
    assert rows(found) == [{"level": "E", "took.ms": "12"}, {"level": "E"}]
    assert found["statistics"]["recordsMatched"] == 2
    assert found["statistics"]["recordsScanned"] == 4
    assert found["statistics"]["bytesScanned"] > 50


def test_the_newest_events_come_first_and_point_to_their_records(logs, group):
    put(logs, group, "first", "second", '{"third": {"deep": [1, 2]}}')
    found = answer(logs, "fields @timestamp, @message | limit 2", logGroupNames=[group])
    assert [row["@message"] for row in rows(found)] == ['{"third": {"deep": [1, 2]}}', "second"]
    pointer = found["results"][0][-1]
    assert pointer["field"] == "@ptr"
    record = logs.get_log_record(logRecordPointer=pointer["value"])["logRecord"]
    assert record["third.deep.1"] == "2" and record["@logStream"] == "s"


def test_statistics_over_groups(logs, group):
    put(logs, group, *(f"GET /{i % 3} took {i} ms" for i in range(30)))
    found = answer(logs, "parse @message /^GET \\/(?<page>\\d) took (?<ms>\\d+)/"
                   "| stats count(*) as n, max(ms) as most by page | sort most desc",
                   logGroupName=group)
    assert rows(found) == [{"page": "2", "n": "10", "most": "29"},
                           {"page": "1", "n": "10", "most": "28"},
                           {"page": "0", "n": "10", "most": "27"}]


def test_a_malformed_query_tells_its_place(logs, group):
    with pytest.raises(ClientError) as caught:
        answer(logs, "fields @message | filter (level =", logGroupName=group)
    response = caught.value.response
    assert response["Error"]["Code"] == "MalformedQueryException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["queryCompileError"]["location"] == {"startCharOffset": 33,
                                                         "endCharOffset": 33}


@pytest.mark.parametrize("query", ["pattern @message", "unmask @message", "SOURCE logGroups()",
                                   "diff", "anomaly"])
def test_commands_that_are_not_there_are_refused(logs, group, query):
    with pytest.raises(ClientError) as caught:
        answer(logs, query, logGroupName=group)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_queries_are_described(logs, group):
    found = answer(logs, "stats count(*)", logGroupName=group)
    assert rows(found) == [{"count(*)": "0"}]
    queries = logs.describe_queries(logGroupName=group)["queries"]
    assert [(q["queryString"], q["status"]) for q in queries] == [("stats count(*)", "Complete")]
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.stop_query(queryId=queries[0]["queryId"])
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_query_results(queryId="00000000-0000-0000-0000-000000000000")


def test_the_command_line(suiro, logs, group):
    put(logs, group, "a b", "a c")

    def aws(*arguments):
        return json.loads(suiro.aws("logs", *arguments, "--output", "json").stdout)

    when = times()
    started = aws("start-query", "--log-group-name", group,
                  "--start-time", str(when["startTime"]), "--end-time", str(when["endTime"]),
                  "--query-string", "fields @message | filter @message like /c$/")
    found = ended(lambda: aws("get-query-results", "--query-id", started["queryId"]))
    assert rows(found) == [{"@message": "a c"}]
