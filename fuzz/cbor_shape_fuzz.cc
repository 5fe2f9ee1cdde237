// SPDX-License-Identifier: Apache-2.0
// CBOR into structs; what was read is written and must read as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocol/aws/cbor.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/sqs.h"
#include "shapes/gen/suiro.h"
#include "shapes/json.h"

namespace {

using namespace suiro;

template <class T>
void round_trip(std::string_view bytes) {
  T value;
  shapes::Violations violations;
  if (!aws::read_cbor(bytes, T::shape(), &value, violations)) return;
  std::string written;
  aws::write_cbor(written, T::shape(), &value);
  T copy;
  CHECK(aws::read_cbor(written, T::shape(), &copy, violations).has_value(),
        "what was written cannot be read");
  CHECK(shapes::to_json(copy) == shapes::to_json(value), "what was read differs");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  round_trip<shapes::sqs::SendMessageBatchRequest>(bytes);
  round_trip<shapes::lambda::CreateEventSourceMappingRequest>(bytes);
  round_trip<shapes::suiro::GetUsageResponse>(bytes);
  return 0;
}
