// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/log_parser.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "engine/sql/convert.h"

namespace suiro::sql {
namespace {

// The words of a column's description: names, "names", 'texts', and types with their parentheses.
class Description {
 public:
  explicit Description(std::string_view text) : text_(text), rest_(text) { skip(); }

  bool done() const { return rest_.empty(); }
  bool take(std::string_view word) {
    if (!equal_ignore_case(rest_.substr(0, word.size()), word)) return false;
    const bool letter = std::isalpha(static_cast<unsigned char>(word.back())) != 0;
    if (letter && rest_.size() > word.size() && is_word(rest_[word.size()])) return false;
    rest_.remove_prefix(word.size());
    skip();
    return true;
  }
  std::optional<std::string> name() {
    if (rest_.starts_with('"')) return quoted('"');
    std::string out;
    while (!rest_.empty() && is_word(rest_[0])) {
      out += static_cast<char>(std::toupper(static_cast<unsigned char>(rest_[0])));
      rest_.remove_prefix(1);
    }
    skip();
    if (out.empty()) return std::nullopt;
    return out;
  }
  std::optional<std::string> text() {
    if (!rest_.starts_with('\'')) return std::nullopt;
    return quoted('\'');
  }
  std::optional<size_t> number() {
    size_t out = 0;
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
    if (code != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    skip();
    return out;
  }
  // A type's words, up to what may follow it.
  std::string type() {
    std::string out;
    while (!rest_.empty() && rest_[0] != ',' && rest_[0] != '\'') {
      if (starts("NOT") || starts("START")) break;
      if (rest_[0] == '(') {
        const size_t end = std::min(rest_.find(')'), rest_.size() - 1);
        out += rest_.substr(0, end + 1);
        rest_.remove_prefix(end + 1);
      } else if (is_word(rest_[0])) {
        while (!rest_.empty() && is_word(rest_[0])) {
          out += rest_[0];
          rest_.remove_prefix(1);
        }
      } else {
        break;
      }
      out += ' ';
      skip();
    }
    return out;
  }
  std::unexpected<Error> bad(std::string_view expected) const {
    return fail(codes::kInvalidArgument,
                fmt::format("the columns '{}', character {}: expected {}", text_.substr(0, 200),
                            text_.size() - rest_.size() + 1, expected));
  }

 private:
  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  }
  bool starts(std::string_view word) const {
    return equal_ignore_case(rest_.substr(0, word.size()), word) &&
           (rest_.size() == word.size() || !is_word(rest_[word.size()]));
  }
  void skip() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_[0])) != 0) {
      rest_.remove_prefix(1);
    }
  }
  std::optional<std::string> quoted(char quote) {
    std::string out;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] != quote) {
        out += rest_[i];
      } else if (i + 1 < rest_.size() && rest_[i + 1] == quote) {
        out += rest_[++i];
      } else {
        rest_.remove_prefix(i + 1);
        skip();
        return out;
      }
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::string_view rest_;
};

// ['format'] [NOT NULL], in either order.
Result<void> read_options(Description& in, LogColumn& column) {
  for (;;) {
    if (in.take("NOT")) {
      if (!in.take("NULL")) return in.bad("NULL after NOT");
      column.required = true;
      column.type.nullable = false;
    } else if (auto text = in.text()) {
      if (!column.type.is_datetime()) return in.bad("a format only for DATE, TIME and TIMESTAMP");
      TRY(auto format, DateFormat::compile(*text));
      column.format = std::make_shared<const DateFormat>(std::move(format));
    } else {
      return ok();
    }
  }
}

Result<LogColumn> read_column(Description& in, LogColumnForm form) {
  LogColumn out;
  auto name = in.name();
  if (!name || name->empty()) return in.bad("a column's name");
  out.name = std::move(*name);
  if (form != LogColumnForm::kNames && !in.take("TYPE")) return in.bad("TYPE");
  const std::string type = in.type();
  if (type.empty()) {
    if (form != LogColumnForm::kNames) return in.bad("a type");
    out.type = varchar_type(kLogTextLength);
  } else {
    TRY(out.type, parse_type(trim(type)));
  }
  if (out.type.is_binary() || out.type.is_interval()) {
    return in.bad("a type that can be a log's column");
  }
  TRY_VOID(read_options(in, out));
  if (form != LogColumnForm::kPlaced) return out;
  if (!in.take("START")) return in.bad("START");
  auto start = in.number();
  if (!start) return in.bad("a number after START");
  out.start = *start;
  if (in.take("FOR")) {
    auto length = in.number();
    if (!length) return in.bad("a number after FOR");
    out.length = *length;
  }
  TRY_VOID(read_options(in, out));
  return out;
}

}  // namespace

Result<std::vector<LogColumn>> parse_log_columns(std::string_view text, LogColumnForm form) {
  Description in(text);
  std::vector<LogColumn> out;
  do {
    if (out.size() == kLogColumnsMax)
      return in.bad(fmt::format("at most {} columns", kLogColumnsMax));
    TRY(auto column, read_column(in, form));
    out.push_back(std::move(column));
  } while (in.take(","));
  if (!in.done()) return in.bad(", or the end");
  return out;
}

Type text_row(size_t columns) {
  std::vector<Field> fields;
  for (size_t i = 0; i < columns; ++i) {
    fields.push_back({fmt::format("COLUMN{}", i + 1), varchar_type(kLogTextLength)});
  }
  Type out = simple_type(TypeKind::kRow);
  out.fields = std::make_shared<const std::vector<Field>>(std::move(fields));
  return out;
}

Type column_row(const std::vector<LogColumn>& columns) {
  std::vector<Field> fields;
  for (const auto& column : columns) fields.push_back({column.name, column.type});
  Type out = simple_type(TypeKind::kRow);
  out.fields = std::make_shared<const std::vector<Field>>(std::move(fields));
  return out;
}

bool uses_now(const std::vector<LogColumn>& columns) {
  return std::ranges::any_of(columns, [](const LogColumn& column) {
    return column.format != nullptr && column.format->uses_now();
  });
}

Value row_value(const Value* fields) {
  Value out;
  out.null = false;
  out.fields = fields;
  return out;
}

Result<Value> missing_field(const LogColumn& column) {
  if (!column.required) return Value{};
  return fail(errors::kNullViolation, column.name + " must not be NULL");
}

Result<Value> read_field(const LogColumn& column, std::string_view text, EvalContext& context) {
  if (column.type.is_text()) {
    return Value::of_text(text.substr(0, prefix_bytes(text, column.type.length)));
  }
  const auto word = trim(text);
  if (word.empty()) return missing_field(column);
  if (!column.format) return parse_value(column.type, word);
  TRY(const int64_t ms, column.format->parse(word, context.query_start_ms));
  return Value::of_integer(cut_to(column.type.kind, ms));
}

std::unexpected<Error> not_parsed(std::string_view name, std::string_view text) {
  return fail(errors::kInvalidFormat,
              fmt::format("{} cannot take apart '{}'", name, text.substr(0, 200)));
}

}  // namespace suiro::sql
