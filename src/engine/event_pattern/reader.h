// SPDX-License-Identifier: Apache-2.0
// Reader: the tokens of a pattern's JSON, one at a time, with the place that AWS names in its
// errors: line and column behind the token that was read last (of a string: behind its opening
// quote, until its text is taken; of a member's name: behind the first token of its value).
//
// Thread: an instance belongs to one. Errors: kInvalidPattern with what stands there instead.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::event_pattern {

// The code of every error of this library.
inline constexpr std::string_view kInvalidPattern = "InvalidEventPatternException";
inline constexpr size_t kPatternDepthMax = 64;

enum class Token : unsigned char {
  kStartObject,
  kEndObject,
  kStartArray,
  kEndArray,
  kName,
  kString,
  kNumber,
  kTrue,
  kFalse,
  kNull,
  kEnd,
};

class Reader {
 public:
  // `text` is borrowed.
  explicit Reader(std::string_view text) : text_(text) {}

  Result<Token> next();
  // Of the name, string or number that was read last, decoded.
  const std::string& text();
  double number() const;
  // "reason\n at [Source: (String)"..."; line: 1, column: 2]"
  std::string located(std::string_view reason) const;
  std::unexpected<Error> error(std::string_view reason) const;

 private:
  void skip_space();
  Result<Token> value();
  Result<Token> name();
  Result<Token> close(char bracket);
  Result<Token> open(Token token);
  Result<Token> literal();
  Result<Token> number_token();
  Result<void> string();
  Result<void> escape(size_t& at);
  Result<unsigned> code_unit(size_t& at) const;
  size_t end_of_first_token(size_t at) const;
  std::unexpected<Error> unexpected_here(std::string_view expected) const;

  std::string_view text_;
  size_t at_ = 0;     // behind what was read
  size_t place_ = 0;  // what errors name
  size_t string_end_ = 0;
  std::string token_text_;
  std::string open_;  // the brackets that are open
  enum class Wants : unsigned char { kValue, kFirst, kNext } wants_ = Wants::kValue;
};

}  // namespace suiro::event_pattern
