# SPDX-License-Identifier: Apache-2.0
"""Containers that state machines run."""
import json

import pytest
from task_images import push_boto3, push_busybox, skip_without_tasks
from waiting import until
from workflows import (TOKEN, TOKEN_SENDER, Workflows, caught, kept_role, message, one, queue,
                       siblings, task)

IMAGE_SECONDS_MAX = 180  # of Python and botocore, unpacked on a busy machine


@pytest.fixture(scope="session")
def image(suiro):
    skip_without_tasks(suiro)
    return push_busybox(suiro, "workflow-busybox")


def container(suiro, name, image, script, **more):
    return suiro.client("ecs").register_task_definition(
        family=name, networkMode="none", containerDefinitions=[{
            "name": "main", "image": image[0], "memory": 32,
            "command": ["/bin/sh", "-c", script]}], **more)["taskDefinition"]["taskDefinitionArn"]


FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def task_of(suiro, family, status="RUNNING"):
    ecs = suiro.client("ecs")

    def find():
        arns = ecs.list_tasks(family=family, desiredStatus=status)["taskArns"]
        return arns and ecs.describe_tasks(tasks=arns)["tasks"][0]["lastStatus"] == status and arns
    return until(find, f"a task that is {status}")[0]


def test_a_container_is_run(suiro, flows, image, name):
    definition = container(suiro, name, image, 'echo "$WHO"; exit "$CODE"')

    def state(code):
        return task("ecs:runTask.sync", Parameters={
            "Cluster": "default", "TaskDefinition": definition, "LaunchType": "EC2",
            "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": [
                {"Name": "WHO", "Value.$": "$.who"}, {"Name": "CODE", "Value": code}]}]}})
    machine = flows.make(one(state("0")))
    told = flows.finish(flows.start(machine, {"who": "me"}))
    out = json.loads(told["output"])
    assert out["Containers"][0]["ExitCode"] == 0 and out["LastStatus"] == "STOPPED"
    assert flows.types(told["executionArn"]) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted",
        "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]
    line = suiro.client("logs").get_log_events(
        logGroupName="/suiro/tasks", logStreamName="main/" + out["TaskArn"].split("/")[-1])
    assert [event["message"] for event in line["events"]] == ["me"]
    error = flows.output(caught(state("3")), {"who": "me"}, "-bad")
    assert error["Error"] == "States.TaskFailed"
    assert json.loads(error["Cause"])["Containers"][0]["ExitCode"] == 3


def test_a_sibling_that_fails_stops_the_container(suiro, flows, image, name):
    container(suiro, name, image, FOREVER)
    url, _ = queue(suiro, name)
    state = task("ecs:runTask.sync", Parameters={"Cluster": "default", "TaskDefinition": name})
    outer = flows.start(flows.make(siblings(state, url)))
    arn = task_of(suiro, name)
    flows.client.send_task_failure(taskToken=message(suiro, url)["token"], error="E", cause="C")
    assert flows.finish(outer)["status"] == "FAILED"
    assert task_of(suiro, name, "STOPPED") == arn
    told = suiro.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]
    assert told["stopCode"] == "UserInitiated"


def test_stop_and_timeout_stop_the_container(suiro, flows, image, name):
    container(suiro, name, image, FOREVER)
    state = task("ecs:runTask.sync", Parameters={"Cluster": "default", "TaskDefinition": name})
    outer = flows.start(flows.make(one(state)))
    first = task_of(suiro, name)
    flows.client.stop_execution(executionArn=outer)
    assert task_of(suiro, name, "STOPPED") == first
    outer = flows.start(flows.make(one({**state, "TimeoutSeconds": 3}), "-timeout"))
    second = task_of(suiro, name)
    assert flows.finish(outer)["status"] == "FAILED"
    assert flows.failure(outer)[0] == "States.Timeout"
    ecs = suiro.client("ecs")
    until(lambda: ecs.describe_tasks(tasks=[second])["tasks"][0]["lastStatus"] == "STOPPED",
          "the end of the second container")


def test_a_container_is_waited_for_over_a_kill(own_suiro, name):
    own_suiro.start()
    skip_without_tasks(own_suiro)
    container(own_suiro, name, push_busybox(own_suiro, "busybox"), "sleep 3; exit 4")
    flows = Workflows(own_suiro, name)
    execution = flows.start(flows.make(caught(task("ecs:runTask.sync", Parameters={
        "Cluster": "default", "TaskDefinition": name}))))
    arn = task_of(own_suiro, name)
    own_suiro.kill9()
    own_suiro.start()
    flows = Workflows(own_suiro, name)
    error = json.loads(flows.finish(execution)["output"])
    assert error["Error"] == "States.TaskFailed"
    task_told = json.loads(error["Cause"])
    assert (task_told["TaskArn"], task_told["Containers"][0]["ExitCode"]) == (arn, 4)
    ecs = own_suiro.client("ecs")
    assert ecs.list_tasks(family=name, desiredStatus="STOPPED")["taskArns"] == [arn]


def test_a_container_ends_the_task_by_its_token(suiro, flows, name):
    skip_without_tasks(suiro)
    uri = push_boto3(suiro, name, "stepfunctions")
    role = kept_role(suiro, name, "ecs-tasks.amazonaws.com", "states:SendTaskSuccess")
    source = TOKEN_SENDER + """
import os
states = boto3.client("stepfunctions", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
boto3.client = lambda service: states
handler({"token": os.environ["TOKEN"]}, None)
"""
    suiro.client("ecs").register_task_definition(
        family=name, taskRoleArn=role, containerDefinitions=[{
            "name": "main", "image": uri, "memory": 256, "command": ["python3", "-c", source]}])
    execution = flows.start(flows.make(one(task("ecs:runTask" + TOKEN, Parameters={
        "Cluster": "default", "TaskDefinition": name, "Overrides": {"ContainerOverrides": [
            {"Name": "main", "Environment": [
                {"Name": "TOKEN", "Value.$": "$$.Task.Token"}]}]}}))))
    told = flows.finish(execution, IMAGE_SECONDS_MAX)
    assert json.loads(told["output"]) == {"refused": "AccessDeniedException"}
    task_of(suiro, name, "STOPPED")
