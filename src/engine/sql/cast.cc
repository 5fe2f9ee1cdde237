// SPDX-License-Identifier: Apache-2.0
// CAST. What may become what, and when it raises: the reference's page "CAST"; what that page
// leaves open: docs/decisions/131-casts.md.
#include <cmath>
#include <cstring>
#include <limits>

#include "base/bytes.h"
#include "engine/sql/calendar.h"
#include "engine/sql/convert.h"
#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

using Eval = decltype(BoundFunction::eval);

constexpr uint32_t kTimestampSeconds = 19;  // characters of 'yyyy-MM-dd HH:mm:ss'
constexpr uint32_t kTimeSeconds = 8;

// Blank-padded to a CHAR's length.
Result<Value> padded(const Type& to, std::string_view text, size_t characters, Arena& arena) {
  if (to.kind != TypeKind::kChar || characters >= to.length) return Value::of_text(text);
  const size_t blanks = to.length - characters;
  char* room = arena.room(text.size() + blanks);
  if (!text.empty()) std::memcpy(room, text.data(), text.size());
  std::memset(room + text.size(), ' ', blanks);
  return Value::of_text({room, text.size() + blanks});
}

// Text to text: what is too long is cut, as SQL's CAST does.
Eval text_to_text(const Type& to) {
  return [to](std::span<const Value> args, EvalContext& context) -> Result<Value> {
    const auto text = args[0].text;
    if (to.kind == TypeKind::kVarchar && text.size() <= to.length) return args[0];
    const auto cut = text.substr(0, prefix_bytes(text, to.length));
    return padded(to, cut, character_count(cut), context.arena);
  };
}

Eval binary_to_binary(const Type& to) {
  return [to](std::span<const Value> args, EvalContext& context) -> Result<Value> {
    const auto bytes = args[0].text.substr(0, to.length);
    if (to.kind != TypeKind::kBinary || bytes.size() == to.length) return Value::of_text(bytes);
    char* room = context.arena.room(to.length);
    std::memset(room, 0, to.length);
    if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
    return Value::of_text({room, to.length});
  };
}

// A number, datetime, interval or truth value as text. Too short a target raises, except where
// only an interval's trailing fields or the fraction of a second are lost.
Eval value_to_text(const Type& from, const Type& to,
                   FunctionOptions::IntervalText intervals = FunctionOptions::IntervalText::kCut) {
  const bool cuts = intervals == FunctionOptions::IntervalText::kCut;
  return [from, to, cuts](std::span<const Value> args, EvalContext& context) -> Result<Value> {
    std::string& text = context.arena.scratch();
    append_text(text, from, args[0]);
    if (text.size() > to.length) {
      const bool seconds =
          (from.kind == TypeKind::kTimestamp && to.length >= kTimestampSeconds && text[0] != '-') ||
          (from.kind == TypeKind::kTime && to.length >= kTimeSeconds);
      if (seconds) {
        text.resize(text.rfind('.'));
      } else if (from.is_interval() && cuts) {
        text.resize(to.length);
      } else {
        return fail(errors::kTooLong, fmt::format("'{}' does not fit into {}", text, to.text()));
      }
    }
    const auto kept = context.arena.keep(text);
    return padded(to, kept, kept.size(), context.arena);
  };
}

Result<Value> checked(const Type& to, int64_t value) {
  if (fits(to, value)) return Value::of_integer(value);
  return fail(errors::kNumericOverflow, "the value is outside " + to.text());
}

Result<Value> checked_real(const Type& to, double value) {
  if (to.kind == TypeKind::kReal) {
    const auto single = static_cast<float>(value);
    if (std::isinf(single) && std::isfinite(value)) {
      return fail(errors::kNumericOverflow, "the value is outside REAL");
    }
    return Value::of_real(static_cast<double>(single));
  }
  return Value::of_real(value);
}

uint32_t scale_of(const Type& type) {
  return type.kind == TypeKind::kDecimal ? type.scale : 0;
}

Eval number_to_number(const Type& from, const Type& to) {
  return [from, to](std::span<const Value> args, EvalContext&) -> Result<Value> {
    if (to.lane() == Lane::kReal) return checked_real(to, real_of(from, args[0]));
    if (from.lane() == Lane::kReal) {
      TRY(int64_t value, scaled_of(args[0].real, scale_of(to)));
      return checked(to, value);
    }
    TRY(int64_t value, rescale(args[0].integer, scale_of(from), scale_of(to)));
    return checked(to, value);
  };
}

Result<Value> boolean_of(std::string_view text) {
  const auto word = trim(text);
  if (equal_ignore_case(word, "TRUE")) return Value::of_integer(1);
  if (equal_ignore_case(word, "FALSE")) return Value::of_integer(0);
  if (equal_ignore_case(word, "UNKNOWN")) return Value{};
  return fail(errors::kInvalidCast, fmt::format("'{}' is not a BOOLEAN", text));
}

}  // namespace

Result<Value> parse_value(const Type& to, std::string_view text) {
  int64_t value = 0;
  const auto word = trim(text);
  switch (to.kind) {
    case TypeKind::kBoolean:
      return boolean_of(text);
    case TypeKind::kReal:
    case TypeKind::kDouble: {
      TRY(double real, parse_real(text));
      return checked_real(to, real);
    }
    case TypeKind::kDate: {
      TRY(value, parse_date(word));
      break;
    }
    case TypeKind::kTime: {
      TRY(value, parse_time(word, Fraction::kAccept));
      break;
    }
    case TypeKind::kTimestamp: {
      TRY(value, parse_timestamp(word, Fraction::kAccept));
      break;
    }
    case TypeKind::kIntervalDay:
    case TypeKind::kIntervalMonth: {
      TRY(value, parse_interval(word, to));
      break;
    }
    default: {
      TRY(value, parse_decimal(text, scale_of(to)));
      return checked(to, value);
    }
  }
  return Value::of_integer(value);
}

