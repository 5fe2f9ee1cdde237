// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/convert.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "engine/sql/calendar.h"
#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

constexpr std::array<int64_t, 19> kPowers = [] {
  std::array<int64_t, 19> out{};
  int64_t power = 1;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = power;
    if (i + 1 < out.size()) power *= 10;
  }
  return out;
}();

auto no_value(std::string_view text, std::string_view what) {
  return fail(errors::kInvalidCast, fmt::format("'{}' is not {}", text, what));
}

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Between `least` and `most` digits; -1: there are not.
  int64_t number(size_t least, size_t most) {
    size_t digits = 0;
    int64_t out = 0;
    while (digits < most && digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9') {
      out = out * 10 + (text_[digits++] - '0');
    }
    if (digits < least) return -1;
    text_.remove_prefix(digits);
    return out;
  }
  // Digits behind the point of seconds, as ms; further ones than three are cut off. -1: none.
  int64_t fraction(size_t most) {
    int64_t out = 0;
    size_t digits = 0;
    for (; !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; ++digits) {
      if (digits == most) return -1;
      if (digits < 3) out = out * 10 + (text_[0] - '0');
      text_.remove_prefix(1);
    }
    if (digits == 0) return -1;
    for (; digits < 3; ++digits) out *= 10;
    return out;
  }
  bool done() const { return text_.empty(); }

 private:
  std::string_view text_;
};

int64_t date_at(Cursor& in) {
  constexpr int64_t kBad = std::numeric_limits<int64_t>::min();
  const bool negative = in.take('-');
  const int64_t year = in.number(4, 9);
  if (year < 0 || year > kYearMax || !in.take('-')) return kBad;
  const int64_t month = in.number(1, 2);
  if (month < 1 || month > 12 || !in.take('-')) return kBad;
  const int64_t day = in.number(1, 2);
  const int64_t signed_year = negative ? -year : year;
  if (day < 1 || day > days_in_month(signed_year, static_cast<int>(month))) return kBad;
  return days_of(signed_year, static_cast<int>(month), day);
}

int64_t time_at(Cursor& in, Fraction fraction) {
  const int64_t hour = in.number(1, 2);
  if (hour < 0 || hour > 23 || !in.take(':')) return -1;
  const int64_t minute = in.number(1, 2);
  if (minute < 0 || minute > 59 || !in.take(':')) return -1;
  const int64_t second = in.number(1, 2);
  if (second < 0 || second > 59) return -1;
  int64_t ms = 0;
  if (fraction == Fraction::kAccept && in.take('.')) {
    ms = in.fraction(9);
    if (ms < 0) return -1;
  }
  return hour * kHourMs + minute * kMinuteMs + second * kSecondMs + ms;
}

constexpr int64_t kNoDate = std::numeric_limits<int64_t>::min();

void append_date(std::string& out, int64_t days) {
  const CivilDate date = date_of(days);
  if (date.year < 0) out += '-';
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", std::abs(date.year), date.month,
                 date.day);
}

void append_time(std::string& out, int64_t ms) {
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}", ms / kHourMs, ms / kMinuteMs % 60,
                 ms / kSecondMs % 60);
  if (ms % kSecondMs != 0) fmt::format_to(std::back_inserter(out), ".{:03}", ms % kSecondMs);
}

char separator_before(TimeUnit unit) {
  if (unit == TimeUnit::kMonth) return '-';
  return unit == TimeUnit::kHour ? ' ' : ':';
}

void append_interval(std::string& out, const Type& type, int64_t value) {
  out += value < 0 ? '-' : '+';
  uint64_t rest =
      value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const auto to = std::back_inserter(out);
  if (type.kind == TypeKind::kIntervalMonth) {
    if (type.leading == TimeUnit::kMonth) {
      fmt::format_to(to, "{}", rest);
    } else {
      fmt::format_to(to, "{}", rest / 12);
      if (type.trailing == TimeUnit::kMonth) fmt::format_to(to, "-{:02}", rest % 12);
    }
    return;
  }
  for (auto unit = type.leading; unit <= type.trailing;
       unit = static_cast<TimeUnit>(static_cast<int>(unit) + 1)) {
    const auto ms = static_cast<uint64_t>(unit_ms(unit));
    if (unit == type.leading) {
      fmt::format_to(to, "{}", rest / ms);
    } else {
      fmt::format_to(to, "{}{:02}", separator_before(unit), rest / ms);
    }
    rest %= ms;
    if (unit == TimeUnit::kSecond && rest != 0) fmt::format_to(to, ".{:03}", rest);
  }
}

void append_decimal(std::string& out, int64_t value, uint32_t scale) {
  if (scale == 0) {
    fmt::format_to(std::back_inserter(out), "{}", value);
    return;
  }
  const uint64_t size =
      value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const auto unit = static_cast<uint64_t>(power_of_ten(std::min(scale, 18U)));
  if (value < 0) out += '-';
  fmt::format_to(std::back_inserter(out), "{}.{:0{}}", size / unit, size % unit, scale);
}

}  // namespace

