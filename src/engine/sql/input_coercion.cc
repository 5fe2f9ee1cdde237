// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/input_coercion.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "engine/sql/convert.h"
#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

constexpr size_t kShownBytes = 64;  // of a value, in an error's text

auto wrong(const Type& type, std::string_view found) {
  const std::string_view shown = found.substr(0, prefix_bytes(found, kShownBytes));
  return fail(errors::kInvalidCast, fmt::format("'{}' is no {}", shown, type.text()));
}

std::string_view trimmed(std::string_view token) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  return token;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hexadecimal digits, or -1.
int32_t code_unit(std::string_view text) {
  if (text.size() < 4) return -1;
  int32_t unit = 0;
  for (size_t i = 0; i < 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

char* put_utf8(char* at, uint32_t point) {
  if (point < 0x80) {
    *at++ = static_cast<char>(point);
  } else if (point < 0x800) {
    *at++ = static_cast<char>(0xC0 | point >> 6);
    *at++ = static_cast<char>(0x80 | (point & 63));
  } else if (point < 0x10000) {
    *at++ = static_cast<char>(0xE0 | point >> 12);
    *at++ = static_cast<char>(0x80 | (point >> 6 & 63));
    *at++ = static_cast<char>(0x80 | (point & 63));
  } else {
    *at++ = static_cast<char>(0xF0 | point >> 18);
    *at++ = static_cast<char>(0x80 | (point >> 12 & 63));
    *at++ = static_cast<char>(0x80 | (point >> 6 & 63));
    *at++ = static_cast<char>(0x80 | (point & 63));
  }
  return at;
}

// \uXXXX, the digits at `text`; a pair of surrogates takes ten characters. 0: damaged.
size_t put_escape(std::string_view text, char*& to) {
  const int32_t unit = code_unit(text);
  if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000)) return 0;
  if (unit < 0xD800 || unit >= 0xE000) {
    to = put_utf8(to, static_cast<uint32_t>(unit));
    return 4;
  }
  if (text.size() < 10 || text[4] != '\\' || text[5] != 'u') return 0;
  const int32_t low = code_unit(text.substr(6));
  if (low < 0xDC00 || low >= 0xE000) return 0;
  to = put_utf8(to, 0x10000 + (static_cast<uint32_t>(unit - 0xD800) << 10) +
                        static_cast<uint32_t>(low - 0xDC00));
  return 10;
}

Result<std::string_view> unescape(std::string_view text, Arena& arena) {
  char* begin = arena.room(text.size());
  char* to = begin;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      *to++ = text[i];
      continue;
    }
    if (++i >= text.size()) return fail(errors::kInvalidFormat, "an escape is cut off");
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    const size_t simple = kFrom.find(text[i]);
    if (simple != std::string_view::npos) {
      *to++ = kTo[simple];
      continue;
    }
    const size_t taken = text[i] == 'u' ? put_escape(text.substr(i + 1), to) : 0;
    if (taken == 0) return fail(errors::kInvalidFormat, "a string has a damaged escape");
    i += taken;
  }
  return std::string_view(begin, static_cast<size_t>(to - begin));
}

// Silently cut to the column's length; CHAR is filled up with blanks.
Value as_characters(const Type& type, std::string_view text, Arena& arena) {
  if (type.length > 0 && text.size() > type.length) {
    text = text.substr(0, prefix_bytes(text, type.length));
  }
  if (type.kind != TypeKind::kChar) return Value::of_text(text);
  const size_t characters = character_count(text);
  if (characters >= type.length) return Value::of_text(text);
  const size_t blanks = type.length - characters;
  char* room = arena.room(text.size() + blanks);
  if (!text.empty()) std::memcpy(room, text.data(), text.size());
  std::memset(room + text.size(), ' ', blanks);
  return Value::of_text({room, text.size() + blanks});
}

Result<Value> as_integer(const Type& type, std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  auto [at, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || at != end || text.empty()) {
    auto scaled = parse_decimal(text, 3);  // 5.0 and 5e0 are whole, 5.25 is not
    if (!scaled || *scaled % 1000 != 0) return wrong(type, text);
    value = *scaled / 1000;
  }
  if (!fits(type, value)) return wrong(type, text);
  return Value::of_integer(value);
}

Result<Value> as_number(const Type& type, std::string_view text) {
  if (type.is_integer()) return as_integer(type, text);
  if (type.kind == TypeKind::kDecimal) {
    auto value = parse_decimal(text, type.scale);
    if (!value || !fits(type, *value)) return wrong(type, text);
    return Value::of_integer(*value);
  }
  double value = 0;
  const char* end = text.data() + text.size();
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  auto [at, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || at != end || text.empty() || !std::isfinite(value)) {
    return wrong(type, text);
  }
  if (type.kind == TypeKind::kReal) value = static_cast<double>(static_cast<float>(value));
  return Value::of_real(value);
}

