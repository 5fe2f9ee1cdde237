# SPDX-License-Identifier: Apache-2.0
"""The registry with boto3: repositories, their policies, images, lifecycle."""
import base64
import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from oci_image import DOCKER_MANIFEST, Image, digest_of, tar_of

ACCOUNT = "000000000000"


def code_of(error):
    return error.value.response["Error"]["Code"]


@pytest.fixture()
def ecr(suiro):
    return suiro.client("ecr")


@pytest.fixture()
def repository(ecr, name):
    ecr.create_repository(repositoryName=name)
    yield name
    try:
        ecr.delete_repository(repositoryName=name, force=True)
    except ecr.exceptions.RepositoryNotFoundException:
        pass


def password(suiro):
    token = suiro.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, text = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    return text


class Registry:
    """The registry API with nothing between."""

    def __init__(self, suiro, proof=None):
        self.endpoint = suiro.endpoint
        pair = base64.b64encode(b"AWS:" + (proof or password(suiro)).encode()).decode()
        self.authorization = "Basic " + pair

    def __call__(self, method, path, body=None, headers=None, anonymous=False):
        request = urllib.request.Request(self.endpoint + path, data=body, method=method,
                                         headers=headers or {})
        if not anonymous:
            request.add_header("Authorization", self.authorization)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, dict(answer.headers.items()), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers.items()), error.read()

    def push_blob(self, repository, blob):
        status, headers, _ = self("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202
        status, headers, body = self("PUT", f"{headers['location']}?digest={digest_of(blob)}", blob)
        assert status == 201, body
        return headers

    def push(self, repository, image, reference):
        for blob in image.blobs.values():
            self.push_blob(repository, blob)
        return self("PUT", f"/v2/{repository}/manifests/{reference}", image.manifest,
                    {"Content-Type": image.media_type})


@pytest.fixture()
def registry(suiro):
    return Registry(suiro)


def small_image(text, **options):
    return Image([tar_of({"file": text.encode()})], **options)


# --- Repositories


def test_repository_life(ecr, suiro, name):
    made = ecr.create_repository(repositoryName=f"{name}/app", imageTagMutability="IMMUTABLE",
                                 imageScanningConfiguration={"scanOnPush": False},
                                 tags=[{"Key": "team", "Value": "batch"}])["repository"]
    region = suiro.env["AWS_DEFAULT_REGION"]
    assert made["repositoryArn"] == f"arn:aws:ecr:{region}:{ACCOUNT}:repository/{name}/app"
    assert made["registryId"] == ACCOUNT
    assert made["repositoryUri"] == f"{suiro.endpoint.split('//')[1]}/{name}/app"
    assert made["imageTagMutability"] == "IMMUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": False}
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert ecr.describe_repositories(repositoryNames=[f"{name}/app"])["repositories"] == [made]
    with pytest.raises(ClientError) as error:
        ecr.create_repository(repositoryName=f"{name}/app")
    assert code_of(error) == "RepositoryAlreadyExistsException"
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [
        {"Key": "team", "Value": "batch"}]
    ecr.tag_resource(resourceArn=made["repositoryArn"], tags=[{"Key": "a", "Value": "b"}])
    ecr.untag_resource(resourceArn=made["repositoryArn"], tagKeys=["team"])
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [
        {"Key": "a", "Value": "b"}]
    ecr.put_image_tag_mutability(repositoryName=f"{name}/app", imageTagMutability="MUTABLE")
    ecr.delete_repository(repositoryName=f"{name}/app")
    with pytest.raises(ClientError) as error:
        ecr.describe_repositories(repositoryNames=[f"{name}/app"])
    assert code_of(error) == "RepositoryNotFoundException"
    assert error.value.response["Error"]["Message"] == (
        f"The repository with name '{name}/app' does not exist in the registry with id "
        f"'{ACCOUNT}'")


def test_what_is_not_there_is_refused(ecr, name):
    for options in ({"imageScanningConfiguration": {"scanOnPush": True}},
                    {"encryptionConfiguration": {"encryptionType": "KMS"}},
                    {"encryptionConfiguration": {"encryptionType": "AES256", "kmsKey": "k"}}):
        with pytest.raises(ClientError) as error:
            ecr.create_repository(repositoryName=name, **options)
        assert code_of(error) == "NotImplemented"
    with pytest.raises(ClientError) as error:
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="quay",
                                             upstreamRegistryUrl="quay.io")
    assert code_of(error) == "NotImplemented"
    with pytest.raises(ClientError) as error:
        ecr.create_repository(repositoryName="Upper")
    assert code_of(error) == "InvalidParameterException"


def test_repositories_in_pages(ecr, name):
    names = [f"{name}/{i}" for i in range(5)]
    for one in names:
        ecr.create_repository(repositoryName=one)
    pages = list(ecr.get_paginator("describe_repositories").paginate(
        PaginationConfig={"PageSize": 2}))
    found = [row["repositoryName"] for page in pages for row in page["repositories"]]
    assert [one for one in found if one in names] == names
    assert all(len(page["repositories"]) <= 2 for page in pages)