namespace {

Eval text_to_value(const Type& to) {
  return [to](std::span<const Value> args, EvalContext&) { return parse_value(to, args[0].text); };
}

Eval identity() {
  return [](std::span<const Value> args, EvalContext&) -> Result<Value> { return args[0]; };
}

// DATE, TIME and TIMESTAMP among each other; a TIME gets the day on which the query began.
Eval datetime_to_datetime(const Type& from, const Type& to) {
  const auto pair = std::pair(from.kind, to.kind);
  return [pair](std::span<const Value> args, EvalContext& context) -> Result<Value> {
    const int64_t value = args[0].integer;
    if (pair == std::pair(TypeKind::kDate, TypeKind::kTimestamp)) {
      constexpr int64_t kDaysMax = std::numeric_limits<int64_t>::max() / kDayMs;
      if (value > kDaysMax || value < -kDaysMax) {
        return fail(errors::kNumericOverflow, "the date is outside TIMESTAMP");
      }
      return Value::of_integer(value * kDayMs);
    }
    if (pair.first == TypeKind::kTime) {
      return Value::of_integer(floor_div(context.query_start_ms, kDayMs) * kDayMs + value);
    }
    if (pair.second == TypeKind::kDate) return Value::of_integer(floor_div(value, kDayMs));
    return Value::of_integer(floor_mod(value, kDayMs));
  };
}

// An interval of one field as a number of that field.
Eval interval_to_number(const Type& from, const Type& to) {
  return [from, to](std::span<const Value> args, EvalContext&) -> Result<Value> {
    __int128 value = args[0].integer;
    uint32_t scale = 0;
    if (from.kind == TypeKind::kIntervalMonth) {
      if (from.leading == TimeUnit::kYear) value /= 12;
    } else if (from.leading == TimeUnit::kSecond) {
      scale = 3;
    } else {
      value /= unit_ms(from.leading);
    }
    TRY(int64_t scaled, rescale(value, scale, scale_of(to)));
    return checked(to, scaled);
  };
}

// Null: no such conversion.
Eval numeric_source(const Type& from, const Type& to) {
  if (to.is_numeric()) return number_to_number(from, to);
  if (to.is_text()) return value_to_text(from, to);
  return nullptr;
}

Eval datetime_source(const Type& from, const Type& to) {
  if (to.is_text()) return value_to_text(from, to);
  if (from.kind == to.kind) return identity();
  if (!to.is_datetime()) return nullptr;
  if (from.kind == TypeKind::kDate && to.kind == TypeKind::kTime) return nullptr;
  if (from.kind == TypeKind::kTime && to.kind == TypeKind::kDate) return nullptr;
  return datetime_to_datetime(from, to);
}

Eval interval_source(const Type& from, const Type& to) {
  if (to.is_text()) return value_to_text(from, to);
  if (from.kind == to.kind) return identity();
  const bool exact = to.is_integer() || to.kind == TypeKind::kDecimal;
  if (exact && from.leading == from.trailing) return interval_to_number(from, to);
  return nullptr;
}

Eval conversion(const Type& from, const Type& to) {
  if (from.kind == TypeKind::kNull) return identity();
  if (from.is_numeric()) return numeric_source(from, to);
  if (from.is_text()) {
    if (to.is_text()) return text_to_text(to);
    return to.is_binary() || to.kind == TypeKind::kRow ? nullptr : text_to_value(to);
  }
  if (from.is_datetime()) return datetime_source(from, to);
  if (from.is_interval()) return interval_source(from, to);
  if (from.is_binary()) return to.is_binary() ? binary_to_binary(to) : nullptr;
  if (from.kind == TypeKind::kBoolean) {
    if (to.is_text()) return value_to_text(from, to);
    return to.kind == TypeKind::kBoolean ? identity() : nullptr;
  }
  return nullptr;
}

std::string_view advice(const Type& from, const Type& to) {
  if (from.is_numeric() && to.is_interval()) {
    return ": multiply the number with an interval, as n * INTERVAL '1' SECOND";
  }
  if (from.kind == TypeKind::kTimestamp && to.is_numeric()) return ": use UNIX_TIMESTAMP";
  if (from.is_numeric() && to.is_datetime()) return ": use TO_TIMESTAMP";
  if (from.is_interval() && to.is_numeric()) {
    return ": only an interval of one field, as SECOND, becomes an exact number";
  }
  return "";
}

}  // namespace

Result<BoundFunction> bind_cast(const Type& from, const Type& to, const FunctionOptions& options) {
  BoundFunction out;
  out.type = to;
  out.type.nullable = from.nullable || from.kind == TypeKind::kNull;
  out.eval = conversion(from, to);
  if (from.is_interval() && to.is_text()) out.eval = value_to_text(from, to, options.interval_text);
  if (!out.eval) {
    return refuse("cannot CAST {} AS {}{}", from.text(), to.text(), advice(from, to));
  }
  out.deterministic = !(from.kind == TypeKind::kTime && to.kind == TypeKind::kTimestamp);
  return out;
}

}  // namespace suiro::sql
