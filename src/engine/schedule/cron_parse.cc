// SPDX-License-Identifier: Apache-2.0
// The reader of cron fields.
#include <fmt/format.h>

#include <array>

#include "base/bytes.h"
#include "engine/schedule/cron.h"

namespace suiro::schedule {
namespace {

constexpr size_t kDigitsMax = 4;
constexpr unsigned kFromEndMax = 30;
constexpr unsigned kNthMax = 5;
constexpr std::string_view kMonthNames = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
constexpr std::string_view kWeekdayNames = "SUNMONTUEWEDTHUFRISAT";

struct Kind {
  std::string_view name;
  int min;
  int max;
  std::string_view names;  // three letters each; the first one is `min`
  std::string_view expected;
};
constexpr std::array<Kind, 6> kKinds = {{
    {"minutes", 0, 59, "", "0-59, *, lists, ranges, steps"},
    {"hours", 0, 23, "", "0-23, *, lists, ranges, steps"},
    {"day of month", 1, 31, "", "1-31, *, ?, L, L-n, nW, LW, lists, ranges, steps"},
    {"month", 1, 12, kMonthNames, "1-12, JAN-DEC, *, lists, ranges, steps"},
    {"day of week", 1, 7, kWeekdayNames,
     "1-7 (1 is Sunday), SUN-SAT, *, ?, L, nL, n#m, lists, ranges, steps"},
    {"year", kCronYearMin, kCronYearMax, "", "1970-2199, *, lists, ranges, steps"},
}};
enum : size_t { kMinutes, kHours, kDayOfMonth, kMonth, kDayOfWeek, kYear };

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

class CronReader {
 public:
  CronReader(std::string_view text, size_t offset) : text_(text), offset_(offset) {}

  Result<Cron> read() {
    std::array<bool, 6> any = {};
    for (field_ = 0; field_ < kKinds.size(); ++field_) {
      skip_spaces();
      if (at_ == text_.size()) return missing();
      any[field_] = next_is('?');
      TRY_VOID(read_field());
    }
    skip_spaces();
    if (at_ != text_.size()) {
      return fail(codes::kInvalidArgument,
                  fmt::format("position {}: six fields are expected, there are more", place()));
    }
    if (any[kDayOfMonth] == any[kDayOfWeek]) {
      return fail(codes::kInvalidArgument,
                  "exactly one of the fields 'day of month' and 'day of week' must be '?'");
    }
    cron_.by_week_ = any[kDayOfMonth];
    return std::move(cron_);
  }

 private:
  using Done = Result<void>;

  const Kind& kind() const { return kKinds[field_]; }
  size_t place() const { return offset_ + at_ + 1; }
  bool at_end() const { return at_ == text_.size() || text_[at_] == ' '; }
  bool next_is(char c) const { return at_ < text_.size() && ascii_upper(text_[at_]) == c; }
  bool skip(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  static char ascii_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }

  std::unexpected<Error> missing() const {
    return fail(codes::kInvalidArgument,
                fmt::format("position {}: the field '{}' is missing: six are expected", place(),
                            kind().name));
  }
  std::unexpected<Error> bad(std::string_view what) const {
    return fail(codes::kInvalidArgument, fmt::format("position {}, field '{}': {}; expected {}",
                                                     place(), kind().name, what, kind().expected));
  }
  std::unexpected<Error> unexpected() const {
    if (at_end()) return bad("it ends too early");
    return bad(fmt::format("'{}' is not expected here", text_[at_]));
  }

  Done read_field() {
    if ((field_ == kDayOfMonth || field_ == kDayOfWeek) && skip('?')) {
      return at_end() ? ok() : Done(bad("'?' stands alone"));
    }
    const size_t begin = at_;
    size_t elements = 0;
    do {
      TRY_VOID(read_element());
      ++elements;
    } while (skip(','));
    if (!at_end()) return unexpected();
    const bool numbered = text_.substr(begin, at_ - begin).contains('#');
    if (numbered && elements > 1) return bad("an expression with '#' stands alone");
    return ok();
  }

