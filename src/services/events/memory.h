// SPDX-License-Identifier: Apache-2.0
// BusMemory: a bus's rules, compiled and sorted by what they require, so that an event is compared
// only with rules that can match it.
//
// Thread: the shard that owns the bus. What it hands out is immutable.
#pragma once

#include <set>
#include <unordered_map>

#include "engine/event_pattern/pattern.h"
#include "services/events/target.h"
#include "services/events/types.h"

namespace suiro::events {

struct CompiledRule {
  std::string name;
  std::string arn;
  Rule record;
  std::optional<event_pattern::Pattern> pattern;
  std::vector<RuleTarget> targets;
};
using RulePtr = std::shared_ptr<const CompiledRule>;

// Errors: those of its parts, where a stored rule no longer compiles.
Result<RulePtr> compile_rule(std::string name, std::string arn, Rule record);

class BusMemory {
 public:
  // Takes the place of the rule of its name.
  void put(RulePtr rule);
  void erase(const std::string& name);
  // Enabled rules that match, by name, behind `after`.
  std::vector<RulePtr> matching(const event_pattern::Event& event, const std::string& after) const;
  // The sources of events that an enabled rule may match; nullopt: any.
  std::optional<std::set<std::string, std::less<>>> sources() const;
  RulePtr find(const std::string& name) const;
  size_t size() const { return rules_.size(); }

 private:
  using Names = std::set<std::string, std::less<>>;
  struct Place {
    // By source, by detail type, or neither: compared with every event.
    enum class By : uint8_t { kNothing, kSource, kDetailType, kAll } by = By::kNothing;
    std::vector<std::string> keys;
  };
  static Place place_of(const CompiledRule& rule);
  static void add(const Names& names, const std::string& after, Names& out);

  std::map<std::string, RulePtr, std::less<>> rules_;
  std::map<std::string, Names, std::less<>> by_source_;
  std::map<std::string, Names, std::less<>> by_detail_type_;
  Names all_;
};

}  // namespace suiro::events
