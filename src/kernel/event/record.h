// SPDX-License-Identifier: Apache-2.0
// RecordWriter, RecordReader: the bytes of a persisted record: a version byte, then fields in
// order. Integers are big-endian; texts and byte strings carry their length in 4 bytes before them.
// Thread: an instance belongs to one.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/clock.h"

namespace suiro::event {

class RecordWriter {
 public:
  static constexpr size_t kUsualBytes = 240;
  explicit RecordWriter(uint8_t version, size_t reserve = kUsualBytes) {
    out_.reserve(reserve);
    u8(version);
  }
  void u8(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u32(uint32_t value) { append_be32(out_, value); }
  void u64(uint64_t value) { append_be64(out_, value); }
  void time(TimePoint value) { u64(static_cast<uint64_t>(value.time_since_epoch().count())); }
  void text(ByteView value);
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// Reading past the end gives zeros and empty texts, and makes end() fail: a decoder reads all its
// fields and asks once.
class RecordReader {
 public:
  explicit RecordReader(ByteView bytes) : rest_(bytes) {}
  uint8_t u8() {
    ByteView field = raw(1);
    return field.empty() ? uint8_t{0} : static_cast<uint8_t>(field[0]);
  }
  uint32_t u32() {
    ByteView field = raw(4);
    return field.empty() ? 0 : read_be32(field);
  }
  uint64_t u64() {
    ByteView field = raw(8);
    return field.empty() ? 0 : read_be64(field);
  }
  TimePoint time() { return TimePoint(Millis(static_cast<int64_t>(u64()))); }
  Bytes text() { return Bytes(raw(u32())); }
  // Bytes without a length before them.
  ByteView raw(size_t size) {
    if (rest_.size() < size) {
      spoil();
      return {};
    }
    ByteView out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  Bytes rest() { return Bytes(raw(rest_.size())); }
  // A number of things of at least `each` bytes: never more than what is there.
  uint32_t count(size_t each) {
    uint32_t value = u32();
    if (value <= rest_.size() / each) return value;
    spoil();
    return 0;
  }
  // True when the first byte is `version`; else end() fails.
  bool version(uint8_t version);
  // The first byte, where it lies between the two; else end() fails.
  uint8_t version_of(uint8_t oldest, uint8_t newest);
  // A field's value is none that was written: end() fails.
  void spoil() {
    broken_ = true;
    rest_ = {};
  }
  bool broken() const { return broken_; }
  // Whether all was read, and nothing was missing.
  bool complete() const { return !broken_ && rest_.empty(); }
  // Errors: kCorrupt when a field was cut off, bytes are left, or the version is another; `what`
  // names the record in the message.
  Result<void> end(std::string_view what) const;

 private:
  ByteView rest_;
  bool broken_ = false;
};

}  // namespace suiro::event
