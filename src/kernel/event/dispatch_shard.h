// SPDX-License-Identifier: Apache-2.0
// DispatchShard: the dispatcher's work on one shard: the lanes of the targets that this shard owns.
//
// A lane reads its part of the log in key order. `loaded_to` is the last key taken into memory; a
// lane that is `behind` has records beyond it that are on disk only.
//
//   live ──no room: on_records()──► behind ──scan reached the end: load()──► live
//
// Invariants:
//  1. A record is taken up once: from the observer while the lane is live, by a scan while it is
//  behind.
//  2. A lane that fails is paused: one probe at a time, further and further apart, until one
//  succeeds.
// Thread: the shard's, except offer().
#pragma once

#include <deque>
#include <mutex>
#include <set>
#include <unordered_map>

#include "kernel/event/dispatcher.h"
#include "kernel/event/event_log.h"

namespace suiro::event {

class DispatchShard {
 public:
  DispatchShard(DispatchParts parts, DispatchCounts& counts, size_t shard);

  // Hands over a durable record. Any thread; never waits. Returns at once.
  void offer(store::AppendedRecord record);
  // Records of this lane are on disk.
  void found(LaneId lane);
  // From now on a lane that is seen for the first time has nothing older on disk.
  void discovered() { discovered_ = true; }
  Task<void> stop();

 private:
  struct Queued {
    store::Key key;
    Event event;
    size_t size_bytes;
  };
  struct Lane {
    LaneId id;
    store::Key loaded_to;
    std::deque<Queued> ready;
    size_t in_flight = 0;
    bool behind = false;
    bool loading = false;
    bool missed = false;    // a record was left to the scan while a scan ran
    uint32_t failures = 0;  // rounds in a row
    bool put_back = false;  // the store failed, not the target: nothing can be done meanwhile
    TimePoint paused_at = {};
    TimePoint paused_until = {};
    std::unique_ptr<Clock::Alarm> alarm;
  };
  enum class Outcome { kDone, kPutBack };

  void drain_inbox();
  Lane& lane(LaneId id);
  void on_record(store::AppendedRecord record);
  bool has_room(const Lane& lane) const;
  bool expired(const Event& event) const;
  void take(Lane& lane, store::Key key, Bytes value);
  void pump(LaneId id);
  bool may_start(const Lane& lane) const;
  void arm(Lane& lane);
  void pause(Lane& lane, TimePoint began);
  Task<void> load(LaneId id, store::Key after, size_t rows);
  Task<void> run(LaneId id, Queued queued);
  Task<Outcome> deliver(LaneId id, Queued& queued);
  Task<Outcome> after_failure(LaneId id, Queued& queued, Error error, TimePoint began);
  Task<Outcome> retry_later(Queued& queued, const Error& error);
  Task<Outcome> bury(Queued& queued, std::string condition, const Error& error);
  Task<Outcome> commit(store::Batch batch);
  Span span_of(const Event& event, Span::Status status, std::string reason) const;
  store::Batch consume_of(const Queued& queued) const;

  DispatchParts parts_;
  DispatchCounts& counts_;
  Executor executor_;
  TaskScope scope_;
  std::unordered_map<LaneId, Lane> lanes_;
  size_t events_ = 0;  // in memory
  size_t bytes_ = 0;
  bool discovered_ = false;

  std::mutex inbox_mutex_;
  std::vector<store::AppendedRecord> inbox_;
  std::set<LaneId> inbox_behind_;  // lanes whose records found the inbox full
  bool inbox_posted_ = false;
};

}  // namespace suiro::event
