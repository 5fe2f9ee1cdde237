// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/date_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/bytes.h"
#include "engine/sql/calendar.h"
#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

constexpr std::string_view kLetters = "GyYMwWDdFEuaHkKhmsSzZX";
constexpr size_t kPatternBytesMax = 1'024;

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

// Index of the name that the text begins with, in full or by its first three letters.
struct NameMatch {
  int index = -1;
  size_t bytes = 0;
};
template <size_t N>
NameMatch match_name(const std::array<std::string_view, N>& names, std::string_view text) {
  NameMatch out;
  for (size_t i = 0; i < N; ++i) {
    for (const auto name : {names[i], names[i].substr(0, 3)}) {
      if (name.size() > out.bytes && equal_ignore_case(text.substr(0, name.size()), name)) {
        out = {.index = static_cast<int>(i), .bytes = name.size()};
      }
    }
  }
  return out;
}

void append_number(std::string& out, int64_t value, size_t digits) {
  fmt::format_to(std::back_inserter(out), "{:0{}}", value, digits);
}

// Weeks of the US locale: from Sunday, the first one has one day at least.
int64_t week_of(int64_t days_before, int weekday) {
  return (days_before + 6 - weekday) / 7 + 1;
}

}  // namespace

Result<DateFormat> DateFormat::compile(std::string_view pattern) {
  const auto bad = [&](std::string why) {
    return fail(codes::kInvalidArgument,
                fmt::format("'{}' is not a date and time pattern: {}", pattern, why));
  };
  if (pattern.size() > kPatternBytesMax) return bad("it is too long");
  DateFormat out;
  const auto literal = [&](char c) {
    if (out.pieces_.empty() || out.pieces_.back().letter != 0) out.pieces_.push_back({});
    out.pieces_.back().literal += c;
  };
  bool quoted = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\'') {
      const bool doubled = i + 1 < pattern.size() && pattern[i + 1] == '\'';
      if (doubled) {
        literal(c);
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (quoted || std::isalpha(static_cast<unsigned char>(c)) == 0) {
      literal(c);
    } else if (kLetters.find(c) == std::string_view::npos) {
      return bad(fmt::format("the letter {} has no meaning; quote it with '", c));
    } else if (!out.pieces_.empty() && out.pieces_.back().letter == c) {
      ++out.pieces_.back().count;
    } else {
      out.pieces_.push_back({.letter = c, .count = 1});
    }
  }
  if (quoted) return bad("a quote is not closed");
  return out;
}

namespace {

// The calendar's fields of a time, as the letters print them.
struct Moment {
  explicit Moment(int64_t ms)
      : days(floor_div(ms, kDayMs)),
        of_day(floor_mod(ms, kDayMs)),
        date(date_of(days)),
        weekday(weekday_of(days)),
        day_of_year(days - days_of(date.year, 1, 1)) {}
  int64_t days;
  int64_t of_day;
  CivilDate date;
  int weekday;
  int64_t day_of_year;  // from 0

  int64_t hour() const { return of_day / kHourMs; }
  // The year that owns this week: the last days of December may lie in week 1.
  int64_t week_year() const {
    const int64_t next = days_of(date.year + 1, 1, 1);
    return days >= next - weekday_of(next) ? date.year + 1 : date.year;
  }
  int64_t week_of_year() const {
    return week_year() > date.year ? 1 : week_of(day_of_year, weekday);
  }
};

}  // namespace

bool DateFormat::uses_now() const {
  return std::ranges::any_of(pieces_, [](const Piece& piece) {
    return (piece.letter == 'y' || piece.letter == 'Y') && piece.count <= 2;
  });
}

// A field of the date, and its place among those that were read: 0: not given. Where several
// tell the day, the one that was read last does, as in Java's calendar.
struct DatePart {
  int64_t value = 0;
  int at = 0;
  void set(int64_t to, int place) {
    value = to;
    at = place;
  }
};

