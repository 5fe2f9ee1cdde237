// SPDX-License-Identifier: Apache-2.0
// What the service keeps about functions: the records of docs/formats/lambda.md and their bytes.
//
// A record is a version byte and a JSON document. A decoder takes the versions that it knows and
// answers kCorrupt for the rest; absent members take their defaults, so a member can be added
// without a new version.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/trace.h"
#include "kernel/store/store.h"

namespace suiro::lambda {

// The settings of one version, $LATEST or published.
struct Settings {
  std::string version = "$LATEST";
  std::string description;
  std::string handler;
  std::string runtime;
  std::string role;
  uint32_t memory_mb = 128;
  uint32_t timeout_s = 3;
  uint32_t ephemeral_mb = 512;
  std::map<std::string, std::string> environment;
  std::string tracing_mode = "PassThrough";
  std::string log_group;  // empty: /aws/lambda/<name>
  std::string dead_letter_arn;
  std::string code_sha256;  // of the zip, lower-case hex
  uint64_t code_size_bytes = 0;
  std::string revision_id;
  TimePoint last_modified{};
};

struct Function {
  std::string name;
  Settings latest;
  uint64_t version_last = 0;  // the highest number ever published
  std::optional<uint32_t> reserved_concurrency;
  std::map<std::string, std::string> tags;
};

struct Alias {
  std::string name;
  std::string description;
  std::string version;
  std::map<std::string, double> weights;  // further version -> share of calls
  std::string revision_id;
};

// Who else may invoke: a resource policy document as GetPolicy answers it.
struct Policy {
  std::string document;
  std::string revision_id;
};

// What happens to asynchronous invocations.
struct InvokeConfig {
  std::optional<uint32_t> age_max_s;
  std::optional<uint32_t> retries_max;
  std::string on_success_arn;
  std::string on_failure_arn;
  TimePoint last_modified{};
};

// An event source mapping.
struct Mapping {
  std::string uuid;
  std::string source_arn;
  std::string function_name;
  std::string qualifier;  // empty: $LATEST
  uint32_t batch_size = 10;
  uint32_t window_s = 0;
  std::optional<uint32_t> concurrency_max;
  bool report_failures = false;
  std::vector<std::string> filters;  // event patterns; empty: everything
  bool enabled = true;
  TimePoint last_modified{};
  // Of streams.
  std::string starting_position;  // as it was given; empty: a queue's mapping
  TimePoint starting_at{};        // for LATEST when the mapping was made
  uint64_t generation = 0;        // of the stream when the mapping was made; 0: not known
  uint32_t parallelization = 1;
  bool bisect = false;
  std::optional<uint32_t> record_age_max_s;
  std::optional<uint32_t> retries_max;
  std::string on_failure_arn;
  uint32_t tumbling_window_s = 0;
};

// How far a lane of a mapping has read its shard.
struct LaneProgress {
  uint64_t generation = 0;  // of the stream that the position belongs to; 0: not known
  uint64_t position = 0;
  bool ended = false;  // the shard is read to its end
  bool window_open = false;
  TimePoint window_begin{};
  std::string window_state;  // JSON; empty: {}
  // Of the batch at the position, where it failed: how often, where it ends, and behind that where
  // the pieces end that bisecting made of it (the next one last).
  uint32_t attempts = 0;
  std::vector<uint64_t> ends;
};

// An accepted asynchronous invocation. Its payload is kept beside it.
struct AsyncInvocation {
  // kReady: to be run at once (after a restart too). kWaiting: a durable timer makes it ready.
  enum class State : uint8_t { kReady = 0, kWaiting = 1 };
  std::string request_id;
  std::string qualifier;  // empty: $LATEST
  TimePoint accepted{};
  State state = State::kReady;
  TimePoint due{};         // kWaiting: when the timer fires
  uint32_t attempts = 0;   // that reached the function and failed
  uint32_t throttles = 0;  // in a row, for the back-off
  std::string client_context;
  TraceContext cause;
};

// What a function used on one day (UTC).
struct Usage {
  uint64_t invocations = 0;
  uint64_t errors = 0;
  uint64_t throttles = 0;
  uint64_t cold_starts = 0;
  uint64_t billed_ms = 0;
  uint64_t megabyte_ms = 0;  // billed_ms x memory: GB-seconds without rounding
};

// Where a zip's bytes are.
struct CodeRecord {
  Bytes blob;  // store::BlobRef::encode()
  uint64_t size_bytes = 0;
};

Bytes encode(const Function& value);
Bytes encode(const Settings& value);
Bytes encode(const Alias& value);
Bytes encode(const Policy& value);
Bytes encode(const InvokeConfig& value);
Bytes encode(const Mapping& value);
Bytes encode(const LaneProgress& value);
Bytes encode(const AsyncInvocation& value);
Bytes encode(const Usage& value);
Bytes encode(const CodeRecord& value);

// Errors: kCorrupt.
template <class T>
Result<T> decode(ByteView bytes);

}  // namespace suiro::lambda
