// SPDX-License-Identifier: Apache-2.0
// Runner: one running application. Reads the shards of its input, gives the engine their rows,
// hands what comes out to the outputs, and keeps what a restart needs.
//
//   read ahead (ShardReader, one a shard) ─► step: ROWTIME, map, push, bound ─► outlets ─► commit
//
// Invariants:
//  1. All rows of a step carry one ROWTIME, the time at which it was made, never before the last
//     step's; the same time is the bound behind it. Silent inputs get steps without rows.
//  2. Whatever left the application follows from the checkpoint and the durable log of steps: a
//     runner that starts again makes the same rows with the same numbers, and leaves out those that
//     were delivered.
//  3. A step that is not logged has let nothing out: its records are read again.
//  4. A checkpoint is taken when every row was delivered; it replaces the log before it.
//  5. A log belongs to one program and one generation of the stream. Before another program begins,
//     the one that wrote the log has made and delivered its rows. Before another generation is
//     read, a checkpoint is taken that begins with it.
//
// Thread: the application's shard. Fails: a store that latches ends the loop; everything else is
// tried again and reported to the application's log streams.
// Bytes on disk: docs/formats/analytics.md. Why: docs/decisions/150-analytics-exactly-once.md.
#pragma once

#include "engine/sql/engine.h"
#include "services/analytics/compiler.h"
#include "services/analytics/config.h"
#include "services/analytics/outlet.h"
#include "services/analytics/reference.h"
#include "services/analytics/shard_reader.h"
#include "services/analytics/storage.h"
#include "services/analytics/validate.h"

namespace suiro::analytics {

inline constexpr size_t kStepBytesMax = size_t{2} << 20;
inline constexpr size_t kLogBytesWaiting = size_t{256} << 10;  // then it is committed by itself
inline constexpr Millis kLogInterval{1'000};                   // of steps with records
inline constexpr Millis kShardsInterval{10'000};               // between looks for new shards
inline constexpr Millis kMetricsInterval{60'000};              // between spans with figures
inline constexpr uint64_t kIdleStepsMax = 3'600;               // then a checkpoint forgets them
inline constexpr size_t kMapRecords = 1'024;                   // mapped at once

struct Metrics {
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t rejected = 0;  // records that a function failed, or that gave no row
  uint64_t rows_out = 0;
  uint64_t millis_behind = 0;
  uint64_t checkpoints = 0;
};

class Runner {
 public:
  Runner(event::Kernel& kernel, const Config& config, const Compiler& compiler,
         Application application, std::string arn);
  ~Runner();

  // Reads or makes the run's state; the engine is ready when it completes. Errors: kClosed: end()
  // was called meanwhile; others: the application cannot run as it is.
  Task<Result<void>> begin();
  // After begin(): everything else.
  void go();
  // Ends the loop and, where all rows were delivered, takes a last checkpoint.
  Task<void> end();
  const Metrics& metrics() const { return metrics_; }

 private:
  // Begin.
  Task<Result<void>> try_begin();
  void reset();
  Result<void> compile();
  uint64_t fingerprint() const;
  Result<void> make_engine();
  Task<Result<void>> begin_fresh();
  event::StreamStart start_of_input() const;
  Task<Result<void>> locate_shards(event::StreamStart start);
  Task<Result<void>> begin_resumed(RunState state);
  Task<Result<void>> load_engine_state();
  Task<Result<void>> load_reference();
  Task<Result<CopiedReference>> copy_reference_again();
  Task<Result<void>> restore_outlets();

  // Recovery: what was logged since the checkpoint.
  Task<Result<void>> recover_all();
  Task<Result<void>> begin_again(uint32_t& failures);
  Task<Result<void>> settle_version_before();
  // Who wrote the log, where this version would make other rows of it.
  struct Before {
    Application application;
    EngineSettings settings;
  };
  Task<Result<std::optional<Before>>> version_before();
  Task<Result<void>> settle();
  void interrupt();
  Task<Result<bool>> is_stream_gone();
  Task<Result<void>> recover();
  void pass_over(const Step& step);
  Task<Result<void>> pause(uint32_t failures);
  Task<Result<void>> replay(Step step);
  Task<Result<Fetched>> read_again(const Piece& piece);
  Task<Result<void>> renew_reference();

  // The loop.
  Task<void> loop();
  Task<Result<void>> run();
  Task<Result<void>> turn();
  std::optional<Step> gather(std::vector<Fetched>& fetched);
  void apply(const Step& step, const std::vector<Fetched>& fetched);
  void push_piece(const Piece& piece, const Fetched& fetched, int64_t rowtime_ms);
  void push_records(size_t input, std::span<const sql::InputRecord> records,
                    const std::shared_ptr<const void>& owner);
  void take_rows();
  Task<Result<void>> deliver_due();
  Task<Result<void>> deliver_all();
  Task<Result<void>> keep();  // log, checkpoint, shards, metrics: what is due
  void add_log(store::Batch& batch) const;
  void log_committed();
  Task<Result<void>> flush_log();
  Task<Result<void>> checkpoint(std::optional<CopiedReference> reference);
  Task<Result<void>> find_shards();
  Task<Result<void>> enter_generation();
  void start_readers();
  uint32_t next_lane() const;
  TimePoint next_deadline() const;
  bool idle() const;
  bool has_ready() const;
  int64_t now_ms() const { return kernel_.clock.now().time_since_epoch().count(); }

  void report(std::string code, std::string message);
  void record_metrics();

  event::Kernel& kernel_;
  const Config& config_;
  const Compiler& compiler_;
  Application application_;
  std::string arn_;
  TraceContext trace_;
  event::StreamSource* source_ = nullptr;
  ReaderContext readers_context_;
  OutletContext outlets_context_;

  EngineSettings settings_;  // of the configuration; the older ones while a log is settled
  std::shared_ptr<const sql::Program> program_;
  std::unique_ptr<sql::Engine> engine_;
  std::unique_ptr<sql::InputMapper> mapper_;
  std::vector<size_t> lanes_;  // Program::streams, by lane
  RunState state_;             // of the last step that was applied
  store::Version state_version_;
  bool is_behind_log_ = false;  // state_ is a checkpoint; the log is to be replayed
  bool is_renewed_ = false;     // then the reference is to be read again
  std::vector<std::unique_ptr<Outlet>> outlets_;
  std::map<std::string, std::unique_ptr<ShardReader>> readers_;
  std::vector<ShardState> found_;  // for the next step
  LogWriter log_;
  uint64_t log_first_ = 0;  // the step that log_ begins with
  uint64_t log_records_ = 0;

  // Since the last checkpoint.
  size_t bytes_since_ = 0;
  uint64_t steps_since_ = 0;
  TimePoint checkpoint_at_{};
  TimePoint step_at_{};
  TimePoint log_at_{};
  TimePoint shards_at_{};
  TimePoint metrics_at_{};
  Metrics metrics_;
  Metrics reported_;
  std::map<std::string, TimePoint> reports_;  // when each code was reported last

  Runner* settling_ = nullptr;  // the version before, that finishes its log
  bool stopping_ = false;
  bool failed_ = false;  // the store latched
  bool beginning_ = false;
  Signal wake_;
  TaskScope scope_;
};

}  // namespace suiro::analytics