// What was read.
struct DateFormat::Fields {
  DatePart year{1970}, month{1}, day{1}, day_of_year, week_year, week, week_of_month, nth_weekday;
  DatePart weekday;     // 0: Sunday
  int64_t hour = 0;     // 0..23, or 0..11 beside `half`
  int hours_most = 23;  // what `hour` may be: 11 where it came from h or K
  int half = -1;        // 0: AM, 1: PM
  int64_t minute = 0;
  int64_t second = 0;
  int64_t milli = 0;
  int64_t offset_ms = 0;
  int before_christ = 0;

  bool in_range() const {
    for (const DatePart* part : {&day_of_year, &week, &week_of_month, &nth_weekday}) {
      if (part->at > 0 && part->value > 366) return false;
    }
    if (month.value < 1 || month.value > 12 || day.value < 1 || day.value > 31) return false;
    for (const DatePart* part : {&year, &week_year}) {
      if (part->value > kYearMax || part->value < -kYearMax) return false;
    }
    return hour >= 0 && hour <= hours_most && minute >= 0 && minute < 60 && second >= 0 &&
           second < 60 && milli >= 0 && milli < 1'000;
  }
  int64_t calendar_year() const { return before_christ != 0 ? 1 - year.value : year.value; }
  bool by_week_year() const { return week_year.at > year.at; }

  // The day that the fields tell.
  int64_t days() const {
    if (by_week_year()) {
      const int64_t weeks = week.at > 0 ? week.value - 1 : 0;
      return sunday_before(days_of(week_year.value, 1, 1)) + 7 * weeks + weekday.value;
    }
    const auto both = [](const DatePart& a, const DatePart& b) {
      return a.at == 0 || b.at == 0 ? 0 : std::max(a.at, b.at);
    };
    int of_month = both(week_of_month, weekday), nth = both(nth_weekday, weekday);
    int of_year = both(week, weekday);
    int best = std::max({day.at, of_month, nth, day_of_year.at, of_year});
    if (best == 0) {
      of_month = week_of_month.at;
      nth = std::max(nth_weekday.at, weekday.at);
      of_year = week.at;
      best = std::max({of_month, nth, of_year});
    }
    const int64_t first = days_of(calendar_year(), static_cast<int>(month.value), 1);
    if (best == day.at) return first + day.value - 1;
    const bool by_month = best == of_month && week_of_month.at >= week.at;
    const bool by_nth = best == nth && nth_weekday.at >= week.at;
    if (by_month && (!by_nth || week_of_month.at >= nth_weekday.at)) {
      return sunday_before(first) + 7 * (week_of_month.value - 1) + weekday.value;
    }
    if (by_nth) {
      const int64_t rest = floor_mod(weekday.value - weekday_of(first), 7);
      return first + rest + 7 * (nth_weekday.at > 0 ? nth_weekday.value - 1 : 0);
    }
    const int64_t new_year = days_of(calendar_year(), 1, 1);
    if (best == day_of_year.at) return new_year + day_of_year.value - 1;
    return sunday_before(new_year) + 7 * (week.value - 1) + weekday.value;
  }

  // Whether all that was given is true of the day.
  bool agree_with(int64_t days) const {
    const Moment at(days * kDayMs);
    const auto is = [](const DatePart& part, int64_t value) {
      return part.at == 0 || part.value == value;
    };
    if (!is(weekday, at.weekday) || !is(week, at.week_of_year())) return false;
    if (by_week_year()) return at.week_year() == week_year.value;
    return (year.at == 0 || calendar_year() == at.date.year) && is(month, at.date.month) &&
           is(day, at.date.day) && is(day_of_year, at.day_of_year + 1) &&
           is(week_of_month, week_of(at.date.day - 1, at.weekday)) &&
           is(nth_weekday, (at.date.day - 1) / 7 + 1);
  }

 private:
  // Or that day itself.
  static int64_t sunday_before(int64_t days) { return days - weekday_of(days); }
};

class DateFormat::Reader {
 public:
  Reader(std::string_view text, int64_t now_ms) : text_(text), now_ms_(now_ms) {}

