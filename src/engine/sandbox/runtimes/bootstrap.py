# SPDX-License-Identifier: Apache-2.0
"""Runtime client for Python functions: the loop between the Lambda runtime API and a handler.

Runs inside a sandbox as `python3 bootstrap.py` with the environment that engine/sandbox sets. One
keep-alive connection carries all calls; the few imports here are what a cold start pays for, so
everything that only some functions need is imported on first use.
"""
import _socket  # what the socket module wraps: its enumerations alone cost 4 ms
import json
import os
import sys
import time

PREFIX = "/2018-06-01/runtime/"
MAX_HEAD_BYTES = 1 << 20


class FaultError(Exception):
    """An error of the function's form rather than of its code; carries AWS's error type."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.trace = list(trace)


# --- the runtime API ---


class RuntimeApi:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.host = address
        self.socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self.socket.connect((host, int(port)))
        self.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.buffer = b""

    def call(self, method, path, body=b"", headers=""):
        head = "%s %s%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n" % (
            method, PREFIX, path, self.host, len(body), headers)
        self.socket.sendall(head.encode("latin-1", "replace") + body)
        return self.read_answer()

    def fill(self):
        part = self.socket.recv(1 << 16)
        if not part:
            sys.exit(0)  # the sandbox is being closed
        self.buffer += part

    def read_answer(self):
        end = -1
        while end < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > MAX_HEAD_BYTES:
                    raise RuntimeError("the runtime API's answer has no end")
                self.fill()
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        rest = self.buffer[end + 4:]
        if len(rest) < length:
            parts = [rest]
            have = len(rest)
            while have < length:
                part = self.socket.recv(min(1 << 20, length - have))
                if not part:
                    sys.exit(0)
                parts.append(part)
                have += len(part)
            rest = b"".join(parts)
        self.buffer = rest[length:]
        return int(lines[0].split(" ", 2)[1]), headers, rest[:length]

    def next(self):
        status, headers, body = self.call("GET", "invocation/next")
        if status != 200:
            sys.exit(0)
        return headers, body

    def respond(self, request_id, body, content_type):
        return self.call("POST", "invocation/%s/response" % request_id, body,
                         "Content-Type: %s\r\n" % content_type)

    def report(self, path, document):
        body = json.dumps(document).encode()
        self.call("POST", path, body, "Content-Type: application/json\r\n"
                  "Lambda-Runtime-Function-Error-Type: %s\r\n" % document["errorType"])


# --- what the handler gets ---


class Identity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, document):
        self.cognito_identity_id = document.get("cognitoIdentityId")
        self.cognito_identity_pool_id = document.get("cognitoIdentityPoolId")

    def __repr__(self):
        return "CognitoIdentity([cognito_identity_id=%s,cognito_identity_pool_id=%s])" % (
            self.cognito_identity_id, self.cognito_identity_pool_id)


class Client:
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code",
                 "app_package_name")

    def __init__(self, document):
        for name in self.__slots__:
            setattr(self, name, document.get(name))


class ClientContext:
    __slots__ = ("custom", "env", "client")

    def __init__(self, document):
        self.custom = document.get("custom")
        self.env = document.get("env")
        client = document.get("client")
        self.client = Client(client) if client else None


class Context:
    """The context object ("AWS Lambda context object in Python", AWS Lambda Developer Guide)."""

    def __init__(self, headers):
        environ = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = Identity(json.loads(headers.get("lambda-runtime-cognito-identity") or "{}"))
        client = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(client)) if client else None

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        text = str(message)
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()

    def __repr__(self):
        names = ("aws_request_id", "log_group_name", "log_stream_name", "function_name",
                 "memory_limit_in_mb", "function_version", "invoked_function_arn",
                 "client_context", "identity")
        return "LambdaContext([%s])" % ",".join(
            "%s=%s" % (name, getattr(self, name)) for name in names)


# --- logging ---

current_request_id = ""


def set_up_logging():
    """Gives the root logger AWS's handler: [LEVEL]<tab>time<tab>request id<tab>message."""
    import logging

    class Filter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = current_request_id
            return True

    class Handler(logging.Handler):
        def emit(self, record):
            # A record is one log event: its inner line ends become carriage returns, as where AWS
            # has no framed log channel.
            text = self.format(record).rstrip("\n").replace("\n", "\r")
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
        "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = Handler()
    handler.setFormatter(formatter)
    handler.addFilter(Filter())
    logging.getLogger().addHandler(handler)


