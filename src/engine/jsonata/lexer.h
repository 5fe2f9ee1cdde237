// SPDX-License-Identifier: Apache-2.0
// Lexer: the tokens of an expression's text, one at a time. What '/' means depends on the place: a
// division behind an operand, else the begin of a regular expression.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "engine/jsonata/fault.h"

namespace suiro::jsonata {

enum class TokenKind : uint8_t {
  kEnd,
  kOperator,
  kName,
  kVariable,
  kString,
  kNumber,
  kWord,  // true, false, null
  kRegex,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;   // without quotes, '$' and escapes; of a regex: its source
  std::string flags;  // of a regex: "i" and "m"
  double number = 0;
  uint32_t position = 0;  // byte offset behind it

  bool is(std::string_view op) const { return kind == TokenKind::kOperator && text == op; }
};

// What the tokenizer meets next.
enum class Slash : uint8_t { kDivides, kOpensRegex };

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  std::variant<Token, Fault> next(Slash slash);

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  // Spaces and comments.
  std::optional<Fault> skip();
  std::variant<Token, Fault> regex();
  std::variant<Token, Fault> quoted(char quote);
  std::optional<Fault> escape(std::string& out);
  std::optional<uint32_t> four_digits() const;
  std::variant<Token, Fault> number();
  Token name();
  Token make(TokenKind kind, std::string text) const;
  Fault fault(std::string_view code, size_t position) const {
    return Fault{.code = std::string(code), .position = static_cast<int64_t>(position)};
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace suiro::jsonata
