// SPDX-License-Identifier: Apache-2.0
#include "engine/log_query/names.h"

namespace suiro::log_query {

size_t Names::slot_of(const std::string& name) {
  auto [place, is_new] = known_.try_emplace(name, slots_);
  if (is_new) ++slots_;
  return place->second;
}

void Names::leave(std::set<std::string> names) {
  made_ = std::move(names);
  is_grouped_ = true;
}

NodePtr Names::refer(const Name& name) {
  auto node = std::make_unique<Node>();
  node->op = Op::kSlot;
  node->text = name.text;
  // A member of a structure that a command made.
  if (!made_.contains(name.text) && name.path.size() > 1 && made_.contains(name.path[0])) {
    node->op = Op::kPath;
    node->slot = slot_of(name.path[0]);
    node->path.assign(name.path.begin() + 1, name.path.end());
    return node;
  }
  node->slot = slot_of(name.text);
  if (!made_.contains(name.text) && !is_grouped_ && loaded_.insert(name.text).second) {
    loads_.emplace_back(FieldName{.text = name.text, .path = name.path}, node->slot);
  }
  return node;
}

}  // namespace suiro::log_query
