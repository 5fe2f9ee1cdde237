// SPDX-License-Identifier: Apache-2.0
// Automata for the patterns of FAST_REGEX_LOG_PARSE, whose syntax (that of dk.brics.automaton) has
// intersections and numeric intervals, which RE2 lacks. An expression becomes a deterministic
// automaton by derivatives when the program is bound; matching is one table look-up a character.
//
// Invariants: an automaton has at most kAutomatonStatesMax states; larger ones are refused.
// How it fails: codes::kInvalidArgument. Threads: an Automaton is immutable and shared.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::sql {

inline constexpr size_t kAutomatonStatesMax = 2'000;
inline constexpr uint32_t kRepeatMax = 1'000;
inline constexpr uint32_t kUnbounded = UINT32_MAX;

struct CharRange {
  uint32_t first;
  uint32_t last;
  friend bool operator==(const CharRange&, const CharRange&) = default;
  friend auto operator<=>(const CharRange&, const CharRange&) = default;
};

struct FastRegex;
using FastRegexPtr = std::shared_ptr<const FastRegex>;

// A parsed expression.
struct FastRegex {
  enum class Kind {
    kNothing,    // # : no text at all matches
    kSet,        // one character of `ranges`
    kConcat,     // items one after the other; none: the empty text
    kUnion,      // |
    kIntersect,  // &
    kRepeat,     // items[0] from `least` to `most` times
    kGroup,      // ( items[0] ), as written: for columns only
  } kind = Kind::kConcat;
  std::vector<CharRange> ranges;
  std::vector<FastRegexPtr> items;
  uint32_t least = 0;
  uint32_t most = 0;
};

// Errors: where the pattern is wrong, and what was expected.
Result<FastRegexPtr> parse_fast_regex(std::string_view pattern);
// The number of characters of every text that matches; nullopt: they differ.
std::optional<uint32_t> fixed_length(const FastRegex& regex);

class Automaton {
 public:
  static Result<Automaton> compile(const std::vector<FastRegexPtr>& sequence);

  // The bytes of the shortest, or longest, beginning of the text that matches.
  std::optional<size_t> shortest(std::string_view text) const;
  std::optional<size_t> longest(std::string_view text) const;
  bool matches(std::string_view text) const;

 private:
  friend class Builder;
  static constexpr uint32_t kDead = 0;
  uint32_t class_of(uint32_t code) const;
  uint32_t step(uint32_t state, std::string_view character) const;

  std::vector<uint32_t> starts_;  // of the classes of characters, ascending from 0
  std::vector<uint16_t> ascii_;   // class of each of 0..127
  std::vector<uint32_t> next_;    // [state * classes + class]; 0 is dead
  std::vector<bool> accepting_;   // by state
};

}  // namespace suiro::sql