def test_policies(ecr, repository):
    with pytest.raises(ClientError) as error:
        ecr.get_repository_policy(repositoryName=repository)
    assert code_of(error) == "RepositoryPolicyNotFoundException"
    text = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]})
    ecr.set_repository_policy(repositoryName=repository, policyText=text)
    assert ecr.get_repository_policy(repositoryName=repository)["policyText"] == text
    assert ecr.delete_repository_policy(repositoryName=repository)["policyText"] == text
    good = json.loads(text)["Statement"][0]
    for bad in ("{}", "[", {**good, "Resource": "*"}, {**good, "Principal": {"AWS": "ann"}},
                {**good, "Effect": "Let"}, {**good, "Action": []},
                {**good, "Condition": {"StringEquals": {"ecr:ResourceTag/a": "b"}}}):
        if not isinstance(bad, str):
            bad = json.dumps({"Version": "2012-10-17", "Statement": [bad]})
        with pytest.raises(ClientError) as error:
            ecr.set_repository_policy(repositoryName=repository, policyText=bad)
        assert code_of(error) == "InvalidParameterException"
        assert "'Invalid repository policy provided'" in error.value.response["Error"]["Message"]


def test_registry(ecr):
    answer = ecr.describe_registry()
    assert answer["registryId"] == ACCOUNT
    assert answer["replicationConfiguration"] == {"rules": []}


# --- Images through the API of AWS


def push_with_api(ecr, repository, image, tag):
    for digest, blob in image.blobs.items():
        upload = ecr.initiate_layer_upload(repositoryName=repository)
        half = len(blob) // 2
        for first, part in ((0, blob[:half]), (half, blob[half:])):
            answer = ecr.upload_layer_part(
                repositoryName=repository, uploadId=upload["uploadId"], partFirstByte=first,
                partLastByte=first + len(part) - 1, layerPartBlob=part)
            assert answer["lastByteReceived"] == first + len(part) - 1
        done = ecr.complete_layer_upload(repositoryName=repository, uploadId=upload["uploadId"],
                                         layerDigests=[digest])
        assert done["layerDigest"] == digest
    return ecr.put_image(repositoryName=repository, imageManifest=image.manifest.decode(),
                         imageTag=tag)


def test_push_and_pull_with_the_api(ecr, repository):
    image = small_image(repository, docker=True)
    made = push_with_api(ecr, repository, image, "v1")["image"]
    assert made["imageId"] == {"imageDigest": image.digest, "imageTag": "v1"}
    availability = ecr.batch_check_layer_availability(
        repositoryName=repository, layerDigests=[image.layers[0]["digest"], "sha256:" + "0" * 64])
    assert [layer["layerAvailability"] for layer in availability["layers"]] == [
        "AVAILABLE", "UNAVAILABLE"]
    got = ecr.batch_get_image(repositoryName=repository, imageIds=[
        {"imageTag": "v1"}, {"imageTag": "none"}, {}])
    assert got["images"][0]["imageManifest"].encode() == image.manifest
    assert got["images"][0]["imageManifestMediaType"] == DOCKER_MANIFEST
    assert [one["failureCode"] for one in got["failures"]] == ["ImageNotFound",
                                                             "MissingDigestAndTag"]
    url = ecr.get_download_url_for_layer(repositoryName=repository,
                                         layerDigest=image.layers[0]["digest"])["downloadUrl"]
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == image.blobs[image.layers[0]["digest"]]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=30)
    assert refused.value.code == 401
    detail = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert [(row["imageDigest"], row["imageTags"], row["imageSizeInBytes"]) for row in detail] == [
        (image.digest, ["v1"], image.layers[0]["size"])]
    with pytest.raises(ClientError) as error:
        ecr.put_image(repositoryName=repository, imageManifest=image.manifest.decode(),
                      imageTag="v1")
    assert code_of(error) == "ImageAlreadyExistsException"
    with pytest.raises(ClientError) as error:
        ecr.delete_repository(repositoryName=repository)
    assert code_of(error) == "RepositoryNotEmptyException"


def test_parts_must_follow_each_other(ecr, repository):
    upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    ecr.upload_layer_part(repositoryName=repository, uploadId=upload, partFirstByte=0,
                          partLastByte=2, layerPartBlob=b"abc")
    with pytest.raises(ClientError) as error:
        ecr.upload_layer_part(repositoryName=repository, uploadId=upload, partFirstByte=5,
                              partLastByte=7, layerPartBlob=b"xyz")
    assert code_of(error) == "InvalidLayerPartException"
    with pytest.raises(ClientError) as error:
        ecr.complete_layer_upload(repositoryName=repository, uploadId=upload,
                                  layerDigests=["sha256:" + "0" * 64])
    assert code_of(error) == "InvalidLayerException"
    with pytest.raises(ClientError) as error:
        ecr.complete_layer_upload(repositoryName=repository, uploadId=upload,
                                  layerDigests=[digest_of(b"abc")])
    assert code_of(error) == "UploadNotFoundException"


