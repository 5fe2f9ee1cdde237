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
  explicit RecordWriter(uint8_t version) {
    out_.reserve(kUsualBytes);
    u8(version);
  }
  void u8(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u32(uint32_t value) { append_be32(out_, value); }
  void u64(uint64_t value) { append_be64(out_, value); }
  void time(TimePoint value) { u64(static_cast<uint64_t>(value.time_since_epoch().count())); }
  void text(ByteView value);
  Bytes take() { return std::move(out_); }

 private:
  static constexpr size_t kUsualBytes = 240;
  Bytes out_;
};

// Reading past the end gives zeros and empty texts, and makes end() fail: a decoder reads all its
// fields and asks once.
class RecordReader {
 public:
  explicit RecordReader(ByteView bytes) : rest_(bytes) {}
  uint8_t u8();
  uint32_t u32();
  uint64_t u64();
  TimePoint time() { return TimePoint(Millis(static_cast<int64_t>(u64()))); }
  Bytes text();
  // True when the first byte is `version`; else end() fails.
  bool version(uint8_t version);
  // The first byte, where it lies between the two; else end() fails.
  uint8_t version_of(uint8_t oldest, uint8_t newest);
  // Errors: kCorrupt when a field was cut off, bytes are left, or the version is another; `what`
  // names the record in the message.
  Result<void> end(std::string_view what) const;

 private:
  bool take(size_t size, ByteView& out);

  ByteView rest_;
  bool broken_ = false;
};

}  // namespace suiro::event
