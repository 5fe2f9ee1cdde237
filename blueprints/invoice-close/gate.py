# SPDX-License-Identifier: Apache-2.0
"""The quality gate before a change of what posts a day. A change is a folder with files of the
function, with `day.json` (a merge patch of the day's definition), or with both.

Stage 1 rehearses the changed workflow in virtual time on what the tasks of an approved day
answered; its output must be the approved one. Stage 2 lets the changed function and workflow,
published but not live, post the approved day's input into a place of its own; that ledger must be
the approved one. Only then the aliases move.
"""
import copy
import json
import subprocess

import check_books
import watch
from supervisor import binary
from system import DAY, FUNCTION, HERE, code_of, package


def merge_patch(document, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge_patch(out.get(name), value)
    return out


class Gate:
    def __init__(self, system, month, day, execution, directory, say):
        """`execution`: the approved one of that day."""
        self.system, self.month, self.day, self.say = system, month, day, say
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self._record(execution)
        self.ledger = system.get_all(f"ledger/day={day}/")
        self.definition = json.loads((HERE / "day.asl.json").read_text())
        self.code = code_of(HERE / "function")

    def _write(self, name, content):
        path = self.directory / name
        path.write_text(json.dumps(content))
        return str(path)

    def _record(self, execution):
        """Input, output and the tasks' answers of the approved execution, as files."""
        told = self.system.states.describe_execution(executionArn=execution)
        self.input = self._write("input.json", json.loads(told["input"]))
        self.output = self._write("output.json", json.loads(told["output"]))
        mocks = self.directory / "mocks.json"
        subprocess.run(
            [binary(), "rehearse", str(HERE / "day.asl.json"), "--recorded", execution,
             "--save-mocks", str(mocks), "--expect", self.output, "--json", "--data",
             str(self.system.supervisor.data)], capture_output=True, text=True, check=True)
        # What the Map reads, in place of what its children got: the change may select otherwise.
        recorded = json.loads(mocks.read_text())
        recorded["states"]["Shops"] = {"items": [{"shop": shop} for shop in self.month.shops]}
        self.mocks = self._write(mocks.name, recorded)

    def _rehearse(self, definition):
        """The rehearsal as data, or the refusal."""
        done = subprocess.run(
            [binary(), "rehearse", self._write("day.asl.json", definition), "--input", self.input,
             "--mocks", self.mocks, "--expect", self.output, "--json", "--data",
             str(self.system.supervisor.data)], capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr.strip()
        return json.loads(done.stdout), None

    def _try_out(self, name, code, definition):
        """Publishes the change, and posts the day with it into a place of its own. Returns the
        versions and what differs."""
        function = self.system.functions.update_function_code(
            FunctionName=FUNCTION, ZipFile=package(code), Publish=True)
        self.system.functions.get_waiter("function_updated_v2").wait(
            FunctionName=FUNCTION, WaiterConfig={"Delay": 1})
        machine = self.system.call(
            "UpdateStateMachine", publish=True, definition=json.dumps(definition),
            stateMachineArn=self.system.arn("states", f"stateMachine:{DAY}"))
        machine = machine["stateMachineVersionArn"]
        place = f"gate/{name}/"
        told = watch.run_day(
            self.system, machine, self.system.day_order(
                self.day, place, self.system.arn("lambda", f"function:{FUNCTION}:"
                                                 f"{function['Version']}")),
            f"gate-{name}-{self.day}")
        versions = function["Version"], machine
        if told["status"] != "SUCCEEDED":
            return versions, f"the day {told['status']}: {told.get('error')} {told.get('cause')}"
        found = {key.replace(place, "ledger/", 1): content
                 for key, content in self.system.get_all(place).items()}
        wrong = check_books.compare(self.ledger, found)
        return versions, f"{len(wrong)} objects of the ledger differ, the first: " \
            f"{wrong[0]}" if wrong else None

    def _forget(self, function, machine):
        """What was refused is taken away. What the change left as it is has no version of its own:
        publishing it again gave the live one."""
        live = self.system.live_versions()
        if machine != live["machine"]:
            self.system.call("DeleteStateMachineVersion", stateMachineVersionArn=machine)
        if function != live["function"]:
            self.system.functions.delete_function(FunctionName=FUNCTION, Qualifier=function)

    def pass_change(self, change):
        """Lets a change through, and makes it live; or tells why not, as (stage, text)."""
        patch = change / "day.json"
        definition = merge_patch(self.definition, json.loads(patch.read_text())
                                 if patch.exists() else {})
        rehearsed, refusal = self._rehearse(definition)
        if refusal:
            return 1, refusal
        seconds = rehearsed["states"]["Shops"]["total_ms"] / 1000
        self.say(f"  stage 1: {rehearsed['children']} shops of {self.day} rehearsed, the output is "
                 f"the approved one; they would take {seconds:.1f} s")
        code = {**self.code, **code_of(change)}
        (function, machine), refusal = self._try_out(change.name, code, definition)
        if refusal:
            self._forget(function, machine)
            return 2, refusal
        self.say(f"  stage 2: {len(self.ledger)} objects of {self.day} are as approved")
        self.system.make_live(function, machine)
        self.definition, self.code = definition, code
        return None
