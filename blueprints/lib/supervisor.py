# SPDX-License-Identifier: Apache-2.0
"""A Suiro under supervision, for the blueprints: started again whenever it dies."""
import os
import pathlib
import re
import select
import subprocess
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 60
RESTARTS_MAX = 100


def binary():
    path = pathlib.Path(os.environ.get("SUIRO_BIN", ROOT / "build" / "release" / "suiro"))
    if not path.exists():
        raise SystemExit(f"{path} does not exist: run `make build` first")
    return str(path)


class Supervisor:
    """Runs `suiro up` and starts it again whenever it dies, on the same data and port. `config` is
    the text of a configuration file."""

    def __init__(self, data, say, config=""):
        self.data, self.say = data, say
        self.config = data.parent / "suiro.toml"
        self.config.write_text(config, encoding="utf-8")
        self.listen = "127.0.0.1:0"
        self.endpoint = None
        self.process = None
        self.restarts = 0
        self.stopping = False
        self.log = open(data.parent / "suiro.log", "ab")
        self._start()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _start(self):
        self.process = subprocess.Popen(
            [binary(), "up", "--config", str(self.config), "--data", str(self.data), "--listen",
             self.listen], stdout=subprocess.PIPE, stderr=self.log)
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS_MAX)
        line = self.process.stdout.readline().decode() if ready else ""
        found = re.search(r"https?://(\S+:\d+)", line)
        if not found:
            raise SystemExit(f"suiro did not start; its log is {self.log.name}")
        self.endpoint, self.listen = found.group(0), found.group(1)

    def _watch(self):
        while True:
            self.process.wait()
            if self.stopping:
                return
            self.restarts += 1
            if self.restarts > RESTARTS_MAX:
                os._exit(1)
            self.say(f"suiro (pid {self.process.pid}) was killed; starting it again")
            began = time.monotonic()
            self._start()
            self.say(f"suiro is back after {(time.monotonic() - began) * 1000:.0f} ms, "
                     f"pid {self.process.pid}")

    def environment(self):
        out = subprocess.run([binary(), "env", "--data", str(self.data)], check=True,
                             capture_output=True, text=True).stdout
        return dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", out, re.M))

    def client(self, service, attempts=10, **config):
        """Ten attempts: what was not acknowledged when the server was killed is sent again."""
        env = self.environment()
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=env["AWS_DEFAULT_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": attempts, "mode": "standard"}, **config))

    def suiro(self, *arguments):
        """Output of a command of the binary."""
        return subprocess.run([binary(), *arguments, "--data", str(self.data)], check=True,
                              capture_output=True, text=True).stdout

    def stop(self):
        self.stopping = True
        self.process.terminate()
        self.process.wait()
        self.thread.join()
        self.log.close()


def ensure(make, already):
    """Makes a resource; one that an interrupted attempt has already made is as good."""
    try:
        make()
    except ClientError as error:
        if error.response["Error"]["Code"] not in already:
            raise
