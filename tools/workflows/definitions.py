#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the definitions out of recorded conversations with AWS Step Functions (JSON lines, gzip).

A line of the output: id, definition, type, single_state, and what AWS answered:
  accepted: true | message: of InvalidDefinition | refused: true | diagnostics: [...]
  variables: variableReferences of DescribeStateMachine, where it was recorded
"""
import gzip
import json
import re
import sys

PREFIX = "Invalid State Machine Definition: "
OPERATIONS = ("CreateStateMachine", "UpdateStateMachine", "ValidateStateMachineDefinition",
              "TestState")
# Parts of definitions that a replay takes from earlier answers.
REFERENCE = re.compile(r"\$\{\d+\.(\w+)\}")
ARN = "arn:aws:states:us-east-1:111111111111:"
VALUES = {"activityArn": ARN + "activity:worker", "stateMachineArn": ARN + "stateMachine:machine"}


def resolve(definition):
    return REFERENCE.sub(lambda match: VALUES.get(match.group(1), "value"), definition)


def references(value):
    """The first variableReferences within a value; None: there is none."""
    if not isinstance(value, dict):
        return None
    if "variableReferences" in value:
        return value["variableReferences"]
    return next((found for found in map(references, value.values()) if found), None)


def answer(call, check):
    """What is expected of a call's definition; None: it says nothing about that."""
    if call["operation"] == "ValidateStateMachineDefinition":
        return {"diagnostics": check["expected"]["diagnostics"]} if check else None
    if not call.get("error"):
        return {"accepted": True}
    expected = check["expected"] if check else {}
    if expected.get("Code") != "InvalidDefinition":
        return None
    message = check.get("message", expected["Message"])
    if message.startswith(PREFIX):
        return {"message": message[len(PREFIX):]}
    # Another program's text, or about the operation: "TestState API does not support ...".
    return None if "TestState" in message else {"refused": True}


def main():
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as source, \
            open(sys.argv[2], "w", encoding="utf-8") as out:
        for line in source:
            case = json.loads(line)
            kind = "STANDARD"
            variables = next(
                filter(None, (references(check["expected"]) for check in case["checks"])), None)
            for number, call in enumerate(case["calls"]):
                args = call.get("args", {})
                definition = args.get("definition")
                if call.get("operation") not in OPERATIONS or definition is None:
                    continue
                kind = args.get("type", kind)
                check = next((c for c in case["checks"] if c.get("call") == number), None)
                expected = answer(call, check)
                if expected is None:
                    continue
                if call["operation"] == "CreateStateMachine" and variables:
                    expected["variables"], variables = variables, None
                single = call["operation"] == "TestState" and "stateName" not in args
                out.write(json.dumps({"id": f"{case['id']}#{number}", "type": kind,
                                      "single_state": single,
                                      "definition": resolve(definition), **expected}) + "\n")


if __name__ == "__main__":
    main()
