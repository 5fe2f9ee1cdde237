// SPDX-License-Identifier: Apache-2.0
// What delivery streams read: records of the store, prefixes, time zones, replies of functions,
// configuration documents. Input: a byte that chooses, then the text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "services/firehose/destination.h"
#include "services/firehose/storage.h"
#include "services/firehose/transform.h"

namespace {

using namespace suiro;
using namespace suiro::firehose;

void block(std::string_view text) {
  auto read = decode_block(text);
  if (!read) return;
  BlockBuilder again;
  for (const auto& record : read->records) again.add(record);
  CHECK(again.finish(read->arrived, read->queued, read->cause) == text,
        "a block that was read is written differently");
}

void attempt(std::string_view text) {
  auto read = decode_attempt(text);
  CHECK(!read || encode(*read) == text, "an attempt that was read is written differently");
}

void prefix(std::string_view text) {
  SeededRandom random(1);
  auto read = Prefix::parse(text, Prefix::Use::kErrors);
  if (read) static_cast<void>(read->evaluate({TimePoint(), "e"}, TimeZone(), random));
}

void zone(std::string_view text) {
  auto read = TimeZone::parse(text);
  if (read) static_cast<void>(read->offset_at(TimePoint(Millis(1'700'000'000'000))));
}

void reply(std::string_view text) {
  auto read = parse_transformation(std::string(text), {"a", "b"});
  CHECK(!read || read->size() == 2);
}

void document(std::string_view text) {
  for (Kind kind : {Kind::kS3, Kind::kHttp, Kind::kSearch}) {
    static_cast<void>(compile(kind, std::string(text)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      block(text);
      break;
    case 1:
      attempt(text);
      break;
    case 2:
      prefix(text);
      break;
    case 3:
      zone(text);
      break;
    case 4:
      reply(text);
      break;
    case 5:
      document(text);
      break;
    default:
      static_cast<void>(decode_stream(text));
      static_cast<void>(decode_position(text));
      auto facts = decode_facts(text);
      CHECK(!facts || encode(*facts) == text);
  }
  return 0;
}
