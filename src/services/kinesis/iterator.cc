// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/iterator.h"

#include "base/checksum.h"
#include "kernel/event/record.h"

namespace suiro::kinesis {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kIteratorVersion = 1;
constexpr uint8_t kTokenVersion = 2;

// The bytes and their checksum, so that what was cut off or changed is told from ours.
std::string sealed(Bytes bytes) {
  append_be32(bytes, crc32c(0, bytes));
  return base64_encode(bytes);
}

std::optional<Bytes> unsealed(std::string_view text) {
  auto bytes = base64_decode(text);
  if (!bytes || bytes->size() < 4) return std::nullopt;
  uint32_t sum = read_be32(ByteView(*bytes).substr(bytes->size() - 4));
  bytes->resize(bytes->size() - 4);
  if (crc32c(0, *bytes) != sum) return std::nullopt;
  return *std::move(bytes);
}

}  // namespace

std::string iterator_text(const Iterator& iterator) {
  RecordWriter out(kIteratorVersion);
  out.u64(iterator.id.value());
  out.u32(iterator.shard.value());
  out.u64(iterator.offset);
  out.time(iterator.made);
  out.text(iterator.stream);
  return sealed(out.take());
}

std::optional<Iterator> parse_iterator(std::string_view text) {
  auto bytes = unsealed(text);
  if (!bytes) return std::nullopt;
  RecordReader in(*bytes);
  in.version(kIteratorVersion);
  Iterator out;
  out.id = StreamId(in.u64());
  out.shard = ShardIndex(in.u32());
  out.offset = in.u64();
  out.made = in.time();
  out.stream = in.text();
  if (!in.end("shard iterator")) return std::nullopt;
  return out;
}

std::string token_text(const NextToken& token) {
  RecordWriter out(kTokenVersion);
  out.u64(token.id.value());
  out.time(token.made);
  out.text(token.stream);
  out.text(token.after);
  out.text(token.filter);
  return sealed(out.take());
}

std::optional<NextToken> parse_token(std::string_view text) {
  auto bytes = unsealed(text);
  if (!bytes) return std::nullopt;
  RecordReader in(*bytes);
  in.version(kTokenVersion);
  NextToken out;
  out.id = StreamId(in.u64());
  out.made = in.time();
  out.stream = in.text();
  out.after = in.text();
  out.filter = in.text();
  if (!in.end("token")) return std::nullopt;
  return out;
}

}  // namespace suiro::kinesis
