// SPDX-License-Identifier: Apache-2.0
// Rules and their targets.
#include <boost/json.hpp>

#include "base/arn.h"
#include "engine/schedule/schedule.h"
#include "services/events/logic.h"

namespace suiro::events {
namespace {

std::string id_of(std::string_view document) {
  boost::system::error_code failed;
  auto value = boost::json::parse(document, failed);
  const auto* id = failed || !value.is_object() ? nullptr : value.get_object().if_contains("Id");
  return id != nullptr && id->is_string() ? std::string(id->get_string()) : "";
}

std::string arn_of(std::string_view document) {
  auto target = RuleTarget::compile(document);
  return target ? target->arn() : "";
}

Result<void> check_change(const RuleName& name, const RuleChange& change) {
  if (!change.pattern && !change.schedule) {
    return invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
  }
  if (change.schedule) {
    if (name.bus != kDefaultBus) {
      return invalid("ScheduleExpression is supported only on the default event bus.");
    }
    if (!schedule::Expression::parse(*change.schedule, schedule::Dialect::kRule)) {
      return invalid("Parameter ScheduleExpression is not valid.");
    }
  }
  if (change.pattern) {
    auto pattern = event_pattern::Pattern::compile(*change.pattern);
    if (!pattern) {
      return fail(pattern.error().code,
                  "Event pattern is not valid. Reason: " + pattern.error().message);
    }
  }
  if (change.role_arn && !change.role_arn->empty()) {
    auto role = Arn::parse(*change.role_arn);
    if (!role || role->service != "iam" || !role->resource.starts_with("role/")) {
      return invalid("Parameter RoleArn is not valid.");
    }
  }
  return check_tags(change.tags);
}

}  // namespace

Result<bool> Logic::test_pattern(std::string_view pattern, std::string_view event) {
  auto compiled = event_pattern::Pattern::compile(pattern);
  if (!compiled) {
    return fail(compiled.error().code,
                "Event pattern is not valid. Reason: " + compiled.error().message);
  }
  auto parsed = event_pattern::Event::parse(event);
  if (!parsed) return invalid("Parameter Event is not valid.");
  for (std::string_view member : {"id", "account", "source", "time", "region", "detail-type"}) {
    if (!parsed->string(member)) return invalid("Parameter Event is not valid.");
  }
  return compiled->matches(*parsed);
}

Task<Result<void>> Logic::change_rule(RuleName name, RuleEdit edit, Missing missing) {
  auto attempt = [&] { return try_rule(name, edit, missing); };
  Executor owner = kernel_.shards.owner(bus_arn(name.bus));
  co_return co_await run_on(owner, [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_rule(const RuleName& name, const RuleEdit& edit, Missing missing) {
  CO_TRY(Found<Bus> bus, co_await existing_bus(name.bus));
  CO_TRY(auto found, co_await storage_.rule(name));
  store::Batch batch;
  if (!found) {
    if (missing == Missing::kRefuse) co_return no_such_rule(name.rule, name.bus);
    if (memory(name.bus).size() >= kRulesMax) co_return too_many();
    found = Found<Rule>{name.rule, {.created = kernel_.clock.now()}};
    // The bus's record is written so that its deletion meanwhile is noticed.
    if (name.bus != kDefaultBus) Storage::put(batch, bus);
  }
  TimePoint due_before = found->record.next_due;
  CO_TRY_VOID(edit(*found));
  plan(batch, name.rule, found->record, due_before);
  co_return co_await commit_rule(name, std::move(batch), *std::move(found));
}

Task<Result<void>> Logic::commit_rule(RuleName name, store::Batch batch, Found<Rule> rule) {
  Storage::put(batch, name.bus, rule);
  CO_TRY(RulePtr compiled, compile_rule(name.rule, rule_arn(name), std::move(rule.record)));
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  memory(name.bus).put(std::move(compiled));
  tell_sources(name.bus);
  co_return ok();
}

Task<Result<void>> Logic::put_rule(RuleName name, RuleChange change) {
  CO_TRY_VOID(check_change(name, change));
  auto edit = [&](Found<Rule>& rule) -> Result<void> {
    Rule& record = rule.record;
    bool is_new = rule.version == store::Version();
    std::string schedule = change.schedule.value_or("");
    bool restarts = is_new || record.schedule != schedule ||
                    (!record.enabled() && change.state != RuleState::kDisabled);
    if (restarts) {
      record.schedule_from = kernel_.clock.now();
      record.next_due = {};
    }
    record.pattern = change.pattern.value_or("");
    record.schedule = std::move(schedule);
    record.description = change.description.value_or("");
    record.role_arn = change.role_arn.value_or("");
    record.state = change.state;
    // "Tags are ignored where the rule exists" (PutRule).
    if (is_new) record.tags = change.tags;
    return ok();
  };
  co_return co_await change_rule(std::move(name), edit, Missing::kCreate);
}

Task<Result<Found<Rule>>> Logic::rule(RuleName name) {
  CO_TRY_VOID(co_await existing_bus(name.bus));
  CO_TRY(auto found, co_await storage_.rule(name));
  if (!found) co_return no_such_rule(name.rule, name.bus);
  co_return *std::move(found);
}

Task<Result<Storage::Page<Rule>>> Logic::rules(std::string bus, Storage::Listing listing) {
  CO_TRY_VOID(co_await existing_bus(bus));
  co_return co_await storage_.rules(std::move(bus), std::move(listing));
}

Task<Result<void>> Logic::set_state(RuleName name, RuleState state) {
  auto edit = [&](Found<Rule>& rule) -> Result<void> {
    if (!rule.record.enabled() && state != RuleState::kDisabled) {
      rule.record.schedule_from = kernel_.clock.now();
      rule.record.next_due = {};
    }
    rule.record.state = state;
    return ok();
  };
  co_return co_await change_rule(std::move(name), edit);
}

Task<Result<void>> Logic::delete_rule(RuleName name) {
  auto attempt = [&] { return try_delete_rule(name); };
  Executor owner = kernel_.shards.owner(bus_arn(name.bus));
  co_return co_await run_on(owner, [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_delete_rule(RuleName name) {
  CO_TRY_VOID(co_await existing_bus(name.bus));
  CO_TRY(auto found, co_await storage_.rule(name));
  if (!found) co_return ok();  // as AWS: deleting twice is no error
  if (!found->record.targets.empty()) {
    co_return invalid("Rule can't be deleted since it has targets.");
  }
  store::Batch batch;
  if (found->record.next_due != TimePoint{}) {
    kernel_.timers.cancel(batch, timer_of(name.rule, found->record.next_due));
  }
  Storage::erase(batch, name.bus, *found);
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  memory(name.bus).erase(name.rule);
  tell_sources(name.bus);
  co_return ok();
}

// --- targets
// ---------------------------------------------------------------------------------------

Result<void> Logic::check_target(std::string_view document) const {
  TRY_VOID(RuleTarget::check(document));
  TRY(RuleTarget target, RuleTarget::compile(document));
  const std::string& role = target.role_arn();
  if (role.empty() || kernel_.roles == nullptr) return ok();
  if (kernel_.roles->check(role, std::string(kServicePrincipal))) return ok();
  return invalid(fmt::format("Provided role '{}' cannot be assumed by principal '{}'.", role,
                             kServicePrincipal));
}

Task<Result<void>> Logic::put_targets(RuleName name, std::vector<NewTarget> targets) {
  for (const NewTarget& target : targets) CO_TRY_VOID(check_target(target.document));
  auto edit = [&](Found<Rule>& rule) -> Result<void> {
    std::map<std::string, std::string> by_id;
    for (std::string& document : rule.record.targets) by_id[id_of(document)] = document;
    for (const NewTarget& target : targets) by_id[target.id] = target.document;
    if (by_id.size() > kTargetsMax) return too_many();
    rule.record.targets.clear();
    for (auto& [id, document] : by_id) rule.record.targets.push_back(std::move(document));
    return ok();
  };
  co_return co_await change_rule(std::move(name), edit);
}

Task<Result<void>> Logic::remove_targets(RuleName name, std::vector<std::string> ids) {
  auto edit = [&](Found<Rule>& rule) -> Result<void> {
    std::erase_if(rule.record.targets, [&](const std::string& document) {
      return std::ranges::find(ids, id_of(document)) != ids.end();
    });
    return ok();
  };
  co_return co_await change_rule(std::move(name), edit);
}

Task<Result<std::vector<std::string>>> Logic::rule_names_by_target(std::string bus,
                                                                   std::string arn) {
  std::vector<std::string> names;
  Storage::Listing listing;
  for (;;) {
    CO_TRY(auto page, co_await rules(bus, listing));
    for (const Found<Rule>& rule : page.rows) {
      listing.after = rule.name;
      bool has = std::ranges::any_of(rule.record.targets, [&](const std::string& document) {
        return arn_of(document) == arn;
      });
      if (has) names.push_back(rule.name);
    }
    if (!page.more || page.rows.empty()) co_return names;
  }
}

}  // namespace suiro::events
