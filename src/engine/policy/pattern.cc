// SPDX-License-Identifier: Apache-2.0
#include "engine/policy/pattern.h"

#include <algorithm>

#include "base/bytes.h"
#include "engine/policy/policy.h"

namespace suiro::policy {
namespace {

char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

struct Signs {
  char any, one;
};

bool match(std::string_view pattern, std::string_view text, Case letters, Signs signs) {
  auto same = [letters](char a, char b) {
    return letters == Case::kExact ? a == b : fold(a) == fold(b);
  };
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == signs.any) {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == signs.one || same(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == signs.any) ++p;
  return p == pattern.size();
}

constexpr Signs kExpanded{Text::kAny, Text::kOne};
constexpr char kSigns[] = {Text::kAny, Text::kOne, '\0'};

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text, Case letters) {
  return match(pattern, text, letters, {'*', '?'});
}

bool matches(std::string_view expanded, std::string_view text, Case letters) {
  return match(expanded, text, letters, kExpanded);
}

bool matches_arn(std::string_view expanded, std::string_view text) {
  for (int part = 0; part < 5; ++part) {
    size_t pattern_end = expanded.find(':');
    size_t text_end = text.find(':');
    if (pattern_end == std::string_view::npos || text_end == std::string_view::npos) return false;
    if (!matches(expanded.substr(0, pattern_end), text.substr(0, text_end))) return false;
    expanded.remove_prefix(pattern_end + 1);
    text.remove_prefix(text_end + 1);
  }
  return matches(expanded, text);
}

Result<void> Text::add_variable(std::string_view inside, Part& part) {
  if (inside == "*" || inside == "?" || inside == "$") {
    part.literal += inside;
    return ok();
  }
  std::string_view key = trim(inside);
  if (size_t comma = inside.find(','); comma != std::string_view::npos) {
    key = trim(inside.substr(0, comma));
    std::string_view fallback = trim(inside.substr(comma + 1));
    if (fallback.size() < 2 || fallback.front() != '\'' || fallback.back() != '\'') {
      return fail(kMalformedPolicy,
                  fmt::format("The default of the variable '{}' needs single quotes", key));
    }
    part.fallback = fallback.substr(1, fallback.size() - 2);
  }
  if (key.empty()) return fail(kMalformedPolicy, "A policy variable has no name");
  part.key = to_lower(key);
  keys_.push_back(part.key);
  return ok();
}

Result<Text> Text::parse(std::string_view text, Variables variables, Wildcards wildcards) {
  if (std::ranges::any_of(text, [](char c) { return c == kAny || c == kOne; })) {
    return fail(kMalformedPolicy, "The policy holds a control character");
  }
  Text out;
  Part part;
  while (!text.empty()) {
    if (variables == Variables::kExpand && text.starts_with("${")) {
      size_t end = text.find('}');
      if (end == std::string_view::npos) {
        return fail(kMalformedPolicy, fmt::format("The variable '{}' does not end", text));
      }
      TRY_VOID(out.add_variable(text.substr(2, end - 2), part));
      if (!part.key.empty()) out.parts_.push_back(std::exchange(part, {}));
      text.remove_prefix(end + 1);
      continue;
    }
    char c = text.front();
    if (wildcards == Wildcards::kYes && (c == '*' || c == '?')) c = c == '*' ? kAny : kOne;
    part.literal += c;
    text.remove_prefix(1);
  }
  out.parts_.push_back(std::move(part));
  return out;
}

bool Text::is_fixed() const {
  constexpr char kWildcards[] = {kAny, kOne, '*', '?', '\0'};
  return keys_.empty() && std::ranges::all_of(parts_, [&](const Part& part) {
           return part.literal.find_first_of(kWildcards) == std::string::npos;
         });
}

std::optional<std::string> Text::expand(const Request& request) const {
  std::string out;
  for (const Part& part : parts_) {
    out += part.literal;
    if (part.key.empty()) continue;
    std::optional<std::string> value = request.value(part.key);
    if (!value) value = part.fallback;
    // A value that would act as a wildcard is none.
    if (!value || value->find_first_of(kSigns) != value->npos) return std::nullopt;
    out += *value;
  }
  return out;
}

}  // namespace suiro::policy
