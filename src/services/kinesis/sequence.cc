// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/sequence.h"

#include <charconv>

#include "base/bytes.h"
#include "base/digest.h"

namespace suiro::kinesis {
namespace {

constexpr std::string_view kShardPrefix = "shardId-";
constexpr size_t kShardDigits = 12;
constexpr std::string_view kSequencePrefix = "49";
constexpr size_t kCreatedDigits = 15;
constexpr size_t kOrdinalDigits = 20;
constexpr size_t kOrdinalAt = 2 + kCreatedDigits;
constexpr size_t kShardAt = kOrdinalAt + kOrdinalDigits;
constexpr std::string_view kSequenceSuffix = "00000";
constexpr size_t kSequenceDigits = 56;
constexpr size_t kHashKeyDigitsMax = 39;

// All of `text`, which are digits.
std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t value = 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void write_digits(std::string& text, size_t at, size_t count, uint64_t value) {
  for (size_t i = at + count; i-- > at; value /= 10) text[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::string shard_name(ShardIndex shard) {
  std::string text(kShardPrefix);
  text.resize(kShardPrefix.size() + kShardDigits);
  write_digits(text, kShardPrefix.size(), kShardDigits, shard.value());
  return text;
}

std::optional<ShardIndex> parse_shard_name(std::string_view name) {
  if (name.starts_with(kShardPrefix)) name.remove_prefix(kShardPrefix.size());
  if (name.size() > kShardDigits) return std::nullopt;
  auto value = number_of(name);
  if (!value || *value > UINT32_MAX) return std::nullopt;
  return ShardIndex(static_cast<uint32_t>(*value));
}

SequenceFormat::SequenceFormat(TimePoint created, ShardIndex shard) : text_(kSequenceDigits, '0') {
  text_.replace(0, kSequencePrefix.size(), kSequencePrefix);
  write_digits(text_, kSequencePrefix.size(), kCreatedDigits,
               static_cast<uint64_t>(created.time_since_epoch().count()));
  write_digits(text_, kShardAt, kShardDigits, shard.value());
}

std::string SequenceFormat::with_ordinal(uint64_t ordinal) const {
  std::string text = text_;
  write_digits(text, kOrdinalAt, kOrdinalDigits, ordinal);
  return text;
}

std::optional<SequenceNumber> parse_sequence(std::string_view text) {
  if (text.size() != kSequenceDigits || !text.starts_with(kSequencePrefix) ||
      !text.ends_with(kSequenceSuffix)) {
    return std::nullopt;
  }
  auto created = number_of(text.substr(kSequencePrefix.size(), kCreatedDigits));
  auto ordinal = number_of(text.substr(kOrdinalAt, kOrdinalDigits));
  auto shard = number_of(text.substr(kShardAt, kShardDigits));
  if (!created || !ordinal || !shard || *shard > UINT32_MAX) return std::nullopt;
  return SequenceNumber{TimePoint(Millis(static_cast<int64_t>(*created))),
                        ShardIndex(static_cast<uint32_t>(*shard)), *ordinal};
}

std::string hash_key_text(HashKey key) {
  if (key == 0) return "0";
  std::string text;
  for (; key != 0; key /= 10) text.push_back(static_cast<char>('0' + static_cast<int>(key % 10)));
  return {text.rbegin(), text.rend()};
}

std::optional<HashKey> parse_hash_key(std::string_view text) {
  if (text.empty() || text.size() > kHashKeyDigitsMax) return std::nullopt;
  HashKey value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    auto digit = static_cast<HashKey>(c - '0');
    if (value > (kHashKeyMax - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

HashKey hash_of(std::string_view partition_key) {
  Bytes digest = md5(partition_key);
  return HashKey{read_be64(digest)} << 64 | read_be64(ByteView(digest).substr(8));
}

}  // namespace suiro::kinesis
