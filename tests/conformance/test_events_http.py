# SPDX-License-Identifier: Apache-2.0
"""Connections and API destinations of EventBridge, and workflows that use connections."""
import base64
import http.server
import json
import threading
import urllib.parse

import pytest
from botocore.exceptions import ClientError
from waiting import until
from workflows import caught, task

ROLE = "arn:aws:iam::000000000000:role/r"


class Endpoint:
    """An HTTP server that keeps what it is sent; `answers` by path, else 200 and {}."""

    def __init__(self):
        self.requests, self.answers = [], {}
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                url = urllib.parse.urlsplit(self.path)
                endpoint.requests.append({
                    "method": self.command, "path": url.path, "headers": dict(self.headers),
                    "query": urllib.parse.parse_qs(url.query), "body": body})
                status, reply = endpoint.answers.get(url.path, (200, {}))
                text = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def at(self, path):
        return [request for request in self.requests if request["path"] == path]

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture()
def endpoint():
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture(scope="module")
def events(suiro):
    return suiro.client("events")


def basic(events, name, **invocation):
    return events.create_connection(
        Name=name, Description="a partner", AuthorizationType="BASIC", AuthParameters={
            "BasicAuthParameters": {"Username": "ann", "Password": "s3cret"},
            "InvocationHttpParameters": invocation})


def refusal(call, **arguments):
    with pytest.raises(ClientError) as info:
        call(**arguments)
    return info.value.response["Error"]


def test_connections_read_back_without_secrets(events, name):
    made = basic(events, name,
                 HeaderParameters=[{"Key": "X-Plain", "Value": "1", "IsValueSecret": False},
                                   {"Key": "X-Hidden", "Value": "2", "IsValueSecret": True}])
    assert made["ConnectionState"] == "AUTHORIZED"
    assert f":connection/{name}/" in made["ConnectionArn"]
    found = events.describe_connection(Name=name)
    assert found["AuthorizationType"] == "BASIC" and found["Description"] == "a partner"
    assert found["AuthParameters"] == {
        "BasicAuthParameters": {"Username": "ann"},
        "InvocationHttpParameters": {"HeaderParameters": [
            {"Key": "X-Plain", "Value": "1", "IsValueSecret": False},
            {"Key": "X-Hidden", "IsValueSecret": True}]}}
    listed = events.list_connections(NamePrefix=name)["Connections"]
    assert [row["Name"] for row in listed] == [name]
    assert events.list_connections(NamePrefix=name, ConnectionState="DEAUTHORIZED")[
        "Connections"] == []
    error = refusal(basic, events=events, name=name)
    assert error == {"Code": "ResourceAlreadyExistsException",
                     "Message": f"Connection {name} already exists."}


def test_connections_change_and_go(events, name):
    basic(events, name)
    error = refusal(events.update_connection, Name=name, AuthorizationType="API_KEY")
    assert error["Code"] == "ValidationException"
    events.update_connection(Name=name, AuthorizationType="API_KEY", AuthParameters={
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}})
    found = events.describe_connection(Name=name)
    assert found["AuthParameters"]["ApiKeyAuthParameters"] == {"ApiKeyName": "X-Key"}
    assert events.deauthorize_connection(Name=name)["ConnectionState"] == "DEAUTHORIZED"
    assert events.delete_connection(Name=name)["ConnectionState"] == "DELETING"
    assert refusal(events.describe_connection, Name=name) == {
        "Code": "ResourceNotFoundException",
        "Message": f"Failed to describe the connection(s). Connection '{name}' does not exist."}


def test_parameters_that_do_not_fit_are_refused(events, name):
    error = refusal(events.create_connection, Name=name, AuthorizationType="API_KEY",
                    AuthParameters={"BasicAuthParameters": {"Username": "a", "Password": "b"}})
    assert error["Code"] == "ValidationException"
    error = refusal(events.create_connection, Name=name, AuthorizationType="BASIC",
                    AuthParameters={})
    assert error["Code"] == "ValidationException"


