# SPDX-License-Identifier: Apache-2.0
"""Real databases for tests and blueprints: each in a directory of its own, on a socket alone."""
import getpass
import os
import pathlib
import shutil
import subprocess
import time

READY_SECONDS_MAX = 60


class Database:
    """What both kinds share: a process, and a database `shop` that text of SQL is sent to."""

    def wait_until_it_answers(self, log):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.try_sql("SELECT 1").returncode == 0:
                return
            time.sleep(0.05)
        told = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"the database did not start:\n{told}")

    def sql(self, text, database="shop"):
        done = self.try_sql(text, database)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def stop(self):
        self.process.terminate()
        self.process.wait()


class MariaDb(Database):
    """Debian's MariaDB; the user root has no password."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        # In a folder of its own, which can be given to others without the data.
        self.socket = self.directory / "socket" / "m.sock"
        self.url = f"mysql://root@localhost/shop?socket={self.socket}"

    @staticmethod
    def missing():
        return None if shutil.which("mariadbd", path="/usr/sbin:/usr/bin") else "mariadb-server"

    def start(self):
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        log = self.directory / "mariadb.log"
        with open(log, "ab") as out:
            subprocess.run(
                ["mariadb-install-db", "--no-defaults", f"--datadir={self.directory / 'data'}",
                 "--auth-root-authentication-method=normal", "--skip-test-db",
                 f"--user={getpass.getuser()}"], check=True, stdout=out, stderr=out)
            self.process = subprocess.Popen(
                ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.directory / 'data'}",
                 f"--socket={self.socket}", "--skip-networking", f"--user={getpass.getuser()}",
                 f"--pid-file={self.directory / 'pid'}", "--log-bin=log", "--server-id=1"],
                stdout=out, stderr=out)
        self.wait_until_it_answers(log)
        self.sql("CREATE DATABASE shop CHARACTER SET utf8mb4", database="mysql")
        return self

    def try_sql(self, text, database="mysql"):
        return subprocess.run(
            ["mariadb", "--no-defaults", "-S", str(self.socket), "-u", "root", "-N", "-B",
             database],
            input=text, capture_output=True, text=True)


class Postgres(Database):
    """Debian's PostgreSQL. It refuses to run as root, so root starts it as its own user."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.url = f"postgres://postgres@localhost/shop?socket={self.directory}"
        self.prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    @staticmethod
    def programs():
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        return found[-1] if found else None

    @classmethod
    def missing(cls):
        return None if cls.programs() else "postgresql"

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "postgres.log"
        if self.prefix:
            shutil.chown(self.directory, "postgres")
        data = str(self.directory / "data")
        with open(log, "ab") as out:
            subprocess.run([*self.prefix, str(self.programs() / "initdb"), "-D", data, "-A",
                            "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"],
                           check=True, stdout=out, stderr=out, cwd="/")
            self.process = subprocess.Popen(
                [*self.prefix, str(self.programs() / "postgres"), "-D", data, "-k",
                 str(self.directory), "-c", "listen_addresses="], stdout=out, stderr=out, cwd="/")
        self.wait_until_it_answers(log)
        self.sql("CREATE DATABASE shop", database="postgres")
        return self

    def try_sql(self, text, database="postgres"):
        return subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-h", str(self.directory), "-U", "postgres", "-d",
             database, "-v", "ON_ERROR_STOP=1"], input=text, capture_output=True, text=True)
