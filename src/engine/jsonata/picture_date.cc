// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/picture_date.h"

#include <re2/re2.h>

#include <array>
#include <chrono>
#include <cmath>

#include "engine/jsonata/value.h"

namespace suiro::jsonata {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::string_view kDays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                      "Friday", "Saturday", "Sunday"};
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr double kDayMs = 86'400'000;
// The calendar repeats itself; std::chrono::year ends at 32,767.
constexpr int kCycleYears = 400;
constexpr int64_t kCycleDays = 146'097;
// Years that calendars here know.
constexpr double kMillisMax = 8.64e15;
constexpr std::string_view kNumbered = "YMDdFWwXxHhmsf";
constexpr std::string_view kComponents = "YMDdFWwXxHhPmsfZzCE";

std::string_view default_presentation(char component) {
  switch (component) {
    case 'F':
    case 'P':
    case 'C':
    case 'E':
      return "n";
    case 'm':
    case 's':
      return "01";
    case 'Z':
    case 'z':
      return "01:01";
    default:
      return kComponents.find(component) == std::string_view::npos ? "" : "1";
  }
}

int64_t day_number(int year, int month) {  // month from 0, of any year
  const int years = year + static_cast<int>(std::floor(month / 12.0));
  const int in_year = ((month % 12) + 12) % 12;
  const int cycles = static_cast<int>(std::floor(years / double{kCycleYears}));
  const auto first = std::chrono::year(years - cycles * kCycleYears) /
                     std::chrono::month(static_cast<unsigned>(in_year + 1)) / 1;
  return sys_days(first).time_since_epoch().count() + cycles * kCycleDays;
}

int weekday(int64_t day) {  // Monday is 1
  return static_cast<int>(((day + 3) % 7 + 7) % 7) + 1;
}

// The Monday of the week that holds the fourth day of a year or month.
int64_t first_week(int year, int month) {
  const int64_t first = day_number(year, month);
  const int at = weekday(first);
  return at > 4 ? first + 8 - at : first - (at - 1);
}

struct Moment {
  int64_t day;
  int64_t rest_ms;
  int year, month, day_of_month;  // month from 0

  explicit Moment(double millis) {
    day = static_cast<int64_t>(std::floor(millis / kDayMs));
    rest_ms = static_cast<int64_t>(millis - static_cast<double>(day) * kDayMs);
    const auto cycles = static_cast<int>(std::floor(static_cast<double>(day) / kCycleDays));
    const std::chrono::year_month_day date{sys_days(days(day - cycles * kCycleDays))};
    year = static_cast<int>(date.year()) + cycles * kCycleYears;
    month = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
    day_of_month = static_cast<int>(static_cast<unsigned>(date.day()));
  }
};

int week_number(int64_t day, int64_t first, int64_t next, int64_t previous) {
  if (day >= next) return 1;
  return static_cast<int>((day - (day < first ? previous : first)) / 7) + 1;
}

int component_of(const Moment& at, char component) {
  const auto hours = static_cast<int>(at.rest_ms / 3'600'000);
  switch (component) {
    case 'Y':
      return at.year;
    case 'M':
      return at.month + 1;
    case 'D':
      return at.day_of_month;
    case 'd':
      return static_cast<int>(at.day - day_number(at.year, 0)) + 1;
    case 'F':
      return weekday(at.day);
    case 'W':
      return week_number(at.day, first_week(at.year, 0), first_week(at.year + 1, 0),
                         first_week(at.year - 1, 0));
    case 'w':
      return week_number(at.day, first_week(at.year, at.month), first_week(at.year, at.month + 1),
                         first_week(at.year, at.month - 1));
    case 'X':
      if (at.day < first_week(at.year, 0)) return at.year - 1;
      return at.day >= first_week(at.year + 1, 0) ? at.year + 1 : at.year;
    case 'x':
      if (at.day < first_week(at.year, at.month)) return (at.month + 11) % 12 + 1;
      return at.day >= first_week(at.year, at.month + 1) ? (at.month + 1) % 12 + 1 : at.month + 1;
    case 'H':
      return hours;
    case 'h':
      return hours % 12 == 0 ? 12 : hours % 12;
    case 'm':
      return static_cast<int>(at.rest_ms / 60'000 % 60);
    case 's':
      return static_cast<int>(at.rest_ms / 1000 % 60);
    case 'f':
      return static_cast<int>(at.rest_ms % 1000);
    default:
      return 0;
  }
}

std::unexpected<Fault> refuse(std::string_view code, char component) {
  return std::unexpected(
      Fault{.code = std::string(code)}.with_value(quoted(std::string(1, component))));
}

double utc(double year, double month, double day, double hour, double minute, double second,
           double ms) {
  for (double part : {year, month, day, hour, minute, second, ms}) {
    if (!std::isfinite(part) || std::fabs(part) > 1e8) return NAN;
  }
  if (std::fabs(year) > 30'000 || std::fabs(month) > 100'000) return NAN;
  if (year >= 0 && year <= 99) year += 1900;
  const auto first =
      static_cast<double>(day_number(static_cast<int>(year), static_cast<int>(month)));
  return (first + day - 1) * kDayMs + hour * 3'600'000 + minute * 60'000 + second * 1000 + ms;
}

}  // namespace

