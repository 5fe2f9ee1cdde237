// SPDX-License-Identifier: Apache-2.0
// What a start of an execution needs: the revision, its compiled definition, name and input.
#include "services/states/logic.h"
#include "services/states/refusal.h"
#include "shapes/json.h"

namespace suiro::states {
namespace {

constexpr uint64_t kWeightSum = 100;

// The version that the dice choose.
uint64_t route_of(const std::vector<Route>& routes, Random& random) {
  uint64_t drawn = random.below(kWeightSum);
  for (const Route& route : routes) {
    if (drawn < route.weight) return route.version;
    drawn -= route.weight;
  }
  return routes.back().version;
}

}  // namespace

Task<Result<Plans::Found>> Logic::compiled(const Machine& machine, uint64_t revision) {
  const std::string key = fmt::format("{}:{}:{}", machine.name, machine.incarnation, revision);
  if (const Plans::Found* known = plans_.find(key)) co_return *known;
  const workflow::MachineType type = machine.type;
  Plans::Found found;
  CO_TRY(found.definition, co_await read_definition(kernel_.store, machine.name, revision));
  workflow::Compiled compiled = workflow::compile(found.definition, {.type = type});
  if (!compiled.plan) {
    // It was accepted once: by an older version of Suiro.
    co_return fail(definition_refused(compiled, found.definition));
  }
  found.plan = std::move(compiled.plan);
  plans_.keep(key, found);
  co_return found;
}

Task<Result<workflow::MachineType>> Logic::type_of(std::string arn) {
  CO_TRY(Found found, co_await find(arn));
  if (!found.ref.qualifier.empty()) {
    const std::string& name = found.ref.name;
    if (const auto number = found.ref.version()) {
      CO_TRY(auto version, co_await read_version(kernel_.store, name, *number));
      if (!version) co_return no_machine(arn);
    } else {
      CO_TRY(auto alias, co_await read_alias(kernel_.store, name, found.ref.qualifier));
      if (!alias) co_return no_machine(arn);
    }
  }
  co_return found.machine.value.type;
}

Task<Result<StartRequest>> Logic::prepare(Start start) {
  StartRequest out;
  out.input = start.input.value_or("{}");
  CO_TRY_VOID(check_input(out.input));
  if (start.name) {
    CO_TRY_VOID(check_name(*start.name));
  }
  out.name = start.name.value_or("");
  out.trace_header = std::move(start.trace_header);
  out.cause = std::move(start.cause);
  CO_TRY(Found found, co_await find_to_change(start.machine_arn));
  const Machine& machine = found.machine.value;
  Configuration chosen = machine.now;
  out.machine.machine_arn = machine_arn(machine.name);
  out.machine.updated = machine.updated;
  if (!found.ref.qualifier.empty()) {
    auto number = found.ref.version();
    if (!number) {
      CO_TRY(auto alias, co_await read_alias(kernel_.store, machine.name, found.ref.qualifier));
      if (!alias) co_return no_machine(start.machine_arn);
      number = route_of(alias->value.routes, kernel_.random);
      out.machine.alias_arn = start.machine_arn;
    }
    CO_TRY(auto version, co_await read_version(kernel_.store, machine.name, *number));
    if (!version) co_return no_machine(start.machine_arn);
    chosen = std::move(version->value.configuration);
    out.machine.version_arn = fmt::format("{}:{}", out.machine.machine_arn, *number);
    out.machine.updated = version->value.created;
  }
  auto compiled = co_await this->compiled(machine, chosen.revision);
  if (!compiled && compiled.error().code == codes::kNotFound) co_return busy(start.machine_arn);
  if (!compiled) co_return fail(std::move(compiled).error());
  out.machine.name = machine.name;
  out.machine.role_arn = std::move(chosen.role_arn);
  out.machine.revision_id = std::move(chosen.revision_id);
  out.machine.definition = std::move(compiled->definition);
  out.machine.type = machine.type;
  out.machine.logging = std::move(chosen.logging);
  out.machine.tracing = std::move(chosen.tracing);
  out.machine.plan = std::move(compiled->plan);
  co_return out;
}

}  // namespace suiro::states
