# SPDX-License-Identifier: Apache-2.0
"""Starts each compared system on a free loopback port with its data in a directory of its own."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from suiro_server import Server  # noqa: E402

START_SECONDS_MAX = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class System:
    """A process that listens; counts what it and its children wrote to the disk."""
    program = None

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None

    @classmethod
    def missing(cls):
        return None if shutil.which(cls.program) or os.path.exists(cls.program) else cls.program

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def start(self):
        log = open(self.directory / "log", "wb")
        self.process = subprocess.Popen(self.command(), stdout=log, stderr=log,
                                        env=self.environment(), start_new_session=True)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not accepts(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.program} did not start; see {log.name}")
            time.sleep(0.02)
        return self

    def processes(self):
        """Of the process's session."""
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if os.getsid(int(entry.name)) == self.process.pid:
                        yield entry
                except OSError:
                    pass

    def written(self):
        total = 0
        for entry in self.processes():
            try:
                for line in (entry / "io").read_text().splitlines():
                    if line.startswith("write_bytes:"):
                        total += int(line.split()[1])
            except OSError:
                pass
        return total

    def resident(self):
        total = 0
        for entry in self.processes():
            try:
                for line in (entry / "status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1]) * 1024
            except OSError:
                pass
        return total

    def while_filling(self, fill):
        fill()

    def stop(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGTERM)
                self.process.wait(30)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process = None


class Suiro(System):
    program = str(ROOT / "build" / "release" / "suiro")

    def start(self):
        self.server = Server(self.directory)
        self.server.start()
        self.process = self.server.process
        self.port = int(self.server.endpoint.rsplit(":", 1)[1])
        return self

    def processes(self):
        yield pathlib.Path(f"/proc/{self.process.pid}")

    def load_environment(self):
        return self.server.env

    def stop(self):
        self.server.stop()


class Redis(System):
    program = "redis-server"

    def command(self):
        return [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                str(self.directory), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                "--auto-aof-rewrite-percentage", "0"]


class Beanstalkd(System):
    program = "beanstalkd"
    SYNC = "-f0"
    sync = SYNC

    def command(self):
        (self.directory / "log.d").mkdir(exist_ok=True)
        return [self.program, "-l", "127.0.0.1", "-p", str(self.port), "-b",
                str(self.directory / "log.d"), self.sync, "-z", "1048576"]

    def while_filling(self, fill):
        """It syncs every job by itself: it is filled without, and started again as measured."""
        self.stop()
        self.sync = "-F"
        self.start()
        fill()
        self.stop()
        self.sync = self.SYNC
        self.start()


class Rabbitmq(System):
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def command(self):
        return [self.program]

    def environment(self):
        where = str(self.directory)
        distribution = free_port()
        return {**os.environ, "HOME": where, "RABBITMQ_NODENAME": f"bench{self.port}@localhost",
                "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(self.port),
                "RABBITMQ_DIST_PORT": str(distribution), "RABBITMQ_MNESIA_BASE": where,
                "RABBITMQ_LOG_BASE": where, "RABBITMQ_ENABLED_PLUGINS_FILE": f"{where}/plugins",
                "RABBITMQ_PID_FILE": f"{where}/pid", "RABBITMQ_CONFIG_FILE": f"{where}/none",
                "ERL_EPMD_ADDRESS": "127.0.0.1"}


class Nats(System):
    """JetStream in files. Debian's version (2.9) writes each message and syncs every two minutes;
    `sync_interval: always` came with 2.10."""
    program = "/usr/sbin/nats-server"

    def command(self):
        return [self.program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd",
                str(self.directory)]


class Nginx(System):
    program = "/usr/sbin/nginx"

    def command(self):
        config = self.directory / "nginx.conf"
        (self.directory / "root").mkdir(exist_ok=True)
        os.chmod(self.directory, 0o755)
        config.write_text(f"""
daemon off; master_process off; worker_processes 1; pid {self.directory}/pid;
error_log {self.directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {self.directory}/temp; client_max_body_size 64m;
  client_body_buffer_size 2m; keepalive_requests 1000000000;
  server {{
    listen 127.0.0.1:{self.port};
    location / {{ root {self.directory}/root; dav_methods PUT DELETE; create_full_put_path on; }}
  }}
}}
""")
        return [self.program, "-c", str(config), "-p", str(self.directory)]


class Moto(System):
    """The test double; keeps everything in memory and checks no signature."""
    program = "moto_server"
    ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
                   "AWS_DEFAULT_REGION": "us-east-1"}

    def command(self):
        return [self.program, "-H", "127.0.0.1", "-p", str(self.port)]

    def load_environment(self):
        return {**os.environ, **self.ENVIRONMENT}

    def client(self, service):
        import boto3
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}",
                            region_name="us-east-1", aws_access_key_id="bench",
                            aws_secret_access_key="bench")

    def make_bucket(self, bucket):
        self.client("s3").create_bucket(Bucket=bucket)

    def post(self, what, document=None):
        """To its own interface ("reset", "config"). False: this version does not have it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/moto-api/{what}",
            data=json.dumps(document).encode() if document else b"", method="POST")
        try:
            urllib.request.urlopen(request, timeout=START_SECONDS_MAX).close()
            return True
        except OSError:  # as is what another status raises
            return False

    def version(self):
        """As the Python that runs it tells."""
        python = os.readlink(f"/proc/{self.process.pid}/exe")
        out = subprocess.run([python, "-c", "import moto; print(moto.__version__)"],
                             capture_output=True, text=True)
        return out.stdout.strip() or "unknown"
