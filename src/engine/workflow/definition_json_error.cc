// SPDX-License-Identifier: Apache-2.0
// Why a text is no JSON, in the sentences of the parser that AWS reads definitions with (Jackson):
// clients see them as ValidateStateMachineDefinition's INVALID_JSON_DESCRIPTION. The text is read a
// second time for that, where json::parse() has refused it.
#include <fmt/format.h>

#include "engine/workflow/definition_fields.h"

namespace suiro::workflow {
namespace {

constexpr size_t kSourceCharactersMax = 500;
constexpr size_t kTokenCharactersMax = 256;
constexpr std::string_view kValues =
    "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

class JsonErrorFinder {
 public:
  explicit JsonErrorFinder(std::string_view text) : text_(text) {}
  std::optional<Diagnostic> find();

 private:
  struct Position {
    size_t at = 0;
    size_t line = 1;
    size_t line_start = 0;
  };
  struct Scope {
    char close;
    Position start;
  };
  // Each reads one part; false: error_ is set.
  bool next_token();
  bool close_scope(char close);
  bool name_and_colon();
  bool value();
  bool string(std::string_view kind, std::string_view at_end);
  bool escape();
  bool word(std::string_view expected);
  bool number();
  bool digits(std::string_view missing);
  bool skip_space();

  bool fail(std::string message);
  bool unexpected(std::string_view wanted);  // the character at at_
  bool invalid_token(size_t start);
  std::string location(const Position& position) const;
  std::string_view type() const { return scopes_.back().close == '}' ? "Object" : "Array"; }
  Position here() const { return {at_, line_, line_start_}; }
  bool ended() const { return at_ == text_.size(); }
  bool is_word_character() const;

