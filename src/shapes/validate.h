// SPDX-License-Identifier: Apache-2.0
// Constraint validation of a parsed input: required members, lengths, ranges, enums, patterns, and
// members that Suiro does not support.
//
// The parsers note missing required members in Violations; check_request adds the others and makes
// one error in the service's manner (ServiceModel::validation). Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shapes/shape.h"

namespace suiro::shapes {

inline constexpr std::string_view kValidation = "ValidationException";

struct Violation {
  std::string path;    // "entries.1.member.id", each part with a small first letter
  std::string value;   // as the message shows it; empty with `missing`
  std::string rule;    // "Member must have length less than or equal to 64"
  std::string member;  // the model name of the last part: "Id"
  bool missing = false;
};

struct Violations {
  // More than these are counted but not kept.
  static constexpr size_t kKeptMax = 20;
  std::vector<Violation> all;
  std::string path;  // of the value being read; parsers push and pop

  // Notes that the required member of the structure at `path` is absent.
  void missing(std::string_view member);
  // Descend: a structure's member, a list's element (from 1), a map's value. The caller resizes
  // `path` to come back.
  void push(std::string_view member);
  void push_index(size_t index);
  void push_key(std::string_view key);
};

// Walks the input and adds what breaks the model's constraints.
// Errors: NotImplemented naming a member that Suiro does not support; else one error for all
// violations: ValidationException (or the service's code) with AWS's text "1 validation error
// detected: Value 'x' at 'name' failed to satisfy constraint: ...".
Result<void> check_request(const Operation& operation, const void* input, Violations& violations);
// The same for a structure outside a request.
Result<void> check_value(const Shape& shape, const void* value, Violations& violations);

// Whether the shape's pattern is within what RE2 knows; a test checks that all are.
bool can_check_pattern(const Shape& shape);

}  // namespace suiro::shapes
