// SPDX-License-Identifier: Apache-2.0
#include "engine/event_pattern/condition.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <locale.h>
#include <string.h>
#include <wctype.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/event_pattern/reader.h"

namespace suiro::event_pattern {
namespace {

namespace json = boost::json;

std::unexpected<Error> invalid(std::string reason) {
  return fail(kInvalidPattern, std::move(reason));
}

// glibc's table of letters, whatever the process's own locale is. Made once, never freed.
locale_t letters() {
  static const locale_t kLetters = [] {
    locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    CHECK(made != nullptr, "the C.UTF-8 locale is part of glibc");
    return made;
  }();
  return kLetters;
}

// Decodes one character of valid UTF-8; a broken byte stands for itself.
unsigned decode(std::string_view text, size_t& at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned first = byte(at);
  size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  if (more == 0 || at + more >= text.size()) return byte(at++);
  unsigned code = first & (0x3FU >> more);
  for (size_t i = 1; i <= more; ++i) code = code << 6 | (byte(at + i) & 0x3FU);
  at += more + 1;
  return code;
}

void encode(unsigned code, std::string& out) {
  if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      out += static_cast<char>(0xE0 | code >> 12);
    } else {
      out += static_cast<char>(0xF0 | code >> 18);
      out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    }
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  }
  out += static_cast<char>(0x80 | (code & 0x3F));
}

bool same_number(const Allowed::Number& rule, const json::value& value) {
  if (value.to_number<double>() != rule.value) return false;
  // Beyond 2^53 a double stands for several integers.
  constexpr double kExact = 9007199254740992.0;
  if (std::abs(rule.value) < kExact) return true;
  bool is_plain = rule.text.find_first_of(".eE") == std::string::npos;
  if (!is_plain || value.is_double()) return true;
  return json::serialize(value) == rule.text;
}

}  // namespace

std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    unsigned code = decode(text, at);
    // Up and down again: "ſ" and "s" are one letter then.
    if (code < 0x80) {
      out += static_cast<char>(code >= 'A' && code <= 'Z' ? code + 32 : code);
      continue;
    }
    auto lower = static_cast<unsigned>(towlower_l(towupper_l(code, letters()), letters()));
    if (lower < 0x80) {
      out += static_cast<char>(lower);
    } else {
      encode(lower, out);
    }
  }
  return out;
}

// --- wildcard -----------------------------------------------------------------------------------

Result<Wildcard> Wildcard::compile(std::string_view text) {
  Wildcard out;
  // AWS counts from the quote before the text.
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '*') {
      if (at + 1 < text.size() && text[at + 1] == '*') {
        return invalid(fmt::format("Consecutive wildcard characters at pos {}", at + 1));
      }
      out.pieces_.emplace_back();
      continue;
    }
    if (c == '\\') {
      bool good = at + 1 < text.size() && (text[at + 1] == '*' || text[at + 1] == '\\');
      if (!good) return invalid(fmt::format("Invalid escape character at pos {}", at + 1));
      c = text[++at];
    }
    out.pieces_.back() += c;
  }
  return out;
}

bool Wildcard::matches(std::string_view text) const {
  if (pieces_.size() == 1) return text == pieces_.front();
  const std::string& first = pieces_.front();
  const std::string& last = pieces_.back();
  if (text.size() < first.size() + last.size()) return false;
  if (!text.starts_with(first) || !text.ends_with(last)) return false;
  text = text.substr(first.size(), text.size() - first.size() - last.size());
  for (size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const std::string& piece = pieces_[i];
    const void* found = memmem(text.data(), text.size(), piece.data(), piece.size());
    if (found == nullptr) return false;
    text.remove_prefix(static_cast<size_t>(static_cast<const char*>(found) - text.data()) +
                       piece.size());
  }
  return true;
}

// --- address ranges -----------------------------------------------------------------------------

