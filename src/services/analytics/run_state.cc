// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/run_state.h"

#include "kernel/event/record.h"

namespace suiro::analytics {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kRunVersion = 3;  // 1: without the generation; 2: without the settings
constexpr uint8_t kLogVersion = 1;
constexpr uint8_t kDeliveredVersion = 1;
constexpr uint32_t kParentsMax = 2;
constexpr uint32_t kOutputsStoredMax = 64;

void write(RecordWriter& out, const ShardState& shard) {
  out.text(shard.id);
  out.u32(shard.lane);
  out.u64(shard.next.offset);
  out.u8(static_cast<uint8_t>(shard.life));
  out.u32(static_cast<uint32_t>(shard.parents.size()));
  for (const auto& parent : shard.parents) out.text(parent);
}

// Counts beyond a limit are corrupt, and are not looped over.
bool count(RecordReader& in, uint32_t most, uint32_t& out) {
  out = in.u32();
  return out <= most;
}

template <class E>
bool enumerator(RecordReader& in, E most, E& out) {
  uint8_t value = in.u8();
  out = static_cast<E>(value);
  return value <= static_cast<uint8_t>(most);
}

bool read(RecordReader& in, ShardState& shard) {
  shard.id = in.text();
  shard.lane = in.u32();
  shard.next.offset = in.u64();
  if (!enumerator(in, ShardState::Life::kEnded, shard.life)) return false;
  uint32_t parents = 0;
  if (!count(in, kParentsMax, parents) || shard.lane >= kParallelismMax) return false;
  for (uint32_t i = 0; i < parents; ++i) shard.parents.push_back(in.text());
  return true;
}

void write(RecordWriter& out, const Piece& piece) {
  out.text(piece.shard);
  out.u32(piece.lane);
  out.u64(piece.from.offset);
  out.u64(piece.to.offset);
  out.u8(static_cast<uint8_t>(piece.life));
  out.u8(piece.processed ? 1 : 0);
  if (!piece.processed) return;
  out.u32(static_cast<uint32_t>(piece.processed->size()));
  for (const ProcessedRecord& record : *piece.processed) {
    out.u8(static_cast<uint8_t>(record.outcome));
    out.text(record.data);
  }
}

bool read(RecordReader& in, Piece& piece) {
  piece.shard = in.text();
  piece.lane = in.u32();
  piece.from.offset = in.u64();
  piece.to.offset = in.u64();
  if (!enumerator(in, ShardState::Life::kEnded, piece.life)) return false;
  if (piece.lane >= kParallelismMax || piece.to < piece.from) return false;
  uint8_t is_processed = in.u8();
  if (is_processed > 1) return false;
  if (is_processed == 0) return true;
  uint32_t records = 0;
  if (!count(in, kProcessedMax, records)) return false;
  auto& processed = piece.processed.emplace();
  for (uint32_t i = 0; i < records; ++i) {
    ProcessedRecord record;
    if (!enumerator(in, ProcessedRecord::Outcome::kFailed, record.outcome)) return false;
    record.data = in.text();
    processed.push_back(std::move(record));
  }
  return true;
}

bool read(RecordReader& in, Step& step) {
  step.rowtime_ms = static_cast<int64_t>(in.u64());
  uint32_t found = 0, pieces = 0;
  if (!count(in, kShardsMax, found)) return false;
  for (uint32_t i = 0; i < found; ++i) {
    if (!read(in, step.found.emplace_back())) return false;
  }
  if (!count(in, kPiecesMax, pieces)) return false;
  for (uint32_t i = 0; i < pieces; ++i) {
    if (!read(in, step.pieces.emplace_back())) return false;
  }
  return true;
}

bool read(RecordReader& in, uint8_t version, RunState& run) {
  run.starts = in.u64();
  run.version = in.u64();
  run.stream_arn = in.text();
  run.fingerprint = in.u64();
  run.step = in.u64();
  run.rowtime_ms = static_cast<int64_t>(in.u64());
  run.start_ms = static_cast<int64_t>(in.u64());
  (void)in.u64();  // was a seed
  run.engine = in.text();
  if (!enumerator(in, ReferenceState::Kind::kMissing, run.reference.kind)) return false;
  run.reference.blob = in.text();
  uint32_t shards = 0, outputs = 0;
  if (!count(in, kShardsMax, shards)) return false;
  for (uint32_t i = 0; i < shards; ++i) {
    if (!read(in, run.shards.emplace_back())) return false;
  }
  if (!count(in, kOutputsStoredMax, outputs)) return false;
  for (uint32_t i = 0; i < outputs; ++i) {
    OutputState& output = run.outputs.emplace_back();
    output.id = in.text();
    output.made = in.u64();
  }
  if (version > 1) run.generation = event::StreamGeneration(in.u64());
  if (version < 3) return true;
  run.settings.operator_bytes_max = in.u64();
  run.settings.state_bytes_max = in.u64();
  return enumerator(in, EngineSettings::Heartbeat::kOn, run.settings.heartbeat);
}

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(codes::kCorrupt, std::string(what) + ": a value out of its range");
}

}  // namespace

