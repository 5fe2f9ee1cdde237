# SPDX-License-Identifier: Apache-2.0
"""What terraform made is there as it was asked for, and nothing is left of it."""
import json
import re

ACCOUNT = "000000000000"
REGION = "ap-northeast-1"
# Not the log group that Lambda makes at a call: it outlives its function, as in Amazon.
OWN_NAME = re.compile("(?!/aws/lambda/)(.*[:/])?tf[-/]")


def queue_attributes(server, name):
    sqs = server.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def check(server):
    redrive = (f'{{"deadLetterTargetArn":"arn:aws:sqs:{REGION}:{ACCOUNT}:tf-dead",'
               '"maxReceiveCount":4}')
    assert queue_attributes(server, "tf-main")["RedrivePolicy"] == redrive
    allowed = json.loads(queue_attributes(server, "tf-dead")["RedriveAllowPolicy"])
    assert allowed["redrivePermission"] == "byQueue"

    s3 = server.client("s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket="tf-lake")["Rules"]
    both = next(r for r in rules if r["ID"] == "large")["Filter"]["And"]
    assert both == {"Prefix": "raw/", "ObjectSizeGreaterThan": 1000, "ObjectSizeLessThan": 5000000,
                    "Tags": [{"Key": "keep", "Value": "no"}]}
    told = s3.get_bucket_notification_configuration(Bucket="tf-lake")
    assert "EventBridgeConfiguration" in told
    assert told["QueueConfigurations"][0]["Id"] == "arrivals"
    assert told["LambdaFunctionConfigurations"][0]["Events"] == ["s3:ObjectRemoved:*"]

    answer = server.client("lambda").invoke(FunctionName="tf-parse:live", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"records": []}
    definition = server.client("ecs").describe_task_definition(
        taskDefinition="tf-report", include=["TAGS"])
    assert definition["tags"] == [{"key": "team", "value": "batch"}]
    leave_versions(s3)
    assert {line.split(":")[0] for line in remaining(server)} == {row[0] for row in LISTS}


def leave_versions(s3):
    """Versions and delete markers that terraform does not know of: force_destroy empties them."""
    for n in range(3):
        s3.put_object(Bucket="tf-lake", Key="late", Body=b"%d" % n)
    s3.delete_object(Bucket="tf-lake", Key="late")
    s3.delete_object(Bucket="tf-lake", Key="never-there")
    assert len(s3.list_object_versions(Bucket="tf-lake")["DeleteMarkers"]) == 2


def check_later(server):
    """After the second apply."""
    assert queue_attributes(server, "tf-main")["VisibilityTimeout"] == "61"
    kinesis = server.client("kinesis").describe_stream_summary(StreamName="tf-clicks")
    assert kinesis["StreamDescriptionSummary"]["OpenShardCount"] == 3
    parse = server.client("lambda").get_function(FunctionName="tf-parse")["Configuration"]
    assert parse["Environment"]["Variables"] == {"STEP": "2"}
    schedule = server.client("scheduler").get_schedule(Name="tf-report", GroupName="tf-batch")
    assert schedule["ScheduleExpression"] == "cron(30 3 ? * MON-FRI *)"
    body = server.client("s3").get_object(Bucket="tf-lake", Key="lookup/a b+c.csv")["Body"].read()
    assert b"uno" in body


# service, operation, list of the reply, the member of an entry that names it
LISTS = (
    ("s3", "list_buckets", "Buckets", "Name"),
    ("sqs", "list_queues", "QueueUrls", None),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn"),
    ("kinesis", "list_streams", "StreamNames", None),
    ("firehose", "list_delivery_streams", "DeliveryStreamNames", None),
    ("kinesisanalytics", "list_applications", "ApplicationSummaries", "ApplicationName"),
    ("kinesisanalyticsv2", "list_applications", "ApplicationSummaries", "ApplicationName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("ecr", "describe_repositories", "repositories", "repositoryName"),
    ("ecs", "list_task_definitions", "taskDefinitionArns", None),
    ("events", "list_rules", "Rules", "Name"),
    ("events", "list_event_buses", "EventBuses", "Name"),
    ("events", "list_connections", "Connections", "Name"),
    ("events", "list_api_destinations", "ApiDestinations", "Name"),
    ("stepfunctions", "list_state_machines", "stateMachines", "name"),
    ("stepfunctions", "list_activities", "activities", "name"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
    ("scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
)


def remaining(server):
    """What the services still have of the case: "service: name"."""
    found = []
    for service, operation, member, key in LISTS:
        entries = getattr(server.client(service), operation)().get(member, [])
        names = [entry[key] if key else entry for entry in entries]
        found += [f"{service}: {name}" for name in names if OWN_NAME.match(name)]
    return found


def gone(server):
    assert remaining(server) == []
    clusters = server.client("ecs").describe_clusters(clusters=["tf-batch"])["clusters"]
    assert [c["status"] for c in clusters] in ([], ["INACTIVE"])
