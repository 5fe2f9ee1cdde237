// SPDX-License-Identifier: Apache-2.0
// What a task definition must be before it gets a revision, and the form in which it is kept.
// Source of the rules: Amazon ECS Developer Guide, "Task definition parameters"; the texts are
// those that ECS's clients know. Thread: pure functions.
#pragma once

#include "base/result.h"
#include "services/ecs/types.h"

namespace suiro::ecs {

// Errors: ClientException; NotImplemented for what no task runner of Suiro can do.
Result<void> validate(const shape::RegisterTaskDefinitionRequest& request);
// One container of it: settings that are refused, and its own values.
Result<void> validate_container(const shape::ContainerDefinition& container,
                                const shape::RegisterTaskDefinitionRequest& request);
// What Suiro cannot do for a container. Errors: NotImplemented.
Result<void> refuse_unsupported(const shape::ContainerDefinition& container);
// The definition with AWS's defaults, ACTIVE, without revision, ARN and times.
shape::TaskDefinition definition_of(shape::RegisterTaskDefinitionRequest request);

// The ARN of a role, or none. Errors: ClientException; NotImplemented for the short name of one.
Result<void> check_role(const std::optional<std::string>& role);
// "256", ".25 vCPU", "1 vcpu" -> CPU units. Errors: ClientException.
Result<uint32_t> task_cpu(std::string_view text);
// "512", "0.5GB", "1 gb" -> MiB. Errors: ClientException.
Result<uint32_t> task_memory(std::string_view text);
// Whether Fargate has tasks of this size.
bool is_fargate_size(uint32_t cpu_units, uint32_t memory_mb);
// Letters, digits, hyphens and underscores, 1 to 255 of them.
bool is_name(std::string_view text);

}  // namespace suiro::ecs
