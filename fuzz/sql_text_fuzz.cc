// SPDX-License-Identifier: Apache-2.0
// Patterns of SQL functions against texts. The first byte: which parser; then the pattern, a NUL
// byte, and the text. Nothing may crash; what the functions promise of their results must hold.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "engine/sql/automaton.h"
#include "engine/sql/convert.h"
#include "engine/sql/date_format.h"
#include "engine/sql/function.h"
#include "engine/sql/pattern.h"

namespace {

using namespace suiro;
using namespace suiro::sql;

void date_format(std::string_view pattern, std::string_view text) {
  auto format = DateFormat::compile(pattern);
  if (!format) return;
  std::string printed;
  format->format(printed, 1'474'604'966'234);
  if (auto ms = format->parse(text, 0)) format->format(printed, *ms);
}

void patterns(std::string_view pattern, std::string_view text) {
  for (const auto& compiled : {compile_similar(pattern, "\\"), compile_java(pattern)}) {
    if (!compiled) continue;
    GroupPieces groups(**compiled);
    const re2::StringPiece subject(text.data(), text.size());
    if (!(*compiled)->Match(subject, 0, text.size(), RE2::UNANCHORED, groups.data(),
                            groups.count())) {
      continue;
    }
    std::string out;
    (void)append_replacement(out, pattern, **compiled, groups.pieces());
  }
  (void)matches_like(text, pattern, "\\");
}

void automaton(std::string_view pattern, std::string_view text) {
  auto regex = parse_fast_regex(pattern);
  if (!regex) return;
  auto compiled = Automaton::compile({*regex});
  if (!compiled) return;
  const auto shortest = compiled->shortest(text);
  const auto longest = compiled->longest(text);
  CHECK(shortest.has_value() == longest.has_value(), "one of two beginnings");
  if (!shortest) return;
  CHECK(*shortest <= *longest && *longest <= text.size(), "the shortest is the longer one");
  CHECK(compiled->matches(text.substr(0, *shortest)), "a beginning that does not match");
  const auto length = fixed_length(**regex);
  if (length) CHECK(character_count(text.substr(0, *longest)) <= text.size(), "a wrong length");
}

// A log parser with the pattern as its constant.
void log_parser(std::string_view name, std::string_view pattern, std::string_view text) {
  static const FunctionLibrary library;
  Type varchar;
  varchar.kind = TypeKind::kVarchar;
  varchar.length = 1'000;
  const Value constant = Value::of_text(pattern);
  const ArgumentInfo args[] = {{varchar, nullptr}, {varchar, &constant}};
  auto bound = library.scalar(name, args);
  if (!bound) return;
  Arena arena;
  EvalContext context{.arena = arena};
  const Value values[] = {Value::of_text(text), constant};
  auto row = bound->eval(values, context);
  if (!row || row->null) return;
  for (size_t i = 0; i < bound->type.fields->size(); ++i) {
    (void)text_of((*bound->type.fields)[i].type, row->fields[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4'096) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto pattern = input.substr(0, input.find('\0'));
  const auto text = pattern.size() < input.size() ? input.substr(pattern.size() + 1) : input;
  switch (data[0]) {
    case '0':
      date_format(pattern, text);
      break;
    case '1':
      patterns(pattern, text);
      break;
    case '2':
      automaton(pattern, text);
      break;
    case '3':
      log_parser("FAST_REGEX_LOG_PARSE", pattern, text);
      break;
    case '4':
      log_parser("W3C_LOG_PARSE", pattern, text);
      break;
    case '5':
      log_parser("FIXED_COLUMN_LOG_PARSE", pattern, text);
      break;
    default:
      (void)parse_type(pattern);
      (void)parse_timestamp(text, Fraction::kAccept);
      (void)parse_decimal(text, 6);
      if (auto type = parse_interval_type(pattern)) (void)parse_interval(text, *type);
  }
  return 0;
}
