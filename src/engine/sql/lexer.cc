// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/sql/utf8.h"

namespace suiro::sql {
namespace {

// In the order of their bytes, for the search.
constexpr std::string_view kReservedText =
    "ABS ALL ALLOCATE ALLOW ALTER ANALYZE AND ANY APPROXIMATE_ARRIVAL_TIME ARE ARRAY AS"
    " ASENSITIVE ASYMMETRIC AT ATOMIC AUTHORIZATION AVG BEGIN BETWEEN BIGINT BINARY BIT BLOB"
    " BOOLEAN BOTH BY CALL CALLED CARDINALITY CASCADED CASE CAST CEIL CEILING CHAR CHARACTER"
    " CHARACTER_LENGTH CHAR_LENGTH CHECK CHECKPOINT CLOB CLOSE CLUSTERED COALESCE COLLATE"
    " COLLECT COLUMN COMMIT CONDITION CONNECT CONSTRAINT CONVERT CORR CORRESPONDING COUNT"
    " COVAR_POP COVAR_SAMP CREATE CROSS CUBE CUME_DIST CURRENT CURRENT_CATALOG CURRENT_DATE"
    " CURRENT_DEFAULT_TRANSFORM_GROUP CURRENT_PATH CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME"
    " CURRENT_TIMESTAMP CURRENT_TRANSFORM_GROUP_FOR_TYPE CURRENT_USER CURSOR CYCLE DATE DAY"
    " DEALLOCATE DEC DECIMAL DECLARE DEFAULT DELETE DENSE_RANK DEREF DESCRIBE DETERMINISTIC"
    " DISALLOW DISCONNECT DISTINCT DOUBLE DROP DYNAMIC EACH ELEMENT ELSE END ESCAPE EVERY"
    " EXCEPT EXEC EXECUTE EXISTS EXP EXPLAIN EXP_AVG EXTERNAL EXTRACT FALSE FETCH FILTER"
    " FIRST_VALUE FLOAT FLOOR FOR FOREIGN FREE FROM FULL FUNCTION FUSION GET GLOBAL GRANT"
    " GROUP GROUPING HAVING HOLD HOUR IDENTITY IGNORE IMPORT IN INDICATOR INITCAP INNER INOUT"
    " INSENSITIVE INSERT INT INTEGER INTERSECT INTERSECTION INTERVAL INTO IS JOIN LANGUAGE"
    " LARGE LAST_VALUE LATERAL LEADING LEFT LIKE LIMIT LN LOCAL LOCALTIME LOCALTIMESTAMP LOWER"
    " MATCH MAX MEMBER MERGE METHOD MIN MINUTE MOD MODIFIES MODULE MONTH MULTISET NATIONAL"
    " NATURAL NCHAR NCLOB NEW NO NODE NONE NORMALIZE NOT NTH_VALUE NULL NULLIF NUMERIC"
    " OCTET_LENGTH OF OLD ON ONLY OPEN OR ORDER OUT OUTER OVER OVERLAPS OVERLAY PARAMETER"
    " PARTITION PARTITION_ID PARTITION_KEY PERCENTILE_CONT PERCENTILE_DISC PERCENT_RANK"
    " POSITION POWER PRECISION PREPARE PRIMARY PROCEDURE RANGE RANK READS REAL RECURSIVE REF"
    " REFERENCES REFERENCING REGR_AVGX REGR_AVGY REGR_COUNT REGR_INTERCEPT REGR_R2 REGR_SLOPE"
    " REGR_SXX REGR_SXY RELEASE RESPECT RESULT RETURN RETURNS REVOKE RIGHT ROLLBACK ROLLUP ROW"
    " ROWS ROWTIME ROW_NUMBER SAVEPOINT SCOPE SCROLL SEARCH SECOND SELECT SENSITIVE"
    " SEQUENCE_NUMBER SESSION_USER SET SHARD_ID SIMILAR SMALLINT SOME SORT SPECIFIC SQL"
    " SQLEXCEPTION SQLSTATE SQLWARNING SQRT START STATIC STDDEV STDDEV_POP STDDEV_SAMP STOP"
    " STREAM SUBMULTISET SUBSTRING SUM SYMMETRIC SYSTEM SYSTEM_USER TABLE TABLESAMPLE THEN"
    " TIME TIMESTAMP TIMEZONE_HOUR TIMEZONE_MINUTE TINYINT TO TRAILING TRANSLATE TRANSLATION"
    " TREAT TRIGGER TRIM TRUE TRUNCATE UESCAPE UNION UNIQUE UNKNOWN UNNEST UPDATE UPPER USER"
    " USING VALUE VALUES VARBINARY VARCHAR VARYING VAR_POP VAR_SAMP WHEN WHENEVER WHERE"
    " WIDTH_BUCKET WINDOW WITH WITHIN WITHOUT YEAR";

constexpr auto kReserved = [] {
  std::array<std::string_view, 1 + std::ranges::count(kReservedText, ' ')> words;
  size_t count = 0;
  for (size_t begin = 0; begin < kReservedText.size();) {
    const size_t end = std::min(kReservedText.find(' ', begin), kReservedText.size());
    words[count++] = kReservedText.substr(begin, end - begin);
    begin = end + 1;
  }
  return words;
}();
static_assert(std::ranges::is_sorted(kReserved));

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word(char c) {
  return is_letter(c) || is_digit(c);
}
char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char u = upper(c);
  return u >= 'A' && u <= 'F' ? u - 'A' + 10 : -1;
}

// Undoes \XXXX and \+XXXXXX of a u&'..' string. False: a broken escape.
bool undo_escapes(std::string_view text, char escape, std::string& to) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != escape) {
      to += text[i];
      continue;
    }
    ++i;
    if (i < text.size() && text[i] == escape) {
      to += escape;
      continue;
    }
    const size_t digits = i < text.size() && text[i] == '+' ? 6 : 4;
    if (digits == 6) ++i;
    if (i + digits > text.size()) return false;
    uint32_t code = 0;
    for (size_t d = 0; d < digits; ++d) {
      const int value = hex_value(text[i + d]);
      if (value < 0) return false;
      code = code * 16 + static_cast<uint32_t>(value);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    utf8_append(to, code);
    i += digits - 1;
  }
  return true;
}

