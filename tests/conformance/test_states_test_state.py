# SPDX-License-Identifier: Apache-2.0
"""TestState of Step Functions. Debian's clients do not know the operation: requests are signed by
hand."""
import contextlib
import http.server
import io
import json
import threading
import time
import types
import zipfile

import pytest
from sigv4 import Signer

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
INVOKE = "arn:aws:states:::lambda:invoke"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def ask(server, definition, host="", **more):
    """Status and answer of TestState; JSON members are given as they are."""
    for name in ("input", "variables", "context"):
        if name in more and not isinstance(more[name], str):
            more[name] = json.dumps(more[name])
    if "result" in more.get("mock", {}):
        more["mock"] = {**more["mock"], "result": json.dumps(more["mock"]["result"])}
    body = json.dumps({"definition": json.dumps(definition), **more}).encode()
    signer = Signer(server, "states")
    signer.host = host + signer.host
    status, _, answer = signer.request("POST", "/", body=body, extra={
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "AWSStepFunctions.TestState"})
    return status, json.loads(answer)


@pytest.fixture()
def run(suiro):
    def tried(definition, **more):
        status, answer = ask(suiro, definition, **more)
        assert status == 200, answer
        return answer
    return tried


@pytest.fixture()
def refused(suiro):
    def tried(definition, **more):
        status, answer = ask(suiro, definition, **more)
        assert status == 400, answer
        return answer["__type"].rpartition("#")[2], answer.get("message") or answer["Message"]
    return tried


