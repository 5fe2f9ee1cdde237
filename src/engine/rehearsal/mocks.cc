// SPDX-License-Identifier: Apache-2.0
#include "engine/rehearsal/mocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace suiro::rehearsal {
namespace {

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

// Whether "result" would evaluate something.
bool has_expression(const json::Value& value) {
  if (value.is_string()) return workflow::Query::is_jsonata(value.as_string());
  if (value.is_array()) return std::ranges::any_of(value.as_array(), has_expression);
  if (!value.is_object()) return false;
  for (const auto& [name, member] : value.as_object()) {
    if (has_expression(member)) return true;
  }
  return false;
}

json::Value document_of(const MockEntry& entry) {
  json::Object out;
  if (entry.result) {
    bool exact = entry.is_exact && has_expression(entry.result->source());
    out.set(exact ? "exact" : "result", entry.result->source());
  }
  if (entry.echo) out.set("echo", true);
  if (entry.never) out.set("never", true);
  if (entry.error) {
    out.set("error", *entry.error);
    out.set("cause", entry.cause);
  }
  if (entry.seconds) out.set("seconds", *entry.seconds);
  if (entry.items) out.set("items", entry.items->source());
  return out;
}

// "Shops[3].Lines[0]"
void append_iteration(std::string& out, const workflow::Iteration& iteration) {
  fmt::format_to(std::back_inserter(out), "{}{}[{}]", out.empty() ? "" : ".", iteration.map,
                 iteration.index);
}

Result<MockEntry> parse_entry(const json::Value& value, const std::string& place) {
  if (!value.is_object()) return wrong(place, "an answer is an object");
  MockEntry entry;
  for (const auto& [name, member] : value.as_object()) {
    if (name == "result") {
      auto compiled = workflow::Template::jsonata(member);
      if (!compiled) return wrong(place + ".result", compiled.error().message);
      entry.result = std::move(*compiled);
    } else if (name == "exact") {
      entry.result = workflow::Template::constant(member);
      entry.is_exact = true;
    } else if (name == "echo" && member.is_bool()) {
      entry.echo = member.as_bool();
    } else if (name == "never" && member.is_bool()) {
      entry.never = member.as_bool();
    } else if (name == "seconds" && member.is_number() && member.as_double() >= 0 &&
               member.as_double() <= kSecondsMax) {
      entry.seconds = member.as_double();
    } else if (name == "items" && (member.is_array() || member.is_string())) {
      auto compiled = workflow::Template::jsonata(member);
      if (!compiled) return wrong(place + ".items", compiled.error().message);
      entry.items = std::move(*compiled);
    } else if (name != "error" && name != "cause") {
      return wrong(place, fmt::format("'{}' is no member of an answer, or of another type", name));
    }
  }
  TRY(entry.error, text_member(value, "error", place));
  TRY(auto cause, text_member(value, "cause", place));
  entry.cause = cause.value_or("");
  int answers = value.find("result") != nullptr && entry.is_exact ? 1 : 0;
  for (bool given : {entry.result.has_value(), entry.echo, entry.never, entry.error.has_value(),
                     entry.items.has_value()}) {
    answers += given ? 1 : 0;
  }
  if (answers != 1)
    return wrong(place, "an answer has one of result, exact, echo, never, error and items");
  return entry;
}

Result<MockScope::States> parse_entries(const json::Value* value, const std::string& place) {
  MockScope::States out;
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

Result<MockScope> parse_scope(const json::Value& value, const std::string& place);

Result<MockScope::Maps> parse_maps(const json::Value* value, const std::string& place) {
  MockScope::Maps out;
  if (value == nullptr) return out;
  if (!value->is_object()) return wrong(place, "must be an object");
  for (const auto& [name, member] : value->as_object()) {
    if (!member.is_array()) return wrong(place + "." + name, "must be a list");
    std::vector<MockScope>& scopes = out[name];
    for (const json::Value& scope : member.as_array()) {
      TRY(MockScope parsed,
          parse_scope(scope, fmt::format("{}.{}[{}]", place, name, scopes.size())));
      scopes.push_back(std::move(parsed));
    }
  }
  return out;
}

Result<MockScope> parse_scope(const json::Value& value, const std::string& place) {
  if (!value.is_object()) return wrong(place, "must be an object");
  MockScope scope;
  for (const auto& [name, member] : value.as_object()) {
    if (name == "input") {
      scope.input = member;
    } else if (name != "states" && name != "maps") {
      return wrong(place, fmt::format("'{}' is none of input, states and maps", name));
    }
  }
  TRY(scope.states, parse_entries(value.find("states"), place + ".states"));
  TRY(scope.maps, parse_maps(value.find("maps"), place + ".maps"));
  return scope;
}

json::Value document_of(const MockScope::States& states) {
  json::Object out;
  for (const auto& [name, list] : states) {
    json::Array all;
    for (const MockEntry& entry : list) all.push_back(document_of(entry));
    out.set(name, all.size() == 1 ? all.front() : json::Value(std::move(all)));
  }
  return out;
}

json::Object document_of(const MockScope& scope) {
  json::Object out;
  if (scope.input) out.set("input", *scope.input);
  if (!scope.states.empty()) out.set("states", document_of(scope.states));
  if (scope.maps.empty()) return out;
  json::Object maps;
  for (const auto& [name, scopes] : scope.maps) {
    json::Array list;
    for (const MockScope& each : scopes) list.push_back(document_of(each));
    maps.set(name, std::move(list));
  }
  out.set("maps", std::move(maps));
  return out;
}

// The whole, and inwards as far as there is something.
std::vector<const MockScope*> scopes_at(const MockScope& all, const Place& place) {
  std::vector<const MockScope*> scopes = {&all};
  for (const workflow::Iteration& iteration : place) {
    auto map = scopes.back()->maps.find(iteration.map);
    if (map == scopes.back()->maps.end() || iteration.index >= map->second.size()) break;
    scopes.push_back(&map->second[iteration.index]);
  }
  return scopes;
}

}  // namespace

Result<MockScope*> MockScope::at(const workflow::Iteration& iteration) {
  if (iteration.index >= kMockScopesMax) {
    return fail(codes::kTooLarge,
                fmt::format("a Map has answers for at most {} iterations", kMockScopesMax));
  }
  std::vector<MockScope>& scopes = maps[iteration.map];
  if (scopes.size() <= iteration.index) scopes.resize(iteration.index + 1);
  return &scopes[iteration.index];
}

Result<Mocks> Mocks::parse(std::string_view text) {
  TRY(json::Value document, json::parse(text));
  if (!document.is_object()) return wrong("document", "must be an object");
  for (const auto& [name, member] : document.as_object()) {
    if (name != "states" && name != "maps" && name != "resources" && name != "default") {
      return wrong("document",
                   fmt::format("'{}' is none of states, maps, resources and default", name));
    }
  }
  Mocks mocks;
  TRY(mocks.all_.states, parse_entries(document.find("states"), "states"));
  TRY(mocks.all_.maps, parse_maps(document.find("maps"), "maps"));
  TRY(mocks.resources_, parse_entries(document.find("resources"), "resources"));
  if (const json::Value* fallback = document.find("default")) {
    TRY(MockEntry entry, parse_entry(*fallback, "default"));
    mocks.fallback_.push_back(std::move(entry));
  }
  return mocks;
}

std::string Mocks::text() const {
  json::Object out = document_of(all_);
  if (!resources_.empty()) out.set("resources", document_of(resources_));
  if (!fallback_.empty()) out.set("default", document_of(fallback_.front()));
  return json::write_pretty(std::move(out)) + "\n";
}

std::string Mocks::text_of(const MockScope& recorded) {
  return json::write_pretty(document_of(recorded)) + "\n";
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
  const json::Value* machine = arguments->find("StateMachineArn");
  if (machine != nullptr && machine->is_string()) names.push_back(machine->as_string());
  return names;
}

const MockEntry* Mocks::next_of(const Entries& entries, const std::string& what,
                                const std::string& name) {
  auto found = entries.find(name);
  if (found == entries.end()) return nullptr;
  size_t at = asked_[fmt::format("{} {}", what, name)]++;
  return &found->second[std::min(at, found->second.size() - 1)];
}

const MockEntry* Mocks::next_of_state(Layer layer, const std::string& state, const Place& place) {
  const bool recorded = layer == Layer::kRecorded;
  auto scopes = scopes_at(recorded ? recorded_ : all_, place);
  for (size_t depth = scopes.size(); depth > 0; --depth) {
    std::string where;
    for (size_t at = 0; at + 1 < depth; ++at) append_iteration(where, place[at]);
    const MockEntry* entry =
        next_of(scopes[depth - 1]->states, (recorded ? "recorded " : "document ") + where, state);
    if (entry != nullptr) return entry;
  }
  return nullptr;
}

const MockEntry* Mocks::find(const TaskEffect& effect, const Place& place) {
  if (const auto* entry = next_of_state(Layer::kDocument, effect.state, place)) return entry;
  std::string name = resource_name(effect.resource);
  if (const MockEntry* entry = next_of(resources_, "resource", name)) return entry;
  if (const auto* entry = next_of_state(Layer::kRecorded, effect.state, place)) return entry;
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

Result<workflow::MockAnswer> Mocks::answer(const TaskEffect& effect, const Place& place,
                                           TimePoint now, Random& random) {
  const MockEntry* entry = find(effect, place);
  if (entry == nullptr || entry->items) {
    return fail(codes::kNotFound,
                fmt::format("nothing says what the state '{}' answers: add it to the mocks under "
                            "states, \"{}\" under resources, or a default",
                            effect.state, resource_name(effect.resource)));
  }
  workflow::MockAnswer answer;
  answer.answered_after = duration_of(*entry, effect);
  if (effect.resource.pattern != workflow::Pattern::kRequestResponse) answer.submitted = "{}";
  if (entry->never) return answer;
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

std::optional<Mocks::Read> Mocks::inputs(Layer layer, const std::string& state,
                                         const Place& place) const {
  auto scopes = scopes_at(layer == Layer::kRecorded ? recorded_ : all_, place);
  auto map = scopes.back()->maps.find(state);
  if (scopes.size() <= place.size() || map == scopes.back()->maps.end()) return std::nullopt;
  Read inputs{.are_inputs = true};
  for (const MockScope& child : map->second) {
    if (!child.input) return std::nullopt;
    inputs.items.push_back(*child.input);
  }
  return inputs;
}

Result<Mocks::Read> Mocks::read(const workflow::MapRunEffect& effect, const Place& place,
                                TimePoint now, Random& random) {
  for (Layer layer : {Layer::kDocument, Layer::kRecorded}) {
    const MockEntry* entry = next_of_state(layer, effect.state, place);
    if (entry != nullptr && entry->items) {
      workflow::Scope scope;
      scope.input = effect.input;
      scope.now = now;
      scope.random = &random;
      TRY(json::Value items, entry->items->evaluate(scope));
      if (!items.is_array()) return wrong(effect.state + ".items", "they are no list");
      return Read{.items = items.as_array()};
    }
    if (auto told = inputs(layer, effect.state, place)) return std::move(*told);
  }
  return fail(codes::kNotFound,
              fmt::format("nothing says which items the reader of '{}' reads: add {{\"items\": "
                          "[...]}} to the mocks under states",
                          effect.state));
}

}  // namespace suiro::rehearsal
