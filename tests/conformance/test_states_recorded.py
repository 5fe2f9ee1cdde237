# SPDX-License-Identifier: Apache-2.0
"""Recorded conversations with Step Functions, replayed with boto3 against a real server: the
answers must be those of the recordings, but for the cases that docs/workflow-cases.md lists.

Debian's botocore lacks what Step Functions has got since 2023; it is given the service's model in
model/states.json instead of its own."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
CASES = SHARED / "data" / "workflow-cases.jsonl.gz"
TOOL = SHARED / "tools" / "replay_workflows.py"
DOCUMENT = ROOT / "docs" / "workflow-cases.md"
LISTED = re.compile(r"^- `([^`]+)`: ", re.M)
PASSED = re.compile(r"^\| all \| (\d+) \|", re.M)
REPLAY_SECONDS_MAX = 600


def client_model(directory):
    """Writes model/states.json as botocore wants it; returns the folder for AWS_DATA_PATH."""
    model = json.loads((ROOT / "model" / "states.json").read_text(encoding="utf-8"))
    model["version"] = "2.0"
    model["metadata"].update(signatureVersion="v4", serviceFullName="AWS Step Functions")
    for name, operation in model["operations"].items():
        operation["name"] = name
        for side in ("input", "output"):
            if side in operation:
                operation[side] = {"shape": operation[side]}
        operation["errors"] = [{"shape": code} for code in operation.get("errors", [])]
    folder = directory / "stepfunctions" / model["metadata"]["apiVersion"]
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model), encoding="utf-8")
    return directory


def replay(server, directory):
    """Replays all cases that need nothing but Step Functions; returns their outcomes."""
    outcomes = directory / "outcomes.json"
    environment = {**server.env, "AWS_DATA_PATH": str(client_model(directory / "models"))}
    done = subprocess.run(
        [sys.executable, str(TOOL), server.endpoint, "--stepfunctions-only", "--timeout", "60",
         "--account", "000000000000", "--cases", str(CASES), "--json", str(outcomes)],
        env=environment, capture_output=True, text=True, timeout=REPLAY_SECONDS_MAX)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(outcomes.read_text(encoding="utf-8"))


def test_recorded_conversations(own_suiro, tmp_path):
    for path in (CASES, TOOL):
        if not path.exists():
            pytest.skip(f"{os.path.relpath(path, ROOT)} is not present: nothing is replayed")
    document = DOCUMENT.read_text(encoding="utf-8")
    listed = set(LISTED.findall(document))
    told = int(PASSED.search(document)[1])
    outcomes = {each["case_id"]: each for each in replay(own_suiro.start(), tmp_path)}

    failed = {name for name, each in outcomes.items() if each["status"] == "failed"}
    passed = {name for name, each in outcomes.items() if each["status"] == "passed"}
    news = [f"{name}: {outcomes[name]['details'][:3]}" for name in sorted(failed - listed)]
    assert not news, "failed, and docs/workflow-cases.md does not list them:\n" + "\n".join(news)
    assert not listed - failed, "listed in docs/workflow-cases.md, and did not fail"
    assert len(passed) == told, "docs/workflow-cases.md tells another number of passes"