@contextlib.contextmanager
def api(answer):
    """An HTTP API; `answer(handler)` answers."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            answer(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def http_task(url, **more):
    return {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": {
        "ApiEndpoint": url, "Method": "POST", "Headers": {"x-one": "1"},
        "RequestBody": {"a": 1}}, "End": True, **more}


def test_a_pass_state_shows_its_filters(run):
    """The example of the Developer Guide."""
    answer = run({"Type": "Pass", "InputPath": "$.payload", "Parameters": {"data": 1},
                  "ResultPath": "$.result", "OutputPath": "$.result.data",
                  "Next": "Another State"}, input={"payload": {"foo": "bar"}},
                 inspectionLevel="DEBUG")
    assert answer == {
        "output": "1", "nextState": "Another State", "status": "SUCCEEDED", "inspectionData": {
            "input": '{"payload": {"foo": "bar"}}', "afterInputPath": '{"foo":"bar"}',
            "afterParameters": '{"data":1}', "afterResultSelector": '{"data":1}',
            "afterResultPath": '{"payload":{"foo":"bar"},"result":{"data":1}}'}}


def test_the_host_of_synchronous_operations(suiro):
    status, answer = ask(suiro, {"Type": "Succeed"}, host="sync-")
    assert (status, answer["status"]) == (200, "SUCCEEDED")


def test_a_state_of_a_machine_with_variables(run):
    machine = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 0}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"y": "{% $x + 1 %}"}, "Output": "{% $x %}",
              "Next": "C"},
        "C": {"Type": "Succeed"}}}
    answer = run(machine, stateName="B", variables={"x": 1}, inspectionLevel="DEBUG")
    assert (answer["output"], answer["nextState"]) == ("1", "C")
    assert json.loads(answer["inspectionData"]["variables"]) == {"x": 1, "y": 2}


def test_a_wait_state_waits(run):
    begun = time.monotonic()
    assert run({"Type": "Wait", "Seconds": 1, "End": True})["status"] == "SUCCEEDED"
    assert time.monotonic() - begun >= 1


def test_a_function_is_called(suiro, run, name):
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return {'got': event}\n")
    made = suiro.client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="main.handler",
        Code={"ZipFile": text.getvalue()})
    task = {"Type": "Task", "Resource": made["FunctionArn"], "End": True}
    answer = run(task, input={"a": 1}, roleArn=ROLE, inspectionLevel="DEBUG")
    assert json.loads(answer["output"]) == {"got": {"a": 1}}
    assert json.loads(answer["inspectionData"]["result"]) == {"got": {"a": 1}}
    task = {"Type": "Task", "Resource": INVOKE, "QueryLanguage": "JSONata", "Next": "N",
            "Arguments": {"FunctionName": name, "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload.got %}"}
    answer = run(task, input={"b": 2}, roleArn=ROLE, inspectionLevel="DEBUG")
    assert (json.loads(answer["output"]), answer["nextState"]) == ({"b": 2}, "N")
    assert json.loads(answer["inspectionData"]["afterArguments"]) == {
        "FunctionName": name, "Payload": {"b": 2}}


def test_a_message_is_sent(suiro, run, name):
    queues = suiro.client("sqs")
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    answer = run({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                  "Parameters": {"QueueUrl": url, "MessageBody.$": "$.text"}, "End": True},
                 input={"text": "hello"}, roleArn=ROLE)
    received = queues.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert [message["Body"] for message in received] == ["hello"]
    assert json.loads(answer["output"])["MessageId"] == received[0]["MessageId"]


def test_the_error_of_a_service_is_caught(run, name):
    answer = run({"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": name},
                  "Catch": [{"ErrorEquals": ["Lambda.ResourceNotFoundException"],
                             "ResultPath": "$.error", "Next": "Handle"}], "End": True},
                 input={"a": 1}, roleArn=ROLE, inspectionLevel="DEBUG")
    assert (answer["status"], answer["nextState"]) == ("CAUGHT_ERROR", "Handle")
    assert answer["error"] == "Lambda.ResourceNotFoundException"
    assert name in answer["cause"]
    assert answer["inspectionData"]["errorDetails"] == {"catchIndex": 0}
    output = json.loads(answer["output"])
    assert output == {"a": 1, "error": {"Error": answer["error"], "Cause": answer["cause"]}}


def test_an_http_task_is_traced(run):
    def answer_it(handler):
        handler.rfile.read(int(handler.headers["content-length"]))
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", "7")
        handler.end_headers()
        handler.wfile.write(b'{"b":2}')

    with api(answer_it) as url:
        answer = run(http_task(url + "/x"), roleArn=ROLE, inspectionLevel="TRACE")
        debug = run(http_task(url + "/x"), roleArn=ROLE, inspectionLevel="DEBUG")
    assert json.loads(answer["output"])["ResponseBody"] == {"b": 2}
    request = answer["inspectionData"]["request"]
    assert (request["protocol"], request["method"], request["url"], request["body"]) == (
        "http", "POST", url + "/x", '{"a":1}')
    assert request["headers"].startswith("[x-one: 1, Content-Type: application/json, User-Agent: ")
    response = answer["inspectionData"]["response"]
    assert (response["protocol"], response["statusCode"], response["statusMessage"],
            response["body"]) == ("http", "200", "OK", '{"b":2}')
    assert "content-length: 7" in response["headers"]
    assert "request" not in debug["inspectionData"]


def test_a_task_that_takes_too_long(run):
    over = threading.Event()

    def wait(handler):
        over.wait(60)
        with contextlib.suppress(OSError):
            handler.send_response(200)
            handler.end_headers()

    with api(wait) as url:
        threading.Timer(3, over.set).start()
        answer = run(http_task(url, TimeoutSeconds=1, Retry=[
            {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 7}]), roleArn=ROLE,
            inspectionLevel="DEBUG")
    assert (answer["status"], answer["error"]) == ("RETRIABLE", "States.Timeout")
    assert answer["inspectionData"]["errorDetails"] == {
        "retryIndex": 0, "retryBackoffIntervalSeconds": 7}


def test_retries_that_were_made(run):
    task = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"},
            "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 3,
                       "BackoffRate": 2.0}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "H"}], "End": True}
    mock = {"errorOutput": {"error": "E", "cause": "C"}}
    answer = run(task, mock=mock, stateConfiguration={"retrierRetryCount": 1},
                 inspectionLevel="DEBUG")
    assert answer["inspectionData"]["errorDetails"] == {
        "retryIndex": 0, "retryBackoffIntervalSeconds": 4}
    answer = run(task, mock=mock, stateConfiguration={"retrierRetryCount": 3})
    assert (answer["status"], answer["nextState"]) == ("CAUGHT_ERROR", "H")


def test_the_items_of_a_map(run):
    state = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": PASS, "End": True,
             "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}}
    answer = run(state, input={"items": ["a", "b"]}, mock={"result": [1, 2]},
                 inspectionLevel="DEBUG")
    assert json.loads(answer["output"]) == [1, 2]
    assert json.loads(answer["inspectionData"]["afterItemSelector"]) == [
        {"v": "a", "i": 0}, {"v": "b", "i": 1}]


def test_mocks_are_checked_by_the_models(run, refused):
    def task(resource, parameters):
        return {"Type": "Task", "Resource": "arn:aws:states:::" + resource, "End": True,
                "Parameters": parameters}

    start = task("states:startExecution", {"StateMachineArn": "a"})
    prefix = "Mock result schema validation error: "
    assert refused(start, mock={"result": {}}) == (
        "ValidationException", prefix + "Required field 'ExecutionArn' is missing")
    assert run(start, mock={"result": {}, "fieldValidationMode": "PRESENT"})["output"] == "{}"
    wrong = {"StartDate": 1}
    assert refused(start, mock={"result": wrong, "fieldValidationMode": "PRESENT"}) == (
        "ValidationException", prefix + "Field 'StartDate' must be a string")
    assert run(start, mock={"result": wrong, "fieldValidationMode": "NONE"})["output"]
    # The result of .sync is the one of the operation that looks for the end.
    waits = task("states:startExecution.sync:2", {"StateMachineArn": "a"})
    assert "'StateMachineArn' is missing" in refused(
        waits, mock={"result": {"ExecutionArn": "x"}})[1]
    described = {"ExecutionArn": "x", "StateMachineArn": "y", "Status": "SUCCEEDED",
                 "StartDate": "now", "Output": {"o": 1}}
    assert run(waits, mock={"result": described})["status"] == "SUCCEEDED"
    # What a callback brings, no model tells.
    callback = task("sqs:sendMessage.waitForTaskToken", {
        "QueueUrl": "q", "MessageBody.$": "$$.Task.Token"})
    assert run(callback, mock={"result": [1]})["output"] == "[1]"
    # No service of Suiro's.
    code, message = refused(task("dynamodb:putItem", {"TableName": "t", "Item": {}}),
                            mock={"result": {}})
    assert code == "ValidationException"
    assert "dynamodb:putItem" in message and "NONE" in message


TASK = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}, "End": True}
PARALLEL = {"Type": "Parallel", "Branches": [PASS], "End": True}
MOCK = {"result": {}}
ERROR = {"errorOutput": {"error": "E"}}
NEEDS_MOCK = ("TestState API does not support Map or Parallel states. Supported state types "
              "include: [Task, Wait, Pass, Succeed, Fail, Choice]")


@pytest.mark.parametrize("definition, more, code, message", [
    ({"Type": "Nothing"}, {}, "InvalidDefinition", "Invalid State Machine Definition: "),
    (PASS, {"stateName": "Q"}, "ValidationException", "State not found in definition"),
    (PARALLEL, {}, "InvalidDefinition", NEEDS_MOCK),
    (PARALLEL, {"mock": {"result": [1, 2]}}, "ValidationException",
     "Mocked result must contain the same number of items as number of Parallel branches."),
    (PARALLEL, {"mock": ERROR}, "ValidationException", "errorCausedByState must be specified"),
    (PARALLEL, {"mock": ERROR, "stateConfiguration": {"errorCausedByState": "Q"}},
     "ValidationException", "errorCausedByState names 'Q'"),
    ({"Type": "Succeed"}, {"mock": MOCK}, "ValidationException",
     "State type 'Succeed' is not supported when a mock is specified"),
    (TASK, {}, "ValidationException", "RoleArn must be specified when testing a Task state"),
    (TASK, {"mock": {**MOCK, **ERROR}}, "ValidationException",
     "A test mock should have only one of the following fields: [result, errorOutput]."),
    (TASK, {"mock": {}}, "ValidationException", "A test mock should have one of"),
    (TASK, {"mock": MOCK, "revealSecrets": True}, "ValidationException",
     "TestState does not support RevealSecrets when a mock is specified."),
    (TASK, {"mock": MOCK, "context": {"x": 1}}, "ValidationException",
     "Invalid Context object provided: Field 'x' is not allowed"),
    (TASK, {"roleArn": ROLE, "context": {}}, "ValidationException", "A context can only be"),
    (TASK, {"roleArn": ROLE, "stateConfiguration": {}}, "ValidationException",
     "A state configuration can only be"),
    (TASK, {"roleArn": "arn:aws:iam::000000000000:user/u"}, "InvalidArn", "Invalid Arn: "),
    ({**TASK, "Resource": f"arn:aws:states:us-east-1:{ACCOUNT}:activity:a"}, {"roleArn": ROLE},
     "ValidationException", "A mock must be specified when testing the resource"),
    ({"Type": "Pass", "End": True}, {"input": "{"}, "InvalidExecutionInput", "Invalid State "),
    ({"Type": "Pass", "End": True}, {"variables": [1]}, "ValidationException", "Variables must "),
])
def test_refusals(refused, definition, more, code, message):
    told = refused(definition, **more)
    assert told[0] == code
    assert told[1].startswith(message)


def test_permissions(suiro, name):
    iam = suiro.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = types.SimpleNamespace(endpoint=suiro.endpoint, env={
        **suiro.env, "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]})

    def allow(*actions):
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))

    def denied(**more):
        status, answer = ask(user, {"Type": "Succeed"}, **more)
        return status != 200 and (answer.get("message") or answer["Message"])

    allow("states:ListStateMachines")
    assert "states:TestState" in denied()
    allow("states:TestState")
    assert not denied(revealSecrets=False)
    assert "iam:PassRole" in denied(roleArn=ROLE)
    assert "states:RevealSecrets" in denied(revealSecrets=True)
    allow("states:TestState", "states:RevealSecrets", "iam:PassRole")
    assert not denied(roleArn=ROLE, revealSecrets=True)
