// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/policy.h"

#include <optional>

#include "base/arn.h"
#include "base/bytes.h"

namespace suiro::policy {
namespace {

char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// ARNs are compared part by part: a wildcard does not cross the first five colons.
bool arn_match(std::string_view pattern, std::string_view text) {
  for (int part = 0; part < 5; ++part) {
    size_t pattern_end = pattern.find(':');
    size_t text_end = text.find(':');
    if (pattern_end == std::string_view::npos || text_end == std::string_view::npos) return false;
    if (!wildcard_match(pattern.substr(0, pattern_end), text.substr(0, text_end))) return false;
    pattern.remove_prefix(pattern_end + 1);
    text.remove_prefix(text_end + 1);
  }
  return wildcard_match(pattern, text);
}

// The value of a condition key in this request.
std::optional<std::string> value_of(const std::string& key, const Request& request) {
  const Caller& caller = request.caller;
  bool is_account = caller.kind == Caller::Kind::kAccount;
  if (key == "aws:principalarn") {
    return is_account ? std::optional(caller.arn) : std::nullopt;
  }
  if (key == "aws:principalaccount") {
    return is_account ? std::optional(caller.account) : std::nullopt;
  }
  if (key == "aws:principalisawsservice") {
    return caller.kind == Caller::Kind::kService ? "true" : "false";
  }
  auto found = request.context.find(key);
  if (found == request.context.end()) return std::nullopt;
  return found->second;
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text, Case letters) {
  auto same = [letters](char a, char b) {
    return letters == Case::kExact ? a == b : fold(a) == fold(b);
  };
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || same(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Decision Policy::decide(const Request& request) const {
  Decision decision = Decision::kNone;
  for (const Statement& statement : statements_) {
    if (!applies(statement, request)) continue;
    if (statement.effect == Decision::kDeny) return Decision::kDeny;
    decision = Decision::kAllow;
  }
  return decision;
}

bool Policy::applies(const Statement& statement, const Request& request) {
  auto matches = [](const Matcher& matcher, const std::string& text, Case letters) {
    bool any = std::ranges::any_of(matcher.patterns, [&](const std::string& pattern) {
      return wildcard_match(pattern, text, letters);
    });
    return any != matcher.negated;
  };
  return names_caller(statement, request.caller) &&
         matches(statement.actions, request.action, Case::kIgnore) &&
         matches(statement.resources, request.resource, Case::kExact) &&
         std::ranges::all_of(statement.conditions,
                             [&](const Condition& c) { return holds(c, request); });
}

bool Policy::names_caller(const Statement& statement, const Caller& caller) {
  if (statement.anyone) return true;
  switch (caller.kind) {
    case Caller::Kind::kAccount:
      return std::ranges::find(statement.accounts, caller.account) != statement.accounts.end() ||
             std::ranges::find(statement.arns, caller.arn) != statement.arns.end();
    case Caller::Kind::kService:
      return std::ranges::find(statement.services, caller.service) != statement.services.end();
    case Caller::Kind::kAnonymous:
      return false;
  }
  return false;
}

bool Policy::holds(const Condition& condition, const Request& request) {
  std::optional<std::string> actual = value_of(condition.key, request);
  if (condition.op == Operator::kNull) {
    std::string is_null = actual ? "false" : "true";
    return std::ranges::find(condition.values, is_null) != condition.values.end();
  }
  // A negated operator holds where the key is absent.
  if (!actual) return condition.if_exists || condition.negated;
  return value_matches(condition, *actual) != condition.negated;
}

bool Policy::value_matches(const Condition& condition, const std::string& actual) {
  return std::ranges::any_of(condition.values, [&](const std::string& value) {
    switch (condition.op) {
      case Operator::kEquals:
        return value == actual;
      case Operator::kEqualsIgnoreCase:
      case Operator::kBool:
        return equal_ignore_case(value, actual);
      case Operator::kLike:
        return wildcard_match(value, actual);
      case Operator::kArn:
        return arn_match(value, actual);
      case Operator::kNull:
        return false;
    }
    return false;
  });
}

}  // namespace suiro::policy
