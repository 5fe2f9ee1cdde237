// SPDX-License-Identifier: Apache-2.0
// DateFormat: patterns of java.text.SimpleDateFormat (locale US, zone UTC, not lenient), which
// CHAR_TO_TIMESTAMP and its family take.
//
// Invariants:
//  1. parse() reads a prefix of the text: what follows the pattern's last letter is not looked at.
//  2. Every field must be in its range ("2009" is no month); fields that the pattern lacks are
//  those
//     of 1970-01-01 00:00:00. Blanks and tabs before a field are skipped.
//  3. Two-digit years lie within 80 years before and 20 years after `now_ms`.
// How it fails: errors::kInvalidFormat. Threads: immutable, shared.
// Source: the SQL reference's pages "Date and Time Patterns" and "CAST"; docs/decisions/132-*.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::sql {

class DateFormat {
 public:
  // Errors: codes::kInvalidArgument for a reserved letter or a quote that is not closed.
  static Result<DateFormat> compile(std::string_view pattern);

  // Whether parse() looks at `now_ms`: a year of two digits may be read.
  bool uses_now() const;

  // Milliseconds since the epoch, UTC. Errors: errors::kInvalidFormat.
  Result<int64_t> parse(std::string_view text, int64_t now_ms) const;
  void format(std::string& out, int64_t ms) const;

 private:
  struct Piece {
    char letter = 0;  // 0: `literal`
    size_t count = 0;
    std::string literal;
  };
  struct Fields;
  class Reader;
  std::vector<Piece> pieces_;
};

// The offset from UTC that "PST", "GMT+01:00", "-0800" or "Z" at the beginning of the text stands
// for, and how many bytes it takes; 0 bytes: none of these.
struct ZoneText {
  size_t bytes = 0;
  int64_t offset_ms = 0;
};
ZoneText read_zone(std::string_view text);

}  // namespace suiro::sql
