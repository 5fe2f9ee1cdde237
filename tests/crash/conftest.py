# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the crash tests."""
import pytest
from harness import Harness


@pytest.fixture()
def harness(tmp_path):
    made = Harness(tmp_path)
    yield made
    made.stop()
