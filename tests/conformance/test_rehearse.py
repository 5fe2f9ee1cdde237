# SPDX-License-Identifier: Apache-2.0
"""`suiro rehearse` and `suiro draw` of executions that ran on the server."""
import json

import pytest

from test_lambda import make as make_function
from workflows import bucket, queue, task

PRICE = """
import json

def handler(event, context):
    if event["shop"] == "closed":
        raise ValueError("closed")
    # What a rehearsal could not make up.
    return {"shop": event["shop"], "id": context.aws_request_id}
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
