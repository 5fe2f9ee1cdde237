// SPDX-License-Identifier: Apache-2.0
#include "engine/parquet/encodings.h"

#include <fmt/format.h>

#include "engine/parquet/values.h"

namespace suiro::parquet {
namespace {

std::unexpected<Error> damaged(const Column& column) {
  return fail(codes::kInvalidArgument,
              fmt::format("The values of column {} of the Parquet file are damaged.", column.name));
}

// Takes from the front.
std::optional<uint64_t> take_varint(ByteView& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto part = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{part & 0x7FU} << shift;
    if ((part & 0x80) == 0) return value;
  }
  return std::nullopt;
}

std::optional<ByteView> take(ByteView& bytes, uint64_t size) {
  if (size > bytes.size()) return std::nullopt;
  const ByteView out = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return out;
}

uint64_t bits_at(ByteView bytes, uint64_t bit, int width) {
  uint64_t value = 0;
  for (int done = 0; done < width;) {
    const auto at = bit + static_cast<uint64_t>(done);
    const int within = static_cast<int>(at % 8);
    const uint64_t part = static_cast<uint8_t>(bytes[at / 8]) >> within;
    value |= part << done;
    done += 8 - within;
  }
  return width == 64 ? value : value & ((uint64_t{1} << width) - 1);
}

class PlainDecoder final : public ValueDecoder {
 public:
  PlainDecoder(const Column& column, ByteView bytes)
      : column_(column), width_(plain_width(column)), bytes_(bytes) {}

  Result<json::Value> next() override {
    if (column_.type == Type::kBoolean) return next_bit();
    uint64_t size = width_;
    if (column_.type == Type::kByteArray) {
      const auto length = take(bytes_, 4);
      if (!length) return damaged(column_);
      size = read_le32(*length);
    }
    const auto value = take(bytes_, size);
    if (!value) return damaged(column_);
    return value_of_plain(column_, *value);
  }

 private:
  Result<json::Value> next_bit() {
    if (bit_ / 8 >= bytes_.size()) return damaged(column_);
    const bool value = bits_at(bytes_, bit_, 1) != 0;
    ++bit_;
    return json::Value(value);
  }

  const Column& column_;
  size_t width_;
  ByteView bytes_;
  uint64_t bit_ = 0;
};

class BooleanDecoder final : public ValueDecoder {
 public:
  BooleanDecoder(const Column& column, ByteView bytes) : column_(column), runs_(bytes, 1) {}
  Result<json::Value> next() override {
    const auto value = runs_.next();
    if (!value) return damaged(column_);
    return json::Value(*value != 0);
  }

 private:
  const Column& column_;
  HybridReader runs_;
};

class DictionaryDecoder final : public ValueDecoder {
 public:
  DictionaryDecoder(const Column& column, const json::Array& dictionary, ByteView bytes, int width)
      : column_(column), dictionary_(dictionary), places_(bytes, width) {}
  Result<json::Value> next() override {
    const auto place = places_.next();
    if (!place || *place >= dictionary_.size()) return damaged(column_);
    return dictionary_[*place];
  }

 private:
  const Column& column_;
  const json::Array& dictionary_;
  HybridReader places_;
};

// The bytes of all values' first bytes, then of all second ones, and so on.
class SplitDecoder final : public ValueDecoder {
 public:
  SplitDecoder(const Column& column, ByteView bytes)
      : column_(column), bytes_(bytes), count_(bytes.size() / plain_width(column)) {}
  Result<json::Value> next() override {
    if (at_ >= count_) return damaged(column_);
    value_.clear();
    for (size_t place = at_; value_.size() < plain_width(column_); place += count_) {
      value_ += bytes_[place];
    }
    ++at_;
    return value_of_plain(column_, value_);
  }

 private:
  const Column& column_;
  ByteView bytes_;
  size_t count_;
  size_t at_ = 0;
  Bytes value_;
};

// Integers as differences, in blocks of miniblocks.
class DeltaReader {
 public:
  static std::optional<DeltaReader> begin(ByteView bytes) {
    DeltaReader out(bytes);
    const auto block = take_varint(out.bytes_);
    const auto miniblocks = take_varint(out.bytes_);
    const auto count = take_varint(out.bytes_);
    const auto first = take_varint(out.bytes_);
    if (!block || !miniblocks || !count || !first || *miniblocks == 0 || *block == 0 ||
        *block % *miniblocks != 0) {
      return std::nullopt;
    }
    out.miniblock_values_ = *block / *miniblocks;
    out.miniblocks_ = *miniblocks;
    if (out.miniblock_values_ % 8 != 0 || out.miniblock_values_ > kMiniblockValuesMax) {
      return std::nullopt;
    }
    out.count_ = *count;
    out.last_ = unzigzag(*first);
    return out;
  }

