// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/wal_check.h"

#include <algorithm>
#include <array>

#include "base/checksum.h"

namespace suiro::store {
namespace {

constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kHeaderBytes = 7;      // masked CRC-32C (4), length (2), type (1); little-endian
constexpr size_t kBatchHeadBytes = 12;  // a group begins with its sequence (8) and count (4)
// A group is one batch of RocksDB; what claims to be this far ahead is no record of this log.
constexpr uint64_t kSequencesAheadMax = uint64_t{1} << 32;

enum class Piece : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

uint64_t read_le(ByteView bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

uint32_t unmasked(uint32_t crc) {
  const uint32_t rotated = crc - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

struct Physical {
  Piece piece = Piece::kZero;
  ByteView payload;
};

// The piece at the beginning of `bytes`, which end with the block; nullopt: there is none.
std::optional<Physical> piece_at(ByteView bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const size_t length = read_le(bytes.substr(4), 2);
  const auto type = static_cast<uint8_t>(bytes[6]);
  if (type < static_cast<uint8_t>(Piece::kFull) || type > static_cast<uint8_t>(Piece::kLast) ||
      length > bytes.size() - kHeaderBytes) {
    return std::nullopt;
  }
  const auto claimed = static_cast<uint32_t>(read_le(bytes, 4));
  if (crc32c(0, bytes.substr(6, length + 1)) != unmasked(claimed)) return std::nullopt;
  return Physical{static_cast<Piece>(type), bytes.substr(kHeaderBytes, length)};
}

bool begins(Piece piece) {
  return piece == Piece::kFull || piece == Piece::kFirst;
}

// Walks the logs in order, block by block.
class Walker {
 public:
  void begin_file(std::string name) {
    file_ = std::move(name);
    open_ = false;
  }
  void block(ByteView bytes, uint64_t offset);
  void end_file(uint64_t offset) {
    if (open_) damage(std::min(offset, record_offset_));
    open_ = false;
  }

  WalState result() const {
    if (!damage_) return {};
    if (damage_->records_behind == 0) return {.end = WalState::End::kTorn, .damage = {}};
    return {.end = WalState::End::kTorn, .damage = damage_};
  }

 private:
  void damage(uint64_t offset);
  bool goes_on(uint64_t sequence) const;
  size_t behind_damage(ByteView bytes, size_t at) const;
  void take(const Physical& physical, uint64_t offset);
  void take_head();

  std::string file_;
  std::optional<WalDamage> damage_;
  // The sequence that the next group must have; 0: no group was seen.
  uint64_t next_ = 0;
  bool open_ = false;  // inside a record of several pieces
  uint64_t record_offset_ = 0;
  Bytes head_;  // the first bytes of the record
};

void Walker::damage(uint64_t offset) {
  open_ = false;
  if (!damage_) damage_ = WalDamage{file_, offset, 0};
}

// Where, after a broken piece, a record of this log begins; the block's size where none does.
size_t Walker::behind_damage(ByteView bytes, size_t at) const {
  for (; at + kHeaderBytes + kBatchHeadBytes <= bytes.size(); ++at) {
    auto found = piece_at(bytes.substr(at));
    if (!found || !begins(found->piece) || found->payload.size() < kBatchHeadBytes) continue;
    // Bytes of a value may look like a record; hardly with a sequence that comes next.
    const uint64_t sequence = read_le(found->payload, 8);
    if (sequence >= next_ && sequence - next_ < kSequencesAheadMax) return at;
  }
  return bytes.size();
}

void Walker::block(ByteView bytes, uint64_t offset) {
  size_t at = 0;
  while (at + kHeaderBytes <= bytes.size()) {
    auto physical = piece_at(bytes.substr(at));
    const bool misplaced = physical && begins(physical->piece) == open_;
    // Behind a broken piece the rest of its record is no news.
    if (!physical || (misplaced && !damage_)) {
      damage(offset + at);
      at = behind_damage(bytes, at + 1);
      continue;
    }
    take(*physical, offset + at);
    at += kHeaderBytes + physical->payload.size();
  }
  // A whole block is filled up with zeros; a shorter one is the log's end.
  const bool torn =
      std::ranges::any_of(bytes.substr(std::min(at, bytes.size())), [](char c) { return c != 0; });
  if (torn) damage(offset + at);
}

void Walker::take(const Physical& physical, uint64_t offset) {
  if (begins(physical.piece)) {
    open_ = true;
    record_offset_ = offset;
    head_.clear();
  }
  if (!open_) return;
  head_ += physical.payload.substr(0, kBatchHeadBytes - std::min(head_.size(), kBatchHeadBytes));
  const bool ends = physical.piece == Piece::kFull || physical.piece == Piece::kLast;
  if (!ends) return;
  open_ = false;
  if (head_.size() == kBatchHeadBytes) take_head();
}

// Whether an earlier start ended its recovery at the broken record and went on in this log. Where
// the broken record is the first of all, nothing tells what came next.
bool Walker::goes_on(uint64_t sequence) const {
  return damage_ && damage_->records_behind == 0 && file_ != damage_->file &&
         (next_ == 0 || sequence == next_);
}

// A whole record.
void Walker::take_head() {
  const uint64_t sequence = read_le(head_, 8);
  if (goes_on(sequence)) damage_.reset();
  if (damage_) {
    ++damage_->records_behind;
    return;
  }
  next_ = sequence + read_le(ByteView(head_).substr(8), 4);
}

Result<void> walk_file(const Files& files, const std::string& path, Walker& walker) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  auto status = files.layer().NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (!status.ok()) return fail(io_error(status, "cannot open the log " + path));
  std::array<char, kBlockBytes> buffer;
  uint64_t offset = 0;
  for (bool ended = false; !ended;) {
    size_t filled = 0;
    while (filled < buffer.size() && !ended) {
      rocksdb::Slice got;
      status = file->Read(buffer.size() - filled, rocksdb::IOOptions(), &got,
                          buffer.data() + filled, nullptr);
      if (!status.ok()) return fail(io_error(status, "cannot read the log " + path));
      if (got.data() != buffer.data() + filled) {
        std::copy_n(got.data(), got.size(), buffer.data() + filled);
      }
      filled += got.size();
      ended = got.empty();
    }
    walker.block(ByteView(buffer.data(), filled), offset);
    offset += filled;
  }
  walker.end_file(offset);
  return ok();
}

}  // namespace

Result<WalState> examine_wal(const Files& files, const std::string& database) {
  TRY(auto names, files.list(database));
  std::erase_if(names, [](const std::string& name) {
    return !name.ends_with(".log") || name.find_first_not_of("0123456789") != name.size() - 4;
  });
  // Numbers have at least six digits; longer ones are larger.
  std::ranges::sort(names, {},
                    [](const std::string& name) { return std::pair(name.size(), name); });
  Walker walker;
  for (const std::string& name : names) {
    walker.begin_file(name);
    TRY_VOID(walk_file(files, database + "/" + name, walker));
  }
  return walker.result();
}

}  // namespace suiro::store
