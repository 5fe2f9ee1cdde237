# SPDX-License-Identifier: Apache-2.0
"""Servers that check, strictly, the protocols to which delivery streams deliver: a request that
breaks its protocol is an entry in `breaches`; a test asserts that there is none."""
import base64
import gzip
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from waiting import until

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Endpoint:
    """Runs a handler on a port of the system's choice. `plan` holds what the next answers are: a
    function of the request each; when it is empty, requests succeed."""

    def __init__(self):
        self.requests, self.breaches, self.plan = [], [], []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    status, kind, answer = outer.answer(self, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def expect(self, condition, what):
        if not condition:
            self.breaches.append(what)

    def wait(self, condition, seconds=30):
        until(condition, lambda: (self.breaches, len(self.requests)), seconds)


class FirehoseEndpoint(Endpoint):
    """The receiver of "HTTP endpoint delivery request and response specifications"."""

    def __init__(self, access_key=None, encoding=None, attributes=None):
        super().__init__()
        self.access_key, self.encoding, self.attributes = access_key, encoding, attributes

    def answer(self, handler, body):
        headers = handler.headers
        self.expect(headers["Content-Type"] == "application/json", "content type")
        self.expect(headers["X-Amz-Firehose-Protocol-Version"] == "1.0", "protocol version")
        self.expect(headers["X-Amz-Firehose-Source-Arn"].startswith("arn:aws:firehose:"), "source")
        self.expect(headers["X-Amz-Firehose-Access-Key"] == self.access_key, "access key")
        self.expect(headers["Content-Encoding"] == self.encoding, "content encoding")
        given = headers["X-Amz-Firehose-Common-Attributes"]
        self.expect((json.loads(given)["commonAttributes"] if given else None) == self.attributes,
                    "common attributes")
        document = json.loads(gzip.decompress(body) if self.encoding == "gzip" else body)
        self.expect(set(document) == {"requestId", "timestamp", "records"}, "members")
        request_id = document["requestId"]
        self.expect(UUID.fullmatch(request_id), "request id")
        self.expect(headers["X-Amz-Firehose-Request-Id"] == request_id, "request ids differ")
        self.expect(abs(document["timestamp"] / 1000 - time.time()) < 60, "timestamp")
        records = []
        for record in document["records"]:
            self.expect(set(record) == {"data"}, "members of a record")
            records.append(base64.b64decode(record["data"], validate=True))
        self.expect(records, "no records")
        self.requests.append({"id": request_id, "records": records})
        if self.plan:
            return self.plan.pop(0)(request_id)
        return self.success(request_id)

    @staticmethod
    def success(request_id):
        answer = {"requestId": request_id, "timestamp": int(time.time() * 1000)}
        return 200, "application/json", json.dumps(answer).encode()


class SearchEndpoint(Endpoint):
    """The `_bulk` operation over an index in memory."""

    def __init__(self):
        super().__init__()
        self.documents = {}  # (index, id) -> document
        self.generated = 0

    def answer(self, handler, body):
        self.expect(handler.path == "/_bulk", "path")
        self.expect(handler.headers["Content-Type"] == "application/x-ndjson", "content type")
        self.expect(body.endswith(b"\n"), "the last line has no end")
        lines = body.decode().split("\n")[:-1]
        self.expect(len(lines) % 2 == 0 and lines, "lines")
        self.expect(all(lines), "empty lines")
        actions = list(zip(map(json.loads, lines[::2]), map(json.loads, lines[1::2])))
        self.requests.append(actions)
        if self.plan:
            special = self.plan.pop(0)(actions)
            if special is not None:
                return special
        items = [self.item(action, document) for action, document in actions]
        failed = any(item["index"]["status"] >= 300 for item in items)
        answer = {"took": 1, "errors": failed, "items": items}
        return 200, "application/json; charset=UTF-8", json.dumps(answer).encode()

    def item(self, action, document):
        self.expect(set(action) == {"index"}, "action")
        what = action["index"]
        self.expect(set(what) <= {"_index", "_id"}, "members of an action")
        index = what["_index"]
        self.expect(re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", index), "name of an index")
        self.expect(isinstance(document, dict), "document")
        result = {"_index": index, "_id": what.get("_id") or f"generated{self.generated}"}
        self.generated += 1
        if document.get("reject"):
            status, document["reject"] = document["reject"], document.get("then")
            reason = {"type": "mapper_parsing_exception", "reason": "told so"}
            return {"index": {**result, "status": status, "error": reason}}
        self.documents[index, result["_id"]] = document
        return {"index": {**result, "status": 201, "result": "created"}}