void DatePicture::set_width(Part& part, std::string_view width) {
  auto number = [](std::string_view text) -> std::optional<size_t> {
    size_t value = 0, read = 0;
    constexpr size_t kWidthMax = 1000;
    for (; read < text.size() && text[read] >= '0' && text[read] <= '9'; ++read) {
      value = std::min(value * 10 + static_cast<size_t>(text[read] - '0'), kWidthMax);
    }
    return read > 0 ? std::optional(value) : std::nullopt;
  };
  const size_t dash = width.find('-');
  part.width_min = number(width.substr(0, dash));
  if (dash != std::string_view::npos) part.width_max = number(width.substr(dash + 1));
}

std::expected<DatePicture::Part, Fault> DatePicture::read_part(std::string_view marker,
                                                               Part* previous) {
  Part part{.component = marker.empty() ? '\0' : marker[0]};
  const size_t comma = marker.rfind(',');
  std::string_view presentation = marker.substr(0, comma);
  presentation.remove_prefix(std::min<size_t>(1, presentation.size()));
  if (comma != std::string_view::npos) set_width(part, marker.substr(comma + 1));
  std::string second;
  if (presentation.size() > 1 &&
      std::string_view("atco").find(presentation.back()) != std::string_view::npos) {
    second = presentation.back();
    presentation.remove_suffix(1);
  }
  if (presentation.empty()) presentation = default_presentation(part.component);
  if (presentation.empty() || kComponents.find(part.component) == std::string_view::npos) {
    return refuse("D3132", part.component);
  }
  part.zulu = second == "t";
  if (presentation[0] == 'n' || presentation[0] == 'N') {
    part.named = true;
    part.names = presentation[0] == 'n'           ? IntegerPicture::Case::kLower
                 : presentation.starts_with("Nn") ? IntegerPicture::Case::kTitle
                                                  : IntegerPicture::Case::kUpper;
    if (part.component != 'Z' && part.component != 'z') return part;
    presentation = default_presentation(part.component);
  }
  if (part.component == 'Z' || part.component == 'z') {
    TRY(part.integer, IntegerPicture::read(presentation));
    return part;
  }
  if (kNumbered.find(part.component) == std::string_view::npos) return part;
  const std::string picture = std::string(presentation) + (second.empty() ? "" : ";" + second);
  TRY(part.integer, IntegerPicture::read(picture));
  IntegerPicture& integer = *part.integer;
  if (part.width_min) integer.mandatory = std::max(integer.mandatory, *part.width_min);
  if (part.component == 'Y') {
    const size_t digits = integer.mandatory + integer.optional;
    if (part.width_max) {
      part.year_digits = integer.mandatory = *part.width_max;
    } else if (digits >= 2) {
      part.year_digits = digits;
    }
  }
  // Digits that follow digits: the earlier ones are as many as they must be.
  if (previous != nullptr && previous->integer) {
    previous->integer->parse_width = previous->integer->mandatory;
  }
  return part;
}

std::expected<DatePicture, Fault> DatePicture::read(std::string_view picture) {
  DatePicture out;
  std::string literal;
  auto end_literal = [&] {
    if (!literal.empty()) out.parts_.push_back({.literal = std::move(literal)});
    literal.clear();
  };
  for (size_t at = 0; at < picture.size(); ++at) {
    const std::string_view rest = picture.substr(at);
    if (rest.starts_with("[[") || rest.starts_with("]]")) {
      literal += picture[at++];
      continue;
    }
    if (picture[at] != '[') {
      literal += picture[at];
      continue;
    }
    end_literal();
    const size_t close = rest.find(']');
    if (close == std::string_view::npos) return std::unexpected(Fault{.code = "D3135"});
    std::string marker;
    for (char c : rest.substr(1, close - 1)) {
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') marker += c;
    }
    TRY(Part part, read_part(marker, out.parts_.empty() ? nullptr : &out.parts_.back()));
    out.parts_.push_back(std::move(part));
    at += close;
  }
  end_literal();
  return out;
}

