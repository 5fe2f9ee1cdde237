// SPDX-License-Identifier: Apache-2.0
// The Lambda service: functions, their invocation, and what starts them.
//
// Place: api -> Logic -> the store; Invoker -> Pool -> engine/sandbox; AsyncRunner and
// MappingRunner run beside requests. README.md tells what the service does and does not.
//
// Invariants:
//  1. What is acknowledged is durable: definitions, and asynchronous invocations, which run at
//  least
//     once whatever happens to the process.
//  2. The state of a function is touched on the shard that owns its ARN alone.
//  3. After stop() no sandbox and no coroutine of the service is left.
//
// Thread: constructed on main before the shards start; start(), stop() and the rest from any shard.
// Failure: AWS's errors; start() fails when the store or the code directory cannot be read.
// Bytes on disk: docs/formats/lambda.md.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernel/event/kernel.h"
#include "services/lambda/config.h"
#include "services/lambda/logic.h"
#include "shapes/registry.h"

namespace suiro::lambda {

class Service final : public event::Target, public event::FunctionCaller {
 public:
  Service(event::Kernel& kernel, Config config);
  ~Service() override;

  // Rebuilds memory from the store, removes unused code directories, and takes up what was left
  // undone: asynchronous invocations and the readers of mappings. Before the socket opens; the
  // kernel's targets and sources must be registered.
  Task<Result<void>> start();
  // Waits for running invocations (at most Config::drain_max, then they are ended; asynchronous
  // ones run again after the next start) and closes every sandbox.
  Task<void> stop();

  void add_operations(shapes::Registry& registry);
  event::Target* target() { return this; }
  event::FunctionCaller* caller() { return this; }

  // Target
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override;
  Task<Result<void>> accepts(std::string target_arn, event::Sender sender) override;

  // FunctionCaller: a synchronous invocation.
  Task<Result<Reply>> call(std::string function_arn, Bytes payload, TraceContext cause) override;

  // What functions used, by day (UTC) and name, today included: `suiro usage`.
  Task<Result<std::vector<UsageLine>>> usage();
  // The zip of a version, by ARN: what Config::code_url leads to.
  // Errors: ResourceNotFoundException.
  Task<Result<Bytes>> code(std::string version_arn);

  Logic& logic();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace suiro::lambda
