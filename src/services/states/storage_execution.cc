// SPDX-License-Identifier: Apache-2.0
#include "services/states/storage_execution.h"

#include "base/check.h"
#include "base/digest.h"
#include "kernel/event/record_parts.h"

namespace suiro::states {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
constexpr size_t kHashBytes = 16;
constexpr std::string_view kSpace("w\1", 2);
// Bytes before the first part of a key: the space, and one or two letters.
constexpr size_t kHeadOne = 3;
constexpr size_t kHeadTwo = 4;

store::Key key_of(std::string_view letters, ByteView first = {}, ByteView second = {}) {
  store::Key key;
  key.reserve(kHeadTwo + first.size() + second.size() + 24);
  key.append(kSpace).append(letters).append(first).append(second);
  return key;
}

void append_time(Bytes& out, TimePoint time) {
  append_be64(out, static_cast<uint64_t>(std::max<int64_t>(0, time.time_since_epoch().count())));
}

TimePoint time_at(ByteView key, size_t at) {
  return TimePoint(Millis(static_cast<int64_t>(read_be64(key.substr(at)))));
}

store::Key with_effect(std::string_view letters, const EffectKey& effect) {
  store::Key key = key_of(letters, effect.execution.view());
  append_be64(key, effect.effect);
  return key;
}

void write_hash(RecordWriter& out, const ArnHash& hash) {
  for (char byte : hash.bytes) out.u8(static_cast<uint8_t>(byte));
}

ArnHash read_hash(RecordReader& in) {
  ByteView raw = in.raw(kHashBytes);
  return raw.size() == kHashBytes ? arn_hash_of_bytes(raw) : ArnHash{};
}

workflow::ExecutionStatus read_status(RecordReader& in) {
  uint8_t value = in.u8();
  if (value > static_cast<uint8_t>(workflow::ExecutionStatus::kAborted)) in.spoil();
  return static_cast<workflow::ExecutionStatus>(value);
}

}  // namespace

ArnHash arn_hash_of_bytes(ByteView raw) {
  CHECK(raw.size() == kHashBytes);
  ArnHash hash;
  memcpy(hash.bytes.data(), raw.data(), raw.size());
  return hash;
}

ArnHash arn_hash(std::string_view arn) {
  return arn_hash_of_bytes(ByteView(sha256(arn)).substr(0, kHashBytes));
}

// --- keys

