// SPDX-License-Identifier: Apache-2.0
// Engine: runs one program. Rows of the inputs are pushed in, rows of chosen streams are taken out;
// between them lie the program's streams and pumps, each pump a tree of operators.
//
// Place: above compile() (plan.h), below the service that reads streams and delivers outputs, and
// below the command `suiro sql`. It knows no files, sockets, clocks or stores.
//
// Invariants:
//  1. Deterministic. What comes out of a stream depends on the program, the options, the tables and
//     the sequence of rows and bounds of each input alone: not on how rows are cut into batches,
//     not on the number of threads, not on the time at which a call is made.
//  2. checkpoint() and restore() change nothing: an engine that was restored goes on to give the
//     bytes that the first one would have given.
//  3. A row whose evaluation fails, that comes too late or that does not fit into memory becomes a
//     row of error_stream; no other row is lost.
//  4. Every operator's state is bounded by operator_bytes_max and its share of total_bytes_max.
//
// Threads: calls come from one thread at a time; the engine's own threads work only inside a call.
// Bytes: docs/formats/sql-state.md.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/sql/plan.h"
#include "engine/sql/value.h"

namespace suiro::sql {

inline constexpr int64_t kBoundEnd = std::numeric_limits<int64_t>::max();  // nothing follows
inline constexpr int64_t kBoundNone = std::numeric_limits<int64_t>::min();
inline constexpr size_t kEngineThreadsMax = 64;
inline constexpr size_t kInputBatchRowsMax = 65'536;    // of one push
inline constexpr size_t kErrorMessageBytesMax = 4'096;  // VARCHAR(4096)
inline constexpr size_t kErrorDataBytesMax = 24'576;    // VARCHAR(49152) of hexadecimal digits
inline constexpr uint8_t kStateVersion = 2;
inline constexpr uint8_t kStateVersionRead = 1;  // and those above it

// Settings of an application; where the documents leave a choice, docs/decisions says which.
struct EngineOptions {
  size_t operator_bytes_max = size_t{256} << 20;
  // Shared out evenly among the operators that hold state.
  size_t total_bytes_max = size_t{1} << 30;
  // Of errors that wait until no earlier one can follow; those beyond are counted in one row.
  size_t errors_bytes_max = size_t{64} << 20;
  size_t threads = 1;
  // Whether advance() closes windows of inputs that are silent.
  enum class Heartbeat { kOn, kOff } heartbeat = Heartbeat::kOn;
  // ROWTIME of a tumbling window's rows.
  enum class GroupRowtime { kWindowEnd, kWindowStart } group_rowtime = GroupRowtime::kWindowEnd;
  int64_t start_ms = 0;  // CURRENT_TIMESTAMP; ROWTIME of rows that come from VALUES alone
};

// A record that became no row, for error_stream.
struct Rejection {
  int64_t rowtime_ms = 0;
  Error error;  // code: ERROR_NAME
  Bytes data;   // the record as it came
};

struct Output {
  size_t stream = 0;  // Program::streams
  Rows rows;
};

class Engine {
 public:
  // `outputs`: the streams (Program::streams) whose rows take() gives, error_stream among them.
  // Errors: "InvalidArgument" for pumps that feed themselves, or options out of range.
  static Result<std::unique_ptr<Engine>> create(std::shared_ptr<const Program> program,
                                                const EngineOptions& options,
                                                std::vector<size_t> outputs);
  ~Engine();

  // The rows of a reference table (Program::tables), all of them. Before the first push, or later
  // to replace them. Errors: "LimitExceeded": they do not fit, and the table stays as it was.
  Result<void> load_table(size_t table, const Rows& rows);

  // Rows of an input (Program::streams), in the order of their row times and not earlier than those
  // before: earlier ones become LateRow errors. Texts live as long as rows.owners.
  void push(size_t input, Rows rows, std::span<const Rejection> rejected = {});

  // No row earlier than `bound_ms` will follow in any input, as far as it lies behind the input's
  // own last row. `now_ms` is the processing time (idle limits of table functions). Ignored where
  // the heartbeat is off, except for kBoundEnd: the inputs end, everything open is closed.
  void advance(int64_t bound_ms, int64_t now_ms);
  // For one input; obeyed with the heartbeat off too: the bound came with the data.
  void advance_input(size_t input, int64_t bound_ms);

  // What has come out since the last call, in the order of row times for each stream.
  std::vector<Output> take();

  // State of all operators, streams and tables' fingerprints; rows not yet taken are not part of
  // it: take() comes first. Errors: "InvalidArgument" where rows wait to be taken.
  Result<Bytes> checkpoint() const;
  // On a new engine of the same program and options, after load_table. Errors: "Corrupt", or
  // "InvalidArgument" where the state is another program's.
  Result<void> restore(ByteView state);

  size_t state_bytes() const;
  uint64_t rows_in() const;
  uint64_t rows_rejected() const;  // rows that went to error_stream

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The columns of error_stream, as the reference lists them.
Schema error_stream_schema();
// Index into Program::streams, or npos. Names as stored.
size_t find_stream(const Program& program, std::string_view name);
inline constexpr size_t kNoStream = static_cast<size_t>(-1);

}  // namespace suiro::sql
