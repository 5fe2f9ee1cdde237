// SPDX-License-Identifier: Apache-2.0
// Aliases of state machines. Source: Step Functions Developer Guide, "State machine aliases".
#include <algorithm>

#include "services/states/logic.h"

namespace suiro::states {
namespace {

constexpr uint32_t kWeightSum = 100;

std::string arns_of(const std::vector<shape::RoutingConfigurationListItem>& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + item.state_machine_version_arn;
  return out;
}

std::unexpected<Error> invalid_routing(std::string message) {
  Error error{.code = "ValidationException", .message = std::move(message)};
  error.details.emplace_back("reason", "INVALID_ROUTING_CONFIGURATION");
  return fail(std::move(error));
}

}  // namespace

Result<Logic::Routing> Logic::routing_of(
    const std::vector<shape::RoutingConfigurationListItem>& list) const {
  Routing out;
  uint32_t sum = 0;
  std::string weights;
  for (const auto& item : list) {
    TRY(MachineRef ref, parse_machine_arn(item.state_machine_version_arn));
    const auto number = ref.version();
    if (!number) {
      return invalid_routing(fmt::format(
          "Routing configuration must contain state machine version ARNs. Received: [{}]",
          arns_of(list)));
    }
    const std::string machine = machine_arn(ref.name);
    if (fmt::format("{}:{}", machine, *number) != item.state_machine_version_arn) {
      return no_resource(item.state_machine_version_arn);
    }
    if (!out.machine.empty() && out.machine != machine) {
      return invalid_routing(fmt::format(
          "Routing configuration must contain versions of one state machine. Received: [{}]",
          arns_of(list)));
    }
    if (leads_to(out.routes, *number)) {
      return invalid_routing(fmt::format(
          "Routing configuration must contain distinct state machine version ARNs. Received: [{}]",
          arns_of(list)));
    }
    out.machine = machine;
    out.routes.push_back({.version = *number, .weight = static_cast<uint32_t>(item.weight)});
    sum += static_cast<uint32_t>(item.weight);
    weights += fmt::format("{}{}", weights.empty() ? "" : ", ", item.weight);
  }
  if (sum != kWeightSum) {
    return invalid_routing(fmt::format(
        "Sum of routing configuration weights must equal 100. Received: [{}]", weights));
  }
  return out;
}

// That the versions are there. Errors: ResourceNotFound.
Task<Result<void>> Logic::check_routes(std::string machine, std::vector<Route> routes) {
  for (const Route& route : routes) {
    CO_TRY(auto version, co_await read_version(kernel_.store, machine, route.version));
    if (!version) co_return no_resource(fmt::format("{}:{}", machine_arn(machine), route.version));
  }
  co_return ok();
}

Task<Result<std::vector<Alias>>> Logic::aliases_of(std::string machine) {
  CO_TRY(auto page,
         co_await kernel_.store.scan({.range = keys::aliases(machine), .rows_max = kAliasesMax}));
  std::vector<Alias> out;
  for (const auto& entry : page.entries) {
    CO_TRY(Alias alias, decode_alias(entry.value));
    out.push_back(std::move(alias));
  }
  co_return out;
}

Task<Result<shape::CreateStateMachineAliasOutput>> Logic::create_alias(
    shape::CreateStateMachineAliasInput in) {
  CO_TRY(Routing routing, routing_of(in.routing_configuration));
  co_return co_await until_won("State machine " + routing.machine,
                               [this, in, routing] { return create_alias_once(in, routing); });
}

Task<Result<shape::CreateStateMachineAliasOutput>> Logic::create_alias_once(
    shape::CreateStateMachineAliasInput in, Routing routing) {
  auto found = co_await find_to_change(routing.machine);
  if (!found && found.error().code == "StateMachineDoesNotExist") {
    co_return no_resource(routing.machine);
  }
  if (!found) co_return fail(std::move(found).error());
  const std::string name = found->ref.name;
  CO_TRY_VOID(co_await check_routes(name, routing.routes));
  CO_TRY(auto aliases, co_await aliases_of(name));
  shape::CreateStateMachineAliasOutput out;
  out.state_machine_alias_arn = fmt::format("{}:{}", routing.machine, in.name);
  if (auto old = std::ranges::find(aliases, in.name, &Alias::name); old != aliases.end()) {
    const bool same =
        old->routes == routing.routes && old->description == in.description.value_or("");
    if (!same) co_return conflict(fmt::format("Alias {} already exists.", in.name));
    out.creation_date = old->created;
    co_return out;
  }
  if (aliases.size() >= kAliasesMax) {
    co_return over_quota(fmt::format("A state machine has at most {} aliases.", kAliasesMax));
  }
  Alias alias;
  alias.name = in.name;
  alias.created = alias.updated = kernel_.clock.now();
  alias.description = in.description.value_or("");
  alias.routes = std::move(routing.routes);
  out.creation_date = alias.created;
  Change change = change_of(std::move(found->machine));
  change.batch.put(keys::alias(name, alias.name), encode(alias));
  CO_TRY_VOID(co_await commit(std::move(change)));
  co_return out;
}

// Errors: InvalidArn, ValidationException, ResourceNotFound.
Task<Result<Logic::FoundAlias>> Logic::find_alias(std::string arn) {
  CO_TRY(MachineRef ref, parse_machine_arn(arn));
  if (ref.qualifier.empty() || ref.version()) {
    co_return invalid(fmt::format("'{}' is not an alias of a state machine.", arn));
  }
  auto found = co_await find(arn);
  if (!found && found.error().code == "StateMachineDoesNotExist") co_return no_resource(arn);
  if (!found) co_return fail(std::move(found).error());
  CO_TRY(auto alias, co_await read_alias(kernel_.store, ref.name, ref.qualifier));
  if (!alias) co_return no_resource(arn);
  co_return FoundAlias{*std::move(found), *std::move(alias)};
}

Task<Result<shape::UpdateStateMachineAliasOutput>> Logic::update_alias(
    shape::UpdateStateMachineAliasInput in) {
  return until_won("Alias " + in.state_machine_alias_arn,
                   [this, in] { return update_alias_once(in); });
}

Task<Result<shape::UpdateStateMachineAliasOutput>> Logic::update_alias_once(
    shape::UpdateStateMachineAliasInput in) {
  if (!in.description && !in.routing_configuration) {
    co_return invalid("Either the description or the routingConfiguration must be specified");
  }
  CO_TRY(FoundAlias found, co_await find_alias(in.state_machine_alias_arn));
  const std::string name = found.found.ref.name;
  if (found.found.machine.value.deleting) co_return machine_deleting(machine_arn(name));
  Alias alias = std::move(found.alias.value);
  if (in.routing_configuration) {
    CO_TRY(Routing routing, routing_of(*in.routing_configuration));
    if (routing.machine != machine_arn(name)) {
      co_return invalid_routing(
          fmt::format("Routing configuration must contain versions of the alias's state machine. "
                      "Received: [{}]",
                      arns_of(*in.routing_configuration)));
    }
    CO_TRY_VOID(co_await check_routes(name, routing.routes));
    alias.routes = std::move(routing.routes);
  }
  alias.description = in.description.value_or(alias.description);
  alias.updated = kernel_.clock.now();
  Change change = change_of(std::move(found.found.machine));
  change.batch.put(keys::alias(name, alias.name), encode(alias));
  CO_TRY_VOID(co_await commit(std::move(change)));
  shape::UpdateStateMachineAliasOutput out;
  out.update_date = alias.updated;
  co_return out;
}

Task<Result<shape::DescribeStateMachineAliasOutput>> Logic::describe_alias(std::string arn) {
  CO_TRY(FoundAlias found, co_await find_alias(arn));
  Alias& alias = found.alias.value;
  shape::DescribeStateMachineAliasOutput out;
  out.state_machine_alias_arn = arn;
  out.name = alias.name;
  if (!alias.description.empty()) out.description = alias.description;
  auto& routes = out.routing_configuration.emplace();
  for (const Route& route : alias.routes) {
    auto& row = routes.emplace_back();
    row.state_machine_version_arn =
        fmt::format("{}:{}", machine_arn(found.found.ref.name), route.version);
    row.weight = static_cast<int32_t>(route.weight);
  }
  out.creation_date = alias.created;
  out.update_date = alias.updated;
  co_return out;
}

Task<Result<void>> Logic::remove_alias(std::string arn) {
  return until_won("Alias " + arn, [this, arn] { return remove_alias_once(arn); });
}

// Of what does not exist: done.
Task<Result<void>> Logic::remove_alias_once(std::string arn) {
  auto found = co_await find_alias(arn);
  if (!found && found.error().code == "ResourceNotFound") co_return ok();
  if (!found) co_return fail(std::move(found).error());
  Change change = change_of(std::move(found->found.machine));
  change.batch.erase(keys::alias(found->found.ref.name, found->alias.value.name));
  co_return co_await commit(std::move(change));
}

// Of a machine, or those that lead to one of its versions.
Task<Result<shape::ListStateMachineAliasesOutput>> Logic::list_aliases(
    shape::ListStateMachineAliasesInput in) {
  CO_TRY(Found found, co_await find(in.state_machine_arn));
  const auto number = found.ref.version();
  if (!found.ref.qualifier.empty() && !number) co_return no_machine(in.state_machine_arn);
  std::string after;
  if (in.next_token) {
    auto last = base64_decode(*in.next_token);
    if (!last) co_return invalid_token();
    after = *std::move(last);
  }
  size_t most = static_cast<size_t>(in.max_results.value_or(0));
  if (most == 0) most = kListDefault;
  CO_TRY(auto aliases, co_await aliases_of(found.ref.name));
  shape::ListStateMachineAliasesOutput out;
  for (const Alias& alias : aliases) {
    if (alias.name <= after) continue;
    if (number && !leads_to(alias.routes, *number)) continue;
    if (out.state_machine_aliases.size() == most) {
      out.next_token = base64_encode(after);
      break;
    }
    after = alias.name;
    auto& row = out.state_machine_aliases.emplace_back();
    row.state_machine_alias_arn = fmt::format("{}:{}", machine_arn(found.ref.name), alias.name);
    row.creation_date = alias.created;
  }
  co_return out;
}

}  // namespace suiro::states
