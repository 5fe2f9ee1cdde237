# SPDX-License-Identifier: Apache-2.0
"""The farm: a bucket, a queue of chunks, the workers' image and an ECS service that keeps them."""
import json
import pathlib

import oci

HERE = pathlib.Path(__file__).resolve().parent
BUCKET, QUEUE, REPOSITORY, SERVICE = "films", "chunks", "media-worker", "workers"
IMAGE = f"000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/{REPOSITORY}:latest"
VISIBILITY_SECONDS = 20


def image():
    """Debian's ffmpeg, Python and boto3, as they are installed on this machine."""
    worker = {"worker.py": (HERE / "worker.py").read_bytes(), "tmp/.keep": b""}
    return oci.build([oci.busybox(), oci.program("/usr/bin/ffmpeg"),
                      oci.python_with_sdk("s3", "sqs"), worker])


def make_role(iam):
    """What a worker may do, and nothing else."""
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole"}]}
    allowed = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
         "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        {"Effect": "Allow", "Resource": f"arn:aws:sqs:*:*:{QUEUE}",
         "Action": ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage"]}]}
    role = iam.create_role(RoleName=REPOSITORY, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=REPOSITORY, PolicyName="work",
                        PolicyDocument=json.dumps(allowed))
    return role["Role"]["Arn"]


def deploy(supervisor, workers):
    s3, sqs, ecs = (supervisor.client(name) for name in ("s3", "sqs", "ecs"))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={
        "LocationConstraint": "ap-northeast-1"})
    queue = sqs.create_queue(QueueName=QUEUE, Attributes={
        "VisibilityTimeout": str(VISIBILITY_SECONDS)})["QueueUrl"]
    supervisor.client("ecr").create_repository(repositoryName=REPOSITORY)
    oci.push(supervisor, REPOSITORY, "latest", image())
    ecs.register_task_definition(
        family="worker", cpu="256", memory="512", taskRoleArn=make_role(supervisor.client("iam")),
        containerDefinitions=[{
            "name": "worker", "image": IMAGE, "command": ["python3", "/worker.py"],
            "stopTimeout": 2, "environment": [{"name": "QUEUE", "value": QUEUE},
                                              {"name": "BUCKET", "value": BUCKET}]}])
    ecs.create_service(serviceName=SERVICE, taskDefinition="worker", desiredCount=workers)
    return queue


def submit(sqs, queue, frames, size):
    """Puts the chunks of the film into the queue; how many."""
    chunks = [{"number": number, "from": first, "to": min(first + size, frames)}
              for number, first in enumerate(range(0, frames, size))]
    for i in range(0, len(chunks), 10):
        answer = sqs.send_message_batch(QueueUrl=queue, Entries=[
            {"Id": str(chunk["number"]), "MessageBody": json.dumps(chunk)}
            for chunk in chunks[i:i + 10]])
        if answer.get("Failed"):
            raise RuntimeError(answer["Failed"])
    return len(chunks)
