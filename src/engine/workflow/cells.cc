// SPDX-License-Identifier: Apache-2.0
// The cells of an execution: docs/formats/states.md.
#include <fmt/format.h>

#include "engine/workflow/machine.h"

namespace suiro::workflow {
namespace {

constexpr char kVersion = 1;
constexpr char kHeaderKey = 'h';
constexpr char kStrandKey = 's';
constexpr char kResultKey = 'r';
constexpr char kVariableKey = 'v';
constexpr size_t kIdBytes = 8;
constexpr uint64_t kIdsMax = uint64_t{1} << 62;
enum DataForm : char { kNoData = 0, kInline = 1, kHashed = 2 };

Bytes key_of(char kind, uint64_t id) {
  Bytes key(1, kind);
  append_be64(key, id);
  return key;
}

// A record's members are told once, by members(), to a Writer or a Reader.
class Writer {
 public:
  explicit Writer(PayloadSink& sink) : sink_(sink) {}

  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void flag(bool value) { out_ += value ? '\1' : '\0'; }
  void text(const std::string& value) {
    number(value.size());
    out_ += value;
  }
  void time(TimePoint value) { number(static_cast<uint64_t>(value.time_since_epoch().count())); }
  void slot(const TimerSlot& value) {
    number(value.id);
    if (value.id != 0) time(value.due);
  }
  template <class E>
  void choice(E value, E /*last*/) {
    out_ += static_cast<char>(value);
  }
  void numbers(const std::vector<uint64_t>& values) {
    number(values.size());
    for (const uint64_t value : values) number(value);
  }
  void data(const Data& value) {
    if (!value) {
      out_ += kNoData;
    } else if (value.text()->size() <= kPayloadInlineMax) {
      out_ += kInline;
      text(*value.text());
    } else {
      out_ += kHashed;
      const PayloadHash& hash = value.hash();
      out_.append(reinterpret_cast<const char*>(hash.data()), hash.size());
      if (value.first_kept()) sink_.put(hash, value.text());
    }
  }
  Bytes take() { return std::move(out_); }

 private:
  PayloadSink& sink_;
  Bytes out_ = Bytes(1, kVersion);
};

// Sticks at the first fault. Without payloads it collects the hashes that it meets.
class Reader {
 public:
  Reader(ByteView in, const Payloads* payloads, std::vector<PayloadHash>* wanted)
      : in_(in), payloads_(payloads), wanted_(wanted) {
    if (in_.empty() || in_[0] != kVersion) {
      fail();
    } else {
      in_.remove_prefix(1);
    }
  }

  void number(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = take_byte();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return;
    }
    fail();
  }
  void flag(bool& value) { value = take_byte() != 0; }
  void text(std::string& value) {
    uint64_t size = 0;
    number(size);
    value = std::string(take(size));
  }
  void time(TimePoint& value) {
    uint64_t millis = 0;
    number(millis);
    value = TimePoint(Millis(static_cast<int64_t>(millis)));
  }
  void slot(TimerSlot& value) {
    number(value.id);
    if (value.id != 0) time(value.due);
  }
  template <class E>
  void choice(E& value, E last) {
    const uint8_t byte = take_byte();
    if (byte > static_cast<uint8_t>(last)) fail();
    value = static_cast<E>(byte);
  }
  void numbers(std::vector<uint64_t>& values) {
    uint64_t count = 0;
    number(count);
    if (count > in_.size()) return fail();
    values.resize(count);
    for (uint64_t& value : values) number(value);
  }
  void data(Data& value) {
    const uint8_t form = take_byte();
    if (form == kInline) {
      std::string inner;
      text(inner);
      if (failed_ || !json::is_readable(inner)) return fail();
      value = Data::of_text(std::make_shared<const std::string>(std::move(inner)));
    } else if (form == kHashed) {
      PayloadHash hash;
      const ByteView bytes = take(hash.size());
      if (failed_) return;
      std::copy(bytes.begin(), bytes.end(), hash.begin());
      if (wanted_ != nullptr) wanted_->push_back(hash);
      if (payloads_ == nullptr) return;
      const auto found = payloads_->find(hash);
      if (found == payloads_->end() || found->second == nullptr) return fail();
      if (!json::is_readable(*found->second)) return fail();
      value = Data::of_text(found->second);
      value.first_kept();
    } else if (form != kNoData) {
      fail();
    }
  }
  bool good() const { return !failed_ && in_.empty(); }

