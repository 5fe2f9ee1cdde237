// SPDX-License-Identifier: Apache-2.0
// Runs tests/golden/sql/functions/*.txt: one case a line; the format is told in README.md there.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/bytes.h"
#include "engine/sql/convert.h"
#include "engine/sql/function.h"

namespace suiro::sql {
namespace {

// 2016-09-23 04:29:26.234: CURRENT_ROW_TIMESTAMP of the cases; the query began a day before.
constexpr int64_t kRowTimeMs = 1'474'604'966'234;
constexpr int64_t kQueryStartMs = kRowTimeMs - 86'400'000;

struct Literal {
  Type type;
  Value value;
  std::string text;
  bool constant = true;
};

Type kind_type(TypeKind kind, uint32_t length = 0, uint32_t scale = 0) {
  Type out;
  out.kind = kind;
  out.length = length;
  out.scale = scale;
  return out;
}

// 'it''s' -> it's, taken off `text`.
std::optional<std::string> quoted(std::string_view& text) {
  if (!text.starts_with('\'')) return std::nullopt;
  std::string out;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 't' || text[i + 1] == 'n')) {
      out += text[++i] == 't' ? '\t' : '\n';
    } else if (text[i] != '\'') {
      out += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '\'') {
      out += text[++i];
    } else {
      text.remove_prefix(i + 1);
      return out;
    }
  }
  return std::nullopt;
}

Result<Literal> temporal(std::string_view text, TypeKind kind) {
  Literal out{.type = kind_type(kind)};
  auto inner = quoted(text);
  if (!inner) return fail(codes::kInvalidArgument, "expected a quoted text");
  int64_t value = 0;
  if (kind == TypeKind::kIntervalDay) {
    TRY(out.type, parse_interval_type(trim(text)));
    TRY(value, parse_interval(*inner, out.type));
  } else if (kind == TypeKind::kDate) {
    TRY(value, parse_date(*inner));
  } else if (kind == TypeKind::kTime) {
    TRY(value, parse_time(*inner, Fraction::kAccept));
  } else {
    TRY(value, parse_timestamp(*inner, Fraction::kAccept));
  }
  out.value = Value::of_integer(value);
  return out;
}

Result<Literal> number(std::string_view text) {
  Literal out;
  if (text.find_first_of("eE") != std::string_view::npos || text == "NaN") {
    out.type = kind_type(TypeKind::kDouble);
    TRY(const double real, parse_real(text));
    out.value = Value::of_real(real);
    return out;
  }
  const size_t point = text.find('.');
  const auto scale =
      point == std::string_view::npos ? 0U : static_cast<uint32_t>(text.size() - point - 1);
  TRY(const int64_t value, parse_decimal(text, scale));
  out.value = Value::of_integer(value);
  const auto digits = static_cast<uint32_t>(
      std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; }));
  out.type = kind_type(TypeKind::kDecimal, digits, scale);
  if (point == std::string_view::npos) {
    out.type = kind_type(value >= INT32_MIN && value <= INT32_MAX ? TypeKind::kInteger
                                                                  : TypeKind::kBigint);
  }
  return out;
}

