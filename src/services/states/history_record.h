// SPDX-License-Identifier: Apache-2.0
// Blocks of history: the events of one commit of an execution, as they lie on disk.
//
// Invariant: ids in a block grow by one from the id in its key. Texts beyond kPayloadInlineMax are
// not in it: it names them by hash, and they lie once among the execution's payloads. A shorter one
// that several events share stands in the block once.
// Thread: pure functions. Failure: kCorrupt. Bytes on disk: docs/formats/states.md.
#pragma once

#include <functional>
#include <set>

#include "engine/workflow/execution.h"

namespace suiro::states {

// `sink` is told of the payloads that are not in the block.
Bytes encode_history(const std::vector<workflow::HistoryEvent>& events,
                     workflow::PayloadSink& sink);

// An event whose payloads are still to be found.
struct StoredEvent {
  workflow::HistoryEvent event;
  std::optional<workflow::PayloadHash> input;
  std::optional<workflow::PayloadHash> output;
  std::optional<workflow::PayloadHash> parameters;
  std::optional<workflow::PayloadHash> assigned_variables;
};
Result<std::vector<StoredEvent>> decode_history(uint64_t first_id, ByteView bytes);

}  // namespace suiro::states
