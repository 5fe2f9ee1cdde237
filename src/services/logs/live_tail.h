// SPDX-License-Identifier: Apache-2.0
// Live tails: log events handed to watchers as they become durable ("StartLiveTail", Amazon
// CloudWatch Logs API Reference).
//
//   publish() (the writer's shard) ─► each LiveTail's own shard: offer() ─► next(), once a second
//
// Invariants:
//  1. Where nobody watches, publish() costs one atomic load.
//  2. A tail holds at most kTailEventsMax events between two updates; beyond them it samples, and
//     says so.
// Threads: publish() from any shard; a tail's other methods on the shard that it was started on.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/task.h"
#include "services/logs/pattern.h"
#include "services/logs/types.h"

namespace suiro::logs {

// "StartLiveTail": 500 events a second, ten groups, three hours.
inline constexpr size_t kTailEventsMax = 500;
inline constexpr size_t kTailGroupsMax = 10;
inline constexpr Millis kTailTime = std::chrono::hours(3);
inline constexpr Millis kTailInterval = std::chrono::seconds(1);
inline constexpr size_t kTailsMax = 100;

struct TailEvent {
  std::string group;
  std::string stream;
  TimePoint time;
  TimePoint ingested;
  std::string message;
};

class LiveTail {
 public:
  struct Options {
    std::vector<std::string> groups;
    std::vector<std::string> streams;   // empty: all
    std::vector<std::string> prefixes;  // empty: all
    std::string pattern;
  };
  LiveTail(Options options, Pattern pattern, Executor executor)
      : options_(std::move(options)), pattern_(std::move(pattern)), executor_(executor) {}

  struct Update {
    std::vector<TailEvent> events;
    bool sampled = false;  // more came than are here
  };
  // What came since the last call.
  Update take();

 private:
  friend class LiveTails;
  bool wants(std::string_view group, std::string_view stream) const;
  void offer(std::vector<TailEvent> events);

  Options options_;
  Pattern pattern_;
  Executor executor_;
  Update update_;
};

class LiveTails {
 public:
  // A tail ends when its last owner lets go of it. Errors: LimitExceededException.
  Result<std::shared_ptr<LiveTail>> add(LiveTail::Options options, Pattern pattern,
                                        Executor executor);
  void publish(const std::string& group, const std::string& stream, TimePoint ingested,
               const std::vector<NewEvent>& events);

 private:
  using List = std::vector<std::weak_ptr<LiveTail>>;
  std::atomic<std::shared_ptr<const List>> tails_ = std::make_shared<const List>();
};

}  // namespace suiro::logs
