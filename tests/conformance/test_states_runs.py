# SPDX-License-Identifier: Apache-2.0
"""Runs of state machines among the other services: distributed Maps over files, redrives, Express
executions and their logs, what starts executions and who hears of them."""
import json
import time

import pytest
from botocore.exceptions import ClientError

from waiting import until
from workflows import ACCOUNT, ROLE, bucket, message, one, queue, task


# --- distributed Maps

def distributed(processor, bucket_name=None, key=None, kind=None, express=False, **more):
    state = {"Type": "Map", "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED",
                            "ExecutionType": "EXPRESS" if express else "STANDARD"},
        "StartAt": "I", "States": {"I": processor}}, **more}
    if key:
        state["ItemReader"] = {
            "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": kind,
            "Parameters": {"Bucket": bucket_name, "Key": key}}
    return one(state)


PASS = {"Type": "Pass", "End": True}


@pytest.mark.parametrize("express", [False, True], ids=["standard", "express"])
def test_items_of_a_csv_file(suiro, flows, name, express):
    s3 = bucket(suiro, name)
    s3.put_object(Bucket=name, Key="i.csv", Body=b"id,word\n1,one\n2,\"t,wo\"\n")
    out = flows.output(distributed(PASS, name, "i.csv", {
        "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, express))
    assert out == [{"id": "1", "word": "one"}, {"id": "2", "word": "t,wo"}]


def test_items_of_json_lines(suiro, flows, name):
    s3 = bucket(suiro, name)
    s3.put_object(Bucket=name, Key="i.jsonl", Body=b'{"n": 1}\n{"n": 2}\n{"n": 3}\n')
    selector = {"n.$": "$$.Map.Item.Value.n", "at.$": "$$.Map.Item.Index"}
    out = flows.output(distributed(PASS, name, "i.jsonl", {"InputType": "JSONL"},
                                   ItemSelector=selector))
    assert out == [{"n": n + 1, "at": n} for n in range(3)]


def test_batches_of_listed_objects(suiro, flows, name):
    s3 = bucket(suiro, name)
    for n in range(5):
        s3.put_object(Bucket=name, Key=f"in/{n}", Body=b"x" * n)
    definition = distributed(PASS, ItemBatcher={"MaxItemsPerBatch": 2})
    definition["States"]["S"]["ItemReader"] = {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": {"Bucket": name, "Prefix": "in/"}}
    out = flows.output(definition)
    assert [[item["Key"] for item in batch["Items"]] for batch in out] == [
        ["in/0", "in/1"], ["in/2", "in/3"], ["in/4"]]


def test_files_of_results(suiro, flows, name):
    s3 = bucket(suiro, name)
    s3.put_object(Bucket=name, Key="i.json", Body=json.dumps([1, 2, 3]).encode())
    odd = {"Type": "Choice", "Choices": [
        {"Variable": "$", "NumericEquals": 2, "Next": "Bad"}], "Default": "Good"}
    definition = distributed(PASS, name, "i.json", {"InputType": "JSON"},
                             ToleratedFailureCount=1, ResultWriter={
                                 "Resource": "arn:aws:states:::s3:putObject",
                                 "Parameters": {"Bucket": name, "Prefix": "out"}})
    definition["States"]["S"]["ItemProcessor"].update(StartAt="C", States={
        "C": odd, "Bad": {"Type": "Fail", "Error": "Even", "Cause": "two"},
        "Good": {"Type": "Pass", "End": True}})
    machine = flows.make(definition)
    told = flows.finish(flows.start(machine))
    assert told["status"] == "SUCCEEDED", flows.failure(told["executionArn"])
    out = json.loads(told["output"])
    runs = flows.client.list_map_runs(executionArn=told["executionArn"])["mapRuns"]
    assert out["MapRunArn"] == runs[0]["mapRunArn"]
    place = out["ResultWriterDetails"]
    assert place["Bucket"] == name and place["Key"].startswith("out/")

    def read(key):
        return json.loads(s3.get_object(Bucket=name, Key=key)["Body"].read())
    manifest = read(place["Key"])
    assert manifest["MapRunArn"] == out["MapRunArn"]
    files = manifest["ResultFiles"]
    (good,), (bad,) = files["SUCCEEDED"], files["FAILED"]
    assert files["PENDING"] == []
    assert sorted(json.loads(row["Output"]) for row in read(good["Key"])) == [1, 3]
    assert [(row["Error"], row["Input"]) for row in read(bad["Key"])] == [("Even", "2")]
    run = flows.client.describe_map_run(mapRunArn=out["MapRunArn"])
    assert run["status"] == "SUCCEEDED"
    assert {k: run["itemCounts"][k] for k in ("total", "succeeded", "failed")} == {
        "total": 3, "succeeded": 2, "failed": 1}
    children = flows.client.list_executions(mapRunArn=out["MapRunArn"])["executions"]
    assert sorted(row["status"] for row in children) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]


def test_too_many_failures_end_a_map(flows):
    told = flows.run(distributed({"Type": "Fail", "Error": "E"}, ItemsPath="$.items"),
                     {"items": [1, 2]})
    assert told["status"] == "FAILED"
    assert flows.failure(told["executionArn"])[0] == "States.ExceedToleratedFailureThreshold"


def test_a_stop_reaches_what_the_children_of_a_map_wait_for(flows):
    inner = flows.make(one({"Type": "Wait", "Seconds": 3600}), "-inner")
    state = task("states:startExecution.sync:2", End=True, Parameters={"StateMachineArn": inner})
    machine = flows.make(distributed(state, ItemsPath="$.items"))
    execution = flows.start(machine, {"items": [1, 2]})

    def of(status):
        return [row["executionArn"] for row in flows.client.list_executions(
            stateMachineArn=inner, statusFilter=status)["executions"]]
    until(lambda: len(of("RUNNING")) == 2, "two waiting executions")
    flows.client.stop_execution(executionArn=execution)
    assert flows.finish(execution)["status"] == "ABORTED"
    until(lambda: len(of("ABORTED")) == 2, "the end of both")
    (run,) = flows.client.list_map_runs(executionArn=execution)["mapRuns"]
    until(lambda: flows.client.describe_map_run(mapRunArn=run["mapRunArn"])["status"] == "ABORTED",
          "the end of the run")


def test_a_map_run_that_is_not_there(flows, name):
    prefix = f"arn:aws:states:{flows.region}:{ACCOUNT}"
    run = f"{prefix}:mapRun:{name}/S:a0b1c2d3-0000-4000-8000-000000000001"
    for call in (flows.client.list_executions, flows.client.describe_map_run):
        with pytest.raises(ClientError) as info:
            call(mapRunArn=run)
        error = info.value.response["Error"]
        assert (error["Code"], error["Message"]) == (
            "ResourceNotFound", f"Resource not found: '{run}'")
    for arn, code in ((f"{prefix}:execution:{name}:e", "ExecutionDoesNotExist"),
                      (f"{prefix}:stateMachine:{name}", "InvalidArn")):
        with pytest.raises(ClientError) as info:
            flows.client.list_map_runs(executionArn=arn)
        assert info.value.response["Error"]["Code"] == code


# --- redrives

def test_a_redrive_goes_on_where_it_failed(suiro, flows, name):
    s3 = bucket(suiro, name)
    machine = flows.make({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Result": {"key": "there"}, "Next": "B"},
        "B": task("aws-sdk:s3:getObject", End=True, OutputPath="$.Body", Parameters={
            "Bucket": name, "Key.$": "$.key"})}})
    execution = flows.start(machine)
    assert flows.finish(execution)["status"] == "FAILED"
    s3.put_object(Bucket=name, Key="there", Body=b"now")
    status, answer = flows.call("RedriveExecution", executionArn=execution)
    assert (status, list(answer)) == (200, ["redriveDate"])
    assert flows.finish(execution)["output"] == '"now"'
    types = flows.types(execution)
    assert "ExecutionRedriven" in types and types[-1] == "ExecutionSucceeded"
    assert types.count("PassStateEntered") == 1
    _, told = flows.call("DescribeExecution", executionArn=execution)
    assert (told["redriveCount"], told["redriveStatus"]) == (1, "NOT_REDRIVABLE")
    status, answer = flows.call("RedriveExecution", executionArn=execution)
    assert (status, answer["__type"].split("#")[-1]) == (400, "ExecutionNotRedrivable")


def test_a_redrive_of_a_map_runs_what_failed(suiro, flows, name):
    s3 = bucket(suiro, name)
    s3.put_object(Bucket=name, Key="a", Body=b"1")
    get = task("aws-sdk:s3:getObject", End=True, ResultSelector={"b.$": "$.Body"}, Parameters={
        "Bucket": name, "Key.$": "$"})
    machine = flows.make(distributed(get, ItemsPath="$.keys", MaxConcurrency=1,
                                     ToleratedFailureCount=0))
    execution = flows.start(machine, {"keys": ["a", "b"]})
    assert flows.finish(execution)["status"] == "FAILED"
    s3.put_object(Bucket=name, Key="b", Body=b"2")
    assert flows.call("RedriveExecution", executionArn=execution)[0] == 200
    assert json.loads(flows.finish(execution)["output"]) == [{"b": "1"}, {"b": "2"}]
    (run,) = flows.client.list_map_runs(executionArn=execution)["mapRuns"]
    _, told = flows.call("DescribeMapRun", mapRunArn=run["mapRunArn"])
    assert (told["status"], told["redriveCount"]) == ("SUCCEEDED", 1)


# --- Express

def log_group(suiro, name):
    suiro.client("logs").create_log_group(logGroupName=name)
    region = suiro.env["AWS_DEFAULT_REGION"]
    return {"level": "ALL", "includeExecutionData": True, "destinations": [
        {"cloudWatchLogsLogGroup": {
            "logGroupArn": f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{name}:*"}}]}


def logged(suiro, group, last):
    """The events that a log group has, as soon as one of type `last` is among them."""
    def find():
        events = [json.loads(row["message"]) for row in suiro.client("logs").filter_log_events(
            logGroupName=group)["events"]]
        return events if last in [event["type"] for event in events] else None
    return until(find, f"the log of {last}")


def test_an_express_execution_and_its_log(suiro, flows, name):
    definition = {"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Result": {"r": 1}, "End": True}}}
    machine = flows.make(definition, type="EXPRESS", loggingConfiguration=log_group(suiro, name))
    execution = flows.start(machine, {"n": 1})
    assert execution.startswith(machine.replace("stateMachine", "express") + ":")
    events = logged(suiro, name, "ExecutionSucceeded")
    assert [event["type"] for event in events] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert {event["execution_arn"] for event in events} == {execution}
    assert [event["id"] for event in events] == ["1", "2", "3", "4"]
    assert json.loads(events[0]["details"]["input"]) == {"n": 1}
    assert json.loads(events[-1]["details"]["output"]) == {"r": 1}
    with pytest.raises(ClientError) as info:
        flows.client.list_executions(stateMachineArn=machine)
    assert info.value.response["Error"]["Code"] == "StateMachineTypeNotSupported"


def test_a_synchronous_execution(suiro, flows, name):
    machine = flows.make({"StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [
            {"Variable": "$.n", "NumericEquals": 0, "Next": "F"}], "Default": "P"},
        "F": {"Type": "Fail", "Error": "E", "Cause": "C"},
        "P": {"Type": "Pass", "End": True}}}, type="EXPRESS",
        loggingConfiguration=log_group(suiro, name))
    good = flows.client.start_sync_execution(stateMachineArn=machine, input='{"n": 1}', name="x")
    assert (good["status"], json.loads(good["output"])) == ("SUCCEEDED", {"n": 1})
    assert good["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0
    assert good["stopDate"] >= good["startDate"] and good["name"] == "x"
    bad = flows.client.start_sync_execution(stateMachineArn=machine, input='{"n": 0}')
    assert (bad["status"], bad["error"], bad["cause"]) == ("FAILED", "E", "C")
    events = logged(suiro, name, "ExecutionFailed")
    assert events[-1]["execution_arn"] == bad["executionArn"]


def test_a_synchronous_execution_with_tasks(suiro, flows, name):
    url, _ = queue(suiro, name)
    machine = flows.make(one(task("sqs:sendMessage", Parameters={
        "QueueUrl": url, "MessageBody": {"in.$": "$"}})), type="EXPRESS")
    told = flows.client.start_sync_execution(stateMachineArn=machine, input="7")
    assert told["status"] == "SUCCEEDED", told
    assert message(suiro, url) == {"in": 7}


# --- what starts executions, and who hears of them

def executions(flows, machine):
    return flows.client.list_executions(stateMachineArn=machine)["executions"]


def test_a_rule_starts_an_execution(suiro, flows, name):
    machine = flows.make(one({"Type": "Pass", "InputPath": "$.detail"}))
    events = suiro.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    answer = events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": machine, "RoleArn": ROLE}])
    assert answer["FailedEntryCount"] == 0, answer
    put = events.put_events(Entries=[
        {"Source": name, "DetailType": "t", "Detail": '{"n": 1}'}])["Entries"][0]
    (row,) = until(lambda: executions(flows, machine), "an execution")
    told = flows.finish(row["executionArn"])
    assert json.loads(told["output"]) == {"n": 1}
    assert json.loads(told["input"])["id"] == put["EventId"]


def test_a_rule_starts_an_express_execution(suiro, flows, name):
    url, _ = queue(suiro, name)
    machine = flows.make(one(task("sqs:sendMessage", Parameters={
        "QueueUrl": url, "MessageBody": {"got.$": "$"}})), type="EXPRESS")
    events = suiro.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{
        "Id": "1", "Arn": machine, "RoleArn": ROLE, "InputPath": "$.detail"}])
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": '{"n": 1}'}])
    assert message(suiro, url) == {"got": {"n": 1}}


