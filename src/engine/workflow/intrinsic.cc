// SPDX-License-Identifier: Apache-2.0
// The parser of intrinsic functions, and their calls.
#include "engine/workflow/intrinsic.h"

#include <fmt/format.h>

#include <array>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/workflow/path_parser.h"
#include "engine/workflow/scope.h"

namespace suiro::workflow {
namespace {

using json::Value;

struct Signature {
  std::string_view name;
  IntrinsicFunction function;
  size_t arguments_min;
  size_t arguments_max;
};
constexpr size_t kAny = SIZE_MAX;
constexpr std::array<Signature, 18> kFunctions = {{
    {"Array", IntrinsicFunction::kArray, 0, kAny},
    {"ArrayContains", IntrinsicFunction::kArrayContains, 2, 2},
    {"ArrayGetItem", IntrinsicFunction::kArrayGetItem, 2, 2},
    {"ArrayLength", IntrinsicFunction::kArrayLength, 1, 1},
    {"ArrayPartition", IntrinsicFunction::kArrayPartition, 2, 2},
    {"ArrayRange", IntrinsicFunction::kArrayRange, 3, 3},
    {"ArrayUnique", IntrinsicFunction::kArrayUnique, 1, 1},
    {"Base64Decode", IntrinsicFunction::kBase64Decode, 1, 1},
    {"Base64Encode", IntrinsicFunction::kBase64Encode, 1, 1},
    {"Format", IntrinsicFunction::kFormat, 1, kAny},
    {"Hash", IntrinsicFunction::kHash, 2, 2},
    {"JsonMerge", IntrinsicFunction::kJsonMerge, 3, 3},
    {"JsonToString", IntrinsicFunction::kJsonToString, 1, 1},
    {"MathAdd", IntrinsicFunction::kMathAdd, 2, 2},
    {"MathRandom", IntrinsicFunction::kMathRandom, 2, 3},
    {"StringSplit", IntrinsicFunction::kStringSplit, 2, 2},
    {"StringToJson", IntrinsicFunction::kStringToJson, 1, 1},
    {"UUID", IntrinsicFunction::kUuid, 0, 0},
}};

class IntrinsicParser {
 public:
  explicit IntrinsicParser(std::string_view text) : text_(text) {}

  Result<std::shared_ptr<const Intrinsic>> call();
  Result<void> end() {
    skip_blanks();
    if (at_ != text_.size()) return wrong("unexpected character");
    return ok();
  }