 private:
  void fail() {
    failed_ = true;
    in_ = {};
  }
  uint8_t take_byte() {
    const ByteView byte = take(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }
  ByteView take(uint64_t size) {
    if (size > in_.size()) {
      fail();
      return {};
    }
    const ByteView taken = in_.substr(0, size);
    in_.remove_prefix(size);
    return taken;
  }

  ByteView in_;
  const Payloads* payloads_;
  std::vector<PayloadHash>* wanted_;
  bool failed_ = false;
};

template <class Coder, class Header>
void header_members(Coder& c, Header& h) {
  c.choice(h.status, ExecutionStatus::kAborted);
  c.flag(h.is_started);
  c.number(h.events);
  c.number(h.ids);
  c.slot(h.deadline);
  c.number(h.redrives);
  c.time(h.redriven);
  c.number(h.variables_bytes);
}

template <class Coder, class S>
void strand_members(Coder& c, S& s) {
  c.number(s.parent);
  c.number(s.index);
  c.choice(s.phase, kPhaseLast);
  c.data(s.input);
  c.number(s.last_event);
  c.number(s.entered_event);
  c.number(s.before_entered);
  c.time(s.entered);
  c.number(s.retry_count);
  c.numbers(s.retries);
  c.number(s.effect);
  c.flag(s.has_begun);
  c.flag(s.is_submitted);
  c.number(s.timeout_seconds);
  c.number(s.heartbeat_seconds);
  c.slot(s.timer);
  c.slot(s.timeout);
  c.slot(s.heartbeat);
  c.text(s.map_run_arn);
  c.data(s.work);
  c.data(s.effective_input);
  c.number(s.children);
  c.number(s.started);
  c.number(s.succeeded);
  c.number(s.concurrency);
}

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(codes::kCorrupt, fmt::format("cells of an execution: {}", what));
}

// Everything of the cells, before it is looked at as a whole.
struct Content {
  std::optional<Machine::Header> header;
  std::map<uint64_t, std::pair<std::string, std::unique_ptr<Strand>>> strands;  // state's name
  std::vector<std::tuple<uint64_t, uint64_t, Data>> results;
  std::vector<std::tuple<uint64_t, std::string, Data>> variables;
};

Result<void> read_cell(const Cell& cell, const Payloads* payloads, std::vector<PayloadHash>* wanted,
                       Content& content) {
  Reader reader(cell.value, payloads, wanted);
  const char kind = cell.key.empty() ? '\0' : cell.key[0];
  if (kind == kHeaderKey) {
    if (cell.key.size() != 1) return corrupt("a key of unknown form");
    header_members(reader, content.header.emplace());
    return reader.good() ? ok() : Result<void>(corrupt("a damaged header"));
  }
  if (cell.key.size() < 1 + kIdBytes) return corrupt("a key of unknown form");
  const uint64_t id = read_be64(ByteView(cell.key).substr(1, kIdBytes));
  const ByteView rest = ByteView(cell.key).substr(1 + kIdBytes);
  if (kind == kStrandKey && rest.empty()) {
    auto& [name, strand] = content.strands[id];
    strand = std::make_unique<Strand>();
    strand->id = id;
    strand->changed = false;
    strand->in_cell = true;
    reader.text(name);
    strand_members(reader, *strand);
  } else if (kind == kResultKey && rest.size() == kIdBytes) {
    reader.data(std::get<Data>(content.results.emplace_back(id, read_be64(rest), Data())));
  } else if (kind == kVariableKey) {
    reader.data(std::get<Data>(content.variables.emplace_back(id, std::string(rest), Data())));
  } else {
    return corrupt("a key of unknown form");
  }
  return reader.good() ? ok() : Result<void>(corrupt("a damaged record"));
}

// Whether a strand can be in its phase, so that no step stumbles over it.
bool is_sound(const Strand& strand) {
  const StateType type = type_of(*strand.state);
  const bool has_timer = strand.phase == Phase::kWaiting || strand.phase == Phase::kRetrying;
  const bool is_task = strand.phase == Phase::kTask;
  if (!strand.input || (strand.timer.id != 0) != has_timer) return false;
  if (!is_task && (strand.timeout.id != 0 || strand.heartbeat.id != 0)) return false;
  if (strand.timeout_seconds > kSecondsMax || strand.heartbeat_seconds > kSecondsMax) return false;
  switch (strand.phase) {
    case Phase::kWaiting:
      return type == StateType::kWait;
    case Phase::kTask:
      return type == StateType::kTask && strand.effect != 0;
    case Phase::kMapRun:
      return type == StateType::kMap && strand.effect != 0;
    case Phase::kBranches:
      return type == StateType::kParallel;
    case Phase::kItems:
      return type == StateType::kMap;
    default:
      return true;
  }
}

// Whether an iteration can begin of what is there.
bool has_items(const Strand& map) {
  return map.work && map.effective_input && map.work.value().is_array() &&
         map.work.value().as_array().size() == map.children;
}

bool is_parent_of(const Strand& parent, const Strand& child) {
  if (parent.id >= child.id || child.index >= parent.children) return false;
  if (parent.phase != Phase::kBranches && parent.phase != Phase::kItems &&
      parent.phase != Phase::kFailed && parent.phase != Phase::kAborted) {
    return false;
  }
  const StateGroup* group = child.state->group;
  if (const auto* parallel = std::get_if<ParallelFields>(&parent.state->fields)) {
    return child.index < parallel->branches.size() && group == &parallel->branches[child.index];
  }
  const auto* map = std::get_if<MapFields>(&parent.state->fields);
  return map != nullptr && group == &map->processor && has_items(parent);
}

// Children and results of a parent are all that it began.
bool is_complete(const Strand& parent, uint64_t live_children) {
  const bool waits = parent.phase == Phase::kBranches || parent.phase == Phase::kItems;
  return (!waits || live_children > 0 || may_start(parent)) && parent.started <= parent.children &&
         parent.succeeded == parent.results.size() &&
         parent.started == parent.succeeded + live_children;
}

}  // namespace