store::Key execution_key(const ArnHash& execution) {
  return key_of("er", execution.view());
}
store::Key machine_key(const ArnHash& content) {
  return key_of("em", content.view());
}
store::Key secret_key() {
  return key_of("es");
}
store::Key express_space() {
  return key_of("ex");
}
store::Key express_key(const ArnHash& execution) {
  return key_of("ex", execution.view());
}
store::Key cell_prefix(const ArnHash& execution) {
  return key_of("c", execution.view());
}
store::Key cell_key(const ArnHash& execution, ByteView cell) {
  return key_of("c", execution.view(), cell);
}
store::Key history_prefix(const ArnHash& execution) {
  return key_of("h", execution.view());
}
store::Key history_key(const ArnHash& execution, uint64_t first_event) {
  store::Key key = key_of("h", execution.view());
  append_be64(key, first_event);
  return key;
}
uint64_t first_event_of_key(ByteView key) {
  return key.size() == kHeadOne + kHashBytes + 8 ? read_be64(key.substr(kHeadOne + kHashBytes)) : 0;
}
store::Key payload_prefix(const ArnHash& execution) {
  return key_of("p", execution.view());
}
store::Key payload_key(const ArnHash& execution, const workflow::PayloadHash& hash) {
  return key_of("p", execution.view(), {reinterpret_cast<const char*>(hash.data()), hash.size()});
}
store::Key effect_space() {
  return key_of("fe");
}
store::Key effect_key(const EffectKey& key) {
  return with_effect("fe", key);
}
store::Key notes_key(const EffectKey& key) {
  return with_effect("fn", key);
}
store::Key cancel_space() {
  return key_of("fc");
}
store::Key cancel_key(const EffectKey& key) {
  return with_effect("fc", key);
}
EffectKey effect_of_key(ByteView key) {
  if (key.size() != kHeadTwo + kHashBytes + 8) return {};
  return {arn_hash_of_bytes(key.substr(kHeadTwo, kHashBytes)),
          read_be64(key.substr(kHeadTwo + kHashBytes))};
}
store::Key activity_prefix(const ArnHash& activity) {
  return key_of("q", activity.view());
}
store::Key activity_key(const ArnHash& activity, TimePoint scheduled, const EffectKey& effect) {
  store::Key key = key_of("q", activity.view());
  append_time(key, scheduled);
  key.append(effect.execution.view());
  append_be64(key, effect.effect);
  return key;
}
EffectKey effect_of_activity_key(ByteView key) {
  constexpr size_t kHead = kHeadOne + kHashBytes + 8;
  if (key.size() != kHead + kHashBytes + 8) return {};
  return {arn_hash_of_bytes(key.substr(kHead, kHashBytes)),
          read_be64(key.substr(kHead + kHashBytes))};
}
store::Key list_prefix(const ArnHash& owner) {
  return key_of("ll", owner.view());
}
store::Key list_key(const ArnHash& owner, TimePoint start, const ArnHash& execution) {
  store::Key key = key_of("ll", owner.view());
  append_time(key, start);
  key.append(execution.view());
  return key;
}
ArnHash execution_of_list_key(ByteView key) {
  constexpr size_t kHead = kHeadTwo + kHashBytes + 8;
  return key.size() == kHead + kHashBytes ? arn_hash_of_bytes(key.substr(kHead)) : ArnHash{};
}
store::Key running_space() {
  return key_of("lr");
}
store::Key running_prefix(const ArnHash& machine) {
  return key_of("lr", machine.view());
}
store::Key running_key(const ArnHash& machine, const ArnHash& execution) {
  return key_of("lr", machine.view(), execution.view());
}
store::Key ended_space() {
  return key_of("le");
}
store::Key ended_key(TimePoint stop, const ArnHash& execution) {
  store::Key key = key_of("le");
  append_time(key, stop);
  key.append(execution.view());
  return key;
}
TimePoint stop_of_ended_key(ByteView key) {
  return key.size() == kHeadTwo + 8 + kHashBytes ? time_at(key, kHeadTwo) : TimePoint();
}
ArnHash execution_of_ended_key(ByteView key) {
  constexpr size_t kHead = kHeadTwo + 8;
  return key.size() == kHead + kHashBytes ? arn_hash_of_bytes(key.substr(kHead)) : ArnHash{};
}

// --- records

PayloadRef payload_ref(std::string_view text) {
  if (text.size() <= workflow::kPayloadInlineMax) return {std::nullopt, std::string(text)};
  return {workflow::payload_hash(text), {}};
}

void write_payload(RecordWriter& out, const PayloadRef& ref) {
  out.u8(ref.hash ? 1 : 0);
  if (!ref.hash) return out.text(ref.text);
  for (uint8_t byte : *ref.hash) out.u8(byte);
}

PayloadRef read_payload(RecordReader& in) {
  PayloadRef ref;
  if (in.u8() == 0) {
    ref.text = in.text();
    return ref;
  }
  ByteView raw = in.raw(kHashBytes);
  ref.hash.emplace();
  if (raw.size() == kHashBytes) memcpy(ref.hash->data(), raw.data(), kHashBytes);
  return ref;
}

static void write_row(RecordWriter& out, const ExecutionRow& row) {
  out.text(row.arn);
  out.text(row.name);
  write_hash(out, row.machine);
  out.u8(static_cast<uint8_t>(row.status));
  out.time(row.start);
  write_optional(out, row.stop);
  write_payload(out, row.input);
  out.u8(row.output ? 1 : 0);
  if (row.output) write_payload(out, *row.output);
  write_optional(out, row.error);
  write_optional(out, row.cause);
  for (const std::string* text :
       {&row.trace_header, &row.parent_arn, &row.map_run_arn, &row.trace_id, &row.span_id,
        &row.parent_span_id, &row.log_stream, &row.redrive_token}) {
    out.text(*text);
  }
  out.u64(row.events);
  out.u64(row.redrive_count);
  write_optional(out, row.redrive_time);
}

