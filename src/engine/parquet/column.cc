// SPDX-License-Identifier: Apache-2.0
#include "engine/parquet/column.h"

#include <fmt/format.h>
#include <zlib.h>

#include "engine/parquet/unpack.h"
#include "engine/parquet/values.h"

namespace suiro::parquet {
namespace {

constexpr size_t kValueBytes = 80;  // a short text as json::Value holds it

std::unexpected<Error> damaged(const Column& column, std::string_view what) {
  return fail(codes::kInvalidArgument,
              fmt::format("The Parquet file is damaged: {} of column {}.", what, column.name));
}

}  // namespace

ColumnReader::ColumnReader(const ReadFunction& read, const Column& column, const Chunk& chunk,
                           uint64_t rows, size_t window)
    : read_(read),
      column_(column),
      codec_(chunk.codec),
      at_(chunk.offset),
      end_(chunk.offset + chunk.size),
      rows_left_(rows),
      window_(window) {}

size_t ColumnReader::held_bytes() const {
  return buffer_.capacity() + levels_bytes_.capacity() + values_bytes_.capacity() +
         dictionary_bytes_ + (values_ == nullptr ? 0 : values_->held_bytes());
}

Task<Result<void>> ColumnReader::fill(uint64_t size) {
  if (buffer_.size() >= size) co_return ok();
  if (size > end_ - at_) co_return damaged(column_, "a page reaches beyond the chunk");
  const uint64_t length = std::min<uint64_t>(std::max<uint64_t>(size, window_), end_ - at_);
  CO_TRY(buffer_, co_await read_(at_, length));
  if (buffer_.size() != length) co_return damaged(column_, "the chunk ends early");
  co_return ok();
}

Task<Result<PageHeader>> ColumnReader::header() {
  const uint64_t window = std::min<uint64_t>(window_, end_ - at_);
  uint64_t size = buffer_.empty() ? window : buffer_.size();
  while (true) {
    CO_TRY_VOID(co_await fill(size));
    CO_TRY(auto found, parse_page_header(buffer_));
    if (found) co_return *found;
    if (size == end_ - at_ || size >= kPageHeaderBytesMax) {
      co_return damaged(column_, "the header of a page");
    }
    size = std::min<uint64_t>({std::max(size * 4, window), kPageHeaderBytesMax, end_ - at_});
  }
}

Task<Result<void>> ColumnReader::load() {
  while (page_values_ == 0) {
    if (at_ >= end_) co_return damaged(column_, "there are fewer values than rows");
    CO_TRY(const PageHeader page, co_await header());
    const size_t size = page.header_bytes + page.packed_bytes;
    CO_TRY_VOID(co_await fill(size));
    CO_TRY_VOID(take_page(page, ByteView(buffer_).substr(page.header_bytes, page.packed_bytes)));
    buffer_ = buffer_.substr(size);
    at_ += size;
  }
  co_return ok();
}

Result<void> ColumnReader::take_page(const PageHeader& header, ByteView body) {
  if (header.crc) {
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    if (crc != *header.crc) return damaged(column_, "the checksum of a page");
  }
  if (header.kind == PageKind::kIndex) return ok();
  if (header.kind == PageKind::kDictionary) return take_dictionary(header, body);
  if (header.values > rows_left_) return damaged(column_, "there are more values than rows");
  values_.reset();
  levels_.reset();
  if (header.kind == PageKind::kData) {
    TRY_VOID(take_first(header, body));
  } else {
    TRY_VOID(take_second(header, body));
  }
  page_values_ = header.values;
  rows_left_ -= header.values;
  return ok();
}

Result<void> ColumnReader::take_dictionary(const PageHeader& header, ByteView body) {
  if (has_dictionary_) return damaged(column_, "there are two dictionaries");
  if (header.encoding != Encoding::kPlain && header.encoding != Encoding::kPlainDictionary) {
    return damaged(column_, "the dictionary");
  }
  if (header.values > kDictionaryValuesMax) {
    return fail(
        codes::kInvalidArgument,
        fmt::format("The dictionary of column {} of the Parquet file is too large.", column_.name));
  }
  TRY(const Bytes bytes, unpack(codec_, body, header.unpacked_bytes));
  TRY(const auto plain, decoder_of(column_, Encoding::kPlain, bytes, nullptr));
  json::Array values;
  for (size_t index = 0; index < header.values; ++index) {
    TRY(json::Value value, plain->next());
    values.push_back(std::move(value));
  }
  dictionary_ = std::move(values);
  dictionary_bytes_ = bytes.size() + dictionary_.size() * kValueBytes;
  has_dictionary_ = true;
  return ok();
}

// Levels and values are packed together.
Result<void> ColumnReader::take_first(const PageHeader& header, ByteView body) {
  TRY(values_bytes_, unpack(codec_, body, header.unpacked_bytes));
  levels_bytes_.clear();
  ByteView values = values_bytes_;
  if (column_.is_optional) {
    if (header.level_encoding != Encoding::kRle) {
      return damaged(column_, "the encoding of levels (BIT_PACKED is not supported)");
    }
    if (values.size() < 4 || read_le32(values) > values.size() - 4) {
      return damaged(column_, "the levels of a page");
    }
    const size_t size = read_le32(values);
    levels_.emplace(values.substr(4, size), 1);
    values.remove_prefix(4 + size);
  }
  TRY(values_,
      decoder_of(column_, header.encoding, values, has_dictionary_ ? &dictionary_ : nullptr));
  return ok();
}

// Levels stand before the packed values.
Result<void> ColumnReader::take_second(const PageHeader& header, ByteView body) {
  const size_t levels = header.repetition_bytes + header.definition_bytes;
  levels_bytes_ = body.substr(header.repetition_bytes, header.definition_bytes);
  if (column_.is_optional) levels_.emplace(levels_bytes_, 1);
  const ByteView packed = body.substr(levels);
  const size_t size = header.unpacked_bytes - levels;
  // Nulls alone have no values; some writers do not pack nothing.
  const bool is_packed = header.is_packed && !(packed.empty() && size == 0);
  TRY(values_bytes_, unpack(is_packed ? codec_ : Codec::kNone, packed, size));
  TRY(values_, decoder_of(column_, header.encoding, values_bytes_,
                          has_dictionary_ ? &dictionary_ : nullptr));
  return ok();
}

Result<json::Value> ColumnReader::next() {
  --page_values_;
  if (levels_) {
    const auto level = levels_->next();
    if (!level) return damaged(column_, "the levels of a page");
    if (*level == 0) return json::Value();
  }
  return values_->next();
}

}  // namespace suiro::parquet
