// SPDX-License-Identifier: Apache-2.0
// Names and ARNs of the service, read.
// Thread: pure functions. Source: Step Functions API Reference, CreateStateMachine, StartExecution.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kernel/event/kernel.h"

namespace suiro::states {

// arn:...:stateMachine:NAME, NAME/LABEL, NAME:VERSION, NAME:ALIAS
struct MachineRef {
  std::string name;
  std::string label;      // of a distributed Map; empty: the machine itself
  std::string qualifier;  // version or alias; empty: none
  // Of a qualifier that is a version's number.
  std::optional<uint64_t> version() const;
};

// Errors: InvalidArn.
Result<MachineRef> parse_machine_arn(std::string_view arn);
// The activity's name. Errors: InvalidArn.
Result<std::string> parse_activity_arn(std::string_view arn);
// Of an activity of this server.
std::string activity_arn(const event::Kernel& kernel, std::string_view name);
// Of a Standard execution or a child of a Map run. Errors: InvalidArn.
Result<void> check_execution_arn(std::string_view arn);
// Errors: InvalidArn.
Result<void> check_role_arn(std::string_view arn);

// Of state machines, executions and activities. Errors: InvalidName.
Result<void> check_name(std::string_view name);

// JSON text for an execution, within its size. Errors: InvalidExecutionInput.
Result<void> check_input(const std::string& input);

}  // namespace suiro::states
