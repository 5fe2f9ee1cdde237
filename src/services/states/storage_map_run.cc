// SPDX-License-Identifier: Apache-2.0
#include "services/states/storage_map_run.h"

#include <bit>

#include "base/digest.h"
#include "kernel/event/record_parts.h"
#include "services/states/errors.h"
#include "services/states/map_run_names.h"

namespace suiro::states {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
constexpr uint8_t kProgressVersion = 2;  // 1: without the place in a listing

store::Key family(char kind) {
  return {'w', 1, 'r', kind};
}

store::Key with_index(char kind, ByteView run, uint64_t index) {
  store::Key key = family(kind) + Bytes(run);
  append_be64(key, index);
  return key;
}

constexpr int64_t workflow::MapRunCounts::* kCounts[] = {
    &workflow::MapRunCounts::pending,   &workflow::MapRunCounts::running,
    &workflow::MapRunCounts::succeeded, &workflow::MapRunCounts::failed,
    &workflow::MapRunCounts::timed_out, &workflow::MapRunCounts::aborted,
    &workflow::MapRunCounts::total,     &workflow::MapRunCounts::results_written};

void write(RecordWriter& out, const workflow::MapRunCounts& counts) {
  for (const auto count : kCounts) out.u64(static_cast<uint64_t>(counts.*count));
}
void read(RecordReader& in, workflow::MapRunCounts& counts) {
  for (const auto count : kCounts) counts.*count = static_cast<int64_t>(in.u64());
}

template <class E>
E read_enum(RecordReader& in, E last) {
  const uint8_t value = in.u8();
  if (value <= static_cast<uint8_t>(last)) return static_cast<E>(value);
  in.spoil();
  return last;
}

}  // namespace

namespace keys {

store::Key map_run(ByteView run) {
  return family('m') + Bytes(run);
}

store::KeyRange map_runs_of(std::string_view execution_arn) {
  return store::KeyRange::prefix(family('l') + sha256(execution_arn).substr(0, kUuidBytes));
}

store::Key map_run_listed(std::string_view execution_arn, TimePoint start, ByteView run) {
  store::Key key = map_runs_of(execution_arn).begin;
  append_be64(key, static_cast<uint64_t>(start.time_since_epoch().count()));
  return key + Bytes(run);
}

ByteView run_of_listed(ByteView key) {
  return key.substr(key.size() - kUuidBytes);
}

store::Key map_run_progress(ByteView run) {
  return family('p') + Bytes(run);
}

store::Key map_run_outcome(ByteView run) {
  return family('o') + Bytes(run);
}

store::Key map_run_input(ByteView run, uint64_t index) {
  return with_index('c', run, index);
}

store::Key map_run_end(ByteView run, uint64_t index) {
  return with_index('e', run, index);
}

store::KeyRange map_run_inputs(ByteView run, uint64_t from, uint64_t to) {
  return {map_run_input(run, from), map_run_input(run, to)};
}

store::KeyRange map_run_ends(ByteView run, uint64_t from, uint64_t to) {
  return {map_run_end(run, from), map_run_end(run, to)};
}

void erase_map_run_children(store::Batch& batch, ByteView run) {
  batch.erase_range(store::KeyRange::prefix(family('c') + Bytes(run)));
  batch.erase_range(store::KeyRange::prefix(family('e') + Bytes(run)));
  batch.erase(map_run_progress(run));
}

void erase_map_run(store::Batch& batch, ByteView run) {
  erase_map_run_children(batch, run);
  batch.erase(map_run(run));
  batch.erase(map_run_outcome(run));
}

uint64_t index_of(ByteView key) {
  return read_be64(key.substr(key.size() - 8));
}

}  // namespace keys

Bytes encode(const RunRecord& record) {
  const MapRunDescription& told = record.told;
  RecordWriter out(kVersion, 600);
  out.text(told.arn);
  out.text(told.execution_arn);
  out.text(told.machine_arn);
  out.u8(static_cast<uint8_t>(told.status));
  out.time(told.start);
  write_optional(out, told.stop);
  out.u64(static_cast<uint64_t>(told.concurrency_max));
  out.u64(std::bit_cast<uint64_t>(told.tolerated_failure_percentage));
  out.u64(static_cast<uint64_t>(told.tolerated_failure_count));
  write(out, told.items);
  write(out, told.executions);
  out.u64(told.redrive_count);
  write_optional(out, told.redrive_time);
  out.text(record.key);
  out.u64(record.children);
  return out.take();
}

