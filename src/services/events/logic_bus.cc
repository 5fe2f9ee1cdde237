// SPDX-License-Identifier: Apache-2.0
// Buses, their policies, and tags.
#include <boost/json.hpp>

#include "engine/policy/policy.h"
#include "services/events/logic.h"

namespace suiro::events {
namespace {

namespace json = boost::json;

std::unexpected<Error> policy_error(const Error& error) {
  return invalid("Parameter Policy is not valid. Reason: " + error.message);
}

// A policy that the evaluator understands, or nothing.
Result<void> check_policy(const std::string& policy) {
  if (policy.size() > kPolicyBytesMax) {
    return fail("PolicyLengthExceededException",
                fmt::format("The policy is longer than {} bytes.", kPolicyBytesMax));
  }
  auto parsed = policy::Policy::parse(policy);
  if (!parsed) return policy_error(parsed.error());
  return ok();
}

}  // namespace

Result<void> check_tags(const Tags& tags) {
  if (tags.size() > kTagsMax) return too_many();
  for (const auto& [key, value] : tags) {
    if (!key.starts_with("aws:")) continue;
    return invalid("aws: prefixed tag key names are not allowed for external use.");
  }
  return ok();
}

Task<Result<Found<Bus>>> Logic::existing_bus(std::string name) {
  CO_TRY(auto found, co_await storage_.bus(name));
  if (!found) co_return no_such_bus(name);
  co_return *std::move(found);
}

Task<Result<Found<Bus>>> Logic::bus(std::string name) {
  return existing_bus(std::move(name));
}

// `change`: Result<void>(Found<Bus>&).
template <class Change>
auto Logic::change_bus(std::string name, Change change) -> Task<Result<void>> {
  auto attempt = [&]() -> Task<Result<void>> {
    CO_TRY(Found<Bus> bus, co_await existing_bus(name));
    CO_TRY_VOID(change(bus));
    bus.record.modified = kernel_.clock.now();
    store::Batch batch;
    Storage::put(batch, bus);
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
    co_return ok();
  };
  co_return co_await run_on(kernel_.shards.owner(bus_arn(name)), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::create_bus(NewBus bus) {
  auto attempt = [&] { return try_create_bus(bus); };
  Executor owner = kernel_.shards.owner(bus_arn(bus.name));
  co_return co_await run_on(owner, [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_create_bus(NewBus bus) {
  if (bus.name.find('/') != bus.name.npos) {
    co_return invalid(fmt::format("Event bus name {} must not contain '/'.", bus.name));
  }
  CO_TRY_VOID(check_tags(bus.tags));
  CO_TRY(auto found, co_await storage_.bus(bus.name));
  if (found) {
    co_return fail(kAlreadyExists, fmt::format("Event bus {} already exists.", bus.name));
  }
  CO_TRY(auto others, co_await storage_.buses({.rows_max = kBusesMax}));
  if (others.rows.size() >= kBusesMax) co_return too_many();
  TimePoint now = kernel_.clock.now();
  store::Batch batch;
  Storage::put(batch, Found<Bus>{std::move(bus.name),
                                 {.description = std::move(bus.description),
                                  .policy = {},
                                  .created = now,
                                  .modified = now,
                                  .tags = std::move(bus.tags)}});
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return ok();
}

Task<Result<void>> Logic::update_bus(std::string name, std::optional<std::string> description) {
  co_return co_await change_bus(std::move(name), [&](Found<Bus>& bus) -> Result<void> {
    bus.record.description = description.value_or("");
    return ok();
  });
}

Task<Result<void>> Logic::delete_bus(std::string name) {
  if (name == kDefaultBus) co_return invalid("Cannot delete event bus default.");
  auto attempt = [&] { return try_delete_bus(name); };
  co_return co_await run_on(kernel_.shards.owner(bus_arn(name)), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_delete_bus(std::string name) {
  CO_TRY(auto found, co_await storage_.bus(name));
  if (!found) co_return ok();
  CO_TRY(auto rules, co_await storage_.rules(name, {.rows_max = 1}));
  if (!rules.rows.empty()) {
    co_return invalid(fmt::format("Event bus {} cannot be deleted since it has rules.", name));
  }
  store::Batch batch;
  Storage::erase(batch, *found);
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  shards_[kernel_.shards.current()].buses.erase(name);
  co_return ok();
}

Task<Result<Storage::Page<Bus>>> Logic::buses(Storage::Listing listing) {
  // The default bus may have no record, and has its place among the others.
  size_t most = listing.rows_max;
  std::string prefix = listing.prefix, after = listing.after;
  CO_TRY(auto page, co_await storage_.buses(std::move(listing)));
  auto place = std::ranges::lower_bound(page.rows, kDefaultBus, {}, &Found<Bus>::name);
  bool is_there = place != page.rows.end() && place->name == kDefaultBus;
  bool belongs = kDefaultBus.starts_with(prefix) && after < kDefaultBus &&
                 (place != page.rows.end() || !page.more);
  if (belongs && !is_there) {
    page.rows.insert(place, Found<Bus>{std::string(kDefaultBus), {}, {}});
    if (page.rows.size() > most) {
      page.rows.pop_back();
      page.more = true;
    }
  }
  co_return page;
}

// --- policies
// --------------------------------------------------------------------------------------

Task<Result<void>> Logic::put_permission(std::string bus, Permission permission) {
  std::string arn = bus_arn(bus);
  co_return co_await change_bus(std::move(bus), [&](Found<Bus>& found) -> Result<void> {
    json::object statement = {{"Sid", permission.statement_id}, {"Effect", "Allow"}};
    if (permission.principal == "*") {
      statement["Principal"] = "*";
    } else {
      statement["Principal"] =
          json::object{{"AWS", fmt::format("arn:aws:iam::{}:root", permission.principal)}};
    }
    statement["Action"] = permission.action;
    statement["Resource"] = arn;
    if (!permission.organization.empty()) {
      statement["Condition"] = json::object{
          {"StringEquals", json::object{{"aws:PrincipalOrgID", permission.organization}}}};
    }
    // A statement takes the place of the one of its id.
    std::string policy = found.record.policy;
    if (!policy.empty()) {
      auto without = policy::remove_statement(policy, permission.statement_id);
      if (without) policy = *std::move(without);
    }
    auto added = policy::add_statement(policy, {{"Version", "2012-10-17"}}, std::move(statement));
    if (!added) return policy_error(added.error());
    TRY_VOID(check_policy(*added));
    found.record.policy = *std::move(added);
    return ok();
  });
}

Task<Result<void>> Logic::put_policy(std::string bus, std::string policy) {
  co_return co_await change_bus(std::move(bus), [&](Found<Bus>& found) -> Result<void> {
    TRY_VOID(check_policy(policy));
    found.record.policy = policy;
    return ok();
  });
}

Task<Result<void>> Logic::remove_permission(std::string bus,
                                            std::optional<std::string> statement_id) {
  co_return co_await change_bus(std::move(bus), [&](Found<Bus>& found) -> Result<void> {
    std::string& policy = found.record.policy;
    if (!statement_id) {
      policy.clear();
      return ok();
    }
    auto removed = policy.empty() ? Result<std::string>(fail(codes::kNotFound, ""))
                                  : policy::remove_statement(policy, *statement_id);
    if (!removed) {
      return fail(kResourceNotFound, "Statement with the provided id does not exist.");
    }
    policy = *std::move(removed);
    return ok();
  });
}

// --- tags
// ------------------------------------------------------------------------------------------

Task<Result<Tags>> Logic::tags(RuleName name) {
  if (name.rule.empty()) {
    CO_TRY(Found<Bus> found, co_await existing_bus(std::move(name.bus)));
    co_return std::move(found.record.tags);
  }
  CO_TRY(Found<Rule> found, co_await rule(std::move(name)));
  co_return std::move(found.record.tags);
}

Task<Result<void>> Logic::tag(RuleName name, Tags added, std::vector<std::string> removed) {
  auto apply = [&](Tags& tags) -> Result<void> {
    for (const auto& [key, value] : added) tags[key] = value;
    for (const std::string& key : removed) tags.erase(key);
    return check_tags(tags);
  };
  if (name.rule.empty()) {
    co_return co_await change_bus(std::move(name.bus),
                                  [&](Found<Bus>& bus) { return apply(bus.record.tags); });
  }
  co_return co_await change_rule(std::move(name),
                                 [&](Found<Rule>& rule) { return apply(rule.record.tags); });
}

}  // namespace suiro::events
