// SPDX-License-Identifier: Apache-2.0
// Committer: the one thread that changes the store.
//
//   submit() -> queue -> take_group() -> evaluate() each in order -> one synced write -> resume all
//
// Invariants:
//  1. Conditions of a batch see every earlier batch, those of the same group included.
//  2. A batch whose condition fails changes nothing and holds up nobody.
//  3. After a failed write nothing is written again: the latch is closed.
//  4. The committer waits for company before it syncs: at most a part of what the last sync took,
//  and
//     only while fewer batches wait than the last group had. Clients that were answered together
//     come back together; without the wait the first of them would go alone and hold up all others.
//     A lone client never waits.
//  5. Waiters of a group resume after the group is durable, one post for each executor; then the
//     observers of appended records are told, in commit order.
//
// Threads: submit() from any. With Threads::kNone, submit() commits on the calling thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "kernel/store/batch.h"
#include "kernel/store/io_pool.h"
#include "kernel/store/known_versions.h"
#include "kernel/store/rocks_core.h"

namespace rocksdb {
class WriteBatch;
}

namespace suiro::store {

class Overlay;

class Committer {
 public:
  using Resume = std::move_only_function<void(Result<CommitReceipt>)>;
  struct Pending {
    Batch batch;
    std::optional<Executor> executor;  // of the waiter; none: nobody waits
    Resume resume;
    Result<CommitReceipt> result = CommitReceipt();
    bool written = false;
    uint64_t sequence = 0;
  };
  // Called on the committer's thread with the blob files that a durable group released.
  using ReleaseFiles = std::function<void(std::vector<Bytes> ids)>;

  Committer(std::shared_ptr<RocksCore> core, Threads threads, ReleaseFiles release_files);
  ~Committer();  // commits what waits, then joins

  void submit(Pending pending);
  enum class Watch { kAppends, kPuts };
  void observe(Watch watch, Key prefix, Store::AppendObserver observer);

 private:
  void loop();
  void await_company(std::unique_lock<std::mutex>& lock);
  std::vector<Pending> take_group();
  void commit_group(std::vector<Pending> group);
  Result<void> write_group(std::vector<Pending>& group);
  Result<void> evaluate(const BatchParts& parts, const Overlay* overlay);
  Result<bool> holds_on_disk(const Condition& condition);
  void settle(std::vector<Pending>& group);
  void tell_observers(const std::vector<Pending>& group);
  static void resume_all(std::vector<Pending>& group);

  std::shared_ptr<RocksCore> core_;
  ReleaseFiles release_files_;
  struct Observer {
    Watch watch;
    Key prefix;
    Store::AppendObserver tell;
  };
  std::vector<Observer> observers_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;
  size_t queue_bytes_ = 0;
  std::unique_ptr<rocksdb::WriteBatch> write_batch_;  // whoever commits
  KnownVersions known_;                     // whoever commits
  size_t last_group_ = 0;                   // batches
  std::chrono::nanoseconds last_write_{0};  // how long it took; the committer's thread only
  bool stopping_ = false;
  const bool inline_;
  bool inline_busy_ = false;  // kNone: a submit() inside an observer joins the queue
  std::thread thread_;
};

}  // namespace suiro::store
