# SPDX-License-Identifier: Apache-2.0
"""Container tasks: real containers of busybox, run by the real server."""
import json
import pathlib
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

from queues import messages
from task_images import push_boto3, push_busybox, skip_without_tasks
from waiting import until

WAIT = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture(scope="session")
def image(suiro):
    skip_without_tasks(suiro)
    return push_busybox(suiro, "tasks-busybox")


@pytest.fixture()
def ecs(suiro):
    return suiro.client("ecs")


def register(ecs, name, image, script, memory=32, **more):
    return ecs.register_task_definition(family=name, networkMode="none", containerDefinitions=[
        {"name": "main", "image": image[0], "memory": memory, "cpu": 10,
         "command": ["/bin/sh", "-c", script], **more}])["taskDefinition"]["taskDefinitionArn"]


def start(ecs, name, **more):
    answer = ecs.run_task(taskDefinition=name, **more)
    assert not answer["failures"], answer["failures"]
    return answer["tasks"][0]["taskArn"]


def finish(ecs, arn):
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig=WAIT)
    return ecs.describe_tasks(tasks=[arn])["tasks"][0]


def lines(server, arn, group="/suiro/tasks", prefix=""):
    stream = f"{prefix}main/{arn.split('/')[-1]}"
    client = server.client("logs")
    try:
        events = client.get_log_events(logGroupName=group, logStreamName=stream,
                                       startFromHead=True)["events"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events]


def test_a_task_runs_and_tells_its_end(suiro, ecs, image, name):
    register(ecs, name, image, "echo one; echo two; exit 7")
    arn = start(ecs, name)
    task = finish(ecs, arn)
    container = task["containers"][0]
    assert container["exitCode"] == 7 and container["imageDigest"] == image[1]
    assert container["networkBindings"] == [] and container["networkInterfaces"] == []
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    order = ["createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppingAt",
             "executionStoppedAt", "stoppedAt"]
    assert [task[key] for key in order] == sorted(task[key] for key in order)
    assert lines(suiro, arn) == ["one", "two"]
    assert arn in ecs.list_tasks(desiredStatus="STOPPED", family=name)["taskArns"]


def test_output_that_is_no_text(suiro, ecs, image, name):
    register(ecs, name, image, r"printf 'a\377\346\260\n'; echo fine")
    arn = start(ecs, name)
    finish(ecs, arn)
    assert lines(suiro, arn) == ["a\ufffd\ufffd\ufffd", "fine"]


def test_environment_from_the_lake_and_overrides(suiro, ecs, image, name):
    s3 = suiro.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})
    s3.put_object(Bucket=name, Key="a.env", Body=b"# c\nFILE=1\nBOTH=file\n")
    s3.put_object(Bucket=name, Key="secret", Body=b"pass word")
    register(ecs, name, image, 'echo "$FILE $BOTH $SECRET $MORE $AWS_REGION"',
             environment=[{"name": "BOTH", "value": "definition"}],
             environmentFiles=[{"type": "s3", "value": f"arn:aws:s3:::{name}/a.env"}],
             secrets=[{"name": "SECRET", "valueFrom": f"arn:aws:s3:::{name}/secret"}])
    arn = start(ecs, name, overrides={"containerOverrides": [
        {"name": "main", "environment": [{"name": "MORE", "value": "override"}]}]})
    finish(ecs, arn)
    region = suiro.env["AWS_DEFAULT_REGION"]
    assert lines(suiro, arn) == [f"1 definition pass word override {region}"]
    s3.delete_object(Bucket=name, Key="secret")
    failed = finish(ecs, start(ecs, name))
    assert failed["stopCode"] == "TaskFailedToStart"
    assert failed["stoppedReason"].startswith("ResourceInitializationError: unable to retrieve")


def make_role(iam, name):
    """A role that tasks may take; its ARN."""
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole"}]}
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(
        trust))["Role"]["Arn"]


