// SPDX-License-Identifier: Apache-2.0
// RolePermissions: whether a role's policies allow what a service does as that role when no
// operation is called that would ask: a rule's event, a schedule's run, an HTTP request of a
// workflow. The identity side implements it; the server hands it to the services that need it.
//
// Invariant: policies count as they are when they are asked.
// Threads: any; nothing blocks. Failure: AccessDenied with AWS's sentence, whatever the reason is.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/arn.h"
#include "base/result.h"

namespace suiro::event {

// The action and the resource that a policy must allow.
struct Permission {
  std::string action;    // "states:StartExecution"
  std::string resource;  // an ARN
};

// What a role needs for an event to start the target; nullopt: there is no such target.
// `task_definition` (of ECS alone): an ARN, "family" or "family:3". Without a revision the resource
// ends in ":*": whichever is the newest. Source: EventBridge Scheduler User Guide, "Setting up the
// execution role"; EventBridge User Guide, "Permissions required for targets".
std::optional<Permission> permission_to_start(const std::string& target_arn,
                                              std::string_view task_definition);

class RolePermissions {
 public:
  struct Question {
    std::string role_arn;
    std::string service;  // who assumes it: "events.amazonaws.com"; its first part is the session
    Permission permission;
    std::map<std::string, std::string> context = {};  // more condition keys, in lower case
  };
  virtual ~RolePermissions() = default;
  // Also refused: a role that the service cannot assume. A role that IAM never knew allows all
  // where RoleCredentials would give keys for it.
  virtual Result<void> permits(Question question) const = 0;
};

}  // namespace suiro::event
