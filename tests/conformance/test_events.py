# SPDX-License-Identifier: Apache-2.0
"""EventBridge with boto3 and aws: buses, rules, targets, events on their way to their targets."""
import datetime
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError
from queues import messages, queue_of
from task_images import skip_without_tasks, tasks_started_by
from waiting import read_until, until

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


@pytest.fixture()
def events(suiro):
    return suiro.client("events")


@pytest.fixture()
def sqs(suiro):
    return suiro.client("sqs")


def region(suiro):
    return suiro.env["AWS_DEFAULT_REGION"]


def fault(info):
    return info.value.response["Error"]["Code"], info.value.response["Error"]["Message"]


def put(events, *entries):
    answer = events.put_events(Entries=[
        {"Source": "app", "DetailType": "t", **entry} for entry in entries])
    assert answer["FailedEntryCount"] == 0, answer
    return [entry["EventId"] for entry in answer["Entries"]]


def test_buses(suiro, events, name):
    arn = f"arn:aws:events:{region(suiro)}:{ACCOUNT}:event-bus/{name}"
    made = events.create_event_bus(Name=name, Tags=[{"Key": "k", "Value": "v"}])
    assert made["EventBusArn"] == arn
    described = events.describe_event_bus(Name=arn)
    assert described["Name"] == name and "Policy" not in described
    assert described.get("CreationTime") == described.get("LastModifiedTime")
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "l", "Value": ""}])
    reserved = [{"Key": "aws:k", "Value": "v"}]
    for call in (lambda: events.tag_resource(ResourceARN=arn, Tags=reserved),
                 lambda: events.create_event_bus(Name=name + "-2", Tags=reserved),
                 lambda: events.put_rule(Name=name, EventPattern='{"source": ["x"]}',
                                         Tags=reserved)):
        with pytest.raises(ClientError) as info:
            call()
        assert fault(info)[0] == "ValidationException"
    events.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "l", "Value": ""}]
    assert [bus["Name"] for bus in events.list_event_buses(NamePrefix=name)["EventBuses"]] == [name]
    assert "default" in [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
    assert events.describe_event_bus()["Name"] == "default"
    with pytest.raises(ClientError) as info:
        events.create_event_bus(Name=name)
    assert fault(info) == ("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
    events.delete_event_bus(Name=name)
    with pytest.raises(ClientError) as info:
        events.describe_event_bus(Name=name)
    assert fault(info) == ("ResourceNotFoundException", f"Event bus {name} does not exist.")
    with pytest.raises(ClientError) as info:
        events.delete_event_bus(Name="default")
    assert fault(info) == ("ValidationException", "Cannot delete event bus default.")


def test_permissions(suiro, events, name):
    events.create_event_bus(Name=name)
    events.put_permission(EventBusName=name, Action="events:PutEvents", Principal="111122223333",
                          StatementId="one")
    events.put_permission(EventBusName=name, Action="events:PutEvents", Principal="*",
                          StatementId="all")
    policy = json.loads(events.describe_event_bus(Name=name)["Policy"])
    assert [s["Sid"] for s in policy["Statement"]] == ["one", "all"]
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    with pytest.raises(ClientError) as info:
        events.remove_permission(EventBusName=name, StatementId="none")
    assert fault(info) == ("ResourceNotFoundException",
                           "Statement with the provided id does not exist.")
    events.remove_permission(EventBusName=name, RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name=name)
    with pytest.raises(ClientError) as info:
        events.put_permission(EventBusName=name, Action="events:PutRule", Principal="*",
                              StatementId="rules")
    assert fault(info) == ("ValidationException",
                           "Provided value in parameter 'action' is not supported.")
    whole = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "s", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
        "Action": "events:PutEvents",
        "Resource": f"arn:aws:events:{region(suiro)}:{ACCOUNT}:event-bus/{name}"}]})
    events.put_permission(EventBusName=name, Policy=whole)
    assert events.describe_event_bus(Name=name)["Policy"] == whole


