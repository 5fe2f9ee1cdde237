// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/prefix.h"

#include <fmt/format.h>

#include "services/firehose/errors.h"

namespace suiro::firehose {
namespace {

constexpr std::string_view kKnownLetters = "yuMdDHhmsSaE";
constexpr size_t kRandomLength = 11;
constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                   "May",       "June",     "July",     "August",
                                   "September", "October",  "November", "December"};
constexpr const char* kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                 "Thursday", "Friday", "Saturday"};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A number of at least `count` digits; a year of two digits is the last two.
std::string number(char letter, int count, int64_t value) {
  if ((letter == 'y' || letter == 'u') && count == 2) value %= 100;
  return fmt::format("{:0{}}", value, count);
}

std::string name_of(std::string_view full, int count) {
  return std::string(count >= 4 ? full : full.substr(0, 3));
}

struct Fields {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<Millis> time;
  int day_of_year;
  unsigned weekday;
};

Fields fields_of(TimePoint local) {
  auto day = std::chrono::floor<std::chrono::days>(local);
  std::chrono::year_month_day date(day);
  auto first = std::chrono::sys_days(date.year() / std::chrono::January / 1);
  return {date, std::chrono::hh_mm_ss<Millis>(local - day),
          static_cast<int>((day - first).count()) + 1, std::chrono::weekday(day).c_encoding()};
}

std::string format_letter(char letter, int count, const Fields& f) {
  auto hour = f.time.hours().count();
  unsigned month = static_cast<unsigned>(f.date.month());
  switch (letter) {
    case 'y':
    case 'u':
      return number(letter, count, static_cast<int>(f.date.year()));
    case 'M':
      return count >= 3 ? name_of(kMonths[month - 1], count) : number(letter, count, month);
    case 'd':
      return number(letter, count, static_cast<unsigned>(f.date.day()));
    case 'D':
      return number(letter, count, f.day_of_year);
    case 'H':
      return number(letter, count, hour);
    case 'h':
      return number(letter, count, hour % 12 == 0 ? 12 : hour % 12);
    case 'm':
      return number(letter, count, f.time.minutes().count());
    case 's':
      return number(letter, count, f.time.seconds().count());
    case 'S':
      return fmt::format("{:03}000000", f.time.subseconds().count())
          .substr(0, static_cast<size_t>(count));
    case 'a':
      return hour < 12 ? "AM" : "PM";
    default:  // 'E'
      return name_of(kDays[f.weekday], count);
  }
}

bool count_is_known(char letter, int count) {
  switch (letter) {
    case 'y':
    case 'u':
      return count <= 9;
    case 'M':
    case 'E':
      return count <= 4;
    case 'D':
      return count <= 3;
    case 'S':
      return count <= 9;
    case 'a':
      return count == 1;
    default:
      return count <= 2;
  }
}

}  // namespace

Result<TimePattern> TimePattern::parse(std::string_view pattern) {
  TimePattern out;
  auto text = [&out](std::string_view more) {
    if (out.parts_.empty() || out.parts_.back().letter != 0) out.parts_.emplace_back();
    out.parts_.back().text += more;
  };
  for (size_t i = 0; i < pattern.size();) {
    char c = pattern[i];
    if (c == '\'') {
      size_t end = pattern.find('\'', i + 1);
      if (end == pattern.npos) return invalid(fmt::format("Invalid time pattern: {}", pattern));
      text(end == i + 1 ? "'" : pattern.substr(i + 1, end - i - 1));
      i = end + 1;
    } else if (is_letter(c)) {
      size_t end = std::min(pattern.find_first_not_of(c, i), pattern.size());
      int count = static_cast<int>(std::min<size_t>(end - i, 100));
      if (kKnownLetters.find(c) == kKnownLetters.npos || !count_is_known(c, count)) {
        return invalid(fmt::format("The time pattern {} is not supported: {}",
                                   pattern.substr(i, end - i), pattern));
      }
      out.parts_.push_back({c, count, {}});
      i = end;
    } else if (c == '{' || c == '}' || c == '#' || c == '[' || c == ']') {
      return invalid(fmt::format("Invalid time pattern: {}", pattern));
    } else {
      text(pattern.substr(i, 1));
      ++i;
    }
  }
  return out;
}

std::string TimePattern::format(TimePoint local) const {
  Fields fields = fields_of(local);
  std::string out;
  for (const Part& part : parts_) {
    out += part.letter == 0 ? part.text : format_letter(part.letter, part.count, fields);
  }
  return out;
}

Result<Prefix> Prefix::parse(std::string_view text, Use use) {
  Prefix out;
  while (!text.empty()) {
    size_t begin = text.find("!{");
    if (begin != 0) {
      out.parts_.push_back({Part::Kind::kText, std::string(text.substr(0, begin)), {}});
      if (begin == text.npos) break;
      text.remove_prefix(begin);
    }
    size_t end = text.find('}');
    size_t colon = text.find(':');
    if (end == text.npos || colon > end) {
      return invalid(fmt::format("Invalid prefix expression: {}", text));
    }
    out.has_expressions_ = true;
    TRY_VOID(out.add_expression(text.substr(2, colon - 2), text.substr(colon + 1, end - colon - 1),
                                use));
    text.remove_prefix(end + 1);
  }
  if (out.has_expressions_) return out;
  if (use == Use::kErrors) {
    TRY_VOID(out.add_expression("firehose", "error-output-type", use));
    out.parts_.push_back({Part::Kind::kText, "/", {}});
  }
  TRY_VOID(out.add_expression("timestamp", "yyyy/MM/dd/HH", use));
  out.parts_.push_back({Part::Kind::kText, "/", {}});
  out.has_expressions_ = false;
  return out;
}

Result<void> Prefix::add_expression(std::string_view space, std::string_view value, Use use) {
  Part part;
  if (space == "timestamp") {
    part.kind = Part::Kind::kTime;
    TRY(part.pattern, TimePattern::parse(value));
  } else if (space == "firehose" && value == "random-string") {
    part.kind = Part::Kind::kRandom;
  } else if (space == "firehose" && value == "error-output-type" && use == Use::kErrors) {
    part.kind = Part::Kind::kErrorType;
  } else {
    return invalid(fmt::format("The prefix expression !{{{}:{}}} is not supported", space, value));
  }
  parts_.push_back(std::move(part));
  return ok();
}

std::string Prefix::evaluate(const PrefixFacts& facts, const TimeZone& zone, Random& random) const {
  TimePoint local = facts.time + zone.offset_at(facts.time);
  std::string out;
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Part::Kind::kText:
        out += part.text;
        break;
      case Part::Kind::kTime:
        out += part.pattern.format(local);
        break;
      case Part::Kind::kRandom:
        out += random.text(kRandomLength, kAlphabet);
        break;
      case Part::Kind::kErrorType:
        out += facts.error_output_type;
        break;
    }
  }
  return out;
}

std::string object_suffix(const std::string& stream, uint32_t version, TimePoint local,
                          const std::string& uuid, const std::string& extension) {
  auto pattern = TimePattern::parse("yyyy-MM-dd-HH-mm-ss");
  return fmt::format("{}-{}-{}-{}{}", stream, version, pattern->format(local), uuid, extension);
}

}  // namespace suiro::firehose
