// SPDX-License-Identifier: Apache-2.0
// The rules of EventBridge: buses, rules, targets, events. No wire, no keys. Errors carry the codes
// and texts of the Amazon EventBridge API Reference.
//
// Invariants:
//  1. A bus and its rules belong to the shard that owns the bus's ARN; their compiled form
//  (BusMemory)
//     is there alone, and follows each commit of that shard before the next change is answered.
//  2. A change requires the versions that it was made from, and begins again when it lost a race.
//  3. put_events() answers after the commit that holds the events for the targets.
//  4. An enabled rule with a schedule has exactly one timer, due at record.next_due; its run, the
//     next due time and the next timer are one commit. A run's event id follows from rule and
//     nominal time.
//
// Threads: any shard. Bytes: docs/formats/events.md.
#pragma once

#include <atomic>

#include "kernel/event/kernel.h"
#include "kernel/event/listeners.h"
#include "kernel/event/role_permissions.h"
#include "services/events/errors.h"
#include "services/events/memory.h"
#include "services/events/settle.h"
#include "services/events/storage.h"

namespace suiro::events {

// Who asks, for the journal.
struct Requester {
  std::string request_id = {};
  TraceContext trace = {};
  std::string caused_by = {};
};

struct PutEntry {
  std::optional<TimePoint> time = std::nullopt;
  std::optional<std::string> source = std::nullopt;
  std::optional<std::string> detail_type = std::nullopt;
  std::optional<std::string> detail = std::nullopt;
  std::vector<std::string> resources = {};
  std::string bus = std::string(kDefaultBus);
  std::string trace_header = {};
};

struct PutResult {
  std::string event_id;
  std::string error_code;  // empty: taken
  std::string error_message;
};

struct RuleChange {
  std::optional<std::string> pattern = std::nullopt;
  std::optional<std::string> schedule = std::nullopt;
  std::optional<std::string> description = std::nullopt;
  std::optional<std::string> role_arn = std::nullopt;
  RuleState state = RuleState::kEnabled;
  Tags tags = {};
};

struct NewTarget {
  std::string id;
  std::string document;  // JSON of the API's Target
};

class Logic final : public event::Listeners {
 public:
  // `permissions`: of the roles of targets; asked once events pass.
  Logic(event::Kernel& kernel, const event::RolePermissions& permissions);

  // Before the kernel's timers start.
  void register_timers();
  // Compiles every rule. Before anything is delivered. Errors: those of the store.
  Task<Result<void>> start();

  // Buses.
  struct NewBus {
    std::string name;
    std::string description = {};
    Tags tags = {};
  };
  Task<Result<void>> create_bus(NewBus bus);
  // Without a description it loses the one that it has.
  Task<Result<void>> update_bus(std::string name, std::optional<std::string> description);
  Task<Result<void>> delete_bus(std::string name);
  Task<Result<Found<Bus>>> bus(std::string name);
  Task<Result<Storage::Page<Bus>>> buses(Storage::Listing listing);
  struct Permission {
    std::string statement_id;
    std::string action;
    std::string principal;
    std::string organization = {};  // aws:PrincipalOrgID must equal it; empty: no condition
  };
  Task<Result<void>> put_permission(std::string bus, Permission permission);
  Task<Result<void>> put_policy(std::string bus, std::string policy);
  // Without an id all statements go.
  Task<Result<void>> remove_permission(std::string bus, std::optional<std::string> statement_id);

  // Rules.
  Task<Result<void>> put_rule(RuleName name, RuleChange change);
  Task<Result<Found<Rule>>> rule(RuleName name);
  Task<Result<Storage::Page<Rule>>> rules(std::string bus, Storage::Listing listing);
  Task<Result<void>> set_state(RuleName name, RuleState state);
  Task<Result<void>> delete_rule(RuleName name);

  // Targets, by id.
  // Errors: those of RuleTarget::check(), ValidationException for a role that EventBridge may not
  // assume, LimitExceededException, ResourceNotFoundException.
  Task<Result<void>> put_targets(RuleName name, std::vector<NewTarget> targets);
  Task<Result<void>> remove_targets(RuleName name, std::vector<std::string> ids);
  Task<Result<std::vector<std::string>>> rule_names_by_target(std::string bus, std::string arn);

  // Tags of a bus (an empty rule name) or of a rule.
  Task<Result<Tags>> tags(RuleName name);
  Task<Result<void>> tag(RuleName name, Tags added, std::vector<std::string> removed);

