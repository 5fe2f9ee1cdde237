# SPDX-License-Identifier: Apache-2.0
"""Waiting for what a running system does by itself."""
import time

SECONDS_MAX = 60
PAUSE_SECONDS = 0.05


def until(found, what, seconds=SECONDS_MAX, pause=PAUSE_SECONDS):
    """The first true answer of `found`. Where none comes in time the test fails with `what`: a
    text, or a function that tells it."""
    end = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"in {seconds} seconds: {what() if callable(what) else what}")
        time.sleep(pause)


def read_until(enough, read, seconds=SECONDS_MAX, pause=PAUSE_SECONDS):
    """What `read` tells: the first that is enough, or what it tells when the time is over. For
    tests that compare it then, and show what is missing."""
    end = time.monotonic() + seconds
    while True:
        told = read()
        if enough(told) or time.monotonic() > end:
            return told
        time.sleep(pause)