def test_rules_read_back(suiro, events, name):
    pattern = '{\n  "source": ["%s"]\n}' % name
    arn = events.put_rule(Name=name, EventPattern=pattern, Description="d", RoleArn=ROLE,
                          State="DISABLED", Tags=[{"Key": "k", "Value": "v"}])["RuleArn"]
    assert arn == f"arn:aws:events:{region(suiro)}:{ACCOUNT}:rule/{name}"
    expected = {"Name": name, "Arn": arn, "EventPattern": pattern, "State": "DISABLED",
                "Description": "d", "RoleArn": ROLE, "EventBusName": "default"}
    described = events.describe_rule(Name=name)
    described.pop("ResponseMetadata")
    assert described == {**expected, "CreatedBy": ACCOUNT}
    assert events.list_rules(NamePrefix=name)["Rules"] == [expected]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    events.enable_rule(Name=name)
    assert events.describe_rule(Name=name)["State"] == "ENABLED"
    # What is not given again is gone.
    events.put_rule(Name=name, ScheduleExpression="cron(0 12 * * ? *)")
    again = events.describe_rule(Name=name)
    assert again["ScheduleExpression"] == "cron(0 12 * * ? *)"
    assert not {"EventPattern", "Description", "RoleArn"} & set(again)
    events.delete_rule(Name=name)
    events.delete_rule(Name=name)
    with pytest.raises(ClientError) as info:
        events.describe_rule(Name=name)
    assert fault(info) == ("ResourceNotFoundException",
                           f"Rule {name} does not exist on EventBus default.")


def test_targets_read_back(suiro, events, name):
    events.put_rule(Name=name, EventPattern='{"source":["x"]}')
    where = f"{region(suiro)}:{ACCOUNT}"
    targets = [
        {"Id": "ecs", "Arn": f"arn:aws:ecs:{where}:cluster/c", "RoleArn": ROLE,
         "Input": '{"containerOverrides": []}',
         "EcsParameters": {"TaskDefinitionArn": f"arn:aws:ecs:{where}:task-definition/t",
                           "TaskCount": 1, "LaunchType": "FARGATE", "PlatformVersion": "LATEST",
                           "NetworkConfiguration": {"awsvpcConfiguration": {
                               "Subnets": ["subnet-1"], "AssignPublicIp": "ENABLED"}},
                           "EnableECSManagedTags": True, "Tags": [{"Key": "k", "Value": "v"}]}},
        {"Id": "kinesis", "Arn": f"arn:aws:kinesis:{where}:stream/s", "RoleArn": ROLE,
         "KinesisParameters": {"PartitionKeyPath": "$.detail.id"}},
        {"Id": "lambda", "Arn": f"arn:aws:lambda:{where}:function:f",
         "InputTransformer": {"InputPathsMap": {"a": "$.detail.a"}, "InputTemplate": '{"a": <a>}'},
         "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
         "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{where}:dead"}},
        {"Id": "sqs", "Arn": f"arn:aws:sqs:{where}:q.fifo", "InputPath": "$.detail",
         "SqsParameters": {"MessageGroupId": "g"}},
    ]
    answer = events.put_targets(Rule=name, Targets=targets)
    assert answer["FailedEntryCount"] == 0 and answer["FailedEntries"] == []
    assert events.list_targets_by_rule(Rule=name)["Targets"] == targets
    page = events.list_targets_by_rule(Rule=name, Limit=3)
    assert len(page["Targets"]) == 3
    rest = events.list_targets_by_rule(Rule=name, Limit=3, NextToken=page["NextToken"])
    assert rest["Targets"] == targets[3:] and "NextToken" not in rest
    assert events.list_rule_names_by_target(TargetArn=targets[3]["Arn"])["RuleNames"] == [name]
    with pytest.raises(ClientError) as info:
        events.delete_rule(Name=name)
    assert fault(info) == ("ValidationException", "Rule can't be deleted since it has targets.")
    with pytest.raises(ClientError) as info:
        events.put_targets(Rule=name, Targets=[{**targets[3], "Id": str(i)} for i in range(2)])
    assert fault(info)[0] == "LimitExceededException"
    events.remove_targets(Rule=name, Ids=[target["Id"] for target in targets])
    assert events.list_targets_by_rule(Rule=name)["Targets"] == []


def task_target(**parameters):
    return {"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c", "RoleArn": ROLE,
            "EcsParameters": {
                "TaskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/t",
                **parameters}}


