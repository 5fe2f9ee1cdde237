// SPDX-License-Identifier: Apache-2.0
// Records of effects.
#include <bit>

#include "services/states/storage_execution.h"

namespace suiro::states {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
enum class Kind : uint8_t { kTask = 1, kMapRun = 2, kQueued = 3, kContinuation = 4 };

void write(RecordWriter& out, const std::optional<int64_t>& value) {
  out.u8(value ? 1 : 0);
  if (value) out.u64(static_cast<uint64_t>(*value));
}
void write(RecordWriter& out, const std::optional<double>& value) {
  out.u8(value ? 1 : 0);
  if (value) out.u64(std::bit_cast<uint64_t>(*value));
}
void write(RecordWriter& out, const json::Value& value) {
  out.text(json::write(value));
}
void write(RecordWriter& out, const std::optional<json::Value>& value) {
  out.u8(value ? 1 : 0);
  if (value) write(out, *value);
}

void read(RecordReader& in, std::optional<int64_t>& value) {
  if (in.u8() != 0) value = static_cast<int64_t>(in.u64());
}
void read(RecordReader& in, std::optional<double>& value) {
  if (in.u8() != 0) value = std::bit_cast<double>(in.u64());
}
void read(RecordReader& in, json::Value& value) {
  auto parsed = json::parse(in.text());
  if (!parsed) return in.spoil();
  value = *std::move(parsed);
}
void read(RecordReader& in, std::optional<json::Value>& value) {
  if (in.u8() != 0) read(in, value.emplace());
}

void write_task(RecordWriter& out, const workflow::TaskEffect& task) {
  out.u64(task.id);
  for (const std::string* text : {&task.state, &task.resource.arn, &task.arguments, &task.token,
                                  &task.credentials_role_arn}) {
    out.text(*text);
  }
  write(out, task.timeout_seconds);
  write(out, task.heartbeat_seconds);
}

workflow::TaskEffect read_task(RecordReader& in) {
  workflow::TaskEffect task;
  std::string resource;
  task.id = in.u64();
  for (std::string* text :
       {&task.state, &resource, &task.arguments, &task.token, &task.credentials_role_arn}) {
    *text = in.text();
  }
  read(in, task.timeout_seconds);
  read(in, task.heartbeat_seconds);
  auto parsed = workflow::parse_resource(resource);
  if (parsed) {
    task.resource = *std::move(parsed);
  } else {
    in.spoil();
  }
  return task;
}

void write_map_run(RecordWriter& out, const workflow::MapRunEffect& run) {
  out.u64(run.id);
  out.text(run.state);
  out.text(run.redriven_map_run_arn);
  write(out, run.input);
  write(out, run.items);
  write(out, run.reader_arguments);
  write(out, run.items_max);
  write(out, run.concurrency_max);
  write(out, std::optional(run.tolerated_failure_count));
  write(out, std::optional(run.tolerated_failure_percentage));
  write(out, run.batch_items_max);
  write(out, run.batch_bytes_max);
  write(out, run.batch_input);
  write(out, run.writer_arguments);
  write(out, run.variables);
  write(out, run.context);
}

workflow::MapRunEffect read_map_run(RecordReader& in) {
  workflow::MapRunEffect run;
  run.id = in.u64();
  run.state = in.text();
  run.redriven_map_run_arn = in.text();
  read(in, run.input);
  read(in, run.items);
  read(in, run.reader_arguments);
  read(in, run.items_max);
  read(in, run.concurrency_max);
  std::optional<double> count;
  std::optional<double> percentage;
  read(in, count);
  read(in, percentage);
  run.tolerated_failure_count = count.value_or(0);
  run.tolerated_failure_percentage = percentage.value_or(0);
  read(in, run.batch_items_max);
  read(in, run.batch_bytes_max);
  read(in, run.batch_input);
  read(in, run.writer_arguments);
  read(in, run.variables);
  read(in, run.context);
  return run;
}

RecordWriter begin(Kind kind, size_t reserve) {
  RecordWriter out(kVersion, reserve);
  out.u8(static_cast<uint8_t>(kind));
  return out;
}

}  // namespace

Bytes encode_effect(const workflow::Effect& effect) {
  if (const auto* task = std::get_if<workflow::TaskEffect>(&effect)) {
    RecordWriter out = begin(Kind::kTask, 256 + task->arguments.size());
    write_task(out, *task);
    return out.take();
  }
  RecordWriter out = begin(Kind::kMapRun, 1024);
  write_map_run(out, std::get<workflow::MapRunEffect>(effect));
  return out.take();
}

Result<workflow::Effect> decode_effect(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  auto kind = static_cast<Kind>(in.u8());
  workflow::Effect effect;
  if (kind == Kind::kTask) {
    effect = read_task(in);
  } else if (kind == Kind::kMapRun) {
    effect = read_map_run(in);
  } else {
    in.spoil();
  }
  TRY_VOID(in.end("effect"));
  return effect;
}

Bytes encode_queued_effect(const store::Key& queue_key) {
  RecordWriter out = begin(Kind::kQueued, 64);
  out.text(queue_key);
  return out.take();
}

Result<store::Key> decode_queued_effect(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  if (!in.broken() && static_cast<Kind>(in.u8()) != Kind::kQueued) return store::Key();
  store::Key key = in.text();
  TRY_VOID(in.end("queued effect"));
  return key;
}

Bytes encode_continuation() {
  return begin(Kind::kContinuation, 2).take();
}

}  // namespace suiro::states
