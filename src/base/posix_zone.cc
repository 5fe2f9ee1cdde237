// SPDX-License-Identifier: Apache-2.0
#include "base/posix_zone.h"

#include "base/check.h"

namespace suiro {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::last;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year;

constexpr int kHour = 3600;
constexpr int kOffsetHoursMax = 25;
constexpr int kTurnHoursMax = 167;
constexpr int kWeekLast = 5;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool failed() const { return failed_; }
  bool next_is(char c) const { return text_.starts_with(c); }
  bool skip(char c) {
    if (!next_is(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!skip(c)) failed_ = true;
  }
  int number(int min, int max) {
    int value = 0;
    size_t digits = 0;
    for (; digits < 3 && digits < text_.size() && is_digit(text_[digits]); ++digits) {
      value = value * 10 + (text_[digits] - '0');
    }
    text_.remove_prefix(digits);
    if (digits == 0 || value < min || value > max) failed_ = true;
    return value;
  }
  void name() {
    const bool quoted = skip('<');
    size_t size = 0;
    while (size < text_.size() && (quoted ? text_[size] != '>' : is_letter(text_[size]))) ++size;
    text_.remove_prefix(size);
    if (size < 3) failed_ = true;
    if (quoted) expect('>');
  }
  // [+-]h[:mm[:ss]]
  int time(int hours_max) {
    const int sign = skip('-') ? -1 : 1;
    if (sign == 1) skip('+');
    int seconds = number(0, hours_max) * kHour;
    if (skip(':')) seconds += number(0, 59) * 60;
    if (skip(':')) seconds += number(0, 59);
    return sign * seconds;
  }
  PosixZone::Turn turn() {
    using Form = PosixZone::Turn::Form;
    PosixZone::Turn out;
    if (skip('M')) {
      out.month = number(1, 12);
      expect('.');
      out.week = number(1, kWeekLast);
      expect('.');
      out.weekday = number(0, 6);
    } else if (skip('J')) {
      out.form = Form::kJulian;
      out.day = number(1, 365);
    } else {
      out.form = Form::kZeroBased;
      out.day = number(0, 365);
    }
    out.time_s = skip('/') ? time(kTurnHoursMax) : 2 * kHour;
    return out;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

  std::string_view text_;
  bool failed_ = false;
};

sys_days day_of(const PosixZone::Turn& turn, year in) {
  using Form = PosixZone::Turn::Form;
  const sys_days first(in / 1 / 1);
  switch (turn.form) {
    case Form::kJulian: {
      constexpr int kBeforeLeapDay = 59;
      return first + days(turn.day - 1 + (in.is_leap() && turn.day > kBeforeLeapDay ? 1 : 0));
    }
    case Form::kZeroBased:
      return first + days(turn.day);
    case Form::kWeekday:
      break;
  }
  const month of(static_cast<unsigned>(turn.month));
  const weekday on(static_cast<unsigned>(turn.weekday));
  if (turn.week == kWeekLast) return sys_days(in / of / on[last]);
  return sys_days(in / of / on[static_cast<unsigned>(turn.week)]);
}

}  // namespace

Result<PosixZone> PosixZone::parse(std::string_view text) {
  Reader in(text);
  PosixZone zone;
  in.name();
  zone.offset_s = -in.time(kOffsetHoursMax);
  if (!in.done()) {
    Summer summer;
    in.name();
    const bool given = !in.done() && !in.next_is(',');
    summer.offset_s = given ? -in.time(kOffsetHoursMax) : zone.offset_s + kHour;
    in.expect(',');
    summer.begin = in.turn();
    in.expect(',');
    summer.end = in.turn();
    zone.summer = summer;
  }
  if (in.failed() || !in.done()) return fail(codes::kCorrupt, "not a POSIX time zone rule");
  return zone;
}

std::array<PosixZone::Step, 2> PosixZone::steps_of(year in) const {
  CHECK(summer);
  auto at = [&](const Turn& turn, int32_t until_s) {
    const std::chrono::sys_seconds midnight = day_of(turn, in);
    return int64_t{midnight.time_since_epoch().count()} + turn.time_s - until_s;
  };
  std::array<Step, 2> out = {{{at(summer->begin, offset_s), summer->offset_s},
                              {at(summer->end, summer->offset_s), offset_s}}};
  if (out[1].at < out[0].at) std::swap(out[0], out[1]);
  return out;
}

}  // namespace suiro
