// SPDX-License-Identifier: Apache-2.0
// Clusters: names under which tasks and services stand. The machine is the one container instance
// of each of them. "default" is made on its first use.
//
// Thread: the service's shard; start() from any.
// Source of the rules: Amazon ECS API Reference, "CreateCluster" and its neighbours.
#pragma once

#include <map>
#include <set>

#include "services/ecs/context.h"
#include "services/ecs/types.h"

namespace suiro::ecs {

class Clusters {
 public:
  explicit Clusters(Context& context) : context_(context) {}

  Task<Result<void>> start();
  // Makes it, or answers the one that is there. Errors: InvalidParameterException, ClientException.
  Task<Result<shape::Cluster>> create(shape::CreateClusterRequest request);
  // `edit`: Result<void>(shape::Cluster&). Errors: ClusterNotFoundException, those of `edit`.
  using Edit = std::function<Result<void>(shape::Cluster&)>;
  Task<Result<shape::Cluster>> change(std::string name, Edit edit);
  // `check` is asked in the cluster's turn. Errors: ClusterNotFoundException, those of `check`,
  // ClusterContainsTasksException where something is being started in it.
  using Check = std::function<Result<void>()>;
  Task<Result<shape::Cluster>> remove(std::string name, Check check);
  // That of a request that starts something: "default" is made where it is missing. It is not
  // removed while `hold` lives: keep it until what was started is committed.
  // Errors: ClusterNotFoundException.
  struct Hold {};
  struct Used {
    std::string name;
    std::shared_ptr<const Hold> hold;
  };
  Task<Result<Used>> use(std::string text);
  // Errors: ClusterNotFoundException.
  Result<std::string> existing(std::string_view text) const;
  const shape::Cluster* find(const std::string& name) const;
  // In the order of their names, behind `after`.
  std::vector<std::string> list(const std::string& after, size_t rows_max) const;

 private:
  bool held(const std::string& name);
  Task<Result<shape::Cluster>> put(std::string name, shape::Cluster cluster);

  Context& context_;
  std::map<std::string, ClusterRecord> clusters_;
  std::map<std::string, std::weak_ptr<const Hold>> holds_;
  std::set<std::string> removing_;  // their ends are being committed
};

// FARGATE and FARGATE_SPOT, and strategies over them. Errors: InvalidParameterException.
Result<void> check_providers(const std::vector<std::string>& providers,
                             const std::vector<shape::CapacityProviderStrategyItem>& strategy);
// Where a strategy sends tasks: all to the provider with a base, else to the one that weighs most.
std::string heaviest(const std::vector<shape::CapacityProviderStrategyItem>& strategy);

}  // namespace suiro::ecs
