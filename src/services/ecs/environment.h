// SPDX-License-Identifier: Apache-2.0
// The environment of a container: environment files and secrets from the lake, the definition's
// variables, the overrides'. Source of the rules: Amazon ECS Developer Guide, "Pass environment
// variables to an Amazon ECS container", "Specify environment files".
// Threads: any.
#pragma once

#include "engine/container/task_runner.h"
#include "kernel/event/object_reader.h"
#include "services/ecs/types.h"

namespace suiro::ecs {

using Variables = std::vector<container::EnvironmentVariable>;

// What stands at a container of a task.
struct ContainerParts {
  const shape::ContainerDefinition* definition = nullptr;
  const shape::ContainerOverride* override = nullptr;  // null: none
};

// Later ones win: `given` (Suiro's own), files, the definition's, secrets, the overrides'.
// Errors: the text for stoppedReason: "ResourceInitializationError: ...".
Task<Result<Variables>> environment_of(event::ObjectReader* lake, ContainerParts parts,
                                       Variables given);
// repositoryCredentials: the object is {"username": ..., "password": ...}. None: not asked for.
// Errors: as environment_of().
Task<Result<std::optional<container::RegistryCredentials>>> registry_credentials_of(
    event::ObjectReader* lake, const shape::ContainerDefinition* definition);
// Lines "NAME=value": others, and those that begin with '#', are skipped.
Variables parse_environment_file(std::string_view text);
// The object of an ARN. Errors: "ResourceInitializationError: ..." as the message.
Task<Result<std::string>> read_object(event::ObjectReader* lake, std::string arn, size_t bytes_max);

}  // namespace suiro::ecs