  uint64_t left() const { return count_; }
  // What stands behind the numbers, when all were read.
  ByteView rest() const { return bytes_; }

  std::optional<int64_t> next() {
    if (count_ == 0) return std::nullopt;
    --count_;
    if (is_first_) {
      is_first_ = false;
      return static_cast<int64_t>(last_);
    }
    if (in_miniblock_ == 0 && !begin_miniblock()) return std::nullopt;
    const uint64_t at = miniblock_values_ - in_miniblock_--;
    last_ += difference_min_ + bits_at(packed_, at * static_cast<uint64_t>(width_), width_);
    return static_cast<int64_t>(last_);
  }

 private:
  explicit DeltaReader(ByteView bytes) : bytes_(bytes) {}
  static uint64_t unzigzag(uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

  bool begin_miniblock() {
    if (widths_.empty()) {
      const auto least = take_varint(bytes_);
      const auto widths = take(bytes_, miniblocks_);
      if (!least || !widths) return false;
      difference_min_ = unzigzag(*least);
      widths_ = *widths;
    }
    width_ = static_cast<uint8_t>(widths_.front());
    widths_.remove_prefix(1);
    if (width_ > 64) return false;
    const auto packed = take(bytes_, miniblock_values_ / 8 * static_cast<uint64_t>(width_));
    if (!packed) return false;
    packed_ = *packed;
    in_miniblock_ = miniblock_values_;
    return true;
  }

  ByteView bytes_;
  uint64_t miniblock_values_ = 0;
  uint64_t miniblocks_ = 0;
  uint64_t count_ = 0;  // not read yet
  uint64_t last_ = 0;   // sums wrap, as the format says
  bool is_first_ = true;
  ByteView widths_;  // of the block's further miniblocks
  uint64_t difference_min_ = 0;
  int width_ = 0;
  ByteView packed_;
  uint64_t in_miniblock_ = 0;
};

class DeltaDecoder final : public ValueDecoder {
 public:
  DeltaDecoder(const Column& column, DeltaReader numbers)
      : column_(column), numbers_(std::move(numbers)) {}
  Result<json::Value> next() override {
    const auto value = numbers_.next();
    if (!value) return damaged(column_);
    if (column_.type == Type::kInt32) {
      return value_of_integer(column_, static_cast<int32_t>(*value));
    }
    return value_of_integer(column_, *value);
  }

 private:
  const Column& column_;
  DeltaReader numbers_;
};

// Takes lengths from the front of `bytes`.
std::optional<std::vector<uint32_t>> take_lengths(ByteView& bytes) {
  auto numbers = DeltaReader::begin(bytes);
  if (!numbers || numbers->left() > kLengthsMax) return std::nullopt;
  std::vector<uint32_t> lengths;
  while (numbers->left() > 0) {
    const auto length = numbers->next();
    if (!length || *length < 0 || *length > static_cast<int64_t>(kPageBytesMax)) {
      return std::nullopt;
    }
    lengths.push_back(static_cast<uint32_t>(*length));
  }
  bytes = numbers->rest();
  return lengths;
}

// Byte arrays: their lengths, then their bytes; with prefixes of the one before, where there are.
class LengthsDecoder final : public ValueDecoder {
 public:
  LengthsDecoder(const Column& column, std::vector<uint32_t> prefixes,
                 std::vector<uint32_t> lengths, ByteView bytes)
      : column_(column),
        prefixes_(std::move(prefixes)),
        lengths_(std::move(lengths)),
        bytes_(bytes) {}

  Result<json::Value> next() override {
    if (at_ >= lengths_.size()) return damaged(column_);
    const uint32_t prefix = prefixes_.empty() ? 0 : prefixes_[at_];
    const auto suffix = take(bytes_, lengths_[at_++]);
    if (!suffix || prefix > last_.size()) return damaged(column_);
    last_.resize(prefix);
    last_ += *suffix;
    const size_t width = plain_width(column_);
    if (last_.size() > kPageBytesMax || (width > 0 && last_.size() != width)) {
      return damaged(column_);
    }
    return value_of_bytes(column_, last_);
  }
  size_t held_bytes() const override {
    return (prefixes_.capacity() + lengths_.capacity()) * sizeof(uint32_t);
  }