 private:
  std::unexpected<Error> wrong(std::string_view reason) const {
    return fail(codes::kInvalidArgument,
                fmt::format("{} at position {} of '{}'", reason, at_, text_));
  }
  bool done() const { return at_ >= text_.size(); }
  void skip_blanks() {
    while (!done() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
  }
  bool skip(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  Result<IntrinsicArgument> argument();
  Result<TextArgument> quoted();
  Result<Value> literal();

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

Result<std::shared_ptr<const Intrinsic>> IntrinsicParser::call() {
  if (++depth_ > kIntrinsicDepthMax) return wrong("intrinsic functions are nested too deep");
  size_t begin = at_;
  if (!skip("States.")) return wrong("an intrinsic function begins with 'States.'");
  size_t end = text_.find('(', at_);
  if (end == std::string_view::npos) return wrong("a '(' is missing");
  std::string_view name = trim(text_.substr(at_, end - at_));
  const auto* known = std::ranges::find(kFunctions, name, &Signature::name);
  if (known == kFunctions.end()) return wrong("no such intrinsic function");
  at_ = end + 1;
  Intrinsic out;
  out.function = known->function;
  skip_blanks();
  if (!skip(")")) {
    do {
      TRY(IntrinsicArgument next, argument());
      out.arguments.push_back(std::move(next));
      skip_blanks();
    } while (skip(","));
    if (!skip(")")) return wrong("a ')' is missing");
  }
  if (out.arguments.size() < known->arguments_min || out.arguments.size() > known->arguments_max) {
    return wrong(
        fmt::format("States.{} does not take {} arguments", known->name, out.arguments.size()));
  }
  out.text = text_.substr(begin, at_ - begin);
  --depth_;
  return std::make_shared<const Intrinsic>(std::move(out));
}

Result<IntrinsicArgument> IntrinsicParser::argument() {
  skip_blanks();
  if (done()) return wrong("an argument is missing");
  if (text_[at_] == '\'') {
    TRY(TextArgument text, quoted());
    return IntrinsicArgument(std::move(text));
  }
  if (text_[at_] == '$') {
    PathParser parser(text_, PathParser::Place::kEmbedded, at_);
    TRY(Path path, parser.path());
    at_ = parser.at();
    return IntrinsicArgument(std::move(path));
  }
  if (text_.substr(at_).starts_with("States.")) {
    TRY(auto nested, call());
    return IntrinsicArgument(std::move(nested));
  }
  TRY(Value value, literal());
  return IntrinsicArgument(std::move(value));
}

// The characters ' { } \ may be escaped, and no others.
Result<TextArgument> IntrinsicParser::quoted() {
  ++at_;
  TextArgument out;
  while (true) {
    if (done()) return wrong("a quote is missing");
    char c = text_[at_++];
    if (c == '\'') return out;
    if (c == '\\') {
      if (done() || std::string_view("'{}\\").find(text_[at_]) == std::string_view::npos) {
        return wrong("no such escape");
      }
      out.raw += c;
      c = text_[at_++];
    }
    out.raw += c;
    out.text += c;
  }
}

Result<Value> IntrinsicParser::literal() {
  size_t end = at_;
  while (end < text_.size() &&
         std::string_view(" \t\n\r,)").find(text_[end]) == std::string_view::npos) {
    ++end;
  }
  auto value = json::parse(text_.substr(at_, end - at_));
  if (!value || value->is_string() || value->is_array() || value->is_object()) {
    return wrong(
        "an argument is a path, a text in single quotes, a number, true, false, null or "
        "an intrinsic function");
  }
  at_ = end;
  return *std::move(value);
}

std::unexpected<Error> failed(const Intrinsic& call, Error reason) {
  reason.message =
      fmt::format("The function '{}' had the following error: {}", call.text, reason.message);
  return fail(std::move(reason));
}

Result<Value> argument_value(const Intrinsic& call, const IntrinsicArgument& argument,
                             const Scope& scope) {
  if (const auto* value = std::get_if<Value>(&argument)) return *value;
  if (const auto* text = std::get_if<TextArgument>(&argument)) return Value(text->text);
  if (const auto* nested = std::get_if<std::shared_ptr<const Intrinsic>>(&argument)) {
    return call_intrinsic(**nested, scope);
  }
  const auto& path = std::get<Path>(argument);
  auto found = look_up(path, scope);
  if (!found) return failed(call, std::move(found).error());
  if (!found->selection.value) {
    return failed(call, {"States.Runtime",
                         fmt::format("The JsonPath argument for the field '{}' could not be found "
                                     "in the input '{}'",
                                     path.text, input_text(path, scope))});
  }
  return *std::move(found->selection.value);
}

}  // namespace

Result<std::shared_ptr<const Intrinsic>> parse_intrinsic(std::string_view text) {
  if (text.size() > kPathTextMax) {
    return fail(codes::kInvalidArgument,
                fmt::format("an intrinsic function has at most {} characters", kPathTextMax));
  }
  if (!is_valid_utf8(text)) return fail(codes::kInvalidArgument, "not UTF-8");
  IntrinsicParser parser(text);
  TRY(auto out, parser.call());
  TRY_VOID(parser.end());
  return out;
}

Result<Value> call_intrinsic(const Intrinsic& call, const Scope& scope) {
  IntrinsicValues arguments;
  for (const IntrinsicArgument& argument : call.arguments) {
    TRY(Value value, argument_value(call, argument, scope));
    arguments.values.push_back(std::move(value));
  }
  if (call.function == IntrinsicFunction::kFormat) {
    const auto* text = std::get_if<TextArgument>(&call.arguments.front());
    if (text != nullptr) {
      arguments.template_raw = text->raw;
    } else if (const Value& first = arguments.values.front(); first.is_string()) {
      arguments.template_raw = first.as_string();
    }
  }
  CHECK(scope.random != nullptr, "a scope has dice");
  auto result = apply_intrinsic(call.function, arguments, *scope.random);
  if (!result) return failed(call, std::move(result).error());
  return result;
}

}  // namespace suiro::workflow
