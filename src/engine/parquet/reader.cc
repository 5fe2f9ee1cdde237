// SPDX-License-Identifier: Apache-2.0
#include "engine/parquet/reader.h"

#include "engine/parquet/values.h"

namespace suiro::parquet {
namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr std::string_view kEncryptedMagic = "PARE";
constexpr size_t kTailBytes = 8;  // the footer's length, the magic
constexpr size_t kWindowsBytes = 8 << 20;

std::unexpected<Error> wrong(std::string message) {
  return fail(codes::kInvalidArgument, std::move(message));
}

// As it counts against the limits.
size_t size_of(const json::Value& value) {
  return value.is_string() ? value.as_string().size() : sizeof(int64_t);
}

}  // namespace

Task<Result<std::unique_ptr<Reader>>> Reader::open(ReadFunction read, uint64_t size_bytes) {
  if (size_bytes < kMagic.size() + kTailBytes) co_return wrong("The file is no Parquet file.");
  CO_TRY(const Bytes tail, co_await read(size_bytes - kTailBytes, kTailBytes));
  if (tail.ends_with(kEncryptedMagic))
    co_return wrong("Encrypted Parquet files are not supported.");
  if (tail.size() != kTailBytes || !tail.ends_with(kMagic)) {
    co_return wrong("The file is no Parquet file.");
  }
  const uint32_t footer_bytes = read_le32(tail);
  if (footer_bytes > size_bytes - kTailBytes - kMagic.size()) {
    co_return wrong("The Parquet file is damaged: its footer is larger than the file.");
  }
  if (footer_bytes > kFooterBytesMax) {
    co_return wrong("The footer of the Parquet file is larger than 16 MiB.");
  }
  const uint64_t data_end = size_bytes - kTailBytes - footer_bytes;
  CO_TRY(const Bytes footer, co_await read(data_end, footer_bytes));
  if (footer.size() != footer_bytes) co_return wrong("The Parquet file ends early.");
  CO_TRY(Metadata metadata, parse_footer(footer, data_end));
  co_return std::unique_ptr<Reader>(new Reader(std::move(read), std::move(metadata)));
}

Reader::Reader(ReadFunction read, Metadata metadata)
    : read_(std::move(read)),
      metadata_(std::move(metadata)),
      window_(
          std::clamp(kWindowsBytes / metadata_.columns.size(), kWindowBytesMin, kWindowBytesMax)) {}

uint64_t Reader::skip(uint64_t rows_max) {
  uint64_t skipped = 0;
  for (; group_ < metadata_.groups.size(); ++group_) {
    const uint64_t rows = metadata_.groups[group_].rows;
    if (rows > rows_max - skipped) break;
    skipped += rows;
  }
  return skipped;
}

bool Reader::begin_row() {
  if (column_ > 0) return true;
  while (rows_left_ == 0) {
    if (group_ == metadata_.groups.size()) return false;
    const RowGroup& group = metadata_.groups[group_++];
    readers_.clear();
    held_bytes_ = 0;
    for (size_t index = 0; index < metadata_.columns.size(); ++index) {
      readers_.push_back(std::make_unique<ColumnReader>(read_, metadata_.columns[index],
                                                        group.chunks[index], group.rows, window_));
    }
    rows_left_ = group.rows;
  }
  row_ = {};
  row_bytes_ = 0;
  return true;
}

Task<Result<void>> Reader::read_row() {
  for (; column_ < readers_.size(); ++column_) {
    ColumnReader& reader = *readers_[column_];
    if (!reader.has_value()) {
      const size_t before = reader.held_bytes();
      auto loaded = co_await reader.load();
      held_bytes_ = held_bytes_ - before + reader.held_bytes();
      CO_TRY_VOID(std::move(loaded));
      if (held_bytes_ > kHeldBytesMax) {
        co_return wrong("The pages of one row group of the Parquet file are larger than 256 MiB.");
      }
    }
    CO_TRY(json::Value value, reader.next());
    const std::string& name = metadata_.columns[column_].name;
    row_bytes_ += name.size() + size_of(value);
    if (row_bytes_ > kRowBytesMax) co_return wrong("A row of the Parquet file exceeds 8 MiB.");
    row_.set(name, std::move(value));
  }
  column_ = 0;
  --rows_left_;
  rows_bytes_ += row_bytes_;
  rows_.emplace_back(std::move(row_));
  co_return ok();
}

Task<Result<json::Array>> Reader::next() {
  while (rows_.size() * metadata_.columns.size() < kCellsAtOnce && rows_bytes_ < kRowBytesAtOnce &&
         begin_row()) {
    CO_TRY_VOID(co_await read_row());
  }
  rows_bytes_ = 0;
  co_return std::exchange(rows_, {});
}

}  // namespace suiro::parquet
