# SPDX-License-Identifier: Apache-2.0
"""Terraform, unmodified: apply, an empty second plan, changes in place, destroy."""
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import zipfile

import pytest

HERE = pathlib.Path(__file__).parent
CASES = sorted(p.name for p in (HERE / "cases").iterdir() if p.is_dir())
SECONDS_MAX = 600  # of one command
PARALLELISM = "-parallelism=30"
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


MIRROR_DEFAULT = "/opt/tf-plugins"


def mirror():
    """The folder of providers, or None: then TF_CLI_CONFIG_FILE names one."""
    named = os.environ.get("SUIRO_TERRAFORM_MIRROR")
    if named is None and pathlib.Path(os.environ.get("TF_CLI_CONFIG_FILE", "")).is_file():
        return None
    return pathlib.Path(named or MIRROR_DEFAULT)


def absent():
    """Why the tests cannot run here; None: they can."""
    if shutil.which("terraform") is None:
        return "terraform is not installed"
    folder = mirror()
    if folder is not None and not folder.is_dir():
        return f"no mirror of providers at {folder} (SUIRO_TERRAFORM_MIRROR)"
    return None


pytestmark = pytest.mark.skipif(absent() is not None, reason=str(absent()))


class Terraform:
    """One working folder."""

    def __init__(self, folder, server):
        self.folder = folder
        self.replaced = []
        folder.mkdir()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env.update(CHECKPOINT_DISABLE="1", TF_IN_AUTOMATION="1", AWS_EC2_METADATA_DISABLED="1")
        plugins = mirror()
        if plugins is not None:
            configuration = folder / "cli.tfrc"
            configuration.write_text(
                "provider_installation {\n  filesystem_mirror {\n"
                f'    path = "{plugins}"\n  }}\n}}\n')
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
        """All resources as the files say; returns how many were added, changed and destroyed."""
        out = self.run("apply", "-auto-approve", "-input=false", PARALLELISM).stdout
        self.replaced = [line for line in out.splitlines() if "must be replaced" in line]
        counts = re.search(r"Resources: (\d+) added, (\d+) changed, (\d+) destroyed", out)
        return tuple(int(n) for n in counts.groups())

    def destroy(self):
        self.run("destroy", "-auto-approve", "-input=false", "-refresh=false", PARALLELISM)

    def assert_nothing_to_do(self):
        plan = self.run("plan", "-detailed-exitcode", "-input=false", PARALLELISM,
                        good=(NO_CHANGES, CHANGES))
        assert plan.returncode == NO_CHANGES, plan.stdout

    def resources(self):
        shown = json.loads(self.run("show", "-json").stdout)
        root = shown.get("values", {}).get("root_module", {})
        return [r["address"] for r in root.get("resources", []) if r["mode"] == "managed"]


def checks_of(case):
    spec = importlib.util.spec_from_file_location(f"check_{case.name}", case / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pack(folder):
    """The code of the case's functions: code/ as code.zip, the same bytes at each call."""
    if not (folder / "code").is_dir():
        return
    with zipfile.ZipFile(folder / "code.zip", "w") as archive:
        for file in sorted((folder / "code").rglob("*.py")):
            archive.writestr(zipfile.ZipInfo(str(file.relative_to(folder / "code"))),
                             file.read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_case(own_suiro, name, tmp_path):
    # Of its own: the checks read first pages of lists.
    suiro = own_suiro
    suiro.start()
    case = HERE / "cases" / name
    checks = checks_of(case)
    terraform = Terraform(tmp_path / "work", suiro)
    shutil.copytree(case, terraform.folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("check.py", "__pycache__"))
    pack(terraform.folder)
    terraform.run("init", "-input=false")
    added, changed, destroyed = terraform.apply()
    assert added > 0 and (changed, destroyed) == (0, 0)
    terraform.assert_nothing_to_do()
    checks.check(suiro)

    terraform.env["TF_VAR_step"] = "2"
    added, changed, destroyed = terraform.apply()
    assert terraform.replaced == []
    assert changed > 0 and (added, destroyed) == (0, 0)
    terraform.assert_nothing_to_do()
    checks.check_later(suiro)

    terraform.destroy()
    assert terraform.resources() == []
    checks.gone(suiro)
