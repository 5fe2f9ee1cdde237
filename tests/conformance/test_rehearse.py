# SPDX-License-Identifier: Apache-2.0
"""`suiro rehearse` and `suiro draw` of executions that ran on the server."""
import json
import pathlib
import re
import subprocess

import pytest

from suiro_server import binary
from test_lambda import make as make_function
from waiting import until
from workflows import bucket, one, queue, task

ROOT = pathlib.Path(__file__).resolve().parents[2]

PRICE = """
import json

def handler(event, context):
    if event["shop"] == "closed":
        raise ValueError("closed")
    # What a rehearsal could not make up.
    return {"shop": event["shop"], "id": context.aws_request_id}
"""
SLOW = """
import time

def handler(event, context):
    time.sleep(0.3)
"""
SHOPS = ["tsukiji", "closed", "ueno", "asakusa"]


@pytest.fixture()
def definition(suiro, name):
    """Each shop by itself, as a distributed Map over a file; each of its lines as an inline one."""
    function = make_function(suiro.client("lambda"), name, PRICE)["FunctionArn"]
    url, _ = queue(suiro, name)
    bucket(suiro, name).put_object(Bucket=name, Key="shops.json", Body=json.dumps(
        [{"shop": shop, "lines": [1, 2, 3]} for shop in SHOPS]).encode())
    send = {"Type": "Map", "ItemsPath": "$.lines", "ResultPath": "$.sent", "End": True,
            "ItemProcessor": {"StartAt": "Send", "States": {"Send": task(
                "sqs:sendMessage", End=True, ResultSelector={"id.$": "$.MessageId"},
                Parameters={"QueueUrl": url, "MessageBody.$": "States.Format('{}', $)"})}}}
    price = task("lambda:invoke", Next="Lines", ResultPath="$.priced",
                 Parameters={"FunctionName": function, "Payload.$": "$"},
                 ResultSelector={"of.$": "$.Payload"},
                 Retry=[{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                 Catch=[{"ErrorEquals": ["ValueError"], "ResultPath": "$.why", "Next": "Closed"}])
    return {"StartAt": "Shops", "States": {
        "Shops": {"Type": "Map", "Next": "Count", "MaxConcurrency": 2,
                  "ResultSelector": {"shops.$": "$"}, "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": name, "Key": "shops.json"}},
            "ItemSelector": {"shop.$": "$$.Map.Item.Value.shop",
                             "lines.$": "$$.Map.Item.Value.lines", "day.$": "$.day"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Price", "States": {
                    "Price": price, "Lines": send,
                    "Closed": {"Type": "Pass", "ResultPath": "$.why", "End": True}}}},
        "Count": task("sqs:sendMessage", End=True, ResultPath="$.count", Parameters={
            "QueueUrl": url, "MessageBody.$": "States.Format('{}', States.ArrayLength($.shops))"},
            ResultSelector={"id.$": "$.MessageId"})}}


