// SPDX-License-Identifier: Apache-2.0
// Operator: one node of a pump's plan at work. Rows come in by push(), row-time bounds by
// advance(); rows leave through the Sink.
//
// Invariants:
//  1. Rows that leave are in the order of row times, and none is earlier than bound() was.
//  2. What leaves depends on the sequence of rows and bounds of each input, not on how rows are
//     cut into pushes.
//  3. bytes() counts what the state holds by its content, not by capacities: a limit strikes at the
//     same row in every run.
// Threads: one at a time.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/sql/engine.h"
#include "engine/sql/evaluate.h"
#include "engine/sql/plan.h"
#include "engine/sql/row_codec.h"

namespace suiro::sql {

inline constexpr size_t kRoomEndless = static_cast<size_t>(-1);

// Rows that leave an operator at once; what one row gives by a join may be more, in several parts.
inline constexpr size_t kOutRowsMax = 4'096;
// Rows that one row may meet in a join with a table, or with another stream.
inline constexpr size_t kMatchesMax = 65'536;

// Where an operator's rows and errors go.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void rows(Rows rows) = 0;
  // `at` of `from`: the row that is lost.
  virtual void error(const Rows& from, size_t at, Error error) = 0;
  // Whether what comes now is lost: a relation that outgrew its budget. The operator may stop.
  enum class Open { kYes, kNo };
  virtual Open open() const { return Open::kYes; }
};

struct OperatorOptions {
  size_t bytes_max = 0;
  int64_t query_start_ms = 0;
  EngineOptions::GroupRowtime group_rowtime = EngineOptions::GroupRowtime::kWindowEnd;
  // Over streams, or over rows that are all there.
  enum class Over { kStream, kRelation } over = Over::kStream;
  // Projections above a group: rows of one window may take their row times in any order.
  enum class Above { kOther, kGroup } above = Above::kOther;
};

class Operator {
 public:
  virtual ~Operator() = default;
  virtual void push(size_t input, Rows rows, Sink& sink) = 0;
  // No row earlier than `bound_ms` follows on this input; not below an earlier bound.
  virtual void advance(size_t input, int64_t bound_ms, int64_t now_ms, Sink& sink) = 0;
  // No row earlier than this will leave.
  virtual int64_t bound() const = 0;
  virtual size_t bytes() const { return 0; }
  // Bytes of rows that may yet wait for another input: the less, the smaller the slices in which
  // the engine works, down to single rows, so that the row that does not fit is always the same.
  virtual size_t room() const { return kRoomEndless; }
  virtual void encode(SnapshotWriter& to) const = 0;
  virtual void decode(SnapshotReader& from) = 0;
  // Lookups: the relation of input 1. Errors: "LimitExceeded".
  virtual Result<void> load(const Rows& relation);
};

// Operators without a state but their bound.
class PassingOperator : public Operator {
 public:
  void advance(size_t input, int64_t bound_ms, int64_t now_ms, Sink& sink) override;
  int64_t bound() const override { return bound_; }
  void encode(SnapshotWriter& to) const override { to.integer(bound_); }
  void decode(SnapshotReader& from) override { bound_ = from.integer(); }

 protected:
  int64_t bound_ = kBoundNone;
};

using OperatorPtr = std::unique_ptr<Operator>;

OperatorPtr make_filter(const Node& node, const OperatorOptions& options);
OperatorPtr make_project(const Node& node, const OperatorOptions& options);
OperatorPtr make_group(const Node& node, const OperatorOptions& options);
OperatorPtr make_stagger(const Node& node, const OperatorOptions& options);
OperatorPtr make_window(const Node& node, const OperatorOptions& options);
OperatorPtr make_join(const Node& node, const OperatorOptions& options);
OperatorPtr make_lookup(const Node& node, const OperatorOptions& options);
OperatorPtr make_distinct(const Node& node, const OperatorOptions& options);
OperatorPtr make_sort(const Node& node, const OperatorOptions& options);
OperatorPtr make_time_sort(const Node& node, const OperatorOptions& options);
OperatorPtr make_union(const Node& node, const OperatorOptions& options);
OperatorPtr make_table_function(const Node& node, const OperatorOptions& options);
// Whatever the node is. Scans have none.
OperatorPtr make_operator(const Node& node, const OperatorOptions& options);
// Whether the operator keeps rows, and so has a share of the budget.
bool keeps_state(const Node& node);

// Every row of the batch.
std::vector<uint32_t> all_rows(size_t size);
// a + b, at the ends of the range where it overflows; kBoundNone and kBoundEnd stay.
int64_t add_time(int64_t a, int64_t b);
Error matches_error();
Error limit_error(std::string_view what, size_t bytes_max);

}  // namespace suiro::sql
