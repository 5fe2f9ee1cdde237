// SPDX-License-Identifier: Apache-2.0
// The reader of expressions: which form, and what stands in its parentheses.
#include <fmt/format.h>

#include <charconv>

#include "engine/schedule/schedule.h"

namespace suiro::schedule {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr size_t kRateDigitsMax = 9;

std::unexpected<Error> bad(size_t position, std::string_view what) {
  return fail(codes::kInvalidArgument, fmt::format("position {}: {}", position + 1, what));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Millis> unit_of(std::string_view word) {
  if (word.ends_with('s')) word.remove_suffix(1);
  if (word == "minute") return minutes(1);
  if (word == "hour") return hours(1);
  if (word == "day") return days(1);
  return std::nullopt;
}

}  // namespace

Result<Expression::Rate> Expression::parse_rate(std::string_view inner, size_t offset,
                                                Dialect dialect) {
  size_t digits = 0;
  while (digits < inner.size() && is_digit(inner[digits])) ++digits;
  if (digits == 0 || digits > kRateDigitsMax) {
    return bad(offset, "rate takes a positive whole number of at most nine digits");
  }
  int64_t value = 0;
  std::from_chars(inner.data(), inner.data() + digits, value);
  if (value == 0) return bad(offset, "rate takes a number greater than 0");
  size_t at = digits;
  while (at < inner.size() && inner[at] == ' ') ++at;
  const std::string_view word = inner.substr(at);
  const auto unit = at == digits ? std::nullopt : unit_of(word);
  if (!unit) return bad(offset + at, "expected a space and minute(s), hour(s) or day(s)");
  const bool plural = word.ends_with('s');
  if (dialect == Dialect::kRule && plural != (value != 1)) {
    return bad(offset + at, "the unit is singular for 1, and plural otherwise");
  }
  return Rate{*unit * value};
}

// yyyy-mm-ddThh:mm:ss
Result<Expression::At> Expression::parse_at(std::string_view inner, size_t offset) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  constexpr std::string_view kExpected = "expected yyyy-mm-ddThh:mm:ss";
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool fits =
        i < inner.size() && (kForm[i] == 'd' ? is_digit(inner[i]) : inner[i] == kForm[i]);
    if (!fits) return bad(offset + i, kExpected);
  }
  if (inner.size() > kForm.size()) return bad(offset + kForm.size(), kExpected);
  auto number = [&](size_t from, size_t size) {
    int value = 0;
    std::from_chars(inner.data() + from, inner.data() + from + size, value);
    return value;
  };
  const std::chrono::year_month_day date(std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2))));
  if (!date.ok()) return bad(offset, "there is no such date");
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (hour > 23 || minute > 59 || second > 59) return bad(offset + 11, "there is no such time");
  return At{std::chrono::local_days(date) + hours(hour) + minutes(minute) +
            std::chrono::seconds(second)};
}

Result<Expression> Expression::parse(std::string_view text, Dialect dialect) {
  if (text.size() > kExpressionBytesMax) return bad(0, "an expression has at most 256 characters");
  const bool at_too = dialect == Dialect::kScheduler;
  const size_t open = text.find('(');
  const std::string_view name = text.substr(0, open);
  const bool known = name == "cron" || name == "rate" || (at_too && name == "at");
  if (open == std::string_view::npos || !known) {
    return bad(
        0, at_too ? "expected cron(...), rate(...) or at(...)" : "expected cron(...) or rate(...)");
  }
  if (!text.ends_with(')')) return bad(text.size(), "expected ')'");
  const std::string_view inner = text.substr(open + 1, text.size() - open - 2);
  Expression out;
  out.text_ = text;
  if (name == "cron") {
    TRY(out.form_, Cron::parse(inner, open + 1));
  } else if (name == "rate") {
    TRY(out.form_, parse_rate(inner, open + 1, dialect));
  } else {
    TRY(out.form_, parse_at(inner, open + 1));
  }
  return out;
}

}  // namespace suiro::schedule
