// SPDX-License-Identifier: Apache-2.0
// What all logic shares: names, memory, start.
#include "services/events/logic.h"

#include "base/arn.h"
#include "base/log.h"

namespace suiro::events {

Logic::Logic(event::Kernel& kernel, const event::RolePermissions& permissions)
    : kernel_(kernel),
      permissions_(permissions),
      storage_(kernel.store),
      shards_(kernel.shards.size()) {}

std::string Logic::bus_arn(std::string_view name) const {
  return fmt::format("arn:aws:events:{}:{}:event-bus/{}", kernel_.region, kernel_.account, name);
}

std::string Logic::rule_arn(const RuleName& name) const {
  std::string bus = name.bus == kDefaultBus ? "" : name.bus + "/";
  return fmt::format("arn:aws:events:{}:{}:rule/{}{}", kernel_.region, kernel_.account, bus,
                     name.rule);
}

Result<std::string> Logic::bus_of(std::string_view arn) const {
  auto parsed = Arn::parse(arn);
  constexpr std::string_view kPrefix = "event-bus/";
  bool is_ours = parsed && parsed->service == "events" && parsed->region == kernel_.region &&
                 parsed->account == kernel_.account && parsed->resource.starts_with(kPrefix);
  if (!is_ours) return fail(codes::kNotFound, fmt::format("{} is not an event bus here", arn));
  return parsed->resource.substr(kPrefix.size());
}

Result<RuleName> Logic::resource_of(std::string_view arn) const {
  if (auto bus = bus_of(arn)) return RuleName{*bus, ""};
  auto parsed = Arn::parse(arn);
  constexpr std::string_view kPrefix = "rule/";
  bool is_rule = parsed && parsed->service == "events" && parsed->region == kernel_.region &&
                 parsed->account == kernel_.account && parsed->resource.starts_with(kPrefix);
  if (!is_rule) return fail(kResourceNotFound, fmt::format("Resource {} does not exist.", arn));
  std::string rest = parsed->resource.substr(kPrefix.size());
  size_t slash = rest.rfind('/');
  if (slash == rest.npos) return RuleName{std::string(kDefaultBus), rest};
  return RuleName{rest.substr(0, slash), rest.substr(slash + 1)};
}

BusMemory& Logic::memory(const std::string& bus) {
  return shards_[kernel_.shards.current()].buses[bus];
}

void Logic::tell_sources(const std::string& bus) {
  if (bus == kDefaultBus) sources_.store(std::make_shared<const Sources>(memory(bus).sources()));
}

bool Logic::listens(std::string_view source) const {
  const std::shared_ptr<const Sources> sources = sources_.load();
  return !sources || !*sources || (*sources)->contains(source);
}

Task<Result<void>> Logic::start() {
  std::vector<std::string> names = {std::string(kDefaultBus)};
  Storage::Listing listing;
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await storage_.buses(listing));
    for (auto& bus : page.rows) {
      if (bus.name != kDefaultBus) names.push_back(bus.name);
      listing.after = bus.name;
    }
    more = page.more;
  }
  for (std::string& name : names) {
    Executor owner = kernel_.shards.owner(bus_arn(name));
    CO_TRY_VOID(co_await run_on(owner, [this, &name] { return load(name); }));
  }
  co_return ok();
}

Task<Result<void>> Logic::load(std::string bus) {
  Storage::Listing listing;
  for (;;) {
    CO_TRY(auto page, co_await storage_.rules(bus, listing));
    for (auto& rule : page.rows) {
      listing.after = rule.name;
      auto compiled = compile_rule(rule.name, rule_arn({bus, rule.name}), std::move(rule.record));
      if (!compiled) {
        // It stays as it is, for a person or a later version to look at.
        log::error("rule {} of bus {} is not understood and never matches: {}", rule.name, bus,
                   compiled.error().message);
        continue;
      }
      memory(bus).put(*std::move(compiled));
    }
    if (page.more && !page.rows.empty()) continue;
    tell_sources(bus);
    co_return ok();
  }
}

}  // namespace suiro::events