def test_tags_move_or_stay(ecr, registry, repository):
    first, second = small_image("first"), small_image("second")
    registry.push(repository, first, "latest")
    registry.push(repository, second, "latest")
    tags = {row["imageDigest"]: row.get("imageTags") for row in
            ecr.describe_images(repositoryName=repository)["imageDetails"]}
    assert tags == {first.digest: None, second.digest: ["latest"]}
    ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
    status, _, body = registry.push(repository, first, "latest")
    assert status == 400
    assert json.loads(body)["errors"][0]["code"] == "TAG_INVALID"
    with pytest.raises(ClientError) as error:
        ecr.put_image(repositoryName=repository, imageManifest=first.manifest.decode(),
                      imageTag="latest")
    assert code_of(error) == "ImageTagAlreadyExistsException"
    ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="MUTABLE")
    assert registry.push(repository, first, "latest")[0] == 201


def test_deletion_of_images(ecr, registry, repository):
    image = small_image("deleted")
    registry.push(repository, image, "a")
    registry.push(repository, image, "b")
    gone = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "a"}])
    assert gone["imageIds"] == [{"imageDigest": image.digest, "imageTag": "a"}]
    assert ecr.list_images(repositoryName=repository)["imageIds"] == [
        {"imageDigest": image.digest, "imageTag": "b"}]
    gone = ecr.batch_delete_image(repositoryName=repository, imageIds=[
        {"imageTag": "b"}, {"imageTag": "b"}, {"imageDigest": "sha1:00"}])
    assert [one["failureCode"] for one in gone["failures"]] == ["ImageNotFound",
                                                              "InvalidImageDigest"]
    assert ecr.list_images(repositoryName=repository)["imageIds"] == []


def test_lists_in_pages(ecr, registry, repository):
    expected = set()
    for i in range(3):
        image = small_image(f"page {i}")
        for tag in (f"{i}-a", f"{i}-b"):
            registry.push(repository, image, tag)
            expected.add((image.digest, tag))
    pages = list(ecr.get_paginator("list_images").paginate(
        repositoryName=repository, PaginationConfig={"PageSize": 1}))
    rows = [(row["imageDigest"], row["imageTag"]) for page in pages for row in page["imageIds"]]
    assert len(rows) == len(expected) and set(rows) == expected
    details = list(ecr.get_paginator("describe_images").paginate(
        repositoryName=repository, PaginationConfig={"PageSize": 2}))
    assert sum(len(page["imageDetails"]) for page in details) == 3
    with pytest.raises(ClientError) as error:
        ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": "0-a"}],
                            maxResults=1)
    assert code_of(error) == "InvalidParameterException"


# --- Lifecycle


def lifecycle(*rules):
    return json.dumps({"rules": [
        {"rulePriority": i + 1, "description": "a rule of the test", "action": {"type": "expire"},
         "selection": selection} for i, selection in enumerate(rules)]})


def test_lifecycle_preview_and_policy(ecr, registry, repository):
    images = [small_image(f"life {i}") for i in range(4)]
    for i, image in enumerate(images):
        registry.push(repository, image, f"v{i}")
    text = lifecycle({"tagStatus": "tagged", "tagPrefixList": ["v"],
                      "countType": "imageCountMoreThan", "countNumber": 1})
    ecr.start_lifecycle_policy_preview(repositoryName=repository, lifecyclePolicyText=text)
    preview = ecr.get_lifecycle_policy_preview(repositoryName=repository)
    assert preview["status"] == "COMPLETE"
    assert preview["summary"]["expiringImageTotalCount"] == 3
    with pytest.raises(ClientError) as error:
        ecr.get_lifecycle_policy_preview(repositoryName=repository, maxResults=1,
                                         imageIds=[{"imageTag": "v0"}])
    assert code_of(error) == "InvalidParameterException"
    assert {tag for row in preview["previewResults"] for tag in row["imageTags"]} == {
        "v0", "v1", "v2"}
    ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=text)
    waiter = iter(range(300))
    while len(ecr.list_images(repositoryName=repository)["imageIds"]) > 1:
        assert next(waiter, None) is not None, "the policy removes nothing"
    assert ecr.list_images(repositoryName=repository)["imageIds"] == [
        {"imageDigest": images[3].digest, "imageTag": "v3"}]
    assert ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"] == text
    assert ecr.delete_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"] == text
    with pytest.raises(ClientError) as error:
        ecr.get_lifecycle_policy(repositoryName=repository)
    assert code_of(error) == "LifecyclePolicyNotFoundException"


def test_lifecycle_refusals(ecr, repository):
    for selection in ({"tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 1},
                      {"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1},
                      {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0}):
        with pytest.raises(ClientError) as error:
            ecr.put_lifecycle_policy(repositoryName=repository,
                                     lifecyclePolicyText=lifecycle(selection))
        assert code_of(error) == "InvalidParameterException"