Bytes encode(const RunState& run) {
  RecordWriter out(kRunVersion);
  out.u64(run.starts);
  out.u64(run.version);
  out.text(run.stream_arn);
  out.u64(run.fingerprint);
  out.u64(run.step);
  out.u64(static_cast<uint64_t>(run.rowtime_ms));
  out.u64(static_cast<uint64_t>(run.start_ms));
  out.u64(0);
  out.text(run.engine);
  out.u8(static_cast<uint8_t>(run.reference.kind));
  out.text(run.reference.blob);
  out.u32(static_cast<uint32_t>(run.shards.size()));
  for (const ShardState& shard : run.shards) write(out, shard);
  out.u32(static_cast<uint32_t>(run.outputs.size()));
  for (const OutputState& output : run.outputs) {
    out.text(output.id);
    out.u64(output.made);
  }
  out.u64(run.generation.value());
  out.u64(run.settings.operator_bytes_max);
  out.u64(run.settings.state_bytes_max);
  out.u8(static_cast<uint8_t>(run.settings.heartbeat));
  return out.take();
}

Bytes encode(const Delivered& delivered) {
  RecordWriter out(kDeliveredVersion);
  out.u64(delivered.rows);
  return out.take();
}

void LogWriter::add(const Step& step) {
  RecordWriter out(0);
  out.u64(static_cast<uint64_t>(step.rowtime_ms));
  out.u32(static_cast<uint32_t>(step.found.size()));
  for (const ShardState& shard : step.found) write(out, shard);
  out.u32(static_cast<uint32_t>(step.pieces.size()));
  for (const Piece& piece : step.pieces) write(out, piece);
  steps_ += ByteView(out.take()).substr(1);  // without the writer's version byte
  ++count_;
}

Bytes LogWriter::entry() const {
  RecordWriter out(kLogVersion);
  out.u32(count_);
  return out.take() + steps_;
}

void LogWriter::clear() {
  steps_.clear();
  count_ = 0;
}

Result<RunState> decode_run(ByteView bytes) {
  RecordReader in(bytes);
  uint8_t version = in.version_of(1, kRunVersion);
  RunState run;
  if (!read(in, version, run)) return corrupt("run of an application");
  TRY_VOID(in.end("run of an application"));
  return run;
}

Result<std::vector<Step>> decode_steps(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kLogVersion);
  uint32_t steps = 0;
  if (!count(in, kStepsMax, steps)) return corrupt("log of steps");
  // A step has at least 16 bytes: a count that the bytes cannot hold is not looped over.
  if (steps > bytes.size() / 16) return corrupt("log of steps");
  std::vector<Step> out;
  for (uint32_t i = 0; i < steps; ++i) {
    if (!read(in, out.emplace_back())) return corrupt("log of steps");
  }
  TRY_VOID(in.end("log of steps"));
  return out;
}

Result<Delivered> decode_delivered(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kDeliveredVersion);
  Delivered out{.rows = in.u64()};
  TRY_VOID(in.end("delivered rows of an application"));
  return out;
}

}  // namespace suiro::analytics