Result<std::vector<PayloadHash>> Execution::payloads_of(const std::vector<Cell>& cells) {
  std::vector<PayloadHash> wanted;
  Content content;
  for (const Cell& cell : cells) TRY_VOID(read_cell(cell, nullptr, &wanted, content));
  return wanted;
}

Result<void> Machine::restore(const std::vector<Cell>& cells, const Payloads& payloads) {
  Content content;
  for (const Cell& cell : cells) TRY_VOID(read_cell(cell, &payloads, nullptr, content));
  if (!content.header || content.header->ids > kIdsMax) return corrupt("there is no header");
  header_ = *content.header;
  header_changed_ = false;
  for (auto& [id, named] : content.strands) {
    auto& [name, strand] = named;
    const auto state = plan_->by_name.find(name);
    if (state == plan_->by_name.end()) return corrupt("a state that the plan does not have");
    strand->state = state->second;
    if (id == 0 || id > header_.ids || !is_sound(*strand)) return corrupt("a strand is damaged");
    strands_[id] = std::move(strand);
  }
  for (auto& [id, index, data] : content.results) {
    Strand* strand = find_strand(id);
    if (strand == nullptr || index >= strand->children || !data) {
      return corrupt("a result of nobody");
    }
    strand->results_bytes += data.text()->size() + 1;
    strand->results[index] = Kept{.data = std::move(data), .changed = false, .in_cell = true};
  }
  for (auto& [id, name, data] : content.variables) {
    Strand* strand = find_strand(id);
    if (strand == nullptr || !data) return corrupt("a variable of nobody");
    strand->variables[name] = Kept{.data = std::move(data), .changed = false, .in_cell = true};
  }
  return index_strands();
}

