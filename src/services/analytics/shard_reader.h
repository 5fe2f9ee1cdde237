// SPDX-License-Identifier: Apache-2.0
// ShardReader: reads one shard ahead of the runner, and has a function process the records where
// the input asks for it.
//
// Invariants:
//  1. What is ready is in the order of the shard, without gaps but those that the stream's
//     retention made.
//  2. At most kAheadBytesMax, and one read more, are held.
//  3. A function that fails is called again for ever; nothing is passed over.
//  4. It reads one generation of the stream: where that is deleted, or the shard, it is gone(), and
//     what was read before is still ready.
// Thread: the runner's shard.
#pragma once

#include <deque>
#include <functional>

#include "services/analytics/processor.h"
#include "services/analytics/run_state.h"

namespace suiro::analytics {

inline constexpr size_t kReadRecordsMax = 8'192;
inline constexpr size_t kReadBytesMax = size_t{1} << 20;
inline constexpr size_t kAheadBytesMax = size_t{4} << 20;
inline constexpr Millis kReadWait{1'000};

using Records = std::shared_ptr<const std::vector<event::StreamRecord>>;

struct Fetched {
  Piece piece;
  Records records;
  size_t size_bytes = 0;
  uint64_t millis_behind = 0;
};

// What every reader of an application shares with its runner.
struct ReaderContext {
  event::Kernel& kernel;
  event::StreamSource* source = nullptr;
  std::string stream_arn;
  std::optional<FunctionCall> function;
  TraceContext cause;
  std::function<bool()> stopping;
  std::function<void()> on_ready;
  std::function<void(std::string code, std::string message)> report;
};

class ShardReader {
 public:
  ShardReader(const ReaderContext& context, Executor executor, const ShardState& shard,
              event::StreamGeneration generation)
      : context_(context), shard_(shard), generation_(generation), changed_(executor) {}

  // Until the shard's end, or until the runner stops.
  Task<void> run();
  // The oldest that is ready; null: nothing.
  const Fetched* front() const { return ready_.empty() ? nullptr : &ready_.front(); }
  Fetched take();
  // run() has ended because there is nothing to read any more, and all was taken.
  bool gone() const { return gone_ && ready_.empty(); }
  // The same for a shard that was read to its end.
  bool ended() const { return shard_.life == ShardState::Life::kEnded && ready_.empty(); }
  void wake() { changed_.notify_all(); }

 private:
  Task<Result<void>> read_once();
  Task<Result<void>> process(Fetched& fetched);
  Task<void> pause(uint32_t failures);

  const ReaderContext& context_;
  ShardState shard_;  // its position runs ahead of the runner's
  event::StreamGeneration generation_;
  bool gone_ = false;
  std::deque<Fetched> ready_;
  size_t ready_bytes_ = 0;
  Signal changed_;  // there is room, or the runner stops
};

}  // namespace suiro::analytics
