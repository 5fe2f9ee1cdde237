// SPDX-License-Identifier: Apache-2.0
// Pattern: EventBridge's event patterns, compiled once and matched against many events (Amazon
// EventBridge User Guide, "Creating Amazon EventBridge event patterns" and "Comparison operators
// for use in event patterns"). Event source mappings filter with the same language.
//
// A pattern is a list of branches ("$or" multiplied out); a branch is a tree of names whose leaves
// hold the values that are allowed there. An event matches when one branch matches.
//
// Invariants:
//  1. A pattern that compiles is understood whole: nothing in it is ignored.
//  2. Within one branch, what is asked of the members of an array's elements must hold in one and
//     the same element. "exists": false that comes before everything else that is asked of the
//     elements (in the order of the names) speaks of all of them.
//  3. A name with dots is the same as nested names, in patterns and in events.
//  4. Matching takes time linear in the size of the event, for each branch; there are at most
//     kBranchesMax of them, and recursion is bounded by kPatternDepthMax and kEventDepthMax.
//
// Thread: immutable; any. Errors: InvalidEventPatternException with AWS's reason and place.
#pragma once

#include <boost/json/value.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/event_pattern/reader.h"

namespace suiro::event_pattern {

inline constexpr size_t kBranchesMax = 1000;  // as AWS allows for "$or"
inline constexpr size_t kEventDepthMax = 1000;

// An event as patterns see it: parsed once, matched often.
class Event {
 public:
  // Errors: kInvalidArgument where it is not JSON, is nested deeper than kEventDepthMax, or is not
  // an object.
  static Result<Event> parse(std::string_view text);
  explicit Event(boost::json::value document);
  const boost::json::value& document() const { return document_; }
  // The document with nested objects in the place of names with dots.
  const boost::json::value& nested() const { return nested_.is_null() ? document_ : nested_; }
  // A member of the document that is a string.
  std::optional<std::string_view> string(std::string_view name) const;

 private:
  boost::json::value document_;
  boost::json::value nested_;  // null: the document has no such names
};

struct Branch;

class Pattern {
 public:
  // The error's message is the reason alone ("Empty arrays are not allowed\n at [Source: ...").
  static Result<Pattern> compile(std::string_view text);
  bool matches(const Event& event) const;
  // The strings of which the member `name` of the event must be one, whichever branch matches;
  // none where other values can match too. What a bus sorts its rules by.
  std::optional<std::vector<std::string>> strings_required(std::string_view name) const;

 private:
  explicit Pattern(std::vector<std::shared_ptr<const Branch>> branches)
      : branches_(std::move(branches)) {}

  std::vector<std::shared_ptr<const Branch>> branches_;
};

}  // namespace suiro::event_pattern
