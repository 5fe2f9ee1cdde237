# SPDX-License-Identifier: Apache-2.0
"""Images for container tasks, pushed with the API of the registry, and whether tasks run here."""
import hashlib
import pathlib
import sys

import pytest

from oci_image import busybox_image

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
