// SPDX-License-Identifier: Apache-2.0
// Delivery: what every consumer of a lane does: wait until its buffer is due, read it, try, and on
// failure wait longer and longer. ObjectDelivery: a lane's records as objects of the lake.
//
//   next(): wait ─due─► cut ─► attempt ─ok─► (committed with its object) drop ─► wait
//                        ▲        │ fails
//                        └─pause()┘
//
// Invariants:
//  1. An object and the erasure of the blocks that it holds are one commit: a record is in exactly
//     one object, whenever the process dies.
//  2. One delivery of a lane at a time, in order.
//  3. A buffer is due by the age of its oldest block on disk, so a restart does not extend it.
//  4. The lake is tried for ever; records leave a lane for an object or another lane only.
// Thread: the shard of the stream.
#pragma once

#include "kernel/event/backoff.h"
#include "services/firehose/context.h"

namespace suiro::firehose {

// What a cut holds.
struct Load {
  std::vector<Bytes> records;
  std::vector<RecordPlace> places;
  std::vector<TimePoint> queued;    // of the record's block
  std::vector<TimePoint> arrivals;  // of the record's block
  TraceContext cause;               // of the first record
};

class Delivery {
 public:
  explicit Delivery(Context& context) : context_(context) {}
  using BufferingOf = Buffering (*)(const Destination& destination);

  // nullopt: the stream closes.
  Task<std::optional<Cut>> next(StatePtr state, LaneKind kind, BufferingOf buffering_of);
  Task<Result<Load>> read(StatePtr state, LaneKind kind, Cut cut);
  // Before the attempt after `failures` failed ones; ends early when the stream closes.
  Task<void> pause(StatePtr state, LaneKind kind, uint32_t failures);
  // Erases what the cut holds, and the record of its attempts.
  void consume(store::Batch& batch, const StreamState& state, LaneKind kind, const Cut& cut) const;
  // The lane after consume() was committed.
  void consumed(StreamState& state, LaneKind kind, const Cut& cut) const;
  // Persists a failed attempt.
  Task<Result<void>> remember(StatePtr state, LaneKind kind, Attempt attempt);

  event::Span span_of(const StreamState& state, const TraceContext& cause, TimePoint start) const;
  // The failed attempt in the journal and in the user's log group.
  void report(const StreamState& state, const LogPlace& place, event::Span span,
              const Error& error);

 private:
  Context& context_;
};

class ObjectDelivery {
 public:
  ObjectDelivery(Context& context, Delivery& delivery) : context_(context), delivery_(delivery) {}
  // Until the stream closes.
  Task<void> run(StatePtr state, LaneKind kind);

 private:
  struct Object {
    Bytes body;
    std::string key;
    TraceContext cause;
    size_t records = 0;
  };
  Task<Result<void>> deliver(StatePtr state, LaneKind kind, Cut cut);
  Result<void> permit(const S3Target& target,
                      const event::ObjectWriter::ObjectToWrite& object) const;
  Task<Result<void>> write(StatePtr state, LaneKind kind, Cut cut);
  std::string key_of(const StreamState& state, LaneKind kind, TimePoint arrived);

  Context& context_;
  Delivery& delivery_;
};

}  // namespace suiro::firehose
