// SPDX-License-Identifier: Apache-2.0
#include "services/events/memory.h"

namespace suiro::events {

Result<RulePtr> compile_rule(std::string name, std::string arn, Rule record) {
  auto rule = std::make_shared<CompiledRule>();
  if (!record.pattern.empty()) {
    TRY(rule->pattern, event_pattern::Pattern::compile(record.pattern));
  }
  for (const std::string& document : record.targets) {
    TRY(RuleTarget target, RuleTarget::compile(document));
    rule->targets.push_back(std::move(target));
  }
  rule->name = std::move(name);
  rule->arn = std::move(arn);
  rule->record = std::move(record);
  return rule;
}

BusMemory::Place BusMemory::place_of(const CompiledRule& rule) {
  if (!rule.record.enabled() || !rule.pattern) return {};
  if (auto sources = rule.pattern->strings_required("source")) {
    return {Place::By::kSource, *std::move(sources)};
  }
  if (auto types = rule.pattern->strings_required("detail-type")) {
    return {Place::By::kDetailType, *std::move(types)};
  }
  return {Place::By::kAll, {}};
}

void BusMemory::put(RulePtr rule) {
  erase(rule->name);
  Place place = place_of(*rule);
  auto& index = place.by == Place::By::kSource ? by_source_ : by_detail_type_;
  for (const std::string& key : place.keys) index[key].insert(rule->name);
  if (place.by == Place::By::kAll) all_.insert(rule->name);
  rules_[rule->name] = std::move(rule);
}

void BusMemory::erase(const std::string& name) {
  auto found = rules_.find(name);
  if (found == rules_.end()) return;
  Place place = place_of(*found->second);
  auto& index = place.by == Place::By::kSource ? by_source_ : by_detail_type_;
  for (const std::string& key : place.keys) {
    auto names = index.find(key);
    if (names == index.end()) continue;
    names->second.erase(name);
    if (names->second.empty()) index.erase(names);
  }
  all_.erase(name);
  rules_.erase(found);
}

std::optional<std::set<std::string, std::less<>>> BusMemory::sources() const {
  if (!all_.empty() || !by_detail_type_.empty()) return std::nullopt;
  std::set<std::string, std::less<>> names;
  for (const auto& [source, rules] : by_source_) names.insert(source);
  return names;
}

RulePtr BusMemory::find(const std::string& name) const {
  auto found = rules_.find(name);
  return found == rules_.end() ? nullptr : found->second;
}

void BusMemory::add(const Names& names, const std::string& after, Names& out) {
  out.insert(names.upper_bound(after), names.end());
}

std::vector<RulePtr> BusMemory::matching(const event_pattern::Event& event,
                                         const std::string& after) const {
  Names candidates;
  add(all_, after, candidates);
  auto add_from = [&](const auto& index, std::string_view member) {
    auto key = event.string(member);
    auto found = key ? index.find(*key) : index.end();
    if (found != index.end()) add(found->second, after, candidates);
  };
  add_from(by_source_, "source");
  add_from(by_detail_type_, "detail-type");
  std::vector<RulePtr> out;
  for (const std::string& name : candidates) {
    const RulePtr& rule = rules_.find(name)->second;
    if (rule->pattern->matches(event)) out.push_back(rule);
  }
  return out;
}

}  // namespace suiro::events
