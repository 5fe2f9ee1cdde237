// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/block.h"

#include "base/check.h"

namespace suiro::kinesis {
namespace {

constexpr char kVersion = 1;
constexpr size_t kSegmentHeaderBytes = 8 + 4 + 4;
constexpr size_t kHashKeyBytes = 16;

void append_varint(Bytes& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

}  // namespace

void RecordsWriter::add(std::string_view partition_key, std::optional<HashKey> explicit_hash_key,
                        ByteView data) {
  append_varint(bytes_, partition_key.size() << 1 | (explicit_hash_key ? 1 : 0));
  bytes_ += partition_key;
  if (explicit_hash_key) {
    append_be64(bytes_, static_cast<uint64_t>(*explicit_hash_key >> 64));
    append_be64(bytes_, static_cast<uint64_t>(*explicit_hash_key));
  }
  append_varint(bytes_, data.size());
  bytes_ += data;
  ++count_;
}

Bytes begin_block() {
  return Bytes(1, kVersion);
}

void append_segment(Bytes& block, TimePoint arrived, const RecordsWriter& records) {
  CHECK(records.count() > 0);
  append_be64(block, static_cast<uint64_t>(arrived.time_since_epoch().count()));
  append_be32(block, records.count());
  append_be32(block, static_cast<uint32_t>(records.bytes().size()));
  block += records.bytes();
}

BlockReader::BlockReader(ByteView block, Offset first) : rest_(block), next_(first) {
  if (rest_.empty() || rest_[0] != kVersion) {
    break_off();
  } else {
    rest_.remove_prefix(1);
  }
}

void BlockReader::break_off() {
  broken_ = true;
  rest_ = segment_ = {};
  records_left_ = 0;
}

// Stands at the first record of the next segment; false at the end.
bool BlockReader::enter_segment() {
  if (rest_.empty()) return false;
  if (rest_.size() < kSegmentHeaderBytes) return break_off(), false;
  arrived_ = TimePoint(Millis(static_cast<int64_t>(read_be64(rest_))));
  records_left_ = read_be32(rest_.substr(8));
  size_t size = read_be32(rest_.substr(12));
  rest_.remove_prefix(kSegmentHeaderBytes);
  // A record has two bytes at least.
  if (size > rest_.size() || records_left_ == 0 || records_left_ > size / 2) {
    return break_off(), false;
  }
  segment_ = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

void BlockReader::leave_segment() {
  next_ += records_left_;
  records_left_ = 0;
  segment_ = {};
}

bool BlockReader::take(size_t size, ByteView& out) {
  if (size > segment_.size()) return break_off(), false;
  out = segment_.substr(0, size);
  segment_.remove_prefix(size);
  return true;
}

bool BlockReader::take_varint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 35 && !segment_.empty(); shift += 7) {
    auto byte = static_cast<uint8_t>(segment_[0]);
    segment_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return break_off(), false;
}

bool BlockReader::next(RecordView& record) {
  if (records_left_ == 0 && !enter_segment()) return false;
  uint64_t head = 0, size = 0;
  if (!take_varint(head) || !take(head >> 1, record.partition_key)) return false;
  record.explicit_hash_key.reset();
  if ((head & 1) != 0) {
    ByteView key;
    if (!take(kHashKeyBytes, key)) return false;
    record.explicit_hash_key = HashKey{read_be64(key)} << 64 | read_be64(key.substr(8));
  }
  if (!take_varint(size) || !take(size, record.data)) return false;
  record.offset = next_++;
  record.arrived = arrived_;
  if (--records_left_ == 0 && !segment_.empty()) break_off();
  return true;
}

void BlockReader::skip_to(Offset offset) {
  while (next_ < offset) {
    if (records_left_ == 0 && !enter_segment()) return;
    if (next_ + records_left_ <= offset) {
      leave_segment();
      continue;
    }
    RecordView passed;
    while (next_ < offset && next(passed)) continue;
    return;
  }
}

void BlockReader::skip_to(TimePoint time) {
  while (records_left_ > 0 || enter_segment()) {
    if (arrived_ >= time) return;
    leave_segment();
  }
}

Result<void> BlockReader::end() const {
  if (broken_) return fail(codes::kCorrupt, "block of stream records: its bytes are broken");
  return ok();
}

Result<BlockFacts> facts_of(ByteView block) {
  BlockFacts facts;
  if (block.empty() || block[0] != kVersion) {
    return fail(codes::kCorrupt, "block of stream records: its version");
  }
  for (block.remove_prefix(1); !block.empty();) {
    if (block.size() < kSegmentHeaderBytes) {
      return fail(codes::kCorrupt, "block of stream records: a segment is cut off");
    }
    facts.last_arrival = TimePoint(Millis(static_cast<int64_t>(read_be64(block))));
    facts.count += read_be32(block.substr(8));
    size_t size = kSegmentHeaderBytes + read_be32(block.substr(12));
    if (size > block.size()) {
      return fail(codes::kCorrupt, "block of stream records: a segment is cut off");
    }
    block.remove_prefix(size);
  }
  return facts;
}

}  // namespace suiro::kinesis
