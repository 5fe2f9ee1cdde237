#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes recorded cron cases (JSON) in the form of tests/golden/schedules/*.txt."""
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        for case in cases:
            for way, word in (("next", "after"), ("previous", "before")):
                if way in case:
                    times = " ".join(case[way]) or "none"
                    out.write(f"{case['expression']} | UTC | {word} {case['after']} | {times}\n")


if __name__ == "__main__":
    main()
