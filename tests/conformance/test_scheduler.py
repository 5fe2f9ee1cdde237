# SPDX-License-Identifier: Apache-2.0
"""EventBridge Scheduler with boto3 and aws."""
import datetime
import json
import subprocess

import pytest
from botocore.exceptions import ClientError
from queues import messages
from task_images import skip_without_tasks, tasks_started_by
from waiting import until

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
OFF = {"Mode": "OFF"}


@pytest.fixture()
def scheduler(suiro):
    return suiro.client("scheduler")


@pytest.fixture()
def sqs(suiro):
    return suiro.client("sqs")


@pytest.fixture()
def queue(sqs, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def target(arn, **more):
    return {"Arn": arn, "RoleArn": ROLE, **more}


def fault(info):
    return info.value.response["Error"]["Code"], info.value.response["Error"]["Message"]


def soon(seconds=2):
    """at() of a time that is to come, in UTC."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return f"at({when:%Y-%m-%dT%H:%M:%S})", f"{when:%Y-%m-%dT%H:%M:%SZ}"


def test_life_of_a_schedule(scheduler, queue, name):
    made = scheduler.create_schedule(
        Name=name, ScheduleExpression="cron(30 2 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Europe/Berlin", FlexibleTimeWindow=OFF,
        Target=target(queue[1], Input="go"))
    assert made["ScheduleArn"].endswith(f":schedule/default/{name}")
    got = scheduler.get_schedule(Name=name)
    assert got["Arn"] == made["ScheduleArn"]
    assert got["GroupName"] == "default"
    assert got["State"] == "ENABLED"
    assert got["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert got["FlexibleTimeWindow"] == OFF
    assert got["Target"] == {
        "Arn": queue[1], "RoleArn": ROLE, "Input": "go",
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}}
    assert "Description" not in got and "KmsKeyArn" not in got
    scheduler.update_schedule(
        Name=name, ScheduleExpression="rate(2 hours)", State="DISABLED", Description="later",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10},
        Target=target(queue[1]))
    changed = scheduler.get_schedule(Name=name)
    assert changed["State"] == "DISABLED"
    assert changed["Description"] == "later"
    assert changed["ScheduleExpressionTimezone"] == "UTC"
    assert changed["FlexibleTimeWindow"]["MaximumWindowInMinutes"] == 10
    assert "Input" not in changed["Target"]
    assert changed["CreationDate"] == got["CreationDate"]
    assert changed["LastModificationDate"] >= got["LastModificationDate"]
    scheduler.delete_schedule(Name=name)
    with pytest.raises(ClientError) as info:
        scheduler.get_schedule(Name=name)
    assert fault(info) == ("ResourceNotFoundException", f"Schedule {name} does not exist.")
    assert info.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize("expression", [
    "cron(0 1 * * * *)", "cron(7 20 * * NOT *)", "cron(INVALID)", "cron(71 8 1 * ? *)", "cron()",
    "rate(10 seconds)", "rate()", "rate( 10 minutes )", " rate(10 minutes)",
    "at(2021-12-31T23:59:59Z)", "at(2021-12-31)"])
def test_expressions_that_are_refused(scheduler, queue, name, expression):
    with pytest.raises(ClientError) as info:
        scheduler.create_schedule(Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF,
                                  Target=target(queue[1]))
    assert fault(info) == ("ValidationException", f"Invalid Schedule Expression {expression}.")


def deleting(client):
    """The client with ActionAfterCompletion DELETE, which Debian's boto3 does not know yet."""
    def add(params, **_):
        params["body"] = json.dumps({**json.loads(params["body"]),
                                     "ActionAfterCompletion": "DELETE"}).encode()

    client.meta.events.register("before-call.scheduler.CreateSchedule", add)
    return client


def test_a_single_run_reaches_its_queue_once(suiro, scheduler, sqs, queue, name):
    expression, nominal = soon()
    body = json.dumps({"time": "<aws.scheduler.scheduled-time>",
                       "arn": "<aws.scheduler.schedule-arn>",
                       "id": "<aws.scheduler.execution-id>"})
    arn = deleting(suiro.client("scheduler")).create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF,
        Target=target(queue[1], Input=body))["ScheduleArn"]
    got = json.loads(messages(sqs, queue[0], 1)[0]["Body"])
    assert got["time"] == nominal
    assert got["arn"] == arn
    assert len(got["id"]) == 16
    with pytest.raises(ClientError) as info:
        scheduler.get_schedule(Name=name)
    assert fault(info)[0] == "ResourceNotFoundException"


def test_a_rate_begins_at_once(scheduler, sqs, queue, name):
    scheduler.create_schedule(Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
                              Target=target(queue[1]))
    body = json.loads(messages(sqs, queue[0], 1)[0]["Body"])
    assert body["detail-type"] == "Scheduled Event"
    assert body["source"] == "aws.scheduler"
    assert body["detail"] == "{}"
    scheduler.delete_schedule(Name=name)