  Task<Result<std::vector<PutResult>>> put_events(std::vector<PutEntry> entries,
                                                  Requester requester);
  // Whether the pattern matches. Errors: InvalidEventPatternException, ValidationException.
  static Result<bool> test_pattern(std::string_view pattern, std::string_view event);

  // An event for a bus: matched events are emitted in one commit with `consume`.
  Task<Result<void>> deliver(event::Event event, store::Batch consume);
  Task<Result<void>> accepts(std::string bus_arn);

  // Of the default bus. Whether it listens: true until start() has read its rules.
  bool listens(std::string_view source) const override;

  std::string bus_arn(std::string_view name) const;
  std::string rule_arn(const RuleName& name) const;
  // Errors: kNotFound where the ARN is not that of a bus of this account and region.
  Result<std::string> bus_of(std::string_view arn) const;
  // "default", "rule/name", "rule/bus/name", "event-bus/name". Errors: ResourceNotFoundException.
  Result<RuleName> resource_of(std::string_view arn) const;

 private:
  template <class Change>
  auto change_bus(std::string name, Change change) -> Task<Result<void>>;
  // `change` alters the rule that it is handed; absent where `create` is false: an error.
  using RuleEdit = std::function<Result<void>(Found<Rule>&)>;
  enum class Missing : uint8_t { kRefuse, kCreate };
  Task<Result<void>> change_rule(RuleName name, RuleEdit edit, Missing missing = Missing::kRefuse);
  Task<Result<void>> try_rule(const RuleName& name, const RuleEdit& edit, Missing missing);
  Task<Result<void>> commit_rule(RuleName name, store::Batch batch, Found<Rule> rule);
  Task<Result<void>> try_delete_rule(RuleName name);
  Task<Result<void>> try_create_bus(NewBus bus);
  Task<Result<void>> try_delete_bus(std::string name);
  Task<Result<Found<Bus>>> existing_bus(std::string name);
  Task<Result<void>> load(std::string bus);

  // Schedules.
  event::Timer timer_of(const std::string& rule, TimePoint due) const;
  std::optional<TimePoint> next_run(const Rule& rule, TimePoint after) const;
  // Sets, moves or takes away the rule's timer; `before`: the due time that it had.
  void plan(store::Batch& batch, const std::string& name, Rule& rule, TimePoint before) const;
  Task<Result<void>> on_schedule(event::Timer timer, store::Batch consume);
  Task<Result<void>> run_schedule(store::Batch& batch, const CompiledRule& rule, TimePoint nominal);

  // Events on their way through a bus.
  struct Passing {
    std::string bus;
    event_pattern::Event event;
    std::string text;
    TimePoint ingested;
    TraceContext cause;
    int hops = 0;
    std::string after = {};  // rules up to this one had it
    std::optional<TimePoint> nominal = std::nullopt;
  };
  // Emits what follows from the event. On the bus's shard.
  Task<Result<store::Batch>> pass(Passing passing);
  Task<size_t> emit_matches(store::Batch& batch, const CompiledRule& rule, const Passing& passing);
  // Why the target does not take events of the rule; nullopt: it does.
  Task<std::optional<Error>> refusal(const RuleTarget& target, const std::string& rule_arn);
  std::optional<Error> refusal_of_role(const RuleTarget& target) const;
  void bury(store::Batch& batch, event::Event event, const Error& error);
  std::string span(store::Batch& batch, const TraceContext& cause, std::string kind,
                   std::string resource, std::string detail);
  struct Prepared;
  Result<void> check_target(std::string_view document) const;
  Result<Prepared> prepare(PutEntry& entry, PutResult& result, const Requester& requester) const;

  BusMemory& memory(const std::string& bus);
  // After each change of a bus's memory, on its shard.
  void tell_sources(const std::string& bus);

  event::Kernel& kernel_;
  const event::RolePermissions& permissions_;
  Storage storage_;
  struct Shard {
    std::map<std::string, BusMemory, std::less<>> buses;
    // Targets that lately took events of a rule, and until when that need not be asked again.
    std::map<std::string, TimePoint> accepted;
  };
  std::vector<Shard> shards_;
  using Sources = std::optional<std::set<std::string, std::less<>>>;
  // Of the default bus; written on its shard. Null: not known yet.
  std::atomic<std::shared_ptr<const Sources>> sources_;
};

// Errors: LimitExceededException, ValidationException.
Result<void> check_tags(const Tags& tags);

}  // namespace suiro::events