@pytest.mark.parametrize("target, code", [
    ({"Arn": "arn:aws:sns:us-east-1:000000000000:t"}, "NotImplemented"),
    ({"Arn": "arn:aws:events:us-east-1:000000000000:api-destination/a/b"}, "ValidationException"),
    ({"Arn": "arn:aws:events:us-east-1:000000000000:endpoint/a", "RoleArn": ROLE},
     "NotImplemented"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"}, "ValidationException"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "Input": "{"}, "ValidationException"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q",
      "InputTransformer": {"InputTemplate": '"<x>"'}}, "ValidationException"),
    ({"Arn": "nothing"}, "ValidationException"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "RoleArn": "r"}, "ValidationException"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q",
      "DeadLetterConfig": {"Arn": "arn:aws:sns:us-east-1:000000000000:t"}}, "ValidationException"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q",
      "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:d.fifo"}},
     "ValidationException"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q",
      "KinesisParameters": {"PartitionKeyPath": "$.id"}}, "ValidationException"),
    ({"Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
      "SqsParameters": {"MessageGroupId": "g"}}, "ValidationException"),
    (task_target(EnableExecuteCommand=True), "NotImplemented"),
    (task_target(PlacementStrategy=[{"type": "random"}]), "NotImplemented"),
    (task_target(PlacementConstraints=[{"type": "distinctInstance"}]), "NotImplemented"),
    (task_target(LaunchType="EXTERNAL"), "NotImplemented"),
    (task_target(LaunchType="FARGATE"), "ValidationException"),
])
def test_targets_that_are_refused(events, name, target, code):
    events.put_rule(Name=name, EventPattern='{"source":["x"]}')
    with pytest.raises(ClientError) as info:
        events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
    assert fault(info)[0] == code


def test_a_role_must_trust_eventbridge(suiro, events, name):
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
         "Action": "sts:AssumeRole"}]}
    role = suiro.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    events.put_rule(Name=name, EventPattern='{"source":["x"]}')
    with pytest.raises(ClientError) as info:
        events.put_targets(Rule=name, Targets=[{
            "Id": "1", "RoleArn": role,
            "Arn": f"arn:aws:kinesis:{region(suiro)}:{ACCOUNT}:stream/s"}])
    assert fault(info) == ("ValidationException", f"Provided role '{role}' cannot be assumed by "
                                                  "principal 'events.amazonaws.com'.")
    with pytest.raises(ClientError) as info:
        events.put_rule(Name=name, EventPattern='{"source":["x"]}', RoleArn="r")
    assert fault(info)[0] == "ValidationException"


def test_what_is_not_there_says_so(events, name):
    for call in (lambda: events.list_archives(), lambda: events.list_replays(),
                 lambda: events.create_event_bus(Name=name, EventSourceName="aws.partner/a/b")):
        with pytest.raises(ClientError) as info:
            call()
        assert fault(info)[0] == "NotImplemented"


def test_pattern_errors(events, name):
    with pytest.raises(ClientError) as info:
        events.put_rule(Name=name, EventPattern='{"resources": []}')
    assert fault(info) == ("InvalidEventPatternException",
                           "Event pattern is not valid. Reason: Empty arrays are not allowed\n at "
                           '[Source: (String)"{"resources": []}"; line: 1, column: 17]')
    event = {"id": "1", "source": "s", "account": ACCOUNT, "time": "2026-01-01T00:00:00Z",
             "region": "r", "resources": [], "detail-type": "t", "detail": {"n": 5}}
    yes = events.test_event_pattern(EventPattern='{"detail":{"n":[{"numeric":[">",4]}]}}',
                                    Event=json.dumps(event))
    no = events.test_event_pattern(EventPattern='{"detail":{"n":[{"numeric":[">",5]}]}}',
                                   Event=json.dumps(event))
    assert (yes["Result"], no["Result"]) == (True, False)
    with pytest.raises(ClientError) as info:
        events.test_event_pattern(EventPattern='{"a":[1]}', Event="plain text")
    assert fault(info) == ("ValidationException", "Parameter Event is not valid.")


def test_schedule_errors(events, name):
    for schedule in ("rate(1 minutes)", "rate(0 days)", "cron(0 1 * * * *)",
                     "at(2026-01-01T00:00:00)"):
        with pytest.raises(ClientError) as info:
            events.put_rule(Name=name, ScheduleExpression=schedule)
        assert fault(info) == ("ValidationException", "Parameter ScheduleExpression is not valid.")


