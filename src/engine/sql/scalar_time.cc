// SPDX-License-Identifier: Apache-2.0
// Functions of dates and times: FLOOR, CEIL and STEP to a unit, EXTRACT, TSDIFF, UNIX_TIMESTAMP,
// TO_TIMESTAMP, the CURRENT_ family, and period predicates.
#include <limits>

#include "engine/sql/calendar.h"
#include "engine/sql/convert.h"
#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

enum class Round { kDown, kUp };

// Months since 1970-01 of a day, and the first day of such a month.
int64_t month_count(int64_t days) {
  const CivilDate date = date_of(days);
  return (date.year - 1970) * 12 + date.month - 1;
}
int64_t first_day(int64_t months) {
  return days_of(1970 + floor_div(months, 12), static_cast<int>(floor_mod(months, 12)) + 1, 1);
}

// `ms` down or up to a multiple of `months` months from 1970-01, or of `width_ms`.
struct Grid {
  int64_t width_ms = 0;
  int64_t months = 0;

  int64_t below(int64_t ms) const {
    if (months == 0) return floor_div(ms, width_ms) * width_ms;
    const int64_t count = month_count(floor_div(ms, kDayMs));
    return first_day(floor_div(count, months) * months) * kDayMs;
  }
  int64_t above(int64_t ms) const {
    const int64_t down = below(ms);
    if (down == ms) return ms;
    if (months == 0) return down + width_ms;
    return first_day(month_count(floor_div(down, kDayMs)) + months) * kDayMs;
  }
};

Grid grid_of(TimeUnit unit) {
  if (unit == TimeUnit::kYear) return {.months = 12};
  if (unit == TimeUnit::kMonth) return {.months = 1};
  return {.width_ms = unit_ms(unit)};
}

// Times within a few years of the ends of 64 bits would overflow when they are rounded.
Result<Value> rounded(const Type& type, const Grid& grid, Round round, int64_t value) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 4;
  const int64_t unit = type.kind == TypeKind::kDate ? kDayMs : 1;
  if (value > kMost / unit || value < -kMost / unit) {
    return fail(errors::kNumericOverflow, "the time is too far away");
  }
  const int64_t ms = value * unit;
  const int64_t out = round == Round::kDown ? grid.below(ms) : grid.above(ms);
  if (type.kind == TypeKind::kTime) return Value::of_integer(floor_mod(out, kDayMs));
  return Value::of_integer(floor_div(out, unit));
}

Registry::Scalar round_to(std::string_view name, Round round) {
  return [name, round](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 2, 2));
    const Type type = args[0].type;
    TRY(auto text, literal_text(name, args, 1));
    auto unit = unit_named(text);
    if (!unit) {
      return refuse("{}(.. TO {}): expected YEAR, MONTH, DAY, HOUR, MINUTE or SECOND", name, text);
    }
    const bool months = *unit <= TimeUnit::kMonth;
    BoundFunction out;
    out.type = type;
    if (type.kind == TypeKind::kIntervalMonth && months) {
      const int64_t width = *unit == TimeUnit::kYear ? 12 : 1;
      out.eval = [width, round](std::span<const Value> values, EvalContext&) -> Result<Value> {
        const int64_t down = floor_div(values[0].integer, width) * width;
        const bool up = round == Round::kUp && down != values[0].integer;
        return Value::of_integer(up ? down + width : down);
      };
      return out;
    }
    const bool fine =
        type.is_datetime() || type.kind == TypeKind::kIntervalDay || type.kind == TypeKind::kNull;
    if (!fine || (months && (type.kind == TypeKind::kTime || type.is_interval()))) {
      return refuse("{}(.. TO {}) cannot round {}", name, text, type.text());
    }
    out.eval = [type, round, grid = grid_of(*unit)](std::span<const Value> values, EvalContext&) {
      return rounded(type, grid, round, values[0].integer);
    };
    return out;
  };
}

