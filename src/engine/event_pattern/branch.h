// SPDX-License-Identifier: Apache-2.0
// Branch: one way in which a pattern can match: the tree of its names.
// Thread: immutable once built; any.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/event_pattern/condition.h"

namespace suiro::event_pattern {

// What "$or" multiplies: names, joined by dots, and what is allowed there. A name that comes again
// replaces what stood there before.
using FlatBranch = std::map<std::string, std::shared_ptr<const Allowed>>;

struct Node {
  std::map<std::string, Node, std::less<>> children;
  std::shared_ptr<const Allowed> allowed;  // null: nothing is asked of the value itself
  // Where the value is an array: names below it that none of its elements may have.
  std::vector<std::vector<std::string>> absent_everywhere;
};

struct Branch {
  Node root;
};

Branch build(const FlatBranch& flat);
bool matches(const Node& node, const boost::json::value* value);

}  // namespace suiro::event_pattern
