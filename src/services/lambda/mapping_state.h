// SPDX-License-Identifier: Apache-2.0
// A mapping at work, as its readers share it. Thread: the owner shard of its function.
#pragma once

#include <map>
#include <set>
#include <string>

#include "kernel/event/event.h"
#include "services/lambda/pattern.h"
#include "services/lambda/records.h"

namespace suiro::lambda {

struct MappingState {
  explicit MappingState(Executor executor) : lane_ended(executor) {}

  Mapping record;
  Pattern pattern;
  event::PullSource* source = nullptr;    // of a queue
  event::StreamSource* stream = nullptr;  // of a stream
  uint32_t readers = 0;                   // coroutines that run for it
  uint32_t current = 0;                   // of them, those of this epoch
  uint64_t epoch = 0;                     // readers of an older epoch end: the settings changed
  bool deleting = false;
  std::string last_result = "No records processed";

  // Of a stream, in this epoch: which generation of it; shards that are read, by how many lanes;
  // shards read to their end, or gone with the stream.
  event::StreamGeneration generation;
  std::map<std::string, uint32_t> lanes;
  std::set<std::string> shards_done;
  Signal lane_ended;
};

}  // namespace suiro::lambda
