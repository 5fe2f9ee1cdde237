// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/bytes.h"

namespace suiro::sql {
namespace {

constexpr std::array<std::string_view, 6> kUnits = {"YEAR", "MONTH",  "DAY",
                                                    "HOUR", "MINUTE", "SECOND"};

struct Name {
  std::string_view text;
  TypeKind kind;
};
// The longer of two names with a common beginning stands first.
constexpr Name kNames[] = {
    {"BOOLEAN", TypeKind::kBoolean},
    {"TINYINT", TypeKind::kTinyint},
    {"SMALLINT", TypeKind::kSmallint},
    {"INTEGER", TypeKind::kInteger},
    {"INT", TypeKind::kInteger},
    {"BIGINT", TypeKind::kBigint},
    {"DECIMAL", TypeKind::kDecimal},
    {"NUMERIC", TypeKind::kDecimal},
    {"DEC", TypeKind::kDecimal},
    {"REAL", TypeKind::kReal},
    {"DOUBLE PRECISION", TypeKind::kDouble},
    {"DOUBLE", TypeKind::kDouble},
    {"FLOAT", TypeKind::kDouble},
    {"CHARACTER VARYING", TypeKind::kVarchar},
    {"CHARACTER", TypeKind::kChar},
    {"CHAR VARYING", TypeKind::kVarchar},
    {"CHAR", TypeKind::kChar},
    {"VARCHAR", TypeKind::kVarchar},
    {"BINARY VARYING", TypeKind::kVarbinary},
    {"BINARY", TypeKind::kBinary},
    {"VARBINARY", TypeKind::kVarbinary},
    {"DATE", TypeKind::kDate},
    {"TIMESTAMP", TypeKind::kTimestamp},
    {"TIME", TypeKind::kTime},
};

// Words, numbers and the signs ( ) , of a type, one after the other.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) { skip(); }
  bool take(std::string_view word) {
    if (text_.size() < word.size() || !equal_ignore_case(text_.substr(0, word.size()), word)) {
      return false;
    }
    const bool is_word = std::isalpha(static_cast<unsigned char>(word[0])) != 0;
    if (is_word && text_.size() > word.size()) {
      const auto next = static_cast<unsigned char>(text_[word.size()]);
      if (std::isalnum(next) != 0 || next == '_') return false;
    }
    text_.remove_prefix(word.size());
    skip();
    return true;
  }
  // A name of one or two words with any white space between them.
  bool take_name(std::string_view name) {
    const size_t space = name.find(' ');
    if (space == std::string_view::npos) return take(name);
    const auto before = text_;
    if (take(name.substr(0, space)) && take(name.substr(space + 1))) return true;
    text_ = before;
    return false;
  }
  std::optional<uint32_t> number() {
    uint32_t value = 0;
    auto [end, code] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (code != std::errc()) return std::nullopt;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    skip();
    return value;
  }
  bool done() const { return text_.empty(); }

 private:
  void skip() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_[0])) != 0) {
      text_.remove_prefix(1);
    }
  }
  std::string_view text_;
};

std::optional<TimeUnit> unit_of(Words& in) {
  for (size_t i = 0; i < kUnits.size(); ++i) {
    if (in.take(kUnits[i])) return static_cast<TimeUnit>(i);
  }
  return std::nullopt;
}

auto bad(std::string message) {
  return fail(codes::kInvalidArgument, std::move(message));
}

// What follows a unit in parentheses; false: parentheses with something else in them.
bool precision(Words& in, Type& type, bool& fraction_given) {
  if (!in.take("(")) return true;
  auto digits = in.number();
  if (!digits || *digits > 10) return false;
  type.leading_digits = static_cast<uint8_t>(*digits);
  if (in.take(",")) {
    auto fraction = in.number();
    if (!fraction || *fraction > 9) return false;
    type.fraction_digits = static_cast<uint8_t>(*fraction);
    fraction_given = true;
  }
  return in.take(")");
}

Result<Type> interval_of(Words& in, std::string_view text) {
  const auto wrong = [&] {
    return bad(fmt::format(
        "\"{}\" is not an interval: expected YEAR, MONTH, YEAR TO MONTH, or DAY, HOUR, MINUTE, "
        "SECOND with an optional precision and TO a smaller one of these",
        text));
  };
  Type type;
  auto leading = unit_of(in);
  if (!leading) return wrong();
  type.leading = type.trailing = *leading;
  bool fraction_given = false;
  if (!precision(in, type, fraction_given)) return wrong();
  if (fraction_given && *leading != TimeUnit::kSecond) return wrong();
  if (in.take("TO")) {
    auto trailing = unit_of(in);
    if (!trailing || *trailing <= *leading) return wrong();
    type.trailing = *trailing;
    if (in.take("(")) {
      auto fraction = in.number();
      if (!fraction || *fraction > 9 || !in.take(")")) return wrong();
      type.fraction_digits = static_cast<uint8_t>(*fraction);
    }
  }
  const bool months = type.trailing <= TimeUnit::kMonth;
  if (!months && type.leading <= TimeUnit::kMonth) return wrong();
  type.kind = months ? TypeKind::kIntervalMonth : TypeKind::kIntervalDay;
  return type;
}

