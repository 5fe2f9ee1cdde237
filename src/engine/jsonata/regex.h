// SPDX-License-Identifier: Apache-2.0
// Regular expressions: JavaScript's, as far as RE2 has them. Look-around and back-references are
// refused, because they need a search whose time nothing bounds.
#pragma once

#include <re2/re2.h>

#include <expected>
#include <memory>

#include "engine/jsonata/evaluator.h"

namespace suiro::jsonata {

// Of all regular expressions of one text together: their programs, and what matching keeps.
inline constexpr size_t kRegexMemoryMax = 8 << 20;

// Flags: "i", "m". `memory_max`: bytes for this one. Errors: NotImplemented; InvalidArgument.
std::expected<std::shared_ptr<const re2::RE2>, Fault> compile_regex(std::string_view source,
                                                                    std::string_view flags,
                                                                    size_t memory_max);

struct RegexMatch {
  std::string_view text;
  size_t begin = 0;  // byte offsets
  size_t end = 0;
  std::vector<std::optional<std::string_view>> groups;
};
// The first match at or behind `from`.
std::optional<RegexMatch> find_match(const re2::RE2& regex, std::string_view text, size_t from);

// {match, start, end, groups, next}.
Value describe_match(Evaluator& evaluator, Function* regex, std::string_view subject,
                     const RegexMatch& match);
// A regex as a function: describe_match() or undefined.
Value apply_regex(Evaluator& evaluator, Function* function, const Value& subject);
Value next_match(Evaluator& evaluator, Function* function);

}  // namespace suiro::jsonata
