// SPDX-License-Identifier: Apache-2.0
// Http2Session: one connection that speaks HTTP/2, from its preface to its close. nghttp2 keeps the
// protocol's state; here requests are handed to the handler, and bytes move. Internal to
// protocol/http.
//
//   run(): read ─► nghttp2 ─► Http2Stream ─serve()─► Handler ─► Http2Stream ─► nghttp2 ─►
//   write_loop()
//
// Invariants:
//  1. Memory is bounded: kHttp2StreamsMax streams; what a client may send unread is the window of
//  its
//     stream and of the connection, and windows open only as bodies are read; at most
//     kHttp2OutputMax bytes of a response wait to be sent.
//  2. Only write_loop() writes to the transport, only run() reads from it.
//  3. A stream that the client resets cancels its request; the handler's coroutine ends by itself.
//  4. Every wait for the client has a deadline; sweep() enforces it. A client that takes nothing of
//     an answer loses the stream.
// Thread: its shard's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <memory>

#include "protocol/http/connection.h"
#include "protocol/http/http2_stream.h"

namespace suiro::http {

// The first bytes of a connection that speaks HTTP/2 (RFC 9113, section 3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Http2Session : public std::enable_shared_from_this<Http2Session> {
 public:
  struct Parts {
    ConnectionContext& context;
    Transport& transport;
    std::string listener;
    std::pair<std::string, uint16_t> peer;
  };
  explicit Http2Session(Parts parts);
  ~Http2Session();

  // Serves until the connection is closed and its coroutines have ended; `begun` are the bytes that
  // were read already. The caller holds a shared_ptr throughout.
  Task<void> run(Bytes begun);
  // Ends waits whose deadline has passed.
  void sweep(Micros now);
  // No further request; closes when those in progress have ended. Their waits are cancelled.
  void drain();
  // Closes at once.
  void abort();

 private:
  friend class Http2Body;
  using StreamPtr = std::shared_ptr<Http2Stream>;
  struct Callbacks;  // what nghttp2 calls

  bool open_session();
  bool feed(ByteView bytes);
  void wake_writer() { wanted_.notify_all(); }
  Task<void> write_loop();
  void collect_output();
  static nghttp2_data_source_read_callback output_reader();

  void on_header(Http2Stream& stream, std::string_view name, std::string_view value);
  void on_request(const StreamPtr& stream, Http2Stream::InputState input);
  void on_input_end(const StreamPtr& stream);
  void on_close(int32_t id);
  void hand_over(const StreamPtr& stream);
  Task<void> serve(StreamPtr stream);
  Task<bool> respond(StreamPtr stream, Response& response);
  bool submit(const StreamPtr& stream, const Response& response, std::optional<uint64_t> length);
  Task<bool> send_body(StreamPtr stream, shapes::ByteSource& body);
  Task<void> send_rest(StreamPtr stream);
  void refuse(const StreamPtr& stream, int status, std::string reason);
  Task<Result<Bytes>> read_body(StreamPtr stream, size_t bytes_max);

  void sweep_output(Http2Stream& stream, Micros now);
  void begin_shutdown();
  void arm_read_deadline();
  Micros deadline_after(Millis timeout) const;

  ConnectionContext& context_;
  Transport& transport_;
  std::string listener_;
  std::pair<std::string, uint16_t> peer_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, StreamPtr> streams_;
  Bytes output_;
  Signal wanted_;  // the writer has something to do
  Signal ended_;   // a coroutine of the session has ended
  size_t coroutines_ = 0;
  Micros read_deadline_{0}, write_deadline_{0};
  bool closed_ = false;
  bool draining_ = false;
};

}  // namespace suiro::http
