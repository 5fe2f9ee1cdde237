// SPDX-License-Identifier: Apache-2.0
// From a task and its definition to what a runner is told. Threads: pure functions.
#pragma once

#include "engine/container/task_runner.h"
#include "services/ecs/environment.h"
#include "services/ecs/types.h"

namespace suiro::ecs {

// The parts of each container of the definition, in its order.
std::vector<ContainerParts> parts_of(const shape::TaskDefinition& definition,
                                     const shape::TaskOverride& overrides);
// `environments`: one a container, in the definition's order.
container::TaskSpec spec_of(const TaskRecord& record, const shape::TaskDefinition& definition,
                            std::vector<Variables> environments);

}  // namespace suiro::ecs
