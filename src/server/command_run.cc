// SPDX-License-Identifier: Apache-2.0
#include "server/command_run.h"

#include <fmt/format.h>

#include <thread>

#include "base/clock.h"
#include "server/dynamic_calls.h"

namespace suiro::server {
namespace {

namespace json = definition::json;
using definition::array_at;
using definition::object_at;
using definition::text_at;

constexpr Millis kPollInterval{250};
// What a container wrote last is in its log soon after its end was told.
constexpr int kLastLooks = 4;

// Where the container's lines go.
struct LogPlace {
  std::string group;
  std::string suffix;  // of the stream's name
};

// Prints lines as they come.
class LogFollower {
 public:
  LogFollower(const definition::Calls& calls, LogPlace place)
      : calls_(calls), place_(std::move(place)) {}

  Result<size_t> print_new() {
    if (stream_.empty()) TRY_VOID(find_stream());
    if (stream_.empty()) return 0;
    json::object input{
        {"logGroupName", place_.group}, {"logStreamName", stream_}, {"startFromHead", true}};
    if (!token_.empty()) input["nextToken"] = token_;
    TRY(auto page, calls_.call("logs", "GetLogEvents", input));
    for (const auto& event : array_at(page, "events")) {
      fmt::print("{}\n", text_at(event.as_object(), "message"));
    }
    std::fflush(stdout);
    token_ = text_at(page, "nextForwardToken");
    return array_at(page, "events").size();
  }

 private:
  Result<void> find_stream() {
    TRY(auto page,
        calls_.find(
            "logs", "DescribeLogStreams",
            {{"logGroupName", place_.group}, {"orderBy", "LastEventTime"}, {"descending", true}},
            {"ResourceNotFoundException"}));
    if (!page) return ok();
    for (const auto& stream : array_at(*page, "logStreams")) {
      std::string name = text_at(stream.as_object(), "logStreamName");
      if (name.ends_with(place_.suffix)) stream_ = name;
    }
    return ok();
  }

  const definition::Calls& calls_;
  LogPlace place_;
  std::string stream_;
  std::string token_;
};

Result<json::array> pairs(const std::vector<std::string>& settings) {
  json::array out;
  for (const std::string& setting : settings) {
    size_t end = setting.find('=');
    if (end == setting.npos) {
      return fail(codes::kInvalidArgument, fmt::format("'{}': expected NAME=VALUE", setting));
    }
    out.push_back(
        json::object{{"name", setting.substr(0, end)}, {"value", setting.substr(end + 1)}});
  }
  return out;
}

Result<json::object> describe(const definition::Calls& calls, const std::string& cluster,
                              const std::string& arn) {
  TRY(auto reply, calls.call("ecs", "DescribeTasks", {{"cluster", cluster}, {"tasks", {arn}}}));
  const auto& tasks = array_at(reply, "tasks");
  if (tasks.empty()) return fail(codes::kNotFound, fmt::format("task {} is gone", arn));
  return tasks.front().as_object();
}

int report_end(const json::object& task) {
  std::string reason = text_at(task, "stoppedReason");
  std::optional<int64_t> exit_code;
  for (const auto& item : array_at(task, "containers")) {
    const json::object& container = item.as_object();
    if (container.contains("exitCode")) exit_code = definition::integer_at(container, "exitCode");
    std::string why = text_at(container, "reason");
    if (!why.empty() && why != reason) reason += ": " + why;
  }
  fmt::print(stderr, "{}{}\n", reason,
             exit_code ? fmt::format(" (exit code {})", *exit_code) : std::string());
  return static_cast<int>(exit_code.value_or(1));
}

}  // namespace

void RunCommand::add_to(CLI::App* command) {
  command_ = command;
  command->add_option("task", task_, "Task definition: family, family:revision or ARN")->required();
  command->add_option("command", command_line_, "Command in place of the definition's, behind --");
  command->add_option("--env", environment_, "NAME=VALUE, several times");
  command->add_option("--cluster", cluster_, "Cluster")->default_str(cluster_);
  command->add_flag("--detach", detach_, "Print the task's ARN and end");
}

Result<int> RunCommand::run(const ServerAddress& address) const {
  TRY(Remote remote, Remote::connect(address));
  definition::Calls calls = calls_of(remote);
  auto described = calls.call("ecs", "DescribeTaskDefinition", {{"taskDefinition", task_}});
  if (!described) {
    return fail(described.error().code, fmt::format("{}: {}", task_, described.error().message));
  }
  const json::object& task_definition = object_at(*described, "taskDefinition");
  const auto& containers = array_at(task_definition, "containerDefinitions");
  if (containers.empty()) return fail(codes::kInvalidArgument, "the task has no container");
  const json::object& container = containers.front().as_object();
  std::string name = text_at(container, "name");
  json::object overrides{{"name", name}};
  TRY(auto environment, pairs(environment_));
  if (!environment.empty()) overrides["environment"] = std::move(environment);
  if (!command_line_.empty()) {
    overrides["command"] = json::array(command_line_.begin(), command_line_.end());
  }
  TRY(auto started, calls.call("ecs", "RunTask",
                               {{"cluster", cluster_},
                                {"taskDefinition", text_at(task_definition, "taskDefinitionArn")},
                                {"startedBy", "suiro run"},
                                {"overrides", {{"containerOverrides", {std::move(overrides)}}}}}));
  if (array_at(started, "tasks").empty()) {
    return fail(codes::kUnavailable, json::serialize(array_at(started, "failures")));
  }
  std::string arn = text_at(array_at(started, "tasks").front().as_object(), "taskArn");
  if (detach_) {
    fmt::print("{}\n", arn);
    return 0;
  }
  fmt::print(stderr, "{}\n", arn);
  const json::object& options = object_at(object_at(container, "logConfiguration"), "options");
  LogFollower log(calls, {text_at(options, "awslogs-group", "/suiro/tasks"),
                          fmt::format("{}/{}", name, arn.substr(arn.rfind('/') + 1))});
  std::string status;
  for (int looks = 0; looks < kLastLooks;) {
    TRY(json::object task, describe(calls, cluster_, arn));
    if (text_at(task, "lastStatus") != status) {
      status = text_at(task, "lastStatus");
      fmt::print(stderr, "{}\n", status);
    }
    TRY(size_t lines, log.print_new());
    if (status == "STOPPED" && lines == 0 && ++looks == kLastLooks) return report_end(task);
    std::this_thread::sleep_for(kPollInterval);
  }
  return 1;
}

}  // namespace suiro::server
