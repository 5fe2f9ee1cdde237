// SPDX-License-Identifier: Apache-2.0
// Roles that allow all but what a test denies.
#pragma once

#include <fmt/format.h>

#include <set>
#include <vector>

#include "kernel/event/role_permissions.h"

namespace suiro::event {

class FakeRolePermissions final : public RolePermissions {
 public:
  Result<void> permits(Question question) const override {
    asked.push_back(question);
    if (!denied.contains(question.permission.action)) return ok();
    return fail("AccessDenied", fmt::format("{} is not authorized to perform: {} on resource: {}",
                                            question.role_arn, question.permission.action,
                                            question.permission.resource));
  }
  std::set<std::string> denied;  // actions
  mutable std::vector<Question> asked;
};

}  // namespace suiro::event
