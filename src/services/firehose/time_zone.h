// SPDX-License-Identifier: Apache-2.0
// TimeZone: the offset of a zone's clock from UTC at a time, from the system's TZif files (RFC
// 8536). Times behind the file's last change keep its last offset: Debian's files reach to 2037.
//
// Thread: immutable after load(). Errors: kNotFound, kCorrupt.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace suiro::firehose {

class TimeZone {
 public:
  // UTC.
  TimeZone() = default;
  // "UTC", "Asia/Tokyo", ...; empty: UTC.
  static Result<TimeZone> load(std::string_view name);
  // The bytes of a TZif file.
  static Result<TimeZone> parse(ByteView bytes);
  std::chrono::seconds offset_at(TimePoint time) const;

 private:
  struct Change {
    int64_t at = 0;  // Unix seconds
    int32_t offset_s = 0;
  };
  std::vector<Change> changes_;
  int32_t first_offset_s_ = 0;
};

}  // namespace suiro::firehose