def ask_for_keys(url, token):
    """The status that who has this token gets from the containers' endpoint for keys."""
    request = urllib.request.Request(url, headers={"Authorization": token} if token else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("condition, first, message", [
    ("SUCCESS", "exit 0", None), ("COMPLETE", "exit 4", None),
    ("HEALTHY", "touch /ready; while :; do sleep 0.1; done", None),
    ("SUCCESS", "exit 4", "first exited with code 4"),
    ("HEALTHY", "exit 0", "first stopped")])
def test_dependencies(suiro, ecs, image, name, condition, first, message):
    check = {"command": ["CMD-SHELL", "test -f /ready"], "interval": 5, "retries": 2}
    ecs.register_task_definition(family=name, networkMode="none", containerDefinitions=[
        {"name": "main", "image": image[0], "memory": 32, "command": ["/bin/sh", "-c", "echo ran"],
         "dependsOn": [{"containerName": "first", "condition": condition}]},
        {"name": "first", "image": image[0], "memory": 32, "essential": False, "stopTimeout": 2,
         "command": ["/bin/sh", "-c", first],
         **({"healthCheck": check} if condition == "HEALTHY" else {})}])
    task = finish(ecs, arn := start(ecs, name))
    main = next(c for c in task["containers"] if c["name"] == "main")
    if message is None:
        assert main["exitCode"] == 0 and lines(suiro, arn) == ["ran"]
    else:
        assert task["stopCode"] == "TaskFailedToStart" and message in task["stoppedReason"]
        assert "exitCode" not in main and not lines(suiro, arn)


def test_a_task_may_what_its_role_may(suiro, ecs, image, name):
    iam, sqs = suiro.client("iam"), suiro.client("sqs")
    urls = {kind: sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"] for kind in "ab"}
    queue = sqs.get_queue_attributes(
        QueueUrl=urls["a"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    role = make_role(iam, name)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sqs:*", "Resource": queue}]}))
    script = ('wget -q -O - --header "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN"'
              ' "$AWS_CONTAINER_CREDENTIALS_FULL_URI"; echo;'
              'echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN";'
              "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    ecs.register_task_definition(family=name, networkMode="none", taskRoleArn=role,
                                 containerDefinitions=[
                                     {"name": "main", "image": image[0], "memory": 32,
                                      "command": ["/bin/sh", "-c", script]}])
    arn = start(ecs, name)
    until(lambda: len(lines(suiro, arn)) == 2, "two lines")
    keys = json.loads(lines(suiro, arn)[0])
    assert keys["RoleArn"] == role
    key, secret, token = keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"]
    url, proof = lines(suiro, arn)[1].split(" ")
    assert ask_for_keys(url, proof) == 200
    assert ask_for_keys(url, "0" * len(proof)) == 401 and ask_for_keys(url, None) == 401
    assert ask_for_keys(url[:-1] + ("0" if url[-1] != "0" else "1"), proof) == 401
    task = boto3.client("sqs", endpoint_url=suiro.endpoint, aws_access_key_id=key,
                        aws_secret_access_key=secret, aws_session_token=token,
                        region_name=suiro.env["AWS_DEFAULT_REGION"])
    task.send_message(QueueUrl=urls["a"], MessageBody="may")
    with pytest.raises(ClientError) as refused:
        task.send_message(QueueUrl=urls["b"], MessageBody="may not")
    error = refused.value.response["Error"]
    holder = f"assumed-role/{name}/{arn.split('/')[-1]} is not authorized to perform"
    assert error["Code"] == "AccessDenied" and holder in error["Message"], error
    ecs.stop_task(task=arn)
    finish(ecs, arn)

    def is_revoked():
        try:
            task.send_message(QueueUrl=urls["a"], MessageBody="gone")
        except ClientError as error:
            return "Token" in error.response["Error"]["Code"]
        return False
    until(is_revoked, "the end of the keys")
    assert ask_for_keys(url, proof) == 404


PROGRAM = """
import datetime, os, boto3, botocore.credentials
assert "AWS_ACCESS_KEY_ID" not in os.environ
session = boto3.Session()
credentials = session.get_credentials()
assert credentials.method == "container-role", credentials.method
first = credentials.get_frozen_credentials().access_key
client = session.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
client.send_message(QueueUrl=os.environ["QUEUE"], MessageBody="by a role")
# As if they were about to end: the SDK asks again by itself.
credentials._expiry_time = datetime.datetime.now(credentials._expiry_time.tzinfo)
asked = []
refresh = credentials._refresh_using
credentials._refresh_using = lambda: asked.append(1) or refresh()
client.send_message(QueueUrl=os.environ["QUEUE"], MessageBody="and again")
assert asked and credentials._expiry_time > datetime.datetime.now(
    credentials._expiry_time.tzinfo) + datetime.timedelta(hours=5)
print("asked again")
"""


def test_an_sdk_in_a_container_renews_its_keys(suiro, ecs, name):
    skip_without_tasks(suiro)
    image = push_boto3(suiro, name, "sqs")
    role = make_role(suiro.client("iam"), name)
    suiro.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}))
    url = suiro.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    ecs.register_task_definition(family=name, networkMode="none", taskRoleArn=role,
                                 containerDefinitions=[
                                     {"name": "main", "image": image, "memory": 256,
                                      "command": ["/usr/bin/python3", "-c", PROGRAM],
                                      "environment": [{"name": "QUEUE", "value": url}]}])
    task = finish(ecs, arn := start(ecs, name))
    assert task["containers"][0].get("exitCode") == 0, (task, lines(suiro, arn))
    assert lines(suiro, arn) == ["asked again"]


def test_the_end_of_a_task_reaches_a_rule(suiro, ecs, image, name):
    events, sqs = suiro.client("events"), suiro.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": queue}]})})
    register(ecs, name, image, "exit 7")
    events.put_rule(Name=name, EventPattern=json.dumps({
        "source": ["aws.ecs"], "detail-type": ["ECS Task State Change"],
        "detail": {"lastStatus": ["STOPPED"], "group": ["family:" + name]}}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue}])
    arn = start(ecs, name)
    event = json.loads(messages(sqs, url, 1)[0]["Body"])
    detail = event["detail"]
    assert event["resources"] == [arn] and detail["taskArn"] == arn
    assert (detail["desiredStatus"], detail["containers"][0]["exitCode"]) == ("STOPPED", 7)
    assert detail["stoppedReason"] == "Essential container in task exited"


