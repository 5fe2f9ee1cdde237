// SPDX-License-Identifier: Apache-2.0
#include "base/time_zone.h"

#include <algorithm>
#include <fstream>

#include "base/check.h"
#include "base/posix_zone.h"

namespace suiro {
namespace {

constexpr std::string_view kDirectory = "/usr/share/zoneinfo/";
constexpr size_t kHeaderBytes = 44;
constexpr uint32_t kCountMax = 100'000;
constexpr std::streamsize kFileBytesMax = 1 << 20;
constexpr int64_t kOffsetMax = 26 * 3600;
// The Gregorian calendar repeats itself, weekdays too.
constexpr int kCycleYears = 400;
constexpr int64_t kCycleSeconds = int64_t{146'097} * 86'400;
// Files may begin with the big bang: what is before kEarliest holds from ever on.
constexpr int64_t kEarliest = -(int64_t{1} << 36);  // year -208
constexpr int64_t kLatest = int64_t{1} << 36;       // year 4147

std::unexpected<Error> corrupt() {
  return fail(codes::kCorrupt, "the time zone's file is not in the TZif format");
}

struct Header {
  uint8_t version = 0;
  uint32_t utc_flags = 0, standard_flags = 0, leaps = 0, times = 0, types = 0, characters = 0;
  size_t body_bytes(size_t time_bytes) const {
    return times * (time_bytes + 1) + types * size_t{6} + characters + leaps * (time_bytes + 4) +
           standard_flags + utc_flags;
  }
};

Result<Header> read_header(ByteView bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with("TZif")) return corrupt();
  Header header{.version = static_cast<uint8_t>(bytes[4])};
  uint32_t* fields[] = {&header.utc_flags, &header.standard_flags, &header.leaps,
                        &header.times,     &header.types,          &header.characters};
  for (size_t i = 0; i < std::size(fields); ++i) {
    *fields[i] = read_be32(bytes.substr(20 + 4 * i));
    if (*fields[i] > kCountMax) return corrupt();
  }
  if (header.types == 0) return corrupt();
  return header;
}

bool is_zone_name(std::string_view name) {
  return name.size() <= 50 && name.front() != '/' && std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '/' || c == '-' || c == '+';
         });
}

// Zones of the database's variants with other rules are not names of their own.
bool is_variant(std::string_view name) {
  return name.starts_with("right/") || name.starts_with("posix/");
}

int64_t seconds_of(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::chrono::year year_of(int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  return std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time)).year();
}

struct Body {
  Header header;
  size_t time_bytes = 4;
  ByteView bytes;  // from the first transition time on
};

Result<Body> read_body(ByteView bytes) {
  Body body;
  TRY(body.header, read_header(bytes));
  bytes.remove_prefix(kHeaderBytes);
  if (body.header.version >= '2') {
    if (bytes.size() < body.header.body_bytes(4)) return corrupt();
    bytes.remove_prefix(body.header.body_bytes(4));
    TRY(body.header, read_header(bytes));
    bytes.remove_prefix(kHeaderBytes);
    body.time_bytes = 8;
  }
  if (bytes.size() < body.header.body_bytes(body.time_bytes)) return corrupt();
  body.bytes = bytes;
  return body;
}

// Between two line breaks behind the body; empty: there is none.
Result<std::string_view> read_footer(const Body& body) {
  if (body.time_bytes == 4) return std::string_view();
  ByteView rest = body.bytes.substr(body.header.body_bytes(body.time_bytes));
  const size_t end = rest.find('\n', 1);
  if (!rest.starts_with('\n') || end == ByteView::npos) return corrupt();
  return rest.substr(1, end - 1);
}

}  // namespace

Result<TimeZone> TimeZone::parse(ByteView bytes) {
  TRY(Body body, read_body(bytes));
  const Header& header = body.header;
  ByteView kinds = body.bytes.substr(header.times * body.time_bytes);
  ByteView types = kinds.substr(header.times);
  auto offset_of = [&](size_t type) {
    return static_cast<int32_t>(read_be32(types.substr(type * 6)));
  };
  for (size_t i = 0; i < header.types; ++i) {
    if (std::abs(int64_t{offset_of(i)}) > kOffsetMax) return corrupt();
  }
  Table table{.first_offset_s = offset_of(0)};
  int64_t last = INT64_MIN;
  auto add = [&](int64_t at, int32_t offset_s) {
    const auto& steps = table.steps;
    if (offset_s == (steps.empty() ? table.first_offset_s : steps.back().offset_s)) return;
    table.steps.push_back({at, offset_s});
  };
  for (size_t i = 0; i < header.times; ++i) {
    ByteView text = body.bytes.substr(i * body.time_bytes);
    auto kind = static_cast<uint8_t>(kinds[i]);
    const int64_t at = body.time_bytes == 8 ? static_cast<int64_t>(read_be64(text))
                                            : static_cast<int32_t>(read_be32(text));
    if (kind >= header.types || at > kLatest || at <= last) return corrupt();
    last = at;
    if (at < kEarliest) {
      table.first_offset_s = offset_of(kind);
    } else {
      add(at, offset_of(kind));
    }
  }
  TRY(std::string_view footer, read_footer(body));
  if (!footer.empty()) {
    TRY(PosixZone rule, PosixZone::parse(footer));
    if (rule.summer) {
      const std::chrono::year from = year_of(std::max<int64_t>(last, 0));
      for (int i = 0; i <= kCycleYears + 1; ++i) {
        for (auto step : rule.steps_of(from + std::chrono::years(i))) {
          if (step.at > last) add(step.at, step.offset_s);
        }
      }
      if (!table.steps.empty()) table.repeats_from = table.steps.back().at;
    }
  }
  TimeZone zone;
  zone.table_ = std::make_shared<const Table>(std::move(table));
  return zone;
}

