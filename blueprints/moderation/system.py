# SPDX-License-Identifier: Apache-2.0
"""The system: bucket, queue, images, roles, task definitions, state machine and schedule."""
import json
import pathlib
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone

import oci
from supervisor import binary, ensure

HERE = pathlib.Path(__file__).resolve().parent
REGION, ACCOUNT = "ap-northeast-1", "000000000000"
BUCKET, SECRETS, QUEUE = "forum", "forum-secrets", "moderation.fifo"
LOG_GROUP, GROUP = "/moderation", "moderation"
ACCURACY_MIN = 0.9
EVERY_NIGHT, ZONE = "cron(0 3 * * ? *)", "Asia/Tokyo"


def stripped_suiro():
    """The server's own program, which has the connector, without what only debuggers read."""
    if not shutil.which("strip"):
        return oci.program(binary(), "/bin/suiro")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["strip", "-o", f"{folder}/suiro", binary()], check=True)
        return oci.program(f"{folder}/suiro", "/bin/suiro")


def images():
    steps = {file.name: file.read_bytes() for file in (HERE / "container").glob("*.py")}
    return {"moderation-extract": oci.build([oci.busybox(), stripped_suiro(),
                                             {"tmp/.keep": b""}]),
            "moderation-step": oci.build([oci.busybox(), oci.python(), steps])}


def allow(action, *resources):
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}


def make_role(iam, name, service, *statements):
    """What its holder may do, and nothing else."""
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}))
    return role["Arn"]


def make_tasks(supervisor, database, password):
    """The task definitions; the roles of their tasks."""
    s3, iam, ecs = (supervisor.client(name) for name in ("s3", "iam", "ecs"))
    nights = f"arn:aws:s3:::{BUCKET}/nights/*"
    roles = [make_role(iam, "moderation-extract", "ecs-tasks", allow("s3:PutObject", nights)),
             make_role(iam, "moderation-step", "ecs-tasks",
                       allow(["s3:GetObject", "s3:PutObject"], nights))]
    s3.put_object(Bucket=SECRETS, Key="database", Body=password.encode())
    for (name, image), role in zip(images().items(), roles):
        supervisor.client("ecr").create_repository(repositoryName=name)
        oci.push(supervisor, name, "latest", image)
        container = {
            "name": "main", "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}:latest",
            "environment": [{"name": "LAKE", "value": BUCKET}],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": LOG_GROUP, "awslogs-region": REGION,
                "awslogs-stream-prefix": "night"}}}
        volumes = []
        if name == "moderation-extract":
            # Only the socket's folder of the database is in the container.
            volumes = [{"name": "database", "host": {"sourcePath": str(database.socket.parent)}}]
            container |= {
                "mountPoints": [{"sourceVolume": "database", "containerPath": "/database",
                                 "readOnly": True}],
                "secrets": [{"name": "SUIRO_SOURCE_PASSWORD",
                             "valueFrom": f"arn:aws:s3:::{SECRETS}/database"}]}
        ecs.register_task_definition(family=name, cpu="256", memory="256", taskRoleArn=role,
                                     volumes=volumes, containerDefinitions=[container])
    return roles


def make_machine(supervisor, queue, task_roles):
    iam = supervisor.client("iam")
    role = make_role(
        iam, "moderation-night", "states",
        allow("ecs:RunTask", f"arn:aws:ecs:*:{ACCOUNT}:task-definition/moderation-*"),
        allow(["ecs:DescribeTasks", "ecs:StopTask"], "*"),
        allow("iam:PassRole", *task_roles),
        allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/nights/*"),
        allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/models/*"),
        allow("logs:GetLogEvents", f"arn:aws:logs:*:{ACCOUNT}:log-group:{LOG_GROUP}:*"),
        allow("sqs:SendMessage", f"arn:aws:sqs:*:{ACCOUNT}:{QUEUE}"))
    definition = (HERE / "moderation.asl.json").read_text(encoding="utf-8")
    return supervisor.client("stepfunctions").create_state_machine(
        name="moderation", roleArn=role,
        definition=definition.replace("${Queue}", queue))["stateMachineArn"]


def input_of(night):
    return json.dumps({"night": night, "accuracyMin": ACCURACY_MIN})


class Nights:
    """Starts the state machine: each night at three in Tokyo, and at once in time-lapse."""

    def __init__(self, supervisor, machine):
        self.scheduler = supervisor.client("scheduler")
        self.machine = machine
        self.role = make_role(supervisor.client("iam"), "moderation-schedule", "scheduler",
                              allow("states:StartExecution", machine))
        self.scheduler.create_schedule_group(Name=GROUP)
        self.schedule("nightly", EVERY_NIGHT, "<aws.scheduler.scheduled-time>")

    def schedule(self, name, expression, night):
        ensure(lambda: self.scheduler.create_schedule(
            Name=name, GroupName=GROUP, FlexibleTimeWindow={"Mode": "OFF"},
            ScheduleExpression=expression, ScheduleExpressionTimezone=ZONE,
            Target={"Arn": self.machine, "RoleArn": self.role, "Input": input_of(night)}),
               {"ConflictException"})

    def begin(self, night):
        """This night begins in the second after the next."""
        tokyo = datetime.now(timezone(timedelta(hours=9))) + timedelta(seconds=2)
        self.schedule(night, f"at({tokyo:%Y-%m-%dT%H:%M:%S})", night)


def deploy(supervisor, database, password):
    """The queue of news, and what begins nights."""
    s3 = supervisor.client("s3")
    for bucket in (BUCKET, SECRETS):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    queue = supervisor.client("sqs").create_queue(
        QueueName=QUEUE, Attributes={"FifoQueue": "true"})["QueueUrl"]
    machine = make_machine(supervisor, queue, make_tasks(supervisor, database, password))
    return queue, Nights(supervisor, machine)