  std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;
  size_t line_start_ = 0;
  std::vector<Scope> scopes_;
  bool needs_comma_ = false;
  bool done_ = false;
  std::optional<Diagnostic> error_;
};

// Code units of UTF-16, as Java counts.
size_t units(std::string_view text) {
  size_t count = 0;
  for (char byte : text) {
    if ((byte & 0xC0) != 0x80) count += (byte & 0xF8) == 0xF0 ? 2 : 1;
  }
  return count;
}

std::string JsonErrorFinder::location(const Position& position) const {
  size_t shown = 0, count = 0;
  while (shown < text_.size() && count < kSourceCharactersMax) {
    ++shown;
    while (shown < text_.size() && (text_[shown] & 0xC0) == 0x80) ++shown;
    ++count;
  }
  std::string out = fmt::format("[Source: (String)\"{}\"", text_.substr(0, shown));
  if (shown < text_.size()) out += fmt::format("[truncated {} chars]", units(text_.substr(shown)));
  size_t column = units(text_.substr(position.line_start, position.at - position.line_start)) + 1;
  return out + fmt::format("; line: {}, column: {}]", position.line, column);
}

bool JsonErrorFinder::fail(std::string message) {
  std::string where = location(here());
  message += "\n at " + where;
  error_ = Diagnostic{Severity::kError, "INVALID_JSON_DESCRIPTION", std::move(message),
                      std::move(where)};
  return false;
}

bool JsonErrorFinder::unexpected(std::string_view wanted) {
  constexpr size_t kCharacterBytesMax = 4;  // the text may be no UTF-8
  size_t size = 1;
  while (size < kCharacterBytesMax && at_ + size < text_.size() &&
         (text_[at_ + size] & 0xC0) == 0x80) {
    ++size;
  }
  std::string_view character = text_.substr(at_, size);
  auto first = static_cast<uint8_t>(character[0]);
  uint32_t code = first;
  if (size > 1) {
    code = first & (0x7F >> size);
    for (char byte : character.substr(1)) code = code << 6 | (byte & 0x3F);
  }
  at_ += size;
  std::string shown = code < 0x20 ? fmt::format("(CTRL-CHAR, code {})", code)
                                  : fmt::format("'{}' (code {})", character, code);
  return fail(fmt::format("Unexpected character ({}){}", shown, wanted));
}

bool JsonErrorFinder::is_word_character() const {
  if (ended()) return false;
  char c = text_[at_];
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || (c & 0x80) != 0;
}

bool JsonErrorFinder::invalid_token(size_t start) {
  std::string token(text_.substr(start, at_ - start));
  while (is_word_character()) {
    token += text_[at_++];
    if (token.size() < kTokenCharactersMax) continue;
    token += "...";
    break;
  }
  return fail(fmt::format("Unrecognized token '{}': was expecting {}", token, kValues));
}

bool JsonErrorFinder::skip_space() {
  for (; !ended(); ++at_) {
    char c = text_[at_];
    if (c == '\n') {
      ++line_;
      line_start_ = at_ + 1;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      if (static_cast<uint8_t>(c) >= 0x20) return true;
      ++at_;
      return fail(
          fmt::format("Illegal character ((CTRL-CHAR, code {})): only regular white space "
                      "(\\r, \\n, \\t) is allowed between tokens",
                      static_cast<int>(c)));
    }
  }
  return true;
}

bool JsonErrorFinder::word(std::string_view expected) {
  size_t start = at_;
  for (char c : expected) {
    if (ended() || text_[at_] != c) return invalid_token(start);
    ++at_;
  }
  return is_word_character() ? invalid_token(start) : true;
}

bool JsonErrorFinder::escape() {
  if (ended()) return fail("Unexpected end-of-input in character escape sequence");
  char c = text_[at_];
  if (c == 'u') {
    ++at_;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (ended()) return fail("Unexpected end-of-input in character escape sequence");
      bool hex = (text_[at_] >= '0' && text_[at_] <= '9') ||
                 (text_[at_] >= 'a' && text_[at_] <= 'f') ||
                 (text_[at_] >= 'A' && text_[at_] <= 'F');
      if (!hex) return unexpected(": expected a hex-digit for character escape sequence");
    }
    return true;
  }
  ++at_;
  if (std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos) return true;
  return fail(fmt::format("Unrecognized character escape '{}' (code {})", c,
                          static_cast<int>(static_cast<uint8_t>(c))));
}

bool JsonErrorFinder::string(std::string_view kind, std::string_view at_end) {
  ++at_;
  while (!ended()) {
    char c = text_[at_++];
    if (c == '"') return true;
    if (c == '\\') {
      if (!escape()) return false;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      return fail(
          fmt::format("Illegal unquoted character ((CTRL-CHAR, code {})): has to be "
                      "escaped using backslash to be included in {}",
                      static_cast<int>(c), kind));
    }
  }
  return fail(fmt::format("Unexpected end-of-input{}", at_end));
}

bool JsonErrorFinder::digits(std::string_view missing) {
  size_t start = at_;
  while (!ended() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
  if (at_ > start) return true;
  if (ended()) return fail(fmt::format("Unexpected end-of-input: {}", missing));
  return unexpected(fmt::format(" in numeric value: {}", missing));
}

bool JsonErrorFinder::number() {
  if (text_[at_] == '-') {
    ++at_;
    if (ended() || text_[at_] < '0' || text_[at_] > '9') {
      return digits("expected digit (0-9) to follow minus sign, for valid numeric value");
    }
  }
  bool zero = text_[at_] == '0';
  ++at_;
  if (zero && !ended() && text_[at_] >= '0' && text_[at_] <= '9') {
    ++at_;
    return fail("Invalid numeric value: Leading zeroes not allowed");
  }
  while (!ended() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
  if (!ended() && text_[at_] == '.') {
    ++at_;
    if (!digits("Decimal point not followed by a digit")) return false;
  }
  if (!ended() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (!ended() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    return digits("Exponent indicator not followed by a digit");
  }
  return true;
}

bool JsonErrorFinder::value() {
  char c = text_[at_];
  needs_comma_ = true;
  switch (c) {
    case '"':
      return string("string value", ": was expecting closing quote for a string value");
    case '{':
    case '[':
      scopes_.push_back({c == '{' ? '}' : ']', here()});
      ++at_;
      needs_comma_ = false;
      return true;
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    case '}':
      return unexpected(": expected a value");
    default:
      break;
  }
  if (c == '-' || (c >= '0' && c <= '9')) return number();
  if (is_word_character()) {
    size_t start = at_++;
    return invalid_token(start);
  }
  return unexpected(fmt::format(": expected a valid value {}", kValues));
}

bool JsonErrorFinder::close_scope(char close) {
  if (scopes_.empty() || scopes_.back().close != close) {
    ++at_;
    if (scopes_.empty()) return fail(fmt::format("Unexpected close marker '{}'", close));
    return fail(fmt::format("Unexpected close marker '{}': expected '{}' (for {} starting at {})",
                            close, scopes_.back().close, type(), location(scopes_.back().start)));
  }
  ++at_;
  scopes_.pop_back();
  needs_comma_ = true;
  return true;
}

bool JsonErrorFinder::name_and_colon() {
  if (text_[at_] != '"') return unexpected(": was expecting double-quote to start field name");
  if (!string("name", " in field name") || !skip_space()) return false;
  if (ended()) return fail("Unexpected end-of-input within/between Object entries");
  if (text_[at_] != ':') {
    return unexpected(": was expecting a colon to separate field name and value");
  }
  ++at_;
  if (!skip_space()) return false;
  return ended() ? fail("Unexpected end-of-input within/between Object entries") : true;
}

bool JsonErrorFinder::next_token() {
  if (!skip_space()) return false;
  if (ended()) {
    done_ = true;
    if (scopes_.empty()) return true;
    return fail(
        fmt::format("Unexpected end-of-input: expected close marker for {} (start marker "
                    "at {})",
                    type(), location(scopes_.back().start)));
  }
  char c = text_[at_];
  if (c == '}' || c == ']') return close_scope(c);
  if (!scopes_.empty() && needs_comma_) {
    if (c != ',') {
      return unexpected(fmt::format(": was expecting comma to separate {} entries", type()));
    }
    ++at_;
    if (!skip_space()) return false;
    if (ended()) {
      return fail(fmt::format("Unexpected end-of-input within/between {} entries", type()));
    }
  }
  if (!scopes_.empty() && scopes_.back().close == '}' && !name_and_colon()) return false;
  return value();
}

std::optional<Diagnostic> JsonErrorFinder::find() {
  // Each turn reads at least one character, or ends.
  while (!done_ && next_token()) {
  }
  return std::move(error_);
}

}  // namespace

std::optional<Diagnostic> describe_json_error(std::string_view text) {
  return JsonErrorFinder(text).find();
}

}  // namespace suiro::workflow
