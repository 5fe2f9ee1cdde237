#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the cases of the official JSONata suite (gzipped lines of JSON) in the form of
tests/golden/jsonata/*.jsonl. Lone surrogates, which are not JSON to all readers, become escapes of
JSONata's own string literals."""
import gzip
import json
import re
import sys


def main():
    seen = {}
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file, \
            open(sys.argv[2], "w", encoding="utf-8") as out:
        for line in file:
            case = json.loads(line)
            name = f"{case['group']}/{case['name']}"
            seen[name] = seen.get(name, 0) + 1
            case["name"] = name if seen[name] == 1 else f"{name}#{seen[name]}"
            case["expr"] = re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m.group()):04x}",
                                  case["expr"])
            out.write(json.dumps(case, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