// A value with an optional ":TYPE" (a CAST to it) and an optional $ before it: not a constant.
Result<Literal> parse_literal(std::string_view text) {
  text = trim(text);
  bool constant = true;
  if (text.starts_with('$')) {
    constant = false;
    text.remove_prefix(1);
  }
  Literal out;
  const auto rest_of = [&](std::string_view word) { return trim(text.substr(word.size())); };
  if (text.starts_with('\'')) {
    auto inner = quoted(text);
    if (!inner) return fail(codes::kInvalidArgument, "a quote is not closed");
    out.text = *inner;
    out.type = kind_type(TypeKind::kVarchar,
                         std::max<uint32_t>(1, static_cast<uint32_t>(character_count(*inner))));
    out.value.null = false;
    if (text.starts_with(':')) {
      TRY(out.type, parse_type(text.substr(1)));
    }
  } else if (text == "TRUE" || text == "FALSE") {
    out.type = kind_type(TypeKind::kBoolean);
    out.value = Value::of_integer(text == "TRUE" ? 1 : 0);
  } else if (text.starts_with("NULL")) {
    if (text.size() > 4) {
      TRY(out.type, parse_type(text.substr(5)));
    }
  } else if (text.starts_with("DATE ")) {
    TRY(out, temporal(rest_of("DATE"), TypeKind::kDate));
  } else if (text.starts_with("TIMESTAMP ")) {
    TRY(out, temporal(rest_of("TIMESTAMP"), TypeKind::kTimestamp));
  } else if (text.starts_with("TIME ")) {
    TRY(out, temporal(rest_of("TIME"), TypeKind::kTime));
  } else if (text.starts_with("INTERVAL ")) {
    TRY(out, temporal(rest_of("INTERVAL"), TypeKind::kIntervalDay));
  } else {
    const size_t colon = text.find(':');
    TRY(out, number(text.substr(0, colon)));
    if (colon != std::string_view::npos) {
      TRY(const Type to, parse_type(text.substr(colon + 1)));
      TRY(auto cast, FunctionLibrary().cast(out.type, to));
      Arena arena;
      EvalContext context{.arena = arena};
      TRY(out.value, cast.eval({&out.value, 1}, context));
      out.type = to;
    }
  }
  out.constant = constant;
  return out;
}

// Parts of `text` between separators that stand outside of quotes and parentheses.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  size_t from = 0;
  bool in_quotes = false;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') in_quotes = !in_quotes;
    if (in_quotes) continue;
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (text[i] == separator && depth == 0) {
      out.push_back(text.substr(from, i - from));
      from = i + 1;
    }
  }
  out.push_back(text.substr(from));
  return out;
}

std::vector<Literal> parse_literals(std::string_view text, char separator) {
  std::vector<Literal> out;
  if (trim(text).empty()) return out;
  for (const auto part : split(text, separator)) {
    auto literal = parse_literal(part);
    EXPECT_TRUE(literal) << part << ": " << (literal ? "" : literal.error().message);
    out.push_back(literal ? *literal : Literal{});
  }
  for (auto& literal : out) {
    if (literal.type.lane() == Lane::kText) literal.value.text = literal.text;
  }
  return out;
}

std::vector<ArgumentInfo> infos(const std::vector<Literal>& literals) {
  std::vector<ArgumentInfo> out;
  for (const auto& literal : literals) {
    out.push_back({literal.type, literal.constant ? &literal.value : nullptr});
  }
  return out;
}

std::string shown(const Type& type, const Value& value) {
  if (value.null) return "NULL";
  if (type.kind == TypeKind::kRow) {
    std::string out;
    for (size_t i = 0; i < type.fields->size(); ++i) {
      out += (i > 0 ? ", " : "(") + shown((*type.fields)[i].type, value.fields[i]);
    }
    return out + ")";
  }
  if (type.lane() == Lane::kText) return "'" + std::string(value.text) + "'";
  return text_of(type, value);
}

bool same(const Type& type, const Value& value, std::string_view expected) {
  const auto got = shown(type, value);
  if (got == expected) return true;
  if (type.lane() != Lane::kReal || value.null) return false;
  const auto real = parse_real(expected);
  return real && std::fabs(*real - value.real) <= 1e-9 * std::max(1.0, std::fabs(*real));
}

struct Case {
  std::string file;
  size_t line = 0;
  std::string name;
  std::string args;
  std::string expected;
};