  // False: the text is not as the pattern says.
  bool read(const std::vector<Piece>& pieces) {
    for (size_t i = 0; i < pieces.size(); ++i) {
      const auto& piece = pieces[i];
      if (piece.letter == 0) {
        if (!rest().starts_with(piece.literal)) return false;
        at_ += piece.literal.size();
        continue;
      }
      const bool abuts = i + 1 < pieces.size() && pieces[i + 1].letter != 0;
      start_ = at_;
      while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
      if (!field(piece, abuts ? piece.count : kAnyDigits)) return false;
    }
    return true;
  }
  const Fields& fields() const { return fields_; }

 private:
  static constexpr size_t kAnyDigits = 0;

  std::string_view rest() const { return text_.substr(at_); }

  bool field(const Piece& piece, size_t digits) {
    switch (piece.letter) {
      case 'y':
        return year(piece.count, digits, fields_.year);
      case 'Y':
        return year(piece.count, digits, fields_.week_year);
      case 'M':
        if (piece.count > 2) return name_of_month();
        return plain_number(piece.letter, digits);
      case 'E':
        return name_of_day();
      case 'a':
        return one_of("AM", "PM", fields_.half);
      case 'G':
        return one_of("AD", "BC", fields_.before_christ);
      case 'z':
      case 'Z':
      case 'X':
        return zone();
      default:
        return plain_number(piece.letter, digits);
    }
  }

  bool plain_number(char letter, size_t digits) {
    int64_t value = 0;
    if (!number(digits, value)) return false;
    switch (letter) {
      case 'M':
        fields_.month.set(value, ++places_);
        break;
      case 'd':
        fields_.day.set(value, ++places_);
        break;
      case 'D':
        fields_.day_of_year.set(value, ++places_);
        break;
      case 'w':
        fields_.week.set(value, ++places_);
        break;
      case 'W':
        fields_.week_of_month.set(value, ++places_);
        break;
      case 'F':
        fields_.nth_weekday.set(value, ++places_);
        break;
      case 'u':
        if (value < 1 || value > 7) return false;
        fields_.weekday.set(value % 7, ++places_);
        break;
      case 'H':
      case 'k':
        fields_.hour = letter == 'k' && value == 24 ? 0 : value;
        fields_.hours_most = 23;
        break;
      case 'h':
      case 'K':
        fields_.hour = letter == 'h' && value == 12 ? 0 : value;
        fields_.hours_most = 11;
        break;
      case 'm':
        fields_.minute = value;
        break;
      case 's':
        fields_.second = value;
        break;
      case 'S':
        fields_.milli = value;
        break;
      default:
        return false;
    }
    return true;
  }

  // `digits` of them, or as many as there are.
  bool number(size_t digits, int64_t& value) {
    const size_t most = digits == kAnyDigits ? 12 : digits;
    size_t count = 0;
    int64_t out = 0;
    while (count < most && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      out = out * 10 + (text_[at_++] - '0');
      ++count;
    }
    value = out;
    return count > 0 && (digits == kAnyDigits || count == digits);
  }

  bool year(size_t letters, size_t digits, DatePart& to) {
    const bool negative = digits == kAnyDigits && rest().starts_with('-');
    if (negative) ++at_;
    int64_t value = 0;
    if (!number(digits, value)) return false;
    if (negative) value = -value;
    // Blanks before the digits count: ", 10" with the pattern ",y" is the year 10.
    if (letters <= 2 && at_ - start_ == 2 && !negative) {
      const int64_t this_year = date_of(floor_div(now_ms_, kDayMs)).year;
      const int64_t earliest = this_year - 80;
      value = earliest + floor_mod(value - earliest, 100);
    }
    to.set(value, ++places_);
    return true;
  }

