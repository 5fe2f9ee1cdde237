// SPDX-License-Identifier: Apache-2.0
#include "services/ecs/clusters.h"

#include <algorithm>

#include "services/ecs/errors.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "services/ecs/validate.h"

namespace suiro::ecs {
namespace {

constexpr int32_t kWeightMax = 1000;
constexpr int32_t kBaseMax = 100'000;

Result<void> check_settings(const std::vector<shape::ClusterSetting>& settings) {
  for (const auto& setting : settings) {
    if (setting.name != "containerInsights") return invalid("Invalid cluster setting name.");
    static const std::vector<std::string> kValues = {"enabled", "disabled", "enhanced"};
    if (std::ranges::find(kValues, setting.value.value_or("")) == kValues.end()) {
      return invalid("Invalid value for the setting containerInsights.");
    }
  }
  return ok();
}

}  // namespace

Result<void> check_providers(const std::vector<std::string>& providers,
                             const std::vector<shape::CapacityProviderStrategyItem>& strategy) {
  for (const auto& name : providers) {
    if (name != "FARGATE" && name != "FARGATE_SPOT") {
      return invalid(fmt::format("The specified capacity provider '{}' was not found.", name));
    }
  }
  size_t bases = 0;
  int64_t weights = 0;
  for (const auto& item : strategy) {
    if (std::ranges::find(providers, item.capacity_provider) == providers.end()) {
      return invalid(
          fmt::format("The specified capacity provider '{}' is not associated with the cluster.",
                      item.capacity_provider));
    }
    int32_t weight = item.weight.value_or(0), base = item.base.value_or(0);
    if (weight < 0 || weight > kWeightMax || base < 0 || base > kBaseMax) {
      return invalid("The weight or base of a capacity provider strategy is out of range.");
    }
    weights += weight;
    if (base > 0) ++bases;
  }
  if (bases > 1) {
    return invalid("Only one capacity provider in a strategy can have a base.");
  }
  if (!strategy.empty() && weights == 0 && strategy.size() > 1) {
    return invalid("At least one capacity provider of a strategy must have a weight above 0.");
  }
  return ok();
}

std::string heaviest(const std::vector<shape::CapacityProviderStrategyItem>& strategy) {
  auto found = std::ranges::max_element(strategy, {}, [](const auto& item) {
    return std::pair(item.base.value_or(0) > 0, item.weight.value_or(0));
  });
  return found == strategy.end() ? "" : found->capacity_provider;
}

Task<Result<void>> Clusters::start() {
  co_return co_await run_on(context_.executor, [this]() -> Task<Result<void>> {
    store::KeyRange range = storage::clusters();
    for (;;) {
      CO_TRY(auto page,
             co_await context_.kernel.store.scan({.range = range, .rows_max = kScanRows}));
      for (const auto& entry : page.entries) {
        CO_TRY(clusters_[storage::name_of(entry.key)], storage::decode_cluster(entry.value));
      }
      if (!page.more) co_return ok();
      range.begin = page.entries.back().key + '\0';
    }
  });
}

Task<Result<shape::Cluster>> Clusters::put(std::string name, shape::Cluster cluster) {
  ClusterRecord record{std::move(cluster)};
  store::Batch batch;
  batch.put(storage::cluster_key(name), storage::encode(record));
  CO_TRY_VOID(co_await context_.kernel.store.commit(std::move(batch)));
  ClusterRecord& kept = clusters_[name] = std::move(record);
  co_return kept.cluster;
}

Task<Result<shape::Cluster>> Clusters::create(shape::CreateClusterRequest in) {
  std::string name = in.cluster_name.value_or("default");
  if (!is_name(name)) co_return invalid("Invalid cluster name.");
  Tags tags = in.tags.value_or(Tags());
  CO_TRY_VOID(check_tags(tags));
  auto settings = in.settings.value_or(std::vector<shape::ClusterSetting>());
  CO_TRY_VOID(check_settings(settings));
  if (in.configuration) co_return not_supported("configuration");
  if (in.service_connect_defaults) co_return not_supported("serviceConnectDefaults");
  auto providers = in.capacity_providers.value_or(std::vector<std::string>());
  auto strategy = in.default_capacity_provider_strategy.value_or(
      std::vector<shape::CapacityProviderStrategyItem>());
  CO_TRY_VOID(check_providers(providers, strategy));
  std::string turn_name = "cluster:" + name;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  if (const auto* present = find(name)) co_return *present;
  if (clusters_.size() >= kClustersMax) {
    co_return fail(kLimitExceeded, "The limit for the number of clusters was reached.");
  }
  shape::Cluster cluster;
  cluster.cluster_arn = context_.cluster_arn(name);
  cluster.cluster_name = name;
  cluster.status = "ACTIVE";
  cluster.tags = std::move(tags);
  if (settings.empty()) {
    shape::ClusterSetting& insights = settings.emplace_back();
    insights.name = "containerInsights";
    insights.value = "disabled";
  }
  cluster.settings = std::move(settings);
  cluster.capacity_providers = std::move(providers);
  cluster.default_capacity_provider_strategy = std::move(strategy);
  co_return co_await put(std::move(name), std::move(cluster));
}

Task<Result<shape::Cluster>> Clusters::change(std::string name, Edit edit) {
  std::string turn_name = "cluster:" + name;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  const auto* present = find(name);
  if (present == nullptr) co_return no_such_cluster();
  shape::Cluster next = *present;
  CO_TRY_VOID(edit(next));
  CO_TRY_VOID(check_settings(next.settings.value_or(std::vector<shape::ClusterSetting>())));
  co_return co_await put(std::move(name), std::move(next));
}

Task<Result<shape::Cluster>> Clusters::remove(std::string name, Check check) {
  std::string turn_name = "cluster:" + name;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  const auto* present = find(name);
  if (present == nullptr) co_return no_such_cluster();
  CO_TRY_VOID(check());
  if (held(name)) {
    co_return fail(kClusterHasTasks, "The Cluster cannot be deleted while Tasks are active.");
  }
  shape::Cluster gone = *present;
  store::Batch batch;
  batch.erase(storage::cluster_key(name));
  removing_.insert(name);
  auto committed = co_await context_.kernel.store.commit(std::move(batch));
  removing_.erase(name);
  if (!committed) co_return fail(std::move(committed).error());
  clusters_.erase(name);
  gone.status = "INACTIVE";
  co_return gone;
}

Task<Result<Clusters::Used>> Clusters::use(std::string text) {
  CO_TRY(std::string name, cluster_name(text));
  if (removing_.contains(name)) {
    // Waits until its end is committed.
    std::string turn_name = "cluster:" + name;
    co_await context_.turns.take(turn_name);
    Turn turn(context_.turns, turn_name);
  }
  if (find(name) == nullptr && name == "default") CO_TRY_VOID(co_await create({}));
  if (find(name) == nullptr || removing_.contains(name)) co_return no_such_cluster();
  auto& hold = holds_[name];
  Used out{name, hold.lock()};
  if (!out.hold) hold = out.hold = std::make_shared<const Hold>();
  co_return out;
}

bool Clusters::held(const std::string& name) {
  std::erase_if(holds_, [](const auto& row) { return row.second.expired(); });
  return holds_.contains(name);
}

Result<std::string> Clusters::existing(std::string_view text) const {
  TRY(std::string name, cluster_name(text));
  if (find(name) == nullptr) return no_such_cluster();
  return name;
}

const shape::Cluster* Clusters::find(const std::string& name) const {
  auto found = clusters_.find(name);
  return found == clusters_.end() ? nullptr : &found->second.cluster;
}

std::vector<std::string> Clusters::list(const std::string& after, size_t rows_max) const {
  std::vector<std::string> out;
  for (auto row = clusters_.upper_bound(after); row != clusters_.end(); ++row) {
    if (out.size() == rows_max) break;
    out.push_back(row->first);
  }
  return out;
}

}  // namespace suiro::ecs