std::vector<Case> cases_in(std::string_view prefix) {
  std::vector<Case> out;
  const std::filesystem::path folder = SUIRO_SOURCE_DIR "/tests/golden/sql/functions";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto file = entry.path().filename().string();
    if (!file.starts_with(prefix) || !file.ends_with(".txt")) continue;
    std::ifstream in(entry.path());
    std::string line;
    for (size_t number = 1; std::getline(in, line); ++number) {
      if (line.empty() || line.starts_with('#')) continue;
      const size_t bar = line.find(" | ");
      const size_t arrow = line.rfind(" => ");
      EXPECT_TRUE(bar != std::string::npos && arrow != std::string::npos && bar < arrow + 1)
          << file << ":" << number << ": " << line;
      if (bar == std::string::npos || arrow == std::string::npos) continue;
      const size_t from = std::min(bar + 3, arrow);
      out.push_back({file, number, std::string(trim(line.substr(0, bar))),
                     line.substr(from, arrow - from), std::string(trim(line.substr(arrow + 4)))});
    }
  }
  return out;
}

Result<BoundFunction> bind_case(const FunctionLibrary& library, const Case& c,
                                const std::vector<Literal>& args) {
  const auto arguments = infos(args);
  if (c.name.starts_with("CAST ")) {
    TRY(const Type to, parse_type(c.name.substr(5)));
    return library.cast(args.at(0).type, to);
  }
  return library.scalar(c.name, arguments);
}

// "value" or "value : TYPE".
void expect_result(const Case& c, const Type& type, const Value& value) {
  auto expected = std::string_view(c.expected);
  const size_t colon = expected.rfind(" : ");
  if (colon != std::string_view::npos) {
    EXPECT_EQ(type.text(), trim(expected.substr(colon + 3))) << c.file << ":" << c.line;
    expected = trim(expected.substr(0, colon));
  }
  EXPECT_TRUE(same(type, value, expected))
      << c.file << ":" << c.line << ": " << c.name << " | " << c.args << "\n  expected " << expected
      << "\n  got      " << shown(type, value);
}

void expect_error(const Case& c, const Error& error) {
  const auto where = c.file + ":" + std::to_string(c.line) + ": " + error.message;
  if (c.expected.starts_with("REFUSED")) {
    EXPECT_EQ(error.code, codes::kInvalidArgument) << where;
    const auto part = trim(std::string_view(c.expected).substr(7));
    EXPECT_NE(error.message.find(part), std::string::npos) << where;
  } else {
    EXPECT_EQ("ERROR " + error.code, c.expected) << where;
  }
}

TEST(FunctionGolden, Scalars) {
  const FunctionLibrary library;
  const auto cases = cases_in("scalar");
  EXPECT_GT(cases.size(), 100U);
  for (const auto& c : cases) {
    const auto args = parse_literals(c.args, ';');
    auto bound = bind_case(library, c, args);
    if (!bound) {
      EXPECT_TRUE(c.expected.starts_with("REFUSED"))
          << c.file << ":" << c.line << ": " << bound.error().message;
      expect_error(c, bound.error());
      continue;
    }
    std::vector<Value> values;
    bool null = false;
    for (const auto& arg : args) {
      values.push_back(arg.value);
      null |= arg.value.null;
    }
    Arena arena;
    EvalContext context{.arena = arena, .row_time_ms = kRowTimeMs, .query_start_ms = kQueryStartMs};
    auto value =
        null && bound->null_on_null ? Result<Value>(Value{}) : bound->eval(values, context);
    if (value) {
      expect_result(c, bound->type, *value);
    } else {
      expect_error(c, value.error());
    }
  }
}

// "WINDOW n NAME(constants) MODIFIERS" or "NAME(constants)".
struct AggregateCase {
  std::optional<size_t> preceding;
  AggregateCall call;
  std::vector<Literal> constants;
};

AggregateCase parse_call(std::string_view name) {
  AggregateCase out;
  if (name.starts_with("WINDOW ")) {
    name.remove_prefix(7);
    out.preceding = std::stoul(std::string(name));
    name = trim(name.substr(name.find(' ')));
    out.call.place = AggregateCall::Place::kWindow;
  }
  const auto take = [&](std::string_view word) {
    const size_t at = name.find(word);
    if (at == std::string_view::npos) return false;
    name = trim(name.substr(0, at));
    return true;
  };
  if (take(" IGNORE NULLS")) out.call.nulls = NullTreatment::kIgnore;
  if (take(" FROM LAST")) out.call.from = AggregateCall::From::kLast;
  if (take(" DISTINCT")) out.call.quantifier = AggregateCall::Quantifier::kDistinct;
  const size_t open = name.ends_with("(*)") ? std::string_view::npos : name.find('(');
  if (open != std::string_view::npos) {
    out.constants = parse_literals(name.substr(open + 1, name.size() - open - 2), ',');
    name = name.substr(0, open);
  }
  out.call.name = name == "COUNT(*)" ? std::string("COUNT") : std::string(name);
  return out;
}

