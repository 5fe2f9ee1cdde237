// SPDX-License-Identifier: Apache-2.0
// Bytes into the HTTP request parser in pieces, as a socket brings them; and URL parsing. How the
// bytes are cut must not change what is understood.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocol/aws/router.h"
#include "protocol/aws/service_finder.h"
#include "protocol/http/parser.h"

namespace {

using suiro::Bytes;

struct Outcome {
  int refused = 0;        // status
  bool finished = false;  // the head, and a chunked body
  Bytes path, chunks;
  size_t headers = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// `step` new bytes arrive at a time.
Outcome parse(std::string_view text, size_t step) {
  suiro::http::RequestParser parser;
  Outcome out;
  size_t begin = 0, end = 0;
  while (!parser.done()) {
    if (begin < end || end == 0) {
      auto used = parser.put(text.substr(begin, end - begin));
      if (!used) {
        out.refused = used.error().status;
        return out;
      }
      begin += *used;
      if (*used > 0) {
        // A body of a known length is not the parser's.
        if (parser.head_done() && !parser.head().chunked) break;
        continue;
      }
    }
    if (end == text.size()) break;
    end = std::min(end + step, text.size());
  }
  if (!parser.head_done()) return out;
  out.finished = !parser.head().chunked || parser.done();
  out.path = parser.head().path;
  out.headers = parser.head().headers.size();
  if (parser.head().chunked) out.chunks = parser.take_chunk();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Outcome whole = parse(text, size + 1);
  const Outcome pieces = parse(text, 1 + size % 7);
  // Of an unfinished request, a fault may be noticed earlier or later; a finished one is the same.
  if (whole.finished || pieces.finished)
    CHECK(whole == pieces, "the same bytes in other pieces are another request");
  if (auto pairs = suiro::aws::parse_parameters(text))
    CHECK(pairs->size() <= suiro::aws::Router::kParametersMax);
  suiro::aws::bucket_of_host(text, "localhost");
  return 0;
}
