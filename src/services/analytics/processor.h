// SPDX-License-Identifier: Apache-2.0
// The function that sees an input's records before they become rows, and functions that outputs
// go to: the events they get and the answers they give.
// Source: Developer Guide for SQL, "Preprocessing Data Using a Lambda Function", "Using a Lambda
// Function as Output".
//
// Threads: any.
#pragma once

#include <span>

#include "kernel/event/kernel.h"
#include "services/analytics/run_state.h"

namespace suiro::analytics {

// Of one call's records, before base64: an event stays below the 6 MB of a function's payload.
inline constexpr size_t kCallBytesMax = size_t{3} << 20;
inline constexpr size_t kCallRecordsMax = 2'000;

struct FunctionCall {
  event::FunctionCaller* caller = nullptr;
  std::string function_arn;
  std::string application_arn;
  std::string stream_arn;  // preprocessing
  std::string shard_id;    // preprocessing
};

// One call: an outcome for each record, in their order. Errors: the function's, or an answer that
// does not name every record once.
Task<Result<std::vector<ProcessedRecord>>> process_records(
    event::Kernel& kernel, const FunctionCall& call, std::span<const event::StreamRecord> records,
    TraceContext cause);

struct DeliveryRecord {
  uint64_t number = 0;    // of the row; its id, the same when it is sent again
  uint32_t attempts = 0;  // before this one
  Bytes data;
};

// Those that the function did not take (DeliveryFailed), with one more attempt.
Task<Result<std::vector<DeliveryRecord>>> deliver_records(event::Kernel& kernel,
                                                          const FunctionCall& call,
                                                          std::vector<DeliveryRecord> records,
                                                          TraceContext cause);

}  // namespace suiro::analytics
