# SPDX-License-Identifier: Apache-2.0
"""An acknowledged push is there after kill -9, with all its layers; see README.md."""
import base64
import hashlib
import http.client
import json
import os

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
REPOSITORIES = ("one", "two")
# Above and below the size from which blobs are files.
SIZES = (10, 5_000, 400_000)


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """One connection a request, so that each request has one outcome."""

    def __init__(self, harness):
        token = harness.client("ecr").get_authorization_token()
        self.proof = token["authorizationData"][0]["authorizationToken"]
        assert base64.b64decode(self.proof).startswith(b"AWS:")
        self.address = harness.server.listen

    def __call__(self, method, path, body=b"", **headers):
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request(method, path, body, {"Authorization": f"Basic {self.proof}",
                                                    **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


class Pushes:
    def __init__(self):
        self.acknowledged = {}  # (repository, tag) -> manifest
        self.doubtful = {}      # (repository, tag) -> manifests whose answer did not come


def descriptor(blob):
    return {"mediaType": "application/octet-stream", "digest": digest_of(blob), "size": len(blob)}


def push_blob(registry, repository, blob, rng):
    """Returns whether the layer was acknowledged."""
    path = f"/v2/{repository}/blobs"
    if rng.random() < 0.5 and registry("HEAD", f"{path}/{digest_of(blob)}")[0] == 200:
        return True
    if rng.random() < 0.5:
        status, _, body = registry("POST", f"{path}/uploads/?digest={digest_of(blob)}", blob)
    else:
        status, headers, body = registry("POST", f"{path}/uploads/")
        if status != 202:
            return False
        half = len(blob) // 2
        status, headers, body = registry("PATCH", headers["location"], blob[:half])
        if status == 404:
            return False  # of the server before the kill
        status, headers, body = registry(
            "PUT", f"{headers['location']}?digest={digest_of(blob)}", blob[half:])
    if status in (404, 503):
        return False
    assert status == 201, body
    return True


def pusher(registry, number, pushes, shared):
    counter = iter(range(1 << 30))

    def step(rng):
        repository = rng.choice(REPOSITORIES)
        tag = f"{number}-{rng.randrange(5)}"
        text = f"{number} {next(counter)} ".encode()
        layers = [rng.choice(shared), text + os.urandom(rng.choice(SIZES))]
        config = b"config of " + text
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                               "config": descriptor(config),
                               "layers": [descriptor(layer) for layer in layers]}).encode()
        key = (repository, tag)
        try:
            for blob in (*layers, config):
                if not push_blob(registry, repository, blob, rng):
                    return
        except (OSError, http.client.HTTPException):
            return
        pushes.doubtful.setdefault(key, set()).add(manifest)
        try:
            status, _, body = registry("PUT", f"/v2/{repository}/manifests/{tag}", manifest,
                                       **{"Content-Type": MANIFEST})
        except (OSError, http.client.HTTPException):
            return
        if status == 503:
            return
        assert status == 201, body
        pushes.acknowledged[key] = manifest
        pushes.doubtful[key] = set()

    return step


def check(registry, pushes):
    """Each tag names what was acknowledged last, or what was sent after it without an answer; and
    every manifest that is there has its layers, byte for byte."""
    for key in set(pushes.acknowledged) | set(pushes.doubtful):
        repository, tag = key
        status, _, found = registry("GET", f"/v2/{repository}/manifests/{tag}")
        possible = set(pushes.doubtful.get(key, ()))
        if key in pushes.acknowledged:
            possible.add(pushes.acknowledged[key])
            assert status == 200, f"{key} was acknowledged and is gone: {found}"
        if status == 404:
            continue
        assert found in possible, f"{key} is a manifest that was replaced"
        document = json.loads(found)
        for blob in (*document["layers"], document["config"]):
            status, _, content = registry("GET", f"/v2/{repository}/blobs/{blob['digest']}")
            assert (status, digest_of(content)) == (200, blob["digest"]), f"a layer of {key}"


def test_pushes(harness):
    for name in REPOSITORIES:
        harness.client("ecr").create_repository(repositoryName=name)
    registry = Registry(harness)
    shared = [os.urandom(size) for size in SIZES]
    writers = [Pushes() for _ in range(4)]
    for number, pushes in enumerate(writers):
        harness.writer(pusher(registry, number, pushes, shared))
    harness.run()
    assert sum(len(pushes.acknowledged) for pushes in writers) > 4
    for pushes in writers:
        check(registry, pushes)
