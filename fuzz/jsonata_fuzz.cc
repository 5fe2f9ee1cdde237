// SPDX-License-Identifier: Apache-2.0
// JSONata: compiling and evaluating with small limits. Input: an expression; what stands behind a
// NUL is the JSON input.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "engine/jsonata/expression.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::jsonata;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(all.find('\0'), all.size());
  auto expression = Expression::compile(all.substr(0, end));
  if (!expression) return 0;
  std::optional<json::Value> input;
  if (end < all.size()) {
    auto value = json::parse(all.substr(end + 1));
    if (value) input = *std::move(value);
  }
  for (Library library : {Library::kStandard, Library::kWorkflows}) {
    std::string found[2];
    for (std::string& text : found) {
      SeededRandom random(1);
      const Environment environment{
          .now = TimePoint(std::chrono::days(20000)),
          .random = &random,
          .library = library,
          .limits = {.depth_max = 100, .steps_max = 20'000, .built_bytes_max = 1 << 20}};
      auto result = expression->evaluate(input, environment);
      if (!result) {
        CHECK(!result.error().code.empty(), "an error has a code");
        text = result.error().code + result.error().message;
      } else if (*result) {
        text = json::write(**result);
        CHECK(json::parse(text).has_value(), "a result is JSON");
      }
    }
    CHECK(found[0] == found[1], "equal arguments give equal results");
  }
  return 0;
}
