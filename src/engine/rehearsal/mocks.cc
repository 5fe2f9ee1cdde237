// SPDX-License-Identifier: Apache-2.0
#include "engine/rehearsal/mocks.h"

#include <fmt/format.h>

#include <cmath>

namespace suiro::rehearsal {
namespace {

using workflow::EventType;
using workflow::HistoryEvent;
using workflow::TaskEffect;

constexpr double kSecondsMax = 366.0 * 86'400;

std::unexpected<Error> wrong(const std::string& place, std::string_view what) {
  return fail(codes::kInvalidArgument, fmt::format("mocks, {}: {}", place, what));
}

// "sqs:sendMessage"; functions and activities by their ARN.
std::string resource_name(const workflow::Resource& resource) {
  return resource.action.empty() ? resource.arn : resource.type_text() + ":" + resource.action;
}

// "arn:...:task-definition/nightly:3" -> "nightly", "arn:...:function:f:live" -> "f".
std::string short_name(std::string_view text) {
  if (text.starts_with("arn:")) {
    size_t slash = text.rfind('/');
    size_t function = text.find(":function:");
    if (function != std::string_view::npos) {
      text.remove_prefix(function + std::string_view(":function:").size());
    } else if (slash != std::string_view::npos) {
      text.remove_prefix(slash + 1);
    }
  }
  return std::string(text.substr(0, text.find(':')));
}

Result<std::optional<std::string>> text_member(const json::Value& value, std::string_view name,
                                               const std::string& place) {
  const json::Value* member = value.find(name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return wrong(place, fmt::format("{} is no text", name));
  return member->as_string();
}

json::Value document_of(const MockEntry& entry) {
  json::Object out;
  if (entry.result) out.set("result", entry.result->source());
  if (entry.echo) out.set("echo", true);
  if (entry.error) {
    out.set("error", *entry.error);
    out.set("cause", entry.cause);
  }
  if (entry.seconds) out.set("seconds", *entry.seconds);
  if (entry.items) out.set("items", *entry.items);
  return out;
}

bool begins_attempt(EventType type) {
  return type == EventType::kTaskScheduled || type == EventType::kLambdaFunctionScheduled ||
         type == EventType::kActivityScheduled;
}

bool succeeds(EventType type) {
  return type == EventType::kTaskSucceeded || type == EventType::kLambdaFunctionSucceeded ||
         type == EventType::kActivitySucceeded;
}

bool times_out(EventType type) {
  return type == EventType::kTaskTimedOut || type == EventType::kLambdaFunctionTimedOut ||
         type == EventType::kActivityTimedOut;
}

bool fails(EventType type) {
  switch (type) {
    case EventType::kActivityFailed:
    case EventType::kActivityScheduleFailed:
    case EventType::kLambdaFunctionFailed:
    case EventType::kLambdaFunctionScheduleFailed:
    case EventType::kLambdaFunctionStartFailed:
    case EventType::kTaskFailed:
    case EventType::kTaskStartFailed:
    case EventType::kTaskSubmitFailed:
      return true;
    default:
      return times_out(type);
  }
}

}  // namespace

Result<MockEntry> Mocks::parse_entry(const json::Value& value, const std::string& place) {
  if (!value.is_object()) return wrong(place, "an answer is an object");
  MockEntry entry;
  for (const auto& [name, member] : value.as_object()) {
    if (name == "result") {
      auto compiled = workflow::Template::jsonata(member);
      if (!compiled) return wrong(place + ".result", compiled.error().message);
      entry.result = std::move(*compiled);
    } else if (name == "echo" && member.is_bool()) {
      entry.echo = member.as_bool();
    } else if (name == "seconds" && member.is_number() && member.as_double() >= 0 &&
               member.as_double() <= kSecondsMax) {
      entry.seconds = member.as_double();
    } else if (name == "items" && member.is_array()) {
      entry.items = member.as_array();
    } else if (name != "error" && name != "cause") {
      return wrong(place, fmt::format("'{}' is no member of an answer, or of another type", name));
    }
  }
  TRY(entry.error, text_member(value, "error", place));
  TRY(auto cause, text_member(value, "cause", place));
  entry.cause = cause.value_or("");
  int answers =
      (entry.result ? 1 : 0) + (entry.echo ? 1 : 0) + (entry.error ? 1 : 0) + (entry.items ? 1 : 0);
  if (answers != 1) return wrong(place, "an answer has one of result, echo, error and items");
  return entry;
}

Result<Mocks::Entries> Mocks::parse_entries(const json::Value* value, const std::string& place) {
  Entries out;
  if (value == nullptr) return out;
  if (!value->is_object()) return wrong(place, "must be an object");
  for (const auto& [name, member] : value->as_object()) {
    std::string where = place + "." + name;
    json::Array one = {member};
    const json::Array& all = member.is_array() ? member.as_array() : one;
    if (all.empty()) return wrong(where, "the list of answers is empty");
    for (const json::Value& entry : all) {
      TRY(MockEntry parsed, parse_entry(entry, where));
      out[name].push_back(std::move(parsed));
    }
  }
  return out;
}

Result<Mocks> Mocks::parse(std::string_view text) {
  TRY(json::Value document, json::parse(text));
  if (!document.is_object()) return wrong("document", "must be an object");
  for (const auto& [name, member] : document.as_object()) {
    if (name != "states" && name != "resources" && name != "default") {
      return wrong("document", fmt::format("'{}' is none of states, resources and default", name));
    }
  }
  Mocks mocks;
  TRY(mocks.states_, parse_entries(document.find("states"), "states"));
  TRY(mocks.resources_, parse_entries(document.find("resources"), "resources"));
  if (const json::Value* fallback = document.find("default")) {
    TRY(MockEntry entry, parse_entry(*fallback, "default"));
    mocks.fallback_.push_back(std::move(entry));
  }
  return mocks;
}

Result<Mocks> Mocks::of_history(const std::vector<HistoryEvent>& history) {
  struct Attempt {
    std::string state;
    TimePoint begun;
  };
  Mocks mocks;
  std::map<uint64_t, std::string> state_of;  // event -> the state under which it stands
  std::map<uint64_t, Attempt> attempt_of;    // event -> the attempt to which it belongs
  for (const HistoryEvent& event : history) {
    std::string state = workflow::event_type_name(event.type).ends_with("StateEntered")
                            ? event.name
                            : state_of[event.previous_id];
    state_of[event.id] = state;
    auto before = attempt_of.find(event.previous_id);
    if (begins_attempt(event.type)) {
      attempt_of[event.id] = {state, event.time};
      continue;
    }
    if (before == attempt_of.end()) continue;
    MockEntry entry;
    entry.seconds = std::chrono::duration<double>(event.time - before->second.begun).count();
    if (succeeds(event.type)) {
      TRY(json::Value output, json::parse(event.output ? **event.output : "null"));
      entry.result = workflow::Template::constant(std::move(output));
    } else if (fails(event.type)) {
      entry.error = event.error.value_or(times_out(event.type) ? "States.Timeout" : "");
      entry.cause = event.cause.value_or("");
    } else {
      attempt_of[event.id] = before->second;
      continue;
    }
    mocks.states_[before->second.state].push_back(std::move(entry));
  }
  return mocks;
}

std::string Mocks::text() const {
  auto documents = [](const Entries& entries) {
    json::Object out;
    for (const auto& [name, list] : entries) {
      json::Array all;
      for (const MockEntry& entry : list) all.push_back(document_of(entry));
      out.set(name, all.size() == 1 ? all.front() : json::Value(std::move(all)));
    }
    return out;
  };
  json::Object out;
  out.set("states", documents(states_));
  if (!resources_.empty()) out.set("resources", documents(resources_));
  if (!fallback_.empty()) out.set("default", document_of(fallback_.front()));
  return json::write_pretty(std::move(out)) + "\n";
}

std::vector<std::string> Mocks::names_of(const TaskEffect& effect) {
  std::vector<std::string> names = {effect.state};
  if (effect.resource.kind == workflow::Resource::Kind::kLambdaFunction) {
    names.push_back(short_name(effect.resource.arn));
  }
  auto arguments = json::parse(effect.arguments);
  if (!arguments) return names;
  for (std::string_view member : {"TaskDefinition", "FunctionName"}) {
    const json::Value* value = arguments->find(member);
    if (value != nullptr && value->is_string()) names.push_back(short_name(value->as_string()));
  }
  return names;
}

const MockEntry* Mocks::next_of(const Entries& entries, std::string_view kind,
                                const std::string& name) {
  auto found = entries.find(name);
  if (found == entries.end()) return nullptr;
  size_t at = asked_[fmt::format("{} {}", kind, name)]++;
  return &found->second[std::min(at, found->second.size() - 1)];
}

const MockEntry* Mocks::find(const TaskEffect& effect) {
  if (const MockEntry* entry = next_of(states_, "state", effect.state)) return entry;
  std::string name = resource_name(effect.resource);
  if (const MockEntry* entry = next_of(resources_, "resource", name)) return entry;
  return fallback_.empty() ? nullptr : &fallback_.front();
}

Millis Mocks::duration_of(const MockEntry& entry, const TaskEffect& effect) const {
  if (entry.seconds) return Millis(std::llround(*entry.seconds * 1000));
  if (!past_) return Millis(0);
  for (const std::string& name : names_of(effect)) {
    if (auto found = past_(name)) return *found;
  }
  return Millis(0);
}

Result<workflow::MockAnswer> Mocks::answer(const TaskEffect& effect, TimePoint now,
                                           Random& random) {
  const MockEntry* entry = find(effect);
  if (entry == nullptr || entry->items) {
    return fail(codes::kNotFound,
                fmt::format("nothing says what the state '{}' answers: add it to the mocks under "
                            "states, \"{}\" under resources, or a default",
                            effect.state, resource_name(effect.resource)));
  }
  workflow::MockAnswer answer;
  answer.answered_after = duration_of(*entry, effect);
  if (effect.resource.pattern != workflow::Pattern::kRequestResponse) answer.submitted = "{}";
  if (entry->error) {
    answer.failure = {.effect = effect.id, .error = *entry->error, .cause = entry->cause};
    return answer;
  }
  if (entry->echo) {
    answer.output = effect.arguments;
    return answer;
  }
  workflow::Scope scope;
  TRY(scope.input, json::parse(effect.arguments));
  scope.now = now;
  scope.random = &random;
  TRY(json::Value result, entry->result->evaluate(scope));
  answer.output = json::write(result);
  return answer;
}

Result<json::Array> Mocks::items(const std::string& state) {
  const MockEntry* entry = next_of(states_, "state", state);
  if (entry == nullptr || !entry->items) {
    return fail(codes::kNotFound, fmt::format("nothing says which items the reader of '{}' reads: "
                                              "add {{\"items\": [...]}} to the mocks under states",
                                              state));
  }
  return *entry->items;
}

}  // namespace suiro::rehearsal
