// SPDX-License-Identifier: Apache-2.0
#include "services/states/plans.h"

#include "services/states/limits.h"

namespace suiro::states {

const Plans::Found* Plans::find(const std::string& revision) const {
  const Kept& kept = by_shard_[shards_.current()];
  const auto found = kept.plans.find(revision);
  return found == kept.plans.end() ? nullptr : &found->second;
}

void Plans::keep(std::string revision, Found found) {
  Kept& kept = by_shard_[shards_.current()];
  const size_t bytes = found.definition.size();
  if (kept.plans.size() >= kPlansMax || kept.bytes + bytes > kPlanBytesMax) kept = {};
  if (kept.plans.try_emplace(std::move(revision), std::move(found)).second) kept.bytes += bytes;
}

}  // namespace suiro::states
