// SPDX-License-Identifier: Apache-2.0
// StreamFollower: reads all shards of a stream for one reader, which keeps the positions.
//
//   shards() ─► a loop for each shard whose parents were read to their end
//   loop: read ─► StreamReader::take (commits the position) ─► read ... ─► ended
//
// Invariants:
//  1. Records are read again until take() succeeds with them; later ones come only then. What
//  take()
//     commits together with the position counts once.
//  2. A shard's records come in order, and behind those of its parents.
//  3. A position of another generation of the stream is not used: of a stream that was made again
//     under its name everything is read.
// Thread: one executor's. run() ends after stop(), when the last take() has ended.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "kernel/event/backoff.h"
#include "kernel/event/kernel.h"

namespace suiro::event {

// Where a reader of a shard goes on.
struct FollowPosition {
  uint64_t offset = 0;
  bool ended = false;  // a closed shard, read to its end
  StreamGeneration generation = {};
};

class StreamReader {
 public:
  virtual ~StreamReader() = default;
  // nullopt: nothing was read of this shard yet.
  virtual Task<Result<std::optional<FollowPosition>>> stored(std::string shard) = 0;
  // Where shards without a stored position begin. The same after every restart, so that nothing is
  // passed over: a child of a split, a stream that was made again, may have been written to before
  // it is seen.
  virtual Task<Result<StreamStart>> start() = 0;
  // Commits `next` together with what it made of the records. Errors: any; tried again with pauses.
  virtual Task<Result<void>> take(std::string shard, std::vector<StreamRecord> records,
                                  FollowPosition next) = 0;
};

// Reminder: when to tell of an error that stays: at once, then after 1, 2, 4 ... minutes, at last
// once an hour.
class Reminder {
 public:
  bool is_due(TimePoint now) {
    if (now < next_) return false;
    next_ = now + quiet_;
    quiet_ = std::min<Millis>(quiet_ * 2, kLongest);
    return true;
  }
  // The error has gone; the next one is told at once.
  void reset() { *this = {}; }

 private:
  static constexpr Millis kShortest = std::chrono::minutes(1);
  static constexpr Millis kLongest = std::chrono::hours(1);
  Millis quiet_ = kShortest;
  TimePoint next_{};
};

class StreamFollower {
 public:
  struct Options {
    std::string stream_arn;
    size_t records_max = 10'000;
    size_t bytes_max = 4 << 20;
    Backoff backoff{std::chrono::seconds(1), std::chrono::minutes(5)};
  };
  // The reader outlives run().
  StreamFollower(Kernel& kernel, Executor executor, Options options, StreamReader& reader);

  Task<void> run();
  void stop();
  bool stopping() const { return stopping_; }
  // Sleeps, but not beyond stop().
  Task<void> pause(Millis duration);

  // How far the slowest shard's last read was behind its stream's end.
  uint64_t millis_behind() const;
  // Of the last failed look or take; empty after one that succeeded.
  const std::string& last_error() const { return last_error_; }

 private:
  struct Progress {
    StreamGeneration generation;
    bool ended = false;
  };
  Task<Result<void>> look();
  Task<void> look_and_tell();
  // Whether this shard is read, or need not be read.
  bool is_known(const StreamShard& shard) const;
  bool has_ended(const std::string& shard, StreamGeneration generation) const;
  Task<Result<FollowPosition>> begin_of(StreamShard shard);
  Task<void> read_shard(std::string shard, FollowPosition position);
  Task<Result<void>> read_once(const std::string& shard, FollowPosition& position);

  Kernel& kernel_;
  TaskScope scope_;
  Options options_;
  StreamReader& reader_;
  Signal stopped_;
  bool stopping_ = false;
  std::map<std::string, Progress> known_;
  std::map<std::string, uint64_t> behind_;
  std::string last_error_;
  Reminder look_failure_;
};

}  // namespace suiro::event
