// SPDX-License-Identifier: Apache-2.0
// Stored values of streams, sequence numbers, iterators and tokens: what is not ours is refused,
// what is read is written as it was. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "services/kinesis/block.h"
#include "services/kinesis/iterator.h"
#include "services/kinesis/sequence.h"
#include "services/kinesis/storage.h"

namespace {

using namespace suiro;
using namespace suiro::kinesis;

// A block that reads to its end has what its segments tell, and skipping ends where reading does.
void read_block(std::string_view bytes) {
  constexpr Offset kFirst = 1000;
  BlockReader reader(bytes, kFirst);
  RecordView record;
  uint64_t count = 0;
  while (reader.next(record)) {
    CHECK(record.offset == kFirst + count, "offsets are not consecutive");
    ++count;
  }
  auto facts = facts_of(bytes);
  if (!reader.end()) return;
  CHECK(facts && facts->count == count, "segments tell another count");
  BlockReader skipping(bytes, kFirst);
  skipping.skip_to(kFirst + count / 2);
  CHECK(skipping.position() == kFirst + count / 2);
  while (skipping.next(record)) continue;
  CHECK(skipping.position() == kFirst + count && skipping.end());
  BlockReader later(bytes, kFirst);
  later.skip_to(TimePoint::max());
  CHECK(later.position() <= kFirst + count);
}

template <class Decode>
void stable(Decode decode, std::string_view bytes) {
  auto first = decode(bytes);
  if (!first) return;
  auto second = decode(storage::encode(*first));
  CHECK(second && *second == *first, "read otherwise than written");
}

void read_text(std::string_view text) {
  if (auto sequence = parse_sequence(text)) {
    SequenceFormat format(sequence->created, sequence->shard);
    std::string again =
        sequence->ordinal == 0 ? format.starting() : format.of(sequence->ordinal - 1);
    CHECK(again == text, "a sequence number is written otherwise than read");
  }
  if (auto key = parse_hash_key(text)) CHECK(parse_hash_key(hash_key_text(*key)) == key);
  if (auto shard = parse_shard_name(text)) CHECK(parse_shard_name(shard_name(*shard)) == shard);
  if (auto iterator = parse_iterator(text)) CHECK(parse_iterator(iterator_text(*iterator)));
  if (auto token = parse_token(text)) CHECK(parse_token(token_text(*token)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      read_block(text);
      break;
    case 1:
      stable(storage::decode_stream, text);
      break;
    case 2:
      stable(storage::decode_shard, text);
      break;
    case 3:
      stable(storage::decode_consumer, text);
      break;
    case 4:
      stable(storage::decode_time_row, text);
      break;
    case 5:
      read_text(text);
      break;
  }
  return 0;
}
