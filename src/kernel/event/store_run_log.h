// SPDX-License-Identifier: Apache-2.0
// StoreRunLog: the log of runs over a store.
//
// Threads: any; it holds no state but the store's. Bytes on disk: docs/formats/event.md.
#pragma once

#include "kernel/event/run_log.h"

namespace suiro::event {

// A page of a list looks at no more rows than this; one that finds nothing in them still goes on.
inline constexpr size_t kRunRowsLookedAtMax = 100'000;

class StoreRunLog final : public RunLog {
 public:
  explicit StoreRunLog(store::Store& store) : store_(store) {}

  void record(store::Batch& batch, const Run& run) override;
  Task<Result<Run>> find(std::string id) override;
  Task<Result<RunPage>> list(RunQuery query) override;
  Task<Result<RunDurations>> durations(std::string name, size_t runs_max) override;

 private:
  // The run that an entry of a list's range stands for; `name` as in the query.
  Task<Result<Run>> run_of(store::Entry entry, bool by_name);

  store::Store& store_;
};

}  // namespace suiro::event
