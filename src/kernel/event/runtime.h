// SPDX-License-Identifier: Apache-2.0
// KernelRuntime: builds the kernel over an open store: journal, timers, dispatcher, registry.
//
//   KernelRuntime runtime({.shards = shards, .clock = clock, .random = random, .store = *store});
//   sqs::Service queues(runtime.kernel(), {});        // services register timer handlers here
//   runtime.kernel().targets.add_target("sqs", queues.target());
//   co_await runtime.prepare();                       // the journal
//   co_await queues.start();                          // memory from the store
//   co_await runtime.start();                         // timers fire, events flow
//   ...
//   co_await runtime.stop();                          // in-flight deliveries and handlers end
//   co_await queues.stop();
//   co_await runtime.finish();                        // last counters
//
// Invariants: nothing fires and no target is called before start() and after stop() completed.
// Threads: constructed on main before the shards start; the coroutines on any shard.
#pragma once

#include "kernel/event/dispatcher.h"
#include "kernel/event/durable_timers.h"
#include "kernel/event/kernel.h"
#include "kernel/event/store_journal.h"
#include "kernel/event/store_run_log.h"

namespace suiro::event {

class KernelRuntime {
 public:
  struct Options {
    Shards& shards;
    Clock& clock;
    Random& random;  // usable from every shard
    store::Store& store;
    std::string region = "ap-northeast-1";
    std::string account = "000000000000";
    std::string endpoint = {};
    StoreJournal::Options journal = {};
  };
  explicit KernelRuntime(Options options);

  Kernel& kernel() { return kernel_; }
  Dispatcher& dispatcher() { return dispatcher_; }

  Task<Result<void>> prepare();
  Task<Result<void>> start();
  Task<void> stop();
  Task<void> finish();

 private:
  Targets targets_;
  StoreJournal journal_;
  StoreRunLog runs_;
  DurableTimers timers_;
  Dispatcher dispatcher_;
  Kernel kernel_;
};

}  // namespace suiro::event
