// SPDX-License-Identifier: Apache-2.0
// State machines: created, changed, told, listed, deleted.
#include "services/states/logic.h"
#include "services/states/refusal.h"
#include "shapes/json.h"

namespace suiro::states {
namespace {

workflow::MachineType type_of_name(const std::optional<std::string>& name) {
  return name == "EXPRESS" ? workflow::MachineType::kExpress : workflow::MachineType::kStandard;
}

std::string name_of(workflow::MachineType type) {
  return type == workflow::MachineType::kExpress ? "EXPRESS" : "STANDARD";
}

Result<void> check_definition(const std::string& text, workflow::MachineType type) {
  const workflow::Compiled compiled = workflow::compile(text, {.type = type});
  if (compiled.plan) return ok();
  return fail(definition_refused(compiled, text));
}

Result<void> check_description(const std::optional<std::string>& description, bool publishes) {
  if (!description || publishes) return ok();
  return invalid("Version description can only be set when publish is true");
}

std::string default_logging() {
  shape::LoggingConfiguration out;
  out.level = "OFF";
  out.include_execution_data = false;
  return shapes::to_json(out);
}

std::string default_tracing() {
  shape::TracingConfiguration out;
  out.enabled = false;
  return shapes::to_json(out);
}

}  // namespace

Result<void> check_role(const event::Kernel& kernel, const std::string& arn) {
  TRY_VOID(check_role_arn(arn));
  if (kernel.roles == nullptr || kernel.roles->check(arn, std::string(kPrincipal))) return ok();
  return fail("AccessDeniedException",
              "Neither the global service principal states.amazonaws.com, nor the regional one is "
              "authorized to assume the provided role.");
}

Task<Result<shape::CreateStateMachineOutput>> Logic::create(shape::CreateStateMachineInput in) {
  CO_TRY_VOID(check_name(in.name));
  CO_TRY_VOID(check_encryption(in.encryption_configuration));
  CO_TRY_VOID(check_description(in.version_description, in.publish.value_or(false)));
  CO_TRY_VOID(check_definition(in.definition, type_of_name(in.type)));
  CO_TRY_VOID(check_role(kernel_, in.role_arn));
  CO_TRY(Settings settings,
         co_await checked(in.logging_configuration, in.tracing_configuration, in.role_arn));
  if (!settings.logging) settings.logging = default_logging();
  if (!settings.tracing) settings.tracing = default_tracing();
  co_return co_await until_won("State machine " + in.name,
                               [this, in, settings] { return create_once(in, settings); });
}

Task<Result<shape::CreateStateMachineOutput>> Logic::create_once(shape::CreateStateMachineInput in,
                                                                 Settings settings) {
  CO_TRY(auto old, co_await read_machine(kernel_.store, in.name));
  if (old) {
    co_return co_await create_again(std::move(in), std::move(settings), std::move(old->value));
  }
  Machine machine;
  machine.name = in.name;
  machine.incarnation = kernel_.random.next();
  machine.type = type_of_name(in.type);
  machine.created = machine.updated = kernel_.clock.now();
  machine.now.role_arn = in.role_arn;
  machine.now.logging = *settings.logging;
  machine.now.tracing = *settings.tracing;
  machine.created_with_version = in.publish.value_or(false);
  machine.created_description = in.version_description.value_or("");
  CO_TRY(machine.tags, tags_of(in.tags));
  Change change = change_of({.value = std::move(machine), .version = store::Version(0)});
  change.batch.put(keys::definition(in.name, 1), encode_definition(in.definition));
  shape::CreateStateMachineOutput out;
  out.state_machine_arn = machine_arn(in.name);
  out.creation_date = change.machine.value.created;
  if (in.publish.value_or(false)) {
    CO_TRY_VOID(co_await add_version(change, in.version_description.value_or("")));
    out.state_machine_version_arn =
        fmt::format("{}:{}", out.state_machine_arn, change.machine.value.published);
  }
  CO_TRY_VOID(co_await commit(std::move(change)));
  co_return out;
}

// The same request once more answers as the first; role and tags do not count (CreateStateMachine,
// "idempotent").
Task<Result<shape::CreateStateMachineOutput>> Logic::create_again(shape::CreateStateMachineInput in,
                                                                  Settings settings, Machine old) {
  const std::string arn = machine_arn(in.name);
  if (old.deleting) co_return machine_deleting(arn);
  CO_TRY(std::string definition,
         co_await read_definition(kernel_.store, old.name, old.now.revision));
  const bool same = definition == in.definition && old.type == type_of_name(in.type) &&
                    old.now.logging == settings.logging && old.now.tracing == settings.tracing &&
                    old.created_with_version == in.publish.value_or(false) &&
                    old.created_description == in.version_description.value_or("");
  if (!same) co_return machine_exists(arn);
  shape::CreateStateMachineOutput out;
  out.state_machine_arn = arn;
  out.creation_date = old.created;
  if (old.created_with_version) out.state_machine_version_arn = arn + ":1";
  co_return out;
}

Task<Result<shape::UpdateStateMachineOutput>> Logic::update(shape::UpdateStateMachineInput in) {
  CO_TRY_VOID(check_encryption(in.encryption_configuration));
  CO_TRY_VOID(check_description(in.version_description, in.publish.value_or(false)));
  CO_TRY(Found found, co_await find_to_change(in.state_machine_arn));
  if (!found.ref.qualifier.empty()) co_return no_machine(in.state_machine_arn);
  if (!in.definition && !in.role_arn && !in.logging_configuration && !in.tracing_configuration &&
      !in.encryption_configuration) {
    co_return fail("MissingRequiredParameter",
                   "Either the definition, the role ARN, the LoggingConfiguration, or the "
                   "TracingConfiguration must be specified");
  }
  if (in.definition) {
    CO_TRY_VOID(check_definition(*in.definition, found.machine.value.type));
  }
  auto logging = in.logging_configuration;
  const Configuration& now = found.machine.value.now;
  if (in.role_arn) {
    CO_TRY_VOID(check_role(kernel_, *in.role_arn));
    // Another role needs the right to deliver logs, too.
    if (!logging && *in.role_arn != now.role_arn) {
      CO_TRY(logging, shapes::from_json<shape::LoggingConfiguration>(now.logging));
    }
  }
  CO_TRY(Settings settings, co_await checked(std::move(logging), in.tracing_configuration,
                                             in.role_arn.value_or(now.role_arn)));
  co_return co_await until_won("State machine " + found.ref.name,
                               [this, in, settings] { return update_once(in, settings); });
}

Task<Result<shape::UpdateStateMachineOutput>> Logic::update_once(shape::UpdateStateMachineInput in,
                                                                 Settings settings) {
  CO_TRY(Found found, co_await find_to_change(in.state_machine_arn));
  Change change = change_of(std::move(found.machine));
  Machine& machine = change.machine.value;
  CO_TRY(std::string definition,
         co_await read_definition(kernel_.store, machine.name, machine.now.revision));
  Configuration wanted = machine.now;
  wanted.role_arn = in.role_arn.value_or(wanted.role_arn);
  wanted.logging = settings.logging.value_or(wanted.logging);
  wanted.tracing = settings.tracing.value_or(wanted.tracing);
  const bool changes =
      (in.definition && *in.definition != definition) || wanted.role_arn != machine.now.role_arn ||
      wanted.logging != machine.now.logging || wanted.tracing != machine.now.tracing;
  if (changes) {
    // Versions keep their revision's definition; one that has none is told by nobody any more.
    if (machine.published == 0) {
      change.batch.erase(keys::definition(machine.name, machine.now.revision));
    }
    ++wanted.revision;
    wanted.revision_id = kernel_.random.uuid();
    machine.now = std::move(wanted);
    machine.published = 0;
    machine.updated = kernel_.clock.now();
    change.batch.put(keys::definition(machine.name, machine.now.revision),
                     encode_definition(in.definition.value_or(definition)));
  }
  if (in.publish.value_or(false) && machine.published == 0) {
    CO_TRY_VOID(co_await add_version(change, in.version_description.value_or("")));
  }
  shape::UpdateStateMachineOutput out;
  out.update_date = machine.updated;
  if (!machine.now.revision_id.empty()) out.revision_id = machine.now.revision_id;
  if (in.publish.value_or(false)) {
    out.state_machine_version_arn =
        fmt::format("{}:{}", machine_arn(machine.name), machine.published);
  }
  CO_TRY_VOID(co_await commit(std::move(change)));
  co_return out;
}

Task<Result<shape::DescribeStateMachineOutput>> Logic::describe(
    shape::DescribeStateMachineInput in) {
  CO_TRY(Found found, co_await find(in.state_machine_arn));
  const Machine& machine = found.machine.value;
  Configuration told = machine.now;
  shape::DescribeStateMachineOutput out;
  out.creation_date = machine.created;
  if (!found.ref.qualifier.empty()) {
    const auto number = found.ref.version();
    if (!number) co_return no_machine(in.state_machine_arn);
    CO_TRY(auto version, co_await read_version(kernel_.store, machine.name, *number));
    if (!version) co_return no_machine(in.state_machine_arn);
    told = std::move(version->value.configuration);
    out.creation_date = version->value.created;
    if (!version->value.description.empty()) out.description = version->value.description;
  }
  out.state_machine_arn = in.state_machine_arn;
  out.name = machine.name;
  out.status = machine.deleting ? "DELETING" : "ACTIVE";
  out.role_arn = told.role_arn;
  out.type = name_of(machine.type);
  CO_TRY(out.logging_configuration, shapes::from_json<shape::LoggingConfiguration>(told.logging));
  CO_TRY(out.tracing_configuration, shapes::from_json<shape::TracingConfiguration>(told.tracing));
  if (!told.revision_id.empty()) out.revision_id = told.revision_id;
  out.encryption_configuration = owned_key();
  if (in.included_data == "METADATA_ONLY") {
    out.definition = "{}";
    co_return out;
  }
  CO_TRY(auto compiled, co_await this->compiled(machine, told.revision));
  out.definition = compiled.definition;
  if (!compiled.plan->variable_references.empty()) {
    out.variable_references = compiled.plan->variable_references;
  }
  co_return out;
}

Task<Result<shape::ListStateMachinesOutput>> Logic::list(shape::ListStateMachinesInput in) {
  CO_TRY(Page page, co_await read_page(kernel_.store, {.range = keys::machines(),
                                                       .results_max = in.max_results,
                                                       .token = in.next_token}));
  shape::ListStateMachinesOutput out;
  for (const auto& entry : page.entries) {
    CO_TRY(Machine machine, decode_state_machine(entry.value));
    auto& row = out.state_machines.emplace_back();
    row.state_machine_arn = machine_arn(machine.name);
    row.type = name_of(machine.type);
    row.creation_date = machine.created;
    row.name = std::move(machine.name);
  }
  out.next_token = std::move(page.token);
  co_return out;
}

Result<shape::ValidateStateMachineDefinitionOutput> Logic::validate(
    const shape::ValidateStateMachineDefinitionInput& in) const {
  const auto compiled = workflow::compile(in.definition, {.type = type_of_name(in.type)});
  size_t most = static_cast<size_t>(in.max_results.value_or(0));
  if (most == 0) most = kDiagnosticsMax;
  shape::ValidateStateMachineDefinitionOutput out;
  out.result = compiled.plan ? "OK" : "FAIL";
  out.truncated = false;
  for (const auto& diagnostic : compiled.diagnostics) {
    const bool is_error = diagnostic.severity == workflow::Severity::kError;
    if (!is_error && in.severity != "WARNING") continue;
    if (out.diagnostics.size() == most) {
      out.truncated = true;
      break;
    }
    auto& row = out.diagnostics.emplace_back();
    row.severity = is_error ? "ERROR" : "WARNING";
    row.code = diagnostic.code;
    row.message = diagnostic.message;
    if (!diagnostic.location.empty()) row.location = diagnostic.location;
  }
  return out;
}

event::Timer Logic::delete_timer(const Machine& machine, TimePoint due) const {
  return {.kind = std::string(kDeleteTimer),
          .owner = machine_arn(machine.name),
          .id = machine.name,
          .due = due,
          .payload = {}};
}

// Of what does not exist: done.
Task<Result<void>> Logic::remove(std::string arn) {
  CO_TRY(MachineRef ref, parse_machine_arn(arn));
  if (!ref.qualifier.empty()) {
    co_return invalid(
        fmt::format("A version or alias cannot be deleted with its state machine's "
                    "operation: '{}'",
                    arn));
  }
  co_return co_await until_won("State machine " + ref.name,
                               [this, arn] { return remove_once(arn); });
}

Task<Result<void>> Logic::remove_once(std::string arn) {
  auto found = co_await find(arn);
  if (!found && found.error().code == "StateMachineDoesNotExist") co_return ok();
  if (!found) co_return fail(std::move(found).error());
  if (found->machine.value.deleting) co_return ok();
  Change change = change_of(std::move(found->machine));
  change.machine.value.deleting = true;
  const Machine machine = change.machine.value;
  const TimePoint due = kernel_.clock.now() + kDeletePoll;
  kernel_.timers.set(change.batch, delete_timer(machine, due));
  CO_TRY_VOID(co_await commit(std::move(change)));
  // What has no executions need not wait for the timer.
  CO_TRY(auto marked, co_await read_machine(kernel_.store, machine.name));
  if (!marked || !marked->value.deleting) co_return ok();
  store::Batch batch;
  kernel_.timers.cancel(batch, delete_timer(machine, due));
  auto done = co_await finish_removal(*std::move(marked), std::move(batch));
  // The timer was faster.
  if (!done && done.error().code == codes::kConditionFailed) co_return ok();
  co_return done;
}

// Takes everything of the machine away, in one commit with `batch`. Nothing where executions run.
Task<Result<void>> Logic::finish_removal(Stored<Machine> machine, store::Batch batch) {
  const std::string& name = machine.value.name;
  if (executions_ != nullptr) {
    CO_TRY(bool busy, co_await executions_->any_running(machine_arn(name)));
    if (busy) co_return ok();
  }
  batch.require_version(keys::machine(name), machine.version);
  batch.erase(keys::machine(name));
  batch.erase_range(keys::definitions(name));
  batch.erase_range(keys::versions(name));
  batch.erase_range(keys::aliases(name));
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> Logic::on_delete(event::Timer timer, store::Batch consume) {
  CO_TRY(auto machine, co_await read_machine(kernel_.store, timer.id));
  if (!machine || !machine->value.deleting) co_return co_await commit(std::move(consume));
  if (executions_ != nullptr) {
    CO_TRY(bool busy, co_await executions_->any_running(machine_arn(timer.id)));
    if (busy) {
      kernel_.timers.set(consume, delete_timer(machine->value, kernel_.clock.now() + kDeletePoll));
      co_return co_await commit(std::move(consume));
    }
  }
  co_return co_await finish_removal(*std::move(machine), std::move(consume));
}

}  // namespace suiro::states
