// SPDX-License-Identifier: Apache-2.0
// Literals: numbers, texts, dates and times, intervals with their precision.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>

#include "engine/sql/parser.h"

namespace suiro::sql {

constexpr size_t kIntervalDigitsMax = 10;

namespace {

constexpr int64_t kMsOf[] = {0, 0, 86'400'000, 3'600'000, 60'000, 1'000};  // by TimeUnit
constexpr int64_t kBelow[] = {0, 12, 0, 24, 60, 60};  // of a unit that is not the first

// Digits at the front of `text`; nothing where there are none or more than max.
std::optional<int64_t> take_digits(std::string_view& text, size_t digits_max) {
  size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  if (count == 0 || count > digits_max) return std::nullopt;
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + count, value);
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

// Milliseconds of ".fff"; digits beyond the third are cut off.
std::optional<int64_t> take_fraction(std::string_view& text, size_t digits_max) {
  const size_t before = text.size();
  const auto value = take_digits(text, digits_max);
  if (!value) return std::nullopt;
  const size_t digits = before - text.size();
  int64_t ms = *value;
  for (size_t i = digits; i < 3; ++i) ms *= 10;
  for (size_t i = 3; i < digits; ++i) ms /= 10;
  return ms;
}

// Amounts from the leading to the trailing unit, "1 10:00:00.500", as months or milliseconds.
// Nothing: the text has another form. `digits`: how many the first amount has.
std::optional<int64_t> read_interval(std::string_view text, const Type& type, size_t& digits) {
  int64_t total = 0;
  for (auto unit = type.leading;; unit = static_cast<TimeUnit>(static_cast<int>(unit) + 1)) {
    const auto index = static_cast<size_t>(unit);
    const bool first = unit == type.leading;
    if (!first) {
      const char separator = unit == TimeUnit::kMonth ? '-' : unit == TimeUnit::kHour ? ' ' : ':';
      if (!take(text, separator)) return std::nullopt;
    }
    const size_t before = text.size();
    const auto amount = take_digits(text, first ? 10 : 2);
    if (!amount || (!first && *amount >= kBelow[index])) return std::nullopt;
    if (first) digits = before - text.size();
    const int64_t factor = unit == TimeUnit::kYear    ? 12
                           : unit == TimeUnit::kMonth ? 1
                                                      : kMsOf[index];
    total += *amount * factor;
    if (unit == TimeUnit::kSecond && take(text, '.')) {
      const size_t before_fraction = text.size();
      const auto ms = take_fraction(text, 9);
      if (!ms || before_fraction - text.size() > type.fraction_digits) return std::nullopt;
      total += *ms;
    }
    if (unit == type.trailing) break;
  }
  if (!text.empty()) return std::nullopt;
  return total;
}

std::string form_of(const Type& type) {
  if (type.leading == type.trailing) {
    return type.leading == TimeUnit::kSecond ? "'s[.fff]'" : "'n'";
  }
  static constexpr std::string_view kForms[] = {"y", "m", "d", "h", "m", "s[.fff]"};
  std::string form = "'";
  for (auto i = static_cast<size_t>(type.leading); i <= static_cast<size_t>(type.trailing); ++i) {
    if (form.size() > 1) form += i == 1 ? '-' : i == 3 ? ' ' : ':';
    form += kForms[i];
  }
  return form + "'";
}

}  // namespace

std::optional<int64_t> read_date(std::string_view text) {
  const auto year = take_digits(text, 6);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !text.empty() || *year > 32'767) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<int64_t> read_time(std::string_view text) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  int64_t ms = ((*hour * 60 + *minute) * 60 + *second) * 1'000;
  if (take(text, '.')) {
    const auto fraction = take_fraction(text, 9);
    if (!fraction) return std::nullopt;
    ms += *fraction;
  }
  if (!text.empty()) return std::nullopt;
  return ms;
}

std::optional<int64_t> read_timestamp(std::string_view text) {
  const size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const auto days = read_date(text.substr(0, blank));
  const auto ms = read_time(text.substr(blank + 1));
  if (!days || !ms) return std::nullopt;
  return *days * kMsOf[static_cast<size_t>(TimeUnit::kDay)] + *ms;
}

Result<AstPtr> Parser::number() {
  const Token token = now();
  step();
  AstExpr out;
  out.at = token.at;
  out.type.nullable = false;
  if (token.kind == TokenKind::kApprox) {
    double value = 0;
    const auto [end, code] =
        std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
    if (code != std::errc() || !std::isfinite(value)) {
      return found_expected(token.at, shown(token), "a number that a DOUBLE holds");
    }
    out.type.kind = TypeKind::kDouble;
    out.value = Value::of_real(value);
    return finish(std::move(out));
  }
  const size_t point = token.text.find('.');
  std::string digits = token.text;
  if (point != std::string::npos) digits.erase(point, 1);
  int64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const size_t significant =
      digits.size() - std::min(digits.size() - 1, digits.find_first_not_of('0'));
  if (code != std::errc() || (point != std::string::npos && significant > kDecimalDigitsMax)) {
    return found_expected(token.at, shown(token),
                          fmt::format("a number of at most {} digits", kDecimalDigitsMax));
  }
  out.value = Value::of_integer(value);
  if (point == std::string::npos) {
    out.type.kind = value <= INT32_MAX ? TypeKind::kInteger : TypeKind::kBigint;
  } else {
    const size_t scale = token.text.size() - point - 1;
    if (scale > kDecimalDigitsMax) {
      return found_expected(token.at, shown(token),
                            fmt::format("at most {} digits", kDecimalDigitsMax));
    }
    out.type.kind = TypeKind::kDecimal;
    out.type.scale = static_cast<uint32_t>(scale);
    out.type.length = static_cast<uint32_t>(std::max(significant, std::max<size_t>(scale, 1)));
  }
  return finish(std::move(out));
}

Result<AstPtr> Parser::text_literal() {
  const Token token = now();
  step();
  std::string text = token.text;
  // 'a' 'b' on two lines is one text.
  while (now().kind == TokenKind::kString && now().at.line > token.at.line) {
    text += now().text;
    step();
  }
  if (text.size() > kTextLengthMax) {
    return found_expected(token.at, fmt::format("a text of {} bytes", text.size()),
                          fmt::format("at most {}", kTextLengthMax));
  }
  return text_of(std::move(text), token.at);
}

Result<AstPtr> Parser::datetime_literal() {
  const std::string kind = now().text;
  AstExpr out;
  out.at = now().at;
  step();
  std::optional<int64_t> value;
  std::string_view form;
  if (kind == "DATE") {
    out.type.kind = TypeKind::kDate;
    value = read_date(now().text);
    form = "'yyyy-MM-dd'";
  } else if (kind == "TIME") {
    out.type.kind = TypeKind::kTime;
    value = read_time(now().text);
    form = "'HH:mm:ss[.fff]'";
  } else {
    out.type.kind = TypeKind::kTimestamp;
    value = read_timestamp(now().text);
    form = "'yyyy-MM-dd HH:mm:ss[.fff]'";
  }
  if (!value) return expected(form);
  step();
  out.type.nullable = false;
  out.value = Value::of_integer(*value);
  return finish(std::move(out));
}

bool Parser::at_unit() const {
  return now().kind == TokenKind::kWord && unit_named(now().text).has_value();
}

// HOUR TO SECOND, MINUTE(3), SECOND(2,3)
Result<Type> Parser::interval_qualifier() {
  if (!at_unit()) return expected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
  const Position at = now().at;
  const auto first = unit_named(now().text);
  std::string text = now().text;
  step();
  TRY(const std::string leading, type_arguments());
  text += leading;
  // FLOOR(x + INTERVAL '10' SECOND TO MINUTE): that TO belongs to FLOOR.
  const auto next = ahead().kind == TokenKind::kWord ? unit_named(ahead().text) : std::nullopt;
  if (at_word("TO") && (!next || *next > *first)) {
    step();
    if (!at_unit()) return expected("MONTH, HOUR, MINUTE or SECOND");
    text += " TO " + now().text;
    step();
    TRY(const std::string trailing, type_arguments());
    text += trailing;
  }
  auto type = parse_interval_type(text);
  if (!type) return refused(at, type.error().message);
  if (type->leading_digits < 1) return found_expected(at, text, "a precision from 1 to 10");
  return *type;
}

Result<AstPtr> Parser::interval_literal() {
  AstExpr out;
  out.at = now().at;
  step();
  int64_t sign = 1;
  if (take_symbol("-")) {
    sign = -1;
  } else {
    take_symbol("+");
  }
  if (now().kind != TokenKind::kString)
    return expected("the text of an interval, as in INTERVAL '1' MINUTE");
  const Token token = now();
  step();
  TRY(out.type, interval_qualifier());
  std::string_view text = token.text;
  if (take(text, '-')) {
    sign = -sign;
  } else {
    take(text, '+');
  }
  size_t digits = 0;
  const auto value = read_interval(text, out.type, digits);
  if (!value) return found_expected(token.at, shown(token), form_of(out.type));
  const bool ignores = options_.interval_precision == LanguageOptions::IntervalPrecision::kIgnore;
  if (ignores && digits <= kIntervalDigitsMax) {
    out.type.leading_digits =
        std::max(out.type.leading_digits, static_cast<decltype(out.type.leading_digits)>(digits));
  }
  if (digits > out.type.leading_digits) {
    return found_expected(token.at, fmt::format("{} of {} digits", shown(token), digits),
                          fmt::format("at most {}: {}({}) for more", out.type.leading_digits,
                                      unit_name(out.type.leading), digits));
  }
  out.type.nullable = false;
  out.value = Value::of_integer(sign * *value);
  return finish(std::move(out));
}

// INTERVAL '..' unit, not negative, not in months.
Result<int64_t> Parser::interval_ms(std::string_view what) {
  const Position at = now().at;
  if (!at_word("INTERVAL")) {
    return expected(fmt::format("INTERVAL '..' {}: {}", "{DAY | HOUR | MINUTE | SECOND}", what));
  }
  TRY(AstPtr interval, interval_literal());
  if (interval->type.kind != TypeKind::kIntervalDay) {
    return found_expected(at, "an interval of months or years", "days, hours, minutes or seconds");
  }
  if (interval->value.integer < 0) {
    return found_expected(at, "a negative interval", "a positive one");
  }
  return interval->value.integer;
}

}  // namespace suiro::sql
