// SPDX-License-Identifier: Apache-2.0
// Running a program: events pass the first commands one by one; then rows are grouped, or the best
// of them are kept; the rest of the commands is applied to what is left.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "engine/log_query/program.h"

namespace suiro::log_query {
namespace {

// What a row costs beside its values.
constexpr size_t kRowBytes = 128;

bool is_row_wise(const Stage& stage) {
  return std::holds_alternative<FieldsStage>(stage) || std::holds_alternative<FilterStage>(stage) ||
         std::holds_alternative<ParseStage>(stage);
}

size_t row_bytes(const Row& row) {
  size_t bytes = kRowBytes;
  for (const Value& value : row.slots) bytes += bytes_of(value);
  return bytes;
}

// Texts one behind the other such that different ones never read the same.
void append_key(std::string& key, const Value& value) {
  if (is_missing(value)) {
    key += '-';
    return;
  }
  std::string room;
  std::string_view text = view_of(value, room);
  key += fmt::format("{}:", text.size());
  key += text;
}

// What stands where the stars are; none: the text is not of this form. The last star takes the
// rest.
std::optional<std::vector<std::string_view>> match_glob(const std::vector<std::string>& literals,
                                                        std::string_view text) {
  size_t at = text.find(literals[0]);
  if (at == text.npos) return std::nullopt;
  at += literals[0].size();
  std::vector<std::string_view> found;
  for (size_t i = 1; i < literals.size(); ++i) {
    bool takes_rest = i + 1 == literals.size() && literals[i].empty();
    size_t end = takes_rest ? text.size() : text.find(literals[i], at);
    if (end == text.npos) return std::nullopt;
    found.push_back(text.substr(at, end - at));
    at = end + literals[i].size();
  }
  return found;
}

std::optional<std::vector<std::string_view>> match_regex(const RE2& regex, std::string_view text) {
  auto count = static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1;
  std::vector<re2::StringPiece> groups(count);
  bool hits =
      regex.Match(text, 0, text.size(), RE2::UNANCHORED, groups.data(), static_cast<int>(count));
  if (!hits) return std::nullopt;
  std::vector<std::string_view> found;
  for (size_t i = 1; i < count; ++i) found.emplace_back(groups[i].data(), groups[i].size());
  return found;
}

void parse_fields(const ParseStage& stage, Row& row, TimePoint now) {
  Value source = evaluate(*stage.source, row, now);
  std::string room;
  std::string_view text = view_of(source, room);
  auto found = stage.regex ? match_regex(*stage.regex, text) : match_glob(stage.literals, text);
  std::vector<Value> values(stage.slots.size());
  for (size_t i = 0; found && i < values.size(); ++i) {
    if ((*found)[i].data() != nullptr) values[i] = std::string((*found)[i]);
  }
  for (size_t i = 0; i < values.size(); ++i) row.slots[stage.slots[i]] = std::move(values[i]);
}

}  // namespace

Run::Run(std::shared_ptr<const Program> program, Options options)
    : program_(std::move(program)), options_(options) {
  const auto& stages = program_->stages;
  while (streaming_ < stages.size() && is_row_wise(stages[streaming_])) ++streaming_;
  next_stage_ = streaming_;
  if (next_stage_ < stages.size()) stats_ = std::get_if<StatsStage>(&stages[next_stage_]);
  if (stats_ != nullptr) {
    ++next_stage_;
    return;
  }
  for (; next_stage_ < stages.size(); ++next_stage_) {
    const auto* sort = std::get_if<SortStage>(&stages[next_stage_]);
    if (sort == nullptr) break;
    order_ = sort;
  }
  size_t next = next_stage_;
  while (next < stages.size() && is_row_wise(stages[next]) &&
         !std::holds_alternative<FilterStage>(stages[next])) {
    ++next;
  }
  if (next == stages.size()) {
    kept_max_ = options_.rows_max;
  } else if (const auto* limit = std::get_if<LimitStage>(&stages[next])) {
    kept_max_ = limit->rows;
  }
}

bool Run::pass(const Stage& stage, Row& row) const {
  if (const auto* fields = std::get_if<FieldsStage>(&stage)) {
    for (const Assignment& assignment : fields->assignments) {
      row.slots[assignment.slot] = evaluate(*assignment.value, row, options_.now);
    }
  } else if (const auto* filter = std::get_if<FilterStage>(&stage)) {
    return truth_of(evaluate(*filter->condition, row, options_.now));
  } else if (const auto* parse = std::get_if<ParseStage>(&stage)) {
    parse_fields(*parse, row, options_.now);
  }
  return true;
}

Result<void> Run::take_bytes(size_t bytes) {
  bytes_ += bytes;
  if (bytes_ <= options_.bytes_max) return ok();
  return fail(codes::kTooLarge,
              fmt::format("The query holds more than {} bytes of rows and groups at once; narrow "
                          "its time range or its filters.",
                          options_.bytes_max));
}

Result<void> Run::add(const Event& event) {
  Row row{.time = event.time, .handle = event.handle, .order = count_++};
  row.slots.resize(program_->slots);
  EventFields fields(event);
  for (const auto& [field, slot] : program_->loads) row.slots[slot] = fields.find(field);
  for (size_t i = 0; i < streaming_; ++i) {
    if (!pass(program_->stages[i], row)) return ok();
  }
  ++matched_;
  if (stats_ != nullptr) return group(*stats_, groups_, row);
  return keep(std::move(row));
}

Result<void> Run::keep(Row row) {
  auto first = [this](const Row& left, const Row& right) {
    return comes_first(order_, left, right);
  };
  if (kept_max_ != 0 && kept_.size() == kept_max_) {
    if (!first(row, kept_.front())) return ok();
    std::ranges::pop_heap(kept_, first);
    bytes_ -= row_bytes(kept_.back());
    kept_.pop_back();
  }
  TRY_VOID(take_bytes(row_bytes(row)));
  kept_.push_back(std::move(row));
  std::ranges::push_heap(kept_, first);
  return ok();
}

Result<void> Run::group(const StatsStage& stage, Groups& groups, const Row& row) {
  std::vector<Value> keys;
  std::string key;
  for (const Assignment& assignment : stage.keys) {
    keys.push_back(evaluate(*assignment.value, row, options_.now));
    append_key(key, keys.back());
  }
  size_t key_bytes = key.size();
  auto [place, is_new] = groups.try_emplace(std::move(key));
  Group& group = place->second;
  if (is_new) {
    group.row.slots.resize(program_->slots);
    group.parts.resize(stage.parts.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      group.row.slots[stage.keys[i].slot] = std::move(keys[i]);
    }
    TRY_VOID(take_bytes(key_bytes + row_bytes(group.row) + stage.parts.size() * sizeof(Aggregate)));
  }
  for (size_t i = 0; i < stage.parts.size(); ++i) {
    const StatsStage::Part& part = stage.parts[i];
    Value value =
        part.argument == nullptr ? Value(true) : evaluate(*part.argument, row, options_.now);
    TRY_VOID(take_bytes(group.parts[i].add(part.kind, std::move(value), row)));
  }
  return ok();
}

Run::Rows Run::ungroup(const StatsStage& stage, Groups groups) const {
  // Without keys there is one group, though nothing came.
  if (stage.keys.empty() && groups.empty()) {
    Group& all = groups[""];
    all.row.slots.resize(program_->slots);
    all.parts.resize(stage.parts.size());
  }
  Rows rows;
  for (auto& [key, group] : groups) {
    Row row = std::move(group.row);
    for (size_t i = 0; i < stage.parts.size(); ++i) {
      const StatsStage::Part& part = stage.parts[i];
      row.slots[part.slot] = group.parts[i].result(part.kind, part.percent);
    }
    for (const Assignment& output : stage.outputs) {
      row.slots[output.slot] = evaluate(*output.value, row, options_.now);
    }
    rows.push_back(std::move(row));
  }
  // By their keys; and so they stay where a later sort finds them equal.
  for (size_t i = 0; i < rows.size(); ++i) rows[i].order = i;
  std::ranges::sort(rows, [&](const Row& left, const Row& right) {
    for (const Assignment& key : stage.keys) {
      int order = compare_in_sort(left.slots[key.slot], right.slots[key.slot]);
      if (order != 0) return order < 0;
    }
    return left.order < right.order;
  });
  for (size_t i = 0; i < rows.size(); ++i) rows[i].order = rows.size() - i;
  return rows;
}

bool Run::comes_first(const SortStage* stage, const Row& left, const Row& right) const {
  if (stage != nullptr) {
    for (const SortStage::Key& key : stage->keys) {
      int order = compare_in_sort(evaluate(*key.value, left, options_.now),
                                  evaluate(*key.value, right, options_.now));
      if (key.direction == SortStage::Key::Direction::kDescending) order = -order;
      if (order != 0) return order < 0;
    }
  }
  return std::pair(left.time, left.order) > std::pair(right.time, right.order);
}

void Run::sort(const SortStage* stage, Rows& rows) const {
  std::ranges::sort(
      rows, [&](const Row& left, const Row& right) { return comes_first(stage, left, right); });
}

Result<Run::Rows> Run::apply(const Stage& stage, Rows rows) {
  if (is_row_wise(stage)) {
    Rows passed;
    for (Row& row : rows) {
      if (pass(stage, row)) passed.push_back(std::move(row));
    }
    return passed;
  }
  if (const auto* stats = std::get_if<StatsStage>(&stage)) {
    Groups groups;
    for (const Row& row : rows) TRY_VOID(group(*stats, groups, row));
    rows = ungroup(*stats, std::move(groups));
  } else if (const auto* order = std::get_if<SortStage>(&stage)) {
    sort(order, rows);
  } else if (const auto* limit = std::get_if<LimitStage>(&stage)) {
    if (rows.size() > limit->rows) rows.resize(limit->rows);
  } else if (const auto* dedup = std::get_if<DedupStage>(&stage)) {
    std::unordered_set<std::string> known;
    std::erase_if(rows, [&](const Row& row) {
      std::string key;
      for (const NodePtr& node : dedup->keys) {
        Value value = evaluate(*node, row, options_.now);
        if (is_missing(value)) return false;
        append_key(key, value);
      }
      return !known.insert(std::move(key)).second;
    });
  }
  return rows;
}

Table Run::table_of(const Rows& rows) const {
  Table table;
  for (const Column& column : program_->columns) table.columns.push_back(column.name);
  for (const Row& row : rows) {
    Table::Line& line = table.lines.emplace_back();
    line.time = row.time;
    line.handle = row.handle;
    for (const Column& column : program_->columns) {
      const Value& value = row.slots[column.slot];
      auto& cell = line.values.emplace_back();
      if (!is_missing(value)) cell = text_of(value);
      table.bytes += sizeof(cell) + (cell ? cell->size() : 0);
    }
    table.bytes += kRowBytes;
  }
  return table;
}

Result<Table> Run::finish() {
  Rows rows;
  if (stats_ != nullptr) {
    rows = ungroup(*stats_, std::move(groups_));
  } else {
    rows = std::move(kept_);
    sort(order_, rows);
  }
  for (size_t i = next_stage_; i < program_->stages.size(); ++i) {
    TRY(rows, apply(program_->stages[i], std::move(rows)));
  }
  if (rows.size() > options_.rows_max) rows.resize(options_.rows_max);
  return table_of(rows);
}

}  // namespace suiro::log_query
