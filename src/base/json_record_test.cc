// SPDX-License-Identifier: Apache-2.0
#include "base/json_record.h"

#include <gtest/gtest.h>

namespace suiro {
namespace {

struct IdTag;
enum class Color : uint8_t { kRed = 0, kGreen = 1 };

struct Part {
  std::string name;
  double weight = 0;
  bool operator==(const Part&) const = default;
};

struct Whole {
  Strong<IdTag, uint64_t> id;
  Color color = Color::kRed;
  bool open = false;
  TimePoint made{};
  std::optional<uint32_t> most;
  std::optional<Part> first;
  std::vector<Part> parts;
  std::vector<std::string> names;
  std::vector<uint64_t> ends;
  std::map<std::string, double> shares;
  bool operator==(const Whole&) const = default;
};

template <class V>
void members(Part& p, V& v) {
  v("name", p.name), v("weight", p.weight);
}
template <class V>
void members(Whole& w, V& v) {
  v("id", w.id), v("color", w.color), v("open", w.open), v("made", w.made), v("most", w.most);
  v("first", w.first), v("parts", w.parts), v("names", w.names), v("ends", w.ends);
  v("shares", w.shares);
}

TEST(JsonRecordTest, ReadsWhatItWrote) {
  Whole whole{.id = Strong<IdTag, uint64_t>(UINT64_MAX),
              .color = Color::kGreen,
              .open = true,
              .made = TimePoint(Millis(-5)),
              .most = 7,
              .first = Part{"a", 0.5},
              .parts = {{"b", 1}, {"c", 2}},
              .names = {"", "x"},
              .ends = {1, UINT64_MAX},
              .shares = {{"k", 0.25}}};
  auto again = decode_json_record<Whole>(encode_json_record(whole), "the test");
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, whole);
}

// The text is on disk: members in their order, empty texts and absent optionals left out.
TEST(JsonRecordTest, Bytes) {
  Whole whole{.id = Strong<IdTag, uint64_t>(3), .parts = {{"", 1}}};
  EXPECT_EQ(encode_json_record(whole),
            "\x01"
            R"({"id":3,"color":0,"open":false,"made":0,"parts":[{"weight":1E0}],)"
            R"("names":[],"ends":[],"shares":{}})");
  auto empty = decode_json_record<Whole>("\x01{}", "the test");
  ASSERT_TRUE(empty);
  EXPECT_EQ(*empty, Whole{});
}

TEST(JsonRecordTest, OtherBytesAreCorrupt) {
  for (const char* bytes :
       {"", "\x02{}", "\x01", "\x01[]", "\x01{\"id\":\"x\"}", "\x01{\"most\":-1}",
        "\x01{\"parts\":{}}", "\x01{\"open\":1}", "\x01{}{}"}) {
    auto read = decode_json_record<Whole>(bytes, "the test");
    EXPECT_FALSE(read) << bytes;
    if (!read) EXPECT_EQ(read.error().code, codes::kCorrupt);
  }
}

}  // namespace
}  // namespace suiro
