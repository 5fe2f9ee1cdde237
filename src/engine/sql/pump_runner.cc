// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/pump_runner.h"

#include <algorithm>

#include "base/check.h"
#include "engine/sql/input_mapper.h"

namespace suiro::sql {
namespace {

// Collects what an operator over relations gives.
class CollectingSink final : public Sink {
 public:
  CollectingSink(std::vector<Lane> lanes, size_t bytes_max)
      : out_(empty_rows(lanes)), bytes_max_(bytes_max) {}
  void rows(Rows rows) override {
    for (size_t i = 0; i < rows.size() && bytes_ <= bytes_max_; ++i) {
      bytes_ += row_bytes(rows, i);
      append_row(out_, rows, i);
    }
    add_owners(out_, rows);
    if (bytes_ > bytes_max_ && error_.code.empty()) {
      error_ = limit_error("a query over tables", bytes_max_);
      out_.owners.clear();
    }
  }
  Open open() const override { return error_.code.empty() ? Open::kYes : Open::kNo; }
  void error(const Rows&, size_t, Error error) override {
    if (error_.code.empty()) error_ = std::move(error);
  }
  Rows& out() { return out_; }
  const Error& error() const { return error_; }

 private:
  Rows out_;
  size_t bytes_max_;
  size_t bytes_ = 0;
  Error error_;
};

bool overrides_rowtime(const Node& node) {
  if (std::holds_alternative<TimeSortNode>(node.what)) return true;
  const auto* project = std::get_if<ProjectNode>(&node.what);
  return project != nullptr && project->rowtime != nullptr &&
         project->rowtime->kind != Expr::Kind::kRowtime;
}

OperatorOptions::Above above(const Node& node) {
  for (const Node* at = &node; !at->inputs.empty(); at = at->inputs[0].get()) {
    const Node& below = *at->inputs[0];
    if (std::holds_alternative<GroupNode>(below.what)) return OperatorOptions::Above::kGroup;
    if (!std::holds_alternative<FilterNode>(below.what) &&
        !std::holds_alternative<ProjectNode>(below.what)) {
      break;
    }
  }
  return OperatorOptions::Above::kOther;
}

}  // namespace

class PumpRunner::StageSink final : public Sink {
 public:
  StageSink(PumpRunner& runner, size_t stage) : runner_(runner), stage_(stage) {}
  void rows(Rows rows) override {
    const Stage& stage = runner_.stages_[stage_];
    if (stage.parent == kRoot) return runner_.insert(std::move(rows));
    runner_.push_into(stage.parent, stage.input, std::move(rows));
  }
  void error(const Rows& from, size_t at, Error error) override {
    const Node& node = *runner_.stages_[stage_].node;
    runner_.add_error(stage_, runner_.schema_of(node, from), from, at, std::move(error));
  }

