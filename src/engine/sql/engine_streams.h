// SPDX-License-Identifier: Apache-2.0
// The inside of Engine: streams between pumps, the order in which pumps run, error rows, and the
// bytes of a checkpoint. Only engine*.cc include it.
//
// One run(): level after level, the pumps of a level side by side, then what they inserted into
// their streams, which are merged by row time where several pumps write.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/sql/engine.h"
#include "engine/sql/merge_gate.h"
#include "engine/sql/pump_runner.h"
#include "engine/sql/worker_pool.h"

namespace suiro::sql {

struct StreamState {
  enum class Kind { kInput, kProgram, kErrors } kind = Kind::kProgram;
  std::vector<size_t> writers, readers;  // pumps
  std::optional<MergeGate> gate;         // of several writers
  size_t level = 0;
  enum class Output { kNo, kYes } output = Output::kNo;
  int64_t bound_ms = kBoundNone;
  int64_t last_ms = kBoundNone;    // of an input's rows
  int64_t passed_ms = kBoundNone;  // the highest bound before the end
  bool is_input() const { return kind == Kind::kInput; }
};

// What waits for a pump: rows of a stream, and its bound behind them.
struct Delivery {
  size_t stream = 0;
  Rows rows;
  int64_t bound_ms = kBoundNone;
};

struct Engine::Impl {
  Impl(std::shared_ptr<const Program> program, const EngineOptions& options,
       std::vector<size_t> outputs);
  // Errors: pumps that feed themselves.
  Result<void> arrange();

  void start();
  void push(size_t input, Rows rows, std::span<const Rejection> rejected);
  // Gives rows of a stream to its readers, and to take().
  void feed(size_t stream, Rows rows, int64_t bound_ms);
  void run();
  Result<void> load_table(size_t table, const Rows& rows);
  Result<Bytes> checkpoint() const;
  Result<void> restore(ByteView state);

  std::shared_ptr<const Program> program;
  EngineOptions options;
  std::vector<StreamState> streams;
  std::vector<std::unique_ptr<PumpRunner>> pumps;  // null: stopped
  std::vector<Rows> tables;
  std::vector<Output> taken;
  uint64_t rows_in = 0, rows_rejected = 0;
  int64_t now_ms = 0;

 private:
  bool runs(size_t pump) const { return program->pumps[pump].state == Pump::State::kStarted; }
  OperatorOptions operator_options() const;
  Result<void> find_levels();
  void make_pumps();
  void run_pump(size_t pump);
  void collect(size_t pump);
  void find_origins();
  size_t room() const;
  size_t slice_end(const Rows& rows, size_t begin) const;
  Rows drop_late(size_t input, Rows rows);
  void add_rejections(size_t input, std::span<const Rejection> rejected);
  int64_t progress(size_t pump) const;
  void add_error(PendingError error);
  void release_errors();
  void emit_errors(std::span<const PendingError> errors);
  Bytes fingerprint() const;
  void encode_errors(SnapshotWriter& to) const;
  void decode_errors(SnapshotReader& from, uint64_t version);

  std::vector<std::vector<size_t>> levels_;     // pumps
  std::vector<std::vector<Delivery>> inboxes_;  // by pump
  std::vector<std::vector<size_t>> origins_;    // by pump: the inputs that it depends on
  // By order_ms; what does not fit into the budget is counted, and told of in one row.
  std::multimap<int64_t, PendingError> errors_;
  size_t errors_bytes_ = 0, errors_bytes_max_ = 0;
  uint64_t errors_lost_ = 0;
  int64_t errors_lost_ms_ = kBoundNone;                        // the latest of them
  enum class Times { kInputs, kOwn } times_ = Times::kInputs;  // kOwn: some `.. AS ROWTIME`
  size_t error_stream_ = kNoStream;
  enum class Started { kNo, kYes } started_ = Started::kNo;
  WorkerPool pool_;
};

}  // namespace suiro::sql
