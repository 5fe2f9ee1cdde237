// SPDX-License-Identifier: Apache-2.0
// What the parts of the service share: settings, borrowed collaborators, and the state that a shard
// keeps of the functions it owns.
//
// Invariants:
//  1. A FunctionState is made at the first use of a name and lives as long as the service: a
//  pointer to
//     one never dangles. `exists` tells whether there is such a function.
//  2. Only code on the function's owner shard touches its FunctionState. Its records equal what is
//     committed; they are changed under `gate`, after the commit.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "engine/sandbox/sandbox.h"
#include "kernel/event/kernel.h"
#include "services/lambda/capacity.h"
#include "services/lambda/code_store.h"
#include "services/lambda/config.h"
#include "services/lambda/limits.h"
#include "services/lambda/names.h"
#include "services/lambda/pool.h"
#include "services/lambda/records.h"

namespace suiro::lambda {

// Lets the changes of one function through one after the other. Thread: the owner shard.
class UpdateGate {
 public:
  explicit UpdateGate(Executor executor) : next_(executor) {}
  class Pass {
   public:
    explicit Pass(UpdateGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    UpdateGate* gate_;
  };
  // Errors: TooManyRequestsException when kUpdateWaitersMax changes wait.
  Task<Result<Pass>> enter();

 private:
  void leave();
  Signal next_;
  bool busy_ = false;
};

// The asynchronous invocations of a function that are ready to run; the rest are on disk.
struct AsyncQueue {
  std::deque<Bytes> ready;  // ids, in order of acceptance
  std::set<Bytes> held;     // those in `ready` and those running
  std::set<Bytes> again;    // running ones whose timer rang before they were put down
  bool more_on_disk = false;
  bool scanning = false;
  uint32_t running = 0;
  uint64_t backlog = 0;  // all records, waiting ones too
};

struct FunctionState {
  FunctionState(std::string function, Executor executor, Pool::Deps deps)
      : name(function), gate(executor), pool(std::move(function), std::move(deps)) {}

  const std::string name;
  bool exists = false;
  Function record;
  std::shared_ptr<const Settings> latest;  // record.latest
  std::map<uint64_t, std::shared_ptr<const Settings>> versions;
  std::map<std::string, Alias> aliases;
  std::map<std::string, Policy> policies;              // by qualifier; "": the function
  std::map<std::string, InvokeConfig> invoke_configs;  // by qualifier; "": $LATEST
  std::map<std::string, CodeRecord> code;              // by digest
  UpdateGate gate;
  Pool pool;
  AsyncQueue async;
  uint32_t running = 0;  // admitted invocations
  std::string usage_day;
  Usage usage;  // of usage_day
};

struct ShardState {
  explicit ShardState(Executor executor) : work(executor), closing(executor), tick(executor) {}
  TaskScope work;     // invocations that nobody awaits, readers of queues, the sweeper
  TaskScope closing;  // ends of sandboxes
  Signal tick;        // rung when the service stops
  std::map<std::string, std::unique_ptr<FunctionState>, std::less<>> functions;
};

struct Context {
  Context(event::Kernel& kernel_in, Config config_in);

  Executor owner(std::string_view name) const {
    return kernel.shards.owner(function_arn(place, name));
  }
  ShardState& shard() { return *shards[kernel.shards.current()]; }
  // On the owner shard only. state(): made where it is new; find(): null where there is none.
  FunctionState& state(std::string_view name);
  FunctionState* find(std::string_view name);
  std::string arn(std::string_view name, std::string_view qualifier = {}) const {
    return function_arn(place, name, qualifier);
  }

  event::Kernel& kernel;
  Config config;
  Place place;
  CodeStore code;
  Capacity capacity;
  std::vector<std::unique_ptr<ShardState>> shards;
  std::atomic<bool> stopping{false};
  std::atomic<uint32_t> unreserved_running{0};
  std::atomic<uint32_t> reserved_total{0};
};

}  // namespace suiro::lambda
