// SPDX-License-Identifier: Apache-2.0
#include "shapes/shape.h"

#include <algorithm>

namespace suiro::shapes {
namespace {

uint32_t fnv1a(std::string_view text) {
  uint32_t hash = 2166136261u;
  for (unsigned char c : text) hash = (hash ^ c) * 16777619u;
  return hash;
}

}  // namespace

const Member* Shape::find_wire(std::string_view wire_name) const {
  if (lookup.empty()) return nullptr;
  const size_t mask = lookup.size() - 1;
  // The table is at most half full, so a free entry ends the search.
  for (size_t at = fnv1a(wire_name) & mask; lookup[at] != 0; at = (at + 1) & mask) {
    const Member& member = members[lookup[at] - 1];
    if (member.wire_name == wire_name) return &member;
  }
  return nullptr;
}

const Member* Shape::find(std::string_view member_name) const {
  auto found = std::ranges::find(members, member_name, &Member::name);
  return found == members.end() ? nullptr : &*found;
}

const Operation* ServiceModel::find_operation(std::string_view operation) const {
  auto by_name = [](const Operation* one) { return one->name; };
  auto found = std::ranges::lower_bound(operations, operation, {}, by_name);
  return found != operations.end() && (*found)->name == operation ? *found : nullptr;
}

bool ServiceModel::is_not_implemented(std::string_view operation) const {
  return std::ranges::binary_search(not_implemented, operation, {}, &LackingOperation::name);
}

const ErrorShape* ServiceModel::find_error(std::string_view code) const {
  auto found = std::ranges::lower_bound(errors, code, {}, &ErrorShape::code);
  return found != errors.end() && found->code == code ? &*found : nullptr;
}

}  // namespace suiro::shapes
