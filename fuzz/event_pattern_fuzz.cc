// SPDX-License-Identifier: Apache-2.0
// Event patterns. Input: a pattern, a NUL, an event.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "engine/event_pattern/pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::event_pattern;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), input.size());
  const std::string_view text = input.substr(0, end);
  auto pattern = Pattern::compile(text);
  auto event = Event::parse(input.substr(std::min(end + 1, input.size())));
  if (!pattern) {
    CHECK(!pattern.error().message.empty(), "an error without a reason");
    return 0;
  }
  if (!event) return 0;
  const bool matches = pattern->matches(*event);
  auto again = Pattern::compile(text);
  CHECK(again && again->matches(*event) == matches, "a pattern changed its mind");
  if (auto sources = pattern->strings_required("source"); sources && matches) {
    CHECK(event->document().as_object().contains("source"), "a required member is missing");
  }
  return 0;
}
