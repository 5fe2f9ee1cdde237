// SPDX-License-Identifier: Apache-2.0
// RequestParser: bytes -> the head of an HTTP/1.1 request, and the decoding of a chunked body.
// Beast's parser behind an interface without Beast, with the rules that Beast leaves to its user.
//
// Invariants:
//  1. Where two readers could disagree about where a request ends, it is refused (RFC 9112,
//  section 6.3,
//     "request smuggling"): Content-Length with Transfer-Encoding, several lengths, a transfer
//     coding other than "chunked", a chunked HTTP/1.0 request, whitespace before a colon, bare line
//     feeds.
//  2. After an error the parser is of no further use; the connection is closed after the answer.
//  3. Memory is bounded by kHeaderBytesMax for the head; a chunked body is handed on as it comes.
// Thread: its owner's.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>

#include "protocol/http/message.h"

namespace suiro::http {

// Request line and headers together; AWS's limit is 8 KiB for S3, 16 KiB and more elsewhere.
inline constexpr size_t kHeaderBytesMax = 64 * 1024;
inline constexpr size_t kHeaderCountMax = 256;
// Of a chunked body: a size line with its extensions, and all trailers together.
inline constexpr size_t kChunkLineBytesMax = 4 * 1024;
inline constexpr size_t kTrailerBytesMax = 16 * 1024;

struct Head {
  std::string method;
  std::string path;
  std::string query;
  std::string host;
  int version = 11;
  Headers headers;
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

struct ParseError {
  int status;  // 400, 417, 431, 501, 505
  std::string reason;
};

class RequestParser {
 public:
  RequestParser();
  ~RequestParser();
  // Makes the parser ready for the next request.
  void reset();

  // Reads from the front of `bytes` and returns how many were used; what is left must come again,
  // with more behind it. Stops after the head; a chunked body is put in further calls.
  std::expected<size_t, ParseError> put(ByteView bytes);
  bool head_done() const;
  // The head, and the chunked body where there is one, are complete.
  bool done() const;

  // Valid once head_done().
  Head& head();
  // The bytes of a chunked body decoded since the last call.
  Bytes take_chunk();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace suiro::http
