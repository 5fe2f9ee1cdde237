// SPDX-License-Identifier: Apache-2.0
// EffectRunner: performs the effects of one shard's executions, at most performing_max at once.
// Those that only follow work that goes on elsewhere (.sync, map runs) do not count: what they wait
// for may need a place itself.
//
//   release(), found() ──► waiting ──pump(): run()──► performing ──reported──► gone
//                             │ cancelled()               │ cancelled()
//                             ▼                           ▼
//                           gone                   Performer::cancel() ──► gone
//
// Invariants:
//  1. An effect runs at most once at a time; it is released after its commit.
//  2. An effect that was cancelled and whose work may go on elsewhere (.sync, map runs) has a
//     cancel record until its Performer stopped it.
//  3. An effect that cannot be read (kCorrupt) ends its execution: States.Runtime.
// Thread: one shard's.
#pragma once

#include <deque>
#include <unordered_map>

#include "kernel/event/backoff.h"
#include "services/states/executions_parts.h"

namespace suiro::states {

class ExecutionShard;
class Performing;

class EffectRunner {
 public:
  EffectRunner(RuntimeParts& parts, ExecutionShard& shard, Executor executor);
  ~EffectRunner();

  // What an execution gives to its effects.
  struct Owner {
    ArnHash execution;
    const ExecutionRow* row = nullptr;
    MachinePtr machine;
  };
  void release(const Owner& owner, workflow::Effect effect);
  // An effect, or a cancelled one, that a start found in the store.
  void found(EffectKey key);
  void found_cancelled(EffectKey key);

  // Before the commit that cancels an effect: what belongs into its batch.
  void cancel(store::Batch& batch, EffectKey key);
  // After it.
  void cancelled(EffectKey key);
  // The effect has its result by another way (a callback): who performs it may end.
  void settled(EffectKey key);

  // Nothing more begins; what runs is asked to end. stop() waits for it.
  void begin_stop();
  Task<void> stop();
  bool stopping() const { return stopping_; }

 private:
  friend class Performing;
  using Pointer = std::shared_ptr<Performing>;
  void enqueue(Pointer effect);
  void pump();
  Task<void> run(Pointer effect);
  void give_slot(Performing& effect);
  // load(), again while the store is busy.
  Task<Result<bool>> load_surely(Performing& effect);
  Task<void> pause(uint32_t failures);
  // False where there is no such effect any more.
  Task<Result<bool>> load(Performing& effect);
  Task<void> perform(Performing& effect);
  Task<void> give_up(Performing& effect, const Error& why);
  Task<void> end_work(Performing& effect);
  // False: not before the next start; the cancel record stays.
  Task<bool> end_surely(Performing& effect, std::function<Task<Result<void>>()> attempt);
  Task<void> forget(EffectKey key);
  Task<void> commit_surely(store::Batch batch);

  RuntimeParts& parts_;
  ExecutionShard& shard_;
  Executor executor_;
  TaskScope scope_;
  Signal stop_signal_;
  std::unordered_map<EffectKey, Pointer, ArnHasher> known_;  // waiting with its call, or running
  std::deque<EffectKey> waiting_;
  size_t slots_taken_ = 0;
  size_t waiting_bytes_ = 0;  // of the calls of those that wait
  bool pumping_ = false;
  bool stopping_ = false;
};

// One effect, and what its Performer reports to.
class Performing final : public TaskReporter {
 public:
  Performing(EffectRunner& runner, EffectKey key)
      : runner_(runner), key_(key), wake_(runner.executor_) {}

  Task<Result<void>> report(workflow::Occurrence occurrence) override;
  Task<Result<void>> save(Bytes notes) override;
  Task<Result<void>> report_and_save(workflow::Occurrence occurrence, Bytes notes) override;
  bool cancelled() const override { return is_cancelled_ || is_settled_ || runner_.stopping(); }
  void follows() override;
  Task<void> wait(Millis duration) override;
  std::shared_ptr<Cancellation> cancellation() const override { return cancellation_; }

 private:
  friend class EffectRunner;
  // What waits looks at cancelled().
  void wake();
  Task<Result<void>> report_with(workflow::Occurrence occurrence, std::optional<Bytes> notes);
  // Whether work goes on elsewhere when nobody performs the effect any more.
  bool must_be_ended() const;
  std::string execution_arn() const;
  bool ends_with(const workflow::Occurrence& occurrence) const;

  EffectRunner& runner_;
  const EffectKey key_;
  Signal wake_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  std::variant<std::monostate, TaskCall, MapRunCall> call_;  // nothing: still to be loaded
  bool is_cancelled_ = false;
  bool is_settled_ = false;
  bool has_notes_ = false;
  bool has_cancel_record_ = false;
  bool is_found_ = false;  // by its key: a cancel may not have known it
  bool is_running_ = false;
  size_t waiting_bytes_ = 0;  // as the runner counts them, while it waits
  bool has_slot_ = false;     // of those that are performed at once
};

}  // namespace suiro::states
