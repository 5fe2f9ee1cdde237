// SPDX-License-Identifier: Apache-2.0
// What a sandbox prints: bytes of its output become lines, lines go to the consumer in order, and
// the last bytes of an invocation are kept for its caller.
//
// Invariants:
//  1. Lines reach the consumer in the order of add(), one batch at a time.
//  2. At most kQueuedBytesMax wait, plus what one drain adds: then full() holds and the reader
//  pauses.
// Thread: one executor.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "engine/sandbox/sandbox.h"

namespace suiro::sandbox {

inline constexpr size_t kQueuedBytesMax = 1024 * 1024;

// Cuts bytes into lines without their end ("\n" or "\r\n"); lines longer than kLogLineBytesMax are
// cut.
class LineSplitter {
 public:
  std::vector<std::string> feed(std::string_view bytes);
  // The line that has no end yet; empty when there is none.
  std::string flush();

 private:
  std::string open_;
};

class LogQueue {
 public:
  LogQueue(Executor executor, Clock& clock, LogConsumer consumer);
  void add(std::string line);
  void add_all(std::vector<std::string> lines);
  bool full() const { return queued_bytes_ > kQueuedBytesMax; }
  // Waits until it is not full any more, or closing.
  Task<void> wait_for_space();
  // Hands lines over until close() was called and nothing is left. Run once in a scope.
  Task<void> run();
  void close();

  // Begins the tail anew.
  void start_tail() { tail_.clear(); }
  // The last kLogTailBytes since start_tail().
  std::string tail() const;

 private:
  Clock& clock_;
  LogConsumer consumer_;
  Signal changed_;
  Signal space_;
  std::vector<LogLine> lines_;
  size_t queued_bytes_ = 0;
  std::string tail_;
  bool closing_ = false;
};

}  // namespace suiro::sandbox
