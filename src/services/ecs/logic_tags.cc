// SPDX-License-Identifier: Apache-2.0
// Tags by ARN, and account settings.
#include <algorithm>

#include "base/arn.h"
#include "services/ecs/errors.h"
#include "services/ecs/logic.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"

namespace suiro::ecs {
namespace {

// What an ARN names: "task", {"cluster", "id"}.
struct Named {
  std::string kind;
  std::string cluster;  // of tasks and services
  std::string name;
};

Result<Named> named(std::string_view text) {
  auto arn = Arn::parse(text);
  if (!arn || arn->service != "ecs") return invalid(fmt::format("Invalid identifier: {}", text));
  std::string_view resource = arn->resource;
  size_t slash = resource.find('/');
  if (slash == resource.npos) return invalid(fmt::format("Invalid identifier: {}", text));
  Named out;
  out.kind = resource.substr(0, slash);
  std::string_view rest = resource.substr(slash + 1);
  size_t second = rest.find('/');
  bool is_of_cluster =
      out.kind == "service" || out.kind == "task" || out.kind == "container-instance";
  if (second != rest.npos) {
    out.cluster = rest.substr(0, second);
    rest = rest.substr(second + 1);
  } else if (is_of_cluster) {
    return invalid("Long arn format must be used for tagging operations");
  }
  out.name = rest;
  return out;
}

// A setting, what AWS allows, and what of it Suiro does; the first is the default.
struct SettingRule {
  std::string_view name;
  std::vector<std::string_view> done;
  std::vector<std::string_view> others;
};

const std::vector<SettingRule>& setting_rules() {
  static const std::vector<SettingRule> kRules = {
      {"serviceLongArnFormat", {"enabled"}, {"disabled"}},
      {"taskLongArnFormat", {"enabled"}, {"disabled"}},
      {"containerInstanceLongArnFormat", {"enabled"}, {"disabled"}},
      {"awsvpcTrunking", {"disabled"}, {"enabled"}},
      {"containerInsights", {"disabled"}, {"enabled", "enhanced"}},
      {"fargateFIPSMode", {"disabled"}, {"enabled"}},
      {"tagResourceAuthorization", {"off"}, {"on"}},
      {"fargateTaskRetirementWaitPeriod", {"7", "0", "14"}, {}},
      {"guardDutyActivate", {"off"}, {"on"}},
      {"defaultLogDriverMode", {"non-blocking", "blocking"}, {}},
      {"dualStackIPv6", {"disabled"}, {"enabled"}},
  };
  return kRules;
}

const SettingRule* rule_of(std::string_view name) {
  auto found = std::ranges::find(setting_rules(), name, &SettingRule::name);
  return found == setting_rules().end() ? nullptr : &*found;
}

shape::Setting setting(std::string name, std::string value, std::string principal) {
  shape::Setting out;
  out.name = std::move(name);
  out.value = std::move(value);
  out.principal_arn = std::move(principal);
  out.type = "user";
  return out;
}

}  // namespace

Task<Result<void>> Logic::tag(std::string arn, Tags tags, std::vector<std::string> removed) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<void>> {
    CO_TRY(Named what, named(arn));
    if (what.kind == "task-definition") {
      co_return co_await definitions_.tag(arn, std::move(tags), std::move(removed));
    }
    if (what.kind == "task") {
      co_return co_await tasks_.tag(what.name, std::move(tags), std::move(removed));
    }
    if (what.kind == "service") {
      co_return co_await services_.tag(what.cluster, what.name, std::move(tags),
                                       std::move(removed));
    }
    if (what.kind != "cluster") co_return not_supported(fmt::format("Tags of {}", arn));
    auto done = co_await clusters_.change(what.name, [&](shape::Cluster& cluster) {
      Tags list = cluster.tags.value_or(Tags());
      auto changed = change_tags(list, tags, removed);
      cluster.tags = std::move(list);
      return changed;
    });
    if (!done) co_return fail(std::move(done).error());
    co_return ok();
  });
}

