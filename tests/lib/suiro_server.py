# SPDX-License-Identifier: Apache-2.0
"""Starts, kills and restarts a real Suiro for tests."""
import os
import pathlib
import re
import select
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30


def binary():
    named = os.environ.get("SUIRO_BIN")
    if named:
        return named
    for preset in ("release", "dev"):
        path = ROOT / "build" / preset / "suiro"
        if path.exists():
            return str(path)
    raise FileNotFoundError("no suiro binary: run `make build` or set SUIRO_BIN")


class Server:
    """One Suiro on a port of its own choosing, with a data directory that outlives restarts."""

    def __init__(self, directory, *options):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.options = list(options)
        self.process = None
        self.listen = "127.0.0.1:0"
        self.endpoint = None
        self.env = {}

    def start(self, *options):
        log = open(self.directory / "suiro.log", "ab")
        self.process = subprocess.Popen(
            [binary(), "up", "--data", str(self.data), "--listen", self.listen,
             *self.options, *options], stdout=subprocess.PIPE, stderr=log)
        line = self._ready_line()
        found = re.search(r"https?://\S+", line)
        if not found:
            raise RuntimeError(f"suiro did not start: {line!r}\n{self.log()[-4000:]}")
        self.endpoint = found.group(0)
        self.env = self._environment()
        return self

    def _ready_line(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        line = b""
        while not line.endswith(b"\n") and time.monotonic() < deadline:
            ready, _, _ = select.select([self.process.stdout], [], [], 0.1)
            if ready:
                piece = os.read(self.process.stdout.fileno(), 4096)
                if not piece:
                    break
                line += piece
        return line.decode()

    def _environment(self):
        out = subprocess.run([binary(), "env", "--data", str(self.data)], check=True,
                             capture_output=True, text=True).stdout
        found = dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", out, re.M))
        found["AWS_ENDPOINT_URL"] = self.endpoint
        return {**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, **found}

    def client(self, service, **options):
        import boto3
        from botocore.config import Config
        config = options.pop("config", None) or Config(retries={"max_attempts": 1})
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=self.env["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"], config=config, **options)

    def aws(self, *arguments, check=True, **options):
        """Runs Debian's aws with the endpoint; returns the completed process."""
        return subprocess.run(
            ["/usr/bin/aws", "--endpoint-url", self.endpoint, *arguments], env=self.env,
            capture_output=True, text=True, check=check, timeout=300, **options)

    def run(self, *arguments, check=True):
        """Runs a command of the suiro binary against this server."""
        return subprocess.run([binary(), *arguments, "--data", str(self.data)], env=self.env,
                              capture_output=True, text=True, check=check, timeout=300)

    def kill9(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self, *options):
        self.stop()
        return self.start(*options)

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.process.stdout.close()
        self.process = None

    def log(self):
        return (self.directory / "suiro.log").read_text(errors="replace")
