// SPDX-License-Identifier: Apache-2.0
// Records of a stream as functions are given them, and what functions and destinations are told of
// a batch ("Using Lambda to process records from Amazon Kinesis Data Streams", AWS Lambda Developer
// Guide). Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/event/streams.h"

namespace suiro::lambda {

// Where a batch is from.
struct StreamOrigin {
  std::string stream_arn;
  std::string shard;
  std::string region;
  std::string role;
};

// One element of "Records".
Bytes stream_document(const StreamOrigin& origin, const event::StreamRecord& record);
// What filters are matched with: the record's members, its data as JSON where it is JSON.
Bytes filter_document(const event::StreamRecord& record);

// A tumbling window, as its invocations are told of it.
struct WindowFrame {
  TimePoint begin;
  TimePoint end;
  std::string state;  // JSON
  enum class Kind { kBatch, kFinal, kTerminatedEarly } kind = Kind::kBatch;
};
Bytes stream_payload(const StreamOrigin& origin, const std::vector<Bytes>& documents,
                     const std::optional<WindowFrame>& window);

// The function's answer to a batch.
struct StreamReply {
  // The lowest sequence number that failed; empty: none.
  std::string failed_from;
  std::optional<std::string> state;  // JSON
};
// nullopt: the batch failed as a whole (the answer's form is wrong). `failures`: whether reports of
// single failures are asked for.
enum class Failures { kIgnore, kReport };
std::optional<StreamReply> stream_reply(ByteView answer, Failures failures);

// What a destination is told of a batch that was given up.
struct GivenUp {
  std::string request_id;
  std::string function_arn;
  std::string condition;
  uint32_t invocations = 0;
  std::string executed_version;
  bool answered = false;  // the function's last answer was an error, not a limit
  TimePoint at;
  const std::vector<event::StreamRecord>* records = nullptr;
  std::optional<size_t> size;  // nullopt: not known, the records are gone
};
Bytes given_up_document(const StreamOrigin& origin, const GivenUp& batch);

}  // namespace suiro::lambda
