// SPDX-License-Identifier: Apache-2.0
// StreamLane: reads one shard of a stream for one event source mapping, or its share of the
// partition keys, and invokes the function with what it reads, in order.
//
//   read ─► batch ─► too old: give up ─► filter ─► invoke ─► checkpoint ─► read
//                                                    │ fails
//                                                    ▼
//      retry the same records ◄── fewer: after the failed one (partial response), or half (bisect)
//                                 attempts used up: give up, tell the destination
//
// Invariants:
//  1. The checkpoint (position, window, state) and what a batch caused (an event for the
//     destination) are one commit, made after the batch was answered: a record is given to the
//     function at least once, and after its checkpoint never again. A failed attempt is in the
//     checkpoint too, with the batch's end: attempts are counted over restarts.
//  2. Records of one partition key are given in order, one batch at a time.
//  3. A tumbling window is closed by one final invocation before records of the next are given.
//
// Thread: the owner shard of the mapping's function. Bytes: docs/formats/lambda.md.
// Rules: "How Lambda processes records from stream and queue-based event sources", AWS Lambda
// Developer Guide.
#pragma once

#include <functional>

#include "services/lambda/context.h"
#include "services/lambda/invoker.h"
#include "services/lambda/mapping_state.h"
#include "services/lambda/stream_records.h"

namespace suiro::lambda {

class StreamLane {
 public:
  struct Place {
    std::string shard;
    uint32_t index = 0;  // of `of` lanes
    uint32_t of = 1;
  };
  StreamLane(Context& context, Invoker& invoker, std::shared_ptr<MappingState> mapping,
             uint64_t epoch, Place place);

  // Until the shard ends, the mapping changes or the service stops. True: the shard has ended, or
  // is gone with its stream.
  Task<bool> run();

 private:
  using Records = std::vector<event::StreamRecord>;
  struct Batch {
    Records records;
    uint64_t next = 0;  // where to go on behind it
    bool ended = false;
    bool window_over = false;  // the next record belongs to a later window
  };
  enum class Step { kDone, kIdle, kFailed, kEnded };

  bool active() const;
  Task<void> pause(Millis delay);
  Task<Result<void>> load();
  Task<Result<Step>> step();
  Task<Result<Batch>> gather();
  // Takes what fits; false where the batch is complete.
  bool take(Batch& batch, event::StreamBatch read, size_t& bytes);
  bool is_mine(const event::StreamRecord& record) const;
  TimePoint window_of(TimePoint time) const;
  Task<Result<Step>> process(Batch batch);
  Task<Result<void>> drop_expired(Batch& batch);
  Task<Result<void>> drop_gone(uint64_t next);
  Task<Result<Step>> invoke(Batch batch);
  Task<Result<Step>> judge(Batch batch, const Run& run, sandbox::Outcome outcome);
  Task<Result<Step>> failed(Batch batch, const Run& run);
  // The same records once more, or never again.
  Task<Result<Step>> retry(Batch batch, const Run& run, LaneProgress progress);
  Task<Result<Step>> close_window(WindowFrame::Kind kind);
  Task<Result<Run>> make_run();
  std::optional<WindowFrame> frame(WindowFrame::Kind kind) const;
  StreamOrigin origin() const;
  void emit_given_up(store::Batch& batch, GivenUp what);
  Task<Result<void>> checkpoint(LaneProgress progress, store::Batch batch);

  Context& context_;
  Invoker& invoker_;
  std::shared_ptr<MappingState> mapping_;
  const Mapping settings_;
  const uint64_t epoch_;
  const Place place_;
  LaneProgress progress_;
  uint64_t read_to_ = 0;  // from here on there are records of this lane
  std::string role_;
};

}  // namespace suiro::lambda
