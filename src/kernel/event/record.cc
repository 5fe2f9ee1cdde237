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

bool RecordReader::take(size_t size, ByteView& out) {
  if (rest_.size() < size) {
    broken_ = true;
    rest_ = {};
    return false;
  }
  out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

uint8_t RecordReader::u8() {
  ByteView field;
  return take(1, field) ? static_cast<uint8_t>(field[0]) : uint8_t{0};
}

uint32_t RecordReader::u32() {
  ByteView field;
  return take(4, field) ? read_be32(field) : 0;
}

uint64_t RecordReader::u64() {
  ByteView field;
  return take(8, field) ? read_be64(field) : 0;
}

Bytes RecordReader::text() {
  ByteView field;
  return take(u32(), field) ? Bytes(field) : Bytes();
}

bool RecordReader::version(uint8_t version) {
  version_of(version, version);
  return !broken_;
}

uint8_t RecordReader::version_of(uint8_t oldest, uint8_t newest) {
  uint8_t found = u8();
  if (oldest <= found && found <= newest) return found;
  broken_ = true;
  rest_ = {};
  return newest;
}

Result<void> RecordReader::end(std::string_view what) const {
  if (broken_ || !rest_.empty()) {
    return fail(codes::kCorrupt, fmt::format("{}: the bytes are not those of this version", what));
  }
  return ok();
}

}  // namespace suiro::event
