// SPDX-License-Identifier: Apache-2.0
// As much of HTTP/1.1 as the Lambda runtime API needs (decision 050): requests with a
// Content-Length or chunked body from one peer, the function's runtime, which is not trusted.
//
// Pure: bytes in, structures out; the sockets are in runtime_api.cc.
// Limits: kHeadBytesMax for the request line and the headers, and for trailers; the body's limit is
// the caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace suiro::sandbox {

inline constexpr size_t kHeadBytesMax = 64 * 1024;
inline constexpr size_t kHeadersMax = 100;
inline constexpr size_t kChunkLineBytesMax = 1024;

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case
// The first header of that (lower-case) name; nullptr when absent.
const std::string* find_header(const Headers& headers, std::string_view name);

struct RequestHead {
  std::string method;
  std::string target;
  Headers headers;
  bool keep_alive = true;
  bool chunked = false;
  bool expects_continue = false;
  uint64_t content_length = 0;  // 0 where chunked
};

// Parses a head: everything before the empty line, without it.
// Errors: kInvalidArgument.
Result<RequestHead> parse_head(std::string_view text);

// Header lines without the empty line (a head's, or trailers). Errors: kInvalidArgument.
Result<Headers> parse_headers(std::string_view text);

// Decodes a chunked body piece by piece.
class ChunkDecoder {
 public:
  // The body is refused beyond `body_bytes_max`.
  explicit ChunkDecoder(size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}
  // Consumes what it can from the front of `input` and appends to body(). Errors: kInvalidArgument,
  // kTooLarge.
  Result<void> feed(std::string& input);
  bool complete() const { return state_ == State::kComplete; }
  Bytes& body() { return body_; }
  const Headers& trailers() const { return trailers_; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailers, kComplete };
  // True when the state made progress.
  Result<bool> step(std::string_view& input);
  Result<bool> step_size(std::string_view& input);
  Result<bool> step_trailers(std::string_view& input);

  size_t body_bytes_max_;
  State state_ = State::kSize;
  uint64_t left_ = 0;  // of the current chunk
  Bytes body_;
  Headers trailers_;
};

// A response's head and body. `headers` without Content-Length.
std::string response(int status, std::string_view reason, const Headers& headers,
                     std::string_view body, bool keep_alive);

}  // namespace suiro::sandbox