def test_a_recorded_execution_and_its_children_are_rehearsed(suiro, flows, definition, tmp_path):
    told = flows.run(definition, {"day": "2026-10-05"})
    assert told["status"] == "SUCCEEDED", flows.failure(told["executionArn"])
    output = json.loads(told["output"])
    assert [row["shop"] for row in output["shops"]] == SHOPS
    files = {part: tmp_path / f"{part}.json" for part in ("day.asl", "output", "mocks")}
    files["day.asl"].write_text(json.dumps(definition))
    files["output"].write_text(told["output"])
    recorded = json.loads(suiro.run(
        "rehearse", str(files["day.asl"]), "--recorded", told["executionArn"], "--expect",
        str(files["output"]), "--save-mocks", str(files["mocks"]), "--json").stdout)
    assert recorded["output"] == output
    assert (recorded["children"], recorded["states"]["Send"]["visits"]) == (len(SHOPS), 9)
    assert recorded["states"]["Price"]["retries"] == 1
    # Waits for the retry, and the tasks took what they took.
    assert 1000 < recorded["states"]["Shops"]["total_ms"] < 60_000
    # A child is drawn by itself.
    (run,) = flows.client.list_map_runs(executionArn=told["executionArn"])["mapRuns"]
    child = flows.client.list_executions(mapRunArn=run["mapRunArn"])["executions"][0]
    picture = tmp_path / "child.svg"
    suiro.run("draw", child["executionArn"], "--to", str(picture))
    assert set(states_of(picture)) == {"Price", "Lines", "Send", "Closed"}
    assert states_of(picture)["Price"] in ("succeeded", "caught-error")
    # The saved document does the same, also for a definition that runs its children another way.
    definition["States"]["Shops"]["MaxConcurrency"] = 1
    files["day.asl"].write_text(json.dumps(definition))
    again = json.loads(suiro.run(
        "rehearse", str(files["day.asl"]), "--mocks", str(files["mocks"]), "--input",
        '{"day": "2026-10-05"}', "--expect", str(files["output"]), "--json").stdout)
    assert again["states"]["Shops"]["total_ms"] > recorded["states"]["Shops"]["total_ms"]


def test_what_is_not_recorded_comes_from_mocks(suiro, flows, definition, tmp_path):
    processor = definition["States"]["Shops"]["ItemProcessor"]
    processor["ProcessorConfig"]["ExecutionType"] = "EXPRESS"
    told = flows.run(definition, {"day": "2026-10-05"})
    assert told["status"] == "SUCCEEDED", flows.failure(told["executionArn"])
    path = tmp_path / "day.asl.json"
    path.write_text(json.dumps(definition))
    command = ("rehearse", str(path), "--recorded", told["executionArn"], "--json")
    missing = suiro.run(*command, check=False)
    assert missing.returncode == 1
    assert "4 children of distributed Maps have no history" in missing.stderr
    assert "'Shops'" in missing.stderr
    mocks = tmp_path / "mocks.json"
    mocks.write_text(json.dumps({"states": {
        "Shops": {"items": [{"shop": "ueno", "lines": []}]},
        "Price": {"result": {"Payload": 1}}}}))
    done = json.loads(suiro.run(*command, "--mocks", str(mocks)).stdout)
    assert done["output"]["shops"][0]["priced"] == {"of": 1}
    assert done["output"]["count"] == json.loads(told["output"])["count"]


CLOSE = ROOT / "blueprints" / "invoice-close"
MONTH_SECONDS_MAX = 120  # of a build for debugging on a busy machine; a release needs two


def rehearse(*arguments):
    done = subprocess.run([binary(), "rehearse", *map(str, arguments)], capture_output=True,
                          text=True, timeout=MONTH_SECONDS_MAX)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_month_passes_in_seconds(tmp_path):
    picture = tmp_path / "day.svg"
    order = {"day": "<aws.scheduler.scheduled-time>", "ledger": "ledger/", "function": "f"}
    told = rehearse(CLOSE / "day.asl.json", "--mocks", CLOSE / "rehearsal" / "day.json",
                    "--input", json.dumps(order), "--from", "2026-10-01T21:00:00Z", "--days", 31,
                    "--svg", picture).splitlines()
    assert told[0].endswith("day.asl.json: 31 executions in virtual time")
    days = [line.split() for line in told[1:32]]
    assert [day[0] for day in days] == [f"2026-10-{n:02}T21:00:00.000Z" for n in range(1, 32)]
    assert {tuple(day[1:]) for day in days} == {("SUCCEEDED", "41.0", "s", "2808", "transitions")}
    table = told.index("state            ended        entered failures retries    time in all"
                       "        longest")
    rows = [line[:15].rstrip() for line in told[table + 1:table + 9]]
    assert rows == ["Shops", "  Read", "  Post", "  Book", "Total", "Balanced", "Summary",
                    "List exceptions"]
    assert told[table + 2].split()[1:5] == ["succeeded", "21700", "62", "62"]
    assert any(line.startswith("87048 state transitions ($2.1762 ") for line in told)
    assert '"day":"2026-10-31T21:00:00Z"' in told[-1]
    assert "Task · 700 × · 2 retries · 2.6 s" in picture.read_text()
    order = {"month": "2026-10", "days": [f"2026-10-{n:02}" for n in range(1, 32)],
             "machine": "m", "function": "f", "tolerated": 0, "approvals": "a", "notices": "n"}
    told = json.loads(rehearse(CLOSE / "month.asl.json", "--mocks",
                               CLOSE / "rehearsal" / "month.json", "--input", json.dumps(order),
                               "--json"))
    assert (told["output"]["days"], told["output"]["totals"]["shops"]) == (31, 31 * 700)
    # Two days at once, and half an hour for the accountant.
    assert told["states"]["Days"]["total_ms"] == 16 * 41_000
    assert told["states"]["Approve"]["total_ms"] == 1_800_000


