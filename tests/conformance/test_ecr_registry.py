# SPDX-License-Identifier: Apache-2.0
"""The registry's HTTP API byte for byte, who may call it, and skopeo, podman and buildah."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError
from oci_image import (DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Image, busybox_image, digest_of,
                       tar_of)
from test_ecr import (ACCOUNT, Registry, code_of, ecr, password, registry, repository,  # noqa: F401
                      small_image)

COMMAND_SECONDS_MAX = 120


def needs(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def test_registry_asks_who_calls(suiro, registry, repository):
    status, headers, body = registry("GET", "/v2/", anonymous=True)
    assert status == 401
    assert headers["www-authenticate"].startswith("Basic realm=")
    assert json.loads(body)["errors"][0]["code"] == "UNAUTHORIZED"
    assert Registry(suiro, "wrong")("GET", "/v2/")[0] == 401
    changed = password(suiro)
    assert Registry(suiro, "9" + changed[1:])("GET", "/v2/")[0] == 401
    status, headers, _ = registry("GET", "/v2/")
    assert status == 200
    assert headers["docker-distribution-api-version"] == "registry/2.0"
    assert registry("GET", f"/v2/{repository}/tags/list", anonymous=True)[0] == 401


def test_a_password_may_what_its_holder_may(suiro, registry, repository, name):
    iam = suiro.client("iam")
    other = repository + "-other"
    suiro.client("ecr").create_repository(repositoryName=other)
    image = small_image("a")
    for place in (repository, other):
        assert registry.push(place, image, "v1")[0] == 201
    user = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def grant(*actions):
        arn = f"arn:aws:ecr:{suiro.env['AWS_DEFAULT_REGION']}:{ACCOUNT}:repository/{repository}"
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
                {"Effect": "Allow", "Action": list(actions), "Resource": arn}]}))
    grant("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    token = boto3.client(
        "ecr", endpoint_url=suiro.endpoint, region_name=suiro.env["AWS_DEFAULT_REGION"],
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
    ).get_authorization_token()["authorizationData"][0]["authorizationToken"]
    mine = Registry(suiro, base64.b64decode(token).decode().partition(":")[2])
    blob = digest_of(next(iter(image.blobs.values())))
    pulls = ("manifests/v1", f"blobs/{blob}")
    assert mine("GET", "/v2/")[0] == 200
    for path in pulls:
        assert mine("GET", f"/v2/{repository}/{path}")[0] == 200
        status, _, body = mine("GET", f"/v2/{other}/{path}")
        error = json.loads(body)["errors"][0]
        assert status == 403 and error["code"] == "DENIED", body
        assert f"User: {user} is not authorized to perform: ecr:" in error["message"]
    for method, path in (("POST", "blobs/uploads/"), ("PUT", "manifests/v2"),
                         ("DELETE", "manifests/v1"), ("GET", "tags/list")):
        assert mine(method, f"/v2/{repository}/{path}", b"" if method in ("POST", "PUT") else None
                    )[0] == 403, path
    assert mine("GET", "/v2/_catalog")[0] == 403
    # A layer of another repository is not to be had by mounting it.
    grant("ecr:*")
    assert mine.push(repository, small_image("b"), "v2")[0] == 201
    assert mine("POST", f"/v2/{repository}/blobs/uploads/?mount={blob}&from={other}", b"")[0] == 403
    # What is taken away is gone at once, and so is the user.
    grant("ecr:PutImage")
    assert mine("GET", f"/v2/{repository}/manifests/v1")[0] == 403
    grant("ecr:*")
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
    assert mine("GET", f"/v2/{repository}/manifests/v1")[0] == 403


PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


class User:
    """A user that may ask for passwords and nothing else, unless it is given more."""

    def __init__(self, suiro, name):
        self.suiro, self.name, self.iam = suiro, name, suiro.client("iam")
        self.arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        self.key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.grant("ecr:GetAuthorizationToken")
        self.ecr = boto3.client(
            "ecr", endpoint_url=suiro.endpoint, region_name=suiro.env["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.key["AccessKeyId"],
            aws_secret_access_key=self.key["SecretAccessKey"])
        token = self.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self.registry = Registry(suiro, base64.b64decode(token).decode().partition(":")[2])

    def grant(self, *actions):
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))

    def pull(self, repository):
        """What the API and the registry answer to a pull."""
        status, _, body = self.registry("GET", f"/v2/{repository}/manifests/v1")
        try:
            images = self.ecr.batch_get_image(repositoryName=repository,
                                              imageIds=[{"imageTag": "v1"}])["images"]
            assert status == 200 and len(images) == 1
            return "pulled"
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
            assert status == 403
            told = json.loads(body)["errors"][0]
            assert told["code"] == "DENIED"
            assert told["message"] == error.response["Error"]["Message"]
            return told["message"]


def put_statements(ecr, repository, *statements):
    ecr.set_repository_policy(repositoryName=repository, policyText=json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}))


def test_a_repositorys_policy_lets_in(suiro, ecr, registry, repository, name):
    image = small_image("a")
    assert registry.push(repository, image, "v1")[0] == 201
    ann = User(suiro, name)
    assert "because no identity-based policy allows the ecr:BatchGetImage" in ann.pull(repository)
    allow = {"Effect": "Allow", "Principal": {"AWS": ann.arn}, "Action": PULL}
    put_statements(ecr, repository, allow)
    assert ann.pull(repository) == "pulled"
    blob = digest_of(next(iter(image.blobs.values())))
    assert ann.registry("GET", f"/v2/{repository}/blobs/{blob}")[0] == 200
    assert ann.registry("POST", f"/v2/{repository}/blobs/uploads/")[0] == 403
    with pytest.raises(ClientError) as error:
        ann.ecr.list_images(repositoryName=repository)
    assert code_of(error) == "AccessDeniedException"
    put_statements(ecr, repository, {**allow, "Principal": {"AWS": ACCOUNT}})
    assert "no identity-based policy" in ann.pull(repository)
    for address, answer in (("127.0.0.0/8", "pulled"), ("10.0.0.0/8", "no identity-based policy")):
        put_statements(ecr, repository,
                       {**allow, "Condition": {"IpAddress": {"aws:SourceIp": address}}})
        assert answer in ann.pull(repository)
    put_statements(ecr, repository, {**allow, "Principal": "*"})
    assert ann.pull(repository) == "pulled"
    ecr.delete_repository_policy(repositoryName=repository)
    assert "no identity-based policy" in ann.pull(repository)
    # A policy goes with its repository.
    put_statements(ecr, repository, {**allow, "Action": "ecr:*"})
    ann.ecr.delete_repository(repositoryName=repository, force=True)
    ecr.create_repository(repositoryName=repository)
    with pytest.raises(ClientError) as error:
        ann.ecr.list_images(repositoryName=repository)
    assert code_of(error) == "AccessDeniedException"


def test_a_repositorys_policy_denies(suiro, ecr, registry, repository, name):
    assert registry.push(repository, small_image("a"), "v1")[0] == 201
    ann = User(suiro, name)
    ann.grant("ecr:*")
    assert ann.pull(repository) == "pulled"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}
    put_statements(ecr, repository, {**deny, "Principal": {"AWS": ann.arn}})
    assert "with an explicit deny in a resource-based policy" in ann.pull(repository)
    assert registry("GET", f"/v2/{repository}/manifests/v1")[0] == 200
    # Root too, but for the policy itself.
    put_statements(ecr, repository, deny)
    assert registry("GET", f"/v2/{repository}/manifests/v1")[0] == 403
    with pytest.raises(ClientError) as error:
        ecr.list_images(repositoryName=repository)
    assert code_of(error) == "AccessDeniedException"
    put_statements(ecr, repository, deny)
    assert json.loads(ecr.get_repository_policy(repositoryName=repository)["policyText"])
    ecr.delete_repository_policy(repositoryName=repository)
    assert registry("GET", f"/v2/{repository}/manifests/v1")[0] == 200


def test_a_repositorys_policy_survives_a_kill(own_suiro, name):
    own_suiro.start()
    ecr = own_suiro.client("ecr")
    ecr.create_repository(repositoryName=name)
    put_statements(ecr, name, {"Effect": "Deny", "Principal": "*", "Action": "ecr:ListImages"})
    own_suiro.kill9()
    own_suiro.start()
    with pytest.raises(ClientError) as error:
        own_suiro.client("ecr").list_images(repositoryName=name)
    assert code_of(error) == "AccessDeniedException"


def test_uploads_in_chunks(registry, repository):
    blob = os.urandom(3 << 20)
    status, headers, _ = registry("POST", f"/v2/{repository}/blobs/uploads/")
    assert status == 202
    location = headers["location"]
    for first in range(0, len(blob), 1 << 20):
        part = blob[first:first + (1 << 20)]
        status, headers, _ = registry("PATCH", location, part, {
            "Content-Range": f"{first}-{first + len(part) - 1}",
            "Content-Type": "application/octet-stream"})
        assert status == 202
        assert headers["range"] == f"0-{first + len(part) - 1}"
    assert registry("PATCH", location, b"x", {"Content-Range": "7-7"})[0] == 416
    status, headers, _ = registry("GET", location)
    assert (status, headers["range"]) == (204, f"0-{len(blob) - 1}")
    status, headers, _ = registry("PUT", f"{location}?digest={digest_of(blob)}")
    assert status == 201
    assert headers["docker-content-digest"] == digest_of(blob)
    path = f"/v2/{repository}/blobs/{digest_of(blob)}"
    assert registry("GET", path)[2] == blob
    status, headers, body = registry("GET", path, headers={"Range": "bytes=100-199"})
    assert (status, body) == (206, blob[100:200])
    assert headers["content-range"] == f"bytes 100-199/{len(blob)}"
    assert registry("GET", path, headers={"Range": f"bytes={len(blob)}-"})[0] == 416
    status, headers, _ = registry("HEAD", path)
    assert (status, int(headers["content-length"])) == (200, len(blob))


def test_upload_of_other_bytes(registry, repository):
    status, headers, _ = registry("POST", f"/v2/{repository}/blobs/uploads/")
    status, _, body = registry("PUT", f"{headers['location']}?digest={digest_of(b'other')}",
                               b"bytes")
    assert status == 400
    assert json.loads(body)["errors"][0]["code"] == "DIGEST_INVALID"
    status, _, body = registry("PATCH", headers["location"], b"x")
    assert status == 404
    assert json.loads(body)["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN"
    assert registry("HEAD", f"/v2/{repository}/blobs/{digest_of(b'other')}")[0] == 404
    status, headers, _ = registry("POST", f"/v2/{repository}/blobs/uploads/?digest="
                                  + digest_of(b"at once"), b"at once")
    assert status == 201


def test_mount_from_another_repository(ecr, registry, repository):
    ecr.create_repository(repositoryName=repository + "/other")
    registry.push_blob(repository, b"mounted")
    digest = digest_of(b"mounted")
    target = f"/v2/{repository}/other/blobs"
    assert registry("HEAD", f"{target}/{digest}")[0] == 404
    assert registry("POST", f"{target}/uploads/?mount={digest}&from={repository}")[0] == 201
    assert registry("GET", f"{target}/{digest}")[2] == b"mounted"
    unknown = digest_of(b"unknown")
    assert registry("POST", f"{target}/uploads/?mount={unknown}&from={repository}")[0] == 202


def test_manifests(registry, repository):
    image = small_image("manifest")
    status, _, body = registry("PUT", f"/v2/{repository}/manifests/v1", image.manifest,
                               {"Content-Type": image.media_type})
    assert status == 404
    assert json.loads(body)["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"
    status, headers, _ = registry.push(repository, image, "v1")
    assert status == 201
    assert headers["docker-content-digest"] == image.digest
    for reference in ("v1", image.digest):
        status, headers, body = registry("GET", f"/v2/{repository}/manifests/{reference}")
        assert (status, body) == (200, image.manifest)
        assert headers["content-type"] == OCI_MANIFEST
        status, headers, _ = registry("HEAD", f"/v2/{repository}/manifests/{reference}")
        assert (status, int(headers["content-length"])) == (200, len(image.manifest))
    status, _, body = registry("GET", f"/v2/{repository}/manifests/none")
    assert (status, json.loads(body)["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    status, _, body = registry("PUT", f"/v2/{repository}/manifests/v2", b"{}")
    assert (status, json.loads(body)["errors"][0]["code"]) == (400, "MANIFEST_INVALID")
    status, _, body = registry("GET", "/v2/no-such-repository/tags/list")
    assert (status, json.loads(body)["errors"][0]["code"]) == (404, "NAME_UNKNOWN")
    assert registry("DELETE", f"/v2/{repository}/manifests/v1")[0] == 202
    assert registry("GET", f"/v2/{repository}/manifests/v1")[0] == 404
    assert registry("DELETE", f"/v2/{repository}/manifests/{image.digest}")[0] == 202
    assert registry("GET", f"/v2/{repository}/manifests/{image.digest}")[0] == 404


def test_index_and_its_images(ecr, registry, repository):
    image = small_image("in an index")
    entry = {"mediaType": OCI_MANIFEST, "digest": image.digest, "size": len(image.manifest),
             "platform": {"os": "linux", "architecture": "amd64"}}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    headers = {"Content-Type": OCI_INDEX}
    assert registry("PUT", f"/v2/{repository}/manifests/all", index, headers)[0] == 404
    registry.push(repository, image, image.digest)
    assert registry("PUT", f"/v2/{repository}/manifests/all", index, headers)[0] == 201
    gone = ecr.batch_delete_image(repositoryName=repository,
                                  imageIds=[{"imageDigest": image.digest}])
    assert gone["failures"][0]["failureCode"] == "ImageReferencedByManifestList"


def test_referrers(registry, repository):
    image = small_image("subject")
    registry.push(repository, image, "v1")
    attached = Image([tar_of({"signature": b"s"})])
    document = json.loads(attached.manifest)
    document["artifactType"] = "application/x-signature"
    document["subject"] = {"mediaType": OCI_MANIFEST, "digest": image.digest,
                           "size": len(image.manifest)}
    for blob in attached.blobs.values():
        registry.push_blob(repository, blob)
    data = json.dumps(document).encode()
    status, headers, _ = registry("PUT", f"/v2/{repository}/manifests/{digest_of(data)}", data,
                                  {"Content-Type": OCI_MANIFEST})
    assert (status, headers["oci-subject"]) == (201, image.digest)
    found = json.loads(registry("GET", f"/v2/{repository}/referrers/{image.digest}")[2])
    assert [(row["digest"], row["artifactType"]) for row in found["manifests"]] == [
        (digest_of(data), "application/x-signature")]
    status, headers, body = registry(
        "GET", f"/v2/{repository}/referrers/{image.digest}?artifactType=other")
    assert json.loads(body)["manifests"] == []
    assert headers["oci-filters-applied"] == "artifactType"


def test_tags_and_catalog_in_pages(registry, repository):
    image = small_image("tags")
    for tag in ("a", "b", "c"):
        registry.push(repository, image, tag)
    status, headers, body = registry("GET", f"/v2/{repository}/tags/list?n=2")
    assert json.loads(body) == {"name": repository, "tags": ["a", "b"]}
    following = headers["link"].split("<")[1].split(">")[0]
    status, headers, body = registry("GET", following)
    assert json.loads(body)["tags"] == ["c"]
    assert "link" not in headers
    names = []
    path = "/v2/_catalog?n=1"
    while path:
        _, headers, body = registry("GET", path)
        names += json.loads(body)["repositories"]
        path = headers["link"].split("<")[1].split(">")[0] if "link" in headers else None
    assert repository in names and names == sorted(names)


def test_a_bucket_named_v2(suiro, registry, repository):
    s3 = suiro.client("s3")
    key = f"{repository}/manifests/v1"
    # AWS's names have three letters at least, so "v2" cannot be made; what is said of it is S3's.
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="v2", Key=key)
    assert code_of(error) == "NoSuchBucket"
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "v2", "Key": key})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=30)
    assert refused.value.headers["content-type"] == "application/xml"
    request = urllib.request.Request(f"{suiro.endpoint}/v2/{key}", method="OPTIONS", headers={
        "Origin": "https://example.com", "Access-Control-Request-Method": "GET"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert b"<Code>" in refused.value.read()


# --- Container clients


@pytest.fixture()
def podman_store():
    """podman refuses longer paths than 50 characters."""
    with tempfile.TemporaryDirectory(prefix="ecr") as directory:
        yield ["--root", f"{directory}/root", "--runroot", f"{directory}/run"]


def run(*command, env=None, text=None):
    done = subprocess.run(command, capture_output=True, text=True, input=text, env=env,
                          timeout=COMMAND_SECONDS_MAX, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@needs("skopeo", "busybox")
def test_skopeo_both_ways(suiro, repository, tmp_path):
    image = busybox_image()
    layout = image.write_layout(tmp_path / "image")
    host = suiro.endpoint.split("//")[1]
    env = {**suiro.env, "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}
    token = run("/usr/bin/aws", "--endpoint-url", suiro.endpoint, "ecr", "get-login-password",
                env=env).strip()
    run("skopeo", "login", "--tls-verify=false", "--username", "AWS", "--password-stdin", host,
        env=env, text=token)
    there = f"docker://{host}/{repository}"
    run("skopeo", "copy", "--dest-tls-verify=false", f"oci:{layout}:latest", f"{there}:latest",
        env=env)
    seen = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"{there}:latest", env=env))
    assert seen["Digest"] == image.digest
    assert seen["RepoTags"] == ["latest"]
    run("skopeo", "copy", "--src-tls-verify=false", f"{there}@{image.digest}",
        f"oci:{tmp_path / 'back'}:latest", env=env)
    for digest, blob in image.blobs.items():
        back = pathlib.Path(tmp_path, "back", "blobs", "sha256", digest.split(":")[1])
        assert back.read_bytes() == blob
    run("skopeo", "copy", "--format", "v2s2", "--dest-tls-verify=false", f"oci:{layout}:latest",
        f"{there}:docker", env=env)
    listed = suiro.client("ecr").describe_images(repositoryName=repository, imageIds=[
        {"imageTag": "docker"}])["imageDetails"][0]
    assert listed["imageManifestMediaType"] == DOCKER_MANIFEST
    run("skopeo", "delete", "--tls-verify=false", f"{there}:docker", env=env)


@needs("podman", "skopeo", "busybox")
def test_podman_push_and_pull(suiro, repository, tmp_path, podman_store):
    layout = busybox_image().write_layout(tmp_path / "image")
    host = suiro.endpoint.split("//")[1]
    store = [*podman_store, "--storage-driver", "vfs"]
    env = {**os.environ, "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}
    run("podman", *store, "login", "--tls-verify=false", "-u", "AWS", "--password-stdin", host,
        env=env, text=password(suiro))
    run("podman", *store, "pull", f"oci:{layout}:latest", env=env)
    made = run("podman", *store, "images", "-q", env=env).split()[0]
    run("podman", *store, "push", "--tls-verify=false", made, f"{host}/{repository}:podman",
        env=env)
    run("podman", *store, "rmi", "-f", made, env=env)
    run("podman", *store, "pull", "--tls-verify=false", f"{host}/{repository}:podman", env=env)
    assert run("podman", *store, "images", "-q", env=env).split()[0] == made


@needs("buildah", "busybox")
def test_buildah_push(suiro, repository, tmp_path):
    layout = busybox_image().write_layout(tmp_path / "image")
    host = suiro.endpoint.split("//")[1]
    store = ["--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"),
             "--storage-driver", "vfs"]
    env = dict(os.environ)
    container = run("buildah", *store, "from", f"oci:{layout}:latest", env=env).strip()
    (tmp_path / "added").write_text("added\n")
    run("buildah", *store, "copy", container, str(tmp_path / "added"), "/added", env=env)
    run("buildah", *store, "commit", container, "made", env=env)
    run("buildah", *store, "push", "--tls-verify=false", "--creds", f"AWS:{password(suiro)}",
        "made", f"docker://{host}/{repository}:buildah", env=env)
    found = suiro.client("ecr").batch_get_image(repositoryName=repository,
                                                imageIds=[{"imageTag": "buildah"}])["images"][0]
    assert len(json.loads(found["imageManifest"])["layers"]) == 2


def test_password_survives_a_restart(own_suiro):
    own_suiro.start()
    own_suiro.listen = own_suiro.endpoint.split("//")[1]
    own_suiro.client("ecr").create_repository(repositoryName="kept")
    registry = Registry(own_suiro)
    image = small_image("kept")
    assert registry.push("kept", image, "v1")[0] == 201
    own_suiro.kill9()
    own_suiro.restart()
    assert registry("GET", "/v2/kept/manifests/v1")[2] == image.manifest
    digest = image.layers[0]["digest"]
    assert registry("GET", f"/v2/kept/blobs/{digest}")[2] == image.blobs[digest]
