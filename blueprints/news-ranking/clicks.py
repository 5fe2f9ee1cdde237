# SPDX-License-Identifier: Apache-2.0
"""Makes clicks of readers on articles out of the requests of an access log."""
import hashlib
from datetime import datetime, timezone

from log_line import parse, read_lines

# By what a reader's software calls itself; the first that fits.
FAMILIES = (("aws-cli", "cli"), ("boto", "python"), ("python", "python"), ("bot", "robot"),
            ("crawl", "robot"), ("spider", "robot"), ("feed", "feeds"), ("rss", "feeds"),
            ("curl", "cli"), ("node", "javascript"), ("sdk-js", "javascript"),
            ("mobile", "mobile"), ("android", "mobile"), ("iphone", "mobile"),
            ("macintosh", "mac"), ("windows", "windows"), ("linux", "linux"))
ASSETS = (".css", ".js", ".png", ".jpg", ".jpeg", ".gif", ".ico", ".svg", ".woff", ".txt")
WITHOUT_SEGMENT = 17  # one reader in so many is not in the table


def reader_of(record):
    return hashlib.sha256(f"{record['client']} {record['agent']}".encode()).hexdigest()[:12]


def clicks_of(path):
    """[click] in order of time, and how many lines could not be read. Assets are no articles."""
    clicks, malformed = [], 0
    for line in read_lines(path):
        try:
            record = parse(line.decode("utf-8", "replace"))
        except ValueError:
            malformed += 1
            continue
        if record["path"].lower().endswith(ASSETS):
            continue
        clicks.append({"clicked_at": record["time"][:23].replace("T", " "),
                       "reader": reader_of(record), "article": record["path"][:512],
                       "bytes": record["bytes"], "agent": record["agent"]})
    clicks.sort(key=lambda click: click["clicked_at"])
    for number, click in enumerate(clicks):
        click["id"] = number
    return clicks, malformed


def segments_of(clicks):
    """{reader: segment}; some readers are not in it."""
    table = {}
    for click in clicks:
        if int(click["reader"], 16) % WITHOUT_SEGMENT:
            agent = click["agent"].lower()
            table[click["reader"]] = next((s for part, s in FAMILIES if part in agent), "other")
    return table


def now_text():
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]