def test_stop_and_its_reason(ecs, image, name):
    register(ecs, name, image, "trap 'exit 5' TERM; while :; do sleep 0.1; done")
    arn = start(ecs, name)
    ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig=WAIT)
    # 1,024 bytes of the reason are kept, and no character in part.
    assert ecs.stop_task(task=arn, reason="\u6c34" * 400)["task"]["desiredStatus"] == "STOPPED"
    task = finish(ecs, arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "\u6c34" * 341)
    assert task["containers"][0]["exitCode"] == 5


def test_an_image_that_is_not_there(ecs, image, name):
    register(ecs, name, (image[0].replace(":latest", ":none"),), "true")
    task = finish(ecs, start(ecs, name))
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPullContainerError" in str(task)


def test_awslogs_joins_lines(suiro, ecs, image, name):
    register(ecs, name, image, "echo '2026-01-01 a'; echo ' b'; echo '2026-01-02 c'",
             logConfiguration={"logDriver": "awslogs", "options": {
                 "awslogs-group": name, "awslogs-region": "ap-northeast-1",
                 "awslogs-create-group": "true", "awslogs-stream-prefix": "p",
                 "awslogs-datetime-format": "%Y-%m-%d"}})
    arn = start(ecs, name)
    finish(ecs, arn)
    assert lines(suiro, arn, name, "p/") == ["2026-01-01 a\n b", "2026-01-02 c"]


