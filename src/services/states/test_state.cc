// SPDX-License-Identifier: Apache-2.0
#include "services/states/test_state.h"

#include <cmath>

#include "services/states/logic.h"
#include "services/states/test_state_live.h"
#include "services/states/types.h"

namespace suiro::states {
namespace {

namespace op = shape::op;
using workflow::Pattern;
using workflow::Resource;
using workflow::TaskFields;

bool is_task(const workflow::State& state) {
  return std::holds_alternative<TaskFields>(state.fields);
}

bool has_children(const workflow::State& state) {
  return std::holds_alternative<workflow::ParallelFields>(state.fields) ||
         std::holds_alternative<workflow::MapFields>(state.fields);
}

// Whether the state of that name is inside `state`.
bool holds(const workflow::State& state, const workflow::State* inner) {
  while (inner != nullptr && inner->group != nullptr) {
    inner = inner->group->parent;
    if (inner == &state) return true;
  }
  return false;
}

// What waits for more than an answer cannot be tested without a mock.
bool needs_mock(const Resource& resource) {
  return resource.kind == Resource::Kind::kActivity ||
         resource.pattern != Pattern::kRequestResponse;
}

// Whose output the result is: of .sync the operation that looks whether the work has ended.
// Source: Developer Guide, "Testing Activity, .sync, and .waitForTaskToken states".
struct Answering {
  std::string operation;
  std::vector<std::string> unchecked;
};
// nullopt: what the result has to be, no model tells. Source: the same, "Mock validation modes".
std::optional<Answering> answering(const Resource& resource) {
  const bool is_integration = resource.kind == Resource::Kind::kIntegration;
  if (!is_integration && resource.kind != Resource::Kind::kSdk) return std::nullopt;
  if (resource.pattern == Pattern::kWaitForTaskToken) return std::nullopt;
  Answering out{.operation = resource.action, .unchecked = {}};
  if (!is_integration) return out;
  if (resource.service == "http" || resource.service == "apigateway" || resource.service == "eks") {
    return std::nullopt;
  }
  // The integration parses what the function gives.
  if (resource.service == "lambda") out.unchecked = {"Payload"};
  const bool waits = resource.pattern != Pattern::kRequestResponse;
  if (resource.service == "states" && waits) {
    out.operation = "DescribeExecution";
    if (resource.pattern == Pattern::kSync2) out.unchecked = {"Input", "Output"};
  }
  if (resource.service == "ecs" && waits) out.operation = "DescribeTasks";
  return out;
}

std::optional<std::string> take(workflow::TestAnswer& answer, std::string_view stage) {
  const auto found = answer.stages.find(stage);
  if (found == answer.stages.end()) return std::nullopt;
  return std::move(found->second);
}

template <class Number>
void tell(std::optional<Number>& out, const workflow::TestAnswer& answer, std::string_view name) {
  const auto found = answer.numbers.find(name);
  if (found != answer.numbers.end()) out = static_cast<Number>(found->second);
}

shape::InspectionData inspection_of(workflow::TestAnswer& answer) {
  shape::InspectionData out;
  out.input = take(answer, "input");
  out.after_arguments = take(answer, "afterArguments");
  out.after_input_path = take(answer, "afterInputPath");
  out.after_parameters = take(answer, "afterParameters");
  out.result = take(answer, "result");
  out.after_result_selector = take(answer, "afterResultSelector");
  out.after_result_path = take(answer, "afterResultPath");
  out.after_items_path = take(answer, "afterItemsPath");
  out.after_item_selector = take(answer, "afterItemSelector");
  out.after_item_batcher = take(answer, "afterItemBatcher");
  out.after_items_pointer = take(answer, "afterItemsPointer");
  out.variables = take(answer, "variables");
  tell(out.tolerated_failure_count, answer, "toleratedFailureCount");
  tell(out.tolerated_failure_percentage, answer, "toleratedFailurePercentage");
  tell(out.max_concurrency, answer, "maxConcurrency");
  if (answer.catcher) {
    out.error_details.emplace().catch_index = static_cast<int32_t>(*answer.catcher);
  }
  if (answer.retrier) {
    auto& details = out.error_details.emplace();
    details.retry_index = static_cast<int32_t>(*answer.retrier);
    details.retry_backoff_interval_seconds =
        static_cast<int32_t>(std::lround(static_cast<double>(answer.retry_delay.count()) / 1000));
  }
  return out;
}

std::string_view name_of(workflow::TestStatus status) {
  static constexpr std::string_view kNames[] = {"SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR"};
  return kNames[static_cast<size_t>(status)];
}

shape::TestStateOutput output_of(workflow::TestAnswer answer, const std::string& level,
                                 const LiveTest::HttpExchange& http) {
  shape::TestStateOutput out;
  out.status = std::string(name_of(answer.status));
  out.output = std::move(answer.output);
  out.error = std::move(answer.error);
  out.cause = std::move(answer.cause);
  out.next_state = std::move(answer.next_state);
  if (level == "INFO") return out;
  out.inspection_data = inspection_of(answer);
  if (level == "TRACE") {
    out.inspection_data->request = http.request;
    out.inspection_data->response = http.response;
  }
  return out;
}

}  // namespace

StateTests::StateTests(event::Kernel& kernel, const event::OperationCaller& operations,
                       Performer& performer)
    : kernel_(kernel), operations_(operations), performer_(performer) {
  for (size_t shard = 0; shard < kernel.shards.size(); ++shard) {
    scopes_.push_back(std::make_unique<TaskScope>(kernel.shards.executor(shard)));
  }
}

Task<void> StateTests::close() {
  for (auto& scope : scopes_) {
    co_await run_on(scope->executor(), [&scope] { return scope->close(); });
  }
}

void StateTests::add_operations(shapes::Registry& registry) {
  registry.add<op::TestState>(
      [this](shapes::Call& call, shape::TestStateInput in) { return test(call, std::move(in)); });
}

Result<StateTests::Tested> StateTests::compile(const shape::TestStateInput& in) {
  workflow::Compiled compiled =
      workflow::compile(in.definition, {.single_state = !in.state_name.has_value()});
  if (!compiled.plan) {
    return fail("InvalidDefinition",
                fmt::format("Invalid State Machine Definition: {}", compiled.summary()));
  }
  Tested tested{.plan = std::move(compiled.plan)};
  tested.state = workflow::tested_state(*tested.plan, in.state_name);
  if (tested.state == nullptr) return invalid("State not found in definition");
  return tested;
}

Result<void> StateTests::check(const shape::TestStateInput& in,
                               const workflow::State& state) const {
  if (!in.mock && has_children(state)) {
    return fail("InvalidDefinition",
                "TestState API does not support Map or Parallel states. Supported state types "
                "include: [Task, Wait, Pass, Succeed, Fail, Choice]");
  }
  if (in.mock) {
    TRY_VOID(check_mock(in, state));
  } else {
    if (in.context) return invalid("A context can only be specified when a mock is specified");
    if (in.state_configuration) {
      return invalid("A state configuration can only be specified when a mock is specified");
    }
  }
  if (!is_task(state) || in.mock) return ok();
  if (!in.role_arn) return invalid("RoleArn must be specified when testing a Task state");
  const auto resource = workflow::parse_resource(std::get<TaskFields>(state.fields).resource);
  if (resource && needs_mock(*resource)) {
    return invalid(
        fmt::format("A mock must be specified when testing the resource '{}'", resource->arn));
  }
  return ok();
}

Result<void> StateTests::check_mock(const shape::TestStateInput& in,
                                    const workflow::State& state) const {
  const shape::MockInput& mock = *in.mock;
  if (!is_task(state) && !has_children(state)) {
    return invalid(
        fmt::format("State type '{}' is not supported when a mock is specified", state.type()));
  }
  if (in.reveal_secrets.value_or(false)) {
    return invalid("TestState does not support RevealSecrets when a mock is specified.");
  }
  if (mock.result.has_value() == mock.error_output.has_value()) {
    return invalid(mock.result ? "A test mock should have only one of the following fields: "
                                 "[result, errorOutput]."
                               : "A test mock should have one of the following fields: "
                                 "[result, errorOutput].");
  }
  if (!mock.result) {
    if (!mock.error_output->error) return invalid("A mocked error must have an 'error'.");
    if (!has_children(state)) return ok();
    if (!in.state_configuration || !in.state_configuration->error_caused_by_state) {
      return invalid(
          "errorCausedByState must be specified when an error of a Map or Parallel "
          "state is mocked");
    }
    return ok();
  }
  const auto result = json::parse(*mock.result);
  if (!result) return invalid("Mocked result must be valid JSON");
  TRY_VOID(workflow::check_mocked_children(state, *result));
  if (const auto* task = std::get_if<TaskFields>(&state.fields)) {
    return check_task_result(mock, *task);
  }
  return ok();
}

Result<void> StateTests::check_task_result(const shape::MockInput& mock,
                                           const TaskFields& task) const {
  const std::string mode = mock.field_validation_mode.value_or("STRICT");
  const auto resource = workflow::parse_resource(task.resource);
  if (mode == "NONE" || !resource) return ok();
  const auto model = answering(*resource);
  if (!model) return ok();
  const auto checked = operations_.check_output({.service = resource->service,
                                                 .operation = model->operation,
                                                 .json = *mock.result,
                                                 .is_partial = mode == "PRESENT",
                                                 .unchecked = model->unchecked});
  if (checked) return ok();
  if (checked.error().code == codes::kNotImplemented) {
    return invalid(
        fmt::format("{}: set the mock's fieldValidationMode to NONE", checked.error().message));
  }
  return invalid("Mock result schema validation error: " + checked.error().message);
}

Result<workflow::TestSettings> StateTests::settings(const shape::TestStateInput& in) const {
  workflow::TestSettings out;
  const std::string input = in.input.value_or("{}");
  TRY_VOID(check_input(input));
  out.info.input = std::make_shared<const std::string>(input);
  const std::string run = kernel_.random.uuid();
  const std::string machine = kernel_.random.uuid();
  out.info.execution_arn = fmt::format("arn:aws:states:{}:{}:express:{}:{}", kernel_.region,
                                       kernel_.account, machine, run);
  out.info.execution_name = run;
  out.info.machine_arn =
      fmt::format("arn:aws:states:{}:{}:stateMachine:{}", kernel_.region, kernel_.account, machine);
  out.info.machine_name = machine;
  out.info.role_arn = in.role_arn.value_or("");
  out.info.region = kernel_.region;
  out.info.type = workflow::MachineType::kExpress;
  out.info.start = kernel_.clock.now();
  if (in.variables) {
    const auto parsed = json::parse(*in.variables);
    if (!parsed || !parsed->is_object()) return invalid("Variables must be a JSON object");
    out.variables = parsed->as_object();
  }
  if (in.context) {
    TRY(out.context, workflow::parse_test_context(*in.context));
  }
  if (in.mock) {
    out.mock.emplace().result = in.mock->result;
    if (in.mock->error_output) {
      out.mock->error = {.error = in.mock->error_output->error,
                         .cause = in.mock->error_output->cause};
    }
  }
  if (in.state_configuration) {
    const shape::TestStateConfiguration& given = *in.state_configuration;
    out.retries = static_cast<uint64_t>(given.retrier_retry_count.value_or(0));
    out.failed_items = given.map_iteration_failure_count;
    out.item_data = given.map_item_reader_data;
  }
  return out;
}

Task<Result<shape::TestStateOutput>> StateTests::test(shapes::Call& call,
                                                      shape::TestStateInput in) {
  if (in.role_arn) CO_TRY_VOID(check_role(kernel_, *in.role_arn));
  CO_TRY(const Tested tested, compile(in));
  CO_TRY_VOID(check(in, *tested.state));
  if (in.state_configuration && in.state_configuration->error_caused_by_state) {
    const auto inner =
        workflow::tested_state(*tested.plan, in.state_configuration->error_caused_by_state);
    if (!holds(*tested.state, inner)) {
      co_return invalid(
          fmt::format("errorCausedByState names '{}', which is not a state inside '{}'",
                      *in.state_configuration->error_caused_by_state, tested.state->name));
    }
  }
  CO_TRY(workflow::TestSettings with, settings(in));
  TaskCall task;
  task.execution_arn = with.info.execution_arn;
  task.machine_arn = with.info.machine_arn;
  task.role_arn = with.info.role_arn;
  task.express = true;
  task.cause = call.trace;
  for (int part = 0; part < 4; ++part) task.key += fmt::format("{:016x}", kernel_.random.next());
  auto run = std::make_unique<workflow::TestRun>(tested.plan, *tested.state, std::move(with),
                                                 kernel_.random);
  auto live = std::make_shared<LiveTest>(
      LiveTest::Parts{
          .kernel = kernel_, .performer = performer_, .scope = *scopes_[kernel_.shards.current()]},
      std::move(run), std::move(task),
      in.reveal_secrets.value_or(false) ? LiveTest::Secrets::kShow : LiveTest::Secrets::kHide);
  CO_TRY_VOID(co_await LiveTest::run(live, call.cancellation));
  co_return output_of(live->answer(), in.inspection_level.value_or("INFO"), live->http());
}

}  // namespace suiro::states