Result<BoundFunction> bind_step(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("STEP", args, 2, 2));
  const Type type = args[0].type;
  const Type& by = args[1].type;
  if (args[1].literal == nullptr || args[1].literal->null || args[1].literal->integer <= 0) {
    return refuse("STEP(.. BY ..) needs a constant interval or whole number above zero");
  }
  const int64_t width = args[1].literal->integer;
  BoundFunction out;
  out.type = type;
  const bool whole = by.is_integer() || (by.kind == TypeKind::kDecimal && by.scale == 0);
  if ((type.is_integer() || type.kind == TypeKind::kNull) && whole) {
    out.eval = [type, width](std::span<const Value> values, EvalContext&) -> Result<Value> {
      const __int128 down = static_cast<__int128>(floor_div(values[0].integer, width)) * width;
      if (down < std::numeric_limits<int64_t>::min() || !fits(type, static_cast<int64_t>(down))) {
        return fail(errors::kNumericOverflow, "the step is outside " + type.text());
      }
      return Value::of_integer(static_cast<int64_t>(down));
    };
    return out;
  }
  const bool timed = type.is_datetime() || type.kind == TypeKind::kIntervalDay;
  const bool months = by.kind == TypeKind::kIntervalMonth;
  if (!timed || !by.is_interval() ||
      (months && type.kind != TypeKind::kTimestamp && type.kind != TypeKind::kDate)) {
    return refuse("STEP cannot round {} by {}", type.text(), by.text());
  }
  const Grid grid = months ? Grid{.months = width} : Grid{.width_ms = width};
  out.eval = [type, grid](std::span<const Value> values, EvalContext&) {
    return rounded(type, grid, Round::kDown, values[0].integer);
  };
  return out;
}

int64_t extract_from_date(TimeUnit unit, int64_t days) {
  const CivilDate date = date_of(days);
  if (unit == TimeUnit::kYear) return date.year;
  return unit == TimeUnit::kMonth ? date.month : date.day;
}

int64_t extract(const Type& type, TimeUnit unit, int64_t value) {
  if (type.kind == TypeKind::kIntervalMonth) {
    if (unit == TimeUnit::kYear) return value / 12;
    return unit == TimeUnit::kMonth ? value % 12 : 0;
  }
  if (type.kind == TypeKind::kIntervalDay) {
    if (unit == TimeUnit::kDay) return value / kDayMs;
    if (unit == TimeUnit::kHour) return value / kHourMs % 24;
    return unit == TimeUnit::kMinute ? value / kMinuteMs % 60 : value % kMinuteMs;
  }
  if (type.kind == TypeKind::kDate) {
    return unit <= TimeUnit::kDay ? extract_from_date(unit, value) : 0;
  }
  if (unit <= TimeUnit::kDay) return extract_from_date(unit, floor_div(value, kDayMs));
  const int64_t ms = floor_mod(value, kDayMs);
  if (unit == TimeUnit::kHour) return ms / kHourMs;
  return unit == TimeUnit::kMinute ? ms / kMinuteMs % 60 : ms % kMinuteMs;
}

Result<BoundFunction> bind_extract(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("EXTRACT", args, 2, 2));
  TRY(auto text, literal_text("EXTRACT", args, 0));
  auto unit = unit_named(text);
  if (!unit) return refuse("EXTRACT({} ..): expected YEAR .. SECOND", text);
  const Type type = args[1].type;
  const bool date_part = *unit <= TimeUnit::kDay;
  bool fine = type.is_datetime() || type.is_interval() || type.kind == TypeKind::kNull;
  if (type.kind == TypeKind::kTime && date_part) fine = false;
  if (type.kind == TypeKind::kIntervalDay && *unit < TimeUnit::kDay) fine = false;
  if (type.kind == TypeKind::kIntervalMonth && *unit > TimeUnit::kMonth) fine = false;
  if (!fine) return refuse("EXTRACT: {} has no {}", type.text(), unit_name(*unit));
  BoundFunction out;
  out.type = *unit == TimeUnit::kSecond ? decimal_type(5, 3) : simple_type(TypeKind::kBigint);
  out.eval = [type, unit = *unit](std::span<const Value> values, EvalContext&) -> Result<Value> {
    return Value::of_integer(extract(type, unit, values[1].integer));
  };
  return out;
}

Result<void> expect_kind(std::string_view name, Arguments args, size_t index, TypeKind kind) {
  const auto& type = args[index].type;
  if (type.kind == kind || type.kind == TypeKind::kNull) return ok();
  return refuse("argument {} of {} must be a {}, but it is {}", index + 1, name,
                simple_type(kind).text(), type.text());
}

