# SPDX-License-Identifier: Apache-2.0
"""Container tasks: whether they run here, images for them, and who started which."""
import hashlib
import pathlib
import sys

import pytest

from oci_image import busybox_image
from waiting import read_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "blueprints" / "lib"))
import oci

MACHINE_MB_MIN = 128


def push_busybox(server, repository, command=("/bin/sh",)):
    """A repository with an image of busybox; returns (reference, digest)."""
    ecr = server.client("ecr")
    uri = ecr.create_repository(repositoryName=repository)["repository"]["repositoryUri"]
    image = busybox_image(command)
    for digest, blob in image.blobs.items():
        upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
        ecr.upload_layer_part(repositoryName=repository, uploadId=upload, partFirstByte=0,
                              partLastByte=len(blob) - 1, layerPartBlob=blob)
        ecr.complete_layer_upload(repositoryName=repository, uploadId=upload,
                                  layerDigests=[digest])
    manifest = image.manifest.decode()
    ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag="latest",
                  imageManifestMediaType=image.media_type)
    return f"{uri}:latest", "sha256:" + hashlib.sha256(image.manifest).hexdigest()


def push_boto3(server, repository, *services):
    """A repository with an image of Python and boto3 with these services; returns its reference."""
    uri = server.client("ecr").create_repository(
        repositoryName=repository)["repository"]["repositoryUri"]
    image = oci.build([oci.busybox(), oci.python_with_sdk(*services), {"tmp/.keep": b""}])
    oci.push(server, repository, "latest", image)
    return f"{uri}:latest"


def skip_without_tasks(server):
    """Skips the test, with the reason, where this machine can run no tasks."""
    ecs = server.client("ecs")
    ecs.create_cluster()
    ecs.register_task_definition(family="probe", containerDefinitions=[
        {"name": "main", "image": "none", "memory": 1 << 24}])
    failure = ecs.run_task(taskDefinition="probe")["failures"][0]
    if failure["reason"] == "AGENT":
        pytest.skip(f"no tasks on this machine: {failure['detail']}")


def register_job(server, word, lines):
    """The task definition "job", of lines of `word` and their numbers, and an end with $CODE. Skips
    the test where this machine can run no tasks."""
    skip_without_tasks(server)
    image, _ = push_busybox(server, "busybox")
    script = f"i=0; while [ $i -lt {lines} ]; do echo {word} $i; i=$((i+1)); sleep 0.2; done; " \
             "exit $CODE"
    server.client("ecs").register_task_definition(
        family="job", networkMode="none", containerDefinitions=[
            {"name": "main", "image": image, "memory": 16, "cpu": 10,
             "command": ["/bin/sh", "-c", script]}])


def tasks_started_by(ecs, cluster, starter, count):
    """The ARNs of all tasks that `starter` started, when there are `count` of them."""
    def listed():
        # A task that stops between the two calls is in both lists.
        return list({arn for status in ("RUNNING", "STOPPED") for arn in ecs.list_tasks(
            cluster=cluster, startedBy=starter, desiredStatus=status)["taskArns"]})

    found = read_until(lambda told: len(told) >= count, listed)
    assert len(found) == count, found
    return found