static ExecutionRow read_row(RecordReader& in) {
  ExecutionRow row;
  row.arn = in.text();
  row.name = in.text();
  row.machine = read_hash(in);
  row.status = read_status(in);
  row.start = in.time();
  row.stop = read_optional_time(in);
  row.input = read_payload(in);
  if (in.u8() != 0) row.output = read_payload(in);
  row.error = read_optional_text(in);
  row.cause = read_optional_text(in);
  for (std::string* text :
       {&row.trace_header, &row.parent_arn, &row.map_run_arn, &row.trace_id, &row.span_id,
        &row.parent_span_id, &row.log_stream, &row.redrive_token}) {
    *text = in.text();
  }
  row.events = in.u64();
  row.redrive_count = in.u64();
  row.redrive_time = read_optional_time(in);
  return row;
}

Bytes encode_execution(const ExecutionRow& row) {
  RecordWriter out(kVersion, 512);
  write_row(out, row);
  return out.take();
}

Result<ExecutionRow> decode_execution(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  ExecutionRow row = read_row(in);
  TRY_VOID(in.end("execution"));
  return row;
}

Bytes encode_express(const ExpressRow& row) {
  RecordWriter out(kVersion, 512 + row.input.size());
  write_row(out, row.execution);
  out.text(row.input);
  return out.take();
}

Result<ExpressRow> decode_express(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  ExpressRow row;
  row.execution = read_row(in);
  row.input = in.text();
  TRY_VOID(in.end("Express execution"));
  return row;
}

Bytes encode_machine(const MachineRow& row) {
  const MachineAtStart& machine = row.machine;
  RecordWriter out(kVersion, 512 + machine.definition.size());
  for (const std::string* text :
       {&machine.machine_arn, &machine.version_arn, &machine.alias_arn, &machine.name,
        &machine.role_arn, &machine.revision_id, &machine.definition, &machine.logging,
        &machine.tracing, &row.map_state, &row.list_arn}) {
    out.text(*text);
  }
  out.u8(static_cast<uint8_t>(machine.type));
  return out.take();
}

Result<MachineRow> decode_machine(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  MachineRow row;
  MachineAtStart& machine = row.machine;
  for (std::string* text :
       {&machine.machine_arn, &machine.version_arn, &machine.alias_arn, &machine.name,
        &machine.role_arn, &machine.revision_id, &machine.definition, &machine.logging,
        &machine.tracing, &row.map_state, &row.list_arn}) {
    *text = in.text();
  }
  uint8_t type = in.u8();
  if (type > static_cast<uint8_t>(workflow::MachineType::kExpress)) in.spoil();
  machine.type = static_cast<workflow::MachineType>(type);
  TRY_VOID(in.end("machine of executions"));
  return row;
}

Bytes encode_activity_work(const ActivityRow& row) {
  RecordWriter out(kVersion, 64 + row.input.size());
  out.text(row.execution_arn);
  out.text(row.input);
  return out.take();
}

Result<ActivityRow> decode_activity_work(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  ActivityRow row;
  row.execution_arn = in.text();
  row.input = in.text();
  TRY_VOID(in.end("work of an activity"));
  return row;
}

Bytes encode_list(const ListRow& row) {
  RecordWriter out(kVersion, 3);
  out.u8(static_cast<uint8_t>(row.status));
  out.u8(row.redriven ? 1 : 0);
  return out.take();
}

Result<ListRow> decode_list(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  ListRow row;
  row.status = read_status(in);
  row.redriven = in.u8() != 0;
  TRY_VOID(in.end("entry of a list of executions"));
  return row;
}

}  // namespace suiro::states
