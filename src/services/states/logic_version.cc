// SPDX-License-Identifier: Apache-2.0
// Versions of state machines. Source: Step Functions Developer Guide, "State machine versions".

#include "services/states/logic.h"

namespace suiro::states {

// The next version, of the current revision. Errors: ServiceQuotaExceededException.
Task<Result<void>> Logic::add_version(Change& change, std::string description) {
  Machine& machine = change.machine.value;
  CO_TRY(auto page, co_await kernel_.store.scan(
                        {.range = keys::versions(machine.name), .rows_max = kVersionsMax}));
  if (page.entries.size() >= kVersionsMax) {
    co_return over_quota(fmt::format("A state machine has at most {} versions.", kVersionsMax));
  }
  Version version;
  version.number = ++machine.versions_made;
  version.created = kernel_.clock.now();
  version.description = std::move(description);
  version.configuration = machine.now;
  machine.published = version.number;
  change.batch.put(keys::version(machine.name, version.number), encode(version));
  co_return ok();
}

Task<Result<shape::PublishStateMachineVersionOutput>> Logic::publish(
    shape::PublishStateMachineVersionInput in) {
  return until_won("State machine " + in.state_machine_arn,
                   [this, in] { return publish_once(in); });
}

Task<Result<shape::PublishStateMachineVersionOutput>> Logic::publish_once(
    shape::PublishStateMachineVersionInput in) {
  constexpr std::string_view kInitial = "INITIAL";
  CO_TRY(Found found, co_await find_to_change(in.state_machine_arn));
  if (!found.ref.qualifier.empty()) co_return no_machine(in.state_machine_arn);
  Change change = change_of(std::move(found.machine));
  const Machine& machine = change.machine.value;
  const std::string current =
      machine.now.revision_id.empty() ? std::string(kInitial) : machine.now.revision_id;
  if (in.revision_id && *in.revision_id != current) {
    co_return conflict(
        fmt::format("Failed to publish the State Machine version for revision {}. The current "
                    "State Machine revision is {}.",
                    *in.revision_id, current));
  }
  shape::PublishStateMachineVersionOutput out;
  if (machine.published != 0) {
    CO_TRY(auto version, co_await read_version(kernel_.store, machine.name, machine.published));
    if (version) {
      out.creation_date = version->value.created;
      out.state_machine_version_arn = fmt::format("{}:{}", in.state_machine_arn, machine.published);
      co_return out;
    }
    co_return fail(codes::kConditionFailed, "the version was deleted meanwhile");
  }
  CO_TRY_VOID(co_await add_version(change, in.description.value_or("")));
  out.creation_date = kernel_.clock.now();
  out.state_machine_version_arn = fmt::format("{}:{}", in.state_machine_arn, machine.published);
  CO_TRY_VOID(co_await commit(std::move(change)));
  co_return out;
}

Task<Result<void>> Logic::remove_version(std::string arn) {
  return until_won("Version " + arn, [this, arn] { return remove_version_once(arn); });
}

// Of what does not exist: done.
Task<Result<void>> Logic::remove_version_once(std::string arn) {
  CO_TRY(MachineRef ref, parse_machine_arn(arn));
  const auto number = ref.version();
  if (!number) co_return invalid(fmt::format("'{}' is not a version of a state machine.", arn));
  auto found = co_await find(arn);
  if (!found && found.error().code == "StateMachineDoesNotExist") co_return ok();
  if (!found) co_return fail(std::move(found).error());
  CO_TRY(auto version, co_await read_version(kernel_.store, ref.name, *number));
  if (!version) co_return ok();
  CO_TRY(auto aliases, co_await aliases_of(ref.name));
  std::string users;
  for (const Alias& alias : aliases) {
    if (!leads_to(alias.routes, *number)) continue;
    users += (users.empty() ? "" : ", ") + alias.name;
  }
  if (!users.empty()) {
    co_return conflict(
        fmt::format("Version to be deleted must not be referenced by an alias. Current list of "
                    "aliases referencing version {}: [{}]",
                    *number, users));
  }
  Change change = change_of(std::move(found->machine));
  Machine& machine = change.machine.value;
  change.batch.erase(keys::version(ref.name, *number));
  const uint64_t revision = version->value.configuration.revision;
  if (machine.now.revision == revision) {
    machine.published = 0;
  } else {
    change.batch.erase(keys::definition(ref.name, revision));
  }
  co_return co_await commit(std::move(change));
}

// The newest first.
Task<Result<shape::ListStateMachineVersionsOutput>> Logic::list_versions(
    shape::ListStateMachineVersionsInput in) {
  CO_TRY(Found found, co_await find(in.state_machine_arn));
  if (!found.ref.qualifier.empty()) co_return no_machine(in.state_machine_arn);
  CO_TRY(Page page, co_await read_page(kernel_.store, {.range = keys::versions(found.ref.name),
                                                       .direction = store::Direction::kBackward,
                                                       .results_max = in.max_results,
                                                       .token = in.next_token}));
  shape::ListStateMachineVersionsOutput out;
  for (const auto& entry : page.entries) {
    CO_TRY(Version version, decode_version(entry.value));
    auto& row = out.state_machine_versions.emplace_back();
    row.state_machine_version_arn = fmt::format("{}:{}", in.state_machine_arn, version.number);
    row.creation_date = version.created;
  }
  out.next_token = std::move(page.token);
  co_return out;
}

}  // namespace suiro::states
