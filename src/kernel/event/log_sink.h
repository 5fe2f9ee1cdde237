// SPDX-License-Identifier: Apache-2.0
// LogSink: where lines go that Suiro's own services write for their users (a function's output).
// The logs service implements it; the others reach it through Kernel, since no service calls a
// sibling.
//
// Invariants:
//  1. append() never waits and never fails its caller. Lines are durable within kLogFlushInterval
//  and
//     a commit, and on stop; a crash loses at most the lines that were not flushed.
//  2. Memory is bounded: beyond kLogSinkBytesMax of unflushed lines new ones are dropped, and a
//  line
//     in the stream says how many.
//  3. Lines of one stream keep the order of their append() calls, where these come from one thread.
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "kernel/store/store.h"

namespace suiro::event {

inline constexpr Millis kLogFlushInterval{200};
inline constexpr size_t kLogSinkBytesMax = 32 << 20;

struct LogLine {
  TimePoint time;
  std::string message;  // without the line's end
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Group and stream ("/aws/lambda/f", "2026/01/02/[$LATEST]0123...") are created on first use.
  virtual void append(std::string group, std::string stream, std::vector<LogLine> lines) = 0;
  // The same for a caller that can wait and must not lose a line: the lines are durable, in one
  // commit with `also`, when this completes. Group and stream are created on first use.
  // Errors: those of the store; nothing was written then.
  virtual Task<Result<void>> write(std::string group, std::string stream,
                                   std::vector<LogLine> lines, store::Batch also) = 0;
};

}  // namespace suiro::event
