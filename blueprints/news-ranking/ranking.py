#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The batch program: reads what was delivered to the lake, and prints the ranking by segment.

    ranking.py                 uses the AWS_* variables (suiro env); --svg FILE draws the chart too
"""
import argparse
import gzip
import json
from collections import Counter

BLOCKS = " ▁▂▃▄▅▆▇█"
ARTICLES_SHOWN, CHART_COLUMNS, BAR = 5, 60, 30
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5",
           "#9c6b4e", "#9498a0")


def rows_of(s3, bucket, prefix, seen):
    """Rows of the objects that are not in `seen` yet; adds their keys to it."""
    rows = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if item["Key"] in seen:
                continue
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            rows += documents(gzip.decompress(body).decode())
            seen.add(item["Key"])
    return rows


def documents(text):
    """JSON documents one behind the other, with or without line breaks."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


def counts_of(rows):
    """{(minute, segment, article): clicks}, and the same of bytes."""
    clicks, size = Counter(), Counter()
    for row in rows:
        key = row["minute"][:16].replace("T", " "), row["segment"], row["article"]
        clicks[key] += row["clicks"]
        size[key] += row["bytes"]
    return clicks, size


def by_segment(clicks):
    """{segment: ({article: clicks}, {minute: clicks})}, the largest first."""
    segments = {}
    for (minute, segment, article), count in clicks.items():
        articles, minutes = segments.setdefault(segment, (Counter(), Counter()))
        articles[article] += count
        minutes[minute] += count
    return dict(sorted(segments.items(), key=lambda item: (-item[1][0].total(), item[0])))


def columns_of(minutes, every):
    """Clicks per column of the chart; `every` are the minutes of all segments, in order."""
    per = -(-len(every) // CHART_COLUMNS)
    return [sum(minutes[m] for m in every[i:i + per]) for i in range(0, len(every), per)]


def show(clicks, out=print):
    segments = by_segment(clicks)
    every = sorted({minute for minute, _, _ in clicks})
    if not every:
        out("no clicks")
        return
    for segment, (articles, minutes) in segments.items():
        line = columns_of(minutes, every)
        top = max(line)
        out(f"\n{segment}: {articles.total()} clicks")
        out("  " + "".join(BLOCKS[-(-n * 8 // top)] for n in line))
        most = articles.most_common(1)[0][1]
        for place, (article, count) in enumerate(
                sorted(articles.items(), key=lambda a: (-a[1], a[0]))[:ARTICLES_SHOWN], 1):
            out(f"  {place}. {count:>7}  {'█' * max(round(count / most * BAR), 1):<{BAR}}  "
                f"{article[:70]}")
    out(f"\n  {every[0]} to {every[-1]}, {len(every)} minutes with clicks")


def draw(clicks, path):
    """The clicks over time, stacked by segment, as a picture."""
    segments, every = by_segment(clicks), sorted({minute for minute, _, _ in clicks})
    lines = {name: columns_of(minutes, every) for name, (_, minutes) in segments.items()}
    top = max(map(sum, zip(*lines.values())))
    width, height = 12 * len(next(iter(lines.values()))), 240
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 170}" height="{height + 40}"'
             ' font-family="sans-serif" font-size="12">']
    floor = [0] * (width // 12)
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        for i, count in enumerate(line):
            tall = count / top * height
            parts.append(f'<rect x="{i * 12}" y="{10 + height - floor[i] - tall:.1f}" width="11" '
                         f'height="{tall:.1f}" fill="{colour}"/>')
            floor[i] += tall
        parts.append(f'<rect x="{width + 10}" y="{number * 20 + 10}" width="12" height="12" '
                     f'fill="{colour}"/><text x="{width + 28}" y="{number * 20 + 20}">{name}: '
                     f'{sum(line)}</text>')
    parts.append(f'<text x="0" y="{height + 30}">{every[0]}</text><text x="{width}" '
                 f'y="{height + 30}" text-anchor="end">{every[-1]}</text></svg>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


def main():
    import boto3
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bucket", default="lake")
    parser.add_argument("--prefix", default="ranking/")
    parser.add_argument("--svg", metavar="FILE")
    options = parser.parse_args()
    clicks, _ = counts_of(rows_of(boto3.client("s3"), options.bucket, options.prefix, set()))
    show(clicks)
    if options.svg and clicks:
        draw(clicks, options.svg)
        print(f"  drawn in {options.svg}")


if __name__ == "__main__":
    main()