// A row of an aggregate's case: "@ms value", or the value alone.
struct TimedRow {
  int64_t time_ms = 0;
  std::vector<Value> values;
};

// Stored and read back between any two steps: a state that loses something shows.
Result<void> through_bytes(const BoundAggregate& bound, std::unique_ptr<Accumulator>& state) {
  Bytes bytes;
  state->encode(bytes);
  auto again = bound.create();
  TRY_VOID(again->decode(bytes));
  Bytes same_bytes;
  again->encode(same_bytes);
  EXPECT_EQ(bytes, same_bytes);
  state = std::move(again);
  return ok();
}

std::string run_aggregate(const BoundAggregate& bound, const std::vector<TimedRow>& rows,
                          std::optional<size_t> preceding) {
  auto state = bound.create();
  std::string out;
  Arena arena;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (preceding && i > *preceding) {
      const auto& old = rows[i - *preceding - 1];
      if (auto removed = state->remove(old.values, old.time_ms); !removed)
        return removed.error().code;
    }
    if (auto added = state->add(rows[i].values, rows[i].time_ms); !added) {
      return "ERROR " + added.error().code;
    }
    if (auto stored = through_bytes(bound, state); !stored) return stored.error().message;
    if (!preceding) continue;
    auto value = state->result(arena);
    out +=
        (i > 0 ? ", " : "") + (value ? shown(bound.type, *value) : "ERROR " + value.error().code);
  }
  if (preceding) return out;
  auto value = state->result(arena);
  return value ? shown(bound.type, *value) : "ERROR " + value.error().code;
}

TEST(FunctionGolden, Aggregates) {
  const FunctionLibrary library;
  const auto cases = cases_in("aggregate");
  EXPECT_GT(cases.size(), 20U);
  for (const auto& c : cases) {
    auto parsed = parse_call(c.name);
    std::vector<TimedRow> rows;
    std::vector<Literal> literals;
    std::string values;
    for (auto part : split(c.args, ';')) {
      part = trim(part);
      int64_t time_ms = 0;
      if (part.starts_with('@')) {
        time_ms = std::stoll(std::string(part.substr(1)));
        part = trim(part.substr(part.find(' ')));
      }
      rows.push_back({.time_ms = time_ms, .values = {}});
      if (!values.empty()) values += ';';
      values += part;
    }
    literals = parse_literals(values, ';');
    const bool counts_rows = c.name.ends_with("COUNT(*)");
    if (!counts_rows && !literals.empty()) {
      parsed.call.args.push_back({literals[0].type, nullptr});
      for (const auto& literal : literals) {
        if (!literal.value.null) parsed.call.args[0].type = literal.type;
      }
      for (const auto& constant : parsed.constants) {
        parsed.call.args.push_back({constant.type, &constant.value});
      }
    }
    auto bound = library.aggregate(parsed.call);
    if (!bound) {
      expect_error(c, bound.error());
      continue;
    }
    if (literals.empty()) rows.clear();
    for (size_t i = 0; i < rows.size() && !counts_rows; ++i) {
      rows[i].values.push_back(literals[i].value);
      for (const auto& constant : parsed.constants) rows[i].values.push_back(constant.value);
    }
    EXPECT_EQ(run_aggregate(*bound, rows, parsed.preceding), c.expected)
        << c.file << ":" << c.line << ": " << c.name << " | " << c.args;
  }
}

}  // namespace
}  // namespace suiro::sql
