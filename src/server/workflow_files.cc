// SPDX-License-Identifier: Apache-2.0
#include "server/workflow_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "server/remote.h"
#include "server/text_files.h"
#include "services/states/map_run_names.h"

namespace suiro::server {
namespace {

constexpr int64_t kPage = 1000;
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

struct Listing {
  std::string_view operation;
  std::string_view member;  // of the answer: the list
  std::string_view key;     // what is listed, and its ARN
  std::string arn;
};

// All pages, until they have `entries_max` or more entries.
Result<json::Array> fetch_list(const Remote& remote, const Listing& listing, size_t entries_max) {
  json::Array entries;
  json::Object request;
  request.set(std::string(listing.key), listing.arn);
  request.set("maxResults", kPage);
  while (entries.size() < entries_max) {
    TRY(json::Value page, call(remote, listing.operation, request));
    if (const json::Value* list = page.find(listing.member); list != nullptr && list->is_array()) {
      for (const json::Value& entry : list->as_array()) entries.push_back(entry);
    }
    const json::Value* next = page.find("nextToken");
    if (next == nullptr || !next->is_string()) break;
    request.set("nextToken", *next);
  }
  return entries;
}

Result<std::vector<workflow::HistoryEvent>> fetch_history(const Remote& remote,
                                                          const std::string& arn) {
  TRY(json::Array events, fetch_list(remote, {"GetExecutionHistory", "events", "executionArn", arn},
                                     kHistoryEventsMax));
  if (events.size() >= kHistoryEventsMax) {
    return fail(codes::kTooLarge,
                fmt::format("the history has {} events or more", kHistoryEventsMax));
  }
  return rehearsal::read_history(json::Value(std::move(events)));
}

std::string text_member(const json::Value& entry, std::string_view member) {
  const json::Value* text = entry.find(member);
  return text != nullptr && text->is_string() ? text->as_string() : std::string();
}

uint64_t children_of(const json::Value& run) {
  const json::Value* counts = run.find("executionCounts");
  const json::Value* total = counts != nullptr ? counts->find("total") : nullptr;
  return total != nullptr && total->is_integer() ? static_cast<uint64_t>(total->as_integer()) : 0;
}

Result<uint64_t> count_children(const Remote& remote, const std::string& run_arn) {
  json::Object request;
  request.set("mapRunArn", run_arn);
  TRY(json::Value told, call(remote, "DescribeMapRun", std::move(request)));
  return children_of(told);
}

// Reads the answers of an execution, and of the children below it.
class AnswersReader {
 public:
  AnswersReader(const Remote& remote, RecordedAnswers& out) : remote_(remote), out_(out) {}

  // Into `scope`. Returns the input.
  Result<std::string> read(rehearsal::MockScope& scope, const std::string& arn) {
    std::vector<rehearsal::RecordedRun> runs;
    std::string input;
    {
      TRY(auto history, fetch_history(remote_, arn));
      TRY(runs, rehearsal::add_history(scope, history));
      input = rehearsal::input_of(history);
    }
    for (const rehearsal::RecordedRun& run : runs) {
      TRY(rehearsal::MockScope * place, rehearsal::scope_at(scope, run.place));
      TRY_VOID(read_run(*place, run));
    }
    return input;
  }

 private:
  Result<void> read_run(rehearsal::MockScope& scope, const rehearsal::RecordedRun& run) {
    TRY(uint64_t total, count_children(remote_, run.map_run_arn));
    children_ += total;
    if (children_ > kChildrenRecordedMax) {
      return fail(codes::kTooLarge,
                  fmt::format("the answers of at most {} children of Maps can be read, and there "
                              "are {} or more",
                              kChildrenRecordedMax, children_));
    }
    TRY(json::Array children,
        fetch_list(remote_, {"ListExecutions", "executions", "mapRunArn", run.map_run_arn},
                   kChildrenRecordedMax));
    out_.without_history += std::max<uint64_t>(total, children.size()) - children.size();
    auto uuid = states::run_of_arn(run.map_run_arn);
    for (const json::Value& child : children) {
      auto index = uuid ? states::child_index(*uuid, text_member(child, "name")) : std::nullopt;
      if (!index) return fail(codes::kCorrupt, "no child of a Map: " + json::write(child));
      TRY(rehearsal::MockScope * own, scope.at({run.state, *index}));
      TRY(std::string input, read(*own, text_member(child, "executionArn")));
      TRY(own->input, json::parse(input));
    }
    return ok();
  }

