# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4 by hand, for requests that no client would make."""
import datetime
import hashlib
import hmac
import http.client
import urllib.parse

EMPTY = hashlib.sha256(b"").hexdigest()


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Signer:
    def __init__(self, server, service="s3"):
        self.server = server
        self.service = service
        self.key = server.env["AWS_ACCESS_KEY_ID"]
        self.secret = server.env["AWS_SECRET_ACCESS_KEY"]
        self.region = server.env["AWS_DEFAULT_REGION"]
        self.host = urllib.parse.urlsplit(server.endpoint).netloc

    def scope(self, date):
        return f"{date[:8]}/{self.region}/{self.service}/aws4_request"

    def signing_key(self, date):
        key = _mac(("AWS4" + self.secret).encode(), date[:8])
        for part in (self.region, self.service, "aws4_request"):
            key = _mac(key, part)
        return key

    def sign_text(self, date, text):
        return hmac.new(self.signing_key(date), text.encode(), hashlib.sha256).hexdigest()

    def signature(self, method, path, query, headers, names, payload, date):
        canonical = "\n".join([method, path, query, *(f"{n}:{headers[n]}" for n in names), "",
                               ";".join(names), payload])
        return self.sign_text(date, "\n".join([
            "AWS4-HMAC-SHA256", date, self.scope(date),
            hashlib.sha256(canonical.encode()).hexdigest()]))

    def headers(self, method, path, query="", body=b"", payload=None, extra=None, age=0):
        """All headers of a signed request; `path` and `query` in canonical form."""
        moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        date = moment.strftime("%Y%m%dT%H%M%SZ")
        payload = payload or hashlib.sha256(body).hexdigest()
        headers = {"host": self.host, "x-amz-date": date, "x-amz-content-sha256": payload,
                   "content-length": str(len(body)), **(extra or {})}
        names = sorted(headers)
        signature = self.signature(method, path, query, headers, names, payload, date)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{self.scope(date)}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}")
        return headers

    def request(self, method, path, query="", body=b"", **how):
        """Sends a signed request; returns status, headers (lower case), body."""
        return send(self.server, method, path + ("?" + query if query else ""),
                    self.headers(method, path, query, body, **how), body)

    def presign(self, method, path, expires, age=0):
        moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        date = moment.strftime("%Y%m%dT%H%M%SZ")
        credential = urllib.parse.quote(f"{self.key}/{self.scope(date)}", safe="")
        query = (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={date}"
                 f"&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host")
        signature = self.signature(method, path, query, {"host": self.host}, ["host"],
                                   "UNSIGNED-PAYLOAD", date)
        return f"{path}?{query}&X-Amz-Signature={signature}"

    def chunked(self, path, chunks, spoil=lambda body: body):
        """A PUT with signed chunks; `spoil` changes the body after it was signed."""
        size = sum(map(len, chunks))
        lengths = [len(f"{len(c):x}") + 85 + len(c) for c in [*chunks, b""]]
        headers = self.headers("PUT", path, payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", extra={
            "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(size),
            "content-length": str(sum(lengths))})
        date, previous = headers["x-amz-date"], headers["authorization"].rsplit("=", 1)[1]
        body = b""
        for chunk in [*chunks, b""]:
            previous = self.sign_text(date, "\n".join([
                "AWS4-HMAC-SHA256-PAYLOAD", date, self.scope(date), previous, EMPTY,
                hashlib.sha256(chunk).hexdigest()]))
            body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
        return send(self.server, "PUT", path, headers, spoil(body))


def connect(server):
    return http.client.HTTPConnection(urllib.parse.urlsplit(server.endpoint).netloc, timeout=60)


def send(server, method, target, headers, body=b""):
    connection = connect(server)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    answer = response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    connection.close()
    return answer
