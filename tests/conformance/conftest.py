# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the conformance tests: a real server, authentication on, and real clients."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from suiro_server import Server  # noqa: E402
from workflows import Workflows  # noqa: E402


@pytest.fixture(scope="session")
def suiro(tmp_path_factory):
    """One server for the whole session; a test names its own buckets, queues and functions. Tasks
    of workflows and rules may call the servers of tests."""
    directory = tmp_path_factory.mktemp("suiro")
    config = directory / "suiro.toml"
    config.write_text("[http]\nallow_private_endpoints = true\n")
    server = Server(directory, "--config", str(config))
    server.start()
    yield server
    server.stop()


@pytest.fixture()
def own_suiro(tmp_path):
    """A server of the test's own, to kill, restart or configure."""
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture()
def name(request):
    """A name that no other test uses."""
    return "t-" + os.urandom(6).hex()


@pytest.fixture()
def flows(suiro, name):
    """State machines of the test's own."""
    made = Workflows(suiro, name)
    yield made
    made.close()
