# SPDX-License-Identifier: Apache-2.0
"""How every blueprint's program begins, waits and ends."""
import os
import pathlib
import shutil
import sys
import tempfile
import time

from screen import Screen

PAUSE_SECONDS = 0.1


def main(name, options, run):
    """Exits with the status of `run(options, directory, screen)`; the directory is a new one that
    goes afterwards, or that of --keep."""
    if not os.path.isfile(options.log):
        sys.exit(f"{options.log} does not exist")
    directory = pathlib.Path(options.keep or tempfile.mkdtemp(prefix=f"suiro-{name}-"))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        status = run(options, directory, Screen())
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    sys.exit(status)


def verdict(say, wrong, right, otherwise):
    """Says what does not add up, then the one line that sums up; the status to exit with."""
    for text in wrong:
        say(f"WRONG: {text}")
    say(right if not wrong else otherwise)
    return 0 if not wrong else 1


def until(found, what, seconds):
    """The first true answer of `found`; where none comes in time the program ends with `what`."""
    end = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > end:
            raise SystemExit(f"after {seconds} s: {what}")
        time.sleep(PAUSE_SECONDS)
