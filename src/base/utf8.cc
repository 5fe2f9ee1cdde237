// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include "base/bytes.h"

namespace suiro {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr size_t kCharacterBytesMax = 4;

bool goes_on(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Bytes of the character at the beginning; 0: there is none.
size_t character_bytes(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && end < kCharacterBytesMax && goes_on(text[end])) ++end;
  // Bytes that go on belong to the character only as far as it is one.
  for (; end > 0; --end) {
    if (is_valid_utf8(text.substr(0, end))) return end;
  }
  return 0;
}

bool is_xml_character(std::string_view character) {
  if (character.size() == 1) {
    const char c = character[0];
    return static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n' || c == '\r';
  }
  return character != "\xEF\xBF\xBE" && character != "\xEF\xBF\xBF";
}

template <class Keep>
std::string replaced(std::string_view text, Keep keep) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    const bool kept = bytes > 0 && keep(text.substr(0, bytes));
    out += kept ? text.substr(0, bytes) : kReplacement;
    text.remove_prefix(bytes > 0 ? bytes : 1);
  }
  return out;
}

}  // namespace

std::string_view utf8_prefix(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && bytes_max - end < kCharacterBytesMax && goes_on(text[end])) --end;
  // Where no character begins so near, it is no UTF-8.
  return text.substr(0, goes_on(text[end]) ? bytes_max : end);
}

std::string with_valid_utf8(std::string text) {
  if (is_valid_utf8(text)) return text;
  return replaced(text, [](std::string_view) { return true; });
}

std::string with_xml_characters(std::string text) {
  return replaced(text, is_xml_character);
}

}  // namespace suiro