std::expected<std::string, Fault> DatePicture::format_offset(const Part& part, int offset_minutes) {
  const int hours = offset_minutes / 60, minutes = offset_minutes % 60;
  if (offset_minutes == 0 && part.zulu) return "Z";
  const IntegerPicture& integer = *part.integer;
  const bool short_form = integer.mandatory <= 2 && integer.group == 0;
  if (integer.mandatory > 4 && integer.group == 0) {
    return std::unexpected(Fault{.code = "D3134", .value = std::to_string(integer.mandatory)});
  }
  TRY(std::string text,
      integer.format(short_form ? std::abs(hours) : std::abs(hours) * 100 + std::abs(minutes)));
  if (short_form && minutes != 0) {
    text += std::abs(minutes) < 10 ? ":0" : ":";
    text += std::to_string(std::abs(minutes));
  }
  text = (offset_minutes < 0 ? "-" : "+") + text;
  return part.component == 'z' ? "GMT" + text : text;
}

std::expected<std::string, Fault> DatePicture::format_part(const Part& part, double millis,
                                                           int offset_minutes) {
  if (part.component == 0) return part.literal;
  const Moment at(millis + offset_minutes * 60'000.0);
  switch (part.component) {
    case 'Z':
    case 'z':
      return format_offset(part, offset_minutes);
    case 'P': {
      const bool late = at.rest_ms >= 43'200'000;
      const bool upper = part.named && part.names == IntegerPicture::Case::kUpper;
      return upper ? (late ? "PM" : "AM") : (late ? "pm" : "am");
    }
    case 'C':
    case 'E':
      return "ISO";
    default:
      break;
  }
  double value = component_of(at, part.component);
  if (part.year_digits > 0) {
    value = std::fmod(value, std::pow(10, static_cast<double>(part.year_digits)));
  }
  if (!part.named) return part.integer->format(value);
  const bool month = part.component == 'M' || part.component == 'x';
  if (!month && part.component != 'F') return refuse("D3133", part.component);
  const auto index = static_cast<size_t>(value) - 1;
  std::string name = in_case(std::string(month ? kMonths[index] : kDays[index]), part.names);
  if (part.width_max && name.size() > *part.width_max) name.resize(*part.width_max);
  return name;
}

std::expected<std::string, Fault> DatePicture::format(double millis, int offset_minutes) const {
  if (!(std::fabs(millis) <= kMillisMax)) {
    return std::unexpected(Fault{.code = "D1001", .value = number_text(millis)});
  }
  std::string out;
  for (const Part& part : parts_) {
    TRY(std::string text, format_part(part, std::floor(millis), offset_minutes));
    out += text;
  }
  return out;
}

std::expected<std::string, Fault> DatePicture::pattern_of(const Part& part) {
  if (part.component == 0) return re2::RE2::QuoteMeta(part.literal);
  if (part.component == 'Z' || part.component == 'z') {
    std::string out = part.component == 'z' ? "GMT[-+][0-9]+" : "[-+][0-9]+";
    if (part.integer->group > 0) {
      std::string separator;
      append_point(separator, part.integer->separators[0].point);
      out += re2::RE2::QuoteMeta(separator) + "[0-9]+";
    }
    return out;
  }
  if (part.component == 'f') return "[0-9]+";
  if (part.integer) return part.integer->pattern();
  if (std::string_view("MxFP").find(part.component) == std::string_view::npos) {
    return refuse("D3133", part.component);
  }
  return "[a-zA-Z]+";
}

std::optional<double> DatePicture::value_of(const Part& part, std::string_view text) {
  if (part.component == 'Z' || part.component == 'z') {
    if (part.component == 'z') text.remove_prefix(3);
    const double sign = text.starts_with('-') ? -1 : 1;
    text.remove_prefix(1);
    const size_t end = text.find_first_not_of("0123456789");
    const size_t hours = end != std::string_view::npos ? end : std::min<size_t>(2, text.size());
    const size_t behind =
        end != std::string_view::npos ? text.find_first_of("0123456789", end) : hours;
    const double h = std::strtod(std::string(text.substr(0, hours)).c_str(), nullptr);
    const double m = std::strtod(std::string(text.substr(behind)).c_str(), nullptr);
    return sign * (h * 60 + m);
  }
  if (part.component == 'f') {
    return std::round(std::strtod(("0." + std::string(text.substr(0, 3))).c_str(), nullptr) * 1000);
  }
  if (part.integer) return part.integer->parse(text);
  if (part.component == 'P') {
    if (text == "am" || text == "AM") return 0;
    return text == "pm" || text == "PM" ? std::optional(1.0) : std::nullopt;
  }
  const std::span<const std::string_view> names =
      part.component == 'F' ? std::span<const std::string_view>(kDays) : kMonths;
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t width = part.width_max && *part.width_max > 0 ? *part.width_max : names[i].size();
    if (names[i].substr(0, width) == text) return static_cast<double>(i + 1);
  }
  return std::nullopt;
}