def test_api_destinations_read_back(events, name):
    arn = basic(events, name)["ConnectionArn"]
    made = events.create_api_destination(
        Name=name, ConnectionArn=arn, InvocationEndpoint="https://example.com/a/*",
        HttpMethod="PUT", InvocationRateLimitPerSecond=7)
    assert made["ApiDestinationState"] == "ACTIVE"
    found = events.describe_api_destination(Name=name)
    assert (found["HttpMethod"], found["InvocationRateLimitPerSecond"]) == ("PUT", 7)
    assert found["ConnectionArn"] == arn
    listed = events.list_api_destinations(ConnectionArn=arn)["ApiDestinations"]
    assert [row["Name"] for row in listed] == [name]
    events.deauthorize_connection(Name=name)
    assert events.describe_api_destination(Name=name)["ApiDestinationState"] == "INACTIVE"
    events.update_api_destination(Name=name, HttpMethod="POST")
    assert events.describe_api_destination(Name=name)["HttpMethod"] == "POST"
    events.delete_api_destination(Name=name)
    assert refusal(events.describe_api_destination, Name=name)["Code"] == \
        "ResourceNotFoundException"
    error = refusal(events.create_api_destination, Name=name, HttpMethod="POST",
                    ConnectionArn=arn + "0", InvocationEndpoint="https://example.com/")
    assert error["Code"] == "ResourceNotFoundException"


def test_an_event_reaches_an_endpoint(events, endpoint, name):
    endpoint.answers["/token"] = (200, {"access_token": "t0ken", "expires_in": 3600})
    arn = events.create_connection(
        Name=name, AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters={
            "OAuthParameters": {
                "ClientParameters": {"ClientID": "id", "ClientSecret": "secret"},
                "AuthorizationEndpoint": endpoint.url + "/token", "HttpMethod": "POST"}},
    )["ConnectionArn"]
    until(lambda: events.describe_connection(Name=name)["ConnectionState"] == "AUTHORIZED",
          "the connection is not authorized")
    target = events.create_api_destination(
        Name=name, ConnectionArn=arn, InvocationEndpoint=endpoint.url + "/orders/*",
        HttpMethod="POST")["ApiDestinationArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    failed = events.put_targets(Rule=name, Targets=[{
        "Id": "1", "Arn": target, "RoleArn": ROLE, "InputPath": "$.detail",
        "HttpParameters": {"PathParameterValues": ["$.detail.id"],
                           "QueryStringParameters": {"from": "suiro"}}}])
    assert failed["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": name, "DetailType": "order",
                                "Detail": json.dumps({"id": "o-1"})}])
    request, = until(lambda: endpoint.at("/orders/o-1"), "the endpoint got no event")
    assert json.loads(request["body"]) == {"id": "o-1"}
    assert request["query"] == {"from": ["suiro"]}
    assert request["headers"]["Authorization"] == "Bearer t0ken"
    assert urllib.parse.parse_qs(endpoint.at("/token")[0]["body"]) == {
        "grant_type": ["client_credentials"], "client_id": ["id"], "client_secret": ["secret"]}


def test_a_workflow_uses_a_connection(events, flows, endpoint, name):
    arn = basic(events, name,
                HeaderParameters=[{"Key": "X-Both", "Value": "connection"}],
                QueryStringParameters=[{"Key": "q", "Value": "connection"}],
                BodyParameters=[{"Key": "key", "Value": "connection"}])["ConnectionArn"]
    endpoint.answers["/things"] = (201, {"made": True})

    def invoke(**more):
        return caught(task("http:invoke", Parameters={
            "ApiEndpoint": endpoint.url + "/things", "Method": "POST",
            "InvocationConfig": {"ConnectionArn": arn},
            "Headers": {"x-both": "task", "X-Task": "1"},
            "QueryParameters": {"q": "task", "r": "2"},
            "RequestBody": {"key": "task", "n": 1}, **more}))

    output = flows.output(invoke())
    assert output["StatusCode"] == 201 and output["ResponseBody"] == {"made": True}
    request, = endpoint.at("/things")
    assert json.loads(request["body"]) == {"key": "connection", "n": 1}
    assert request["query"] == {"q": ["connection"], "r": ["2"]}
    headers = {key.lower(): value for key, value in request["headers"].items()}
    assert headers["x-both"] == "connection" and headers["x-task"] == "1"
    assert headers["authorization"] == "Basic " + base64.b64encode(b"ann:s3cret").decode()
    # States.Runtime is not caught.
    assert flows.run(invoke(RequestBody="text"), suffix="-text")["error"] == "States.Runtime"
    own = invoke(Headers={"Authorization": "x"})
    assert flows.run(own, suffix="-own")["error"] == "States.Runtime"
    events.deauthorize_connection(Name=name)
    told = flows.output(invoke(), suffix="-deauthorized")
    assert told["Error"] == "Events.ConnectionResource.InvalidConnectionState"
    events.delete_connection(Name=name)
    told = flows.output(invoke(), suffix="-gone")
    assert told["Error"] == "Events.ConnectionResource.ResourceNotFound"
