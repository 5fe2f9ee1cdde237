// SPDX-License-Identifier: Apache-2.0
// Source: Step Functions Developer Guide, "Start a new AWS Step Functions state machine from a
// running execution".
#include <fmt/format.h>

#include "services/states/integration_services.h"

namespace suiro::states {
namespace {

using Pattern = workflow::Pattern;
using workflow::ExecutionStatus;

constexpr Millis kLookAgain{1'000};
constexpr int kLooksMax = 10;  // at an execution that may be the task's own

json::Value included() {
  json::Object out;
  out.set("Included", true);
  return out;
}

// .sync:2 tells inputs and outputs as JSON, .sync as text.
json::Value payload_of(const std::string& text, Pattern pattern) {
  if (pattern != Pattern::kSync2) return text;
  auto parsed = json::parse(text);
  return parsed ? *std::move(parsed) : json::Value(text);
}

json::Value millis(TimePoint time) {
  return json::Value(int64_t{time.time_since_epoch().count()});
}

// As DescribeExecution tells it through the first SDK.
std::string description_of(const ExecutionRecord& record, Pattern pattern) {
  json::Object out;
  if (record.cause) out.set("Cause", *record.cause);
  if (record.error) out.set("Error", *record.error);
  out.set("ExecutionArn", record.arn);
  out.set("Input", payload_of(record.input, pattern));
  out.set("InputDetails", included());
  out.set("Name", record.name);
  if (record.output) {
    out.set("Output", payload_of(*record.output, pattern));
    out.set("OutputDetails", included());
  }
  out.set("RedriveCount", int64_t(record.redrive_count));
  if (!record.redrive_status.empty()) out.set("RedriveStatus", record.redrive_status);
  if (!record.redrive_status_reason.empty()) {
    out.set("RedriveStatusReason", record.redrive_status_reason);
  }
  out.set("StartDate", millis(record.start));
  if (!record.machine.alias_arn.empty()) {
    out.set("StateMachineAliasArn", record.machine.alias_arn);
  }
  out.set("StateMachineArn", record.machine.machine_arn);
  if (!record.machine.version_arn.empty()) {
    out.set("StateMachineVersionArn", record.machine.version_arn);
  }
  out.set("Status", std::string(status_name(record.status)));
  if (record.stop) out.set("StopDate", millis(*record.stop));
  if (!record.trace_header.empty()) out.set("TraceHeader", record.trace_header);
  return sorted_text(std::move(out));
}

// "arn:...:execution:MACHINE:NAME" of "arn:...:stateMachine:MACHINE[:VERSION]".
std::string execution_arn_of(const std::string& machine_arn, const std::string& name) {
  auto arn = Arn::parse(machine_arn);
  constexpr std::string_view kKind = "stateMachine:";
  if (!arn || !arn->resource.starts_with(kKind)) return {};
  std::string machine = arn->resource.substr(kKind.size());
  machine.resize(std::min(machine.find(':'), machine.size()));
  arn->resource = fmt::format("execution:{}:{}", machine, name);
  return arn->str();
}

bool is_named(const json::Value& arguments) {
  const json::Value* name = arguments.find("Name");
  return name != nullptr && !name->is_null();
}

// Of what the task starts; empty where that cannot be told.
std::string child_arn_of(const TaskCall& call, const json::Value& arguments) {
  return execution_arn_of(text_of(arguments, "StateMachineArn"),
                          is_named(arguments) ? text_of(arguments, "Name") : call.key);
}

// Whether this task started an execution of the name that its state gave.
bool is_own(const TaskCall& call, const json::Value& arguments, const ExecutionRecord& record,
            TimePoint marked) {
  if (record.start < marked || record.started_by.trace_id != call.cause.trace_id ||
      record.started_by.span_id != call.cause.span_id) {
    return false;
  }
  const json::Value* input = arguments.find("Input");
  const auto got = json::parse(record.input);
  if (input == nullptr) return got && *got == json::Value(json::Object());
  if (!input->is_string()) return got && *got == *input;
  return record.input == input->as_string();
}

}  // namespace

bool ExecutionIntegration::has(const workflow::Resource& resource) const {
  return resource.action == "startExecution";
}

bool ExecutionIntegration::is_marked(const TaskCall& call) const {
  const auto arguments = json::parse(call.effect.arguments);
  return arguments && is_named(*arguments);
}

// Nobody else can know the name that is made from the call's key: what has it is the task's own.
Task<Result<std::optional<ExecutionRecord>>> ExecutionIntegration::find_own(
    const TaskCall& call, std::optional<TimePoint> marked) {
  const auto arguments = json::parse(call.effect.arguments);
  if (!arguments || (is_named(*arguments) && !marked)) co_return std::nullopt;
  const std::string arn = child_arn_of(call, *arguments);
  if (arn.empty()) co_return std::nullopt;
  auto record = co_await executions_->describe(arn);
  for (int looks = 1; !record && record.error().retry == Retry::kLater && looks < kLooksMax;
       ++looks) {
    co_await calls_.kernel().clock.sleep_for(kLookAgain);
    record = co_await executions_->describe(arn);
  }
  if (!record && record.error().code == "ExecutionDoesNotExist") co_return std::nullopt;
  if (!record) co_return fail(std::move(record).error());
  if (is_named(*arguments) && !is_own(call, *arguments, *record, *marked)) co_return std::nullopt;
  co_return *std::move(record);
}

Task<Attempt<Begun>> ExecutionIntegration::begin(Work work) {
  const SdkService service = optimised_service("states");
  json::Object request = work.arguments.as_object();
  // Nobody else can know this name: what has it was started by this very effect.
  if (!is_named(work.arguments)) request.set("Name", work.call.key);
  ServiceCalls::Request start{.service = service,
                              .operation = "startExecution",
                              .input = std::move(request),
                              .cancellation = work.cancellation};
  auto reply = co_await calls_.call(work.call, std::move(start));
  if (!reply) {
    const bool again = reply.error().error == "StepFunctions.ExecutionAlreadyExistsException";
    if (!again) co_return std::unexpected(std::move(reply).error());
    auto own = co_await find_own(work.call, work.marked);
    if (!own || !*own) co_return std::unexpected(std::move(reply).error());
    json::Object output;
    output.set("ExecutionArn", (*own)->arn);
    output.set("StartDate", millis((*own)->start));
    reply = ServiceCalls::Reply{
        .output = std::move(output),
        .request_id = new_request_uuid(calls_.kernel().clock.now(), calls_.kernel().random),
        .bytes = 0,
        .trace_header = {}};
  }
  std::string notes = text_of(reply->output, "ExecutionArn");
  co_return Begun{.output = calls_.with_metadata(service, *std::move(reply)),
                  .notes = std::move(notes)};
}

Task<std::optional<Attempt<std::string>>> ExecutionIntegration::follow(const TaskCall& call,
                                                                       std::string notes,
                                                                       TaskReporter& reporter) {
  auto record = co_await executions_->ended(notes, reporter.cancellation());
  // The server stops: the next incarnation waits on.
  const auto is_closed = [&] { return !record && record.error().code == codes::kClosed; };
  while (!record && record.error().retry == Retry::kLater && !is_closed()) {
    if (reporter.cancelled()) co_return std::nullopt;
    co_await reporter.wait(kLookAgain);
    record = co_await executions_->ended(notes, reporter.cancellation());
  }
  if (reporter.cancelled() || is_closed()) co_return std::nullopt;
  if (!record) {
    co_return std::unexpected(fault_of(optimised_service("states"), record.error(),
                                       calls_.operations().fault_of("sfn", record.error()),
                                       call.key));
  }
  std::string text = description_of(*record, call.effect.resource.pattern);
  if (record->status == ExecutionStatus::kSucceeded) co_return Attempt<std::string>(text);
  co_return std::unexpected(
      TaskFault{std::string(kTaskFailedError), description_of(*record, Pattern::kSync)});
}

Task<Result<void>> ExecutionIntegration::stop(const TaskCall& call, std::string notes) {
  if (const auto marked = read_mark(notes)) {
    auto own = co_await find_own(call, marked);
    if (!own && own.error().retry == Retry::kLater) co_return fail(std::move(own).error());
    notes = own && *own ? (*own)->arn : "";
  } else if (notes.empty()) {
    const auto arguments = json::parse(call.effect.arguments);
    if (arguments && !is_named(*arguments)) notes = child_arn_of(call, *arguments);
  }
  if (notes.empty()) co_return ok();
  json::Object request;
  request.set("ExecutionArn", notes);
  co_return result_of_stop(co_await calls_.call(call, {.service = optimised_service("states"),
                                                       .operation = "stopExecution",
                                                       .input = std::move(request)}));
}

}  // namespace suiro::states
