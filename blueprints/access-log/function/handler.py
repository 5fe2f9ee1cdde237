# SPDX-License-Identifier: Apache-2.0
"""Parses one uploaded access-log file and writes its lines and per-minute summary to the lake.

Started by the lake itself: s3:ObjectCreated:* on raw/*.gz. For raw/NAME.log.gz it writes
parsed/NAME.jsonl.gz (one JSON object a line) and summary/NAME.json. Both keys follow from the
upload's, so that a repeated event writes the same objects again and nothing is counted twice.
"""
import gzip
import json
import urllib.parse

import boto3

from log_line import parse

s3 = boto3.client("s3")

MALFORMED_KEPT = 20  # of each file, with their text; the others are counted


def summarise(lines):
    """Parsed records and the summary of one file's lines (bytes, without line breaks)."""
    records, malformed, minutes = [], [], {}
    for number, raw in enumerate(lines, 1):
        text = raw.decode("utf-8", "replace")
        try:
            record = parse(text)
        except ValueError as error:
            malformed.append({"line": number, "reason": str(error), "text": text[:200]})
            continue
        record["line"] = number
        records.append(record)
        minute = minutes.setdefault(record["time"][:16], {
            "requests": 0, "bytes": 0, "status": {}, "paths": {}, "latency_ms": {}})
        minute["requests"] += 1
        minute["bytes"] += record["bytes"]
        for member, value in (("status", record["status"]), ("paths", record["path"]),
                              ("latency_ms", record["latency_ms"])):
            if value is not None:
                counts = minute[member]
                counts[str(value)] = counts.get(str(value), 0) + 1
    return records, {
        "lines": len(lines), "parsed": len(records), "malformed": len(malformed),
        "malformed_lines": malformed[:MALFORMED_KEPT], "minutes": minutes}


def handle_object(bucket, key, version):
    which = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    content = gzip.decompress(s3.get_object(**which)["Body"].read())
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    records, summary = summarise(lines)
    summary["source"] = key
    name = key.removeprefix("raw/").removesuffix(".log.gz")
    parsed = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()
    s3.put_object(Bucket=bucket, Key=f"parsed/{name}.jsonl.gz",
                  Body=gzip.compress(parsed, mtime=0), ContentType="application/gzip")
    s3.put_object(Bucket=bucket, Key=f"summary/{name}.json", Body=json.dumps(summary).encode(),
                  ContentType="application/json")
    print(f"{key}: {summary['parsed']} of {summary['lines']} lines parsed")
    return {"lines": summary["lines"], "parsed": summary["parsed"]}


def handler(event, context):
    return [handle_object(record["s3"]["bucket"]["name"],
                          urllib.parse.unquote_plus(record["s3"]["object"]["key"]),
                          record["s3"]["object"].get("versionId"))
            for record in event["Records"]]
