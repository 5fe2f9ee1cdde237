// SPDX-License-Identifier: Apache-2.0
#include "server/rehearsal_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/statechart/drawing.h"

namespace suiro::server {
namespace {

using rehearsal::Rehearsed;
using statechart::duration_text;
using statechart::Look;
using workflow::ExecutionStatus;

constexpr size_t kPathStatesMax = 40;
constexpr size_t kRunsShownMax = 62;
constexpr size_t kOutputCharactersMax = 2'000;

std::string shortened(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return fmt::format("{}... ({} bytes)", text.substr(0, most), text.size());
}

// "A > B (3 times) > C"
std::string path_text(const std::vector<std::string>& path) {
  std::string out;
  size_t shown = 0;
  for (size_t at = 0; at < path.size() && shown < kPathStatesMax; ++shown) {
    size_t next = at;
    while (next < path.size() && path[next] == path[at]) ++next;
    if (!out.empty()) out += " > ";
    out += path[at];
    if (next - at > 1) out += fmt::format(" ({} times)", next - at);
    at = next;
  }
  if (shown == kPathStatesMax) out += fmt::format(" ... ({} states entered)", path.size());
  return out;
}

void append_runs(std::string& out, const std::vector<Rehearsed>& runs) {
  size_t shown = 0;
  for (const Rehearsed& run : runs) {
    bool fine = run.status == ExecutionStatus::kSucceeded;
    // Of many, those that went wrong matter most.
    if (fine && ++shown > kRunsShownMax) continue;
    out +=
        fmt::format("{}  {:<9}  {:>14}  {:>6} transitions{}{}\n", format_iso8601(run.begun),
                    status_name(run.status), duration_text(run.ended - run.begun), run.transitions,
                    fine ? "" : "  ", fine ? "" : shortened(run.error + ": " + run.cause, 300));
  }
  if (shown > kRunsShownMax) out += fmt::format("... and {} more\n", shown - kRunsShownMax);
}

std::map<std::string, Look> sum_of(const std::vector<Rehearsed>& runs) {
  std::map<std::string, Look> sum;
  for (const Rehearsed& run : runs) {
    for (const auto& [name, look] : run.looks.states) {
      Look& all = sum[name];
      all.status = std::max(all.status, look.status);
      all.visits += look.visits;
      all.failures += look.failures;
      all.retries += look.retries;
      all.total += look.total;
      all.longest = std::max(all.longest, look.longest);
    }
  }
  return sum;
}

struct Row {
  std::string name;  // indented as deep as it stands
  const Look* look;
};

// Those that were entered, in the definition's order, each before what is inside of it.
void append_rows(std::vector<Row>& rows, const workflow::StateGroup& group,
                 const std::map<std::string, Look>& looks, size_t depth) {
  for (const auto& state : group.states) {
    auto look = looks.find(state->name);
    if (look != looks.end())
      rows.push_back({std::string(2 * depth, ' ') + state->name, &look->second});
    if (const auto* parallel = std::get_if<workflow::ParallelFields>(&state->fields)) {
      for (const auto& branch : parallel->branches) append_rows(rows, branch, looks, depth + 1);
    } else if (const auto* map = std::get_if<workflow::MapFields>(&state->fields)) {
      append_rows(rows, map->processor, looks, depth + 1);
    }
  }
}

void append_states(std::string& out, const workflow::Plan& plan,
                   const std::vector<Rehearsed>& runs) {
  const auto looks = sum_of(runs);
  std::vector<Row> rows;
  append_rows(rows, plan.root, looks, 0);
  size_t width = 5;
  for (const Row& row : rows) width = std::max(width, row.name.size());
  out += fmt::format("\n{:<{}}  {:<12} {:>7} {:>8} {:>7} {:>14} {:>14}\n", "state", width, "ended",
                     "entered", "failures", "retries", "time in all", "longest");
  for (const auto& [name, look] : rows) {
    out += fmt::format("{:<{}}  {:<12} {:>7} {:>8} {:>7} {:>14} {:>14}\n", name, width,
                       status_text(look->status), look->visits, look->failures, look->retries,
                       duration_text(look->total), duration_text(look->longest));
  }
}

std::optional<std::string> difference(const std::string& place, const json::Value& expected,
                                      const json::Value& found) {
  if (expected == found) return std::nullopt;
  if (expected.is_object() && found.is_object()) {
    for (const auto& [name, value] : expected.as_object()) {
      const json::Value* other = found.find(name);
      if (other == nullptr) return fmt::format("{}.{}: missing", place, name);
      if (auto inner = difference(place + "." + name, value, *other)) return inner;
    }
    for (const auto& [name, value] : found.as_object()) {
      if (expected.find(name) == nullptr) return fmt::format("{}.{}: not expected", place, name);
    }
  }
  if (expected.is_array() && found.is_array()) {
    const auto& a = expected.as_array();
    const auto& b = found.as_array();
    for (size_t at = 0; at < std::min(a.size(), b.size()); ++at) {
      if (auto inner = difference(fmt::format("{}[{}]", place, at), a[at], b[at])) return inner;
    }
    return fmt::format("{}: {} elements expected, {} found", place, a.size(), b.size());
  }
  return fmt::format("{}: {} expected, {} found", place, shortened(json::write(expected), 200),
                     shortened(json::write(found), 200));
}

}  // namespace

std::string rehearsal_text(const std::string& title, const workflow::Plan& plan,
                           const std::vector<Rehearsed>& runs) {
  std::string out = fmt::format("{}: {} execution{} in virtual time\n", title, runs.size(),
                                runs.size() == 1 ? "" : "s");
  append_runs(out, runs);
  if (runs.empty()) return out;
  out += fmt::format("\npath{}: {}\n", runs.size() > 1 ? " of the last one" : "",
                     path_text(runs.back().looks.path));
  append_states(out, plan, runs);
  uint64_t transitions = 0, children = 0;
  Millis task_time{0};
  for (const Rehearsed& run : runs) {
    transitions += run.transitions;
    children += run.children;
    task_time += run.task_time;
  }
  out += fmt::format(
      "\n{} state transitions (${:.4f} at AWS's ${} a thousand), {} children of Maps, {} of work\n",
      transitions, double(transitions) * kTransitionPrice, kTransitionPrice * 1000, children,
      duration_text(task_time));
  const Rehearsed& last = runs.back();
  if (last.status == ExecutionStatus::kSucceeded) {
    out += fmt::format("output: {}\n", shortened(last.output, kOutputCharactersMax));
  }
  return out;
}

std::string rehearsal_json(const Rehearsed& run) {
  json::Object out;
  out.set("status", status_name(run.status));
  out.set("start", format_iso8601(run.begun));
  out.set("stop", format_iso8601(run.ended));
  if (run.status == ExecutionStatus::kSucceeded) {
    auto output = json::parse(run.output);
    out.set("output", output ? *output : json::Value(run.output));
  } else {
    out.set("error", run.error);
    out.set("cause", run.cause);
  }
  json::Array path;
  for (const std::string& name : run.looks.path) path.push_back(name);
  out.set("path", std::move(path));
  json::Object states;
  for (const auto& [name, look] : run.looks.states) {
    json::Object state;
    state.set("status", status_text(look.status));
    state.set("visits", static_cast<int64_t>(look.visits));
    state.set("failures", static_cast<int64_t>(look.failures));
    state.set("retries", static_cast<int64_t>(look.retries));
    state.set("total_ms", static_cast<int64_t>(look.total.count()));
    state.set("longest_ms", static_cast<int64_t>(look.longest.count()));
    states.set(name, std::move(state));
  }
  out.set("states", std::move(states));
  out.set("transitions", static_cast<int64_t>(run.transitions));
  out.set("children", static_cast<int64_t>(run.children));
  out.set("task_ms", static_cast<int64_t>(run.task_time.count()));
  return json::write(std::move(out));
}

std::string first_difference(const json::Value& expected, const json::Value& found) {
  return difference("$", expected, found).value_or("none");
}

}  // namespace suiro::server
