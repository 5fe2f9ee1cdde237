# SPDX-License-Identifier: Apache-2.0
"""Objects of the lake, with the standard library alone: the keys of the role, which a task asks for
where its environment says, sign each request (AWS Signature Version 4)."""
import functools
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

ATTEMPTS_MAX = 8
FIRST_PAUSE_SECONDS = 0.25


@functools.cache
def keys():
    """The keys of the task's role: this container ends long before they do."""
    request = urllib.request.Request(
        os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
        headers={"Authorization": os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def signed(method, url, body):
    """The headers of a request to S3."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    place = urllib.parse.urlsplit(url)
    headers = {"host": place.netloc, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
               "x-amz-date": moment, "x-amz-security-token": keys()["Token"]}
    names = ";".join(sorted(headers))
    request = "\n".join([method, place.path, "",
                         *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names,
                         headers["x-amz-content-sha256"]])
    scope = [moment[:8], os.environ["AWS_REGION"], "s3", "aws4_request"]
    key = ("AWS4" + keys()["SecretAccessKey"]).encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", moment, "/".join(scope),
                      hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = "/".join([keys()["AccessKeyId"], *scope])
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={credential}, "
                                f"SignedHeaders={names}, Signature={signature}")
    return headers


def send(method, key, body=b""):
    """What is refused fails; what gets no answer is sent again: a server that is being started
    again answers soon."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{os.environ['LAKE']}/{urllib.parse.quote(key)}"
    for attempt in range(ATTEMPTS_MAX):
        if attempt:
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        try:
            request = urllib.request.Request(url, data=body if method == "PUT" else None,
                                             method=method, headers=signed(method, url, body))
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise SystemExit(f"{method} {key}: {error.code} {error.read().decode()}") from None
            problem = error
        except OSError as error:
            problem = error
    raise SystemExit(f"{method} {key}: {problem}")


def get(key):
    return send("GET", key)


def put(key, body):
    send("PUT", key, body)