def test_entries(events):
    answer = events.put_events(Entries=[
        {"Source": "s", "DetailType": "t", "Detail": "{}"}, {"DetailType": "t", "Detail": "{}"},
        {"Source": "s", "Detail": "{}"}, {"Source": "s", "DetailType": "t"},
        {"Source": "s", "DetailType": "t", "Detail": "[]"},
        {"Source": "aws.s3", "DetailType": "t", "Detail": "{}"}])
    assert answer["FailedEntryCount"] == 5
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None, "InvalidArgument", "InvalidArgument", "InvalidArgument", "MalformedDetail",
        "NotAuthorizedForSourceException"]
    with pytest.raises(ClientError) as info:
        events.put_events(Entries=[
            {"Source": "s", "DetailType": "t", "Detail": json.dumps({"a": "x" * 300_000})}])
    assert fault(info) == ("ValidationException",
                           "Total size of the entries in the request is over the limit.")


def test_events_reach_queues(suiro, events, sqs, name):
    url, arn = queue_of(sqs, name)
    events.create_event_bus(Name=name)
    for rule, kind in (("whole", "a"), ("made", "b")):
        pattern = json.dumps({"source": ["app"], "detail": {"kind": [kind]}})
        events.put_rule(Name=rule, EventBusName=name, EventPattern=pattern)
    events.put_targets(Rule="whole", EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
    events.put_targets(Rule="made", EventBusName=name, Targets=[{
        "Id": "1", "Arn": arn, "InputTransformer": {
            "InputPathsMap": {"n": "$.detail.n", "text": "$.detail.text"},
            "InputTemplate": '{"n": <n>, "text": "<text>!", "rule": "<aws.events.rule-name>"}'}}])
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    ids = put(events, {"Detail": '{"kind":"a","n":1.50}', "EventBusName": name, "Time": at,
                       "Resources": ["r1"]})
    body = json.loads(messages(sqs, url, 1)[0]["Body"])
    assert body == {"version": "0", "id": ids[0], "detail-type": "t", "source": "app",
                    "account": ACCOUNT, "time": "2026-01-02T03:04:05Z", "region": region(suiro),
                    "resources": ["r1"], "detail": {"kind": "a", "n": 1.5}}
    put(events, {"Detail": '{"kind":"b","n":[1],"text":"\\"x\\""}', "EventBusName": name})
    body = json.loads(messages(sqs, url, 1)[0]["Body"])
    assert body == {"n": [1], "text": '"x"!', "rule": "made"}


def test_a_queue_without_permission_gets_nothing(suiro, events, sqs, name):
    url, arn = queue_of(sqs, name, service="sns.amazonaws.com")
    dead_url, dead = queue_of(sqs, name + "-dead")
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[
        {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": dead}}])
    put(events, {"Source": name, "Detail": "{}"})
    attributes = messages(sqs, dead_url, 1)[0]["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert attributes["RULE_ARN"]["StringValue"] == rule
    assert attributes["TARGET_ARN"]["StringValue"] == arn
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_events_reach_streams(suiro, events, name):
    kinesis = suiro.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{
        "Id": "1", "Arn": f"arn:aws:kinesis:{region(suiro)}:{ACCOUNT}:stream/{name}",
        "RoleArn": ROLE, "KinesisParameters": {"PartitionKeyPath": "$.detail.key"},
        "InputPath": "$.detail"}])
    put(events, {"Source": name, "Detail": '{"key": "k1"}'})
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId="shardId-000000000000",
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = until(lambda: kinesis.get_records(ShardIterator=iterator)["Records"], "a record")
    assert [(r["PartitionKey"], json.loads(r["Data"])) for r in records] == [("k1", {"key": "k1"})]


def test_events_reach_log_groups(suiro, events, name):
    logs = suiro.client("logs")
    group = "/aws/events/" + name
    logs.create_log_group(logGroupName=group)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{
        "Id": "1", "Arn": f"arn:aws:logs:{region(suiro)}:{ACCOUNT}:log-group:{group}"}])
    ids = put(events, {"Source": name, "Detail": "{}"})
    found = until(lambda: logs.filter_log_events(logGroupName=group)["events"], "a line")
    assert [json.loads(line["message"])["id"] for line in found] == ids


