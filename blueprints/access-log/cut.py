# SPDX-License-Identifier: Apache-2.0
"""Cuts a log into the five-minute files that a load balancer or log shipper would upload."""
import re
from datetime import datetime, timezone

MINUTES = 5
TIME = re.compile(rb"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]"
                  rb"|^\w+ (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")


def window(line):
    """Start of the five-minute window of a line's time; None when it has no time."""
    found = TIME.search(line)
    if not found:
        return None
    try:
        if found.group(1):
            time = datetime.strptime(found.group(1).decode(), "%d/%b/%Y:%H:%M:%S %z")
        else:
            time = datetime.fromisoformat(found.group(2).decode()).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    time = time.astimezone(timezone.utc)
    return time.replace(minute=time.minute - time.minute % MINUTES, second=0, microsecond=0)


def cut(lines):
    """[(key, [line, ...])] in order of time. A line without a time stays with the one before it."""
    files, current = {}, None
    for line in lines:
        current = window(line) or current or datetime(1970, 1, 1, tzinfo=timezone.utc)
        files.setdefault(current, []).append(line)
    return [(start.strftime("raw/%Y/%m/%d/%H%M.log.gz"), files[start]) for start in sorted(files)]
