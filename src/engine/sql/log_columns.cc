// SPDX-License-Identifier: Apache-2.0
// FIXED_COLUMN_LOG_PARSE, VARIABLE_COLUMN_LOG_PARSE and SYS_LOG_PARSE.

#include "base/bytes.h"
#include "engine/sql/calendar.h"
#include "engine/sql/convert.h"
#include "engine/sql/log_parser.h"
#include "engine/sql/utf8.h"

namespace suiro::sql {
namespace {

Result<Value> fixed_columns(const std::vector<LogColumn>& columns, std::string_view text,
                            EvalContext& context) {
  Value* fields = context.arena.values(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& column = columns[i];
    const size_t from = prefix_bytes(text, column.start);
    if (from >= text.size()) {
      TRY(fields[i], missing_field(column));
      continue;
    }
    const auto rest = text.substr(from);
    const auto field = rest.substr(0, prefix_bytes(rest, column.length));
    TRY(fields[i], read_field(column, field, context));
  }
  return row_value(fields);
}

Result<BoundFunction> bind_fixed(Arguments args, const FunctionOptions&) {
  static constexpr std::string_view kName = "FIXED_COLUMN_LOG_PARSE";
  TRY_VOID(expect_count(kName, args, 2, 2));
  TRY_VOID(expect_text(kName, args, 0));
  TRY(auto text, literal_text(kName, args, 1));
  TRY(auto parsed, parse_log_columns(text, LogColumnForm::kPlaced));
  auto columns = std::make_shared<const std::vector<LogColumn>>(std::move(parsed));
  BoundFunction out;
  out.type = column_row(*columns);
  out.deterministic = !uses_now(*columns);
  out.eval = [columns](std::span<const Value> values, EvalContext& context) {
    return fixed_columns(*columns, values[0].text, context);
  };
  return out;
}

// How a line is cut into fields.
struct Separators {
  std::string delimiter;
  std::string escape;  // "": none
  std::string begin_quote;
  std::string end_quote;
};

// Takes one field off the line. A field without quotes and escapes borrows from the line.
std::string_view next_field(const Separators& by, std::string_view& line, Arena& arena) {
  std::string& changed = arena.scratch();
  bool is_changed = false;
  size_t at = 0;
  bool quoted = false;
  const auto change = [&](size_t skipped, std::string_view kept) {
    if (!is_changed) changed = line.substr(0, at);
    is_changed = true;
    changed += kept;
    at += skipped;
  };
  while (at < line.size()) {
    const auto rest = line.substr(at);
    if (!quoted && rest.starts_with(by.delimiter)) break;
    if (!by.escape.empty() && rest.starts_with(by.escape) && rest.size() > by.escape.size()) {
      const auto next = utf8_first(rest.substr(by.escape.size()));
      change(by.escape.size() + next.size(), next);
    } else if (quoted && rest.starts_with(by.end_quote)) {
      quoted = false;
      change(by.end_quote.size(), {});
    } else if (!quoted && !by.begin_quote.empty() && rest.starts_with(by.begin_quote)) {
      quoted = true;
      change(by.begin_quote.size(), {});
    } else {
      const auto c = utf8_first(rest);
      if (is_changed) changed += c;
      at += c.size();
    }
  }
  const auto field = is_changed ? arena.keep(changed) : line.substr(0, at);
  line.remove_prefix(at);
  return field;
}

Result<Value> variable_columns(const std::vector<LogColumn>& columns, const Separators& by,
                               std::string_view line, EvalContext& context) {
  Value* fields = context.arena.values(columns.size());
  bool ended = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (ended) {
      TRY(fields[i], missing_field(columns[i]));
      continue;
    }
    const auto field = next_field(by, line, context.arena);
    TRY(fields[i], read_field(columns[i], field, context));
    ended = line.empty();
    if (!ended) line.remove_prefix(by.delimiter.size());
  }
  return row_value(fields);
}

Result<std::vector<LogColumn>> variable_description(std::string_view name, Arguments args) {
  if (args[1].type.is_text()) {
    TRY(auto text, literal_text(name, args, 1));
    return parse_log_columns(text, LogColumnForm::kTyped);
  }
  TRY(const int64_t count, literal_integer(name, args, 1, 1, kLogColumnsMax));
  std::vector<LogColumn> out;
  for (int64_t i = 1; i <= count; ++i) {
    out.push_back({.name = fmt::format("COLUMN{}", i), .type = varchar_type(kLogTextLength)});
  }
  return out;
}

Result<Separators> separators_of(std::string_view name, Arguments args) {
  Separators out;
  TRY(out.delimiter, literal_text(name, args, 2));
  if (out.delimiter.empty()) return refuse("{}: the delimiter is empty", name);
  if (args.size() > 3 && args[3].type.kind != TypeKind::kNull) {
    TRY(out.escape, literal_text(name, args, 3));
  }
  if (args.size() > 4) {
    TRY(auto quotes, literal_text(name, args, 4));
    if (character_count(quotes) > 2) return refuse("{}: at most two quote characters", name);
    out.begin_quote = utf8_first(quotes);
    out.end_quote = quotes.substr(out.begin_quote.size());
    if (out.end_quote.empty()) out.end_quote = out.begin_quote;
  }
  return out;
}

Result<BoundFunction> bind_variable(Arguments args, const FunctionOptions&) {
  static constexpr std::string_view kName = "VARIABLE_COLUMN_LOG_PARSE";
  TRY_VOID(expect_count(kName, args, 3, 5));
  TRY_VOID(expect_text(kName, args, 0));
  TRY(auto described, variable_description(kName, args));
  TRY(auto by, separators_of(kName, args));
  auto columns = std::make_shared<const std::vector<LogColumn>>(std::move(described));
  BoundFunction out;
  out.type = column_row(*columns);
  out.deterministic = !uses_now(*columns);
  out.eval = [columns, by](std::span<const Value> values, EvalContext& context) {
    return variable_columns(*columns, by, values[0].text, context);
  };
  return out;
}

// syslog's lines bear no year: it is the one of the row's time, or the one before where the line
// would lie more than a day after that.
int64_t with_year(int64_t ms, int64_t row_time_ms) {
  const CivilDate line = date_of(floor_div(ms, kDayMs));
  int64_t year = date_of(floor_div(row_time_ms, kDayMs)).year;
  const auto at = [&] {
    return days_of(year, line.month, line.day) * kDayMs + floor_mod(ms, kDayMs);
  };
  if (at() > row_time_ms + kDayMs) --year;
  return at();
}

Result<BoundFunction> bind_sys_log(Arguments args, const FunctionOptions&) {
  static constexpr std::string_view kName = "SYS_LOG_PARSE";
  constexpr size_t kTimeBytes = 15;  // "Jan  2 03:04:05"
  TRY_VOID(expect_count(kName, args, 1, 1));
  TRY_VOID(expect_text(kName, args, 0));
  // The year 2000 has a February 29.
  TRY(auto compiled, DateFormat::compile("yyyy MMM d HH:mm:ss"));
  auto format = std::make_shared<const DateFormat>(std::move(compiled));
  BoundFunction out;
  out.type = column_row({{.name = "COLUMN1", .type = simple_type(TypeKind::kTimestamp)},
                         {.name = "COLUMN2", .type = varchar_type(kLogTextLength)}});
  out.deterministic = false;  // the year is the row's
  out.eval = [format](std::span<const Value> values, EvalContext& context) -> Result<Value> {
    const auto line = values[0].text;
    if (line.size() < kTimeBytes) return not_parsed(kName, line);
    std::string& dated = context.arena.scratch();
    dated = "2000 ";
    dated += line.substr(0, kTimeBytes);
    auto ms = format->parse(dated, 0);
    if (!ms) return not_parsed(kName, line);
    auto rest = line.substr(kTimeBytes);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    Value* fields = context.arena.values(2);
    fields[0] = Value::of_integer(with_year(*ms, context.row_time_ms));
    fields[1] = Value::of_text(rest.substr(0, prefix_bytes(rest, kLogTextLength)));
    return row_value(fields);
  };
  return out;
}

}  // namespace

void add_log_parsers(Registry& to) {
  to.scalars["FIXED_COLUMN_LOG_PARSE"] = bind_fixed;
  to.scalars["VARIABLE_COLUMN_LOG_PARSE"] = bind_variable;
  to.scalars["SYS_LOG_PARSE"] = bind_sys_log;
  add_w3c_parser(to);
}

}  // namespace suiro::sql
