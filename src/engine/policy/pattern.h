// SPDX-License-Identifier: Apache-2.0
// Text: a string of a policy document that may hold wildcards and policy variables, ready to be
// compared. "${aws:username}", "${aws:username, 'nobody'}", "${*}", "${?}" and "${$}".
//
// Invariants:
//  1. What a variable brings is literal: a '*' in a user's name is no wildcard.
//  2. A variable that the request does not have, and that has no default, makes the text unknown.
//  3. Matching takes time linear in pattern times text.
// Thread: immutable; any. Failure: kMalformedPolicy.
// Source: IAM User Guide, "IAM policy elements: Variables and tags".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::policy {

struct Request;

enum class Case : uint8_t { kExact, kIgnore };

class Text {
 public:
  enum class Variables : uint8_t { kExpand, kLiteral };  // kLiteral: policies before 2012-10-17
  enum class Wildcards : uint8_t { kYes, kNo };
  // Errors: kMalformedPolicy: a control character, a variable that does not end.
  static Result<Text> parse(std::string_view text, Variables variables, Wildcards wildcards);

  // What can be compared in this request; nullopt: a variable has no value. Wildcards stand in it
  // as kAny and kOne.
  std::optional<std::string> expand(const Request& request) const;
  // Neither a wildcard nor a variable is in it.
  bool is_fixed() const;
  // The lower-case keys of its variables.
  const std::vector<std::string>& variables() const { return keys_; }

  static constexpr char kAny = '\x01';
  static constexpr char kOne = '\x02';

 private:
  struct Part {
    std::string literal;  // before the variable
    std::string key;      // empty: the last part
    std::optional<std::string> fallback;
  };
  Result<void> add_variable(std::string_view inside, Part& part);

  std::vector<Part> parts_;
  std::vector<std::string> keys_;
};

// An expanded Text against a text.
bool matches(std::string_view expanded, std::string_view text, Case letters = Case::kExact);
// Part by part, as ARNs are: a wildcard does not cross the first five colons.
bool matches_arn(std::string_view expanded, std::string_view text);

// Whether `text` matches `pattern`, where '*' stands for any characters and '?' for one.
bool wildcard_match(std::string_view pattern, std::string_view text, Case letters = Case::kExact);

}  // namespace suiro::policy
