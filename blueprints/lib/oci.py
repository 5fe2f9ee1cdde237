# SPDX-License-Identifier: Apache-2.0
"""Makes container images of this machine's own files, and pushes them with the OCI distribution
API: no other registry and no container engine is needed."""
import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile
import urllib.parse

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SDK = ("boto3", "botocore", "s3transfer", "dateutil", "urllib3", "jmespath", "six.py", "certifi",
       "requests", "idna", "chardet", "charset_normalizer")
SDK_DATA = ("/data/endpoints.json", "/data/partitions.json", "/data/_retry.json",
            "/data/sdk-default-configuration.json")
APPLETS = ("sh", "cat", "sleep", "echo", "seq", "date", "[", "mkdir", "rm", "ls", "true", "false")


def busybox():
    """Files of a small system: Debian's static busybox and links to it."""
    for path in (pathlib.Path("/bin/busybox"), pathlib.Path("/usr/bin/busybox")):
        if path.exists():
            return {"bin/busybox": path.read_bytes(),
                    **{f"bin/{name}": "busybox" for name in APPLETS}}
    raise SystemExit("busybox is missing: install Debian's package busybox-static")


def program(path, at=None):
    """A program of this machine with the libraries that it loads, as the image's files; the program
    is at the same place there, or at another one."""
    real = os.path.realpath(path)
    libraries = subprocess.run(["ldd", real], check=True, capture_output=True, text=True).stdout
    files = {(at or path).lstrip("/"): pathlib.Path(real).read_bytes()}
    for library in set(re.findall(r"(/\S+) \(0x", libraries)):
        files[library.lstrip("/")] = pathlib.Path(library).read_bytes()
    return files


def folder(path, wanted=lambda name: True):
    """The regular files below a folder of this machine, at the same place in the image."""
    return {str(file).lstrip("/"): file.read_bytes() for file in pathlib.Path(path).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts and wanted(str(file))}


def python():
    """Debian's Python with its standard library."""
    libraries = pathlib.Path(os.path.realpath("/usr/bin/python3")).name
    files = {**program("/usr/bin/python3"), **folder(f"/usr/lib/{libraries}", lambda name: (
        "/test/" not in name and "/config-" not in name))}
    for module in pathlib.Path(f"/usr/lib/{libraries}/lib-dynload").glob("*.so"):
        files.update(program(str(module)))
    return files


def python_with_sdk(*services):
    """The same with Debian's boto3 and these services' models."""
    data = (*(f"/data/{service}/" for service in services), *SDK_DATA)

    def is_wanted(name):
        is_sdk = any(f"/dist-packages/{part}" in name for part in SDK)
        return is_sdk and ("/data/" not in name or any(part in name for part in data))
    return {**python(), **folder("/usr/lib/python3/dist-packages", is_wanted)}


def layer_of(files):
    """A tar of files (path -> bytes) and links (path -> text), the same bytes each time."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.mode, entry.size = 0o755, len(content)
                archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def build(layers, environment=("PATH=/bin:/usr/bin",)):
    """An image of layers (each a dict of files): its blobs by digest, and its manifest."""
    raw = [layer_of(files) for files in layers]
    packed = [gzip.compress(layer, compresslevel=1, mtime=0) for layer in raw]
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Env": list(environment), "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in raw]},
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": digest_of(config)},
        "layers": [{"mediaType": LAYER, "size": len(layer), "digest": digest_of(layer)}
                   for layer in packed],
    }).encode()
    return {digest_of(blob): blob for blob in (config, *packed)}, manifest


class Registry:
    """A client of the distribution API."""

    def __init__(self, endpoint, token):
        self.host = urllib.parse.urlsplit(endpoint).netloc
        self.headers = {"Authorization": "Basic " + token}

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(method, path, body, {**self.headers, **headers})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400 and not (method == "HEAD" and answer.status == 404):
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return answer

    def push(self, repository, tag, blobs, manifest):
        for digest, blob in blobs.items():
            if self.request("HEAD", f"/v2/{repository}/blobs/{digest}").status == 200:
                continue
            begun = self.request("POST", f"/v2/{repository}/blobs/uploads/")
            place = urllib.parse.urlsplit(begun.getheader("Location"))
            query = f"{place.query}&" if place.query else ""
            self.request("PUT", f"{place.path}?{query}digest={digest}", blob,
                         **{"Content-Type": "application/octet-stream"})
        self.request("PUT", f"/v2/{repository}/manifests/{tag}", manifest,
                     **{"Content-Type": MANIFEST})
        return digest_of(manifest)


def push(supervisor, repository, tag, image):
    """Pushes what build() made; the manifest's digest."""
    token = supervisor.client("ecr").get_authorization_token()["authorizationData"][0]
    password = base64.b64decode(token["authorizationToken"])
    registry = Registry(supervisor.endpoint, base64.b64encode(password).decode())
    return registry.push(repository, tag, *image)
