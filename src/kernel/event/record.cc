// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/record.h"

#include <fmt/format.h>

#include "base/check.h"

namespace suiro::event {

void RecordWriter::text(ByteView value) {
  CHECK(value.size() <= UINT32_MAX);
  u32(static_cast<uint32_t>(value.size()));
  out_.append(value);
}

bool RecordReader::version(uint8_t version) {
  version_of(version, version);
  return !broken_;
}

uint8_t RecordReader::version_of(uint8_t oldest, uint8_t newest) {
  uint8_t found = u8();
  if (oldest <= found && found <= newest) return found;
  spoil();
  return newest;
}

Result<void> RecordReader::end(std::string_view what) const {
  if (!complete()) {
    return fail(codes::kCorrupt, fmt::format("{}: the bytes are not those of this version", what));
  }
  return ok();
}

}  // namespace suiro::event
