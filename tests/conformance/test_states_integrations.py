# SPDX-License-Identifier: Apache-2.0
"""Tasks of state machines: functions, messages, events, objects, requests, any operation."""
import http.server
import json
import threading
import time

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from test_lambda import make as make_function, zipped
from waiting import until
from workflows import (ACCOUNT, TOKEN, TOKEN_SENDER, Workflows, bucket, callback, caught,
                       child_task, kept_role, message, one, queue, task)


@pytest.fixture()
def function(suiro, name):
    """Makes a function of a body of Python; tells its ARN."""
    def make(source, **options):
        return make_function(suiro.client("lambda"), name, source, **options)["FunctionArn"]
    return make


def lambda_arguments(arn, **payload):
    return {"FunctionName": arn, "Payload": payload}


# --- functions

def test_a_function_is_invoked(flows, function):
    arn = function("def handler(event, context):\n    return {'got': event['n'] + 1}\n")
    out = flows.output(one(task("lambda:invoke", Parameters={
        "FunctionName": arn, "Payload": {"n.$": "$.n"}})), {"n": 1})
    assert (out["Payload"], out["StatusCode"], out["ExecutedVersion"]) == (
        {"got": 2}, 200, "$LATEST")
    assert out["SdkHttpMetadata"]["HttpStatusCode"] == 200
    machine = flows.make(one(task(arn)), "-arn")
    told = flows.finish(flows.start(machine, {"n": 5}))
    assert json.loads(told["output"]) == {"got": 6}
    types = flows.types(told["executionArn"])
    assert [t for t in types if t.startswith("Lambda")] == [
        "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]


@pytest.mark.parametrize("form", ["invoke", "arn"])
def test_the_error_of_a_function(flows, function, form):
    arn = function("class Odd(Exception):\n    pass\n"
                   "def handler(event, context):\n    raise Odd('so bad')\n")
    state = task(arn) if form == "arn" else task("lambda:invoke",
                                                 Parameters=lambda_arguments(arn, a=1))
    error = flows.output(caught(state))
    assert error["Error"] == "Odd"
    cause = json.loads(error["Cause"])
    assert (cause["errorMessage"], cause["errorType"]) == ("so bad", "Odd")
    assert isinstance(cause["stackTrace"], list)


def test_a_function_is_tried_again(flows, function):
    arn = function("class Busy(Exception):\n    pass\n"
                   "def handler(event, context):\n"
                   "    if event['tries'] < 2:\n        raise Busy()\n"
                   "    return event['tries']\n")
    retry = [{"ErrorEquals": ["Other"], "MaxAttempts": 9},
             {"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]
    machine = flows.make(one(task("lambda:invoke", Retry=retry, OutputPath="$.Payload", Parameters={
        "FunctionName": arn, "Payload": {"tries.$": "$$.State.RetryCount"}})))
    told = flows.finish(flows.start(machine))
    assert json.loads(told["output"]) == 2
    types = flows.types(told["executionArn"])
    assert (types.count("TaskFailed"), types.count("TaskSucceeded")) == (2, 1)


def test_the_times_of_a_function(flows, function):
    arn = function("import time\ndef handler(event, context):\n    time.sleep(event['s'])\n",
                   Timeout=2)
    arguments = lambda_arguments(arn, s=30)
    error = flows.output(caught(task("lambda:invoke", Parameters=arguments, TimeoutSeconds=1)))
    assert error["Error"] == "States.Timeout"
    error = flows.output(caught(task("lambda:invoke", Parameters=arguments)), suffix="-own")
    assert error["Error"] == "Sandbox.Timedout"
    assert "Task timed out after 2.00 seconds" in error["Cause"]


def test_a_function_that_is_not_there(flows, name):
    arn = f"arn:aws:lambda:{flows.region}:{ACCOUNT}:function:{name}"
    error = flows.output(caught(task("lambda:invoke", Parameters=lambda_arguments(arn))))
    assert error["Error"] == "Lambda.ResourceNotFoundException"
    assert f"Function not found: {arn}" in error["Cause"]


def test_a_function_ends_the_task_by_its_token(suiro, flows, name):
    role = kept_role(suiro, name, "lambda.amazonaws.com", "states:SendTaskSuccess")
    suiro.client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Role=role, Handler="main.handler", Timeout=60,
        Code={"ZipFile": zipped({"main.py": TOKEN_SENDER})})
    out = flows.output(one(task("lambda:invoke" + TOKEN, TimeoutSeconds=50, Parameters={
        "FunctionName": name, "Payload": {"token.$": "$$.Task.Token"}})))
    assert out == {"refused": "AccessDeniedException"}


# --- messages and callbacks

def test_a_message_is_sent(suiro, flows, name):
    url, _ = queue(suiro, name)
    out = flows.output(one(task("sqs:sendMessage", Parameters={
        "QueueUrl": url, "MessageBody": {"n.$": "$.n"}, "MessageAttributes": {
            "a": {"DataType": "String", "StringValue": "v"}}})), {"n": [1, 2]})
    assert set(out) >= {"MD5OfMessageBody", "MessageId", "MD5OfMessageAttributes"}
    assert message(suiro, url) == {"n": [1, 2]}


def test_callbacks(suiro, flows, name):
    url, _ = queue(suiro, name)
    machine = flows.make(one(callback(url)))
    good, bad, stopped = (flows.start(machine, {"n": n}) for n in range(3))
    tokens = {}
    for _ in range(3):
        body = message(suiro, url)
        tokens[body["in"]["n"]] = body["token"]
    assert {flows.status(arn) for arn in (good, bad, stopped)} == {"RUNNING"}
    flows.client.send_task_heartbeat(taskToken=tokens[0])
    flows.client.send_task_success(taskToken=tokens[0], output='{"well": true}')
    flows.client.send_task_failure(taskToken=tokens[1], error="Mine", cause="why")
    flows.client.stop_execution(executionArn=stopped, error="E", cause="C")
    assert json.loads(flows.finish(good)["output"]) == {"well": True}
    assert flows.finish(bad)["status"] == "FAILED"
    assert flows.failure(bad) == ("Mine", "why")
    assert flows.finish(stopped)["status"] == "ABORTED"
    assert flows.types(stopped)[-1] == "ExecutionAborted"
    for token, code in ((tokens[0], "TaskTimedOut"), (tokens[2], "TaskTimedOut"),
                        ("x", "InvalidToken")):
        with pytest.raises(ClientError) as info:
            flows.client.send_task_success(taskToken=token, output="{}")
        assert info.value.response["Error"]["Code"] == code
    assert flows.types(good) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted",
        "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]


def test_heartbeats_keep_a_task(suiro, flows, name):
    url, _ = queue(suiro, name)
    machine = flows.make(caught(callback(url, HeartbeatSeconds=2)))
    execution = flows.start(machine)
    token = message(suiro, url)["token"]
    over = time.monotonic() + 4

    def beat():
        flows.client.send_task_heartbeat(taskToken=token)
        return time.monotonic() > over
    until(beat, "four seconds of heartbeats")
    assert flows.status(execution) == "RUNNING"
    error = json.loads(flows.finish(execution)["output"])
    assert error["Error"] == "States.Timeout"
    with pytest.raises(ClientError) as info:
        flows.client.send_task_heartbeat(taskToken=token)
    assert info.value.response["Error"]["Code"] == "TaskTimedOut"


def test_messages_of_a_fifo_queue(suiro, flows, name):
    url, _ = queue(suiro, name + ".fifo", FifoQueue="true")
    out = flows.output(one(task("sqs:sendMessage", Parameters={
        "QueueUrl": url, "MessageBody": "plain", "MessageGroupId": "g",
        "MessageDeduplicationId.$": "$$.Execution.Name"})))
    assert out["SequenceNumber"]
    got = flows.output(one(task("aws-sdk:sqs:receiveMessage", Parameters={
        "QueueUrl": url, "AttributeNames": ["All"]})), suffix="-get")
    (found,) = got["Messages"]
    assert (found["Body"], found["Attributes"]["MessageGroupId"]) == ("plain", "g")


def test_a_callback_in_an_express_machine_is_refused(flows, name):
    for suffix, state in (("-a", callback("url")), ("-b", child_task("arn"))):
        with pytest.raises(ClientError) as info:
            flows.make(one(state), suffix, type="EXPRESS")
        assert info.value.response["Error"]["Code"] == "InvalidDefinition"


def test_callbacks_outlive_a_kill(own_suiro, name):
    own_suiro.start()
    flows = Workflows(own_suiro, name)
    url, _ = queue(own_suiro, name)
    execution = flows.start(flows.make(one(callback(url))))
    token = message(own_suiro, url)["token"]
    own_suiro.kill9()
    own_suiro.start()
    flows = Workflows(own_suiro, name)
    flows.client.send_task_success(taskToken=token, output='"back"')
    assert flows.finish(execution)["output"] == '"back"'


def test_activities(flows, name):
    activity = flows.client.create_activity(name=name)["activityArn"]
    machine = flows.make(one(task(activity, TimeoutSeconds=60)))
    good, bad = (flows.start(machine, {"n": n}) for n in range(2))
    for _ in range(2):
        work = flows.client.get_activity_task(activityArn=activity, workerName="w")
        if json.loads(work["input"])["n"] == 0:
            flows.client.send_task_success(taskToken=work["taskToken"], output='"done"')
        else:
            flows.client.send_task_failure(taskToken=work["taskToken"], error="E", cause="C")
    assert flows.finish(good)["output"] == '"done"'
    assert flows.finish(bad)["status"] == "FAILED"
    events = [event for event in flows.history(good) if event["type"].startswith("Activity")]
    assert [event["type"] for event in events] == [
        "ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert events[1]["activityStartedEventDetails"]["workerName"] == "w"
    flows.client.delete_activity(activityArn=activity)


# --- events, streams, objects, schedules

def test_events_are_put(suiro, flows, name):
    events = suiro.client("events")
    url, arn = queue(suiro, name)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    machine = flows.make(one(task("events:putEvents", Parameters={"Entries": [
        {"Source": name, "DetailType": "t", "Detail": {"n.$": "$.n"}}]})))
    told = flows.finish(flows.start(machine, {"n": 3}))
    out = json.loads(told["output"])
    assert out["FailedEntryCount"] == 0 and out["Entries"][0]["EventId"]
    event = message(suiro, url)
    assert event["detail"] == {"n": 3}
    assert event["resources"] == [machine, told["executionArn"]]
    error = flows.output(caught(task("events:putEvents", Parameters={"Entries": [
        {"Source": name, "DetailType": "t", "Detail": "no JSON"}]})), suffix="-bad")
    assert error["Error"] == "EventBridge.FailedEntry"
    assert json.loads(error["Cause"])["FailedEntryCount"] == 1


def test_objects(suiro, flows, name):
    s3 = bucket(suiro, name)
    place = {"Bucket": name}

    def sdk(action, **arguments):
        return flows.output(one(task("aws-sdk:s3:" + action, Parameters={**place, **arguments})),
                            suffix=f"-{len(flows.made)}")
    put = sdk("putObject", Key="a/1", Body={"x": [1]})
    assert put["ETag"] == s3.head_object(Bucket=name, Key="a/1")["ETag"]
    sdk("putObject", Key="a/2", Body="plain")
    assert s3.get_object(Bucket=name, Key="a/1")["Body"].read() == b'{"x":[1]}'
    got = sdk("getObject", Key="a/2")
    assert got["Body"] == "plain" and got["ContentLength"] == 5
    listed = sdk("listObjectsV2", Prefix="a/")
    assert [row["Key"] for row in listed["Contents"]] == ["a/1", "a/2"]
    assert listed["KeyCount"] == 2
    error = flows.output(caught(task("aws-sdk:s3:getObject", Parameters={**place, "Key": "no"})),
                         suffix="-no")
    assert error["Error"] == "S3.NoSuchKeyException"


def test_records(suiro, flows, name):
    kinesis, firehose = suiro.client("kinesis"), suiro.client("firehose")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    until(lambda: kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamStatus"]
          == "ACTIVE", "the stream")
    out = flows.output(one(task("aws-sdk:kinesis:putRecord", Parameters={
        "StreamName": name, "PartitionKey": "p", "Data": {"n.$": "$.n"}})), {"n": 1})
    start = kinesis.get_shard_iterator(
        StreamName=name, ShardId=out["ShardId"], ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=out["SequenceNumber"])["ShardIterator"]
    record = kinesis.get_records(ShardIterator=start)["Records"][0]
    assert json.loads(record["Data"]) == {"n": 1}
    s3 = bucket(suiro, name)
    # An interval of 0, which Debian's boto3 does not know yet.
    suiro.client("firehose", config=Config(parameter_validation=False)).create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/r", "BucketARN": "arn:aws:s3:::" + name,
            "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}})
    until(lambda: firehose.describe_delivery_stream(DeliveryStreamName=name)[
        "DeliveryStreamDescription"]["DeliveryStreamStatus"] == "ACTIVE", "the delivery stream")
    out = flows.output(one(task("aws-sdk:firehose:putRecord", Parameters={
        "DeliveryStreamName": name, "Record": {"Data": "one line"}})), suffix="-f")
    assert out["RecordId"]
    key = until(lambda: s3.list_objects_v2(Bucket=name).get("Contents"), "a file")[0]["Key"]
    assert s3.get_object(Bucket=name, Key=key)["Body"].read() == b"one line"


def test_a_schedule_is_made(suiro, flows, name):
    _, arn = queue(suiro, name)
    out = flows.output(one(task("aws-sdk:scheduler:createSchedule", Parameters={
        "Name": name, "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}})))
    scheduler = suiro.client("scheduler")
    assert scheduler.get_schedule(Name=name)["Arn"] == out["ScheduleArn"]
    scheduler.delete_schedule(Name=name)


def test_what_the_role_may_not(suiro, flows, name):
    urls = [queue(suiro, name + kind) for kind in "ab"]
    role = kept_role(suiro, name, "states.amazonaws.com", "sqs:SendMessage", urls[0][1])
    for index, (url, arn) in enumerate(urls):
        state = task("sqs:sendMessage", Parameters={"QueueUrl": url, "MessageBody": {"n": 1}})
        out = flows.output(caught(state), suffix=str(index), roleArn=role)
        if index == 0:
            assert out["MessageId"]
            continue
        assert out["Error"] == "SQS.AmazonSQSException", out
        assert "is not authorized to perform: sqs:sendmessage" in out["Cause"].lower()
        assert arn in out["Cause"]


def test_what_suiro_has_not(flows):
    for resource, arguments in (("aws-sdk:dynamodb:putItem", {"TableName": "t", "Item": {}}),
                                ("sns:publish", {"TopicArn": "t", "Message": "m"})):
        told = flows.run(one(task(resource, Parameters=arguments)), suffix=f"-{len(flows.made)}")
        assert told["status"] == "FAILED"
        assert flows.failure(told["executionArn"])[0] == "States.Runtime"


# --- requests to anywhere

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps({"path": self.path, "body": body,
                             "custom": self.headers["x-custom"]}).encode()
        self.send_response(503 if "busy" in self.path else 201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture()
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_request_to_anywhere(flows, web):
    state = task("http:invoke", Parameters={
        "ApiEndpoint": web + "/a", "Method": "POST", "Headers": {"x-custom": "c"},
        "QueryParameters": {"q": "1"}, "RequestBody": {"n.$": "$.n"}})
    out = flows.output(one(state), {"n": 7})
    assert (out["StatusCode"], out["StatusText"]) == (201, "Created")
    assert out["ResponseBody"] == {"path": "/a?q=1", "body": {"n": 7}, "custom": "c"}
    state["Parameters"]["ApiEndpoint"] = web + "/busy"
    error = flows.output(caught(state), {"n": 7}, "-busy")
    assert error["Error"] == "States.Http.StatusCode.503"


def test_requests_need_the_role_and_a_place_to_go(suiro, flows, web, name):
    role = kept_role(suiro, name, "states.amazonaws.com", "sqs:SendMessage")
    suiro.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "states:InvokeHTTPEndpoint",
            "Resource": f"arn:aws:states:{flows.region}:{ACCOUNT}:stateMachine:{name}*",
            "Condition": {"StringEquals": {"states:HTTPMethod": "POST"},
                          "StringLike": {"states:HTTPEndpoint": [
                              web + "/a*", "http://169.254.*"]}}}]}))

    def run(url, method="POST"):
        state = task("http:invoke", Parameters={
            "ApiEndpoint": url, "Method": method, "RequestBody": {"n": 1}})
        return flows.output(caught(state), suffix=f"-{len(flows.made)}", roleArn=role)

    assert run(web + "/a/b")["StatusCode"] == 201
    for refused in (run(web + "/b"), run(web + "/a/b", "PUT")):
        assert refused["Error"] == "States.Permissions", refused
        assert "is not authorized to perform states:InvokeHTTPEndpoint" in refused["Cause"]
    refused = run("http://169.254.169.254/a")
    assert refused["Error"] == "States.Http.Socket", refused
    assert "link-local addresses" in refused["Cause"]


def test_requests_go_to_public_endpoints_alone(own_suiro, name, web):
    own_suiro.start()
    flows = Workflows(own_suiro, name)
    for url, error, why in (
            (web + "/a", "States.Runtime", "must be a URL of https"),
            (web.replace("http:", "https:") + "/a", "States.Http.Socket", "only public addresses"),
            ("https://localhost/a", "States.Http.Socket", "only public addresses"),
            ("https://169.254.169.254/a", "States.Http.Socket", "only public addresses")):
        state = task("http:invoke", Parameters={"ApiEndpoint": url, "Method": "GET"})
        told = flows.run(one(state), suffix=f"-{len(flows.made)}")
        refused = flows.failure(told["executionArn"])
        assert refused[0] == error and why in refused[1], refused
