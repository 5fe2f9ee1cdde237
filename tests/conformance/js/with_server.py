# SPDX-License-Identifier: Apache-2.0
"""Runs a command with a fresh Suiro and the AWS variables that point at it."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))

from suiro_server import Server  # noqa: E402


def main():
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        try:
            server.start()
            status = subprocess.run(sys.argv[1:], env=server.env).returncode
        finally:
            server.stop()
    sys.exit(status)


if __name__ == "__main__":
    main()
