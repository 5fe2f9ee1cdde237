# SPDX-License-Identifier: Apache-2.0
"""The system: a Suiro under supervision, and on it a bucket, a function and the trigger between."""
import io
import json
import os
import pathlib
import re
import select
import subprocess
import threading
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUCKET, FUNCTION = "lake", "access-log"
READY_SECONDS_MAX = 60
RESTARTS_MAX = 100


def binary():
    path = pathlib.Path(os.environ.get("SUIRO_BIN", ROOT / "build" / "release" / "suiro"))
    if not path.exists():
        raise SystemExit(f"{path} does not exist: run `make build` first")
    return str(path)


class Supervisor:
    """Runs `suiro up` and starts it again whenever it dies, on the same data and port."""

    def __init__(self, data, say):
        self.data, self.say = data, say
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
            [binary(), "up", "--data", str(self.data), "--listen", self.listen],
            stdout=subprocess.PIPE, stderr=self.log)
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

    def client(self, service):
        env = self.environment()
        # Ten attempts: what was not acknowledged when the server was killed is sent again.
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=env["AWS_DEFAULT_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 10, "mode": "standard"}))

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


def deploy(supervisor):
    """Bucket, function, permission and notification. Safe to repeat."""
    s3, functions = supervisor.client("s3"), supervisor.client("lambda")
    region = supervisor.environment()["AWS_DEFAULT_REGION"]
    ensure(lambda: s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region}),
        ("BucketAlreadyOwnedByYou",))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as code:
        code.write(HERE / "function" / "handler.py", "handler.py")
    ensure(lambda: functions.create_function(
        FunctionName=FUNCTION, Runtime="python3.11", Handler="handler.handler", Timeout=60,
        MemorySize=256, Role="arn:aws:iam::000000000000:role/access-log",
        Code={"ZipFile": archive.getvalue()}), ("ResourceConflictException",))
    functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
    ensure(lambda: functions.add_permission(
        FunctionName=FUNCTION, StatementId="lake", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{BUCKET}"),
        ("ResourceConflictException",))
    arn = functions.get_function(FunctionName=FUNCTION)["Configuration"]["FunctionArn"]
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={
        "LambdaFunctionConfigurations": [{
            "LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"},
                                               {"Name": "suffix", "Value": ".gz"}]}}}]})
    return s3


def put_acknowledged(s3, key, body, attempts=20):
    """Puts until it is acknowledged, over restarts of the server; returns the request id."""
    for attempt in range(attempts):
        try:
            reply = s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            return reply["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
        except (BotoCoreError, ClientError):
            if attempt + 1 == attempts:
                raise
    raise AssertionError("unreachable")


def summaries(s3, seen):
    """Fetches the summaries that are not in `seen` yet, into it. Returns how many were new."""
    new = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="summary/"):
        for item in page.get("Contents", []):
            if item["Key"] not in seen:
                body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
                seen[item["Key"]] = json.loads(body)
                new += 1
    return new