Result<RunRecord> decode_run(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  RunRecord record;
  MapRunDescription& told = record.told;
  told.arn = in.text();
  told.execution_arn = in.text();
  told.machine_arn = in.text();
  told.status = read_enum(in, workflow::MapRunStatus::kAborted);
  told.start = in.time();
  told.stop = read_optional_time(in);
  told.concurrency_max = static_cast<int64_t>(in.u64());
  told.tolerated_failure_percentage = std::bit_cast<double>(in.u64());
  told.tolerated_failure_count = static_cast<int64_t>(in.u64());
  read(in, told.items);
  read(in, told.executions);
  told.redrive_count = in.u64();
  told.redrive_time = read_optional_time(in);
  record.key = in.text();
  record.children = in.u64();
  TRY_VOID(in.end("map run"));
  return record;
}

Bytes encode(const RunProgress& progress) {
  RecordWriter out(kProgressVersion);
  out.u64(progress.items);
  out.u64(progress.children);
  out.u8(progress.done ? 1 : 0);
  out.text(progress.etag);
  out.u64(progress.listed_items);
  out.text(progress.listed_key);
  return out.take();
}

Result<RunProgress> decode_run_progress(ByteView bytes) {
  RecordReader in(bytes);
  const uint8_t version = in.version_of(1, kProgressVersion);
  RunProgress progress;
  progress.items = in.u64();
  progress.children = in.u64();
  progress.done = in.u8() != 0;
  progress.etag = in.text();
  if (version >= 2) {
    progress.listed_items = in.u64();
    progress.listed_key = in.text();
  }
  TRY_VOID(in.end("progress of a map run"));
  return progress;
}

Bytes encode(const RunInput& input) {
  RecordWriter out(kVersion, input.text.size() + 16);
  out.u32(input.items);
  out.text(input.text);
  return out.take();
}

Result<RunInput> decode_run_input(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  RunInput input;
  input.items = in.u32();
  input.text = in.text();
  TRY_VOID(in.end("input of a map run's child"));
  return input;
}

Bytes encode(const RunEnd& end) {
  RecordWriter out(kVersion);
  out.u8(static_cast<uint8_t>(end.status));
  out.time(end.start);
  out.time(end.stop);
  out.u64(end.redrive_count);
  write_optional(out, end.output);
  write_optional(out, end.error);
  write_optional(out, end.cause);
  return out.take();
}

Result<RunEnd> decode_run_end(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  RunEnd end;
  end.status = read_enum(in, workflow::ChildStatus::kAborted);
  if (end.status == workflow::ChildStatus::kRunning) in.spoil();
  end.start = in.time();
  end.stop = in.time();
  end.redrive_count = in.u64();
  end.output = read_optional_text(in);
  end.error = read_optional_text(in);
  end.cause = read_optional_text(in);
  TRY_VOID(in.end("end of a map run's child"));
  return end;
}

Bytes encode(const RunOutcome& outcome) {
  RecordWriter out(kVersion);
  write_optional(out, outcome.output);
  out.text(outcome.error);
  out.text(outcome.cause);
  return out.take();
}

Result<RunOutcome> decode_run_outcome(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  RunOutcome outcome;
  outcome.output = read_optional_text(in);
  outcome.error = in.text();
  outcome.cause = in.text();
  TRY_VOID(in.end("outcome of a map run"));
  return outcome;
}

Task<Result<RunRecord>> read_run(store::Store& store, std::string arn) {
  const auto run = run_of_arn(arn);
  if (!run) co_return invalid_arn("Resource type not valid in this context: " + arn);
  CO_TRY(const auto entry, co_await store.get(keys::map_run(*run)));
  if (!entry) co_return no_resource(arn);
  CO_TRY(RunRecord record, decode_run(entry->value));
  if (record.told.arn != arn) co_return no_resource(arn);
  co_return record;
}

}  // namespace suiro::states
