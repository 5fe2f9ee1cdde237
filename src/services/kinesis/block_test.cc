// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/block.h"

#include <gmock/gmock.h>

namespace suiro::kinesis {
namespace {

using ::testing::ElementsAre;

TimePoint at_ms(int64_t ms) {
  return TimePoint(Millis(ms));
}

Bytes two_segments() {
  RecordsWriter first, second;
  first.add("a", std::nullopt, "one");
  first.add("bb", HashKey{5}, "");
  second.add("c", std::nullopt, std::string(200, 'x'));
  Bytes block = begin_block();
  append_segment(block, at_ms(0x0102), first);
  append_segment(block, at_ms(0x0304), second);
  return block;
}

std::vector<std::string> data_of(BlockReader& reader) {
  std::vector<std::string> out;
  RecordView record;
  while (reader.next(record)) out.emplace_back(record.data);
  return out;
}

TEST(BlockTest, GoldenBytes) {
  std::string expected =
      "01"  // version
      "0000000000000102"
      "00000002"
      "0000001a"  // arrival, records, bytes
      "02"
      "61"
      "03"
      "6f6e65"  // "a", "one"
      "05"
      "6262"
      "00000000000000000000000000000005"
      "00"
      "0000000000000304"
      "00000001"
      "000000cc"
      "02"
      "63"
      "c801";
  expected += hex_encode(std::string(200, 'x'));
  EXPECT_EQ(hex_encode(two_segments()), expected);
}

TEST(BlockTest, ReadsWhatWasWritten) {
  Bytes block = two_segments();
  BlockReader reader(block, 40);
  RecordView record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.offset, 40u);
  EXPECT_EQ(record.partition_key, "a");
  EXPECT_EQ(record.arrived, at_ms(0x0102));
  EXPECT_FALSE(record.explicit_hash_key);
  ASSERT_TRUE(reader.next(record));
  EXPECT_TRUE(record.explicit_hash_key == HashKey{5});
  EXPECT_EQ(record.data, "");
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.offset, 42u);
  EXPECT_EQ(record.arrived, at_ms(0x0304));
  EXPECT_FALSE(reader.next(record));
  EXPECT_TRUE(reader.end());
  auto facts = facts_of(block);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->count, 3u);
  EXPECT_EQ(facts->last_arrival, at_ms(0x0304));
}

TEST(BlockTest, SkipsToAnOffsetAndToATime) {
  Bytes block = two_segments();
  for (Offset to : {0, 1, 2, 3, 9}) {
    BlockReader reader(block, 0);
    reader.skip_to(to);
    EXPECT_EQ(data_of(reader).size(), to > 3 ? 0 : 3 - to) << to;
    EXPECT_TRUE(reader.end());
  }
  BlockReader reader(block, 0);
  reader.skip_to(at_ms(0x0103));
  EXPECT_EQ(reader.position(), 2u);
  EXPECT_THAT(data_of(reader), ElementsAre(std::string(200, 'x')));
}

TEST(BlockTest, EveryCutIsCorrupt) {
  Bytes block = two_segments();
  size_t second = 1 + 16 + 0x1a;
  for (size_t size = 0; size < block.size(); ++size) {
    if (size == 1 || size == second) continue;  // a block of fewer segments
    BlockReader reader(ByteView(block).substr(0, size), 0);
    data_of(reader);
    EXPECT_FALSE(reader.end()) << size;
    EXPECT_FALSE(facts_of(ByteView(block).substr(0, size))) << size;
  }
}

TEST(BlockTest, LengthsThatDoNotFitAreCorrupt) {
  Bytes block = two_segments();
  block[1 + 16 + 2] = 0x7F;  // the first record's data would end outside of its segment
  BlockReader reader(block, 0);
  EXPECT_THAT(data_of(reader), ElementsAre());
  EXPECT_FALSE(reader.end());
}

}  // namespace
}  // namespace suiro::kinesis
