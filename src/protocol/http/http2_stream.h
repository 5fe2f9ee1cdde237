// SPDX-License-Identifier: Apache-2.0
// Http2Stream: one request and its response on an HTTP/2 connection: plain state, kept alive by the
// session's map and by the coroutine that serves it. Internal to protocol/http.
// Thread: its shard's.
#pragma once

#include <memory>

#include "base/clock.h"
#include "protocol/http/message.h"

namespace suiro::http {

// Streams that a client may have open at once on one connection.
inline constexpr uint32_t kHttp2StreamsMax = 128;
// What a client may send before its request's body is read: of a stream, of a connection.
inline constexpr int32_t kHttp2StreamWindow = 256 * 1024;
// Every stream may have one body that is read before its handler runs (Settings) on its way.
inline constexpr int32_t kHttp2ConnectionWindow = (int32_t{kHttp2StreamsMax} << 16) + (1 << 20);
// Bytes of a response that wait for the client.
inline constexpr size_t kHttp2OutputMax = 256 * 1024;

struct Http2Stream {
  enum class InputState { kOpen, kEnded };
  enum class OutputState { kOpen, kEnded, kBroken };

  Http2Stream(int32_t id_, Executor executor) : id(id_), changed(executor) {}

  const int32_t id;
  Request request;
  size_t header_bytes = 0;
  std::string authority;
  bool handed_over = false;  // serve() runs
  bool closed = false;       // the stream is no more: the client reset it, or all was sent
  bool input_limit = false;  // the head was too large

  Bytes input;  // of the body, not read yet
  InputState input_state = InputState::kOpen;
  uint64_t input_bytes = 0;

  Bytes output;
  size_t output_at = 0;
  OutputState output_state = OutputState::kOpen;
  bool deferred = false;  // nghttp2 waits for resume
  bool refused = false;   // answered without a handler
  bool sent_end = false;  // the answer's last frame is on its way
  // Whether the client takes the output; looked at by sweep().
  bool output_moved = false;
  Micros output_since{0};

  Sent sent;
  std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();
  Signal changed;  // input came, output went, or it closed
};

}  // namespace suiro::http