class Lexer {
 public:
  Lexer(std::string_view text, const LanguageOptions& options) : text_(text), options_(options) {}

  Result<std::vector<Token>> run() {
    for (;;) {
      TRY_VOID(skip());
      const Position at = at_;
      if (done()) {
        tokens_.push_back({TokenKind::kEnd, "", at});
        return std::move(tokens_);
      }
      TRY_VOID(next(at));
    }
  }

 private:
  bool done() const { return pos_ >= text_.size(); }
  char peek(size_t ahead = 0) const {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  void step(size_t count = 1) {
    for (; count > 0 && !done(); --count, ++pos_) {
      if (text_[pos_] == '\n') {
        ++at_.line;
        at_.column = 1;
      } else if ((static_cast<unsigned char>(text_[pos_]) & 0xC0) != 0x80) {
        ++at_.column;  // characters, not bytes
      }
    }
  }
  void to_line_end() {
    while (!done() && peek() != '\n') step();
  }
  void push(TokenKind kind, std::string text, Position at) {
    tokens_.push_back({kind, std::move(text), at});
  }

  // White space and comments.
  Result<void> skip() {
    for (;;) {
      if (is_space(peek()) && !done()) {
        step();
      } else if (peek() == '-' && peek(1) == '-') {
        to_line_end();
      } else if (peek() == '/' && peek(1) == '*') {
        const Position at = at_;
        const size_t end = text_.find("*/", pos_ + 2);
        if (end == std::string_view::npos) {
          return found_expected(at, "a comment that does not end", "'*/'");
        }
        step(end + 2 - pos_);
      } else if (peek() == '/' && peek(1) == '/') {
        if (options_.slash_comments == LanguageOptions::SlashComments::kRefuse) {
          return found_expected(at_, "'//'", "'--' or '/*' for a comment");
        }
        to_line_end();
      } else {
        return ok();
      }
    }
  }

  Result<void> next(Position at) {
    const char c = peek();
    if ((c == 'u' || c == 'U') && peek(1) == '&' && peek(2) == '\'') {
      step(2);
      return unicode_string(at);
    }
    if (is_letter(c)) return word(at);
    if (c == '"') return quoted_identifier(at);
    if (c == '\'') {
      TRY(std::string value, quoted('\'', at));
      push(TokenKind::kString, std::move(value), at);
      return ok();
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number(at);
    return symbol(at);
  }

  Result<void> word(Position at) {
    std::string word;
    while (!done() && is_word(peek())) {
      word += upper(peek());
      step();
    }
    if (word.size() > kIdentifierCharactersMax) return too_long(at, word.size());
    push(TokenKind::kWord, std::move(word), at);
    return ok();
  }

  static std::unexpected<Error> too_long(Position at, size_t characters) {
    return found_expected(at, fmt::format("a name of {} characters", characters),
                          fmt::format("at most {}", kIdentifierCharactersMax));
  }

  // From the quote that stands here to its end; the quote is doubled where it is meant.
  Result<std::string> quoted(char quote, Position at) {
    std::string value;
    step();
    for (;;) {
      if (done()) {
        return found_expected(at,
                              fmt::format("a {} that does not end", quote == '"' ? "name" : "text"),
                              fmt::format("a closing {}", quote));
      }
      if (peek() == quote) {
        if (peek(1) != quote) break;
        step();
      }
      value += peek();
      step();
    }
    step();
    return value;
  }

  Result<void> quoted_identifier(Position at) {
    TRY(std::string name, quoted('"', at));
    if (name.empty()) return found_expected(at, "an empty name", "a name between the quotes");
    const auto control =
        std::ranges::find_if(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (control != name.end()) {
      return found_expected(at, "a control character in a name", "characters from U+0020 on");
    }
    const auto characters = static_cast<size_t>(std::ranges::count_if(
        name, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    if (characters > kIdentifierCharactersMax) return too_long(at, characters);
    push(TokenKind::kQuoted, std::move(name), at);
    return ok();
  }

  // u&'..' [UESCAPE 'c']
  Result<void> unicode_string(Position at) {
    TRY(std::string raw, quoted('\'', at));
    TRY_VOID(skip());
    char escape = '\\';
    constexpr std::string_view kUescape = "UESCAPE";
    const bool given = text_.size() - pos_ > kUescape.size() && !is_word(peek(kUescape.size())) &&
                       std::ranges::equal(text_.substr(pos_, kUescape.size()), kUescape, {}, upper);
    if (given) {
      step(kUescape.size());
      TRY_VOID(skip());
      const Position escape_at = at_;
      if (peek() != '\'') return found_expected(escape_at, "something else", "UESCAPE 'c'");
      TRY(std::string value, quoted('\'', escape_at));
      if (value.size() != 1 || hex_value(value[0]) >= 0 || value[0] == '+' || is_space(value[0])) {
        return found_expected(escape_at, fmt::format("'{}'", value),
                              "one character that is no digit, letter A-F, '+' or blank");
      }
      escape = value[0];
    }
    std::string value;
    if (!undo_escapes(raw, escape, value)) {
      return found_expected(at, "a broken escape in u&'..'",
                            fmt::format("{0}XXXX, {0}+XXXXXX or {0}{0}", escape));
    }
    push(TokenKind::kString, std::move(value), at);
    return ok();
  }

  Result<void> number(Position at) {
    const size_t begin = pos_;
    TokenKind kind = TokenKind::kInteger;
    while (is_digit(peek())) step();
    if (peek() == '.') {
      kind = TokenKind::kDecimal;
      step();
      while (is_digit(peek())) step();
    }
    const size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if (upper(peek()) == 'E' && is_digit(peek(1 + sign))) {
      kind = TokenKind::kApprox;
      step(1 + sign);
      while (is_digit(peek())) step();
    }
    std::string value(text_.substr(begin, pos_ - begin));
    if (is_letter(peek())) {
      return found_expected(at, fmt::format("'{}{}'", value, peek()),
                            "a blank between a number and a name");
    }
    push(kind, std::move(value), at);
    return ok();
  }

  Result<void> symbol(Position at) {
    static constexpr std::string_view kTwo[] = {"<>", "!=", "<=", ">=", "||"};
    for (const auto two : kTwo) {
      if (text_.substr(pos_, 2) == two) {
        step(2);
        push(TokenKind::kSymbol, two == "!=" ? "<>" : std::string(two), at);
        return ok();
      }
    }
    const char c = peek();
    if (std::string_view("(),;.+-*/=<>").contains(c)) {
      step();
      push(TokenKind::kSymbol, std::string(1, c), at);
      return ok();
    }
    size_t size = 1;
    while (pos_ + size < text_.size() &&
           (static_cast<unsigned char>(text_[pos_ + size]) & 0xC0) == 0x80) {
      ++size;
    }
    const bool control = static_cast<unsigned char>(c) < 0x20;
    return found_expected(at,
                          control ? fmt::format("character {:#04x}", static_cast<unsigned char>(c))
                                  : fmt::format("'{}'", text_.substr(pos_, size)),
                          "a name, a literal or an operator");
  }

  std::string_view text_;
  const LanguageOptions& options_;
  size_t pos_ = 0;
  Position at_;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> lex(std::string_view text, const LanguageOptions& options) {
  return Lexer(text, options).run();
}

bool is_reserved(std::string_view upper_case_word) {
  return std::ranges::binary_search(kReserved, upper_case_word);
}

std::string shown(const Token& token) {
  constexpr size_t kShownBytesMax = 40;
  auto text = token.text;
  if (text.size() > kShownBytesMax) {
    size_t cut = kShownBytesMax;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
    text = text.substr(0, cut) + "...";
  }
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the program";
    case TokenKind::kQuoted:
      return "\"" + text + "\"";
    case TokenKind::kString:
    case TokenKind::kSymbol:
      return "'" + text + "'";
    default:
      return text;
  }
}

std::unexpected<Error> found_expected(Position at, std::string_view found,
                                      std::string_view expected) {
  return refused(at, fmt::format("found {}, expected {}", found, expected));
}

std::unexpected<Error> refused(Position at, std::string_view message) {
  return fail(codes::kInvalidArgument,
              fmt::format("line {}, column {}: {}", at.line, at.column, message));
}

}  // namespace suiro::sql
