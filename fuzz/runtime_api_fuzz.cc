// SPDX-License-Identifier: Apache-2.0
// What a function's runtime sends: request heads and chunked bodies, in pieces.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "engine/sandbox/http_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::sandbox;
  constexpr size_t kBodyMax = 1000;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto head = parse_head(text)) {
    CHECK(head->headers.size() <= kHeadersMax);
    CHECK(!head->chunked || head->content_length == 0);
  }
  // The first byte sets the pieces' size; every division gives the same body.
  if (text.empty()) return 0;
  const size_t piece = 1 + static_cast<uint8_t>(text[0]);
  const std::string_view wire = text.substr(1);
  ChunkDecoder whole(kBodyMax), divided(kBodyMax);
  std::string all(wire), input;
  bool fine = whole.feed(all).has_value(), fine_divided = true;
  for (size_t at = 0; at < wire.size() && fine_divided; at += piece) {
    input += wire.substr(at, piece);
    fine_divided = divided.feed(input).has_value();
  }
  CHECK(whole.body().size() <= kBodyMax);
  if (fine && fine_divided) {
    CHECK(whole.complete() == divided.complete());
    CHECK(whole.body() == divided.body());
  }
  return 0;
}