def test_events_start_tasks(suiro, events, name):
    skip_without_tasks(suiro)
    ecs = suiro.client("ecs")
    cluster = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    ecs.register_task_definition(
        family=name, containerDefinitions=[{"name": "a", "image": "no/such:image", "memory": 16}])
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{
        "Id": "1", "Arn": cluster, "RoleArn": ROLE, "InputPath": "$.detail",
        "EcsParameters": {"TaskDefinitionArn": name, "TaskCount": 2}}])
    put(events, {"Source": name, "Detail": json.dumps(
        {"containerOverrides": [{"name": "a", "command": ["from", "the", "event"]}]})})
    arns = tasks_started_by(ecs, cluster, "events-rule/" + name, 2)
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    assert [task["overrides"]["containerOverrides"][0]["command"] for task in tasks] == [
        ["from", "the", "event"]] * 2


def test_upload_event_rule_function(suiro, events, sqs, name):
    """An upload's way to a function, and the trace that shows it."""
    s3, functions = suiro.client("s3"), suiro.client("lambda")
    url, arn = queue_of(sqs, name)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return event['detail']\n")
    function = functions.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="index.handler",
        Code={"ZipFile": packed.getvalue()})["FunctionArn"]
    rule = events.put_rule(Name=name, EventPattern=json.dumps({
        "source": ["aws.s3"],
        "detail": {"bucket": {"name": [name]}, "object": {"key": [{"suffix": ".gz"}]}}}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function}, {"Id": "2", "Arn": arn}])
    functions.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                             Principal="events.amazonaws.com", SourceArn=rule["RuleArn"])
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": region(suiro)})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    read = s3.get_bucket_notification_configuration(Bucket=name)
    assert read["EventBridgeConfiguration"] == {}
    s3.put_object(Bucket=name, Key="other.txt", Body=b"x")
    done = s3.put_object(Bucket=name, Key="in/a b.gz", Body=b"hello")
    body = json.loads(messages(sqs, url, 1)[0]["Body"])
    assert body["detail-type"] == "Object Created"
    assert body["detail"]["object"]["key"] == "in/a b.gz" and body["detail"]["object"]["size"] == 5
    assert body["detail"]["reason"] == "PutObject"
    kinds = trace_kinds(suiro, done["ResponseMetadata"]["RequestId"], "lambda:Invoke")
    assert {"s3:PutObject", "event", "events:Rule", "lambda:Invoke"} <= kinds


def trace_kinds(suiro, request_id, awaited):
    """The kinds of a trace's spans when `awaited` is among them."""
    def kinds():
        out = suiro.run("trace", request_id, check=False).stdout
        return {word for word in out.split() if ":" in word or word == "event"}

    return read_until(lambda told: awaited in told, kinds)


def test_bus_to_bus(suiro, events, sqs, name):
    url, arn = queue_of(sqs, name)
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": bus, "RoleArn": ROLE}])
    events.put_rule(Name="inner", EventBusName=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule="inner", EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
    ids = put(events, {"Source": name, "Detail": "{}"})
    assert json.loads(messages(sqs, url, 1)[0]["Body"])["id"] == ids[0]


def test_command_line(suiro, name):
    def aws(*arguments):
        out = suiro.aws("events", *arguments, "--output", "json").stdout
        return json.loads(out) if out else None

    made = aws("put-rule", "--name", name, "--event-pattern", '{"source":["x"]}')
    assert made["RuleArn"].endswith(name)
    assert aws("list-rules", "--name-prefix", name)["Rules"][0]["State"] == "ENABLED"
    entries = json.dumps([{"Source": "x", "DetailType": "t", "Detail": "{}"}])
    assert aws("put-events", "--entries", entries)["FailedEntryCount"] == 0
    aws("delete-rule", "--name", name)


def test_everything_survives_a_restart(own_suiro, name):
    own_suiro.start()
    events, sqs = own_suiro.client("events"), own_suiro.client("sqs")
    url, arn = queue_of(sqs, name)
    events.create_event_bus(Name=name, Tags=[{"Key": "k", "Value": "v"}])
    events.put_rule(Name="r", EventBusName=name, EventPattern='{"source":["app"]}')
    events.put_targets(Rule="r", EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
    own_suiro.kill9()
    own_suiro.start()
    events, sqs = own_suiro.client("events"), own_suiro.client("sqs")
    bus = events.describe_event_bus(Name=name)["Arn"]
    assert events.list_tags_for_resource(ResourceARN=bus)["Tags"] == [{"Key": "k", "Value": "v"}]
    put(events, {"Detail": "{}", "EventBusName": name})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    messages(sqs, url, 1)