Result<TimeZone> TimeZone::load(std::string_view name) {
  if (name.empty() || name == "UTC") return TimeZone();
  if (!is_zone_name(name) || is_variant(name)) return fail(codes::kNotFound, "no such time zone");
  std::ifstream file(std::string(kDirectory) + std::string(name), std::ios::binary);
  if (!file) return fail(codes::kNotFound, "no such time zone");
  Bytes bytes(static_cast<size_t>(kFileBytesMax), '\0');
  file.read(bytes.data(), kFileBytesMax);
  bytes.resize(static_cast<size_t>(file.gcount()));
  return parse(bytes);
}

int64_t TimeZone::cycles_before(int64_t seconds) const {
  if (seconds < table_->repeats_from) return 0;
  return ((seconds - table_->repeats_from) / kCycleSeconds + 1) * kCycleSeconds;
}

std::chrono::seconds TimeZone::offset_at(TimePoint time) const {
  if (!table_) return std::chrono::seconds(0);
  int64_t seconds = seconds_of(time);
  seconds -= cycles_before(seconds);
  auto next = std::ranges::upper_bound(table_->steps, seconds, {}, &Step::at);
  if (next == table_->steps.begin()) return std::chrono::seconds(table_->first_offset_s);
  return std::chrono::seconds(std::prev(next)->offset_s);
}

TimeZone::Instants TimeZone::instants_of(CivilTime civil) const {
  const TimePoint as_utc(civil.time_since_epoch());
  if (!table_) return {.count = 1, .first = as_utc};
  // Each stretch between two steps has one candidate: it counts if it lies in its stretch.
  const int64_t whole = seconds_of(as_utc);
  const int64_t cycles = cycles_before(whole + kOffsetMax);
  const int64_t seconds = whole - cycles;
  const auto& steps = table_->steps;
  auto next = std::ranges::upper_bound(steps, seconds - kOffsetMax, {}, &Step::at);
  int64_t begin = INT64_MIN;
  int32_t offset_s = table_->first_offset_s;
  if (next != steps.begin()) {
    begin = std::prev(next)->at;
    offset_s = std::prev(next)->offset_s;
  }
  Instants out;
  for (;; ++next) {
    const int64_t end = next == steps.end() ? INT64_MAX : next->at;
    const int64_t at = seconds - offset_s;
    if (at >= begin && at < end && out.count < 2) {
      (out.count++ == 0 ? out.first : out.second) = as_utc - std::chrono::seconds(offset_s);
    }
    if (next == steps.end() || next->at > seconds + kOffsetMax) return out;
    begin = next->at;
    offset_s = next->offset_s;
  }
}

TimeZone::Change TimeZone::change(size_t step, int64_t cycles) const {
  const auto& steps = table_->steps;
  const int32_t before = step == 0 ? table_->first_offset_s : steps[step - 1].offset_s;
  return {TimePoint(std::chrono::seconds(steps[step].at + cycles)), std::chrono::seconds(before),
          std::chrono::seconds(steps[step].offset_s)};
}

std::optional<TimeZone::Change> TimeZone::next_change(TimePoint time) const {
  if (!table_) return std::nullopt;
  const int64_t cycles = cycles_before(seconds_of(time));
  const int64_t seconds = seconds_of(time) - cycles;
  auto next = std::ranges::upper_bound(table_->steps, seconds, {}, &Step::at);
  if (next == table_->steps.end()) return std::nullopt;
  return change(static_cast<size_t>(next - table_->steps.begin()), cycles);
}

std::optional<TimeZone::Change> TimeZone::last_change(TimePoint time) const {
  if (!table_) return std::nullopt;
  const int64_t cycles = cycles_before(seconds_of(time));
  const int64_t seconds = seconds_of(time) - cycles;
  auto next = std::ranges::upper_bound(table_->steps, seconds, {}, &Step::at);
  if (next == table_->steps.begin()) return std::nullopt;
  return change(static_cast<size_t>(next - table_->steps.begin()) - 1, cycles);
}

}  // namespace suiro
