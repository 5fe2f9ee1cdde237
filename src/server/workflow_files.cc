// SPDX-License-Identifier: Apache-2.0
#include "server/workflow_files.h"

#include <fmt/format.h>

#include <map>

#include "engine/rehearsal/recorded.h"
#include "server/remote.h"
#include "server/text_files.h"

namespace suiro::server {
namespace {

constexpr int64_t kHistoryPage = 1000;
constexpr size_t kHistoryEventsMax = 1'000'000;

Result<json::Value> call(const Remote& remote, std::string_view operation, json::Object input) {
  json::Object request;
  request.set("Service", "states");
  request.set("Operation", operation);
  request.set("Input", json::write(std::move(input)));
  TRY(std::string reply, remote.call("CallOperation", json::write(std::move(request))));
  TRY(json::Value answer, json::parse(reply));
  const json::Value* output = answer.find("Output");
  if (output == nullptr || !output->is_string()) {
    return fail(codes::kCorrupt, "the server's answer is not understood");
  }
  return json::parse(output->as_string());
}

Result<json::Value> fetch_events(const Remote& remote, const std::string& arn) {
  json::Array events;
  json::Object request;
  request.set("executionArn", arn);
  request.set("maxResults", kHistoryPage);
  while (events.size() < kHistoryEventsMax) {
    TRY(json::Value page, call(remote, "GetExecutionHistory", request));
    if (const json::Value* list = page.find("events"); list != nullptr && list->is_array()) {
      for (const json::Value& event : list->as_array()) events.push_back(event);
    }
    const json::Value* next = page.find("nextToken");
    if (next == nullptr || !next->is_string()) return json::Value(std::move(events));
    request.set("nextToken", *next);
  }
  return fail(codes::kTooLarge,
              fmt::format("the history has more than {} events", kHistoryEventsMax));
}

}  // namespace

Result<std::shared_ptr<const workflow::Plan>> compile_definition(const std::string& text) {
  workflow::Compiled compiled = workflow::compile(text);
  if (compiled.plan != nullptr) return compiled.plan;
  std::string all = "the definition is not valid";
  for (const workflow::Diagnostic& diagnostic : compiled.diagnostics) {
    all += fmt::format("\n  {}: {}{}{}", diagnostic.code, diagnostic.message,
                       diagnostic.location.empty() ? "" : " at ", diagnostic.location);
  }
  return fail(codes::kInvalidArgument, std::move(all));
}

Result<std::shared_ptr<const workflow::Plan>> read_definition(const std::string& path) {
  TRY(std::string text, read_text_file(path));
  return compile_definition(text);
}

Result<RecordedExecution> fetch_execution(const ServerAddress& address, const std::string& arn) {
  TRY(Remote remote, Remote::connect(address));
  json::Object request;
  request.set("executionArn", arn);
  TRY(json::Value machine, call(remote, "DescribeStateMachineForExecution", request));
  const json::Value* definition = machine.find("definition");
  if (definition == nullptr || !definition->is_string()) {
    return fail(codes::kCorrupt, "the server tells no definition of " + arn);
  }
  RecordedExecution out{.definition = definition->as_string(), .history = {}};
  TRY(json::Value events, fetch_events(remote, arn));
  TRY(out.history, rehearsal::read_history(events));
  return out;
}

rehearsal::PastDuration past_durations(const ServerAddress& address) {
  auto remote = Remote::connect(address);
  if (!remote) return nullptr;
  auto known = std::make_shared<std::map<std::string, std::optional<Millis>>>();
  return [remote = std::move(*remote), known](const std::string& name) -> std::optional<Millis> {
    if (auto found = known->find(name); found != known->end()) return found->second;
    std::optional<Millis>& duration = (*known)[name];
    json::Object request;
    request.set("Names", json::Array{json::Value(name)});
    auto reply = remote.call("ListRunDurations", json::write(std::move(request)));
    if (!reply) return std::nullopt;
    auto answer = json::parse(*reply);
    const json::Value* rows = answer ? answer->find("Durations") : nullptr;
    if (rows == nullptr || !rows->is_array() || rows->as_array().empty()) return std::nullopt;
    const json::Value& row = rows->as_array().front();
    const json::Value* runs = row.find("Runs");
    const json::Value* median = row.find("MedianMs");
    if (runs != nullptr && median != nullptr && runs->is_integer() && median->is_integer() &&
        runs->as_integer() > 0) {
      duration = Millis(median->as_integer());
    }
    return duration;
  };
}

}  // namespace suiro::server
