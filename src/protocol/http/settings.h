// SPDX-License-Identifier: Apache-2.0
// Settings: the limits of the HTTP server. Every one has a default that holds for a public
// endpoint.
#pragma once

#include "base/clock.h"

namespace suiro::http {

struct Settings {
  // Beyond it a new connection is answered 503 and closed.
  size_t connections_max = 10'000;
  // The largest object part of S3 is 5 GiB; the rest is the framing of aws-chunked.
  uint64_t body_bytes_max = uint64_t{6} << 30;
  // A body up to this size is read before the handler runs.
  size_t eager_body_bytes_max = 64 * 1024;
  // From the first byte of a request to the end of its head.
  Millis head_timeout{30'000};
  // Without a byte of the body from the client.
  Millis body_idle_timeout{60'000};
  // Between requests.
  Millis keep_alive_timeout{120'000};
  // Without the client taking what is sent.
  Millis write_timeout{60'000};
  Millis tls_handshake_timeout{15'000};
  // After a refusal: how long what the client still sends is read and dropped, so that the client
  // gets the answer and not a reset connection.
  Millis linger_timeout{2'000};
  // How often deadlines are looked at; a timeout is late by at most this.
  Millis sweep_interval{500};
};

// Bytes of an unread body that are dropped to keep a connection alive.
inline constexpr size_t kDropBytesMax = 256 * 1024;
// Bytes that are dropped while a closed connection lingers.
inline constexpr size_t kLingerBytesMax = 16 * 1024 * 1024;
// A body is read and written in pieces of about this size.
inline constexpr size_t kPieceBytes = 256 * 1024;
// A connection's input buffer at first; it grows to kHeaderBytesMax for a long head.
inline constexpr size_t kInputBytes = 8 * 1024;
// ... and to this for a chunked body, which goes through it.
inline constexpr size_t kChunkedInputBytes = 64 * 1024;

}  // namespace suiro::http