Result<Cidr> Cidr::compile(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == text.npos || text.find('/', slash + 1) != text.npos) {
    return invalid("Malformed CIDR, one '/' required");
  }
  std::string address(text.substr(0, slash));
  std::string_view mask = text.substr(slash + 1);
  Cidr out;
  int bits = 0;
  auto [stop, failed] = std::from_chars(mask.data(), mask.data() + mask.size(), bits);
  if (failed != std::errc() || stop != mask.data() + mask.size()) {
    return invalid("Malformed CIDR, mask bits must be an integer");
  }
  if (bits < 0) return invalid("Malformed CIDR, mask bits must not be negative");
  out.family_ = address.find(':') == address.npos ? AF_INET : AF_INET6;
  if (inet_pton(out.family_, address.c_str(), out.first_.data()) != 1) {
    return invalid("Nonstandard IP address: " + address);
  }
  int bits_of_family = out.family_ == AF_INET ? 32 : 128;
  if (bits >= bits_of_family) {
    return invalid(fmt::format("{} mask bits must be < {}",
                               out.family_ == AF_INET ? "IPv4" : "IPv6", bits_of_family));
  }
  out.last_ = out.first_;
  for (int bit = bits; bit < bits_of_family; ++bit) {
    unsigned char& byte = out.last_[static_cast<size_t>(bit / 8)];
    byte = static_cast<unsigned char>(byte | 0x80U >> (bit % 8));
  }
  return out;
}

bool Cidr::holds(std::string_view text) const {
  constexpr size_t kAddressMax = 45;
  if (text.size() > kAddressMax) return false;
  int family = text.find(':') == text.npos ? AF_INET : AF_INET6;
  std::array<unsigned char, 16> address = {};
  if (family != family_ || inet_pton(family, std::string(text).c_str(), address.data()) != 1) {
    return false;
  }
  return first_ <= address && address <= last_;
}

// --- conditions ---------------------------------------------------------------------------------

bool Range::holds(double value) const {
  if (low_edge == Edge::kOpen && !(value > low)) return false;
  if (low_edge == Edge::kClosed && !(value >= low)) return false;
  if (high_edge == Edge::kOpen && !(value < high)) return false;
  return high_edge != Edge::kClosed || value <= high;
}

bool Condition::holds(const json::value& value) const {
  if (kind == Kind::kExists) return true;
  if (kind == Kind::kRange) return value.is_number() && range.holds(value.to_number<double>());
  if (kind == Kind::kAnythingBut) {
    if (value.is_string() && except_strings.contains(std::string_view(value.get_string()))) {
      return false;
    }
    if (value.is_number() &&
        std::ranges::find(except_numbers, value.to_number<double>()) != except_numbers.end()) {
      return false;
    }
    return std::ranges::none_of(except, [&](const auto& one) { return one.holds(value); });
  }
  if (!value.is_string()) return false;
  std::string_view given = value.get_string();
  switch (kind) {
    case Kind::kPrefix:
      return given.starts_with(text);
    case Kind::kSuffix:
      return given.ends_with(text);
    case Kind::kSame:
      return folded(given) == text;
    case Kind::kPrefixFolded:
      return folded(given).starts_with(text);
    case Kind::kSuffixFolded:
      return folded(given).ends_with(text);
    case Kind::kWildcard:
      return wildcard.matches(given);
    default:
      return cidr.holds(given);
  }
}

bool Allowed::only_absent() const {
  return absent && strings.empty() && numbers.empty() && conditions.empty() && !null && !yes && !no;
}

bool Allowed::only_strings() const {
  return !strings.empty() && numbers.empty() && conditions.empty() && !null && !yes && !no &&
         !absent;
}

bool Allowed::holds(const json::value& value) const {
  if (value.is_string() && strings.contains(std::string_view(value.get_string()))) return true;
  if (value.is_null() && null) return true;
  if (value.is_bool() && (value.get_bool() ? yes : no)) return true;
  if (value.is_number() &&
      std::ranges::any_of(numbers, [&](const auto& one) { return same_number(one, value); })) {
    return true;
  }
  return std::ranges::any_of(conditions, [&](const auto& one) { return one.holds(value); });
}

}  // namespace suiro::event_pattern