def test_tasks_take_as_long_as_they_took(suiro, flows, name, tmp_path):
    function = make_function(suiro.client("lambda"), name, SLOW)["FunctionArn"]
    inner = flows.make(one({"Type": "Wait", "Seconds": 1}), "-inner")
    definition = {"StartAt": "Call", "States": {
        "Call": task("lambda:invoke", Next="Run", Parameters={
            "FunctionName": function, "Payload": {}}),
        "Run": task("states:startExecution.sync:2", Next="Unknown", Parameters={
            "StateMachineArn": inner}),
        "Unknown": task("sqs:sendMessage", End=True, Parameters={
            "QueueUrl": "q", "MessageBody": "b"})}}
    for _ in range(2):
        flows.start(inner)
        suiro.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    until(lambda: len(flows.client.list_executions(
        stateMachineArn=inner, statusFilter="SUCCEEDED")["executions"]) == 2, "two executions")
    (tmp_path / "d.json").write_text(json.dumps(definition))
    (tmp_path / "m.json").write_text('{"default": {"echo": true}}')
    told = json.loads(suiro.run("rehearse", str(tmp_path / "d.json"), "--mocks",
                                str(tmp_path / "m.json"), "--json").stdout)
    took = {state: look["total_ms"] for state, look in told["states"].items()}
    assert 300 <= took["Call"] < 10_000 and 1000 <= took["Run"] < 20_000
    assert took["Unknown"] == 0


def states_of(picture):
    """The colour of each state of a picture."""
    found = re.findall(r'class="state ([a-z-]+)(?: around)?" [^<]*<text class="name".*?>([^<]+)<',
                       picture.read_text())
    return {state: status for status, state in found}


def test_an_execution_is_drawn_with_its_course(suiro, flows, name, tmp_path):
    url, _ = queue(suiro, name)
    definition = {"StartAt": "First", "States": {
        "First": {"Type": "Pass", "Next": "Both"},
        "Both": {"Type": "Parallel", "End": True, "Branches": [
            {"StartAt": "Send", "States": {"Send": task(
                "sqs:sendMessage", Next="Look", Parameters={"QueueUrl": url, "MessageBody": "b"}),
                "Look": {"Type": "Choice", "Choices": [
                    {"Variable": "$.missing", "NumericEquals": 1, "Next": "Never"}]},
                "Never": {"Type": "Succeed"}}},
            {"StartAt": "Beside", "States": {"Beside": {"Type": "Wait", "Seconds": 3600,
                                                        "End": True}}}]}}}
    told = flows.run(definition)
    assert told["status"] == "FAILED"
    picture = tmp_path / "e.svg"
    suiro.run("draw", told["executionArn"], "--to", str(picture))
    drawn = states_of(picture)
    assert drawn == {
        "First": "succeeded", "Both": "failed", "Send": "succeeded", "Look": "failed",
        "Never": "not-run", "Beside": "aborted"}
