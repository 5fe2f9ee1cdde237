// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/context.h"

#include <unistd.h>

#include <thread>

#include "services/lambda/errors.h"

namespace suiro::lambda {
namespace {

uint64_t machine_memory_mb() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
             static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE)) >>
         20;
}

Capacity::Config capacity_config(const Config& config) {
  uint64_t memory = config.sandbox_memory_mb;
  if (memory == 0) memory = machine_memory_mb() * 3 / 4;
  size_t starts = config.starts_max;
  if (starts == 0) starts = kStartsPerCore * std::max(1U, std::thread::hardware_concurrency());
  return {memory, starts, config.capacity_waiters_max, config.capacity_wait_max};
}

}  // namespace

Task<Result<UpdateGate::Pass>> UpdateGate::enter() {
  if (busy_) {
    if (next_.waiting() >= kUpdateWaitersMax) co_return throttled("CallerRateLimitExceeded");
    co_await next_.wait();  // leave() hands the gate over: it stays busy
  }
  busy_ = true;
  co_return Pass(this);
}

void UpdateGate::leave() {
  busy_ = next_.notify_one();
}

Context::Context(event::Kernel& kernel_in, Config config_in)
    : kernel(kernel_in),
      config(std::move(config_in)),
      place{kernel.region, kernel.account},
      code(config.code_directory, kernel.store, kernel.random, config.code_threads),
      capacity(capacity_config(config), kernel.shards, kernel.clock) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) {
    shards.push_back(std::make_unique<ShardState>(kernel.shards.executor(i)));
  }
}

FunctionState* Context::find(std::string_view name) {
  ShardState& home = shard();
  auto found = home.functions.find(name);
  return found == home.functions.end() ? nullptr : found->second.get();
}

FunctionState& Context::state(std::string_view name) {
  ShardState& home = shard();
  auto found = home.functions.find(name);
  if (found != home.functions.end()) return *found->second;
  Pool::Deps deps{capacity, kernel.clock, home.closing, [this](const Warm& warm) {
                    if (kernel.roles != nullptr && !warm.access_key_id.empty()) {
                      kernel.roles->revoke(warm.access_key_id);
                    }
                  }};
  auto made = std::make_unique<FunctionState>(std::string(name), home.work.executor(), deps);
  return *home.functions.emplace(name, std::move(made)).first->second;
}

}  // namespace suiro::lambda
