# SPDX-License-Identifier: Apache-2.0
"""Shows what the function wrote to the lake, and checks it against the input."""
import re
from collections import Counter

BLOCKS = " ▁▂▃▄▅▆▇█"
CHART_COLUMNS, CHART_ROWS = 72, 6
PATHS_SHOWN = 10
# A plain count, by other means than the function's parser: the status is the number behind the
# quoted request (Apache), or the ninth field (load balancer).
APACHE_STATUS = re.compile(rb'" (\d)\d\d (?:\d+|-)(?: "|\s*$)')
ALB_STATUS = re.compile(rb"^(?:\S+ ){8}(\d)\d\d ")


class Totals:
    """All summaries added up."""

    def __init__(self, summaries):
        self.lines = self.parsed = self.malformed = self.bytes = 0
        self.minutes, self.status = Counter(), Counter()
        self.paths, self.latency = Counter(), Counter()
        self.malformed_places = []
        for summary in summaries.values():
            self.lines += summary["lines"]
            self.parsed += summary["parsed"]
            self.malformed += summary["malformed"]
            self.malformed_places += [(summary["source"], m["line"], m["reason"], m["text"])
                                      for m in summary["malformed_lines"]]
            for minute, counts in summary["minutes"].items():
                self.minutes[minute] += counts["requests"]
                self.bytes += counts["bytes"]
                self.paths.update(counts["paths"])
                for status, count in counts["status"].items():
                    self.status[f"{status[0]}xx"] += count
                self.latency.update({int(k): v for k, v in counts["latency_ms"].items()})

    def percentile(self, share):
        rank, seen = share * self.latency.total(), 0
        for value in sorted(self.latency):
            seen += self.latency[value]
            if seen >= rank:
                return value
        return None


def chart(minutes):
    """Requests over time: columns of equal length, from the first minute to the last."""
    from datetime import datetime
    times = {datetime.fromisoformat(m): n for m, n in minutes.items()}
    first, last = min(times), max(times)
    span = max(int((last - first).total_seconds() // 60) + 1, 1)
    per_column = -(-span // CHART_COLUMNS)
    columns = [0] * -(-span // per_column)
    for time, count in times.items():
        columns[int((time - first).total_seconds() // 60) // per_column] += count
    top = max(columns)
    rows = []
    for row in range(CHART_ROWS, 0, -1):
        cells = (min(max(n / top * CHART_ROWS - (row - 1), 0), 1) for n in columns)
        label = f"{top:>7} " if row == CHART_ROWS else " " * 8
        rows.append(label + "".join(BLOCKS[-(-int(c * 80) // 10)] for c in cells))
    rows.append(f"{'0':>7} " + "─" * len(columns))
    left, right = first.strftime("%Y-%m-%d %H:%M"), last.strftime("%Y-%m-%d %H:%M")
    gap = max(len(columns) - len(left) - len(right), 1)
    rows.append(" " * 8 + left + " " * gap + right)
    unit = "minute" if per_column == 1 else f"{per_column} minutes"
    return f"requests per {unit}", rows


def bar(count, most, width=36):
    eighths = round(count / most * width * 8) if most else 0
    return "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")


def show(totals, out):
    if totals.minutes:
        title, rows = chart(totals.minutes)
        out(f"\n{title}")
        for row in rows:
            out(row)
    out("\nstatus")
    most = max(totals.status.values(), default=0)
    for status, count in sorted(totals.status.items()):
        out(f"  {status} {count:>8}  {bar(count, most)}")
    out("\ntop paths")
    for path, count in totals.paths.most_common(PATHS_SHOWN):
        out(f"  {count:>8}  {path[:90]}")
    if totals.latency:
        parts = "   ".join(f"p{round(s * 100)} {totals.percentile(s)} ms"
                           for s in (0.5, 0.9, 0.95, 0.99))
        out(f"\nlatency   {parts}")
    else:
        out("\nlatency   not in this format")


def check(lines, files, totals, summaries):
    """What does not add up, as texts; nothing when every line is accounted for."""
    wrong = []
    if len(summaries) != len(files):
        wrong.append(f"{len(files)} files were uploaded, {len(summaries)} have a summary")
    for key, content in files:
        name = key.removeprefix("raw/").removesuffix(".log.gz")
        summary = summaries.get(f"summary/{name}.json")
        if summary and summary["lines"] != len(content):
            wrong.append(f"{key}: {len(content)} lines in, {summary['lines']} counted")
    if totals.lines != len(lines) or totals.parsed + totals.malformed != len(lines):
        wrong.append(f"{len(lines)} lines in; {totals.parsed} parsed and {totals.malformed} "
                     f"malformed make {totals.parsed + totals.malformed}")
    plain = Counter()
    malformed = {(source, number) for source, number, _, _ in totals.malformed_places}
    for line in (line for key, content in files for number, line in enumerate(content, 1)
                 if (key, number) not in malformed):
        alb = ALB_STATUS.match(line) if line.startswith((b"http", b"h2", b"ws", b"grpc")) else None
        found = alb or APACHE_STATUS.search(line)
        if found:
            plain[f"{found.group(1).decode()}xx"] += 1
    if totals.malformed == len(malformed) and plain != totals.status:
        wrong.append(f"statuses by a plain count {dict(plain)}, by the function "
                     f"{dict(totals.status)}")
    return wrong
