// SPDX-License-Identifier: Apache-2.0
// What a running application keeps so that a restart goes on as if there had been none: the
// checkpoint (RunState), the log of steps since it, and how many rows each output was handed.
//
// A step is what the engine was given at once: pieces of shards, all rows of which carry the step's
// ROWTIME, and that ROWTIME as the bound behind them.
//
// Invariants:
//  1. Engine state, shard positions and the numbers of rows made are of the same step.
//  2. A logged step names the records by their places in the stream; where a function changed them
//     first, it holds what the function gave, since another call might give something else.
// Bytes on disk: docs/formats/analytics.md.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "kernel/event/streams.h"
#include "services/analytics/types.h"

namespace suiro::analytics {

inline constexpr uint32_t kShardsMax = 100'000;     // in one checkpoint
inline constexpr uint32_t kPiecesMax = 100'000;     // in one step
inline constexpr uint32_t kStepsMax = 1'000'000;    // in one log entry
inline constexpr uint32_t kProcessedMax = 100'000;  // records in one piece

struct ShardState {
  std::string id;
  uint32_t lane = 0;  // which of the input's in-application streams
  event::StreamPosition next;
  enum class Life : uint8_t { kOpen = 0, kEnded = 1 } life = Life::kOpen;
  std::vector<std::string> parents;
};

struct OutputState {
  std::string id;
  uint64_t made = 0;  // rows that the engine gave for it
};

// The object that a reference table was read from, in the service's own keeping.
struct ReferenceState {
  enum class Kind : uint8_t { kNone = 0, kLoaded = 1, kTooLarge = 2, kMissing = 3 };
  Kind kind = Kind::kNone;
  Bytes blob;  // store::BlobRef::encode(); empty unless kLoaded
};

// What decides, beside the program, which rows an engine takes and when: the same log gives the
// same rows with the same settings alone.
struct EngineSettings {
  uint64_t operator_bytes_max = 0;  // 0: not known; it fits any
  uint64_t state_bytes_max = 0;
  enum class Heartbeat : uint8_t { kOff = 0, kOn = 1 } heartbeat = Heartbeat::kOn;
  bool is_known() const { return operator_bytes_max != 0; }
  bool operator==(const EngineSettings&) const = default;
};

struct RunState {
  uint64_t starts = 0;   // which start of the application it belongs to
  uint64_t version = 0;  // of the application, that it runs
  std::string stream_arn;
  event::StreamGeneration generation;  // of that stream: what the positions belong to
  uint64_t fingerprint = 0;  // of what makes an engine's state readable: code, schemas, tables
  uint64_t step = 0;         // the last one in it
  int64_t rowtime_ms = 0;    // of that step
  int64_t start_ms = 0;      // when the program began: CURRENT_TIMESTAMP
  Bytes engine;              // store::BlobRef::encode(); empty: an engine at its beginning
  ReferenceState reference;
  std::vector<ShardState> shards;
  std::vector<OutputState> outputs;
  EngineSettings settings;  // of the engine that wrote it, and that made the log behind it
};

struct ProcessedRecord {
  enum class Outcome : uint8_t { kOk = 0, kDropped = 1, kFailed = 2 } outcome = Outcome::kOk;
  Bytes data;
};

struct Piece {
  std::string shard;
  uint32_t lane = 0;
  event::StreamPosition from;
  event::StreamPosition to;
  ShardState::Life life = ShardState::Life::kOpen;  // after it
  std::optional<std::vector<ProcessedRecord>> processed;
};

struct Step {
  int64_t rowtime_ms = 0;
  std::vector<ShardState> found;  // shards that were not known before it
  std::vector<Piece> pieces;
};

struct Delivered {
  uint64_t rows = 0;
};

Bytes encode(const RunState& value);
Bytes encode(const Delivered& value);
// Grows by steps, so that a step is encoded once.
class LogWriter {
 public:
  void add(const Step& step);
  bool empty() const { return count_ == 0; }
  size_t size_bytes() const { return steps_.size(); }
  uint64_t count() const { return count_; }
  Bytes entry() const;
  void clear();

 private:
  Bytes steps_;
  uint32_t count_ = 0;
};

// Errors: kCorrupt.
Result<RunState> decode_run(ByteView bytes);
Result<std::vector<Step>> decode_steps(ByteView bytes);
Result<Delivered> decode_delivered(ByteView bytes);

}  // namespace suiro::analytics
