// SPDX-License-Identifier: Apache-2.0
// Lexer of streaming SQL: a program's text as tokens. The first step of compile() (plan.h).
//
// Invariants:
//  1. Words (unquoted identifiers and key words) are in upper case; quoted ones are as written.
//  2. The last token is kEnd.
// Threads: any; nothing is shared. Failure: "InvalidArgument", "line L, column C: found .., ..".
// Source of the rules: the service's SQL reference, "Identifiers", "Literals", "Reserved Words".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/sql/plan.h"

namespace suiro::sql {

inline constexpr size_t kIdentifierCharactersMax = 128;

enum class TokenKind : uint8_t {
  kWord,     // text in upper case
  kQuoted,   // "..": text without the quotes, "" undone
  kString,   // '..': text without the quotes, '' and u& escapes undone
  kInteger,  // digits
  kDecimal,  // digits with a point
  kApprox,   // with an exponent
  kSymbol,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  Position at;
};

Result<std::vector<Token>> lex(std::string_view text, const LanguageOptions& options);

// Whether an unquoted word cannot be a name.
bool is_reserved(std::string_view upper_case_word);

// A token as an error shows it: `"name"`, 'text', the end of the program.
std::string shown(const Token& token);

// "line 3, column 14: found ')', expected an expression".
std::unexpected<Error> found_expected(Position at, std::string_view found,
                                      std::string_view expected);
// "line 3, column 14: <message>", where found and expected do not fit.
std::unexpected<Error> refused(Position at, std::string_view message);

}  // namespace suiro::sql