// X'0A0B', or base64.
Result<Value> as_binary(const Type& type, std::string_view text, Arena& arena) {
  const bool hex = text.size() >= 3 && (text[0] == 'X' || text[0] == 'x') && text[1] == '\'' &&
                   text.back() == '\'';
  auto bytes = hex ? hex_decode(text.substr(2, text.size() - 3)) : base64_decode(text);
  if (!bytes) return wrong(type, text);
  if (type.length > 0 && bytes->size() > type.length) bytes->resize(type.length);
  return Value::of_text(arena.keep(*bytes));
}

Result<Value> as_boolean_number(const Type& type, std::string_view text) {
  Type real;
  real.kind = TypeKind::kDouble;
  auto value = as_number(real, text);
  if (!value) return wrong(type, text);
  return Value::of_integer(value->real != 0 ? 1 : 0);
}

}  // namespace

Result<int64_t> parse_lax_datetime(TypeKind kind, std::string_view text) {
  std::string plain(trim(text));
  if (!plain.empty() && (plain.back() == 'Z' || plain.back() == 'z')) plain.pop_back();
  if (kind == TypeKind::kDate) {
    if (plain.size() > 10 && (plain[10] == ' ' || plain[10] == 'T')) plain.resize(10);
    return parse_date(plain);
  }
  const size_t point = plain.find('.');
  constexpr size_t kFractionMax = 9;
  if (point != std::string::npos && plain.size() - point - 1 <= kFractionMax) {
    if (plain.find_first_not_of("0123456789", point + 1) == std::string::npos) {
      plain.resize(std::min(plain.size(), point + 4));
    }
  }
  if (kind == TypeKind::kTime) return parse_time(plain, Fraction::kAccept);
  if (plain.size() > 10 && plain[10] == 'T') plain[10] = ' ';
  if (plain.size() == 10) plain += " 00:00:00";
  return parse_timestamp(plain, Fraction::kAccept);
}

Result<Value> coerce_text(const Type& type, std::string_view text, Arena& arena) {
  if (type.is_text()) return as_characters(type, text, arena);
  if (type.is_binary()) return as_binary(type, text, arena);
  if (type.kind == TypeKind::kBoolean) {
    return Value::of_integer(equal_ignore_case(trim(text), "true") ? 1 : 0);
  }
  if (type.is_datetime()) {
    auto value = parse_lax_datetime(type.kind, text);
    if (!value) return wrong(type, text);
    return Value::of_integer(*value);
  }
  if (type.is_numeric()) return as_number(type, trim(text));
  return wrong(type, text);
}

Result<Value> coerce_json(const Type& type, std::string_view token, Arena& arena) {
  token = trimmed(token);
  if (token.empty()) return fail(errors::kInvalidFormat, "a value is missing");
  if (token[0] == '"') {
    if (token.size() < 2 || token.back() != '"') {
      return fail(errors::kInvalidFormat, "a string is not closed");
    }
    std::string_view text = token.substr(1, token.size() - 2);
    if (std::memchr(text.data(), '\\', text.size()) != nullptr) {
      TRY(text, unescape(text, arena));
    }
    return coerce_text(type, text, arena);
  }
  if (token == "null") return Value{};
  if (token == "true" || token == "false") {
    const int64_t truth = token == "true" ? 1 : 0;
    if (type.is_text()) return as_characters(type, token, arena);
    if (type.kind == TypeKind::kBoolean) return Value::of_integer(truth);
    if (type.lane() == Lane::kReal) return Value::of_real(static_cast<double>(truth));
    if (type.is_numeric()) return as_number(type, truth != 0 ? "1" : "0");
    return wrong(type, token);
  }
  if (token[0] == '{' || token[0] == '[') {
    if (type.is_text()) return as_characters(type, token, arena);
    return wrong(type, token);
  }
  if (token[0] != '-' && (token[0] < '0' || token[0] > '9')) {
    return fail(errors::kInvalidFormat, fmt::format("'{}' is no JSON value", token.substr(0, 16)));
  }
  if (type.is_numeric()) return as_number(type, token);
  if (type.kind == TypeKind::kBoolean) return as_boolean_number(type, token);
  if (type.is_text()) return as_characters(type, token, arena);
  return wrong(type, token);
}

}  // namespace suiro::sql
