// SPDX-License-Identifier: Apache-2.0
// The text of x-amz-copy-source in parts. One parser for who copies and for who permits it.
//
// Thread: pure function. Source: Amazon S3 API Reference, "CopyObject".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace suiro::s3 {

struct CopySourceText {
  std::string bucket;
  Bytes key;
  std::optional<std::string> version;  // as the text has it
};
// "/bucket/key?versionId=...", percent-encoded. nullopt: it does not name a bucket and a key.
std::optional<CopySourceText> parse_copy_source(std::string_view text);

}  // namespace suiro::s3
