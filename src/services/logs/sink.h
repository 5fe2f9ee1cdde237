// SPDX-License-Identifier: Apache-2.0
// Sink: the kernel's LogSink on the logs service: lines of functions and of Suiro itself, gathered
// for kLogFlushInterval and written in one commit.
//
//   append() (any thread) ─► take() on the sink's shard ─► alarm ─► flush(): Logic::write()
//
// Lines that cannot be written (the store is latched) are dropped, and the process's log says so.
#pragma once

#include <atomic>
#include <map>
#include <memory>

#include "kernel/event/log_sink.h"
#include "services/logs/logic.h"

namespace suiro::logs {

inline constexpr size_t kSinkCommitBytesMax = 4 << 20;
inline constexpr size_t kSinkNoticesMax = 1024;
// AWS's largest event; longer lines are cut into several.
inline constexpr size_t kSinkLineBytesMax = 256 << 10;

class Sink final : public event::LogSink {
 public:
  Sink(event::Kernel& kernel, Logic& logic);

  void append(std::string group, std::string stream, std::vector<event::LogLine> lines) override;
  Task<Result<void>> write(std::string group, std::string stream, std::vector<event::LogLine> lines,
                           store::Batch also) override;
  // Writes what is there. What is appended later is dropped.
  Task<void> stop();

 private:
  struct Waiting {
    std::vector<NewEvent> events;
    size_t size_bytes = 0;
    size_t dropped = 0;
  };
  using Name = std::pair<std::string, std::string>;  // group, stream

  void take(Name name, std::vector<event::LogLine> lines, size_t size_bytes, size_t dropped);
  void arm();
  Task<void> flush();
  Task<void> write_all();

  event::Kernel& kernel_;
  Logic& logic_;
  Executor executor_;
  TaskScope scope_;
  std::atomic<size_t> bytes_ = 0;    // appended and not yet written
  std::atomic<size_t> notices_ = 0;  // posted words of dropped lines
  std::map<Name, Waiting> waiting_;
  std::unique_ptr<Clock::Alarm> alarm_;
  bool flushing_ = false;
};

}  // namespace suiro::logs
