# SPDX-License-Identifier: Apache-2.0
"""Executions that state machines start: how they end, and who stops them."""
import json

from botocore.exceptions import ClientError
from waiting import until
from workflows import Workflows, callback, caught, child_task, message, one, queue, siblings, task

FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Mine", "Cause": "why"}}}


def test_executions_of_executions(flows):
    child = flows.make(one({"Type": "Pass", "Result": {"r": [1]}}), "-child")
    bad = flows.make(FAIL, "-bad")

    def outer(pattern, machine, wrap=one):
        return flows.output(wrap(task("states:startExecution" + pattern, Parameters={
            "StateMachineArn": machine, "Input": {"n.$": "$.n",
                                                  "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$":
                                                  "$$.Execution.Id"}})), {"n": 1},
                            f"-{len(flows.made)}")
    plain = outer("", child)
    assert plain["ExecutionArn"].startswith(child.replace("stateMachine", "execution") + ":")
    assert json.loads(outer(".sync", child)["Output"]) == {"r": [1]}
    second = outer(".sync:2", child)
    assert (second["Output"], second["Input"]["n"]) == ({"r": [1]}, 1)
    assert second["Status"] == "SUCCEEDED"
    error = outer(".sync:2", bad, caught)
    assert error["Error"] == "States.TaskFailed"
    cause = json.loads(error["Cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Mine", "why")


def running(flows, machine):
    """The one running execution of a machine."""
    found = until(lambda: flows.client.list_executions(
        stateMachineArn=machine, statusFilter="RUNNING")["executions"], "a child")
    assert len(found) == 1
    return found[0]["executionArn"]


WAIT = one({"Type": "Wait", "Seconds": 3600})


def test_a_timeout_stops_the_child(flows):
    child = flows.make(WAIT, "-child")
    outer = flows.start(flows.make(one(child_task(child, TimeoutSeconds=2))))
    inner = running(flows, child)
    assert flows.finish(outer)["status"] == "FAILED"
    assert flows.failure(outer)[0] == "States.Timeout"
    assert flows.finish(inner)["status"] == "ABORTED"


def test_a_stop_stops_the_child(flows):
    child = flows.make(WAIT, "-child")
    outer = flows.start(flows.make(one(child_task(child))))
    inner = running(flows, child)
    flows.client.stop_execution(executionArn=outer)
    assert flows.finish(outer)["status"] == "ABORTED"
    assert flows.finish(inner)["status"] == "ABORTED"


def test_the_time_of_an_execution_stops_the_child(flows):
    child = flows.make(WAIT, "-child")
    outer = flows.start(flows.make(one(child_task(child), TimeoutSeconds=2)))
    inner = running(flows, child)
    assert flows.finish(outer)["status"] == "TIMED_OUT"
    assert flows.finish(inner)["status"] == "ABORTED"


def test_children_are_waited_for_over_a_kill(own_suiro, name):
    own_suiro.start()
    flows = Workflows(own_suiro, name)
    url, _ = queue(own_suiro, name)
    child = flows.make(one(callback(url)), "-child")
    good, stopped = (flows.start(flows.make(one(child_task(child)), f"-{n}")) for n in range(2))
    bodies = [message(own_suiro, url) for _ in range(2)]
    own_suiro.kill9()
    own_suiro.start()
    flows = Workflows(own_suiro, name)
    rows = flows.client.list_executions(stateMachineArn=child)["executions"]
    assert [row["status"] for row in rows] == ["RUNNING"] * 2
    flows.client.stop_execution(executionArn=stopped)
    aborted = until(lambda: [row["executionArn"] for row in flows.client.list_executions(
        stateMachineArn=child, statusFilter="ABORTED")["executions"]], "the stop of a child")
    (going,) = {row["executionArn"] for row in rows} - set(aborted)
    for body in bodies:
        try:
            flows.client.send_task_success(taskToken=body["token"], output='{"n": 1}')
        except ClientError as error:
            assert error.response["Error"]["Code"] == "TaskTimedOut"
    told = json.loads(flows.finish(good)["output"])
    assert (told["ExecutionArn"], told["Output"]) == (going, {"n": 1})
    assert len(flows.client.list_executions(stateMachineArn=child)["executions"]) == 2


def test_a_name_of_a_child_that_is_taken(flows):
    child = flows.make(one({"Type": "Pass"}), "-child")
    flows.finish(flows.start(child, {"n": 1}, name="one"))
    error = flows.output(caught(task("states:startExecution", Parameters={
        "StateMachineArn": child, "Name": "one", "Input": {"n": 2}})))
    assert error["Error"] == "StepFunctions.ExecutionAlreadyExistsException"


def test_a_synchronous_execution_as_a_task(flows):
    child = flows.make(one({"Type": "Pass", "Result": {"r": 1}}), "-child", type="EXPRESS")
    out = flows.output(one(task("aws-sdk:sfn:startSyncExecution", Parameters={
        "StateMachineArn": child, "Input": {"n": 1}})))
    assert (out["Status"], json.loads(out["Output"])) == ("SUCCEEDED", {"r": 1})


def test_a_sibling_that_fails_stops_the_child(suiro, flows, name):
    url, _ = queue(suiro, name)
    child = flows.make(WAIT, "-child")
    outer = flows.start(flows.make(siblings(child_task(child), url)))
    inner = running(flows, child)
    flows.client.send_task_failure(taskToken=message(suiro, url)["token"], error="E", cause="C")
    assert flows.finish(outer)["status"] == "FAILED"
    assert flows.finish(inner)["status"] == "ABORTED"
