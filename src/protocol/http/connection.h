// SPDX-License-Identifier: Apache-2.0
// Connection: one client's connection from accept to close: reads requests, calls the handler,
// writes responses, in order. A client that begins with HTTP/2's preface is served by an
// Http2Session instead. Internal to protocol/http.
//
//   idle -read_head()-> head -receive()-> [eager body] -Handler-> responding -respond()-> idle |
//   closing
//    |                    |                                            |
//    +---- sweep(): past the deadline: 408 where a request had begun, then closing ----+
//
// Invariants:
//  1. At most one response is sent for a request, in the order of the requests (pipelining).
//  2. "100 Continue" is sent only when the handler begins to read the body.
//  3. While the handler runs and the body has been read, the socket is read only when somebody
//     subscribed to the request's Cancellation; what comes is kept for the next request.
//  4. Every wait for the client has a deadline; sweep() enforces it.
// Thread: its shard's, but subscribers of the Cancellation may come from any.
#pragma once

#include <memory>

#include "protocol/http/parser.h"
#include "protocol/http/settings.h"
#include "protocol/http/transport.h"

namespace suiro::http {

class Http2Session;

// What the connections of a shard share.
struct ConnectionContext {
  Clock& clock;
  Handler& handler;
  const Settings& settings;
  TaskScope& scope;
  std::string date_text = {};  // the Date header of the present second
  TimePoint date_second = {};

  std::string_view date();
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ConnectionContext& context, Transport transport, std::string listener);
  ~Connection();
  // Serves until the connection is closed. The caller holds a shared_ptr throughout.
  Task<void> run();
  // Ends waits whose deadline has passed.
  void sweep(Micros now);
  // No further request: closes where none is in progress, else after it. Waits are cancelled.
  void drain();
  // Closes at once.
  void abort();

 private:
  friend class ConnectionBody;
  enum class Step { kOk, kClose };

  // A wait for the client; 0 where there is none.
  void set_deadline(Millis timeout);
  void clear_deadline() { deadline_ = Micros{0}; }

  size_t buffered() const { return end_ - begin_; }
  // Reads more into the buffer. False at the end, on errors and past the deadline.
  Task<bool> fill();
  void make_room();
  void grow(size_t larger);

  // True where the client begins with the preface of HTTP/2.
  Task<bool> speaks_http2();
  Task<void> serve_http2();
  Task<Step> serve_one();
  Task<Step> read_head();
  Request make_request();
  Task<Step> read_eagerly(Request& request);
  Task<Result<Bytes>> read_body(size_t bytes_max);
  Task<Result<Bytes>> read_sized(size_t bytes_max);
  Task<Result<Bytes>> read_chunked(size_t bytes_max);
  Task<bool> drop_body();
  bool body_complete() const;
  std::unexpected<Error> body_failed();

  Task<Step> respond(Response response);
  bool sends_body(const Response& response) const;
  void write_head(const Response& response, std::optional<uint64_t> length, bool keep);
  Task<bool> write_sized(shapes::ByteSource& body, uint64_t length);
  Task<bool> write_unsized(shapes::ByteSource& body);
  Task<bool> write(ByteView first, ByteView second);
  Task<Step> refuse(int status, std::string reason);
  Task<void> linger();

  void watch();
  Task<void> watch_once();

  ConnectionContext& context_;
  Transport transport_;
  std::string listener_;
  std::pair<std::string, uint16_t> peer_;
  std::shared_ptr<Cancellation> cancellation_;

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0, begin_ = 0, end_ = 0;
  ErrorCode read_error_;  // once set, nothing more is read

  RequestParser parser_;
  uint64_t body_left_ = 0;      // of a sized body
  uint64_t body_received_ = 0;  // of a chunked body
  bool chunked_ = false;
  bool owes_continue_ = false;
  // The request has an empty body and still waits: goes before the response's head. botocore takes
  // the next response on the connection for broken where the 100 is left out.
  bool owes_needless_continue_ = false;
  bool body_broken_ = false;
  std::string request_method_;
  uint64_t request_bytes_ = 0, response_bytes_ = 0;
  Bytes head_out_;

  std::shared_ptr<Http2Session> http2_;  // null where HTTP/1.1 is spoken

  Micros deadline_{0};
  bool expired_ = false;
  bool idle_ = true;
  bool handling_ = false;
  bool draining_ = false;
  bool watching_ = false;
  Signal watched_;
};

}  // namespace suiro::http
