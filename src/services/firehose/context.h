// SPDX-License-Identifier: Apache-2.0
// What the parts of the service share: the kernel, the threads for compression, and what each shard
// keeps of the delivery streams that it owns.
//
// Invariants:
//  1. Only code on a stream's owner shard touches its StreamState. Its record equals what is
//     committed.
//  2. A StreamState lives while a coroutine holds it; `closing` ends its loops.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>

#include "engine/http_out/client.h"
#include "engine/policy/resource_policies.h"
#include "kernel/event/kernel.h"
#include "services/firehose/destination.h"
#include "services/firehose/lane.h"
#include "services/firehose/storage.h"

namespace suiro::firehose {

// Puts that will be committed together, as one block.
struct Group {
  explicit Group(Executor executor) : done(executor) {}
  BlockBuilder builder;
  TraceContext cause;
  uint64_t number = 0;                  // of the block, in the entry lane
  std::optional<Result<void>> outcome;  // when it is over
  Signal done;
};

struct StreamState {
  StreamState(Executor executor, StreamRecord record_in, DestinationPtr destination_in,
              std::string arn_in, uint64_t next_block);
  Lane& lane(LaneKind kind) { return *lanes.at(kind); }
  uint64_t backlog_bytes() const;
  void ring();

  StreamRecord record;
  store::Version version;
  DestinationPtr destination;
  const std::string arn;
  std::map<LaneKind, std::unique_ptr<Lane>> lanes;
  std::map<LaneKind, Attempt> attempts;
  bool closing = false;
  size_t running = 0;  // loops and commits
  Signal idle;         // rung when one of them ends
  std::shared_ptr<Group> open;
  size_t committing = 0;
  Signal turn;  // for groups that wait to be committed
  uint64_t waiting_bytes = 0;
  std::function<void()> stop_source;  // while a Kinesis source is read
};
using StatePtr = std::shared_ptr<StreamState>;

// What deliveries of a shard may hold in memory.
class Budget {
 public:
  explicit Budget(Executor executor) : freed_(executor) {}
  Task<void> take(uint64_t bytes);
  void give(uint64_t bytes);

 private:
  uint64_t taken_ = 0;
  Signal freed_;
};

struct ShardState {
  explicit ShardState(Executor executor) : scope(executor), budget(executor) {}
  TaskScope scope;
  Budget budget;
  std::map<std::string, StatePtr, std::less<>> streams;
};

struct Context {
  using Send = std::function<Task<Result<http_out::Reply>>(http_out::Request)>;
  Context(event::Kernel& kernel_in, Send send_in);

  std::string arn_of(std::string_view name) const;
  // Errors: ResourceNotFoundException for another service, region or account.
  Result<std::string> name_of(std::string_view arn) const;
  Executor owner(std::string_view name) const { return kernel.shards.owner(arn_of(name)); }
  ShardState& shard() { return *shards[kernel.shards.current()]; }
  // On the owner's shard. Errors: ResourceNotFoundException.
  Result<StatePtr> find(std::string_view name);
  void spawn(Task<void> task) { shard().scope.spawn(std::move(task)); }
  // A line for the user's log group, where logging is on.
  void log(const LogPlace& place, std::string_view arn, std::string_view code,
           std::string_view message);

  event::Kernel& kernel;
  Send send;                          // to endpoints outside
  asio::thread_pool* pool = nullptr;  // null: compression runs on the shard (simulation)
  const policy::ResourcePolicies* policies = nullptr;  // of buckets; null: none is asked
  std::vector<std::unique_ptr<ShardState>> shards;
};

// Counts a loop or a commit of a stream while it lives.
class Running {
 public:
  explicit Running(StatePtr state) : state_(std::move(state)) { ++state_->running; }
  Running(Running&& other) noexcept = default;
  ~Running() {
    if (!state_) return;
    --state_->running;
    state_->idle.notify_all();
  }

 private:
  StatePtr state_;
};

}  // namespace suiro::firehose
