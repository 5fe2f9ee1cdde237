// SPDX-License-Identifier: Apache-2.0
// Logic: the rules of state machines, their versions and aliases, of activities, and of what may be
// started. Requests and answers are the structures of the public interface; no wire, no keys.
//
//   create/update ──► machine + definition of its revision ──publish──► version ◄──routes── alias
//                        │ delete: DELETING, timer "states.delete"
//                        └──► gone with versions and aliases, when no execution runs
//
// Invariants:
//  1. Changes of a machine, its versions and its aliases are guarded by the machine's record, which
//     each of them writes: they come one after the other. Who loses a race reads again.
//  2. The definition of a revision is kept while the machine or a version has that revision.
//  3. A revision, and so what a version holds, never changes.
//  4. A version that an alias leads to is not deleted.
//
// Thread: any shard; nothing is kept in memory but compiled definitions. Errors: AWS's (errors.h).
// Rules: Step Functions API Reference, the page of each action. Bytes: docs/formats/states.md.
#pragma once

#include "kernel/event/kernel.h"
#include "kernel/event/operation_caller.h"
#include "kernel/event/role_permissions.h"
#include "services/states/errors.h"
#include "services/states/executions.h"
#include "services/states/limits.h"
#include "services/states/names.h"
#include "services/states/plans.h"
#include "services/states/storage.h"

namespace suiro::states {

// What a start asks for.
struct Start {
  std::string machine_arn;  // with version or alias, or neither
  std::optional<std::string> name;
  std::optional<std::string> input;
  std::string trace_header;
  TraceContext cause;
};

// Whether the service may act as the role. Errors: InvalidArn, AccessDeniedException.
Result<void> check_role(const event::Kernel& kernel, const std::string& arn);

class Logic {
 public:
  // Registers its timer: before the kernel starts. `operations` and `permissions` are asked once
  // the server is wired. `executions` may be null: nothing runs then.
  Logic(event::Kernel& kernel, event::OperationCaller& operations,
        const event::RolePermissions& permissions, Executions* executions);

  // State machines.
  Task<Result<shape::CreateStateMachineOutput>> create(shape::CreateStateMachineInput in);
  Task<Result<shape::UpdateStateMachineOutput>> update(shape::UpdateStateMachineInput in);
  Task<Result<shape::DescribeStateMachineOutput>> describe(shape::DescribeStateMachineInput in);
  Task<Result<void>> remove(std::string arn);
  Task<Result<shape::ListStateMachinesOutput>> list(shape::ListStateMachinesInput in);
  Result<shape::ValidateStateMachineDefinitionOutput> validate(
      const shape::ValidateStateMachineDefinitionInput& in) const;

  // Versions.
  Task<Result<shape::PublishStateMachineVersionOutput>> publish(
      shape::PublishStateMachineVersionInput in);
  Task<Result<void>> remove_version(std::string arn);
  Task<Result<shape::ListStateMachineVersionsOutput>> list_versions(
      shape::ListStateMachineVersionsInput in);

  // Aliases.
  Task<Result<shape::CreateStateMachineAliasOutput>> create_alias(
      shape::CreateStateMachineAliasInput in);
  Task<Result<shape::UpdateStateMachineAliasOutput>> update_alias(
      shape::UpdateStateMachineAliasInput in);
  Task<Result<shape::DescribeStateMachineAliasOutput>> describe_alias(std::string arn);
  Task<Result<void>> remove_alias(std::string arn);
  Task<Result<shape::ListStateMachineAliasesOutput>> list_aliases(
      shape::ListStateMachineAliasesInput in);

  // Activities.
  Task<Result<shape::CreateActivityOutput>> create_activity(shape::CreateActivityInput in);
  Task<Result<shape::DescribeActivityOutput>> describe_activity(std::string arn);
  Task<Result<void>> remove_activity(std::string arn);
  Task<Result<shape::ListActivitiesOutput>> list_activities(shape::ListActivitiesInput in);
  // Errors: ActivityDoesNotExist.
  Task<Result<void>> check_activity(std::string arn);

  // Tags, of state machines and activities.
  Task<Result<Tags>> tags(std::string arn);
  // Adds `set`, then takes `erase` away.
  Task<Result<void>> change_tags(std::string arn, Tags set, std::vector<std::string> erase);

  // What Executions is to start: the machine's, version's or alias's revision at this moment.
  // Errors: those of StartExecution.
  Task<Result<StartRequest>> prepare(Start start);
  // That a machine, version or alias exists. Its type.
  Task<Result<workflow::MachineType>> type_of(std::string arn);

  std::string machine_arn(std::string_view name) const;
  std::string activity_arn(std::string_view name) const;

