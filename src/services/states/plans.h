// SPDX-License-Identifier: Apache-2.0
// Plans: compiled definitions of revisions that were started lately, one set a shard.
//
// Invariant: bounded by kPlansMax and kPlanBytesMax; what does not fit makes room for itself.
// Threads: shards.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/shard.h"
#include "engine/workflow/plan.h"

namespace suiro::states {

class Plans {
 public:
  using Pointer = std::shared_ptr<const workflow::Plan>;
  explicit Plans(Shards& shards) : shards_(shards), by_shard_(shards.size()) {}

  struct Found {
    std::string definition;
    Pointer plan;
  };
  // Null where it is not there. Valid until the next call on this shard.
  const Found* find(const std::string& revision) const;
  void keep(std::string revision, Found found);

 private:
  struct Kept {
    std::unordered_map<std::string, Found> plans;
    size_t bytes = 0;
  };
  Shards& shards_;
  std::vector<Kept> by_shard_;
};

}  // namespace suiro::states
