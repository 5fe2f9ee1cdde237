// SPDX-License-Identifier: Apache-2.0
// ActivityQueues: work of activities waits for workers: durable, first come first served.
//
// The rows are written in the commit of the execution that scheduled the work; a worker gets one
// when the execution has committed that it began (ActivityStarted), together with the row's end:
// work is handed out once, unless the answer to the worker is lost (its state then times out, as
// with AWS).
// Thread: one shard's, that of the activity; added() from any. Memory: kActivityRowsAtOnce keys and
// kActivityPollersMax workers of an activity that is polled; none of others.
#pragma once

#include <deque>
#include <set>
#include <unordered_map>

#include "services/states/executions_parts.h"

namespace suiro::states {

class ActivityQueues {
 public:
  // Commits that the effect began, and that its row is gone; false: nobody waits for it any more,
  // the row is gone all the same.
  using Begin =
      std::function<Task<Result<bool>>(EffectKey effect, std::string worker, store::Batch also)>;
  ActivityQueues(RuntimeParts& parts, Executor executor, Begin begin);
  ~ActivityQueues();

  // Errors: ActivityWorkerLimitExceeded, those of the store.
  Task<Result<ActivityTask>> take(std::string activity_arn, std::string worker,
                                  std::shared_ptr<Cancellation> cancellation);
  // Rows were committed. Any thread.
  void added(ArnHash activity);
  Executor executor() const { return executor_; }
  Task<void> stop();

 private:
  struct Queue {
    explicit Queue(Executor executor) : signal(executor) {}
    Signal signal;
    std::deque<store::Key> rows;
    std::set<store::Key> taken;  // being handed out
    bool is_read = false;        // rows holds all that there is
    bool is_reading = false;
    size_t pollers = 0;
  };
  Task<Result<ActivityTask>> take_from(Queue& queue, ArnHash activity, std::string worker,
                                       std::shared_ptr<Cancellation> cancellation);
  Task<Result<void>> read(Queue& queue, ArnHash activity);
  Task<Result<std::optional<ActivityTask>>> hand_out(store::Key row, std::string worker);

  RuntimeParts& parts_;
  Executor executor_;
  Begin begin_;
  std::unordered_map<ArnHash, std::unique_ptr<Queue>, ArnHasher> queues_;
  Signal idle_;
  bool stopping_ = false;
};

}  // namespace suiro::states
