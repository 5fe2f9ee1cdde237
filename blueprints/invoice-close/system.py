# SPDX-License-Identifier: Apache-2.0
"""The system: a lake, a function that posts, the workflows of a day and of a month, two queues.
What is live is behind aliases, so that a change can be tried beside it."""
import io
import json
import pathlib
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session

import generator
from supervisor import ensure

HERE = pathlib.Path(__file__).resolve().parent
BUCKET, FUNCTION, DAY, MONTH, LIVE = "lake", "post-shop", "day", "month", "live"
ROLE = "arn:aws:iam::000000000000:role/invoice-close"
THREADS = 8
ATTEMPTS_MAX, ATTEMPT_SECONDS = 20, 0.5


def code_of(folder):
    """The Python files of a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}


def package(files):
    """A function's zip."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as code:
        for name, content in files.items():
            code.writestr(name, content)
    return archive.getvalue()


class System:
    def __init__(self, supervisor):
        self.supervisor = supervisor
        self.environment = supervisor.environment()
        self.region = self.environment["AWS_DEFAULT_REGION"]
        self.s3 = supervisor.client("s3", max_pool_connections=THREADS)
        self.functions = supervisor.client("lambda")
        self.states = supervisor.client("stepfunctions", max_pool_connections=THREADS)
        self.sqs = supervisor.client("sqs")

    def arn(self, service, resource):
        return f"arn:aws:{service}:{self.region}:000000000000:{resource}"

    @property
    def live_day(self):
        return self.arn("states", f"stateMachine:{DAY}:{LIVE}")

    @property
    def live_function(self):
        return self.arn("lambda", f"function:{FUNCTION}:{LIVE}")

    def call(self, operation, **request):
        """An operation of Step Functions that is newer than Debian's boto3: versions, aliases."""
        for _ in range(ATTEMPTS_MAX):
            try:
                return self._call(operation, request)
            except HTTPClientError:
                time.sleep(ATTEMPT_SECONDS)  # between a kill and the restart
        raise SystemExit(f"{operation} was not answered {ATTEMPTS_MAX} times")

    def _call(self, operation, request):
        signed = AWSRequest("POST", self.supervisor.endpoint + "/", data=json.dumps(request),
                            headers={"Content-Type": "application/x-amz-json-1.0",
                                     "X-Amz-Target": f"AWSStepFunctions.{operation}"})
        SigV4Auth(Credentials(self.environment["AWS_ACCESS_KEY_ID"],
                              self.environment["AWS_SECRET_ACCESS_KEY"]),
                  "states", self.region).add_auth(signed)
        answer = URLLib3Session().send(signed.prepare())
        if answer.status_code != 200:
            raise RuntimeError(f"{operation}: {answer.status_code} {answer.text}")
        return json.loads(answer.content)

    def deploy(self):
        ensure(lambda: self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": self.region}),
            ("BucketAlreadyOwnedByYou",))
        ensure(lambda: self.functions.create_function(
            FunctionName=FUNCTION, Runtime="python3.11", Handler="handler.handler", Timeout=30,
            MemorySize=128, Role=ROLE, Code={"ZipFile": package(code_of(HERE / "function"))}),
            ("ResourceConflictException",))
        self.functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
        version = self.functions.publish_version(FunctionName=FUNCTION)["Version"]
        self.functions.create_alias(FunctionName=FUNCTION, Name=LIVE, FunctionVersion=version)
        for name in (DAY, MONTH):
            made = self.states.create_state_machine(
                name=name, roleArn=ROLE, definition=(HERE / f"{name}.asl.json").read_text())
            version = self.call("PublishStateMachineVersion",
                                stateMachineArn=made["stateMachineArn"])
            self.call("CreateStateMachineAlias", name=LIVE, routingConfiguration=[
                {"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}])
        self.queues = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"]
                       for name in ("approvals", "notices")}

    def live_versions(self):
        """Of the function and of the day's workflow."""
        route, = self.call("DescribeStateMachineAlias",
                           stateMachineAliasArn=self.live_day)["routingConfiguration"]
        alias = self.functions.get_alias(FunctionName=FUNCTION, Name=LIVE)
        return {"function": alias["FunctionVersion"], "machine": route["stateMachineVersionArn"]}

    def make_live(self, function, machine):
        self.functions.update_alias(FunctionName=FUNCTION, Name=LIVE, FunctionVersion=function)
        self.call("UpdateStateMachineAlias", stateMachineAliasArn=self.live_day,
                  routingConfiguration=[{"stateMachineVersionArn": machine, "weight": 100}])

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key):
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def get_all(self, prefix):
        """{key: content} of every object below a prefix."""
        with ThreadPoolExecutor(THREADS) as pool:
            keys = self.keys(prefix)
            return dict(zip(keys, pool.map(self.get, keys)))

    def upload(self, month, progress):
        """The month's files, but those that are late. Returns how many."""
        self.put("masters/shops.csv", "shop\n" + "".join(f"{shop}\n" for shop in month.shops))
        places = [place for place in month.sizes if place[1] != month.late(place[0])]

        def put(place):
            self.put(generator.key_of(*place), month.csv(*place))

        with ThreadPoolExecutor(THREADS) as pool:
            for done, _ in enumerate(pool.map(put, places), 1):
                progress(done, len(places))
        return len(places)

    def start_month(self, month, tolerated):
        order = {"month": month.name, "days": month.days, "machine": self.live_day,
                 "function": self.live_function, "tolerated": tolerated, **self.queues}
        return self.states.start_execution(
            stateMachineArn=self.arn("states", f"stateMachine:{MONTH}:{LIVE}"),
            name=f"close-{month.name}", input=json.dumps(order))["executionArn"]

    def day_order(self, day, ledger="ledger/", function=None):
        return {"day": day, "ledger": ledger, "function": function or self.live_function}

    def history(self, arn):
        pages = self.states.get_paginator("get_execution_history").paginate(
            executionArn=arn, maxResults=1000)
        return [event for page in pages for event in page["events"]]

    def executions(self, **which):
        pages = self.states.get_paginator("list_executions").paginate(**which)
        return [row for page in pages for row in page["executions"]]

    def children(self, execution):
        """The executions of the shops of a day's execution."""
        runs = self.states.list_map_runs(executionArn=execution)["mapRuns"]
        return [child for run in runs for child in self.executions(mapRunArn=run["mapRunArn"])]

    def histories(self, children):
        with ThreadPoolExecutor(THREADS) as pool:
            arns = [child["executionArn"] for child in children]
            return dict(zip(arns, pool.map(self.history, arns)))
