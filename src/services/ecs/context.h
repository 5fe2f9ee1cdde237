// SPDX-License-Identifier: Apache-2.0
// What every part of the tasks service works with: the kernel, the settings, the shard that owns
// all tasks of the machine, and the names that AWS gives to things.
// Thread: the members are constant after construction; arns from any.
#pragma once

#include "base/turns.h"
#include "kernel/event/kernel.h"
#include "services/ecs/config.h"
#include "services/ecs/limits.h"

namespace suiro::ecs {

struct Context {
  Context(event::Kernel& k, Config c)
      : kernel(k), config(std::move(c)), executor(k.shards.owner("ecs")), turns(executor) {}

  event::Kernel& kernel;
  Config config;
  Executor executor;
  Turns turns;  // names begin with what they are: "family:", "task:", "service:", "token:",
                // "keys:"

  std::string arn(std::string_view kind, std::string_view rest) const;
  std::string cluster_arn(std::string_view cluster) const { return arn("cluster", cluster); }
  std::string task_arn(std::string_view cluster, std::string_view id) const;
  std::string service_arn(std::string_view cluster, std::string_view name) const;
  std::string definition_arn(std::string_view family, uint32_t revision) const;
  // The machine, as each cluster sees it.
  std::string instance_id() const;
  std::string instance_arn(std::string_view cluster) const;
  std::string root_arn() const;
};

// Names as requests have them: short or as an ARN.

// Errors: InvalidParameterException for another service's ARN. Empty: "default".
Result<std::string> cluster_name(std::string_view text);
// 32 hexadecimal digits, or the ARN of a task; empty where it is neither.
std::string task_id(std::string_view text);
// "name", or the last part of a service's ARN.
std::string service_name(std::string_view text);
struct DefinitionRef {
  std::string family;
  std::optional<uint32_t> revision;  // none: the latest active one
};
// family, family:revision or ARN. Errors: ClientException.
Result<DefinitionRef> definition_ref(std::string_view text);
// A new id in the form of tasks.
std::string new_task_id(Random& random);

}  // namespace suiro::ecs
