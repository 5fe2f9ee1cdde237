// SPDX-License-Identifier: Apache-2.0
// PumpRunner: one pump at work: its tree of operators, from the streams that it reads to the rows
// that it inserts. And relations: trees over tables and values, evaluated at once.
//
// Invariants: 1. Rows of output() are in the order of row times and not earlier than bound() was.
// 2. Errors of one stage are in the order of their rows. Threads: one at a time.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/sql/operator.h"

namespace suiro::sql {

// A row of error_stream to be.
struct PendingError {
  int64_t time_ms = 0;   // ROWTIME of the row
  int64_t order_ms = 0;  // place in error_stream, and ERROR_TIME
  // kOwn: the row's time is not one of the inputs' (`.. AS ROWTIME`); the engine gives the order.
  enum class Times : uint8_t { kInputs, kOwn } times = Times::kInputs;
  uint64_t source = 0;  // orders errors of one time: inputs, then stages of pumps
  std::string name, message, pump;
  Bytes data;

  size_t size_bytes() const {
    return sizeof(*this) + name.size() + message.size() + pump.size() + data.size();
  }
};

struct Relations {
  const std::vector<Rows>* tables = nullptr;  // Program::tables
};

class PumpRunner {
 public:
  // `source`: the number of its first stage among all sources of errors.
  PumpRunner(const Program& program, size_t pump, const OperatorOptions& options, uint64_t source);
  ~PumpRunner();

  const std::vector<size_t>& reads() const { return reads_; }  // streams
  size_t stages() const { return stages_.size(); }
  // Evaluates the relations that the tree joins with. Errors: "LimitExceeded".
  Result<void> load(const Relations& relations);
  // A pump that reads no stream: its rows, once.
  void start(const Relations& relations);

  void push(size_t stream, const Rows& rows);
  void advance(size_t stream, int64_t bound_ms, int64_t now_ms);

  std::vector<Rows> take_output() { return std::move(output_); }
  std::vector<PendingError> take_errors() { return std::exchange(errors_, {}); }
  int64_t bound() const { return bound_ms_; }
  // No error earlier than this follows, from stages whose row times are those of the inputs.
  int64_t error_bound() const;
  // Streams whose row times are not those of the inputs (`.. AS ROWTIME`).
  void taint_from(std::span<const size_t> streams);
  bool tainted() const { return tainted_ != 0; }
  size_t bytes() const;
  size_t room() const;  // the least of its operators'
  void encode(SnapshotWriter& to) const;
  void decode(SnapshotReader& from);
  void describe(SnapshotWriter& to) const;  // the shape of the tree, for a fingerprint

 private:
  static constexpr size_t kRoot = static_cast<size_t>(-1);
  struct Stage {
    NodePtr node;
    OperatorPtr work;
    size_t parent = kRoot;
    size_t input = 0;  // of the parent
    int64_t in_bound_ms = kBoundNone;
    unsigned tainted = 0;
  };
  struct Leaf {
    size_t stream = 0;
    size_t stage = kRoot;
    size_t input = 0;
    int64_t bound_ms = kBoundNone;
    unsigned tainted = 0;
  };
  class StageSink;

  void build(const NodePtr& node, size_t parent, size_t input);
  void push_into(size_t stage, size_t input, Rows rows);
  void advance_into(size_t stage, size_t input, int64_t bound_ms, int64_t now_ms);
  void insert(Rows rows);
  void check_not_null(Rows& out, std::vector<uint32_t>& kept);
  void add_error(uint64_t stage, const Schema& schema, const Rows& from, size_t at, Error error);
  const Schema& schema_of(const Node& node, const Rows& rows) const;
  Result<Rows> relation(const Node& node, const Relations& relations);
  Result<Rows> relation_inputs(const Node& node, const Relations& relations);
  Result<Rows> values(const Node& node);

  const Program& program_;
  const Pump& pump_;
  OperatorOptions options_;
  uint64_t source_;
  std::vector<Stage> stages_;
  std::vector<Leaf> leaves_;
  std::vector<size_t> reads_;
  unsigned tainted_ = 0;
  std::unique_ptr<Evaluator> coercions_;
  std::vector<int> coercion_of_;  // for each column of the target; -1: none
  std::vector<Rows> output_;
  std::vector<PendingError> errors_;
  int64_t bound_ms_ = kBoundNone;
};

// Whether nothing below the node is a stream.
bool is_relation(const Node& node);
// How many operators of the tree hold state.
size_t count_stateful(const Node& node);
// A row as error_stream shows it: the bytes of its JSON object.
Bytes describe_row(const Schema& schema, const Rows& rows, size_t row);

}  // namespace suiro::sql