 private:
  struct Found {
    MachineRef ref;
    Stored<Machine> machine;
  };
  // Errors: InvalidArn, StateMachineDoesNotExist.
  Task<Result<Found>> find(std::string arn);
  // The same of a machine that is to change. Errors: also StateMachineDeleting.
  Task<Result<Found>> find_to_change(std::string arn);
  // Errors: InvalidArn, ActivityDoesNotExist.
  Task<Result<Stored<Activity>>> find_activity(std::string arn);

  // A change of one machine: its record as read, and as it shall be.
  struct Change {
    Stored<Machine> machine;
    store::Batch batch;
  };
  Change change_of(Stored<Machine> machine) const;
  Task<Result<void>> commit(Change change);
  Task<Result<void>> commit(store::Batch batch);

  // The settings of a request, checked, before any race.
  struct Settings {
    std::optional<std::string> logging;
    std::optional<std::string> tracing;
  };
  Task<Result<Settings>> checked(std::optional<shape::LoggingConfiguration> logging,
                                 std::optional<shape::TracingConfiguration> tracing,
                                 std::string role_arn);
  Task<Result<void>> check_log_group(std::string arn);
  // Errors: AccessDeniedException.
  Result<void> check_log_delivery(const std::string& role_arn) const;
  Task<Result<shape::CreateStateMachineOutput>> create_once(shape::CreateStateMachineInput in,
                                                            Settings settings);
  Task<Result<shape::CreateStateMachineOutput>> create_again(shape::CreateStateMachineInput in,
                                                             Settings settings, Machine old);
  Task<Result<shape::UpdateStateMachineOutput>> update_once(shape::UpdateStateMachineInput in,
                                                            Settings settings);
  Task<Result<void>> add_version(Change& change, std::string description);
  Task<Result<void>> remove_once(std::string arn);
  Task<Result<void>> finish_removal(Stored<Machine> machine, store::Batch batch);
  Task<Result<void>> on_delete(event::Timer timer, store::Batch consume);
  event::Timer delete_timer(const Machine& machine, TimePoint due) const;

  Task<Result<shape::PublishStateMachineVersionOutput>> publish_once(
      shape::PublishStateMachineVersionInput in);
  Task<Result<void>> remove_version_once(std::string arn);
  Task<Result<std::vector<Alias>>> aliases_of(std::string machine);

  struct Routing {
    std::string machine;  // its ARN
    std::vector<Route> routes;
  };
  Result<Routing> routing_of(const std::vector<shape::RoutingConfigurationListItem>& list) const;
  Task<Result<void>> check_routes(std::string machine, std::vector<Route> routes);
  Task<Result<shape::CreateStateMachineAliasOutput>> create_alias_once(
      shape::CreateStateMachineAliasInput in, Routing routing);
  Task<Result<shape::UpdateStateMachineAliasOutput>> update_alias_once(
      shape::UpdateStateMachineAliasInput in);
  Task<Result<void>> remove_alias_once(std::string arn);
  struct FoundAlias {
    Found found;
    Stored<Alias> alias;
  };
  Task<Result<FoundAlias>> find_alias(std::string arn);
  Task<Result<void>> change_tags_once(std::string arn, Tags set, std::vector<std::string> erase);

  Task<Result<Plans::Found>> compiled(const Machine& machine, uint64_t revision);

  event::Kernel& kernel_;
  event::OperationCaller& operations_;
  const event::RolePermissions& permissions_;
  Executions* executions_;
  Plans plans_;
};

// Errors: TooManyTags, ValidationException.
Result<Tags> tags_of(const std::optional<std::vector<shape::Tag>>& tags);
// AWS_OWNED_KEY is what every store has. Errors: NotImplemented, InvalidEncryptionConfiguration.
Result<void> check_encryption(const std::optional<shape::EncryptionConfiguration>& configuration);
shape::EncryptionConfiguration owned_key();

// A page of a list. Errors: InvalidToken.
struct PageRequest {
  store::KeyRange range;
  store::Direction direction = store::Direction::kForward;
  std::optional<int32_t> results_max;
  std::optional<std::string> token;
};
struct Page {
  std::vector<store::Entry> entries;
  std::optional<std::string> token;
};
Task<Result<Page>> read_page(store::Store& store, PageRequest request);

// Calls `once` until it does not lose a race. `what` names the thing in the error of the last.
template <class Once>
auto until_won(std::string what, Once once) -> decltype(once()) {
  for (int i = 0; i < kRaceAttemptsMax; ++i) {
    auto done = co_await once();
    if (done || done.error().code != codes::kConditionFailed) co_return done;
  }
  co_return busy(what);
}

}  // namespace suiro::states
