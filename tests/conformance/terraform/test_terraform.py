# SPDX-License-Identifier: Apache-2.0
"""Terraform, unmodified: apply, an empty second plan, destroy. One folder of cases/ a case."""
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
CASES = sorted(p.name for p in (HERE / "cases").iterdir() if p.is_dir())
SECONDS_MAX = 300
NO_CHANGES, CHANGES = 0, 2  # exit codes of plan -detailed-exitcode

PROVIDER = """
terraform {{
  required_providers {{
    aws = {{
      source = "hashicorp/aws"
    }}
  }}
}}

provider "aws" {{
  region            = "{region}"
  access_key        = "{key}"
  secret_key        = "{secret}"
  s3_use_path_style = true
  skip_region_validation = true
  endpoints {{
{endpoints}
  }}
}}
"""

# Names of the provider's endpoints.
SERVICES = ("cloudwatchlogs", "dynamodb", "ecr", "ecs", "events", "firehose", "iam", "kinesis",
            "kinesisanalytics", "kinesisanalyticsv2", "lambda", "s3", "scheduler", "sfn", "sqs",
            "sts")


def absent():
    """Why the tests cannot run here; None: they can."""
    if shutil.which("terraform") is None:
        return "terraform is not installed"
    mirror = os.environ.get("SUIRO_TF_PLUGINS")
    if mirror:
        return None if pathlib.Path(mirror).is_dir() else f"SUIRO_TF_PLUGINS: no folder {mirror}"
    configuration = os.environ.get("TF_CLI_CONFIG_FILE")
    if configuration and pathlib.Path(configuration).is_file():
        return None
    return "neither SUIRO_TF_PLUGINS nor TF_CLI_CONFIG_FILE names a mirror of providers"


pytestmark = pytest.mark.skipif(absent() is not None, reason=str(absent()))


class Terraform:
    """One working folder."""

    def __init__(self, folder, server):
        self.folder = folder
        folder.mkdir()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env.update(CHECKPOINT_DISABLE="1", TF_IN_AUTOMATION="1", AWS_EC2_METADATA_DISABLED="1")
        mirror = os.environ.get("SUIRO_TF_PLUGINS")
        if mirror:
            configuration = folder / "cli.tfrc"
            configuration.write_text(
                "provider_installation {\n  filesystem_mirror {\n"
                f'    path = "{mirror}"\n  }}\n}}\n')
            self.env["TF_CLI_CONFIG_FILE"] = str(configuration)
        (folder / "provider.tf").write_text(PROVIDER.format(
            region=server.env["AWS_DEFAULT_REGION"], key=server.env["AWS_ACCESS_KEY_ID"],
            secret=server.env["AWS_SECRET_ACCESS_KEY"],
            endpoints="\n".join(f'    {s} = "{server.endpoint}"' for s in SERVICES)))

    def run(self, *arguments, good=(0,)):
        done = subprocess.run(["terraform", *arguments, "-no-color"], cwd=self.folder, env=self.env,
                              capture_output=True, text=True, timeout=SECONDS_MAX)
        assert done.returncode in good, f"terraform {arguments}:\n{done.stdout}\n{done.stderr}"
        return done

    def apply(self):
        return self.run("apply", "-auto-approve", "-input=false")

    def assert_nothing_to_do(self):
        plan = self.run("plan", "-detailed-exitcode", "-input=false", good=(NO_CHANGES, CHANGES))
        assert plan.returncode == NO_CHANGES, plan.stdout

    def resources(self):
        shown = json.loads(self.run("show", "-json").stdout)
        root = shown.get("values", {}).get("root_module", {})
        return [r["address"] for r in root.get("resources", []) if r["mode"] == "managed"]


def checks_of(case):
    file = case / "check.py"
    if not file.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"check_{case.name}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CASES)
def test_case(suiro, name, tmp_path):
    case = HERE / "cases" / name
    checks = checks_of(case)
    terraform = Terraform(tmp_path / "work", suiro)
    shutil.copytree(case, terraform.folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("check.py", "step2", "__pycache__"))
    terraform.run("init", "-input=false")
    terraform.apply()
    terraform.assert_nothing_to_do()
    if hasattr(checks, "check"):
        checks.check(suiro)
    if (case / "step2").is_dir():
        shutil.copytree(case / "step2", terraform.folder, dirs_exist_ok=True)
        terraform.apply()
        terraform.assert_nothing_to_do()
    terraform.run("destroy", "-auto-approve", "-input=false")
    assert terraform.resources() == []
    if hasattr(checks, "gone"):
        checks.gone(suiro)