def test_a_fifo_queue(scheduler, sqs, name):
    url = sqs.create_queue(QueueName=name + ".fifo", Attributes={
        "FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    with pytest.raises(ClientError) as info:
        scheduler.create_schedule(Name=name, ScheduleExpression=soon()[0], FlexibleTimeWindow=OFF,
                                  Target=target(arn))
    assert fault(info) == ("ValidationException", "Parameters SqsParameters must be specified.")
    scheduler.create_schedule(
        Name=name, ScheduleExpression=soon()[0], FlexibleTimeWindow=OFF,
        Target=target(arn, Input="in order", SqsParameters={"MessageGroupId": "g"}))
    assert messages(sqs, url, 1)[0]["Body"] == "in order"


def test_universal_target(scheduler, sqs, queue, name):
    request = json.dumps({"QueueUrl": queue[0], "MessageBody": "<aws.scheduler.attempt-number>",
                          "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b"}}})
    scheduler.create_schedule(
        Name=name, ScheduleExpression=soon()[0], FlexibleTimeWindow=OFF,
        Target=target("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Input=request))
    message = messages(sqs, queue[0], 1)[0]
    assert message["Body"] == "1"
    assert message["MessageAttributes"]["a"]["StringValue"] == "b"
    for operation, said in (("getQueueUrl", "getQueueUrl API is not supported."),):
        with pytest.raises(ClientError) as info:
            scheduler.update_schedule(
                Name=name, ScheduleExpression=soon()[0], FlexibleTimeWindow=OFF,
                Target=target(f"arn:aws:scheduler:::aws-sdk:sqs:{operation}", Input="{}"))
        assert fault(info) == ("ValidationException", said)


def test_a_universal_target_may_what_its_role_may(suiro, scheduler, sqs, queue, name):
    iam = suiro.client("iam")
    url, arn = queue
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]}))
    for kind, to in (("may", url), ("may-not", dead)):
        request = json.dumps({"QueueUrl": to, "MessageBody": kind})
        scheduler.create_schedule(
            Name=f"{name}-{kind}", ScheduleExpression=soon()[0], FlexibleTimeWindow=OFF,
            Target={"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": role,
                    "Input": request, "DeadLetterConfig": {"Arn": arn + "-dead"},
                    "RetryPolicy": {"MaximumRetryAttempts": 3}})
    assert messages(sqs, url, 1)[0]["Body"] == "may"
    refused = messages(sqs, dead, 1)[0]
    assert json.loads(refused["Body"])["MessageBody"] == "may-not"
    attributes = {key: value["StringValue"] for key, value in refused["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "AccessDenied", attributes
    assert attributes["ERROR_MESSAGE"].startswith(
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/scheduler is not authorized to "
        f"perform: sqs:SendMessage on resource: {arn}-dead")


def test_kinesis(suiro, scheduler, name):
    kinesis = suiro.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    arn = kinesis.describe_stream_summary(
        StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    scheduler.create_schedule(
        Name=name, ScheduleExpression=soon()[0], FlexibleTimeWindow=OFF,
        Target=target(arn, Input="tick", KinesisParameters={"PartitionKey": "k"}))
    shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard,
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = until(lambda: kinesis.get_records(ShardIterator=iterator)["Records"], "a record")
    assert [(record["Data"], record["PartitionKey"]) for record in records] == [(b"tick", "k")]


def test_event_bus(suiro, scheduler, sqs, queue, name):
    url, queue_arn = queue
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": queue_arn}]})})
    events = suiro.client("events")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    events.put_rule(Name=name, EventBusName=name,
                    EventPattern=json.dumps({"source": ["own"], "detail": {"a": [1]}}))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "1", "Arn": queue_arn}])
    scheduler.create_schedule(
        Name=name, ScheduleExpression=soon()[0], FlexibleTimeWindow=OFF,
        Target=target(bus, Input='{"a": 1}',
                      EventBridgeParameters={"DetailType": "t", "Source": "own"}))
    got = json.loads(messages(sqs, url, 1)[0]["Body"])
    assert (got["source"], got["detail-type"], got["detail"]) == ("own", "t", {"a": 1})


def test_a_task_is_started(suiro, scheduler, name):
    skip_without_tasks(suiro)
    ecs = suiro.client("ecs")
    cluster = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    definition = ecs.register_task_definition(
        family=name, containerDefinitions=[{"name": "a", "image": "no/such:image", "memory": 16}])
    arn = definition["taskDefinition"]["taskDefinitionArn"]
    expression, _ = soon()
    scheduler.create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF,
        Target=target(cluster, EcsParameters={"TaskDefinitionArn": arn.rpartition(":")[0],
                                              "TaskCount": 2},
                      Input='{"containerOverrides": [{"name": "a", "command": ["x"]}]}'))
    found = tasks_started_by(ecs, cluster, f"chronos-schedule/{name}", 2)
    for task in ecs.describe_tasks(cluster=cluster, tasks=found)["tasks"]:
        assert task["taskDefinitionArn"] == arn
        assert task["overrides"]["containerOverrides"][0]["command"] == ["x"]


