// SPDX-License-Identifier: Apache-2.0
// The rules that all batch operations share (API Reference, SendMessageBatch and its kin).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace suiro::sqs {

// 1 to 10 entries with distinct, well-formed ids. `entry`: the entry's shape, for the text.
// Errors: EmptyBatchRequest, TooManyEntriesInBatchRequest, InvalidBatchEntryId,
// BatchEntryIdsNotDistinct.
Result<void> check_batch(const std::vector<std::string>& ids, std::string_view entry);

}  // namespace suiro::sqs
