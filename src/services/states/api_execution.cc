// SPDX-License-Identifier: Apache-2.0
// Executions, activities' tasks and callbacks: shapes to calls of Executions and back.
#include "services/states/api.h"
#include "shapes/json.h"

namespace suiro::states {

namespace op = shape::op;

namespace {

using workflow::ExecutionStatus;

constexpr std::string_view kPendingRedrive = "PENDING_REDRIVE";

std::string status_of(const ExecutionRecord& record) {
  return record.pending_redrive ? std::string(kPendingRedrive)
                                : std::string(status_name(record.status));
}

// Of a name that the model's validation let through.
ExecutionStatus status_named(std::string_view name) {
  for (auto status : {ExecutionStatus::kSucceeded, ExecutionStatus::kFailed,
                      ExecutionStatus::kTimedOut, ExecutionStatus::kAborted}) {
    if (name == status_name(status)) return status;
  }
  return ExecutionStatus::kRunning;
}

std::optional<std::string> if_any(std::string text) {
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

size_t results_max(const std::optional<int32_t>& given) {
  return given.value_or(0) == 0 ? kListDefault : static_cast<size_t>(*given);
}

shape::CloudWatchEventsExecutionDataDetails details(ExecutionData data) {
  shape::CloudWatchEventsExecutionDataDetails out;
  out.included = data == ExecutionData::kIncluded;
  return out;
}

ExecutionData data_of(const std::optional<std::string>& included) {
  return included == "METADATA_ONLY" ? ExecutionData::kLeftOut : ExecutionData::kIncluded;
}

// Input, output and their details, which two operations answer with.
template <class Output>
void fill_data(Output& out, ExecutionRecord& record, ExecutionData data) {
  out.input_details = details(data);
  if (record.output) out.output_details = details(data);
  if (data == ExecutionData::kLeftOut) return;
  out.input = std::move(record.input);
  out.output = std::move(record.output);
}

Start start_of(const shapes::Call& call, std::string arn, std::optional<std::string> name,
               std::optional<std::string> input, std::optional<std::string> trace_header) {
  return {.machine_arn = std::move(arn),
          .name = std::move(name),
          .input = std::move(input),
          .trace_header = std::move(trace_header).value_or(""),
          .cause = call.trace};
}

}  // namespace

void Api::add_executions(shapes::Registry& registry) {
  add<op::StartExecution>(registry, &Api::start);
  add<op::StartSyncExecution>(registry, &Api::start_sync);
  add<op::StopExecution>(registry, &Api::stop);
  add<op::RedriveExecution>(registry, &Api::redrive);
  add<op::DescribeExecution>(registry, &Api::describe_execution);
  add<op::DescribeStateMachineForExecution>(registry, &Api::describe_machine_of);
  add<op::ListExecutions>(registry, &Api::list_executions);
  add<op::GetExecutionHistory>(registry, &Api::history);
  add<op::GetActivityTask>(registry, &Api::take_task);
  add<op::SendTaskSuccess>(registry, &Api::task_succeeded);
  add<op::SendTaskFailure>(registry, &Api::task_failed);
  add<op::SendTaskHeartbeat>(registry, &Api::task_heartbeat);
}

Api::Answer<op::StartExecution> Api::start(shapes::Call& call, shape::StartExecutionInput in) {
  CO_TRY(StartRequest request,
         co_await logic_.prepare(start_of(call, std::move(in.state_machine_arn), std::move(in.name),
                                          std::move(in.input), std::move(in.trace_header))));
  CO_TRY(StartReply reply, co_await executions_->start(std::move(request)));
  shape::StartExecutionOutput out;
  out.execution_arn = std::move(reply.execution_arn);
  out.start_date = reply.start;
  co_return out;
}

Api::Answer<op::StartSyncExecution> Api::start_sync(shapes::Call& call,
                                                    shape::StartSyncExecutionInput in) {
  const ExecutionData data = data_of(in.included_data);
  CO_TRY(StartRequest request,
         co_await logic_.prepare(start_of(call, std::move(in.state_machine_arn), std::move(in.name),
                                          std::move(in.input), std::move(in.trace_header))));
  if (request.machine.type != workflow::MachineType::kExpress) co_return not_this_type();
  CO_TRY(ExecutionRecord record, co_await executions_->run_sync(std::move(request)));
  shape::StartSyncExecutionOutput out;
  fill_data(out, record, data);
  out.output_details = details(data);  // even where it failed, unlike DescribeExecution
  out.execution_arn = std::move(record.arn);
  out.state_machine_arn = std::move(record.machine.machine_arn);
  out.name = std::move(record.name);
  out.start_date = record.start;
  out.stop_date = record.stop.value_or(record.start);
  out.status = status_name(record.status);
  out.error = std::move(record.error);
  out.cause = std::move(record.cause);
  out.trace_header = if_any(std::move(record.trace_header));
  const int64_t steps = (out.stop_date - out.start_date).count() / kBilledStepMs + 1;
  auto& bill = out.billing_details.emplace();
  bill.billed_duration_in_milliseconds = steps * kBilledStepMs;
  bill.billed_memory_used_in_mb = kBilledMemoryMb;
  co_return out;
}

Api::Answer<op::StopExecution> Api::stop(shapes::Call&, shape::StopExecutionInput in) {
  CO_TRY_VOID(check_execution_arn(in.execution_arn));
  shape::StopExecutionOutput out;
  CO_TRY(out.stop_date, co_await executions_->stop(std::move(in.execution_arn), std::move(in.error),
                                                   std::move(in.cause)));
  co_return out;
}

Api::Answer<op::RedriveExecution> Api::redrive(shapes::Call&, shape::RedriveExecutionInput in) {
  CO_TRY_VOID(check_execution_arn(in.execution_arn));
  shape::RedriveExecutionOutput out;
  CO_TRY(out.redrive_date,
         co_await executions_->redrive(std::move(in.execution_arn), in.client_token.value_or("")));
  co_return out;
}

Api::Answer<op::DescribeExecution> Api::describe_execution(shapes::Call&,
                                                           shape::DescribeExecutionInput in) {
  CO_TRY_VOID(check_execution_arn(in.execution_arn));
  CO_TRY(ExecutionRecord record, co_await executions_->describe(std::move(in.execution_arn)));
  shape::DescribeExecutionOutput out;
  fill_data(out, record, data_of(in.included_data));
  out.execution_arn = std::move(record.arn);
  out.state_machine_arn = std::move(record.machine.machine_arn);
  out.state_machine_version_arn = if_any(std::move(record.machine.version_arn));
  out.state_machine_alias_arn = if_any(std::move(record.machine.alias_arn));
  out.status = status_of(record);
  out.name = std::move(record.name);
  out.start_date = record.start;
  out.stop_date = record.stop;
  out.trace_header = if_any(std::move(record.trace_header));
  out.map_run_arn = if_any(std::move(record.map_run_arn));
  out.error = std::move(record.error);
  out.cause = std::move(record.cause);
  out.redrive_count = static_cast<int32_t>(record.redrive_count);
  out.redrive_date = record.redrive_time;
  out.redrive_status = if_any(std::move(record.redrive_status));
  out.redrive_status_reason = if_any(std::move(record.redrive_status_reason));
  co_return out;
}

Api::Answer<op::DescribeStateMachineForExecution> Api::describe_machine_of(
    shapes::Call&, shape::DescribeStateMachineForExecutionInput in) {
  CO_TRY_VOID(check_execution_arn(in.execution_arn));
  CO_TRY(ExecutionRecord record, co_await executions_->describe(std::move(in.execution_arn)));
  MachineAtStart& machine = record.machine;
  shape::DescribeStateMachineForExecutionOutput out;
  CO_TRY(out.logging_configuration,
         shapes::from_json<shape::LoggingConfiguration>(machine.logging));
  CO_TRY(out.tracing_configuration,
         shapes::from_json<shape::TracingConfiguration>(machine.tracing));
  out.encryption_configuration = owned_key();
  out.update_date = machine.updated;
  out.map_run_arn = if_any(std::move(record.map_run_arn));
  out.revision_id = if_any(std::move(machine.revision_id));
  out.role_arn = std::move(machine.role_arn);
  out.name = std::move(machine.name);
  out.state_machine_arn = std::move(machine.machine_arn);
  if (const size_t slash = out.state_machine_arn.find('/'); slash != std::string::npos) {
    out.label = out.state_machine_arn.substr(slash + 1);
  }
  if (data_of(in.included_data) == ExecutionData::kLeftOut) {
    out.definition = "{}";
    co_return out;
  }
  const auto compiled = workflow::compile(machine.definition, {.type = machine.type});
  if (compiled.plan && !compiled.plan->variable_references.empty()) {
    out.variable_references = compiled.plan->variable_references;
  }
  out.definition = std::move(machine.definition);
  co_return out;
}

Api::Answer<op::ListExecutions> Api::list_executions(shapes::Call&, shape::ListExecutionsInput in) {
  if (in.state_machine_arn.has_value() == in.map_run_arn.has_value()) {
    co_return invalid("Exactly one of stateMachineArn and mapRunArn must be specified");
  }
  if (in.state_machine_arn) {
    CO_TRY(workflow::MachineType type, co_await logic_.type_of(*in.state_machine_arn));
    if (type != workflow::MachineType::kStandard) co_return not_this_type();
    if (in.status_filter == kPendingRedrive) {
      co_return invalid("The statusFilter PENDING_REDRIVE needs a mapRunArn");
    }
  }
  ListRequest request;
  request.machine_arn = in.state_machine_arn.value_or("");
  request.map_run_arn = in.map_run_arn.value_or("");
  request.pending_redrive = in.status_filter == kPendingRedrive;
  if (in.status_filter && !request.pending_redrive) {
    request.status = status_named(*in.status_filter);
  }
  if (in.redrive_filter) request.redriven = *in.redrive_filter == "REDRIVEN";
  request.results_max = results_max(in.max_results);
  request.next_token = in.next_token.value_or("");
  CO_TRY(ListPage page, co_await executions_->list(std::move(request)));
  shape::ListExecutionsOutput out;
  for (ExecutionRecord& record : page.executions) {
    auto& row = out.executions.emplace_back();
    row.status = status_of(record);
    row.execution_arn = std::move(record.arn);
    row.state_machine_arn = std::move(record.machine.machine_arn);
    row.state_machine_version_arn = if_any(std::move(record.machine.version_arn));
    row.state_machine_alias_arn = if_any(std::move(record.machine.alias_arn));
    row.map_run_arn = if_any(std::move(record.map_run_arn));
    row.name = std::move(record.name);
    row.start_date = record.start;
    row.stop_date = record.stop;
    row.redrive_count = static_cast<int32_t>(record.redrive_count);
    row.redrive_date = record.redrive_time;
  }
  out.next_token = if_any(std::move(page.next_token));
  co_return out;
}

Api::Answer<op::GetExecutionHistory> Api::history(shapes::Call&,
                                                  shape::GetExecutionHistoryInput in) {
  CO_TRY_VOID(check_execution_arn(in.execution_arn));
  const ExecutionData data =
      in.include_execution_data.value_or(true) ? ExecutionData::kIncluded : ExecutionData::kLeftOut;
  HistoryRequest request;
  request.execution_arn = std::move(in.execution_arn);
  request.newest_first = in.reverse_order.value_or(false);
  request.results_max = results_max(in.max_results);
  request.next_token = in.next_token.value_or("");
  CO_TRY(HistoryPage page, co_await executions_->history(std::move(request)));
  shape::GetExecutionHistoryOutput out;
  for (const auto& event : page.events) out.events.push_back(to_shape(event, data));
  out.next_token = if_any(std::move(page.next_token));
  co_return out;
}

Api::Answer<op::GetActivityTask> Api::take_task(shapes::Call& call,
                                                shape::GetActivityTaskInput in) {
  CO_TRY_VOID(co_await logic_.check_activity(in.activity_arn));
  CO_TRY(ActivityTask task,
         co_await executions_->take_activity_task(std::move(in.activity_arn),
                                                  in.worker_name.value_or(""), call.cancellation));
  shape::GetActivityTaskOutput out;
  if (task.token.empty()) co_return out;
  out.task_token = std::move(task.token);
  out.input = std::move(task.input);
  co_return out;
}

Api::Answer<op::SendTaskSuccess> Api::task_succeeded(shapes::Call&,
                                                     shape::SendTaskSuccessInput in) {
  CO_TRY_VOID(co_await executions_->task_succeeded(std::move(in.task_token), std::move(in.output)));
  co_return shape::SendTaskSuccessOutput();
}

Api::Answer<op::SendTaskFailure> Api::task_failed(shapes::Call&, shape::SendTaskFailureInput in) {
  CO_TRY_VOID(co_await executions_->task_failed(std::move(in.task_token), in.error.value_or(""),
                                                in.cause.value_or("")));
  co_return shape::SendTaskFailureOutput();
}

Api::Answer<op::SendTaskHeartbeat> Api::task_heartbeat(shapes::Call&,
                                                       shape::SendTaskHeartbeatInput in) {
  CO_TRY_VOID(co_await executions_->task_heartbeat(std::move(in.task_token)));
  co_return shape::SendTaskHeartbeatOutput();
}

}  // namespace suiro::states
