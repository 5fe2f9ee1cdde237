# SPDX-License-Identifier: Apache-2.0
"""Container images for tests, made without a registry: OCI layouts of Debian's busybox-static."""
import gzip
import hashlib
import io
import json
import pathlib
import tarfile

BUSYBOX = pathlib.Path("/bin/busybox")
APPLETS = ("sh", "cat", "echo", "env", "false", "id", "ls", "mkdir", "rm", "sleep", "touch", "true",
           "wc", "wget")

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(files):
    """A tar archive of {path: content}: bytes are a file (0755), None is a directory, a text is a
    symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type = tarfile.SYMTYPE
                entry.linkname = content
            else:
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def busybox_files():
    files = {"bin": None, "bin/busybox": BUSYBOX.read_bytes(), "tmp": None, "etc": None,
             "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n"}
    files.update({f"bin/{name}": "busybox" for name in APPLETS})
    return files


class Image:
    """Blobs by digest, and the manifest that names them."""

    def __init__(self, layers, config=None, docker=False):
        self.blobs = {}
        diff_ids, descriptors = [], []
        for tar in layers:
            diff_ids.append(digest_of(tar))
            blob = gzip.compress(tar, mtime=0)
            descriptors.append(self.add(blob, DOCKER_LAYER if docker else OCI_LAYER))
        document = {"architecture": "amd64", "os": "linux",
                    "config": config or {"Cmd": ["/bin/sh"]},
                    "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        self.config = self.add(json.dumps(document).encode(),
                               DOCKER_CONFIG if docker else OCI_CONFIG)
        self.media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
        self.layers = descriptors
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": self.media_type,
                                    "config": self.config, "layers": descriptors}).encode()
        self.digest = digest_of(self.manifest)

    def add(self, blob, media_type):
        digest = digest_of(blob)
        self.blobs[digest] = blob
        return {"mediaType": media_type, "digest": digest, "size": len(blob)}

    def write_layout(self, directory, tag="latest"):
        """An OCI image layout that skopeo reads as oci:DIRECTORY:TAG."""
        directory = pathlib.Path(directory)
        (directory / "blobs" / "sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        for digest, blob in {**self.blobs, self.digest: self.manifest}.items():
            (directory / "blobs" / "sha256" / digest.split(":")[1]).write_bytes(blob)
        entry = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest),
                 "annotations": {"org.opencontainers.image.ref.name": tag}}
        (directory / "index.json").write_text(json.dumps(
            {"schemaVersion": 2, "manifests": [entry]}))
        return directory


def busybox_image(command=("/bin/sh",), **config):
    return Image([tar_of(busybox_files())], {"Cmd": list(command), **config})
