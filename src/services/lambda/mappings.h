// SPDX-License-Identifier: Apache-2.0
// MappingRunner: event source mappings. Readers take batches from a queue and invoke the function
// with them; their number follows the queue's depth. Of a stream, each shard is read by lanes
// (stream_lane.h), which a supervisor starts.
//
//   reader: pull -> (wait for the batching window) -> filter -> invoke -> ack what succeeded ->
//   pull
//     one reader stays and polls; another starts when a batch leaves records behind (backlog > 0),
//     up to MaximumConcurrency or what the machine can run; a reader beyond the first that finds
//     nothing ends.
//
// Invariants:
//  1. A record is removed from its queue (PullSource::ack) only after an invocation that succeeded
//  for
//     it; until then its visibility timeout brings it back, and the queue's own rules send it to
//     the dead-letter queue.
//  2. What does not match the filters is removed without an invocation.
//  3. A reader runs on the shard of the mapping's function, in that shard's scope.
//
// Rules: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/lambda/context.h"
#include "services/lambda/invoker.h"
#include "services/lambda/mapping_state.h"
#include "services/lambda/stream_lane.h"

namespace suiro::lambda {

class MappingRunner {
 public:
  MappingRunner(Context& context, Invoker& invoker)
      : context_(context), invoker_(invoker), by_shard_(context.kernel.shards.size()) {}

  // Starts (or starts anew, with changed settings) the readers of an enabled mapping.
  Result<void> apply(Mapping mapping);
  // The state of a mapping of this shard; null when there is none.
  MappingState* find(const std::string& uuid);
  std::vector<Mapping> of_function(const std::string& function) const;
  // Ends the readers; the mapping is forgotten when the last one has ended.
  void remove(const std::string& uuid);

 private:
  using Held = std::shared_ptr<MappingState>;
  using Records = std::vector<event::SourceRecord>;
  static Task<void> reader(MappingRunner* runner, Held mapping, uint64_t epoch);
  // How one round of a reader ended.
  enum class Round { kWorked, kIdle, kFailed };
  Task<Round> round(Held mapping, uint64_t epoch);
  std::string obstacle(const Mapping& mapping);
  void start_reader(const Held& mapping);
  bool active(const MappingState& mapping, uint64_t epoch) const;
  Task<Result<Records>> gather(Held mapping, uint64_t epoch);
  Task<void> grow(Held mapping, uint64_t epoch);
  Task<bool> process(Held mapping, Records records);
  Task<bool> invoke(Held mapping, Records records);
  Task<Result<sandbox::Outcome>> invoke_patiently(Held mapping, Run run);
  Task<bool> finish(Held mapping, Records records, sandbox::Outcome outcome);
  Task<bool> drop_unmatched(Held mapping, Records* records);
  uint32_t readers_max(const MappingState& mapping);
  Task<void> pause(Millis delay);
  void forget_if_done(const MappingState& mapping);

  // stream_mappings.cc
  static Task<void> supervisor(MappingRunner* runner, Held mapping, uint64_t epoch);
  static Task<void> lane(MappingRunner* runner, Held mapping, uint64_t epoch,
                         StreamLane::Place place);
  Task<Result<void>> look_at_shards(Held mapping, uint64_t epoch);
  void start_lanes(const Held& mapping, uint64_t epoch, const std::string& shard);
  Task<Result<void>> enter_generation(Held mapping, const std::vector<event::StreamShard>& shards);
  Task<Result<bool>> prepare_shard(Held mapping, event::StreamShard shard);
  Task<Result<void>> forget_shards(Held mapping, const std::vector<event::StreamShard>& shards);

  Context& context_;
  Invoker& invoker_;
  // One map a shard, touched on its thread alone.
  std::vector<std::map<std::string, Held>> by_shard_;
};

// The ids that a partial batch response names; nullopt: the whole batch failed (malformed
// response). An absent or empty list is success ("Reporting batch item failures for Lambda
// functions with an Amazon SQS trigger").
std::optional<std::vector<std::string>> failed_items(ByteView response);

}  // namespace suiro::lambda
