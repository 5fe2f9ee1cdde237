// SPDX-License-Identifier: Apache-2.0
// ExecutionShard: the executions that one shard owns.
//
//   post() ──► inbox ──drive(): prepare(), step_items()──► commit() ──► after_commit(): effects,
//                                      ▲                                  │          answers
//                                      └────────── more of a chain ───────┘
//
// Invariants:
//  1. Occurrences of one execution are stepped in the order in which they came; those that wait
//     together are one commit, and so is a chain of states.
//  2. Memory follows the store: a commit that fails throws the execution out of memory, and the
//     next occurrence loads it again. Who posted an occurrence hears of it and posts it again.
//  3. Executions that only wait are in memory as far as the cache has room.
//  4. While a chain is cut between two commits, a record says so: it goes on after a crash. What
//     happens meanwhile comes before the next part of the chain.
//  5. Others of the shard have their turn after kEventsAtOnce events, step_work_max of computing,
//     or a part of a chain.
//  6. An execution whose step no commit can hold (kTooLarge) fails: States.DataLimitExceeded.
// Thread: the shard's. Bytes on disk: docs/formats/states.md, "Executions".
#pragma once

#include <deque>
#include <list>
#include <set>
#include <unordered_map>

#include "services/states/activity_queues.h"
#include "services/states/executions_effects.h"
#include "services/states/machine_cache.h"

namespace suiro::states {

// What happens to an execution, with what belongs into the same commit.
struct Posted {
  std::optional<workflow::Occurrence> occurrence;  // none: waits for its turn only
  std::optional<uint64_t> effect;                  // it is for this one: skipped if not awaited
  store::Batch also;                               // without conditions
  bool also_if_awaited = false;                    // else `also` is written in any case
  std::function<Result<void>(const ExecutionRow&)> check;  // refuses the occurrence
  std::string redrive_token;
};
// What became of it.
struct Stepped {
  bool awaited = true;  // false: nobody waits for it (any more); it changed nothing
  workflow::ExecutionStatus status = workflow::ExecutionStatus::kRunning;
  std::optional<TimePoint> stop;
  std::optional<TimePoint> redriven;  // the last time
};

struct NewExecution {
  StartRequest request;
  std::string arn;
  std::string name;
  // Of a distributed Map's child.
  std::string map_run_arn;
  std::string map_state;
  std::string list_arn;
};
struct StartedExecution {
  StartReply reply;
  // It was there before; nothing was started.
  std::optional<ExecutionRow> existing;
};

class ExecutionShard {
 public:
  ExecutionShard(RuntimeParts& parts, std::vector<std::unique_ptr<ActivityQueues>>& activities,
                 Executor executor);
  ~ExecutionShard();

  // Errors: ExecutionLimitExceeded, those of the store.
  Task<Result<StartedExecution>> start(NewExecution request);
  // Errors: ExecutionDoesNotExist, kThrottled, what `check` says, those of the store.
  Task<Result<Stepped>> post(ArnHash execution, Posted posted);
  // Goes on with a chain that was cut.
  void continue_later(ArnHash execution, Millis delay);
  // Completes when the execution has ended, or the shard stops.
  Task<Result<void>> ended(ArnHash execution, std::shared_ptr<Cancellation> cancellation);

  EffectRunner& effects() { return effects_; }
  MachineCache& machines() { return machines_; }
  Executor executor() const { return executor_; }
  size_t cached_bytes() const { return cached_bytes_; }
  // begin_stop(): nothing new; stop_effects() waits for what is performed, which may still post to
  // any shard; stop(), after that of all shards, for the rest.
  void begin_stop();
  Task<void> stop_effects();
  Task<void> stop();

