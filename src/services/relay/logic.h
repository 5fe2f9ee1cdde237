// SPDX-License-Identifier: Apache-2.0
// Relay: forwards one stream to a stream at another endpoint.
//
//   StreamFollower ─► take(window) ─► calls until every record was taken ─► checkpoint, one commit
//                                       ▲ records failed: the same, after a pause
//                                       └────────────────────┘
//
// Invariants:
//  1. Records of one partition key reach the target in their order: a key is in one call at a time
//     (unless the target's puts are atomic), and waits while its record is repeated.
//  2. The checkpoint moves when all of a window was taken: at least once. After a crash at most the
//     last window is sent again.
//  3. Nothing is passed over: what the target refuses is repeated with pauses, and the relay's
//     status tells why. A source that is deleted and made again is read from its beginning.
// Thread: one shard's, by the relay's name; status() from any.
#pragma once

#include <atomic>
#include <mutex>

#include "kernel/event/stream_follower.h"
#include "services/relay/storage.h"
#include "services/relay/target.h"

namespace suiro::relay {

inline constexpr size_t kWindowRecordsMax = 2000;
inline constexpr size_t kWindowBytesMax = 4 << 20;
inline constexpr Millis kCallTimeout = std::chrono::seconds(60);
inline constexpr Millis kRetryFirst{100};
inline constexpr Millis kRetryLongest = std::chrono::seconds(30);

struct RelayStatus {
  std::string name;
  std::string source;
  std::string endpoint;
  std::string stream;
  uint64_t records = 0;  // taken by the target since the start
  uint64_t bytes = 0;
  uint64_t retries = 0;        // calls that were repeated, in whole or in part
  uint64_t millis_behind = 0;  // age of the oldest record that is not yet taken; 0: none waits
  std::string last_error;      // empty: the last call went well
};

class Relay final : public event::StreamReader {
 public:
  Relay(event::Kernel& kernel, Executor executor, RelayConfig config, Send send);

  // Until stop().
  Task<void> run();
  void stop() { follower_.stop(); }
  RelayStatus status() const;

  Task<Result<std::optional<event::FollowPosition>>> stored(std::string shard) override;
  Task<Result<event::StreamStart>> start() override;
  Task<Result<void>> take(std::string shard, std::vector<event::StreamRecord> records,
                          event::FollowPosition next) override;

 private:
  Task<Result<Origin>> origin();
  Task<Result<void>> send_all(const std::string& shard,
                              const std::vector<event::StreamRecord>& records);
  void waits(const std::string& shard, std::optional<TimePoint> oldest);
  // Takes what went through out of `waiting`.
  Task<Result<void>> send_some(const std::vector<event::StreamRecord>& records,
                               std::vector<size_t>& waiting);
  void count(const std::vector<event::StreamRecord>& records, const std::vector<size_t>& taken);
  void tell(const std::string& error, uint32_t failures);

  event::Kernel& kernel_;
  const RelayConfig config_;
  Send send_;
  std::optional<event::StreamStart> start_;  // once known
  event::StreamFollower follower_;
  mutable std::mutex mutex_;  // guards what follows
  RelayStatus status_;
  std::map<std::string, TimePoint>
      waiting_since_;  // by shard: arrival of its window's first record
};

}  // namespace suiro::relay
