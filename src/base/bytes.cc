// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace suiro {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kUpperHex[] = "0123456789ABCDEF";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::array<int8_t, 256> base64_table() {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 64; ++i) table[static_cast<uint8_t>(kBase64[i])] = static_cast<int8_t>(i);
  return table;
}
constexpr auto kBase64Values = base64_table();

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

char lower(char c) {
  bool upper = static_cast<uint8_t>(c - 'A') < 26;
  return static_cast<char>(c + (upper ? 32 : 0));
}

template <class T>
void append_be(Bytes& out, T value) {
  char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out.append(bytes, sizeof(T));
}

template <class T>
T read_be(ByteView bytes) {
  CHECK(bytes.size() >= sizeof(T));
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(static_cast<uint64_t>(value) << 8 | static_cast<uint8_t>(bytes[i]));
  }
  return value;
}

}  // namespace

std::string hex_encode(ByteView bytes) {
  std::string out(bytes.size() * 2, '\0');
  char* to = out.data();
  for (char c : bytes) {
    *to++ = kHex[static_cast<uint8_t>(c) >> 4];
    *to++ = kHex[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

Result<Bytes> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return fail(codes::kInvalidArgument, "odd number of hex digits");
  Bytes out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return fail(codes::kInvalidArgument, "not a hex digit");
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return out;
}

std::string base64_encode(ByteView bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '=');
  char* to = out.data();
  size_t i = 0;
  auto at = [&](size_t k) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[k])); };
  for (; i + 2 < bytes.size(); i += 3, to += 4) {
    uint32_t v = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    to[0] = kBase64[v >> 18];
    to[1] = kBase64[v >> 12 & 63];
    to[2] = kBase64[v >> 6 & 63];
    to[3] = kBase64[v & 63];
  }
  if (i < bytes.size()) {
    bool has_two = i + 2 == bytes.size();
    uint32_t v = at(i) << 16 | (has_two ? at(i + 1) << 8 : 0);
    to[0] = kBase64[v >> 18];
    to[1] = kBase64[v >> 12 & 63];
    if (has_two) to[2] = kBase64[v >> 6 & 63];
  }
  return out;
}

Result<Bytes> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return fail(codes::kInvalidArgument, "base64 is not padded");
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  auto at = [&](size_t k) { return int{kBase64Values[static_cast<uint8_t>(text[k])]}; };
  auto word = [](int value) { return static_cast<uint32_t>(value); };
  Bytes out(text.size() / 4 * 3 - padding, '\0');
  char* to = out.data();
  // One bit pattern of all values: negative where one of them is.
  int seen = 0;
  size_t whole = padding == 0 ? text.size() : text.size() - 4;
  for (size_t i = 0; i < whole; i += 4, to += 3) {
    int a = at(i), b = at(i + 1), c = at(i + 2), d = at(i + 3);
    seen |= a | b | c | d;
    uint32_t bits = word(a) << 18 | word(b) << 12 | word(c) << 6 | word(d);
    to[0] = static_cast<char>(bits >> 16);
    to[1] = static_cast<char>(bits >> 8);
    to[2] = static_cast<char>(bits);
  }
  if (padding > 0) {
    int a = at(whole), b = at(whole + 1), c = padding == 1 ? at(whole + 2) : 0;
    seen |= a | b | c;
    uint32_t bits = word(a) << 18 | word(b) << 12 | word(c) << 6;
    to[0] = static_cast<char>(bits >> 16);
    if (padding == 1) to[1] = static_cast<char>(bits >> 8);
  }
  if (seen < 0) return fail(codes::kInvalidArgument, "not a base64 character");
  return out;
}

std::string percent_encode(ByteView bytes, Slash slash) {
  auto kept = [&](char c) { return is_unreserved(c) || (c == '/' && slash == Slash::kKeep); };
  if (std::ranges::all_of(bytes, kept)) return std::string(bytes);
  std::string out;
  out.reserve(bytes.size() + 16);
  for (char c : bytes) {
    if (kept(c)) {
      out.push_back(c);
    } else {
      out +=
          {'%', kUpperHex[static_cast<uint8_t>(c) >> 4], kUpperHex[static_cast<uint8_t>(c) & 15]};
    }
  }
  return out;
}

Result<Bytes> percent_decode(std::string_view text, Plus plus) {
  if (text.find('%') == text.npos && (plus != Plus::kSpace || text.find('+') == text.npos)) {
    return Bytes(text);
  }
  Bytes out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::kSpace) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return fail(codes::kInvalidArgument, "a '%' is not followed by two hex digits");
      }
      out.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    }
  }
  return out;
}

bool is_valid_utf8(ByteView bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    auto byte = static_cast<uint8_t>(bytes[i]);
    if (byte < 0x80) {
      ++i;
      continue;
    }
    int extra = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    if (byte < 0xC2 || byte > 0xF4 || i + static_cast<size_t>(extra) >= bytes.size()) return false;
    uint32_t point = byte & (0x3Fu >> extra);
    for (int k = 1; k <= extra; ++k) {
      auto next = static_cast<uint8_t>(bytes[i + static_cast<size_t>(k)]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3Fu);
    }
    constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[extra] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
      return false;
    }
    i += static_cast<size_t>(extra) + 1;
  }
  return true;
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool equal_ignore_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

void append_be64(Bytes& out, uint64_t value) {
  append_be(out, value);
}
void append_be32(Bytes& out, uint32_t value) {
  append_be(out, value);
}
void append_be16(Bytes& out, uint16_t value) {
  append_be(out, value);
}
uint64_t read_be64(ByteView bytes) {
  return read_be<uint64_t>(bytes);
}
uint32_t read_be32(ByteView bytes) {
  return read_be<uint32_t>(bytes);
}
uint16_t read_be16(ByteView bytes) {
  return read_be<uint16_t>(bytes);
}

}  // namespace suiro
