// SPDX-License-Identifier: Apache-2.0
// Reference tables: an object of the lake, copied into the service's own keeping when an
// application starts or is updated, and read as rows from there: a restart sees the rows that the
// run began with, whatever became of the object.
//
// Threads: any.
#pragma once

#include "engine/sql/input_mapper.h"
#include "kernel/event/kernel.h"
#include "services/analytics/run_state.h"

namespace suiro::analytics {

// A table that could not be taken stays empty; `problem` says why. Errors: those of the store.
struct CopiedReference {
  ReferenceState::Kind kind = ReferenceState::Kind::kNone;
  std::shared_ptr<store::PendingBlob> blob;  // kLoaded
  std::string problem;
};
Task<Result<CopiedReference>> copy_reference(event::Kernel& kernel, const Reference& reference);

struct ReferenceRows {
  sql::Rows rows;
  size_t rejected = 0;
  std::string first_problem;
};
// All rows of the copy.
Task<Result<ReferenceRows>> read_reference(event::Kernel& kernel, const Reference& reference,
                                           store::BlobRef blob);

}  // namespace suiro::analytics