// What is found by the strands, and whether they belong together.
Result<void> Machine::index_strands() {
  std::unordered_map<uint64_t, uint64_t> live_children;
  for (const auto& [id, strand] : strands_) {
    const Strand* parent = find_strand(strand->parent);
    const bool is_root = strand->parent == 0 && strand->state->group == &plan_->root;
    if (!is_root && (parent == nullptr || !is_parent_of(*parent, *strand))) {
      return corrupt("a strand without parent");
    }
    if (parent != nullptr && parent->results.contains(strand->index)) {
      return corrupt("a child that has ended");
    }
    ++live_children[strand->parent];
    if (may_start(*strand)) {
      if (!has_items(*strand)) return corrupt("a Map without its items");
      starting_.insert(id);
    }
    if (strand->phase == Phase::kReady || strand->phase == Phase::kAttempt) ready_.insert(id);
    for (const TimerSlot* slot : {&strand->timer, &strand->timeout, &strand->heartbeat}) {
      if (slot->id == 0) continue;
      const bool is_new = timer_owners_.emplace(slot->id, id).second;
      if (!is_new || slot->id > header_.ids) return corrupt("a timer of two");
    }
    if (strand->phase == Phase::kTask || strand->phase == Phase::kMapRun) {
      const bool is_new = effect_owners_.emplace(strand->effect, id).second;
      if (!is_new || strand->effect > header_.ids) return corrupt("an effect of two");
    }
  }
  if (live_children[0] > 1) return corrupt("two roots");
  for (const auto& [id, strand] : strands_) {
    if (!is_complete(*strand, live_children[id])) return corrupt("children are missing");
  }
  return {};
}

std::vector<CellChange> Machine::take_changes(PayloadSink& sink) {
  std::vector<CellChange> changes;
  for (Bytes& key : erased_cells_) changes.push_back({std::move(key), std::nullopt});
  erased_cells_.clear();
  if (header_changed_) {
    Writer writer(sink);
    header_members(writer, header_);
    changes.push_back({Bytes(1, kHeaderKey), writer.take()});
    header_changed_ = false;
  }
  const auto put = [&changes, &sink](Bytes key, Kept& kept) {
    if (!kept.changed) return;
    Writer writer(sink);
    writer.data(kept.data);
    changes.push_back({std::move(key), writer.take()});
    kept.changed = false;
    kept.in_cell = true;
  };
  for (auto& [id, strand] : strands_) {
    if (!strand->changed) continue;
    Writer writer(sink);
    writer.text(strand->state->name);
    strand_members(writer, *strand);
    changes.push_back({key_of(kStrandKey, id), writer.take()});
    strand->changed = false;
    strand->in_cell = true;
    for (const uint64_t index : strand->new_results) {
      Bytes key = key_of(kResultKey, id);
      append_be64(key, index);
      put(std::move(key), strand->results.at(index));
    }
    strand->new_results.clear();
    for (auto& [name, kept] : strand->variables) put(key_of(kVariableKey, id) + name, kept);
  }
  return changes;
}

void Machine::erase_children(Strand& parent) {
  if (parent.started > parent.succeeded) {
    for (const uint64_t id : children_of(parent.id)) erase_strand(id);
  }
  for (const auto& [index, kept] : parent.results) {
    if (!kept.in_cell) continue;
    Bytes& key = erased_cells_.emplace_back(key_of(kResultKey, parent.id));
    append_be64(key, index);
  }
  parent.results.clear();
  parent.new_results.clear();
  parent.results_bytes = 0;
  parent.children = parent.started = parent.succeeded = 0;
  parent.changed = true;
}

void Machine::erase_strand(uint64_t id) {
  Strand& strand = *strands_.at(id);
  erase_children(strand);
  if (strand.in_cell) erased_cells_.push_back(key_of(kStrandKey, id));
  for (const auto& [name, kept] : strand.variables) {
    header_.variables_bytes -= kept.data.text()->size();
    if (kept.in_cell) erased_cells_.push_back(key_of(kVariableKey, id) + name);
  }
  ready_.erase(id);
  starting_.erase(id);
  strands_.erase(id);
}

}  // namespace suiro::workflow