def test_a_schedule_starts_an_execution(suiro, flows, name):
    machine = flows.make(one({"Type": "Pass"}))
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2))
    suiro.client("scheduler").create_schedule(
        Name=name, ScheduleExpression=f"at({soon})", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": ROLE, "Input": '{"from": "schedule"}'})
    (row,) = until(lambda: executions(flows, machine), "an execution")
    assert json.loads(flows.finish(row["executionArn"])["output"]) == {"from": "schedule"}


def test_an_object_starts_an_execution(suiro, flows, name):
    machine = flows.make(one({"Type": "Pass", "OutputPath": "$.detail.object.key"}))
    s3, events = bucket(suiro, name), suiro.client("events")
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={
        "EventBridgeConfiguration": {}})
    events.put_rule(Name=name, EventPattern=json.dumps({
        "source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": machine, "RoleArn": ROLE}])
    s3.put_object(Bucket=name, Key="a/key", Body=b"x")
    (row,) = until(lambda: executions(flows, machine), "an execution")
    assert flows.finish(row["executionArn"])["output"] == '"a/key"'


def test_an_event_for_a_machine_that_is_gone(suiro, flows, name):
    url, arn = queue(suiro, name)
    machine = flows.make(one({"Type": "Pass"}))
    events = suiro.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": machine, "RoleArn": ROLE,
                                            "DeadLetterConfig": {"Arn": arn}}])
    flows.client.delete_state_machine(stateMachineArn=machine)
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": '{"n": 1}'}])
    assert message(suiro, url)["detail"] == {"n": 1}


def test_changes_of_status_reach_a_rule(suiro, flows, name):
    url, arn = queue(suiro, name)
    machine = flows.make(one({"Type": "Wait", "SecondsPath": "$.s"}))
    events = suiro.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({
        "source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine]}}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])

    def heard(count):
        found = [message(suiro, url) for _ in range(count)]
        return {event["detail"]["status"]: event for event in found}
    quick = flows.start(machine, {"s": 0})
    found = heard(2)
    assert set(found) == {"RUNNING", "SUCCEEDED"}
    event = found["SUCCEEDED"]
    detail = event["detail"]
    assert event["resources"] == [quick] and detail["executionArn"] == quick
    assert (detail["input"], detail["output"]) == ('{"s": 0}', '{"s": 0}')
    assert detail["stopDate"] >= detail["startDate"] > 1_700_000_000_000
    slow = flows.start(machine, {"s": 3600})
    assert set(heard(1)) == {"RUNNING"}
    flows.client.stop_execution(executionArn=slow, error="E", cause="C")
    detail = heard(1)["ABORTED"]["detail"]
    assert (detail["error"], detail["cause"], detail["output"]) == ("E", "C", None)