Result<int64_t> parse_date(std::string_view text) {
  Cursor in(text);
  const int64_t days = date_at(in);
  if (days == kNoDate || !in.done()) return no_value(text, "a date 'yyyy-MM-dd'");
  return days;
}

Result<int64_t> parse_time(std::string_view text, Fraction fraction) {
  Cursor in(text);
  const int64_t ms = time_at(in, fraction);
  if (ms < 0 || !in.done()) return no_value(text, "a time 'HH:mm:ss'");
  return ms;
}

Result<int64_t> parse_timestamp(std::string_view text, Fraction fraction) {
  Cursor in(text);
  const int64_t days = date_at(in);
  const bool parted = days != kNoDate && in.take(' ');
  const int64_t ms = parted ? time_at(in, fraction) : -1;
  if (ms < 0 || !in.done()) return no_value(text, "a timestamp 'yyyy-MM-dd HH:mm:ss'");
  return days * kDayMs + ms;
}

Result<int64_t> parse_interval(std::string_view text, const Type& type) {
  Cursor in(text);
  const bool negative = in.take('-');
  if (!negative) in.take('+');
  int64_t value = 0;
  for (auto unit = type.leading; unit <= type.trailing;
       unit = static_cast<TimeUnit>(static_cast<int>(unit) + 1)) {
    const bool leading = unit == type.leading;
    if (!leading && !in.take(separator_before(unit))) return no_value(text, type.text());
    const int64_t count = in.number(1, leading ? 18 : 2);
    if (count < 0) return no_value(text, type.text());
    if (leading && count >= power_of_ten(type.leading_digits)) {
      return fail(errors::kInvalidCast,
                  fmt::format("the value {} exceeds the precision of {}({}); write {}({})", count,
                              unit_name(unit), type.leading_digits, unit_name(unit),
                              std::to_string(count).size()));
    }
    constexpr std::array<int64_t, 6> kMost = {0, 11, 0, 23, 59, 59};
    if (!leading && count > kMost[static_cast<size_t>(unit)]) return no_value(text, type.text());
    if (type.kind == TypeKind::kIntervalMonth) {
      value += unit == TimeUnit::kYear ? count * 12 : count;
    } else {
      value += count * unit_ms(unit);
    }
    if (unit == TimeUnit::kSecond && in.take('.')) {
      const int64_t ms = in.fraction(type.fraction_digits);
      if (ms < 0) return no_value(text, type.text());
      value += ms;
    }
  }
  if (!in.done()) return no_value(text, type.text());
  return negative ? -value : value;
}

Result<int64_t> parse_decimal(std::string_view text, uint32_t scale) {
  const auto number = trim(text);
  Cursor in(number);
  const bool negative = in.take('-');
  if (!negative) in.take('+');
  __int128 digits = 0;
  int digits_behind = 0;
  bool any = false;
  bool behind = false;
  for (;;) {
    if (!behind && in.take('.')) {
      behind = true;
      continue;
    }
    const int64_t digit = in.number(1, 1);
    if (digit < 0) break;
    any = true;
    if (digits >= static_cast<__int128>(1) << 100) {  // far beyond 64 bits: only the point matters
      if (!behind) return fail(errors::kNumericOverflow, fmt::format("'{}' is too large", text));
      continue;
    }
    digits = digits * 10 + digit;
    if (behind) ++digits_behind;
  }
  int64_t exponent = 0;
  if (any && (in.take('e') || in.take('E'))) {
    const bool minus = in.take('-');
    if (!minus) in.take('+');
    exponent = in.number(1, 4);
    any = exponent >= 0;
    if (minus) exponent = -exponent;
  }
  if (!any || !in.done()) return no_value(text, "a number");
  int64_t from = digits_behind - exponent;
  while (from < 0 && digits != 0) {
    if (digits >= static_cast<__int128>(1) << 64) {
      return fail(errors::kNumericOverflow, fmt::format("'{}' is too large", text));
    }
    digits *= 10;
    ++from;
  }
  if (digits == 0) return 0;
  while (from > static_cast<int64_t>(scale) + 18) {
    digits /= 10;
    --from;
  }
  return rescale(negative ? -digits : digits, static_cast<uint32_t>(from), scale);
}

