// SPDX-License-Identifier: Apache-2.0
#include "server/command_plan.h"

#include <fmt/format.h>

#include "engine/definition/handlers.h"
#include "engine/definition/report.h"
#include "server/command_timeline.h"
#include "server/dynamic_calls.h"

namespace suiro::server {
namespace {

using definition::Calls;
using definition::Kind;

constexpr size_t kFilesMax = 100;

Result<definition::Document> read_files(const std::vector<std::string>& paths) {
  if (paths.size() > kFilesMax) return fail(codes::kTooLarge, "more than 100 files");
  std::vector<definition::SourceFile> files;
  for (const std::string& path : paths) {
    TRY(Bytes text, definition::file_bytes(path, definition::kFileBytesMax));
    files.push_back({path, std::move(text)});
  }
  return definition::parse(files);
}

// What tasks take, of what the plan knows and what past runs took.
Result<std::map<std::string, definition::Load>> loads_of(const Calls& calls,
                                                         const definition::Plan& plan) {
  std::map<std::string, definition::Load> out;
  definition::json::array names;
  for (const auto& change : plan.changes) {
    if (change.resource.kind != Kind::kTask) continue;
    const auto& properties = change.resource.properties;
    out[change.resource.name] = {
        .cpu_units = static_cast<uint32_t>(definition::integer_at(properties, "cpu")),
        .memory_mb = static_cast<uint32_t>(definition::integer_at(properties, "memory"))};
    names.emplace_back(change.resource.name);
  }
  if (names.empty()) return out;
  TRY(auto reply, calls.call("suiro", "ListRunDurations", {{"Names", names}}));
  for (const auto& item : definition::array_at(reply, "Durations")) {
    const auto& row = item.as_object();
    if (definition::integer_at(row, "Runs") == 0) continue;
    definition::Load& load = out[definition::text_at(row, "Name")];
    load.duration = Millis(definition::integer_at(row, "MedianMs"));
    load.longest = Millis(definition::integer_at(row, "LongestMs"));
  }
  return out;
}

struct Schedules {
  std::vector<definition::Planned> before;
  std::vector<definition::Planned> after;
};

Schedules schedules_of(const definition::Plan& plan) {
  using definition::Action;
  Schedules out;
  for (const auto& change : plan.changes) {
    if (change.resource.kind != Kind::kSchedule) continue;
    if (!change.actual.empty()) {
      out.before.push_back(
          definition::planned_of({Kind::kSchedule, change.resource.name, change.actual}));
    }
    if (change.action == Action::kLeave) {
      out.after.push_back(out.before.back());
    } else if (change.action != Action::kRemove) {
      out.after.push_back(definition::planned_of(change.resource));
    }
  }
  return out;
}

struct Machine {
  uint64_t cpu_units = 0;
  uint64_t memory_mb = 0;
};

// What the server's container instance has; nothing where it runs no tasks.
Machine machine_of(const Calls& calls) {
  Machine out;
  auto list = calls.call("ecs", "ListContainerInstances", {});
  if (!list || definition::array_at(*list, "containerInstanceArns").empty()) return out;
  auto described =
      calls.call("ecs", "DescribeContainerInstances",
                 {{"containerInstances", definition::array_at(*list, "containerInstanceArns")}});
  if (!described) return out;
  for (const auto& instance : definition::array_at(*described, "containerInstances")) {
    for (const auto& item : definition::array_at(instance.as_object(), "registeredResources")) {
      auto value = static_cast<uint64_t>(definition::integer_at(item.as_object(), "integerValue"));
      std::string name = definition::text_at(item.as_object(), "name");
      if (name == "CPU") out.cpu_units += value;
      if (name == "MEMORY") out.memory_mb += value;
    }
  }
  return out;
}

}  // namespace

void PlanCommand::add_to(CLI::App* plan, CLI::App* apply) {
  plan_ = plan;
  apply_ = apply;
  for (CLI::App* command : {plan, apply}) {
    command->add_option("files", files_, "Definition files (YAML)")->required();
    command->add_flag("--prune", prune_, "Remove what the files no longer have");
  }
  plan->add_option("--from", from_, "Day or time at which the simulation begins")
      ->default_str(from_);
  plan->add_option("--days", days_, "Days that are simulated")
      ->check(CLI::Range(1, 366))
      ->default_str("31");
  auto* markdown = plan->add_flag("--markdown", markdown_, "For the text of a pull request");
  plan->add_flag("--json", json_, "For programs, with every run")->excludes(markdown);
}

Result<int> PlanCommand::run(const ServerAddress& address) const {
  TRY(definition::Document document, read_files(files_));
  TRY(EndpointFile file, read_endpoint_file(address.data));
  TRY(Remote remote, Remote::connect(address));
  Calls calls = calls_of(remote);
  definition::Context context{calls, file.region, file.account, document.name};
  auto prune = prune_ ? definition::Prune::kYes : definition::Prune::kNo;
  TRY(TimePoint from, parse_time_argument(from_, RealClock().now()));
  TimePoint to = from + std::chrono::hours(24) * days_;
  TRY(definition::Plan plan, definition::make_plan(context, document, prune));
  Schedules schedules = schedules_of(plan);
  TRY(auto loads, loads_of(calls, plan));
  TRY(auto after, definition::forecast(schedules.after, loads, from, to));
  if (apply_->parsed()) {
    if (plan.empty()) fmt::print("nothing to change\n");
    TRY_VOID(definition::apply(
        context, plan, [](size_t number, size_t of, const definition::Change& change) {
          fmt::print("[{}/{}] {}\n", number, of, definition::describe(change));
          std::fflush(stdout);
        }));
    if (!plan.empty()) fmt::print("applied\n");
    return 0;
  }
  TRY(auto before, definition::forecast(schedules.before, loads, from, to));
  Machine machine = machine_of(calls);
  auto format = markdown_ ? definition::Format::kMarkdown : definition::Format::kText;
  if (json_) format = definition::Format::kJson;
  fmt::print("{}", definition::format_report({plan, schedules.after, before, after, from, to,
                                              machine.cpu_units, machine.memory_mb},
                                             format));
  return plan.empty() ? 0 : kPlanHasChanges;
}

}  // namespace suiro::server
