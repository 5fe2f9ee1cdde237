// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace suiro {
namespace {

constexpr std::string_view kMixed = "aé水𝄞z";  // of 1, 2, 3, 4 and 1 bytes

TEST(Utf8, APrefixEndsBetweenCharacters) {
  constexpr size_t kEnds[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t most = 0; most < std::size(kEnds); ++most) {
    EXPECT_EQ(utf8_prefix(kMixed, most), kMixed.substr(0, kEnds[most])) << most;
  }
}

TEST(Utf8, WhatIsNoTextIsCutWhereItIs) {
  const std::string bytes(10, '\x80');
  EXPECT_EQ(utf8_prefix(bytes, 7).size(), 7u);
}

TEST(Utf8, BadBytesAreReplaced) {
  EXPECT_EQ(with_valid_utf8(std::string(kMixed)), kMixed);
  EXPECT_EQ(with_valid_utf8("a\xFF水\xE6\xB0z"), "a\uFFFD水\uFFFD\uFFFDz");
  EXPECT_EQ(with_valid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // half a surrogate pair
  EXPECT_EQ(with_valid_utf8("é\x80"), "é\uFFFD");
  for (size_t end = 0; end <= kMixed.size(); ++end) {
    EXPECT_TRUE(is_valid_utf8(with_valid_utf8(std::string(kMixed.substr(0, end))))) << end;
  }
}

TEST(Utf8, XmlHasNoControlCharacters) {
  EXPECT_EQ(with_xml_characters("a\x01\t\n水\uFFFE\x7F"), "a\uFFFD\t\n水\uFFFD\x7F");
  EXPECT_EQ(with_xml_characters("\xFF"), "\uFFFD");
}

}  // namespace
}  // namespace suiro
