// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "engine/sql/engine_streams.h"

namespace suiro::sql {

Result<std::unique_ptr<Engine>> Engine::create(std::shared_ptr<const Program> program,
                                               const EngineOptions& options,
                                               std::vector<size_t> outputs) {
  if (options.threads < 1 || options.threads > kEngineThreadsMax) {
    return fail(codes::kInvalidArgument,
                fmt::format("threads must be between 1 and {}", kEngineThreadsMax));
  }
  for (size_t stream : outputs) {
    if (stream >= program->streams.size()) {
      return fail(codes::kInvalidArgument, "an output names a stream that the program has not");
    }
  }
  auto impl = std::make_unique<Impl>(std::move(program), options, std::move(outputs));
  TRY_VOID(impl->arrange());
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<void> Engine::load_table(size_t table, const Rows& rows) {
  if (table >= impl_->tables.size()) {
    return fail(codes::kInvalidArgument, "the program has no such reference table");
  }
  return impl_->load_table(table, rows);
}

void Engine::push(size_t input, Rows rows, std::span<const Rejection> rejected) {
  CHECK(input < impl_->streams.size() && impl_->streams[input].is_input(), "not an input");
  impl_->push(input, std::move(rows), rejected);
}

void Engine::advance(int64_t bound_ms, int64_t now_ms) {
  impl_->now_ms = std::max(impl_->now_ms, now_ms);
  const bool silent = impl_->options.heartbeat == EngineOptions::Heartbeat::kOff;
  if (silent && bound_ms != kBoundEnd) return;
  impl_->start();
  for (size_t i = 0; i < impl_->streams.size(); ++i) {
    if (impl_->streams[i].is_input()) impl_->feed(i, {}, bound_ms);
  }
  impl_->run();
}

void Engine::advance_input(size_t input, int64_t bound_ms) {
  CHECK(input < impl_->streams.size() && impl_->streams[input].is_input(), "not an input");
  impl_->start();
  impl_->feed(input, {}, bound_ms);
  impl_->run();
}

std::vector<Output> Engine::take() {
  return std::exchange(impl_->taken, {});
}

Result<Bytes> Engine::checkpoint() const {
  return impl_->checkpoint();
}
Result<void> Engine::restore(ByteView state) {
  return impl_->restore(state);
}

size_t Engine::state_bytes() const {
  size_t bytes = 0;
  for (const auto& pump : impl_->pumps) bytes += pump ? pump->bytes() : 0;
  for (const auto& stream : impl_->streams) bytes += stream.gate ? stream.gate->bytes() : 0;
  return bytes;
}
uint64_t Engine::rows_in() const {
  return impl_->rows_in;
}
uint64_t Engine::rows_rejected() const {
  return impl_->rows_rejected;
}

Schema error_stream_schema() {
  auto text = [](uint32_t length) {
    Type type;
    type.kind = TypeKind::kVarchar;
    type.length = length;
    return type;
  };
  Type time;
  time.kind = TypeKind::kTimestamp;
  return {{"ERROR_TIME", time},    {"ERROR_LEVEL", text(10)}, {"ERROR_NAME", text(32)},
          {"MESSAGE", text(4096)}, {"DATA_ROWTIME", time},    {"DATA_ROW", text(49152)},
          {"PUMP_NAME", text(128)}};
}

size_t find_stream(const Program& program, std::string_view name) {
  for (size_t i = 0; i < program.streams.size(); ++i) {
    if (program.streams[i].name == name) return i;
  }
  return kNoStream;
}

}  // namespace suiro::sql