def test_groups_and_tags(scheduler, queue, name):
    arn = scheduler.create_schedule_group(
        Name=name, Tags=[{"Key": "team", "Value": "data"}])["ScheduleGroupArn"]
    assert arn.endswith(f":schedule-group/{name}")
    assert scheduler.get_schedule_group(Name=name)["State"] == "ACTIVE"
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "suiro:catchup", "Value": "all"}])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [
        {"Key": "suiro:catchup", "Value": "all"}, {"Key": "team", "Value": "data"}]
    with pytest.raises(ClientError) as info:
        scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "aws:team", "Value": "data"}])
    assert fault(info)[0] == "ValidationException"
    with pytest.raises(ClientError) as info:
        scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "suiro:catchup", "Value": "soon"}])
    assert fault(info)[0] == "ValidationException"
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["team", "suiro:catchup"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == []
    with pytest.raises(ClientError) as info:
        scheduler.create_schedule_group(Name=name)
    assert fault(info) == ("ConflictException", f"Schedule group {name} already exists.")
    names = [f"{name}-{i}" for i in range(7)]
    for one in names:
        scheduler.create_schedule(Name=one, GroupName=name, ScheduleExpression="rate(1 day)",
                                  StartDate=datetime.datetime(2100, 1, 1), FlexibleTimeWindow=OFF,
                                  Target=target(queue[1]))
    pages = scheduler.get_paginator("list_schedules").paginate(
        GroupName=name, PaginationConfig={"PageSize": 3})
    assert [row["Name"] for page in pages for row in page["Schedules"]] == names
    assert name in [row["Name"] for page in
                    scheduler.get_paginator("list_schedule_groups").paginate(NamePrefix="t-")
                    for row in page["ScheduleGroups"]]
    scheduler.delete_schedule_group(Name=name)

    def is_gone():
        try:
            assert scheduler.get_schedule_group(Name=name)["State"] == "DELETING"
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
            return True
        return False

    until(is_gone, "the end of the group")
    with pytest.raises(ClientError):
        scheduler.get_schedule(Name=names[0], GroupName=name)


def test_refusals(scheduler, queue, name):
    with pytest.raises(ClientError) as info:
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
            KmsKeyArn=f"arn:aws:kms:ap-northeast-1:{ACCOUNT}:key/k", Target=target(queue[1]))
    assert fault(info)[0] == "NotImplemented"
    with pytest.raises(ClientError) as info:
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
            Target={"Arn": queue[1], "RoleArn": "nobody"})
    assert fault(info)[0] == "ValidationException"
    with pytest.raises(ClientError) as info:
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
            Target=target(f"arn:aws:rds:ap-northeast-1:{ACCOUNT}:db:d"))
    assert fault(info) == ("ValidationException", "rds is not a supported service for a target.")


@pytest.mark.parametrize("parameters", [
    {"EnableExecuteCommand": True}, {"LaunchType": "EXTERNAL"},
    {"PlacementStrategy": [{"type": "random"}]},
    {"PlacementConstraints": [{"type": "distinctInstance"}]}])
def test_tasks_that_would_be_refused_at_each_run(scheduler, name, parameters):
    where = f"arn:aws:ecs:ap-northeast-1:{ACCOUNT}:"
    with pytest.raises(ClientError) as info:
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
            Target=target(where + "cluster/c", EcsParameters={
                "TaskDefinitionArn": where + "task-definition/t", **parameters}))
    assert fault(info)[0] == "NotImplemented"


def test_schedules_survive_a_restart(own_suiro):
    own_suiro.start()
    sqs = own_suiro.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    expression, due = soon(3)
    own_suiro.client("scheduler").create_schedule(
        Name="s", ScheduleExpression=expression, FlexibleTimeWindow=OFF,
        Target=target(arn, Input="due while down"))
    own_suiro.kill9()
    own_suiro.stop()
    until(lambda: soon(0)[1] > due, "the schedule's time, while nothing runs")
    own_suiro.start()
    sqs = own_suiro.client("sqs")
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    assert messages(sqs, url, 1)[0]["Body"] == "due while down"


def test_command_line(suiro, queue, name):
    def aws(*arguments):
        out = subprocess.run(
            ["aws", "--endpoint-url", suiro.endpoint, "scheduler", *arguments],
            env={**suiro.env}, capture_output=True, text=True, timeout=60)
        assert out.returncode == 0, out.stderr
        return json.loads(out.stdout) if out.stdout.strip() else {}

    aws("create-schedule", "--name", name, "--schedule-expression", "rate(1 day)",
        "--flexible-time-window", "Mode=OFF", "--target",
        json.dumps(target(queue[1], Input="x")))
    assert aws("get-schedule", "--name", name)["ScheduleExpression"] == "rate(1 day)"
    listed = aws("list-schedules", "--name-prefix", name, "--group-name", "default")
    assert [row["Name"] for row in listed["Schedules"]] == [name]
    aws("delete-schedule", "--name", name)
