# SPDX-License-Identifier: Apache-2.0
"""Reads access logs: load balancer (ALB) and Apache combined format. Needs only the interpreter."""
import gzip
import re
import urllib.parse
from datetime import datetime, timezone

APACHE = re.compile(
    r'(?P<client>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] '
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    r'(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?\s*$')
ALB = re.compile(
    r'(?P<type>https?|h2|grpcs|wss?) (?P<time>\S+) \S+ (?P<client>\S+):\d+ \S+ '
    r'(?P<t1>-?[\d.]+) (?P<t2>-?[\d.]+) (?P<t3>-?[\d.]+) (?P<status>\d{3}|-) (?:\d{3}|-) '
    r'\d+ (?P<bytes>\d+) "(?P<request>[^"]*)" "(?P<agent>[^"]*)" ')


def parse(line):
    """One log line as a dict, or a ValueError that says what is wrong with it."""
    match = ALB.match(line) if line.startswith(("http", "h2 ", "grpc", "ws")) else None
    if match:
        time = datetime.strptime(match["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(
            tzinfo=timezone.utc)
        parts = [float(match[t]) for t in ("t1", "t2", "t3")]
        latency = round(sum(parts) * 1000) if min(parts) >= 0 else None
    else:
        match = APACHE.match(line)
        if not match:
            raise ValueError("neither ALB nor Apache combined format")
        time = datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z").astimezone(timezone.utc)
        latency = None
    if match["status"] == "-":
        raise ValueError("no status: the load balancer did not answer")
    method, _, rest = match["request"].partition(" ")
    target = rest.rpartition(" ")[0] or rest
    url = urllib.parse.urlsplit(target)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "client": match["client"],
        "method": method,
        "path": url.path or "/",
        "query": url.query,
        "status": int(match["status"]),
        "bytes": 0 if match["bytes"] == "-" else int(match["bytes"]),
        "agent": match["agent"] or "",
        "latency_ms": latency,
    }


def read_lines(path):
    """The lines of a log, plain or gzip, as bytes without their line breaks."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return lines
