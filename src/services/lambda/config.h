// SPDX-License-Identifier: Apache-2.0
// What the service is told when it is wired, and what it needs of others that is no kernel's part.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "engine/sandbox/sandbox.h"
#include "services/lambda/limits.h"

namespace suiro::lambda {

// Whether code is unpacked on kCodeThreads threads, or, under a virtual clock, by the caller.
enum class CodeThreads : uint8_t { kOwn, kNone };

struct Config {
  // Where zips are unpacked: a cache, "<data directory>/functions".
  std::string code_directory;
  CodeThreads code_threads = CodeThreads::kOwn;
  sandbox::Host* host = nullptr;            // started before this service, stopped after it
  // Memory of all sandboxes, running and warm; 0: three quarters of the machine's.
  uint64_t sandbox_memory_mb = 0;
  uint32_t account_concurrency = kAccountConcurrency;
  Millis warm_idle_max = kWarmIdleMax;
  // Sandboxes that start at once; 0: kStartsPerCore for each core.
  size_t starts_max = 0;
  size_t capacity_waiters_max = kCapacityWaitersMax;
  Millis capacity_wait_max = kCapacityWaitMax;
  // How long stop() waits for running invocations before it ends them.
  Millis drain_max = std::chrono::seconds(5);
  // A URL from which the code of a version (its ARN) can be read without credentials for some
  // minutes: GetFunction's Code.Location. Empty: there is none, and GetFunction answers none.
  std::function<std::string(std::string version_arn)> code_url;
};

}  // namespace suiro::lambda
