// SPDX-License-Identifier: Apache-2.0
// Pattern: the filters of an event source mapping ("Control which events Lambda sends to your
// function", AWS Lambda Developer Guide): event patterns of EventBridge's language. A pattern that
// is not understood whole does not parse. A record passes when one filter matches; without filters
// all pass. Thread: immutable; any.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/event_pattern/pattern.h"

namespace suiro::lambda {

inline constexpr size_t kFiltersMax = 5;
inline constexpr size_t kPatternBytesMax = 4096;

class Pattern {
 public:
  // Errors: InvalidParameterValueException.
  static Result<Pattern> parse(const std::vector<std::string>& filters);
  // `record`: a queue's record as functions see it. Its body is matched as JSON where it is JSON,
  // else as text.
  bool matches(ByteView record) const;
  bool everything() const { return filters_.empty(); }

 private:
  std::vector<event_pattern::Pattern> filters_;
};

}  // namespace suiro::lambda