Task<Result<Tags>> Logic::tags(std::string arn) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<Tags>> {
    CO_TRY(Named what, named(arn));
    if (what.kind == "task-definition") {
      CO_TRY(DefinitionPtr definition, co_await definitions_.find(arn));
      co_return definition->tags;
    }
    if (what.kind == "task") {
      CO_TRY(auto record, co_await tasks_.find(what.name));
      if (!record) co_return invalid("The referenced task was not found.");
      co_return record->task.tags.value_or(Tags());
    }
    if (what.kind == "service") {
      const ServiceRecord* record = services_.find(what.cluster, what.name);
      if (record == nullptr) co_return no_such_service();
      co_return record->service.tags.value_or(Tags());
    }
    if (what.kind == "cluster") {
      const shape::Cluster* cluster = clusters_.find(what.name);
      if (cluster == nullptr) co_return no_such_cluster();
      co_return cluster->tags.value_or(Tags());
    }
    // The machine and Fargate's providers are there, and have none.
    bool is_there = what.kind == "container-instance" && what.name == context_.instance_id();
    is_there = is_there || (what.kind == "capacity-provider" && check_providers({what.name}, {}));
    if (!is_there) co_return invalid(fmt::format("The resource {} was not found.", arn));
    co_return Tags();
  });
}

Task<Result<shape::Setting>> Logic::put_setting(std::string principal, std::string name,
                                                std::string value) {
  const SettingRule* rule = rule_of(name);
  if (rule == nullptr) co_return not_supported(fmt::format("The account setting {}", name));
  if (std::ranges::find(rule->done, value) == rule->done.end()) {
    if (std::ranges::find(rule->others, value) == rule->others.end()) {
      co_return invalid(fmt::format("Invalid value for the account setting {}: {}", name, value));
    }
    // A client that gives such a setting back (Terraform's destroy) knows this answer.
    if (name.ends_with("LongArnFormat")) {
      co_return invalid("You can no longer disable Long Arn settings");
    }
    co_return not_supported(fmt::format("The account setting {}={}", name, value));
  }
  store::Batch batch;
  batch.put(storage::setting_key(principal, name), storage::encode_setting(value));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  if (principal.empty()) principal = context_.root_arn();
  co_return setting(std::move(name), std::move(value), std::move(principal));
}

Task<Result<shape::Setting>> Logic::delete_setting(std::string principal, std::string name) {
  const SettingRule* rule = rule_of(name);
  if (rule == nullptr) co_return not_supported(fmt::format("The account setting {}", name));
  store::Batch batch;
  batch.erase(storage::setting_key(principal, name));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  co_return setting(std::move(name), std::string(rule->done.front()), std::move(principal));
}

Task<Result<shape::ListAccountSettingsResponse>> Logic::list_settings(
    shape::ListAccountSettingsRequest in) {
  std::vector<store::Entry> entries;
  store::KeyRange range = storage::settings();
  for (bool more = true; more;) {
    CO_TRY(auto page, co_await context_.kernel.store.scan({.range = range}));
    more = page.more;
    if (more) range.begin = page.entries.back().key + '\0';
    std::ranges::move(page.entries, std::back_inserter(entries));
  }
  std::string principal = in.principal_arn.value_or(context_.root_arn());
  bool effective = in.effective_settings.value_or(false);
  std::map<std::string, shape::Setting, std::less<>> found;
  if (effective) {
    for (const auto& rule : setting_rules()) {
      found.emplace(rule.name,
                    setting(std::string(rule.name), std::string(rule.done.front()), principal));
    }
  }
  // The account's defaults stand before those of principals.
  for (const auto& entry : entries) {
    storage::SettingName which = storage::setting_of(entry.key);
    if (!which.principal.empty() && which.principal != principal) continue;
    CO_TRY(std::string value, storage::decode_setting(entry.value));
    found[which.name] = setting(which.name, std::move(value),
                                which.principal.empty() ? context_.root_arn() : principal);
  }
  std::vector<shape::Setting> wanted;
  for (auto& [name, row] : found) {
    if (in.name && *in.name != name) continue;
    if (in.value && row.value != in.value) continue;
    wanted.push_back(std::move(row));
  }
  CO_TRY(auto page,
         cut(std::move(wanted), in, [](const auto& row) { return row.name.value_or(""); }));
  co_return shape::ListAccountSettingsResponse{std::move(page.rows), std::move(page.next_token)};
}

}  // namespace suiro::ecs
