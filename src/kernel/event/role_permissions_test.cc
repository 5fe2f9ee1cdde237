// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/role_permissions.h"

#include <gtest/gtest.h>

namespace suiro::event {
namespace {

std::string needed(const std::string& target, std::string_view task_definition = "") {
  auto permission = permission_to_start(target, task_definition);
  return permission ? permission->action + " " + permission->resource : "none";
}

TEST(RolePermissions, WhatATargetNeeds) {
  const std::string machine = "arn:aws:states:eu-west-1:000000000000:stateMachine:m";
  EXPECT_EQ(needed(machine), "states:StartExecution " + machine);
  EXPECT_EQ(needed("arn:aws:sqs:eu-west-1:000000000000:q"),
            "sqs:SendMessage arn:aws:sqs:eu-west-1:000000000000:q");
  EXPECT_EQ(needed("arn:aws:scheduler:::aws-sdk:sqs:sendMessage"), "none");
  EXPECT_EQ(needed("queue"), "none");
}

TEST(RolePermissions, ATaskNeedsItsDefinition) {
  const std::string cluster = "arn:aws:ecs:eu-west-1:000000000000:cluster/c";
  const std::string definition = "arn:aws:ecs:eu-west-1:000000000000:task-definition/";
  EXPECT_EQ(needed(cluster, definition + "f:3"), "ecs:RunTask " + definition + "f:3");
  EXPECT_EQ(needed(cluster, definition + "f"), "ecs:RunTask " + definition + "f:*");
  EXPECT_EQ(needed(cluster, "f:3"), "ecs:RunTask " + definition + "f:3");
  EXPECT_EQ(needed(cluster, "f"), "ecs:RunTask " + definition + "f:*");
}

}  // namespace
}  // namespace suiro::event
