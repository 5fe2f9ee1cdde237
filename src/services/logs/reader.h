// SPDX-License-Identifier: Apache-2.0
// Reading the events of one stream in order of time, though its blocks may overlap.
//
// Forward, an event is handed out once no unread block can hold an earlier one: unread blocks begin
// no earlier than the last one that was read. Backward, an unread block ends at most
// Stream::block_span after the begin of the last one that was read. Thread: an instance belongs to
// one coroutine.
#pragma once

#include <optional>
#include <set>

#include "services/logs/storage.h"

namespace suiro::logs {

// Half open in time; positions beyond `after`, or before `before`, where given.
struct Window {
  TimePoint begin = {};
  TimePoint end = TimePoint::max();
  std::optional<Position> after = {};
  std::optional<Position> before = {};

  bool holds(const Position& at) const {
    return at.time >= begin && at.time < end && (!after || at > *after) &&
           (!before || at < *before);
  }
};

class ForwardReader {
 public:
  struct Size {
    size_t rows = 16;
    size_t bytes = 512 << 10;
  };
  ForwardReader(Storage& storage, GroupId group, Stream stream, Window window, Size size);

  // Makes head() the next event. False at the end. Errors: those of the store.
  Task<Result<bool>> fill();
  const LogEvent& head() const { return *buffer_.begin(); }
  LogEvent pop() { return std::move(buffer_.extract(buffer_.begin()).value()); }

 private:
  struct ByPosition {
    bool operator()(const LogEvent& a, const LogEvent& b) const { return a.at < b.at; }
  };
  Storage& storage_;
  Window window_;
  Storage::BlockScan scan_;
  TimePoint read_to_ = {};  // unread blocks begin no earlier
  bool exhausted_ = false;
  std::set<LogEvent, ByPosition> buffer_;
};

struct ReadLimit {
  size_t events = kReadEventsMax;
  size_t bytes = kReadBytesMax;
};

// The first events of the window that fit, at least one where there is one.
Task<Result<std::vector<LogEvent>>> read_first(Storage& storage, GroupId group, Stream stream,
                                               Window window, ReadLimit limit);
// The last events of the window that fit, in order of time.
Task<Result<std::vector<LogEvent>>> read_last(Storage& storage, GroupId group, Stream stream,
                                              Window window, ReadLimit limit);

}  // namespace suiro::logs
