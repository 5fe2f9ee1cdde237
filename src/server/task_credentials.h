// SPDX-License-Identifier: Apache-2.0
// TaskCredentials: where the containers of a task ask for keys of its role, and ask again before
// they end (AWS SDKs and Tools Reference Guide, "Container credential provider").
//
//   AWS_CONTAINER_CREDENTIALS_FULL_URI  .../_suiro/task-credentials/TASK
//   AWS_CONTAINER_AUTHORIZATION_TOKEN   a MAC of the task's id
//
// Invariants:
//  1. Keys are given for a token of the path's task alone, and while that task has not ended.
//  2. Nothing is stored: tokens survive a restart, and end with the root's secret, as sessions do.
// Threads: any. See docs/decisions/208-credentials-of-containers.md.
#pragma once

#include <functional>
#include <string>

#include "kernel/event/role_credentials.h"
#include "protocol/http/message.h"

namespace suiro::server {

class TaskCredentials {
 public:
  static constexpr std::string_view kPath = "/_suiro/task-credentials";
  struct Answer {
    std::string role_arn;
    event::RoleKeys keys;
  };
  using Read = std::function<Task<Result<Answer>>(std::string task_id)>;

  explicit TaskCredentials(std::string_view root_secret);

  std::string token(std::string_view task_id) const;
  // Answers a GET: 200 with the keys, 401 for a wrong token, 404 where the task has no role or has
  // ended, 503 for what can pass.
  Task<http::Response> serve(http::Request request, Read read) const;

 private:
  Bytes key_;
};

}  // namespace suiro::server
