// SPDX-License-Identifier: Apache-2.0
// RunTarget: what a schedule starts, compiled from the API's Target, and the event that starts it
// (EventBridge Scheduler User Guide, "Using templated targets", "Using universal targets", "Adding
// context attributes").
//
// Invariant: what compiles is delivered as it says; what Suiro cannot deliver does not compile.
// Thread: immutable; any. Errors: ValidationException, NotImplemented.
#pragma once

#include "kernel/event/kernel.h"
#include "kernel/event/operation_caller.h"
#include "kernel/event/role_permissions.h"
#include "services/scheduler/policy.h"

namespace suiro::scheduler {

// One run of a schedule.
struct Occasion {
  std::string schedule_arn;
  std::string schedule_name;
  TimePoint nominal;
  std::string execution_id;  // the event's id
  Overlap overlap = Overlap::kAllow;
};

class RunTarget {
 public:
  static Result<RunTarget> compile(const shape::Target& target, std::string region,
                                   std::string account);
  // Whether it is there to be started: asked when a schedule is made.
  Result<void> check(const event::Kernel& kernel, const event::OperationCaller& operations) const;

  const std::string& arn() const { return target_.arn; }
  bool is_ecs() const { return kind_ == Kind::kEcs; }
  // What runs, for the log of runs: the task's family, the function, the queue.
  const std::string& name() const { return name_; }
  // The event without its cause and time.
  event::Event event(const Occasion& occasion) const;
  // Whether the target's role may start it. Of universal targets the call itself asks. Errors:
  // AccessDenied.
  Result<void> permitted(const event::RolePermissions& permissions) const;

 private:
  enum class Kind { kLambda, kSqs, kKinesis, kFirehose, kBus, kEcs, kStates, kUniversal };
  Result<void> compile_universal();
  Result<void> compile_templated(const Arn& arn);
  Result<void> check_parameters(const Arn& arn) const;
  Result<void> check_input() const;
  Bytes payload(const Occasion& occasion) const;
  std::map<std::string, std::string> attributes(const Occasion& occasion) const;
  Bytes run_task(const Occasion& occasion, const std::string& input) const;
  Bytes bus_event(const Occasion& occasion, const std::string& input) const;

  shape::Target target_;
  Kind kind_ = Kind::kLambda;
  std::string name_;
  std::string region_;
  std::string account_;
};

// "2022-03-22T18:59:43Z"
std::string second_text(TimePoint time);

// The input of a run with its "<aws.scheduler...>" replaced.
std::string fill(std::string text, const Occasion& occasion, uint32_t attempt);

// Attributes of the event of a universal target, for its delivery.
inline constexpr std::string_view kRoleAttribute = "ROLE_ARN";
inline constexpr std::string_view kNominalAttribute = "SCHEDULED_TIME";
inline constexpr std::string_view kExecutionAttribute = "EXECUTION_ID";
inline constexpr std::string_view kScheduleAttribute = "SCHEDULE_ARN";

// "aws-sdk:sqs:sendMessage" -> sqs, sendMessage.
struct UniversalName {
  std::string service;
  std::string operation;
};
std::optional<UniversalName> universal_name(std::string_view target_arn);

}  // namespace suiro::scheduler