Result<void> decimal_of(Words& in, Type& type, std::string_view text) {
  type.length = kDecimalDigitsCap;
  if (!in.take("(")) return ok();
  auto digits = in.number();
  std::optional<uint32_t> scale = 0;
  if (digits && in.take(",")) scale = in.number();
  if (!digits || !scale || !in.take(")")) {
    return bad(
        fmt::format("\"{}\": expected DECIMAL(precision) or DECIMAL(precision, scale)", text));
  }
  if (*digits < 1 || *digits > kDecimalDigitsMax || *scale > *digits) {
    return bad(fmt::format("\"{}\": a precision is from 1 to {}, a scale from 0 to the precision",
                           text, kDecimalDigitsMax));
  }
  type.length = *digits;
  type.scale = *scale;
  return ok();
}

Result<void> length_of(Words& in, Type& type, std::string_view text) {
  const bool fixed = type.kind == TypeKind::kChar || type.kind == TypeKind::kBinary;
  type.length = fixed ? 1 : kTextLengthMax;
  if (!in.take("(")) return ok();
  auto length = in.number();
  if (!length || !in.take(")")) {
    return bad(fmt::format("\"{}\": expected a length in parentheses", text));
  }
  if (*length < 1 || *length > kTextLengthMax) {
    return bad(fmt::format("\"{}\": a length is from 1 to {}", text, kTextLengthMax));
  }
  type.length = *length;
  return ok();
}

}  // namespace

Lane Type::lane() const {
  switch (kind) {
    case TypeKind::kReal:
    case TypeKind::kDouble:
      return Lane::kReal;
    case TypeKind::kChar:
    case TypeKind::kVarchar:
    case TypeKind::kBinary:
    case TypeKind::kVarbinary:
      return Lane::kText;
    case TypeKind::kRow:
      return Lane::kNone;
    default:
      return Lane::kInteger;
  }
}

bool Type::is_text() const {
  return kind == TypeKind::kChar || kind == TypeKind::kVarchar;
}
bool Type::is_binary() const {
  return kind == TypeKind::kBinary || kind == TypeKind::kVarbinary;
}
bool Type::is_integer() const {
  return kind >= TypeKind::kTinyint && kind <= TypeKind::kBigint;
}
bool Type::is_numeric() const {
  return kind >= TypeKind::kTinyint && kind <= TypeKind::kDouble;
}
bool Type::is_datetime() const {
  return kind >= TypeKind::kDate && kind <= TypeKind::kTimestamp;
}
bool Type::is_interval() const {
  return kind == TypeKind::kIntervalDay || kind == TypeKind::kIntervalMonth;
}

std::string_view unit_name(TimeUnit unit) {
  return kUnits[static_cast<size_t>(unit)];
}

std::optional<TimeUnit> unit_named(std::string_view name) {
  for (size_t i = 0; i < kUnits.size(); ++i) {
    if (equal_ignore_case(kUnits[i], name)) return static_cast<TimeUnit>(i);
  }
  return std::nullopt;
}

std::string Type::text() const {
  switch (kind) {
    case TypeKind::kNull:
      return "NULL";
    case TypeKind::kRow:
      return "ROW";
    case TypeKind::kDecimal:
      return fmt::format("DECIMAL({},{})", length, scale);
    case TypeKind::kChar:
      return fmt::format("CHAR({})", length);
    case TypeKind::kVarchar:
      return fmt::format("VARCHAR({})", length);
    case TypeKind::kBinary:
      return fmt::format("BINARY({})", length);
    case TypeKind::kVarbinary:
      return fmt::format("VARBINARY({})", length);
    case TypeKind::kIntervalDay:
    case TypeKind::kIntervalMonth: {
      auto out = fmt::format("INTERVAL {}({})", unit_name(leading), leading_digits);
      if (leading == trailing) return out;
      return fmt::format("{} TO {}", out, unit_name(trailing));
    }
    default:
      for (const auto& name : kNames) {
        if (name.kind == kind && name.text != "DOUBLE PRECISION") return std::string(name.text);
      }
      return "NULL";
  }
}

Result<Type> parse_type(std::string_view text) {
  Words in(text);
  Type type;
  if (in.take("INTERVAL")) {
    TRY(type, interval_of(in, text));
  } else {
    const auto* found =
        std::ranges::find_if(kNames, [&](const Name& name) { return in.take_name(name.text); });
    if (found == std::end(kNames)) {
      return bad(fmt::format(
          "\"{}\" is not a type: expected BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT, DECIMAL, "
          "REAL, DOUBLE, CHAR, VARCHAR, BINARY, VARBINARY, DATE, TIME or TIMESTAMP",
          text));
    }
    type.kind = found->kind;
    if (type.kind == TypeKind::kDecimal) TRY_VOID(decimal_of(in, type, text));
    if (type.lane() == Lane::kText) TRY_VOID(length_of(in, type, text));
  }
  if (!in.done()) return bad(fmt::format("\"{}\": something follows the type", text));
  return type;
}

Result<Type> parse_interval_type(std::string_view text) {
  Words in(text);
  TRY(Type type, interval_of(in, text));
  if (!in.done()) return bad(fmt::format("\"{}\": something follows the interval", text));
  return type;
}

}  // namespace suiro::sql
