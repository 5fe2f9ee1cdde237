// SPDX-License-Identifier: Apache-2.0
// Filter patterns and page tokens of the logs service. Input: a pattern, a newline, a message.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "services/logs/pattern.h"
#include "services/logs/tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::logs;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view message = input.substr(std::min(end + 1, input.size()));
  auto pattern = Pattern::parse(input.substr(0, end));
  if (pattern) {
    const bool once = pattern->matches(message);
    CHECK(pattern->matches(message) == once, "a pattern changed its mind");
  }
  if (auto token = parse_page_token(input.substr(0, end))) {
    auto again = parse_page_token(page_token(token->way, token->at));
    CHECK(again && again->at == token->at && again->way == token->way,
          "a token that was read is written differently");
  }
  if (auto place = parse_record_pointer(input)) {
    CHECK(record_pointer(*place) == input, "a pointer that was read is written differently");
  }
  return 0;
}
