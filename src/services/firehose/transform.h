// SPDX-License-Identifier: Apache-2.0
// Transform: records of the source lane through a function, into the ready lane (Amazon Data
// Firehose Developer Guide, "Transform source data").
//
//   cut ─► pieces of at most an invocation's size ─► all answered: one commit
//     ▲            │ an invocation fails
//     └─ pause ────┘ (NumberOfRetries times; then its records are unprocessed)
//
// Invariants:
//  1. Erasing what was transformed and queuing its results is one commit: the function is called at
//     least once, its results count once.
//  2. How often a cut was tried is persisted.
//  3. A stream without a function passes what an earlier configuration left in the source lane on
//  as
//     it is.
// Thread: the shard of the stream.
#pragma once

#include "services/firehose/delivery.h"
#include "services/firehose/intake.h"

namespace suiro::firehose {

class Transform {
 public:
  Transform(Context& context, Delivery& delivery) : context_(context), delivery_(delivery) {}
  // Until the stream closes.
  Task<void> run(StatePtr state);

 private:
  struct Results {
    std::vector<Bytes> ready;
    std::vector<Bytes> failed;  // lines
    size_t dropped = 0;
  };
  // Errors: those of the store; an invocation's where it is to be repeated.
  Task<Result<void>> transform(StatePtr state, Cut cut);
  Task<Result<Results>> invoke_all(StatePtr state, const Load& load, uint32_t attempt,
                                   TraceContext cause);
  Task<Result<void>> commit(StatePtr state, Cut cut, Results results, event::Span span);

  Context& context_;
  Delivery& delivery_;
};

// The function's event for records [begin, end) of the load.
Bytes transformation_event(const StreamState& state, std::string_view region, const Load& load,
                           size_t begin, size_t end, const std::string& invocation_id);

// What a function answered for one record.
struct Transformed {
  enum class Outcome : uint8_t { kOk, kDropped, kFailed } outcome = Outcome::kFailed;
  Bytes data;
  std::string code;  // kFailed
  std::string message;
};
// One for each id, in their order. Errors: "Lambda.JsonProcessingException" where the reply as a
// whole is not in the form.
Result<std::vector<Transformed>> parse_transformation(const Bytes& reply,
                                                      const std::vector<std::string>& ids);

}  // namespace suiro::firehose
