// SPDX-License-Identifier: Apache-2.0
// Filter patterns of CloudWatch Logs ("Filter pattern syntax for metric filters, subscription
// filters, filter log events, and Live Tail", Amazon CloudWatch Logs User Guide):
//
//   ERROR "disk full" -debug       every term, no excluded one
//   ?ERROR ?WARN                   any of the terms; ignored beside terms without '?'
//   %4[0-9]{2}%                    a regular expression, also as a term or an operand
//   { $.status >= 500 && ($.path = "/a*" || $.user IS NULL) }
//   [ip, ..., status = 4* || status = 5*, size > 1000]
//
// An event that is not JSON matches no JSON pattern. Immutable once parsed; any thread. Matching
// takes time linear in the message, also with regular expressions (RE2).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro::logs {

inline constexpr size_t kPatternBytesMax = 1024;
inline constexpr size_t kPatternDepthMax = 32;
inline constexpr size_t kPatternRegexesMax = 2;

class Pattern {
 public:
  // The empty pattern matches everything. Errors: InvalidParameterException with the reason.
  static Result<Pattern> parse(std::string_view text);
  bool matches(std::string_view message) const;

  struct Node;

 private:
  explicit Pattern(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
  std::shared_ptr<const Node> root_;
};

}  // namespace suiro::logs