def test_tasks_wait_for_room(ecs, image, name):
    ecs.create_cluster()
    instance = ecs.list_container_instances()["containerInstanceArns"]
    found = ecs.describe_container_instances(containerInstances=instance)["containerInstances"][0]
    memory = next(r["integerValue"] for r in found["registeredResources"]
                  if r["name"] == "MEMORY")
    register(ecs, name, image, "sleep 1", memory=memory * 2 // 3)
    first, second = start(ecs, name), start(ecs, name)
    waiting = ecs.describe_tasks(tasks=[second])["tasks"][0]
    assert waiting["lastStatus"] == "PROVISIONING"
    assert waiting["attributes"][0]["name"] == "suiro.pending-reason"
    assert "RESOURCE:MEMORY" in waiting["containers"][0]["reason"]
    finish(ecs, first)
    assert finish(ecs, second)["containers"][0]["exitCode"] == 0


def test_a_service_keeps_its_tasks(ecs, image, name):
    register(ecs, name, image, "while :; do sleep 1; done")
    ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=2)
    ecs.get_waiter("services_stable").wait(cluster="default", services=[name], WaiterConfig=WAIT)
    tasks = ecs.list_tasks(serviceName=name)["taskArns"]
    assert len(tasks) == 2
    ecs.stop_task(task=tasks[0])
    finish(ecs, tasks[0])
    until(lambda: len(set(ecs.list_tasks(serviceName=name)["taskArns"]) - {tasks[0]}) == 2,
          "two tasks again")
    register(ecs, name, image, "while :; do sleep 2; done")
    ecs.update_service(service=name, taskDefinition=name)
    ecs.get_waiter("services_stable").wait(cluster="default", services=[name], WaiterConfig=WAIT)
    service = ecs.describe_services(services=[name])["services"][0]
    assert service["deployments"][0]["taskDefinition"].endswith(":2")
    ecs.delete_service(service=name, force=True)
    ecs.get_waiter("services_inactive").wait(cluster="default", services=[name],
                                             WaiterConfig=WAIT)


def command_lines():
    """Of all processes of this machine."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_text(errors="replace")
        except OSError:  # it ended meanwhile
            pass


def test_a_task_survives_kill_9_of_suiro(own_suiro, name):
    own_suiro.start()
    skip_without_tasks(own_suiro)
    image = push_busybox(own_suiro, "busybox")
    ecs = own_suiro.client("ecs")
    script = f"for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done; exit 3  # {name}"
    register(ecs, name, image, script)
    arn = start(ecs, name)
    ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig=WAIT)
    own_suiro.kill9()
    own_suiro.stop()
    assert any(script in line for line in command_lines())
    until(lambda: not any(script in line for line in command_lines()), "the end of the container")
    own_suiro.start()
    task = finish(own_suiro.client("ecs"), arn)
    assert task["containers"][0]["exitCode"] == 3
    assert lines(own_suiro, arn) == ["1", "2", "3", "4", "5", "6"]


def test_a_schedule_starts_one_task(suiro, ecs, image, name):
    arn = register(ecs, name, image, "echo $PLACE")
    region, account = suiro.env["AWS_DEFAULT_REGION"], arn.split(":")[4]
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2))
    suiro.client("scheduler").create_schedule(
        Name=name, ScheduleExpression=f"at({soon})", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"arn:aws:ecs:{region}:{account}:cluster/default",
                "RoleArn": f"arn:aws:iam::{account}:role/any",
                "EcsParameters": {"TaskDefinitionArn": arn},
                "Input": '{"containerOverrides": [{"name": "main", "environment": '
                         '[{"name": "PLACE", "value": "here"}]}]}'})
    (task,) = until(lambda: ecs.list_tasks(family=name, desiredStatus="STOPPED")["taskArns"],
                    "the task's end")
    assert finish(ecs, task)["startedBy"].startswith("chronos-schedule/")
    assert lines(suiro, task) == ["here"]