  const Remote& remote_;
  RecordedAnswers& out_;
  uint64_t children_ = 0;
};

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
  TRY(out.history, fetch_history(remote, arn));
  return out;
}

Result<RecordedChildren> fetch_children(const ServerAddress& address, const std::string& arn) {
  TRY(Remote remote, Remote::connect(address));
  RecordedChildren out;
  // An Express execution has no runs of Maps that could be listed.
  if (arn.find(":express:") != arn.npos) return out;
  TRY(json::Array runs,
      fetch_list(remote, {"ListMapRuns", "mapRuns", "executionArn", arn}, kChildrenReadMax));
  for (const json::Value& run : runs) {
    const std::string run_arn = text_member(run, "mapRunArn");
    TRY(uint64_t total, count_children(remote, run_arn));
    size_t before = out.histories.size();
    TRY(json::Array children,
        fetch_list(remote, {"ListExecutions", "executions", "mapRunArn", run_arn},
                   kChildrenReadMax - before));
    for (const json::Value& child : children) {
      if (out.histories.size() == kChildrenReadMax) break;
      TRY(auto history, fetch_history(remote, text_member(child, "executionArn")));
      out.histories.push_back(std::move(history));
    }
    uint64_t read = out.histories.size() - before;
    out.unread += std::max(total, read) - read;
  }
  return out;
}

Result<RecordedAnswers> fetch_answers(const ServerAddress& address, const std::string& arn) {
  TRY(Remote remote, Remote::connect(address));
  RecordedAnswers out;
  TRY(out.input, AnswersReader(remote, out).read(out.answers, arn));
  return out;
}

namespace {

constexpr int64_t kPastExecutions = 100;

// Asks the server once a name.
class PastRuns {
 public:
  explicit PastRuns(Remote remote) : remote_(std::move(remote)) {}

  std::optional<Millis> of(const std::string& name) {
    if (auto found = known_.find(name); found != known_.end()) return found->second;
    Result<std::optional<Millis>> found =
        name.starts_with("arn:") ? of_machine(name) : of_runs(name);
    if (found && !*found) found = of_function(name);
    // What cannot be told is not known.
    return known_[name] = found ? *found : std::nullopt;
  }

 private:
  Result<std::optional<Millis>> of_runs(const std::string& name) const {
    json::Object request;
    request.set("Names", json::Array{json::Value(name)});
    TRY(std::string reply, remote_.call("ListRunDurations", json::write(std::move(request))));
    TRY(json::Value answer, json::parse(reply));
    for (const json::Value& row : list_member(answer, "Durations")) {
      if (number_member(row, "Runs") > 0) return Millis(number_member(row, "MedianMs"));
    }
    return std::nullopt;
  }

  // The median of the newest ones that succeeded.
  Result<std::optional<Millis>> of_machine(const std::string& arn) const {
    json::Object request;
    request.set("stateMachineArn", arn);
    request.set("statusFilter", "SUCCEEDED");
    request.set("maxResults", kPastExecutions);
    TRY(json::Value answer, call(remote_, "ListExecutions", std::move(request)));
    std::vector<Millis> took;
    for (const json::Value& row : list_member(answer, "executions")) {
      auto start = rehearsal::time_member(row, "startDate");
      auto stop = rehearsal::time_member(row, "stopDate");
      if (start && stop) took.push_back(*stop - *start);
    }
    if (took.empty()) return std::nullopt;
    std::ranges::sort(took);
    return took[took.size() / 2];
  }

  // What it was billed for on average.
  Result<std::optional<Millis>> of_function(const std::string& name) {
    if (!usage_) {
      TRY(std::string reply, remote_.call("GetUsage", "{}"));
      TRY(usage_, json::parse(reply));
    }
    int64_t billed = 0;
    int64_t invocations = 0;
    for (const json::Value& row : list_member(*usage_, "Functions")) {
      if (text_member(row, "FunctionName") != name) continue;
      billed += number_member(row, "BilledDurationMs");
      invocations += number_member(row, "Invocations");
    }
    if (invocations == 0) return std::nullopt;
    return Millis(billed / invocations);
  }

  static json::Array list_member(const json::Value& value, std::string_view name) {
    const json::Value* list = value.find(name);
    return list != nullptr && list->is_array() ? list->as_array() : json::Array();
  }
  static int64_t number_member(const json::Value& value, std::string_view name) {
    const json::Value* number = value.find(name);
    return number != nullptr && number->is_integer() ? number->as_integer() : 0;
  }

  Remote remote_;
  std::map<std::string, std::optional<Millis>> known_;
  std::optional<json::Value> usage_;
};

}  // namespace

rehearsal::PastDuration past_durations(const ServerAddress& address) {
  auto remote = Remote::connect(address);
  if (!remote) return nullptr;
  auto past = std::make_shared<PastRuns>(std::move(*remote));
  return [past](const std::string& name) { return past->of(name); };
}

}  // namespace suiro::server
