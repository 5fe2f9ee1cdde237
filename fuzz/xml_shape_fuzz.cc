// SPDX-License-Identifier: Apache-2.0
// XML bodies into S3's structs; what was read is written and must read as the same.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocol/aws/xml_shape.h"
#include "shapes/gen/s3.h"
#include "shapes/json.h"

namespace {

using namespace suiro;

template <class T>
void round_trip(const aws::XmlNode& root) {
  T value;
  shapes::Violations violations;
  if (!aws::read_xml(root, T::shape(), &value, violations) || !violations.all.empty()) return;
  std::string text = "<R>";
  aws::write_xml_members(text, T::shape(), &value);
  text += "</R>";
  auto again = aws::parse_xml(text);
  // Control characters are written as references that XML 1.0 does not allow; S3 does so, too.
  if (!again) {
    CHECK(text.find("&#x") != std::string::npos, "what was written is not XML");
    return;
  }
  T copy;
  CHECK(aws::read_xml(*again, T::shape(), &copy, violations).has_value());
  CHECK(shapes::to_json(copy) == shapes::to_json(value), "what was read differs");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto root = suiro::aws::parse_xml({reinterpret_cast<const char*>(data), size});
  if (!root) return 0;
  round_trip<shapes::s3::Delete>(*root);
  round_trip<shapes::s3::CompletedMultipartUpload>(*root);
  round_trip<shapes::s3::NotificationConfiguration>(*root);
  round_trip<shapes::s3::BucketLifecycleConfiguration>(*root);
  return 0;
}