 private:
  struct Item {
    Posted posted;
    Answer<Result<Stepped>>* answer = nullptr;
    Stepped stepped;
    std::optional<Error> refused;
  };
  struct Live {
    ArnHash id;
    std::optional<ExecutionRow> row;
    MachinePtr machine;
    workflow::Payload input;  // with `execution`
    std::optional<workflow::Execution> execution;
    std::deque<Item> inbox;
    std::set<workflow::PayloadHash> stored;  // payloads that are on disk
    size_t bytes = 0;                        // as the cache counts it
    std::list<ArnHash>::iterator place;      // in the cache's order
    bool is_driving = false;
    bool is_fresh = false;       // its start is not committed yet
    bool machine_stored = true;  // false: its record goes with the start
    bool more = false;           // a chain is cut here
    bool has_marker = false;     // the record of it
  };
  using LivePtr = std::shared_ptr<Live>;
  // What one commit is made of.
  struct Work {
    store::Batch batch;
    std::vector<Item> items;
    std::vector<workflow::HistoryEvent> events;
    std::vector<workflow::Effect> effects;
    std::vector<uint64_t> cancelled;
    std::vector<workflow::TimerRequest> timers;
    std::optional<workflow::Ending> ended;
    std::set<workflow::PayloadHash> payloads;
    std::vector<ArnHash> activities;
    std::set<std::string> activities_gone;  // ARNs that the machine names and nobody has made
    std::string output;                     // of an ended one, for who is told
    bool redriven = false;
    bool stepped = false;
    size_t bytes = 0;
    uint64_t computed = 0;  // Outcome::work of its steps
  };
  class Sink;

  LivePtr live(ArnHash execution);
  void wake(const LivePtr& live);
  Task<void> drive(LivePtr live);
  Task<void> turn(Live& live);
  void fail_inbox(Live& live, const Error& error);
  void forget(Live& live);
  void touch(Live& live);
  void shrink();

  Task<Result<void>> prepare(Live& live);
  Task<Result<void>> load_execution(Live& live);
  Task<Result<workflow::Payload>> load_payload(const ArnHash& id, const PayloadRef& ref);

  Task<Result<void>> look_for_activities(const Live& live, Work& work);
  Task<void> step_items(Live& live, Work& work);
  void step_item(Live& live, Work& work, Item& item);
  void step(Live& live, Work& work, const workflow::Occurrence& occurrence);
  void collect(Live& live, Work& work, workflow::Outcome outcome);
  void redrive(Live& live, Work& work, const std::string& token);
  bool has_room(const Work& work) const;

  // Ends one that cannot be loaded and was given up: true where it did. Errors: of its reads.
  Task<Result<bool>> end_unread(Live& live, Work& work, Error why);
  void write_work(Live& live, Work& work);
  void write_start(Live& live, Work& work);
  void write_effects(Live& live, Work& work);
  void write_end(Live& live, Work& work, Sink& sink);
  void write_record(Live& live, Work& work);
  void write_lists(store::Batch& batch, const Live& live) const;
  void write_span(store::Batch& batch, const Live& live) const;
  void write_status_event(store::Batch& batch, const Live& live, const std::string& output) const;
  Task<Result<void>> commit(Live& live, Work& work);
  void after_commit(Live& live, Work& work);
  void after_end(Live& live, const Work& work);
  void after_failure(Live& live, Work& work, const Error& error);
  ChildEnd child_end(const Live& live, const std::string& output) const;
  Task<void> post_after(ArnHash execution, Millis delay, workflow::Occurrence occurrence);
  event::Timer timer_of(const Live& live, const workflow::TimerRequest& request) const;

  RuntimeParts& parts_;
  event::Kernel& kernel_;
  std::vector<std::unique_ptr<ActivityQueues>>& activities_;
  Executor executor_;
  TaskScope scope_;
  MachineCache machines_;
  EffectRunner effects_;
  std::unordered_map<ArnHash, LivePtr, ArnHasher> lives_;
  std::list<ArnHash> cache_order_;  // least lately used first
  size_t cached_bytes_ = 0;
  struct Ends {
    explicit Ends(Executor executor) : signal(executor) {}
    Signal signal;
    size_t waiting = 0;
    uint64_t count = 0;  // ends told so far
  };
  std::unordered_map<ArnHash, std::unique_ptr<Ends>, ArnHasher> ends_;
  Signal stop_signal_;
  bool stopping_ = false;
};

inline constexpr std::string_view kTimerKind = "states.timer";

// The errors of executions, by AWS's codes and texts.
std::unexpected<Error> no_execution(std::string_view arn);

}  // namespace suiro::states
