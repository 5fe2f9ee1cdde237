// SPDX-License-Identifier: Apache-2.0
// What names mean at a place of a query: each name has one slot in every row; some are fields of
// the event, some were made by a command, and behind `stats` only what it made is left.
// Thread: an instance belongs to one compilation.
#pragma once

#include <map>
#include <set>

#include "engine/log_query/program.h"
#include "engine/log_query/scanner.h"

namespace suiro::log_query {

class Names {
 public:
  size_t slot_of(const std::string& name);
  // A slot of no name.
  size_t hidden_slot() { return slots_++; }
  size_t slots() const { return slots_; }

  void define(const std::string& name) { made_.insert(name); }
  bool is_made(const std::string& name) const { return made_.contains(name); }
  // Behind `stats`: only these are left.
  void leave(std::set<std::string> names);
  bool is_grouped() const { return is_grouped_; }
  const std::set<std::string>& made() const { return made_; }

  // A field of the event, where the name was not made: it will be loaded.
  NodePtr refer(const Name& name);
  std::vector<std::pair<FieldName, size_t>> take_loads() { return std::move(loads_); }

 private:
  std::map<std::string, size_t> known_;
  std::set<std::string> made_;
  std::set<std::string> loaded_;
  std::vector<std::pair<FieldName, size_t>> loads_;
  size_t slots_ = 0;
  bool is_grouped_ = false;
};

}  // namespace suiro::log_query
