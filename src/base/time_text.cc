// SPDX-License-Identifier: Apache-2.0
// The text forms of time of base/clock.h.
#include <array>

#include "base/bytes.h"
#include "base/clock.h"

namespace suiro {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::month;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct Parts {
  year_month_day date;
  int hour, minute, second, millis;
};

Parts split(TimePoint time) {
  auto midnight = std::chrono::floor<days>(time);
  auto in_day = time - midnight;
  auto ms = in_day.count();
  return {year_month_day(midnight), static_cast<int>(ms / 3600000),
          static_cast<int>(ms / 60000 % 60), static_cast<int>(ms / 1000 % 60),
          static_cast<int>(ms % 1000)};
}

// Reads digits from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  std::optional<int> number(size_t digits_min, size_t digits_max) {
    size_t n = 0;
    int value = 0;
    while (n < digits_max && n < text_.size() && text_[n] >= '0' && text_[n] <= '9') {
      value = value * 10 + (text_[n++] - '0');
    }
    if (n < digits_min) return std::nullopt;
    text_.remove_prefix(n);
    return value;
  }
  bool skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  std::string_view word(size_t size) {
    auto out = text_.substr(0, size);
    text_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
};

Result<TimePoint> make(std::optional<int> y, std::optional<int> mo, std::optional<int> d,
                       std::optional<int> h, std::optional<int> mi, std::optional<int> s,
                       std::string_view text) {
  auto bad = [&] {
    return fail(codes::kInvalidArgument, fmt::format("'{}' is not a date and time", text));
  };
  if (!y || !mo || !d || !h || !mi || !s) return bad();
  year_month_day date(year(*y), month(static_cast<unsigned>(*mo)), day(static_cast<unsigned>(*d)));
  if (!date.ok() || *h > 23 || *mi > 59 || *s > 60) return bad();
  return TimePoint(sys_days(date) + hours(*h) + minutes(*mi) + seconds(*s));
}

std::optional<int> month_number(std::string_view name) {
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (kMonths[i] == name) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

}  // namespace

std::string format_iso8601(TimePoint time) {
  Parts p = split(time);
  int year_number = static_cast<int>(p.date.year());
  if (year_number < 0 || year_number > 9999) {  // may be anything that a client sent
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", year_number,
                       static_cast<unsigned>(p.date.month()), static_cast<unsigned>(p.date.day()),
                       p.hour, p.minute, p.second, p.millis);
  }
  std::string out = "0000-00-00T00:00:00.000Z";
  // The last digit of each number, and the number.
  auto write = [&](size_t at, int value) {
    for (; value != 0; value /= 10) out[at--] = static_cast<char>('0' + value % 10);
  };
  write(3, year_number);
  write(6, static_cast<int>(static_cast<unsigned>(p.date.month())));
  write(9, static_cast<int>(static_cast<unsigned>(p.date.day())));
  write(12, p.hour);
  write(15, p.minute);
  write(18, p.second);
  write(22, p.millis);
  return out;
}

Result<TimePoint> parse_iso8601(std::string_view text) {
  Reader in(text);
  auto y = in.number(4, 4);
  auto mo = in.skip("-") ? in.number(2, 2) : std::nullopt;
  auto d = in.skip("-") ? in.number(2, 2) : std::nullopt;
  auto h = in.skip("T") || in.skip("t") || in.skip(" ") ? in.number(2, 2) : std::nullopt;
  auto mi = in.skip(":") ? in.number(2, 2) : std::nullopt;
  auto s = in.skip(":") ? in.number(2, 2) : std::nullopt;
  TRY(TimePoint time, make(y, mo, d, h, mi, s, text));
  auto bad = [&] {
    return fail(codes::kInvalidArgument, fmt::format("'{}' is not a date and time", text));
  };
  if (in.skip(".")) {
    int scale = 100, digits = 0;
    while (auto digit = in.number(1, 1)) {
      time += Millis(*digit * scale);
      scale /= 10;
      ++digits;
    }
    if (digits == 0) return bad();
  }
  if (in.skip("Z") || in.skip("z")) return in.rest().empty() ? Result<TimePoint>(time) : bad();
  bool plus = in.skip("+");
  if (!plus && !in.skip("-")) return bad();
  auto oh = in.number(2, 2);
  in.skip(":");
  auto om = in.number(2, 2);
  if (!oh || !om || !in.rest().empty()) return bad();
  auto offset = hours(*oh) + minutes(*om);
  return plus ? time - offset : time + offset;
}

std::string format_http_date(TimePoint time) {
  Parts p = split(time);
  auto weekday = std::chrono::weekday(std::chrono::floor<days>(time)).c_encoding();
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday],
                     static_cast<unsigned>(p.date.day()),
                     kMonths[static_cast<unsigned>(p.date.month()) - 1],
                     static_cast<int>(p.date.year()), p.hour, p.minute, p.second);
}

Result<TimePoint> parse_http_date(std::string_view text) {
  size_t comma = text.find(", ");
  if (comma != std::string_view::npos) {  // IMF-fixdate and RFC 850
    Reader in(text.substr(comma + 2));
    auto d = in.number(1, 2);
    if (!in.skip(" ")) in.skip("-");
    auto mo = month_number(in.word(3));
    if (!in.skip(" ")) in.skip("-");
    size_t before = in.rest().size();
    auto y = in.number(2, 4);
    if (y && before - in.rest().size() == 2) y = *y + (*y < 70 ? 2000 : 1900);
    auto h = in.skip(" ") ? in.number(2, 2) : std::nullopt;
    auto mi = in.skip(":") ? in.number(2, 2) : std::nullopt;
    auto s = in.skip(":") ? in.number(2, 2) : std::nullopt;
    return make(y, mo, d, h, mi, s, text);
  }
  Reader in(text.size() > 4 ? text.substr(4) : text);  // asctime
  auto mo = month_number(in.word(3));
  in.skip(" ");
  in.skip(" ");
  auto d = in.number(1, 2);
  auto h = in.skip(" ") ? in.number(2, 2) : std::nullopt;
  auto mi = in.skip(":") ? in.number(2, 2) : std::nullopt;
  auto s = in.skip(":") ? in.number(2, 2) : std::nullopt;
  auto y = in.skip(" ") ? in.number(4, 4) : std::nullopt;
  return make(y, mo, d, h, mi, s, text);
}

}  // namespace suiro