 private:
  PumpRunner& runner_;
  size_t stage_;
};

bool is_relation(const Node& node) {
  if (std::holds_alternative<ScanNode>(node.what)) return false;
  return std::ranges::all_of(node.inputs, [](const NodePtr& input) { return is_relation(*input); });
}

size_t count_stateful(const Node& node) {
  size_t count = keeps_state(node) && !is_relation(node) ? 1 : 0;
  for (const NodePtr& input : node.inputs) count += count_stateful(*input);
  return count;
}

Bytes describe_row(const Schema& schema, const Rows& rows, size_t row) {
  Bytes out;
  if (schema.size() == rows.columns.size()) format_row(schema, rows, row, OutputFormat::kJson, out);
  if (out.size() > kErrorDataBytesMax) out.resize(kErrorDataBytesMax);
  return out;
}

PumpRunner::PumpRunner(const Program& program, size_t pump, const OperatorOptions& options,
                       uint64_t source)
    : program_(program), pump_(program.pumps[pump]), options_(options), source_(source) {
  if (!is_relation(*pump_.root)) build(pump_.root, kRoot, 0);
  std::vector<ExprPtr> roots;
  for (size_t c = 0; c < pump_.columns.size(); ++c) {
    const bool coerced = c < pump_.coercions.size() && pump_.coercions[c] != nullptr;
    coercion_of_.push_back(coerced ? static_cast<int>(roots.size()) : -1);
    if (coerced) roots.push_back(pump_.coercions[c]);
  }
  if (!roots.empty()) {
    coercions_ = std::make_unique<Evaluator>(std::move(roots), options.query_start_ms);
  }
}
PumpRunner::~PumpRunner() = default;

void PumpRunner::build(const NodePtr& node, size_t parent, size_t input) {
  if (const auto* scan = std::get_if<ScanNode>(&node->what)) {
    leaves_.push_back({scan->stream, parent, input, kBoundNone});
    if (std::ranges::find(reads_, scan->stream) == reads_.end()) reads_.push_back(scan->stream);
    return;
  }
  OperatorOptions options = options_;
  options.above = above(*node);
  Stage stage;
  stage.node = node;
  stage.work = make_operator(*node, options);
  stage.parent = parent;
  stage.input = input;
  stages_.push_back(std::move(stage));
  const size_t self = stages_.size() - 1;
  for (size_t i = 0; i < node->inputs.size(); ++i) {
    if (!is_relation(*node->inputs[i])) build(node->inputs[i], self, i);
  }
}

void PumpRunner::push(size_t stream, const Rows& rows) {
  for (const Leaf& leaf : leaves_) {
    if (leaf.stream != stream) continue;
    if (leaf.stage == kRoot) {
      insert(rows);
    } else {
      push_into(leaf.stage, leaf.input, rows);
    }
  }
}

void PumpRunner::advance(size_t stream, int64_t bound_ms, int64_t now_ms) {
  for (Leaf& leaf : leaves_) {
    if (leaf.stream != stream) continue;
    leaf.bound_ms = std::max(leaf.bound_ms, bound_ms);
    if (leaf.stage == kRoot) {
      bound_ms_ = leaf.bound_ms;
    } else {
      advance_into(leaf.stage, leaf.input, leaf.bound_ms, now_ms);
    }
  }
}

void PumpRunner::push_into(size_t stage, size_t input, Rows rows) {
  StageSink sink(*this, stage);
  stages_[stage].work->push(input, std::move(rows), sink);
}

void PumpRunner::advance_into(size_t index, size_t input, int64_t bound_ms, int64_t now_ms) {
  Stage& stage = stages_[index];
  StageSink sink(*this, index);
  stage.work->advance(input, bound_ms, now_ms, sink);
  const int64_t out_ms = stage.work->bound();
  if (stage.parent == kRoot) {
    bound_ms_ = std::max(bound_ms_, out_ms);
  } else {
    advance_into(stage.parent, stage.input, out_ms, now_ms);
  }
}

// The rows of the tree's root, as rows of the target.
void PumpRunner::insert(Rows rows) {
  std::vector<uint32_t> selection = all_rows(rows.size());
  auto arena = std::make_shared<Arena>();
  if (coercions_ != nullptr) {
    coercions_->run(rows, selection, *arena);
    for (const RowError& error : coercions_->errors()) {
      add_error(stages_.size(), pump_.root->schema, rows, error.row, error.error);
    }
  }
  const Schema& target = program_.streams[pump_.target].schema;
  Rows out;
  out.owners = rows.owners;
  if (arena->size_bytes() > 0) add_owner(out, arena);
  for (size_t c = 0; c < target.size(); ++c) {
    if (coercion_of_[c] >= 0) {
      out.columns.push_back(coercions_->result(static_cast<size_t>(coercion_of_[c])));
    } else if (pump_.columns[c] >= 0) {
      out.columns.push_back(rows.columns[static_cast<size_t>(pump_.columns[c])]);
    } else {
      out.columns.push_back({.lane = target[c].type.lane()});
      for (size_t i = 0; i < rows.size(); ++i) out.columns.back().push({});
    }
  }
  out.rowtimes_ms = std::move(rows.rowtimes_ms);
  check_not_null(out, selection);
  if (selection.empty()) return;
  output_.push_back(selection.size() == out.size() ? std::move(out) : gather(out, selection));
}

void PumpRunner::check_not_null(Rows& out, std::vector<uint32_t>& kept) {
  const Schema& target = program_.streams[pump_.target].schema;
  for (size_t c = 0; c < target.size(); ++c) {
    const Vector& column = out.columns[c];
    if (target[c].type.nullable || column.nulls.empty()) continue;
    std::erase_if(kept, [&](uint32_t row) {
      if (column.nulls[row] == 0) return false;
      Error error{
          errors::kNullViolation, "column " + target[c].name + " is NOT NULL", Retry::kNever, {}};
      add_error(stages_.size(), target, out, row, std::move(error));
      return true;
    });
  }
}

const Schema& PumpRunner::schema_of(const Node& node, const Rows& rows) const {
  auto fits = [&](const Schema& schema) {
    if (schema.size() != rows.columns.size()) return false;
    for (size_t c = 0; c < schema.size(); ++c) {
      if (schema[c].type.lane() != rows.columns[c].lane) return false;
    }
    return true;
  };
  for (const NodePtr& input : node.inputs) {
    if (fits(input->schema)) return input->schema;
  }
  static const Schema kNone;
  return fits(node.schema) ? node.schema : kNone;
}

void PumpRunner::add_error(uint64_t stage, const Schema& schema, const Rows& from, size_t at,
                           Error error) {
  PendingError pending;
  pending.time_ms = pending.order_ms = from.rowtimes_ms[at];
  const bool tainted = stage < stages_.size() ? stages_[stage].tainted != 0 : tainted_ != 0;
  if (tainted) pending.times = PendingError::Times::kOwn;
  pending.source = source_ + stage;
  pending.name = std::move(error.code);
  pending.message = std::move(error.message);
  pending.pump = pump_.name;
  pending.data = describe_row(schema, from, at);
  errors_.push_back(std::move(pending));
}

int64_t PumpRunner::error_bound() const {
  int64_t bound_ms = tainted_ != 0 ? kBoundEnd : bound_ms_;
  for (const Leaf& leaf : leaves_) {
    if (leaf.tainted == 0) bound_ms = std::min(bound_ms, leaf.bound_ms);
  }
  for (const Stage& stage : stages_) {
    if (stage.tainted == 0) bound_ms = std::min(bound_ms, stage.work->bound());
  }
  return leaves_.empty() ? kBoundEnd : bound_ms;
}

void PumpRunner::taint_from(std::span<const size_t> streams) {
  std::vector<unsigned> below(stages_.size(), 0);
  for (Leaf& leaf : leaves_) {
    if (std::ranges::find(streams, leaf.stream) == streams.end()) continue;
    leaf.tainted = 1;
    if (leaf.stage == kRoot) tainted_ = 1;
    if (leaf.stage != kRoot) below[leaf.stage] = 1;
  }
  // Children stand behind their parents.
  for (size_t i = stages_.size(); i-- > 0;) {
    Stage& stage = stages_[i];
    stage.tainted = below[i] | static_cast<unsigned>(overrides_rowtime(*stage.node));
    if (stage.tainted == 0) continue;
    if (stage.parent == kRoot) tainted_ = 1;
    if (stage.parent != kRoot) below[stage.parent] = 1;
  }
}

size_t PumpRunner::bytes() const {
  size_t bytes = 0;
  for (const Stage& stage : stages_) bytes += stage.work->bytes();
  return bytes;
}

size_t PumpRunner::room() const {
  size_t room = kRoomEndless;
  for (const Stage& stage : stages_) room = std::min(room, stage.work->room());
  return room;
}

void PumpRunner::encode(SnapshotWriter& to) const {
  to.integer(bound_ms_);
  for (const Leaf& leaf : leaves_) to.integer(leaf.bound_ms);
  for (const Stage& stage : stages_) stage.work->encode(to);
}

void PumpRunner::decode(SnapshotReader& from) {
  bound_ms_ = from.integer();
  for (Leaf& leaf : leaves_) leaf.bound_ms = from.integer();
  for (Stage& stage : stages_) stage.work->decode(from);
}

void PumpRunner::describe(SnapshotWriter& to) const {
  to.text(pump_.name);
  to.number(pump_.target);
  for (const Stage& stage : stages_) {
    to.number(stage.node->what.index());
    for (const Field& field : stage.node->schema) {
      to.text(field.name);
      to.number(static_cast<uint64_t>(field.type.kind));
    }
  }
}

Result<void> PumpRunner::load(const Relations& relations) {
  for (Stage& stage : stages_) {
    if (!std::holds_alternative<LookupNode>(stage.node->what)) continue;
    TRY(Rows rows, relation(*stage.node->inputs[1], relations));
    TRY_VOID(stage.work->load(rows));
  }
  return ok();
}

void PumpRunner::start(const Relations& relations) {
  if (!is_relation(*pump_.root)) return;
  auto rows = relation(*pump_.root, relations);
  if (rows) {
    std::fill(rows->rowtimes_ms.begin(), rows->rowtimes_ms.end(), options_.query_start_ms);
    insert(*std::move(rows));
  } else {
    Rows none;
    none.rowtimes_ms.push_back(options_.query_start_ms);
    add_error(0, {}, none, 0, rows.error());
  }
  bound_ms_ = kBoundEnd;
}

Result<Rows> PumpRunner::values(const Node& node) {
  auto arena = std::make_shared<Arena>();
  Rows out = empty_rows(lanes_of(node.schema));
  for (const auto& row : std::get<ValuesNode>(node.what).rows) {
    out.rowtimes_ms.push_back(options_.query_start_ms);
    for (size_t c = 0; c < row.size(); ++c) {
      TRY(Value value,
          evaluate_at(row[c], options_.query_start_ms, options_.query_start_ms, *arena));
      out.columns[c].push(value);
    }
  }
  add_owner(out, arena);
  return out;
}

Result<Rows> PumpRunner::relation(const Node& node, const Relations& relations) {
  if (const auto* table = std::get_if<TableScanNode>(&node.what)) {
    return (*relations.tables)[table->table];
  }
  if (std::holds_alternative<ValuesNode>(node.what)) return values(node);
  return relation_inputs(node, relations);
}

Result<Rows> PumpRunner::relation_inputs(const Node& node, const Relations& relations) {
  OperatorOptions options = options_;
  options.over = OperatorOptions::Over::kRelation;
  OperatorPtr work = make_operator(node, options);
  CHECK(work != nullptr, "a relation reads a stream");
  CollectingSink sink(lanes_of(node.schema), options_.bytes_max);
  const bool lookup = std::holds_alternative<LookupNode>(node.what);
  if (lookup) {
    TRY(Rows right, relation(*node.inputs[1], relations));
    TRY_VOID(work->load(right));
  }
  const size_t inputs = lookup ? 1 : node.inputs.size();
  for (size_t i = 0; i < inputs; ++i) {
    TRY(Rows rows, relation(*node.inputs[i], relations));
    if (rows.size() > 0) work->push(i, std::move(rows), sink);
  }
  for (size_t i = 0; i < inputs; ++i) {
    work->advance(i, kBoundEnd, options_.query_start_ms, sink);
  }
  if (!sink.error().code.empty()) return fail(sink.error());
  return std::move(sink.out());
}

}  // namespace suiro::sql
