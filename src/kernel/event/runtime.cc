// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/runtime.h"

namespace suiro::event {

KernelRuntime::KernelRuntime(Options options)
    : journal_(options.shards, options.clock, options.random, options.store, options.journal),
      runs_(options.store),
      timers_({options.shards, options.clock, options.random, options.store}),
      dispatcher_({options.shards, options.clock, options.random, options.store, targets_, timers_,
                   journal_}),
      kernel_{.shards = options.shards,
              .clock = options.clock,
              .random = options.random,
              .store = options.store,
              .targets = targets_,
              .timers = timers_,
              .journal = journal_,
              .runs = runs_,
              .region = options.region,
              .account = options.account,
              .endpoint = options.endpoint} {}

Task<Result<void>> KernelRuntime::prepare() {
  return journal_.start();
}

Task<Result<void>> KernelRuntime::start() {
  co_await timers_.start();
  co_return co_await dispatcher_.start();
}

Task<void> KernelRuntime::stop() {
  co_await dispatcher_.stop();
  co_await timers_.stop();
}

Task<void> KernelRuntime::finish() {
  return journal_.stop();
}

}  // namespace suiro::event