  bool name_of_month() {
    const auto match = match_name(kMonths, rest());
    at_ += match.bytes;
    fields_.month.set(match.index + 1, ++places_);
    return match.bytes > 0;
  }
  bool name_of_day() {
    const auto match = match_name(kDays, rest());
    at_ += match.bytes;
    fields_.weekday.set(match.index, ++places_);
    return match.bytes > 0;
  }
  bool one_of(std::string_view zero, std::string_view one, int& to) {
    const auto word = rest().substr(0, 2);
    to = equal_ignore_case(word, one) ? 1 : 0;
    at_ += word.size();
    return to == 1 || equal_ignore_case(word, zero);
  }
  bool zone() {
    const auto zone = read_zone(rest());
    at_ += zone.bytes;
    fields_.offset_ms = zone.offset_ms;
    return zone.bytes > 0;
  }

  std::string_view text_;
  int64_t now_ms_;
  size_t at_ = 0;
  size_t start_ = 0;  // of the field, with the blanks before it
  int places_ = 0;    // of date fields so far
  Fields fields_;
};

Result<int64_t> DateFormat::parse(std::string_view text, int64_t now_ms) const {
  Reader reader(text, now_ms);
  const auto bad = [&] {
    return fail(errors::kInvalidFormat,
                fmt::format("'{}' does not follow the pattern", text.substr(0, 100)));
  };
  if (!reader.read(pieces_)) return bad();
  const auto& fields = reader.fields();
  if (!fields.in_range()) return bad();
  const int64_t days = fields.days();
  if (!fields.agree_with(days)) return bad();
  int64_t hour = fields.hour;
  if (fields.half == 1 && fields.hours_most == 11) hour += 12;
  return days * kDayMs + hour * kHourMs + fields.minute * kMinuteMs + fields.second * kSecondMs +
         fields.milli - fields.offset_ms;
}

namespace {

int64_t number_of(char letter, const Moment& at) {
  switch (letter) {
    case 'w':
      return at.week_of_year();
    case 'W':
      return week_of(at.date.day - 1, at.weekday);
    case 'D':
      return at.day_of_year + 1;
    case 'd':
      return at.date.day;
    case 'F':
      return (at.date.day - 1) / 7 + 1;
    case 'u':
      return at.weekday == 0 ? 7 : at.weekday;
    case 'H':
      return at.hour();
    case 'k':
      return at.hour() == 0 ? 24 : at.hour();
    case 'K':
      return at.hour() % 12;
    case 'h':
      return at.hour() % 12 == 0 ? 12 : at.hour() % 12;
    case 'm':
      return at.of_day / kMinuteMs % 60;
    case 's':
      return at.of_day / kSecondMs % 60;
    case 'S':
      return at.of_day % kSecondMs;
    default:
      return 0;
  }
}

void append_year(std::string& out, int64_t year, size_t letters) {
  const int64_t shown = year > 0 ? year : 1 - year;
  append_number(out, letters == 2 ? shown % 100 : shown, letters);
}

}  // namespace

void DateFormat::format(std::string& out, int64_t ms) const {
  const Moment at(ms);
  for (const auto& piece : pieces_) {
    switch (piece.letter) {
      case 0:
        out += piece.literal;
        break;
      case 'G':
        out += at.date.year > 0 ? "AD" : "BC";
        break;
      case 'y':
        append_year(out, at.date.year, piece.count);
        break;
      case 'Y':
        append_year(out, at.week_year(), piece.count);
        break;
      case 'M': {
        const auto name = kMonths[static_cast<size_t>(at.date.month - 1)];
        if (piece.count < 3) append_number(out, at.date.month, piece.count);
        if (piece.count >= 3) out += piece.count == 3 ? name.substr(0, 3) : name;
        break;
      }
      case 'E': {
        const auto name = kDays[static_cast<size_t>(at.weekday)];
        out += piece.count < 4 ? name.substr(0, 3) : name;
        break;
      }
      case 'a':
        out += at.hour() < 12 ? "AM" : "PM";
        break;
      case 'z':
        out += piece.count < 4 ? "UTC" : "Coordinated Universal Time";
        break;
      case 'Z':
        out += "+0000";
        break;
      case 'X':
        out += 'Z';
        break;
      default:
        append_number(out, number_of(piece.letter, at), piece.count);
    }
  }
}

}  // namespace suiro::sql
