// SPDX-License-Identifier: Apache-2.0
// Outlet: hands the rows of one output to its destination, in order, each exactly once where the
// destination is inside Suiro, and at least once where it is a function.
//
// Invariants:
//  1. Rows are numbered from 1 as the engine makes them. The number of the last one delivered is
//     committed with the delivery: rows that are made again in a replay are told by their numbers
//     and left out.
//  2. A delivery is committed together with the log of the steps that made its rows, or after it.
//  3. A destination that fails is tried again for ever; the runner waits for it. A row that it can
//     never take (kTooLarge) is reported and left out.
// Thread: the runner's shard.
#pragma once

#include <deque>
#include <functional>

#include "engine/sql/input_mapper.h"
#include "services/analytics/processor.h"
#include "services/analytics/run_state.h"

namespace suiro::analytics {

inline constexpr size_t kAppendRecordsMax = 4'096;
inline constexpr size_t kAppendBytesMax = size_t{4} << 20;
inline constexpr Millis kFunctionInterval{1'000};  // between calls, where few rows wait
inline constexpr size_t kFunctionBytesWaiting = size_t{1} << 20;

// What an outlet shares with its runner.
struct OutletContext {
  event::Kernel& kernel;
  sql::OutputLayout layout;
  std::string application_arn;
  TraceContext cause;
  std::function<bool()> stopping;
  std::function<void(std::string code, std::string message)> report;
  // Adds the log of the steps so far to a batch; logged() tells that it was committed.
  std::function<void(store::Batch&)> add_log;
  std::function<void()> logged;
};

class Outlet {
 public:
  // `delivered`: as committed. `made`: as of the engine's state.
  Outlet(const OutletContext& context, Executor executor, Output output, size_t stream,
         store::Key delivered_key);

  const Output& output() const { return output_; }
  size_t stream() const { return stream_; }
  uint64_t made() const { return made_; }
  uint64_t delivered() const { return delivered_; }
  void restore(uint64_t made, uint64_t delivered);

  // Rows that the engine made. Those that were delivered before are left out.
  void add(const sql::Schema& schema, const sql::Rows& rows);
  bool empty() const { return pending_.empty(); }
  // Whether what waits should go now; functions are called once a second.
  bool due(TimePoint now) const;
  TimePoint due_at() const { return last_call_ + kFunctionInterval; }
  // Until nothing waits, or the runner stops (kClosed). Errors: kUnavailable: the store latched.
  Task<Result<void>> deliver();
  void wake() { changed_.notify_all(); }
  store::Batch delivered_batch(uint64_t rows) const;

 private:
  Task<Result<void>> append(size_t records);
  Task<Result<void>> call();
  Task<Result<void>> skip_first(const Error& error);
  Task<Result<void>> commit_delivered(size_t records);
  void forget(size_t records);
  Task<Result<void>> pause(uint32_t failures);

  const OutletContext& context_;
  Output output_;
  size_t stream_;
  store::Key delivered_key_;
  std::deque<Bytes> pending_;
  size_t pending_bytes_ = 0;
  uint64_t made_ = 0;
  uint64_t delivered_ = 0;
  TimePoint last_call_{};
  Signal changed_;
};

}  // namespace suiro::analytics
