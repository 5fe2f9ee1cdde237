// SPDX-License-Identifier: Apache-2.0
// The words of a query, one at a time. What a '/' means (a division or a regular expression) only
// the parser knows, so it asks for what it expects.
//
// Invariants: place() never goes back but by reset(). Threads: an instance belongs to one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::log_query {

struct Span {
  size_t begin = 0;
  size_t end = 0;
};

// MalformedQueryException, with its place in `details`.
std::unexpected<Error> malformed(std::string_view query, Span at, std::string message);

// A name and its parts: `a.b`, a.`b c`.d, list[0].x
struct Name {
  std::string text;  // without quotes
  std::vector<std::string> path;
  Span span;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  size_t place();  // of the next word, behind blanks and comments
  void reset(size_t place) { at_ = place; }
  bool at_end() { return place() == text_.size(); }
  std::string_view since(size_t begin) const;

  // Takes what stands there, if it does. A word ends where no letter follows; in any case.
  bool take(std::string_view symbol);
  bool take_word(std::string_view word);
  bool sees_word(std::string_view word);
  bool sees(std::string_view symbol);
  bool sees_name();
  bool sees_number();

  // Errors: MalformedQueryException where there is none.
  Result<Name> name();
  Result<std::string> string();
  Result<std::string> regex();
  Result<double> number();
  // The letters that follow at once; empty: none.
  std::string_view unit();
  // "unexpected symbol found ... at line ... and position ..."
  std::unexpected<Error> unexpected();
  std::unexpected<Error> error(Span at, std::string message) const;
  std::string_view text() const { return text_; }
  size_t at() const { return at_; }

 private:
  Result<std::string> quoted_name();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace suiro::log_query
