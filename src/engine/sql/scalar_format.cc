// SPDX-License-Identifier: Apache-2.0
// CHAR_TO_DATE, CHAR_TO_TIME, CHAR_TO_TIMESTAMP(format, text) and DATE_TO_CHAR, TIME_TO_CHAR,
// TIMESTAMP_TO_CHAR(format, value). A constant format is compiled once; TIMESTAMP_TO_CHAR of NULL
// is the text 'null'.
#include <memory>

#include "engine/sql/calendar.h"
#include "engine/sql/date_format.h"
#include "engine/sql/library.h"

namespace suiro::sql {
namespace {

constexpr uint32_t kTextLength = 1'024;

using Format = std::shared_ptr<const DateFormat>;

// The format of a constant; null where it is not constant.
Result<Format> constant_format(std::string_view name, Arguments args) {
  TRY_VOID(expect_text(name, args, 0));
  if (args[0].literal == nullptr || args[0].literal->null) return Format();
  TRY(auto format, DateFormat::compile(args[0].literal->text));
  return std::make_shared<const DateFormat>(std::move(format));
}

auto as_row_error(const Error& error) {
  return fail(errors::kInvalidFormat, error.message);
}

Registry::Scalar char_to(std::string_view name, TypeKind kind) {
  return [name, kind](Arguments args, const FunctionOptions&) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 2, 2));
    TRY(auto format, constant_format(name, args));
    TRY_VOID(expect_text(name, args, 1));
    BoundFunction out;
    out.type = simple_type(kind);
    out.deterministic = format && !format->uses_now();
    out.eval = [kind, format](std::span<const Value> values,
                              EvalContext& context) -> Result<Value> {
      int64_t ms = 0;
      if (format) {
        TRY(ms, format->parse(values[1].text, context.query_start_ms));
        return Value::of_integer(cut_to(kind, ms));
      }
      auto compiled = DateFormat::compile(values[0].text);
      if (!compiled) return as_row_error(compiled.error());
      TRY(ms, compiled->parse(values[1].text, context.query_start_ms));
      return Value::of_integer(cut_to(kind, ms));
    };
    return out;
  };
}

Result<Value> print(const Format& format, TypeKind kind, std::span<const Value> values,
                    Arena& arena) {
  const int64_t ms = kind == TypeKind::kDate ? values[1].integer * kDayMs : values[1].integer;
  std::string& text = arena.scratch();
  if (format) {
    format->format(text, ms);
  } else {
    auto compiled = DateFormat::compile(values[0].text);
    if (!compiled) return as_row_error(compiled.error());
    compiled->format(text, ms);
  }
  return Value::of_text(arena.keep(text));
}

Registry::Scalar to_char(std::string_view name, TypeKind kind) {
  return [name, kind](Arguments args, const FunctionOptions& options) -> Result<BoundFunction> {
    TRY_VOID(expect_count(name, args, 2, 2));
    TRY(auto format, constant_format(name, args));
    const Type& type = args[1].type;
    if (type.kind != kind && type.kind != TypeKind::kNull) {
      return refuse("argument 2 of {} must be a {}, but it is {}", name, simple_type(kind).text(),
                    type.text());
    }
    BoundFunction out;
    out.type = varchar_type(kTextLength);
    out.null_on_null =
        kind != TypeKind::kTimestamp || options.null_to_char == FunctionOptions::NullToChar::kNull;
    out.eval = [kind, format](std::span<const Value> values,
                              EvalContext& context) -> Result<Value> {
      if (values[0].null) return Value{};
      if (values[1].null) return Value::of_text("null");
      return print(format, kind, values, context.arena);
    };
    return out;
  };
}

}  // namespace

int64_t cut_to(TypeKind kind, int64_t ms) {
  if (kind == TypeKind::kDate) return floor_div(ms, kDayMs);
  return kind == TypeKind::kTime ? floor_mod(ms, kDayMs) : ms;
}

void add_formats(Registry& to) {
  to.scalars["CHAR_TO_DATE"] = char_to("CHAR_TO_DATE", TypeKind::kDate);
  to.scalars["CHAR_TO_TIME"] = char_to("CHAR_TO_TIME", TypeKind::kTime);
  to.scalars["CHAR_TO_TIMESTAMP"] = char_to("CHAR_TO_TIMESTAMP", TypeKind::kTimestamp);
  to.scalars["DATE_TO_CHAR"] = to_char("DATE_TO_CHAR", TypeKind::kDate);
  to.scalars["TIME_TO_CHAR"] = to_char("TIME_TO_CHAR", TypeKind::kTime);
  to.scalars["TIMESTAMP_TO_CHAR"] = to_char("TIMESTAMP_TO_CHAR", TypeKind::kTimestamp);
}

}  // namespace suiro::sql