class LazyHooks:
    """Sets modules up when, and only when, the function imports them: logging gets its handler, and
    a botocore that is older than AWS_ENDPOINT_URL (1.31) learns the variable."""

    WATCHED = ("logging", "botocore.session")

    def find_spec(self, name, path=None, target=None):
        if name not in self.WATCHED:
            return None
        import importlib.machinery
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            if name == "logging":
                set_up_logging()
            else:
                teach_endpoint_url(module)

        spec.loader.exec_module = exec_module
        return spec


def teach_endpoint_url(session_module):
    import botocore
    version = tuple(int(part) for part in botocore.__version__.split(".")[:2])
    if version >= (1, 31):
        return
    create = session_module.Session.create_client

    def create_client(self, service_name, region_name=None, api_version=None, use_ssl=True,
                      verify=None, endpoint_url=None, *rest, **named):
        if endpoint_url is None:
            service = service_name.upper().replace("-", "_").replace(" ", "_")
            endpoint_url = (os.environ.get("AWS_ENDPOINT_URL_" + service) or
                            os.environ.get("AWS_ENDPOINT_URL"))
        return create(self, service_name, region_name, api_version, use_ssl, verify, endpoint_url,
                      *rest, **named)

    session_module.Session.create_client = create_client


# --- the handler ---


def load_handler(text):
    parts = text.rsplit(".", 1)
    if len(parts) != 2:
        raise FaultError("Runtime.MalformedHandlerName",
                         "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % text)
    name, function = parts
    name = name.replace("/", ".")
    if name in sys.builtin_module_names:
        raise FaultError("Runtime.BuiltInModuleConflict",
                         "Cannot use built-in module %s as a handler module" % name)
    import importlib
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise FaultError("Runtime.ImportModuleError",
                         "Unable to import module '%s': %s" % (name, error))
    except SyntaxError as error:
        trace = ['File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise FaultError("Runtime.UserCodeSyntaxError",
                         "Syntax error in module '%s': %s" % (name, error), trace)
    if not hasattr(module, function):
        raise FaultError("Runtime.HandlerNotFound",
                         "Handler '%s' missing on module '%s'" % (function, name))
    return getattr(module, function)


def encode_result(value):
    """The response's bytes and content type."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=encode_other)
        return text.encode(), "application/json"
    except (TypeError, ValueError) as error:
        raise FaultError("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def encode_other(value):
    import decimal
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def error_document(error, request_id):
    """AWS's error document, with the stack from the function's first frame."""
    if isinstance(error, FaultError):
        return {"errorMessage": str(error), "errorType": error.error_type,
                "requestId": request_id, "stackTrace": error.trace}
    import traceback
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if frame.filename == __file__ or
           frame.filename.startswith("<frozen importlib")]
    frames = frames[own[-1] + 1:] if own else frames
    return {"errorMessage": str(error), "errorType": type(error).__name__,
            "requestId": request_id, "stackTrace": traceback.format_list(frames)}


def log_error(document):
    text = "[ERROR] %s" % document["errorType"]
    if document["errorMessage"]:
        text += ": " + document["errorMessage"]
    text += "\nTraceback (most recent call last):"
    if document["stackTrace"]:
        text += "\n" + "".join(document["stackTrace"]).rstrip("\n")
    sys.stdout.write(text.replace("\n", "\r") + "\n")
    sys.stdout.flush()


def run_once(api, handler):
    global current_request_id
    headers, body = api.next()
    current_request_id = request_id = headers["lambda-runtime-aws-request-id"]
    trace = headers.get("lambda-runtime-trace-id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        try:
            event = json.loads(body)
        except ValueError as error:
            raise FaultError("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
        result, content_type = encode_result(handler(event, Context(headers)))
    except Exception as error:
        document = error_document(error, request_id)
        log_error(document)
        flush()
        api.report("invocation/%s/error" % request_id, document)
        return
    flush()
    api.respond(request_id, result, content_type)


def flush():
    sys.stdout.flush()
    sys.stderr.flush()


def main():
    task_root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    sys.path[0:1] = [task_root, "/opt/python"]  # in place of this file's folder
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.stderr.reconfigure(line_buffering=True, errors="backslashreplace")
    if "logging" in sys.modules:
        set_up_logging()
    sys.meta_path.insert(0, LazyHooks())
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ.get("_HANDLER", ""))
    except Exception as error:
        document = error_document(error, "")
        log_error(document)
        flush()
        api.report("init/error", document)
        sys.exit(1)
    while True:
        run_once(api, handler)


if __name__ == "__main__":
    main()