// Milliseconds between two timestamps; the direction is a switch.
Result<BoundFunction> bind_tsdiff(Arguments args, const FunctionOptions& options) {
  TRY_VOID(expect_count("TSDIFF", args, 2, 2));
  for (const auto& arg : args) {
    const auto kind = arg.type.kind;
    if (!arg.type.is_datetime() && kind != TypeKind::kBigint && kind != TypeKind::kNull) {
      return refuse("TSDIFF needs two TIMESTAMPs, or two BIGINTs of milliseconds, not {}",
                    arg.type.text());
    }
  }
  if (args[0].type.kind != args[1].type.kind && args[0].type.kind != TypeKind::kNull &&
      args[1].type.kind != TypeKind::kNull) {
    return refuse("TSDIFF needs two values of one type, not {} and {}", args[0].type.text(),
                  args[1].type.text());
  }
  BoundFunction out;
  out.type = simple_type(TypeKind::kBigint);
  const int64_t unit = args[0].type.kind == TypeKind::kDate ? kDayMs : 1;
  out.eval = [unit, direction = options.tsdiff](std::span<const Value> values,
                                                EvalContext&) -> Result<Value> {
    __int128 ms = (static_cast<__int128>(values[0].integer) - values[1].integer) * unit;
    using Tsdiff = FunctionOptions::Tsdiff;
    if (direction == Tsdiff::kEndMinusStart || (direction == Tsdiff::kAbsolute && ms < 0)) ms = -ms;
    if (ms > std::numeric_limits<int64_t>::max() || ms < std::numeric_limits<int64_t>::min()) {
      return fail(errors::kNumericOverflow, "the difference is outside BIGINT");
    }
    return Value::of_integer(static_cast<int64_t>(ms));
  };
  return out;
}

// The same number under another type: UNIX_TIMESTAMP and TO_TIMESTAMP.
Result<BoundFunction> bind_unix_timestamp(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("UNIX_TIMESTAMP", args, 1, 1));
  TRY_VOID(expect_kind("UNIX_TIMESTAMP", args, 0, TypeKind::kTimestamp));
  BoundFunction out;
  out.type = simple_type(TypeKind::kBigint);
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> { return values[0]; };
  return out;
}

Result<BoundFunction> bind_to_timestamp(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("TO_TIMESTAMP", args, 1, 1));
  TRY_VOID(expect_integer("TO_TIMESTAMP", args, 0));
  BoundFunction out;
  out.type = simple_type(TypeKind::kTimestamp);
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> { return values[0]; };
  return out;
}

enum class When { kQuery, kRow };

Registry::Scalar current(std::string_view name, TypeKind kind, When when) {
  return [name, kind, when](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 0, 0));
    BoundFunction out;
    out.type = simple_type(kind);
    out.type.nullable = false;
    out.deterministic = false;
    out.eval = [kind, when](std::span<const Value>, EvalContext& context) -> Result<Value> {
      const int64_t ms = when == When::kRow ? context.row_time_ms : context.query_start_ms;
      if (kind == TypeKind::kDate) return Value::of_integer(floor_div(ms, kDayMs));
      if (kind == TypeKind::kTime) return Value::of_integer(floor_mod(ms, kDayMs));
      return Value::of_integer(ms);
    };
    return out;
  };
}

// MONOTONIC(e) is e: that it grows is the author's word, which the binder takes.
Result<BoundFunction> bind_monotonic(Arguments args, const FunctionOptions&) {
  TRY_VOID(expect_count("MONOTONIC", args, 1, 1));
  BoundFunction out;
  out.type = args[0].type;
  out.eval = [](std::span<const Value> values, EvalContext&) -> Result<Value> { return values[0]; };
  return out;
}

}  // namespace

void add_time(Registry& to) {
  to.scalars["FLOOR_TO"] = round_to("FLOOR", Round::kDown);
  to.scalars["CEIL_TO"] = to.scalars["CEILING_TO"] = round_to("CEIL", Round::kUp);
  to.scalars["STEP"] = bind_step;
  to.scalars["EXTRACT"] = bind_extract;
  to.scalars["TSDIFF"] = bind_tsdiff;
  to.scalars["UNIX_TIMESTAMP"] = bind_unix_timestamp;
  to.scalars["TO_TIMESTAMP"] = bind_to_timestamp;
  to.scalars["MONOTONIC"] = bind_monotonic;
  to.scalars["CURRENT_DATE"] = current("CURRENT_DATE", TypeKind::kDate, When::kQuery);
  to.scalars["CURRENT_TIME"] = current("CURRENT_TIME", TypeKind::kTime, When::kQuery);
  to.scalars["LOCALTIME"] = current("LOCALTIME", TypeKind::kTime, When::kQuery);
  to.scalars["CURRENT_TIMESTAMP"] =
      current("CURRENT_TIMESTAMP", TypeKind::kTimestamp, When::kQuery);
  to.scalars["LOCALTIMESTAMP"] = current("LOCALTIMESTAMP", TypeKind::kTimestamp, When::kQuery);
  to.scalars["CURRENT_ROW_TIMESTAMP"] =
      current("CURRENT_ROW_TIMESTAMP", TypeKind::kTimestamp, When::kRow);
}

}  // namespace suiro::sql
