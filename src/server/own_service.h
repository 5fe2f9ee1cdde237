// SPDX-License-Identifier: Apache-2.0
// Suiro's own operations (model/suiro.json): traces, runs, usage,
// definitions, status, backup. The command line
// is their client. Why a service: docs/decisions/003-server-owns-operations.md.
#pragma once

#include <filesystem>
#include <functional>

#include "kernel/event/kernel.h"
#include "shapes/gen/suiro.h"
#include "shapes/registry.h"

namespace suiro::server {

struct OwnService {
  event::Kernel& kernel;
  std::filesystem::path data;
  // Of services/lambda.
  std::function<Task<Result<std::vector<shapes::suiro::FunctionUsage>>>()> usage;
  // Of services/relay.
  std::function<std::vector<shapes::suiro::Relay>()> relays;

  // Calls an operation of another service by name: shapes::Registry::call.
  std::function<Task<Result<std::string>>(std::string service, std::string operation,
                                          std::string input, shapes::Call& call)>
      call_operation;

  // Only root may call. Errors of the operations: AccessDeniedException, ResourceNotFoundException,
  // ValidationException.
  void add_operations(shapes::Registry& registry);

 private:
  void add_run_operations(shapes::Registry& registry);
  void add_definition_operations(shapes::Registry& registry);
};

// "ok", "error", "running".
std::string_view status_name(event::Span::Status status);
// "waiting", "pulling", "running", "succeeded", "failed", "stopped", "missed", "skipped",
// "started".
std::string_view state_name(event::Run::State state);
shapes::suiro::Run to_shape(const event::Run& run);
shapes::suiro::Span to_shape(const event::Span& span);
event::Span from_shape(const shapes::suiro::Span& span);

}  // namespace suiro::server
