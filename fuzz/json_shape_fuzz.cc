// SPDX-License-Identifier: Apache-2.0
// JSON text into a struct, and what was read back into text and a struct again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/sqs.h"
#include "shapes/json.h"

namespace {

template <class T>
void round_trip(std::string_view text) {
  auto value = suiro::shapes::from_json<T>(text);
  if (!value) return;
  const std::string once = suiro::shapes::to_json(*value);
  auto again = suiro::shapes::from_json<T>(once);
  CHECK(again.has_value(), "what was written cannot be read");
  CHECK(suiro::shapes::to_json(*again) == once, "what was read differs from what was written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  round_trip<suiro::shapes::sqs::SendMessageRequest>(text);
  round_trip<suiro::shapes::sqs::SendMessageBatchRequest>(text);
  round_trip<suiro::shapes::lambda::CreateFunctionRequest>(text);
  return 0;
}
