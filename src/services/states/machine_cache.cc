// SPDX-License-Identifier: Apache-2.0
#include "services/states/machine_cache.h"

#include "engine/json/value.h"

namespace suiro::states {
namespace {

constexpr std::string_view kGroupMark = ":log-group:";

LogSettings log_settings(const std::string& text) {
  LogSettings settings;
  if (text.empty()) return settings;
  auto parsed = json::parse(text);
  if (!parsed) return settings;
  auto text_of = [](const json::Value* value) {
    return value != nullptr && value->is_string() ? value->as_string() : std::string();
  };
  std::string level = text_of(parsed->find("level"));
  using Level = LogSettings::Level;
  settings.level = level == "ALL"     ? Level::kAll
                   : level == "ERROR" ? Level::kError
                   : level == "FATAL" ? Level::kFatal
                                      : Level::kOff;
  const json::Value* include = parsed->find("includeExecutionData");
  settings.include_data = include != nullptr && include->is_bool() && include->as_bool();
  const json::Value* destinations = parsed->find("destinations");
  if (destinations != nullptr && destinations->is_array() && !destinations->as_array().empty()) {
    const json::Value* logs = destinations->as_array().front().find("cloudWatchLogsLogGroup");
    std::string arn = logs != nullptr ? text_of(logs->find("logGroupArn")) : "";
    if (size_t at = arn.find(kGroupMark); at != arn.npos) {
      settings.group = arn.substr(at + kGroupMark.size());
      if (settings.group.ends_with(":*")) settings.group.resize(settings.group.size() - 2);
    }
  }
  if (settings.group.empty()) settings.level = Level::kOff;
  return settings;
}

std::string start_name(const MachineAtStart& machine, std::string_view map_state) {
  std::string name = fmt::format("{}\n", static_cast<const void*>(machine.plan.get()));
  for (std::string_view part :
       {std::string_view(machine.machine_arn), std::string_view(machine.version_arn),
        std::string_view(machine.alias_arn), std::string_view(machine.role_arn),
        std::string_view(machine.revision_id), std::string_view(machine.logging),
        std::string_view(machine.tracing), map_state}) {
    name.append(part).push_back('\n');
  }
  return name;
}

Result<std::shared_ptr<const workflow::Plan>> plan_of(const MachineRow& row) {
  // The children's type may differ from their machine's; the definition was checked when it came.
  workflow::MachineType type =
      row.map_state.empty() ? row.machine.type : workflow::MachineType::kStandard;
  workflow::Compiled compiled = workflow::compile(row.machine.definition, {.type = type});
  if (!compiled.plan) {
    return fail(codes::kCorrupt, fmt::format("the definition of {} does not compile: {}",
                                             row.machine.machine_arn, compiled.summary()));
  }
  if (row.map_state.empty()) return compiled.plan;
  auto state = compiled.plan->by_name.find(row.map_state);
  if (state == compiled.plan->by_name.end()) {
    return fail(codes::kCorrupt,
                fmt::format("{} has no state {}", row.machine.machine_arn, row.map_state));
  }
  return workflow::child_plan(compiled.plan, *state->second);
}

}  // namespace

Result<MachineCache::Started> MachineCache::of_start(MachineAtStart machine, std::string map_state,
                                                     std::string list_arn) {
  std::string name = start_name(machine, map_state);
  if (machine.plan) {
    auto known = by_start_.find(name);
    auto entry = known == by_start_.end() ? by_key_.end() : by_key_.find(known->second.key);
    if (entry != by_key_.end()) {
      return Started{entry->second.machine, entry->second.is_stored};
    }
  }
  auto loaded = std::make_shared<LoadedMachine>();
  loaded->plan = std::exchange(machine.plan, nullptr);
  loaded->logs = log_settings(machine.logging);
  loaded->row = {std::move(machine), std::move(map_state), std::move(list_arn)};
  loaded->key = arn_hash(encode_machine(loaded->row));
  auto entry = by_key_.find(loaded->key);
  bool is_stored = entry != by_key_.end() && entry->second.is_stored;
  if (!loaded->plan) {
    if (entry != by_key_.end()) return Started{entry->second.machine, is_stored};
    TRY(loaded->plan, plan_of(loaded->row));
  }
  loaded->activities = activity_arns(*loaded->plan);
  if (by_start_.size() >= 2 * kMachinesCachedMax) by_start_.clear();
  Name named{loaded->key, loaded->plan};
  if (entry == by_key_.end()) keep({loaded, is_stored});
  by_start_[std::move(name)] = std::move(named);
  return Started{by_key_.find(loaded->key)->second.machine, is_stored};
}

void MachineCache::keep(Entry entry) {
  if (by_key_.size() >= kMachinesCachedMax) {
    by_key_.clear();
    by_start_.clear();
  }
  ArnHash key = entry.machine->key;
  by_key_[key] = std::move(entry);
}

void MachineCache::stored(const ArnHash& key) {
  if (auto entry = by_key_.find(key); entry != by_key_.end()) entry->second.is_stored = true;
}

Task<Result<MachinePtr>> MachineCache::load(ArnHash key) {
  if (auto known = by_key_.find(key); known != by_key_.end()) co_return known->second.machine;
  CO_TRY(const MachinePtr record, co_await load_record(key));
  auto loaded = std::make_shared<LoadedMachine>(*record);
  CO_TRY(loaded->plan, plan_of(loaded->row));
  loaded->activities = activity_arns(*loaded->plan);
  MachinePtr machine = std::move(loaded);
  keep({machine, true});
  co_return machine;
}

Task<Result<MachinePtr>> MachineCache::load_record(ArnHash key) {
  if (auto known = by_key_.find(key); known != by_key_.end()) co_return known->second.machine;
  CO_TRY(auto entry, co_await store_.get(machine_key(key)));
  if (!entry) co_return fail(codes::kCorrupt, "the machine of an execution is not there");
  auto loaded = std::make_shared<LoadedMachine>();
  loaded->key = key;
  CO_TRY(loaded->row, decode_machine(entry->value));
  loaded->logs = log_settings(loaded->row.machine.logging);
  co_return loaded;
}

}  // namespace suiro::states
