// SPDX-License-Identifier: Apache-2.0
// Keys and records of executions. Bytes on disk: docs/formats/states.md, "Executions".
//
// Invariant: an execution's keys begin with a letter pair and its id, 16 bytes of the hash of its
// ARN; what the id is not the start of are lists.
// Thread: pure functions. Failure: kCorrupt for bytes that are no such record.
#pragma once

#include <array>
#include <cstring>

#include "kernel/event/record.h"
#include "services/states/executions.h"

namespace suiro::states {

// 16 bytes of the SHA-256 of an ARN: of an execution, or of what a list belongs to.
struct ArnHash {
  std::array<char, 16> bytes{};
  ByteView view() const { return {bytes.data(), bytes.size()}; }
  friend auto operator<=>(const ArnHash&, const ArnHash&) = default;
};
ArnHash arn_hash(std::string_view arn);
ArnHash arn_hash_of_bytes(ByteView raw);  // exactly 16 bytes

struct EffectKey {
  ArnHash execution;
  uint64_t effect = 0;
  friend auto operator<=>(const EffectKey&, const EffectKey&) = default;
};

struct ArnHasher {
  size_t operator()(const ArnHash& hash) const {
    size_t value = 0;
    memcpy(&value, hash.bytes.data(), sizeof(value));
    return value;
  }
  size_t operator()(const EffectKey& key) const {
    return (*this)(key.execution) ^ (key.effect * 0x9E3779B97F4A7C15U);
  }
};

// --- keys

store::Key execution_key(const ArnHash& execution);
store::Key machine_key(const ArnHash& content);
store::Key secret_key();
store::Key cell_prefix(const ArnHash& execution);
store::Key cell_key(const ArnHash& execution, ByteView cell);
store::Key history_prefix(const ArnHash& execution);
store::Key history_key(const ArnHash& execution, uint64_t first_event);
uint64_t first_event_of_key(ByteView key);
store::Key payload_prefix(const ArnHash& execution);
store::Key payload_key(const ArnHash& execution, const workflow::PayloadHash& hash);
// Effects that are performed, or will be; an effect 0 stands for a chain that is not finished.
store::Key effect_space();
store::Key effect_key(const EffectKey& key);
// What save() kept for an effect.
store::Key notes_key(const EffectKey& key);
// Effects that nobody waits for any more and that are still to be stopped.
store::Key cancel_space();
store::Key cancel_key(const EffectKey& key);
EffectKey effect_of_key(ByteView key);
// Asynchronous Express executions that run.
store::Key express_space();
store::Key express_key(const ArnHash& execution);
// Work that waits for a worker of an activity.
store::Key activity_prefix(const ArnHash& activity);
store::Key activity_key(const ArnHash& activity, TimePoint scheduled, const EffectKey& effect);
EffectKey effect_of_activity_key(ByteView key);
// Executions of a machine, version, alias or Map run by their start.
store::Key list_prefix(const ArnHash& owner);
store::Key list_key(const ArnHash& owner, TimePoint start, const ArnHash& execution);
ArnHash execution_of_list_key(ByteView key);
// Executions of a machine that run.
store::Key running_space();
store::Key running_prefix(const ArnHash& machine);
store::Key running_key(const ArnHash& machine, const ArnHash& execution);
// Executions that ended, by their end.
store::Key ended_space();
store::Key ended_key(TimePoint stop, const ArnHash& execution);
TimePoint stop_of_ended_key(ByteView key);
ArnHash execution_of_ended_key(ByteView key);

// --- records

// A text that stands in its record, or in the execution's payloads by its hash.
struct PayloadRef {
  std::optional<workflow::PayloadHash> hash;
  std::string text;  // without a hash
};
PayloadRef payload_ref(std::string_view text);
void write_payload(event::RecordWriter& out, const PayloadRef& ref);
PayloadRef read_payload(event::RecordReader& in);

struct ExecutionRow {
  std::string arn;
  std::string name;
  ArnHash machine;  // key of the machine as it was at the start
  workflow::ExecutionStatus status = workflow::ExecutionStatus::kRunning;
  TimePoint start;
  std::optional<TimePoint> stop;
  PayloadRef input;
  std::optional<PayloadRef> output;
  std::optional<std::string> error;
  std::optional<std::string> cause;
  std::string trace_header;
  std::string parent_arn;
  std::string map_run_arn;
  std::string trace_id;
  std::string span_id;         // of the execution
  std::string parent_span_id;  // what started it
  std::string log_stream;
  uint64_t events = 0;  // when it ended
  uint64_t redrive_count = 0;
  std::optional<TimePoint> redrive_time;
  std::string redrive_token;
};
Bytes encode_execution(const ExecutionRow& row);
Result<ExecutionRow> decode_execution(ByteView bytes);

// A machine as it was at a start, kept once for all its executions.
struct MachineRow {
  MachineAtStart machine;  // plan: null
  std::string map_state;   // of children: whose item processor runs
  std::string list_arn;    // of children: the machine's ARN with the label
};
Bytes encode_machine(const MachineRow& row);
Result<MachineRow> decode_machine(ByteView bytes);

// An effect; MapRunEffect's values are JSON texts.
Bytes encode_effect(const workflow::Effect& effect);
Result<workflow::Effect> decode_effect(ByteView bytes);
// The effect's place in the queue of its activity.
Bytes encode_queued_effect(const store::Key& queue_key);
// Empty where the record is another effect's.
Result<store::Key> decode_queued_effect(ByteView bytes);
// A chain that goes on.
Bytes encode_continuation();

struct ActivityRow {
  std::string execution_arn;
  std::string input;
};
Bytes encode_activity_work(const ActivityRow& row);
Result<ActivityRow> decode_activity_work(ByteView bytes);

struct ListRow {
  workflow::ExecutionStatus status = workflow::ExecutionStatus::kRunning;
  bool redriven = false;
};
Bytes encode_list(const ListRow& row);
Result<ListRow> decode_list(ByteView bytes);

// An Express execution that was acknowledged: all that a run from the start needs.
struct ExpressRow {
  ExecutionRow execution;
  std::string input;
};
Bytes encode_express(const ExpressRow& row);
Result<ExpressRow> decode_express(ByteView bytes);

}  // namespace suiro::states