namespace {

// What a text says, by the letters of its components.
class Components {
 public:
  std::optional<double>& operator[](char letter) {
    return values_[static_cast<unsigned char>(letter)];
  }
  // Whether all that is there is of these, and something is. Zero counts as not there.
  bool only(std::string_view all, std::string_view these) {
    bool any = false;
    for (char letter : all) {
      const auto& value = (*this)[letter];
      if (!value || *value == 0 || std::isnan(*value)) continue;
      if (these.find(letter) == std::string_view::npos) return false;
      any = true;
    }
    return any;
  }

  // Errors: D3136.
  std::expected<double, Fault> moment(double now) {
    constexpr std::string_view kDates = "YXMxWwdD", kTimes = "PHhmsf";
    const bool date = only(kDates, "YMD"), ordinal = !date && only(kDates, "Yd");
    const bool weeks_of_month = only(kDates, "XxwF"), weeks = only(kDates, "XWF");
    const bool half_days = !only(kTimes, "Hmsf") && only(kTimes, "Phmsf");
    std::string wanted = ordinal ? "YD" : weeks_of_month ? "XxwF" : weeks ? "XWF" : "YMD";
    wanted += half_days ? "Phmsf" : "Hmsf";
    bool begun = false, ended = false;
    const Moment current(now);
    for (char letter : wanted) {
      auto& value = (*this)[letter];
      if (value) {
        begun = true;
        if (ended) return std::unexpected(Fault{.code = "D3136"});
      } else if (begun) {
        value = letter == 'M' || letter == 'D' || letter == 'd' ? 1 : 0;
        ended = true;
      } else {
        value = component_of(current, letter);
      }
    }
    if (weeks_of_month || weeks) return std::unexpected(Fault{.code = "D3136"});
    auto of = [&](char letter) { return (*this)[letter].value_or(0); };
    double hour = of('H');
    if (half_days) hour = (of('h') == 12 ? 0 : of('h')) + (of('P') == 1 ? 12 : 0);
    const double month = ordinal ? 0 : std::max(of('M') - 1, 0.0);
    const double day = ordinal ? of('d') : of('D');
    double millis = utc(of('Y'), month, day, hour, of('m'), of('s'), of('f'));
    return millis - (of('Z') != 0 ? of('Z') : of('z')) * 60'000;
  }

 private:
  std::array<std::optional<double>, 128> values_;
};

}  // namespace

std::expected<std::optional<double>, Fault> DatePicture::parse(std::string_view text,
                                                               double now) const {
  std::string pattern = "(?i)^";
  for (const Part& part : parts_) {
    TRY(std::string one, pattern_of(part));
    pattern += "(" + one + ")";
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  const re2::RE2 regex(pattern + "$", options);
  if (!regex.ok()) {
    return std::unexpected(Fault{.code = std::string(codes::kTooLarge),
                                 .message = "The picture string has too many parts"});
  }
  std::vector<re2::StringPiece> groups(parts_.size() + 1);
  if (!regex.Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, groups.data(),
                   static_cast<int>(groups.size()))) {
    return std::nullopt;
  }
  Components components;
  bool any = false;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].component == 0) continue;
    any = true;
    components[parts_[i].component] =
        value_of(parts_[i], {groups[i + 1].data(), groups[i + 1].size()});
  }
  if (!any) return std::nullopt;
  TRY(double millis, components.moment(now));
  return millis;
}

std::optional<double> parse_iso_time(std::string_view text) {
  static const re2::RE2 kForm(
      "(\\d{4})(?:-([01]\\d))?(?:-([0-3]\\d))?(?:T([0-2]\\d):([0-5]\\d):([0-5]\\d))?"
      "(?:\\.(\\d+))?(?:([+-])([0-2]\\d):?([0-5]\\d)|Z)?");
  std::string year, month, day, hour, minute, second, fraction, sign, ahead_h, ahead_m;
  if (!re2::RE2::FullMatch(text, kForm, &year, &month, &day, &hour, &minute, &second, &fraction,
                           &sign, &ahead_h, &ahead_m)) {
    return std::nullopt;
  }
  auto number = [](const std::string& digits, double otherwise) {
    return digits.empty() ? otherwise : std::strtod(digits.c_str(), nullptr);
  };
  const double month_number = number(month, 1), day_of_month = number(day, 1);
  if (month_number < 1 || month_number > 12 || day_of_month < 1 || day_of_month > 31 ||
      number(hour, 0) > 24) {
    return std::nullopt;
  }
  fraction.resize(3, '0');
  // A year below 100 is meant as it stands.
  const double whole = utc(number(year, 0) + 400, month_number - 1, day_of_month, number(hour, 0),
                           number(minute, 0), number(second, 0), number(fraction, 0));
  constexpr double kCycleMs = kCycleDays * kDayMs;
  const double ahead = (number(ahead_h, 0) * 60 + number(ahead_m, 0)) * 60'000;
  return whole - kCycleMs - (sign == "-" ? -ahead : ahead);
}

}  // namespace suiro::jsonata
