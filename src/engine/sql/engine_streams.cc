// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/engine_streams.h"

#include <algorithm>

namespace suiro::sql {
namespace {

// A table over which nothing was said has no rows, but its columns.
Rows no_rows(const Schema& schema) {
  return empty_rows(lanes_of(schema));
}

void reads_of(const Node& node, std::vector<size_t>& out) {
  if (const auto* scan = std::get_if<ScanNode>(&node.what)) out.push_back(scan->stream);
  for (const NodePtr& input : node.inputs) reads_of(*input, out);
}

}  // namespace

Engine::Impl::Impl(std::shared_ptr<const Program> the_program, const EngineOptions& the_options,
                   std::vector<size_t> outputs)
    : program(std::move(the_program)), options(the_options), pool_(the_options.threads) {
  streams.resize(program->streams.size());
  for (size_t i = 0; i < streams.size(); ++i) {
    const auto origin = program->streams[i].origin;
    if (origin == StreamDefinition::Origin::kInput) streams[i].kind = StreamState::Kind::kInput;
    if (origin == StreamDefinition::Origin::kErrors) {
      streams[i].kind = StreamState::Kind::kErrors;
      error_stream_ = i;
    }
  }
  for (size_t stream : outputs) streams[stream].output = StreamState::Output::kYes;
  for (const StreamDefinition& table : program->tables) tables.push_back(no_rows(table.schema));
}

Result<void> Engine::Impl::arrange() {
  for (size_t p = 0; p < program->pumps.size(); ++p) {
    if (!runs(p)) continue;
    streams[program->pumps[p].target].writers.push_back(p);
    std::vector<size_t> reads;
    reads_of(*program->pumps[p].root, reads);
    std::ranges::sort(reads);
    reads.erase(std::unique(reads.begin(), reads.end()), reads.end());
    for (size_t stream : reads) streams[stream].readers.push_back(p);
  }
  TRY_VOID(find_levels());
  make_pumps();
  for (StreamState& stream : streams) {
    if (stream.writers.size() < 2) continue;
    const size_t index = static_cast<size_t>(&stream - streams.data());
    const auto lanes = lanes_of(program->streams[index].schema);
    stream.gate.emplace(std::vector(stream.writers.size(), lanes), operator_options().bytes_max);
  }
  return ok();
}

// A pump's level is above those of the streams that it reads; a stream's is that of its writers.
Result<void> Engine::Impl::find_levels() {
  std::vector<size_t> level(program->pumps.size(), 0);
  for (size_t round = 0;; ++round) {
    if (round > program->pumps.size() + 1) {
      return fail(codes::kInvalidArgument, "a pump reads, by way of others, what it writes");
    }
    bool changed = false;
    for (const StreamState& stream : streams) {
      size_t height = 0;
      for (size_t writer : stream.writers) height = std::max(height, level[writer] + 1);
      for (size_t reader : stream.readers) {
        if (level[reader] >= height) continue;
        level[reader] = height;
        changed = true;
      }
    }
    if (!changed) break;
  }
  for (size_t p = 0; p < level.size(); ++p) {
    if (!runs(p)) continue;
    if (levels_.size() <= level[p]) levels_.resize(level[p] + 1);
    levels_[level[p]].push_back(p);
  }
  return ok();
}

OperatorOptions Engine::Impl::operator_options() const {
  size_t stateful = 0;
  for (size_t p = 0; p < program->pumps.size(); ++p) {
    if (runs(p)) stateful += count_stateful(*program->pumps[p].root);
  }
  for (const StreamState& stream : streams) stateful += stream.writers.size() > 1 ? 1 : 0;
  OperatorOptions out;
  out.bytes_max =
      std::min(options.operator_bytes_max, options.total_bytes_max / std::max<size_t>(stateful, 1));
  out.query_start_ms = options.start_ms;
  out.group_rowtime = options.group_rowtime;
  return out;
}

void Engine::Impl::make_pumps() {
  uint64_t source = streams.size();
  inboxes_.resize(program->pumps.size());
  pumps.resize(program->pumps.size());
  for (size_t p = 0; p < pumps.size(); ++p) {
    if (!runs(p)) continue;
    pumps[p] = std::make_unique<PumpRunner>(*program, p, operator_options(), source);
    source += pumps[p]->stages() + 1;
  }
  std::vector<size_t> tainted;
  for (const auto& level : levels_) {
    for (size_t p : level) {
      pumps[p]->taint_from(tainted);
      if (pumps[p]->tainted()) tainted.push_back(program->pumps[p].target);
    }
  }
}

Result<void> Engine::Impl::load_table(size_t table, const Rows& rows) {
  RowBuffer copy(lanes_of(program->tables[table].schema));
  size_t bytes = 0;
  for (size_t i = 0; i < rows.size(); ++i) bytes += row_bytes(rows, i);
  if (bytes > options.total_bytes_max) {
    return fail(errors::kLimit, "the reference table does not fit into the memory budget");
  }
  for (size_t i = 0; i < rows.size(); ++i) copy.append(rows, i);
  std::vector<Rows> next = tables;
  next[table] = copy.take();
  for (const auto& pump : pumps) {
    if (pump == nullptr) continue;
    auto loaded = pump->load({&next});
    if (loaded) continue;
    for (const auto& each : pumps) {
      if (each != nullptr) (void)each->load({&tables});
    }
    return loaded;
  }
  tables = std::move(next);
  return ok();
}

void Engine::Impl::start() {
  if (started_ == Started::kYes) return;
  started_ = Started::kYes;
  for (size_t p = 0; p < pumps.size(); ++p) {
    if (pumps[p] != nullptr) pumps[p]->start({&tables});
  }
  // Streams into which nothing flows hold nobody up.
  for (size_t s = 0; s < streams.size(); ++s) {
    if (!streams[s].is_input() && streams[s].writers.empty()) feed(s, {}, kBoundEnd);
  }
}

void Engine::Impl::push(size_t input, Rows rows, std::span<const Rejection> rejected) {
  start();
  rows_in += rows.size() + rejected.size();
  add_rejections(input, rejected);
  rows = drop_late(input, std::move(rows));
  int64_t bound_ms = streams[input].bound_ms;
  if (rows.size() > 0) bound_ms = std::max(bound_ms, rows.rowtimes_ms.back());
  for (const Rejection& each : rejected) bound_ms = std::max(bound_ms, each.rowtime_ms);
  feed(input, std::move(rows), bound_ms);
  run();
}

Rows Engine::Impl::drop_late(size_t input, Rows rows) {
  StreamState& stream = streams[input];
  std::vector<uint32_t> kept;
  kept.reserve(rows.size());
  for (uint32_t row = 0; row < rows.size(); ++row) {
    const int64_t time_ms = rows.rowtimes_ms[row];
    const int64_t least_ms = std::max(stream.last_ms, stream.bound_ms);
    if (time_ms >= least_ms) {
      stream.last_ms = time_ms;
      kept.push_back(row);
      continue;
    }
    PendingError error;
    error.time_ms = least_ms;
    error.source = input;
    error.name = errors::kLateRow;
    error.message = "the row's ROWTIME is earlier than that of the row before it";
    error.data = describe_row(program->streams[input].schema, rows, row);
    errors_.push_back(std::move(error));
  }
  return kept.size() == rows.size() ? std::move(rows) : gather(rows, kept);
}

void Engine::Impl::add_rejections(size_t input, std::span<const Rejection> rejected) {
  for (const Rejection& each : rejected) {
    PendingError error;
    error.time_ms = each.rowtime_ms;
    error.source = input;
    error.name = each.error.code;
    error.message = each.error.message;
    error.data = each.data.substr(0, kErrorDataBytesMax);
    errors_.push_back(std::move(error));
  }
}

void Engine::Impl::feed(size_t index, Rows rows, int64_t bound_ms) {
  StreamState& stream = streams[index];
  stream.bound_ms = std::max(stream.bound_ms, bound_ms);
  if (stream.output == StreamState::Output::kYes && rows.size() > 0) {
    taken.push_back({index, stream.readers.empty() ? std::move(rows) : rows});
  }
  for (size_t i = 0; i < stream.readers.size(); ++i) {
    Delivery delivery{index, {}, stream.bound_ms};
    delivery.rows = i + 1 == stream.readers.size() ? std::move(rows) : rows;
    inboxes_[stream.readers[i]].push_back(std::move(delivery));
  }
}

void Engine::Impl::run() {
  for (const auto& level : levels_) {
    pool_.run(level.size(), [&](size_t i) { run_pump(level[i]); });
    for (size_t pump : level) collect(pump);
  }
  release_errors();
}

void Engine::Impl::run_pump(size_t pump) {
  for (Delivery& delivery : inboxes_[pump]) {
    if (delivery.rows.size() > 0) pumps[pump]->push(delivery.stream, delivery.rows);
    pumps[pump]->advance(delivery.stream, delivery.bound_ms, now_ms);
  }
  inboxes_[pump].clear();
}

// What the pump has inserted goes into its stream.
void Engine::Impl::collect(size_t pump) {
  for (PendingError& error : pumps[pump]->take_errors()) errors_.push_back(std::move(error));
  const size_t target = program->pumps[pump].target;
  StreamState& stream = streams[target];
  std::vector<Rows> output = pumps[pump]->take_output();
  if (!stream.gate) {
    for (Rows& rows : output) {
      const int64_t last_ms = rows.rowtimes_ms.back();
      feed(target, std::move(rows), last_ms);
    }
    if (pumps[pump]->bound() > stream.bound_ms) feed(target, {}, pumps[pump]->bound());
    return;
  }
  const auto writer =
      static_cast<size_t>(std::ranges::find(stream.writers, pump) - stream.writers.begin());
  for (Rows& rows : output) {
    std::vector<uint32_t> refused;
    const Rows kept = rows;
    stream.gate->push(writer, std::move(rows), refused);
    for (uint32_t row : refused) {
      PendingError error;
      error.time_ms = kept.rowtimes_ms[row];
      error.source = target;
      error.name = errors::kLimit;
      error.message = "too many rows wait for the other pumps of the stream";
      error.pump = program->pumps[pump].name;
      error.data = describe_row(program->streams[target].schema, kept, row);
      errors_.push_back(std::move(error));
    }
  }
  stream.gate->advance(writer, pumps[pump]->bound());
  stream.gate->drain([&](size_t, const Rows& rows, size_t begin, size_t end) {
    std::vector<uint32_t> run(end - begin);
    for (size_t i = begin; i < end; ++i) run[i - begin] = static_cast<uint32_t>(i);
    feed(target, gather(rows, run), rows.rowtimes_ms[end - 1]);
  });
  if (stream.gate->bound() > stream.bound_ms) feed(target, {}, stream.gate->bound());
}

// Errors leave in the order of their times, once no earlier one can follow.
void Engine::Impl::release_errors() {
  if (errors_.empty()) return;
  int64_t bound_ms = kBoundEnd;
  for (const StreamState& stream : streams) {
    if (stream.is_input()) bound_ms = std::min(bound_ms, stream.bound_ms);
  }
  for (const auto& pump : pumps) {
    if (pump != nullptr) bound_ms = std::min(bound_ms, pump->error_bound());
  }
  for (size_t i = 0; i < errors_.size(); ++i) errors_[i].number = i;
  std::sort(errors_.begin(), errors_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.time_ms, a.source, a.number) < std::tie(b.time_ms, b.source, b.number);
  });
  auto end = std::ranges::find_if(errors_, [&](const PendingError& error) {
    return error.time_ms >= bound_ms && bound_ms != kBoundEnd;
  });
  emit_errors({errors_.begin(), end});
  errors_.erase(errors_.begin(), end);
}

void Engine::Impl::emit_errors(std::span<const PendingError> errors) {
  if (errors.empty()) return;
  rows_rejected += errors.size();
  if (error_stream_ == kNoStream) return;
  if (streams[error_stream_].output == StreamState::Output::kNo) return;
  RowBuffer out(lanes_of(error_stream_schema()));
  for (const PendingError& error : errors) {
    const std::string data = hex_encode(error.data);
    const std::string_view message =
        std::string_view(error.message).substr(0, kErrorMessageBytesMax);
    const Value time = Value::of_integer(error.time_ms);
    out.append(error.time_ms,
               std::vector<Value>{time, Value::of_text("ERROR"), Value::of_text(error.name),
                                  Value::of_text(message), time, Value::of_text(data),
                                  error.pump.empty() ? Value{} : Value::of_text(error.pump)});
  }
  taken.push_back({error_stream_, out.take()});
}

}  // namespace suiro::sql
