// SPDX-License-Identifier: Apache-2.0
// Tags of clusters, services, tasks and definitions. Source of the rules: Amazon ECS Developer
// Guide, "Tagging Amazon ECS resources". Thread: pure functions.
#pragma once

#include "base/result.h"
#include "services/ecs/types.h"

namespace suiro::ecs {

// Errors: InvalidParameterException: too many, a key twice, the reserved prefix.
Result<void> check_tags(const Tags& tags);
// Sets `added`, takes away `removed`. Errors: as check_tags().
Result<void> change_tags(Tags& tags, const Tags& added, const std::vector<std::string>& removed);
// The first key wins.
void merge_tags(Tags& tags, const Tags& more);

}  // namespace suiro::ecs
