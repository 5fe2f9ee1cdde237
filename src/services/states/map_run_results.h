// SPDX-License-Identifier: Apache-2.0
// What a distributed Map gives when its children have ended: their results as the state's output,
// or written to files by the ResultWriter. Reads inputs and ends in the order of the items, a page
// at a time.
//
// Invariant: files have the same keys in every attempt, so that one after a crash replaces those of
// the one before.
// Threads: one coroutine. Failure: States.DataLimitExceeded, States.ResultWriterFailed; with
// Retry::kLater what may pass.
#pragma once

#include "engine/workflow/result_files.h"
#include "kernel/event/kernel.h"
#include "kernel/event/operation_caller.h"
#include "services/states/map_runs.h"
#include "services/states/storage_map_run.h"

namespace suiro::states {

class RunResults {
 public:
  // What the arguments point to outlives this.
  RunResults(event::Kernel& kernel, event::OperationCaller* operations, const MapRunCall& call,
             const ChildFamily& family, uint64_t children);
  // JSON text: the Map's result.
  Task<Result<std::string>> make();
  // Whether files are written, also for a run that failed.
  bool writes_files() const;

 private:
  struct Page {
    std::vector<workflow::ChildResult> children;
    uint64_t next = 0;
  };
  Task<Result<Page>> read(uint64_t from) const;
  Task<Result<std::string>> make_output();
  Task<Result<std::string>> write_files();
  Task<Result<void>> add_to_file(workflow::ResultFile kind, std::string entry);
  Task<Result<void>> flush(workflow::ResultFile kind);
  Task<Result<void>> put(std::string key, std::string body);
  std::string argument(std::string_view name) const;

  event::Kernel& kernel_;
  event::OperationCaller* operations_;
  const MapRunCall& call_;
  const ChildFamily& family_;
  const workflow::MapFields& fields_;
  uint64_t children_;
  Bytes run_;
  workflow::Transformation transformation_;
  workflow::ResultForm form_ = workflow::ResultForm::kJson;
  std::vector<workflow::ResultText> texts_;
  std::array<size_t, workflow::kResultFileKinds> numbers_ = {};
  std::vector<workflow::WrittenFile> written_;
};

}  // namespace suiro::states