  Done read_element() {
    if (field_ == kDayOfMonth && next_is('L')) return read_last_day();
    if (field_ == kDayOfWeek && skip('L')) {
      add(kind().max, kind().max, 1);
      return ok();
    }
    if (skip('*')) {
      TRY(int step, read_step());
      add(kind().min, kind().max, step);
      return ok();
    }
    const size_t begin = at_;
    TRY(int from, read_value());
    if (field_ == kDayOfMonth && skip('W')) {
      cron_.near_days_.push_back(static_cast<unsigned>(from));
      return ok();
    }
    if (field_ == kDayOfWeek && skip('L')) {
      cron_.nth_.push_back({static_cast<unsigned>(from - 1), 0});
      return ok();
    }
    if (field_ == kDayOfWeek && skip('#')) return read_nth(from);
    if (skip('-')) {
      TRY(int to, read_value());
      if (to < from) {
        at_ = begin;
        return bad("the range ends before it begins");
      }
      TRY(int step, read_step());
      add(from, to, step);
      return ok();
    }
    const bool stepped = next_is('/');
    TRY(int step, read_step());
    add(from, stepped ? kind().max : from, step);
    return ok();
  }

  // L, L-n, LW
  Done read_last_day() {
    ++at_;
    if (skip('W')) {
      cron_.near_days_.push_back(0);
      return ok();
    }
    unsigned back = 0;
    if (skip('-')) {
      TRY(int n, read_number());
      if (n < 1 || n > static_cast<int>(kFromEndMax)) return bad("L- takes 1 to 30 days");
      back = static_cast<unsigned>(n);
    }
    cron_.days_from_end_.push_back(back);
    return ok();
  }

  Done read_nth(int weekday) {
    TRY(int n, read_number());
    if (n < 1 || n > static_cast<int>(kNthMax)) return bad("# takes 1 to 5");
    cron_.nth_.push_back({static_cast<unsigned>(weekday - 1), static_cast<unsigned>(n)});
    return ok();
  }

  Result<int> read_step() {
    if (!skip('/')) return 1;
    TRY(int step, read_number());
    if (step < 1) return bad("a step is at least 1");
    return step;
  }

  Result<int> read_number() {
    int value = 0;
    size_t digits = 0;
    while (digits < kDigitsMax && at_ + digits < text_.size() && is_digit(text_[at_ + digits])) {
      value = value * 10 + (text_[at_ + digits++] - '0');
    }
    if (digits == 0) return unexpected();
    at_ += digits;
    return value;
  }

  // A number or a name, within the field's bounds.
  Result<int> read_value() {
    if (auto name = read_name()) return *name;
    const size_t begin = at_;
    TRY(int value, read_number());
    if (value >= kind().min && value <= kind().max) return value;
    at_ = begin;
    return bad(fmt::format("{} is not within {}-{}", value, kind().min, kind().max));
  }

  std::optional<int> read_name() {
    constexpr size_t kLetters = 3;
    const std::string_view names = kind().names;
    for (size_t i = 0; i + kLetters <= names.size(); i += kLetters) {
      if (!equal_ignore_case(text_.substr(at_, kLetters), names.substr(i, kLetters))) continue;
      at_ += kLetters;
      return kind().min + static_cast<int>(i / kLetters);
    }
    return std::nullopt;
  }

  void add(int from, int to, int step) {
    for (int value = from; value <= to; value += step) {
      const uint64_t bit = field_ == kYear ? 0 : uint64_t{1} << value;
      switch (field_) {
        case kMinutes:
          cron_.minutes_ |= bit;
          break;
        case kHours:
          cron_.hours_ |= static_cast<uint32_t>(bit);
          break;
        case kDayOfMonth:
          cron_.days_ |= static_cast<uint32_t>(bit);
          break;
        case kMonth:
          cron_.months_ |= static_cast<uint32_t>(bit);
          break;
        case kDayOfWeek:
          cron_.weekdays_ |= static_cast<uint32_t>(bit >> 1);
          break;
        default:
          cron_.years_.set(static_cast<size_t>(value - kCronYearMin));
      }
    }
  }

  std::string_view text_;
  size_t offset_;
  size_t at_ = 0;
  size_t field_ = 0;
  Cron cron_;
};

Result<Cron> Cron::parse(std::string_view fields, size_t offset) {
  return CronReader(fields, offset).read();
}

}  // namespace suiro::schedule
