#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shapes of the public protocol test cases, for tests/protocol.

    cases.py --cases FILE.jsonl.gz --out DIR   writes case_<n>.h, group_<n>.cc, all.*, cases.json

Every suite of the file is a small service case_<n> with one operation; its cases go to cases.json.
"""
import argparse
import gzip
import importlib.machinery
import importlib.util
import json
import os

from emit_header import header
from emit_tables import Tables
from facts import Model

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load_apigen():
    loader = importlib.machinery.SourceFileLoader("apigen", os.path.join(TOOLS, "apigen"))
    spec = importlib.util.spec_from_loader("apigen", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def suites(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            for suite in row["suites"]:
                yield row["direction"], row["protocol"], suite


def model_of(apigen, suite, service):
    given = suite["cases"][0]["given"]
    name = given["name"]
    facts = {"metadata": suite["metadata"],
             "operations": {name: apigen.operation_facts(given)},
             "shapes": {n: apigen.shape_facts(s) for n, s in suite["shapes"].items()}}
    return Model(facts, {}, service)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    apigen = load_apigen()
    groups, cases, count = {}, [], 0
    for number, (direction, protocol, suite) in enumerate(suites(args.cases)):
        service = f"case_{number}"
        model = model_of(apigen, suite, service)
        write(os.path.join(args.out, f"{service}.h"), header(model, service, "protocol cases"))
        tables = Tables(model, service)
        groups.setdefault(number % 8, []).extend(
            tables.source(f"protocol_cases/{service}.h", "protocol cases"))
        for case in suite["cases"]:
            case.pop("given")
            case.pop("description", None)
            cases.append({"suite": number, "direction": direction, "protocol": protocol, **case})
        count = number + 1
    for group, lines in groups.items():
        write(os.path.join(args.out, f"group_{group}.cc"), "\n".join(lines))
    write(os.path.join(args.out, "cases.json"), json.dumps(cases))
    write(os.path.join(args.out, "all.h"), "\n".join([
        "#pragma once", "#include <span>", '#include "shapes/shape.h"',
        "namespace suiro::shapes {",
        "// The small services of the protocol cases, by number.",
        "std::span<const ServiceModel* const> case_services();", "}", ""]))
    write(os.path.join(args.out, "all.cc"), "\n".join([
        '#include "protocol_cases/all.h"',
        *[f'#include "protocol_cases/case_{n}.h"' for n in range(count)],
        "namespace suiro::shapes {",
        "std::span<const ServiceModel* const> case_services() {",
        "  static const ServiceModel* const services[] = {",
        *[f"      &case_{n}::service_model()," for n in range(count)],
        "  };", "  return services;", "}", "}", ""]))


if __name__ == "__main__":
    main()