Result<double> parse_real(std::string_view text) {
  auto number = trim(text);
  if (number.starts_with('+')) number.remove_prefix(1);
  double out = 0;
  auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), out);
  if (code == std::errc::result_out_of_range) {
    return fail(errors::kNumericOverflow, fmt::format("'{}' is outside DOUBLE", text));
  }
  if (code != std::errc() || end != number.data() + number.size()) {
    return no_value(text, "a number");
  }
  return out;
}

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  std::array<char, 400> text;
  const double size = std::fabs(value);
  const bool plain = size == 0 || (size >= 1e-3 && size < 1e7);
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  const std::string_view digits(text.data(), static_cast<size_t>(end - text.data()));
  if (plain) {
    out += digits;
    if (digits.find('.') == std::string_view::npos) out += ".0";
    return;
  }
  const size_t e = digits.find('e');
  out += digits.substr(0, e);
  if (digits.substr(0, e).find('.') == std::string_view::npos) out += ".0";
  auto exponent = digits.substr(e + 1);
  out += 'E';
  if (exponent[0] == '-') out += '-';
  exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent[0] == '0') exponent.remove_prefix(1);
  out += exponent;
}

void append_text(std::string& out, const Type& type, const Value& value) {
  if (value.null) return;
  switch (type.kind) {
    case TypeKind::kBoolean:
      out += value.integer != 0 ? "TRUE" : "FALSE";
      break;
    case TypeKind::kDecimal:
      append_decimal(out, value.integer, type.scale);
      break;
    case TypeKind::kReal: {
      // The shortest digits that are this float, as Java's Float.toString.
      std::array<char, 64> text;
      const auto end = std::to_chars(text.data(), text.data() + text.size(),
                                     static_cast<float>(value.real), std::chars_format::scientific)
                           .ptr;
      double shortest = value.real;
      std::from_chars(text.data(), end, shortest);
      append_real(out, std::isfinite(value.real) ? shortest : value.real);
      break;
    }
    case TypeKind::kDouble:
      append_real(out, value.real);
      break;
    case TypeKind::kDate:
      append_date(out, value.integer);
      break;
    case TypeKind::kTime:
      append_time(out, floor_mod(value.integer, kDayMs));
      break;
    case TypeKind::kTimestamp:
      append_date(out, floor_div(value.integer, kDayMs));
      out += ' ';
      append_time(out, floor_mod(value.integer, kDayMs));
      break;
    case TypeKind::kIntervalDay:
    case TypeKind::kIntervalMonth:
      append_interval(out, type, value.integer);
      break;
    default:
      if (type.lane() == Lane::kText) {
        out += value.text;
      } else {
        fmt::format_to(std::back_inserter(out), "{}", value.integer);
      }
  }
}

std::string text_of(const Type& type, const Value& value) {
  std::string out;
  append_text(out, type, value);
  return out;
}

bool fits(const Type& type, int64_t value) {
  switch (type.kind) {
    case TypeKind::kTinyint:
      return value >= INT8_MIN && value <= INT8_MAX;
    case TypeKind::kSmallint:
      return value >= INT16_MIN && value <= INT16_MAX;
    case TypeKind::kInteger:
      return value >= INT32_MIN && value <= INT32_MAX;
    case TypeKind::kDecimal: {
      if (type.length >= kPowers.size()) return true;  // 19 digits: what 64 bits hold
      return value > -kPowers[type.length] && value < kPowers[type.length];
    }
    default:
      return true;
  }
}

int64_t power_of_ten(uint32_t exponent) {
  return kPowers[std::min<size_t>(exponent, kPowers.size() - 1)];
}

Result<int64_t> rescale(__int128 value, uint32_t from_scale, uint32_t to_scale) {
  constexpr __int128 kMost = static_cast<__int128>(1) << 100;
  for (; from_scale < to_scale && value < kMost && value > -kMost; ++from_scale) value *= 10;
  if (from_scale > to_scale) {
    __int128 unit = 1;
    for (uint32_t i = to_scale; i < from_scale && unit < kMost; ++i) unit *= 10;
    const __int128 rest = value % unit;
    value /= unit;
    if (rest * 2 >= unit) ++value;
    if (-rest * 2 >= unit) --value;
  }
  if (value > std::numeric_limits<int64_t>::max() || value < std::numeric_limits<int64_t>::min()) {
    return fail(errors::kNumericOverflow, "a number has more digits than its type holds");
  }
  return static_cast<int64_t>(value);
}

Result<int64_t> scaled_of(double value, uint32_t scale) {
  const double scaled = std::round(value * static_cast<double>(power_of_ten(scale)));
  constexpr double kEdge = 9223372036854775808.0;
  if (!(scaled < kEdge && scaled >= -kEdge)) {
    return fail(errors::kNumericOverflow, "a number is larger than its type holds");
  }
  return static_cast<int64_t>(scaled);
}

size_t character_count(std::string_view text) {
  size_t out = 0;
  for (const char c : text) out += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return out;
}

size_t prefix_bytes(std::string_view text, size_t characters) {
  if (characters >= text.size()) return text.size();
  size_t at = 0;
  while (at < text.size()) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins && characters-- == 0) break;
    ++at;
  }
  return at;
}

}  // namespace suiro::sql
