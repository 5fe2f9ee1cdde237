// SPDX-License-Identifier: Apache-2.0
// Patterns of users as RE2's: java.util.regex, SIMILAR TO and LIKE. RE2 runs in time linear in the
// text, so that no pattern explodes; what it lacks (look-around, back references, possessive
// repetition, set operations) is refused in words.
//
// How it fails: codes::kInvalidArgument with what was wrong; at run time the caller turns it into
// errors::kInvalidFormat. Threads: a Pattern is immutable and shared.
#pragma once

#include <re2/re2.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::sql {

using Pattern = std::shared_ptr<const re2::RE2>;

inline constexpr size_t kPatternBytesMax = 16'384;
inline constexpr int64_t kPatternMemoryBytes = 8 << 20;

// java.util.regex.
Result<Pattern> compile_java(std::string_view regex);
// The whole text must match. `escape`: "" or one character.
Result<Pattern> compile_similar(std::string_view pattern, std::string_view escape);
// SUBSTRING(.. SIMILAR ..): three parts, split by the escape character and a double quote; group 1
// is the middle one. Unanchored, as the reference's example has it.
Result<Pattern> compile_similar_parts(std::string_view pattern, std::string_view escape);

// Errors: the escape character stands before something else than itself, % or _, or is not one
// character.
Result<void> check_like(std::string_view pattern, std::string_view escape);
// LIKE without a compilation; a pattern that check_like would refuse may not be noticed.
Result<bool> matches_like(std::string_view text, std::string_view pattern, std::string_view escape);

// Appends `replacement` as java.util.regex.Matcher does: $1, ${name}, \x. Errors: a $ without a
// group, a \ at the end.
Result<void> append_replacement(std::string& out, std::string_view replacement,
                                const re2::RE2& pattern, std::span<const re2::StringPiece> groups);

// Room for a match and its groups, without an allocation where they are few.
class GroupPieces {
 public:
  explicit GroupPieces(const re2::RE2& pattern)
      : count_(static_cast<size_t>(pattern.NumberOfCapturingGroups()) + 1) {
    if (count_ > few_.size()) many_.resize(count_);
  }
  re2::StringPiece* data() { return many_.empty() ? few_.data() : many_.data(); }
  int count() const { return static_cast<int>(count_); }
  std::span<const re2::StringPiece> pieces() { return {data(), count_}; }

 private:
  size_t count_;
  std::array<re2::StringPiece, 16> few_;
  std::vector<re2::StringPiece> many_;
};

}  // namespace suiro::sql
