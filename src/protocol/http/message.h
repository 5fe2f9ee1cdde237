// SPDX-License-Identifier: Apache-2.0
// Request, Response, Handler: what the HTTP server and its user exchange. Plain values; no socket
// and no Beast type is seen here.
//
// Invariants:
//  1. Header names of a Request are lower case, values are trimmed and hold no control character
//  but
//     tab. HTTP/2's `:authority` is among them, the same as `host`. A Request holds exactly one of
//     `content` (the whole body, read before the handler runs) and `body` (a stream, where the body
//     is long, chunked or awaited with 100-continue).
//  2. A body stream of a Request lives until the response has been sent; it is read on the shard on
//     which the handler was called.
//  3. A header value of a Response cannot break the message: control characters are sent as spaces.
// Thread: a request is handled on one shard.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancellation.h"
#include "base/clock.h"
#include "shapes/call.h"

namespace suiro::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of a header, or nullptr. `name` in lower case.
const std::string* find_header(const Headers& headers, std::string_view name);

struct Tls {
  std::string cipher;    // "ECDHE-RSA-AES128-GCM-SHA256"
  std::string protocol;  // "TLSv1.3"
};

struct Request {
  std::string method;
  std::string path;   // still percent-encoded: "/bucket/a%20b"; "*" for OPTIONS *
  std::string query;  // without the question mark, still encoded
  std::string host;   // of an absolute target, or the Host header; empty for HTTP/1.0 without one
  int version = 11;   // 10, 11 or 20
  Headers headers;
  Bytes content;
  shapes::Body body;         // null where `content` holds the body
  std::string peer_address;  // "127.0.0.1", "::1"; empty for a local socket
  uint16_t peer_port = 0;
  std::string listener;  // the tag of the listener
  std::shared_ptr<const Tls> tls;
  // Cancelled when the client has gone or the server drains. Never null in a served request.
  std::shared_ptr<Cancellation> cancellation;
  Micros received{0};   // Clock::steady() when the head was complete
  TimePoint started{};  // Clock::now() then

  const std::string* header(std::string_view name) const { return find_header(headers, name); }
  // The body as one stream; afterwards the request has none.
  shapes::Body take_body();
};

// How the sending of a response ended, for access logs.
struct Sent {
  uint64_t request_bytes = 0;   // head and body as they came
  uint64_t response_bytes = 0;  // head and body as they went
  Micros handled{0};            // Clock::steady() when the handler returned
  Micros finished{0};           // ... and when the last byte was handed to the system
  bool complete = false;        // false: the client went, or the body stream failed
};

struct Response {
  int status = 200;
  Headers
      headers;  // content-length and transfer-encoding are the server's, except for HEAD and 304
  Bytes content;
  shapes::Body body;   // streamed where it is not null: with its length, or chunked where unknown
  bool close = false;  // close the connection after it
  // Called once on the shard after the response was sent or given up.
  std::move_only_function<void(const Sent&)> on_sent;
};

// A request that was answered without the handler, because it could not be understood.
struct Refusal {
  int status;
  std::string reason;
  std::string peer_address;
  uint16_t peer_port;
  std::string listener;
};

class Handler {
 public:
  virtual ~Handler() = default;
  // Does not fail: an error is a response.
  virtual Task<Response> handle(Request request) = 0;
  virtual void on_refusal(const Refusal&) {}
};

// "Not Found"; "Unknown" for a status without a name.
std::string_view status_text(int status);

}  // namespace suiro::http
