// SPDX-License-Identifier: Apache-2.0
// Storage of map runs: keys and bytes. No rules. Key layout: docs/formats/states.md, "Map runs".
// Thread: any. Errors: those of the store, kCorrupt for bytes that are not ours.
#pragma once

#include <optional>
#include <string>

#include "engine/workflow/map_run.h"
#include "kernel/store/store.h"
#include "services/states/map_runs.h"

namespace suiro::states {

struct RunRecord {
  MapRunDescription told;
  std::string key;  // MapRunCall::key of the effect that it runs for
  uint64_t children = 0;
};
// How far reading came: what a start after a crash skips.
struct RunProgress {
  uint64_t items = 0;
  uint64_t children = 0;
  bool done = false;
  std::string etag;  // of the first file
  // Of a listing: the first so many items came from keys up to this one.
  uint64_t listed_items = 0;
  std::string listed_key;
};
struct RunInput {
  uint32_t items = 1;
  std::string text;
};
struct RunEnd {
  // kPending: it ended badly before a redrive of the run and shall go on.
  workflow::ChildStatus status = workflow::ChildStatus::kSucceeded;
  TimePoint start;
  TimePoint stop;
  uint64_t redrive_count = 0;
  std::optional<std::string> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
};
// What the Map is told, until it took it.
struct RunOutcome {
  std::optional<std::string> output;
  std::string error;  // where there is no output
  std::string cause;
};

// Errors: InvalidArn, ResourceNotFound, the store's.
Task<Result<RunRecord>> read_run(store::Store& store, std::string arn);

namespace keys {
store::Key map_run(ByteView run);
// Of an execution, by start.
store::Key map_run_listed(std::string_view execution_arn, TimePoint start, ByteView run);
store::KeyRange map_runs_of(std::string_view execution_arn);
ByteView run_of_listed(ByteView key);
store::Key map_run_progress(ByteView run);
store::Key map_run_outcome(ByteView run);
store::Key map_run_input(ByteView run, uint64_t index);
store::Key map_run_end(ByteView run, uint64_t index);
// Of both: [from, to).
store::KeyRange map_run_inputs(ByteView run, uint64_t from, uint64_t to);
store::KeyRange map_run_ends(ByteView run, uint64_t from, uint64_t to);
uint64_t index_of(ByteView key);
// What children take in and how they ended, and how far reading came.
void erase_map_run_children(store::Batch& batch, ByteView run);
// All but its place in the list of its execution.
void erase_map_run(store::Batch& batch, ByteView run);
}  // namespace keys

Bytes encode(const RunRecord& record);
Bytes encode(const RunProgress& progress);
Bytes encode(const RunInput& input);
Bytes encode(const RunEnd& end);
Bytes encode(const RunOutcome& outcome);
Result<RunRecord> decode_run(ByteView bytes);
Result<RunProgress> decode_run_progress(ByteView bytes);
Result<RunInput> decode_run_input(ByteView bytes);
Result<RunEnd> decode_run_end(ByteView bytes);
Result<RunOutcome> decode_run_outcome(ByteView bytes);

}  // namespace suiro::states
