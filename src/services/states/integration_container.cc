// SPDX-License-Identifier: Apache-2.0
// Source: Step Functions Developer Guide, "Run Amazon ECS or Fargate tasks with Step Functions".
#include <algorithm>
#include <set>

#include "services/states/integration_services.h"

namespace suiro::states {
namespace {

using Pattern = workflow::Pattern;

bool is_empty_list(const json::Value* list) {
  return list == nullptr || !list->is_array() || list->as_array().empty();
}

const json::Array& list_of(const json::Value& object, std::string_view name) {
  static const json::Array none;
  const json::Value* found = object.find(name);
  return found != nullptr && found->is_array() ? found->as_array() : none;
}

// What look() and stop() need: {"Cluster": ARN, "Task": ARN}.
std::string notes_of(const json::Value& output) {
  const json::Array& tasks = list_of(output, "Tasks");
  json::Object notes;
  if (!tasks.empty()) {
    notes.set("Cluster", text_of(tasks[0], "ClusterArn"));
    notes.set("Task", text_of(tasks[0], "TaskArn"));
  }
  return json::write(notes);
}

TaskFault failed(const json::Value& task) {
  return {std::string(kTaskFailedError), json::write(task)};
}

// Names of the containers whose end is the task's.
std::set<std::string> essential_of(const json::Value& definition) {
  std::set<std::string> names;
  for (const json::Value& container : list_of(definition, "ContainerDefinitions")) {
    const json::Value* essential = container.find("Essential");
    const bool spared = essential != nullptr && essential->is_bool() && !essential->as_bool();
    if (!spared) names.insert(text_of(container, "Name"));
  }
  return names;
}

bool ended_well(const json::Value& task, const std::set<std::string>& essential) {
  const std::string code = text_of(task, "StopCode");
  if (!code.empty() && code != "EssentialContainerExited") return false;
  for (const json::Value& container : list_of(task, "Containers")) {
    if (!essential.contains(text_of(container, "Name"))) continue;
    const json::Value* exit_code = container.find("ExitCode");
    const bool zero =
        exit_code != nullptr && exit_code->is_integer() && exit_code->as_integer() == 0;
    if (!zero) return false;
  }
  return true;
}

}  // namespace

bool ContainerIntegration::has(const workflow::Resource& resource) const {
  return resource.action == "runTask" && resource.pattern != Pattern::kSync2;
}

bool ContainerIntegration::is_marked(const TaskCall& call) const {
  return call.effect.resource.pattern == Pattern::kSync;
}

Task<Attempt<Begun>> ContainerIntegration::begin(Work work) {
  const SdkService service = optimised_service("ecs");
  json::Object request = work.arguments.as_object();
  const json::Value* count = work.arguments.find("Count");
  const bool several = count != nullptr && !(count->is_integer() && count->as_integer() == 1);
  if (several && work.call.effect.resource.pattern == Pattern::kSync) {
    co_return std::unexpected(refused_arguments(json::write(work.arguments),
                                                "Suiro waits for the end of one task: Count is "
                                                "not supported by runTask.sync"));
  }
  if (!request.contains("StartedBy")) request.set("StartedBy", "AWS Step Functions");
  if (!request.contains("ClientToken")) request.set("ClientToken", work.call.key);
  auto reply = co_await calls_.call(work.call, {.service = service,
                                                .operation = "runTask",
                                                .input = std::move(request),
                                                .cancellation = work.cancellation});
  if (!reply) co_return std::unexpected(std::move(reply).error());
  if (is_empty_list(reply->output.find("Tasks"))) {
    co_return std::unexpected(TaskFault{"AmazonECS.Unknown", json::write(reply->output)});
  }
  std::string notes = notes_of(reply->output);
  co_return Begun{.output = calls_.with_metadata(service, *std::move(reply)),
                  .notes = std::move(notes)};
}

Task<Attempt<json::Value>> ContainerIntegration::look(const TaskCall& call,
                                                      const json::Value& notes) {
  json::Object request;
  request.set("Cluster", text_of(notes, "Cluster"));
  request.set("Tasks", json::Array{json::Value(text_of(notes, "Task"))});
  auto reply = co_await calls_.call(call, {.service = optimised_service("ecs"),
                                           .operation = "describeTasks",
                                           .input = std::move(request)});
  if (!reply) co_return std::unexpected(std::move(reply).error());
  const json::Array& tasks = list_of(reply->output, "Tasks");
  if (tasks.empty()) {
    co_return std::unexpected(TaskFault{"AmazonECS.Unknown", json::write(reply->output)});
  }
  co_return tasks[0];
}

Task<Attempt<std::string>> ContainerIntegration::judge(const TaskCall& call,
                                                       const json::Value& task) {
  json::Object request;
  request.set("TaskDefinition", text_of(task, "TaskDefinitionArn"));
  auto reply = co_await calls_.call_as_service(call, {.service = optimised_service("ecs"),
                                                      .operation = "describeTaskDefinition",
                                                      .input = std::move(request)});
  if (!reply) co_return std::unexpected(std::move(reply).error());
  const json::Value* definition = reply->output.find("TaskDefinition");
  const auto essential =
      definition == nullptr ? std::set<std::string>() : essential_of(*definition);
  if (!ended_well(task, essential)) co_return std::unexpected(failed(task));
  co_return json::write(task);
}

Task<std::optional<Attempt<std::string>>> ContainerIntegration::follow(const TaskCall& call,
                                                                       std::string notes,
                                                                       TaskReporter& reporter) {
  auto known = json::parse(notes);
  if (!known) {
    co_return Attempt<std::string>(
        std::unexpected(TaskFault{std::string(kRuntimeError), known.error().message}));
  }
  for (Millis pause = kFirstLook; !reporter.cancelled();
       pause = std::min(kLastLook, pause + pause / 2)) {
    auto task = co_await look(call, *known);
    Attempt<std::string> ended;
    const bool is_over = task && text_of(*task, "LastStatus") == "STOPPED";
    if (is_over) ended = co_await judge(call, *task);
    if (!task) ended = std::unexpected(std::move(task).error());
    if (reporter.cancelled()) break;
    const bool may_pass = !ended && ended.error().retry == Retry::kLater;
    if (!may_pass && (is_over || !ended)) co_return ended;
    co_await reporter.wait(pause);
  }
  co_return std::nullopt;
}

Task<Result<void>> ContainerIntegration::stop(const TaskCall& call, std::string notes) {
  if (read_mark(notes)) {
    // The same request with the same token tells which task began; none did: this one is stopped.
    auto arguments = json::parse(call.effect.arguments);
    if (!arguments) co_return ok();
    auto begun = co_await begin({.call = call, .arguments = *std::move(arguments)});
    if (!begun) co_return result_of_stop(begun.error());
    notes = std::move(begun->notes);
  }
  auto known = json::parse(notes);
  if (!known) co_return ok();  // nothing began
  json::Object request;
  request.set("Cluster", text_of(*known, "Cluster"));
  request.set("Task", text_of(*known, "Task"));
  request.set("Reason", "Requested by AWS Step Functions");
  co_return result_of_stop(co_await calls_.call(
      call,
      {.service = optimised_service("ecs"), .operation = "stopTask", .input = std::move(request)}));
}

}  // namespace suiro::states
