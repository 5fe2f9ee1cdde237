// SPDX-License-Identifier: Apache-2.0
// Lane: what memory knows of one queue of blocks on disk: their numbers, bytes and times, not their
// records.
//
//   begin() ─► in flight ─commit()─► held ─cut()─► being delivered ─drop()─► gone
//                  └──────abort()─► (the number is left out)
//
// Invariants:
//  1. held and in-flight numbers are those on disk or on their way there; numbers are never reused.
//  2. A cut ends below every block in flight, so that its range of keys holds exactly its blocks.
//  3. What was cut once is cut at the same place again: no later block joins its last segment.
//  4. Small neighbours share one account (kSegmentBytes), so a backlog costs bounded memory.
// Thread: the shard of the delivery stream.
#pragma once

#include <deque>
#include <optional>
#include <set>

#include "base/clock.h"
#include "services/firehose/types.h"

namespace suiro::firehose {

// Blocks first..last that are delivered together.
struct Cut {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t bytes = 0;
  TimePoint arrived;  // of the oldest record
};

class Lane {
 public:
  struct Held {
    uint64_t number = 0;
    uint64_t bytes = 0;
    TimePoint arrived;
    TimePoint queued;
  };
  Lane(Executor executor, uint64_t next) : grown(executor), next_(next) {}

  uint64_t begin() {
    in_flight_.insert(next_);
    return next_++;
  }
  void commit(const Held& block);
  void abort(uint64_t number);
  // From disk, in order of numbers. A segment does not reach over `boundary`.
  void load(const Held& block, uint64_t boundary);

  // From the oldest block to the one with which `bytes` are reached, or to the newest.
  std::optional<Cut> cut(uint64_t bytes);
  // From the oldest block up to `last`.
  std::optional<Cut> cut_until(uint64_t last);
  void drop(const Cut& cut);

  uint64_t bytes() const { return bytes_; }
  bool empty() const { return segments_.empty(); }
  // When the oldest block was queued.
  std::optional<TimePoint> oldest() const;

  Signal grown;  // rung when a block was held, and when the stream changes or closes

 private:
  struct Segment {
    uint64_t first, last, bytes;
    TimePoint arrived, queued;
  };
  void hold(const Held& block, uint64_t boundary);
  uint64_t limit() const { return in_flight_.empty() ? next_ : *in_flight_.begin(); }

  std::deque<Segment> segments_;
  std::set<uint64_t> in_flight_;
  uint64_t next_;
  uint64_t bytes_ = 0;
  uint64_t sealed_ = 0;  // the last block of any cut
};

}  // namespace suiro::firehose
