# SPDX-License-Identifier: Apache-2.0
"""Definitions as code: suiro plan and suiro apply against a running server, seen with boto3."""
import json
import subprocess

import pytest
from suiro_server import binary

CHANGES = 3

FILE = """
name: {name}
timezone: Asia/Tokyo
buckets:
  {name}-lake:
    versioning: true
    expire_after: 30d
    notify: [{{function: {name}-parse, prefix: raw/}}]
queues:
  {name}-work: {{visibility_timeout: 2m, dead_letter: {{queue: {name}-dead, after: 4}}}}
  {name}-dead: {{description: "What failed, four times"}}
streams:
  {name}-clicks: {{shards: 2, retention: 2d}}
functions:
  {name}-parse:
    description: Parses what is uploaded
    runtime: python3.11
    handler: app.handler
    code: code
    environment: {{LEVEL: info}}
    sources: [{{queue: {name}-work, batch_size: 5}}]
tasks:
  {name}-report:
    description: Adds up
    image: 000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/report:latest
    command: [report, --day]
    memory: 128
    environment: {{LEVEL: info}}
    restart: {{after: 60s}}
    schedules:
      - {{expression: "cron(0 3 * * ? *)", overlap: forbid, missed_within: 2h}}
      - {{expression: rate(1 hour), command: [report, --quick], enabled: false}}
"""


class Files:
    """A definition file in a folder, and the commands on it."""

    def __init__(self, suiro, folder, name):
        self.suiro, self.file, self.name = suiro, folder / "shop.yaml", name
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text("def handler(event, context):\n    return 1\n")
        self.write(FILE)

    def write(self, text):
        self.file.write_text(text.format(name=self.name))

    def run(self, command, *arguments):
        return subprocess.run([binary(), command, str(self.file), "--data", str(self.suiro.data),
                               *arguments], capture_output=True, text=True, timeout=120)

    def plan(self, *arguments, status):
        done = self.run("plan", *arguments)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def apply(self, *arguments):
        done = self.run("apply", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture()
def files(suiro, tmp_path, name):
    made = Files(suiro, tmp_path, name)
    yield made
    made.write("name: {name}")
    made.apply("--prune")


def test_apply_makes_what_the_file_says(suiro, files, name):
    assert "+ function " in files.plan(status=CHANGES)
    assert "[8/8] create schedule" in files.apply()
    assert "Nothing to change." in files.plan(status=0)
    assert files.apply() == "nothing to change\n"
    s3, sqs, ecs = suiro.client("s3"), suiro.client("sqs"), suiro.client("ecs")
    assert s3.get_bucket_versioning(Bucket=f"{name}-lake")["Status"] == "Enabled"
    rule = s3.get_bucket_notification_configuration(Bucket=f"{name}-lake")[
        "LambdaFunctionConfigurations"][0]
    assert rule["Filter"]["Key"]["FilterRules"][0]["Value"] == "raw/"
    url = sqs.get_queue_url(QueueName=f"{name}-work")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "120"
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 4
    mapping = suiro.client("lambda").list_event_source_mappings(
        FunctionName=f"{name}-parse")["EventSourceMappings"][0]
    assert mapping["BatchSize"] == 5
    definition = ecs.describe_task_definition(taskDefinition=f"{name}-report")["taskDefinition"]
    assert definition["containerDefinitions"][0]["command"] == ["report", "--day"]
    schedule = suiro.client("scheduler").get_schedule(Name=f"{name}-report", GroupName=name)
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    assert schedule["Description"] == "Adds up"


def test_plan_tells_what_changes_and_when_it_runs(files, name):
    files.apply()
    files.write(FILE.replace("cron(0 3", "cron(0 4").replace("after: 4", "after: 5")
                .replace("LEVEL: info", "LEVEL: debug"))
    text = files.plan("--from", "2026-11-01", "--days", "30", status=CHANGES)
    assert '"after":4} -> {"queue"' in text
    assert "expression: cron(0 3 * * ? *) -> cron(0 4 * * ? *)" in text
    assert f"{name}-report (cron(0 4 * * ? *) in Asia/Tokyo): 0 added, 30 moved, 0 dropped" in text
    assert "moved: 2026-11-01T18:00Z -> 2026-11-01T19:00Z" in text
    data = json.loads(files.plan("--from", "2026-11-01", "--days", "2", "--json", status=CHANGES))
    runs = {schedule["name"]: schedule["runs"] for schedule in data["schedules"]}
    assert runs[f"{name}-report"] == ["2026-11-01T19:00:00.000Z", "2026-11-02T19:00:00.000Z"]
    assert runs[f"{name}-report-2"] == []  # disabled
    assert f"- ~ queue `{name}-work`" in files.plan("--markdown", status=CHANGES)
    files.apply()
    files.plan(status=0)


def test_code_that_changes_is_uploaded(suiro, files, name):
    files.apply()
    before = suiro.client("lambda").get_function(FunctionName=f"{name}-parse")["Configuration"]
    (files.file.parent / "code" / "app.py").write_text("def handler(e, c):\n    return 2\n")
    assert "~ function" in files.plan(status=CHANGES)
    files.apply()
    after = suiro.client("lambda").get_function(FunctionName=f"{name}-parse")["Configuration"]
    assert before["CodeSha256"] != after["CodeSha256"]


def test_prune_removes_only_its_own(suiro, files, name):
    sqs = suiro.client("sqs")
    foreign = sqs.create_queue(QueueName=f"{name}-foreign")["QueueUrl"]
    files.apply()
    files.write("name: {name}\nqueues: {{ {name}-dead: {{}} }}")
    assert "no longer in the file; --prune removes it" in files.plan(status=CHANGES)
    files.apply()
    suiro.client("s3").head_bucket(Bucket=f"{name}-lake")
    assert "- bucket" in files.plan("--prune", status=CHANGES)
    files.apply("--prune")
    found = sqs.list_queues(QueueNamePrefix=name)["QueueUrls"]
    assert sorted(url.rsplit("/", 1)[1] for url in found) == [f"{name}-dead", f"{name}-foreign"]
    families = suiro.client("ecs").list_task_definition_families(
        familyPrefix=name, status="ACTIVE")["families"]
    assert families == []
    sqs.delete_queue(QueueUrl=foreign)


@pytest.mark.parametrize("text, expected", [
    ("name: {name}\nqueus: {{}}", "shop.yaml:2:1: 'queus' is not known here"),
    ("name: {name}\nqueues: {{q: {{delay: soon}}}}", "expected a duration as 90s"),
    ("name: {name}\ntasks: {{t: {{image: x, schedules: [{{expression: cron(0 3)}}]}}}}",
     "schedule t: "),
    ("name: {name}\nfunctions: {{f: {{runtime: python3.11, handler: a.b, code: absent}}}}",
     "absent: expected a folder or a .zip"),
])
def test_mistakes_are_told_and_nothing_is_made(suiro, files, text, expected):
    files.write(text)
    for command in ("plan", "apply"):
        done = files.run(command)
        assert done.returncode == 1 and expected in done.stderr
    assert suiro.client("sqs").list_queues(QueueNamePrefix=files.name).get("QueueUrls") is None