 private:
  const Column& column_;
  std::vector<uint32_t> prefixes_;  // empty: none
  std::vector<uint32_t> lengths_;
  ByteView bytes_;
  size_t at_ = 0;
  Bytes last_;
};

using Decoder = std::unique_ptr<ValueDecoder>;

std::unexpected<Error> unknown(const Column& column, Encoding encoding) {
  return fail(codes::kInvalidArgument,
              fmt::format("Column {} of the Parquet file has encoding {}, which is not supported "
                          "for its type.",
                          column.name, static_cast<int>(encoding)));
}

Result<Decoder> dictionary_decoder(const Column& column, ByteView bytes,
                                   const json::Array* dictionary) {
  if (dictionary == nullptr) return damaged(column);
  // A page of nulls alone may have no bytes at all.
  const int width = bytes.empty() ? 0 : static_cast<uint8_t>(bytes.front());
  if (width > 32) return damaged(column);
  if (!bytes.empty()) bytes.remove_prefix(1);
  return std::make_unique<DictionaryDecoder>(column, *dictionary, bytes, width);
}

Result<Decoder> boolean_decoder(const Column& column, ByteView bytes) {
  if (bytes.size() < 4) return damaged(column);
  const uint32_t size = read_le32(bytes);
  bytes.remove_prefix(4);
  const auto runs = take(bytes, size);
  if (!runs) return damaged(column);
  return std::make_unique<BooleanDecoder>(column, *runs);
}

Result<Decoder> lengths_decoder(const Column& column, Encoding encoding, ByteView bytes) {
  std::vector<uint32_t> prefixes;
  if (encoding == Encoding::kDeltaByteArray) {
    auto taken = take_lengths(bytes);
    if (!taken) return damaged(column);
    prefixes = *std::move(taken);
  }
  auto lengths = take_lengths(bytes);
  if (!lengths || (!prefixes.empty() && prefixes.size() != lengths->size())) return damaged(column);
  return std::make_unique<LengthsDecoder>(column, std::move(prefixes), *std::move(lengths), bytes);
}

}  // namespace

bool HybridReader::begin_run() {
  const auto head = take_varint(bytes_);
  if (!head) return false;
  is_packed_ = (*head & 1) != 0;
  left_ = *head >> 1;
  if (!is_packed_) {
    const auto value = take(bytes_, static_cast<uint64_t>(width_ + 7) / 8);
    if (!value) return false;
    repeated_ = 0;
    for (size_t at = value->size(); at-- > 0;) {
      repeated_ = repeated_ << 8 | static_cast<uint8_t>((*value)[at]);
    }
    return true;
  }
  // Writers may leave out what pads the last group.
  const uint64_t groups = std::min<uint64_t>(left_, kPageValuesMax);
  left_ = groups * 8;
  packed_ =
      *take(bytes_, std::min<uint64_t>(groups * static_cast<uint64_t>(width_), bytes_.size()));
  bit_ = 0;
  return true;
}

std::optional<uint32_t> HybridReader::next() {
  while (left_ == 0) {
    if (!begin_run()) return std::nullopt;
  }
  --left_;
  if (!is_packed_) return repeated_;
  if (bit_ + static_cast<uint64_t>(width_) > packed_.size() * 8) return std::nullopt;
  const auto value = static_cast<uint32_t>(bits_at(packed_, bit_, width_));
  bit_ += static_cast<uint64_t>(width_);
  return value;
}

Result<Decoder> decoder_of(const Column& column, Encoding encoding, ByteView bytes,
                           const json::Array* dictionary) {
  const bool is_integer = column.type == Type::kInt32 || column.type == Type::kInt64;
  const bool is_bytes = column.type == Type::kByteArray || column.type == Type::kFixedLength;
  switch (encoding) {
    case Encoding::kPlain:
      return std::make_unique<PlainDecoder>(column, bytes);
    case Encoding::kPlainDictionary:
    case Encoding::kRleDictionary:
      return dictionary_decoder(column, bytes, dictionary);
    case Encoding::kRle:
      if (column.type == Type::kBoolean) return boolean_decoder(column, bytes);
      break;
    case Encoding::kDeltaBinaryPacked: {
      if (!is_integer) break;
      auto numbers = DeltaReader::begin(bytes);
      if (!numbers) return damaged(column);
      return std::make_unique<DeltaDecoder>(column, *std::move(numbers));
    }
    case Encoding::kDeltaLengthByteArray:
    case Encoding::kDeltaByteArray:
      if (is_bytes) return lengths_decoder(column, encoding, bytes);
      break;
    case Encoding::kByteStreamSplit:
      if (plain_width(column) > 0) return std::make_unique<SplitDecoder>(column, bytes);
      break;
    case Encoding::kBitPacked:
      break;
  }
  return unknown(column, encoding);
}

}  // namespace suiro::parquet
