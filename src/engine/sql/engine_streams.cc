// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/engine_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

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
  if (!tainted.empty()) times_ = Times::kOwn;
  errors_bytes_max_ = options.errors_bytes_max;
  find_origins();
}

// Level by level, so that those of a pump's streams are known before.
void Engine::Impl::find_origins() {
  origins_.resize(pumps.size());
  for (const auto& level : levels_) {
    for (size_t p : level) {
      std::vector<size_t>& own = origins_[p];
      for (size_t stream : pumps[p]->reads()) {
        if (streams[stream].is_input()) own.push_back(stream);
        for (size_t writer : streams[stream].writers) {
          own.insert(own.end(), origins_[writer].begin(), origins_[writer].end());
        }
      }
      std::ranges::sort(own);
      own.erase(std::unique(own.begin(), own.end()), own.end());
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
  const size_t size = rows.size();
  for (size_t begin = 0, end = 0; begin < size; begin = end) {
    end = slice_end(rows, begin);
    Rows part;
    if (end - begin == size) {
      part = std::move(rows);
    } else {
      std::vector<uint32_t> slice(end - begin);
      std::iota(slice.begin(), slice.end(), static_cast<uint32_t>(begin));
      part = gather(rows, slice);
    }
    part = drop_late(input, std::move(part));
    int64_t bound_ms = streams[input].bound_ms;
    if (part.size() > 0) bound_ms = std::max(bound_ms, part.rowtimes_ms.back());
    feed(input, std::move(part), bound_ms);
    run();
  }
  if (rejected.empty()) return;
  int64_t bound_ms = streams[input].bound_ms;
  for (const Rejection& each : rejected) bound_ms = std::max(bound_ms, each.rowtime_ms);
  feed(input, {}, bound_ms);
  run();
}

// Of rows that may yet have to wait, for a merge or as errors.
size_t Engine::Impl::room() const {
  size_t room = errors_bytes_max_ - std::min(errors_bytes_, errors_bytes_max_);
  for (const auto& pump : pumps) room = std::min(room, pump ? pump->room() : room);
  for (const auto& stream : streams)
    room = std::min(room, stream.gate ? stream.gate->room() : room);
  return room;
}

// All rows where they fit for certain, whatever becomes of them; as little as one row near a
// budget, so that what is refused does not depend on the batch. Where rows get times of their own
// errors are ordered by the time at which they come about: a slice has one ROWTIME.
size_t Engine::Impl::slice_end(const Rows& rows, size_t begin) const {
  constexpr size_t kShare = 32;  // of the room that one slice may ask for, by its contents
  size_t end = rows.size();
  if (times_ == Times::kOwn) {
    const auto first = rows.rowtimes_ms.begin() + static_cast<ptrdiff_t>(begin);
    const auto other = std::ranges::find_if(first, rows.rowtimes_ms.end(),
                                            [&](int64_t time_ms) { return time_ms != *first; });
    end = static_cast<size_t>(other - rows.rowtimes_ms.begin());
  }
  size_t left = room() / kShare;
  if (begin == 0 && end == rows.size() && rows_bytes(rows) <= left) return end;
  for (size_t row = begin; row < end; ++row) {
    const size_t bytes = row_bytes(rows, row);
    if (bytes > left) return std::max(row, begin + 1);
    left -= bytes;
  }
  return end;
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
    error.time_ms = error.order_ms = least_ms;
    error.source = input;
    error.name = errors::kLateRow;
    error.message = "the row's ROWTIME is earlier than that of the row before it";
    error.data = describe_row(program->streams[input].schema, rows, row);
    add_error(std::move(error));
  }
  return kept.size() == rows.size() ? std::move(rows) : gather(rows, kept);
}

void Engine::Impl::add_rejections(size_t input, std::span<const Rejection> rejected) {
  for (const Rejection& each : rejected) {
    PendingError error;
    error.time_ms = error.order_ms = each.rowtime_ms;
    error.source = input;
    error.name = each.error.code;
    error.message = each.error.message;
    error.data = each.data.substr(0, kErrorDataBytesMax);
    add_error(std::move(error));
    if (errors_bytes_ <= errors_bytes_max_ / 2) continue;
    feed(input, {}, each.rowtime_ms);
    run();
  }
}

void Engine::Impl::feed(size_t index, Rows rows, int64_t bound_ms) {
  StreamState& stream = streams[index];
  stream.bound_ms = std::max(stream.bound_ms, bound_ms);
  if (stream.bound_ms != kBoundEnd) stream.passed_ms = stream.bound_ms;
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
  for (PendingError& error : pumps[pump]->take_errors()) {
    if (error.times == PendingError::Times::kOwn) error.order_ms = progress(pump);
    add_error(std::move(error));
  }
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
  for (Rows& rows : output) stream.gate->push(writer, std::move(rows));
  stream.gate->advance(writer, pumps[pump]->bound());
  auto take = [&](size_t, const Rows& rows, size_t begin, size_t end) {
    std::vector<uint32_t> run(end - begin);
    for (size_t i = begin; i < end; ++i) run[i - begin] = static_cast<uint32_t>(i);
    feed(target, gather(rows, run), rows.rowtimes_ms[end - 1]);
  };
  stream.gate->drain(take, [&](size_t from, const Rows& rows, size_t row) {
    PendingError error;
    error.time_ms = error.order_ms = rows.rowtimes_ms[row];
    if (pumps[stream.writers[from]]->tainted()) error.order_ms = progress(pump);
    error.source = target;
    error.name = errors::kLimit;
    error.message = "too many rows wait for the other pumps of the stream";
    error.pump = program->pumps[stream.writers[from]].name;
    error.data = describe_row(program->streams[target].schema, rows, row);
    add_error(std::move(error));
  });
  if (stream.gate->bound() > stream.bound_ms) feed(target, {}, stream.gate->bound());
}

// How far the inputs of a pump have come.
int64_t Engine::Impl::progress(size_t pump) const {
  int64_t least_ms = kBoundEnd;
  for (size_t input : origins_[pump]) least_ms = std::min(least_ms, streams[input].passed_ms);
  return least_ms == kBoundEnd || least_ms == kBoundNone ? options.start_ms : least_ms;
}

void Engine::Impl::add_error(PendingError error) {
  const size_t bytes = error.size_bytes();
  if (errors_bytes_ + bytes > errors_bytes_max_) {
    ++errors_lost_;
    errors_lost_ms_ = std::max(errors_lost_ms_, error.order_ms);
    return;
  }
  errors_bytes_ += bytes;
  const int64_t order_ms = error.order_ms;
  errors_.emplace(order_ms, std::move(error));
}

// Errors leave in the order of their times, once no earlier one can follow.
void Engine::Impl::release_errors() {
  if (errors_.empty() && errors_lost_ == 0) return;
  int64_t bound_ms = kBoundEnd;
  for (const StreamState& stream : streams) {
    if (stream.is_input()) bound_ms = std::min(bound_ms, stream.bound_ms);
  }
  for (const auto& pump : pumps) {
    if (pump != nullptr) bound_ms = std::min(bound_ms, pump->error_bound());
  }
  const auto end = bound_ms == kBoundEnd ? errors_.end() : errors_.lower_bound(bound_ms);
  std::vector<PendingError> leaving;
  for (auto it = errors_.begin(); it != end; ++it) {
    errors_bytes_ -= it->second.size_bytes();
    leaving.push_back(std::move(it->second));
  }
  errors_.erase(errors_.begin(), end);
  if (errors_lost_ > 0 && (bound_ms == kBoundEnd || errors_lost_ms_ < bound_ms)) {
    PendingError lost;
    lost.time_ms = lost.order_ms = errors_lost_ms_;
    lost.source = std::numeric_limits<uint64_t>::max();
    lost.name = errors::kLimit;
    lost.message =
        fmt::format("{} more errors are not listed: too many of them had to wait", errors_lost_);
    rows_rejected += errors_lost_ - 1;
    errors_lost_ = 0;
    errors_lost_ms_ = kBoundNone;
    leaving.push_back(std::move(lost));
  }
  std::ranges::sort(leaving, [](const PendingError& a, const PendingError& b) {
    return std::tie(a.order_ms, a.source, a.time_ms, a.data, a.name, a.message) <
           std::tie(b.order_ms, b.source, b.time_ms, b.data, b.name, b.message);
  });
  emit_errors(leaving);
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
    const Value time = Value::of_integer(error.order_ms);
    out.append(error.order_ms,
               std::vector<Value>{time, Value::of_text("ERROR"), Value::of_text(error.name),
                                  Value::of_text(message), Value::of_integer(error.time_ms),
                                  Value::of_text(data),
                                  error.pump.empty() ? Value{} : Value::of_text(error.pump)});
  }
  taken.push_back({error_stream_, out.take()});
}

}  // namespace suiro::sql
