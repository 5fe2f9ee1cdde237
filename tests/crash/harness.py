# SPDX-License-Identifier: Apache-2.0
"""Kills and restarts a server under writers, which note intent and acknowledgement."""
import collections
import os
import pathlib
import random
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402

from suiro_server import Server  # noqa: E402
from waiting import read_until  # noqa: E402

KILLS = int(os.environ.get("SUIRO_CRASH_KILLS", "8"))
SEED = int(os.environ.get("SUIRO_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
DRAIN_SECONDS_MAX = 180  # until what was asked for has happened
ALIVE_SECONDS = (0.05, 1.0)  # between ready and the kill
FAILURES = (BotoCoreError, ClientError, OSError)


class Harness:
    """A server with a fixed port over restarts, and writer threads that end together."""

    def __init__(self, directory):
        self.server = Server(directory)
        self.server.start()
        self.server.listen = self.server.endpoint.split("//")[1]
        self.random = random.Random(SEED)
        self.stopping = threading.Event()
        self.writers = []
        self.errors = []
        print(f"SUIRO_CRASH_SEED={SEED} SUIRO_CRASH_KILLS={KILLS}", flush=True)

    def client(self, service):
        """A thread's own client: one attempt, so that every request has one outcome."""
        env = self.server.env
        session = boto3.session.Session()
        return session.client(
            service, endpoint_url=self.server.endpoint, region_name=env["AWS_DEFAULT_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=10))

    def writer(self, function, *arguments):
        """Runs function(client-less, random, *arguments) again and again until the end."""
        seed = self.random.randrange(1 << 31)

        def loop():
            rng = random.Random(seed)
            try:
                while not self.stopping.is_set():
                    function(rng, *arguments)
            except Exception as error:  # noqa: BLE001: reported by the test's thread
                self.errors.append(error)

        thread = threading.Thread(target=loop, daemon=True)
        self.writers.append(thread)
        thread.start()

    def run(self, kills=KILLS, after_restart=None):
        """Kills and restarts; afterwards the writers have ended and the server runs."""
        for number in range(kills):
            time.sleep(self.random.uniform(*ALIVE_SECONDS))  # the random moment is the point
            self.server.kill9()
            self.server.stop()
            self.server.start()
            if after_restart:
                after_restart(number)
            if self.errors:
                break
        self.stopping.set()
        for thread in self.writers:
            thread.join(60)
            assert not thread.is_alive(), "a writer hangs"
        if self.errors:
            raise self.errors[0]

    def stop(self):
        self.stopping.set()
        self.server.stop()


def unknown(error):
    """Whether the request may or may not have been done: no answer, or a server's 5xx."""
    if isinstance(error, ClientError):
        return error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    return True


def drained(harness, queue, wanted, parse=str):
    """How often each body came out of a queue, once `wanted` are among them and it is empty."""
    sqs = harness.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = collections.Counter()

    def take():
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        if messages:
            found.update(parse(message["Body"]) for message in messages)
            sqs.delete_message_batch(QueueUrl=url, Entries=[
                {"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
                for i, message in enumerate(messages)])
        return messages

    read_until(lambda messages: not messages and wanted <= set(found), take, DRAIN_SECONDS_MAX)
    return found
