// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/model.h"

#include "kernel/store/overlay.h"

namespace suiro::store {
namespace {

Key random_key(Random& random) {
  return fmt::format("k/{:02}", random.below(30));
}

Condition random_condition(Random& random, const ModelState& state) {
  Key key = random_key(random);
  auto at = state.find(key);
  bool true_one = random.below(2) == 0;
  uint64_t version = at == state.end() ? 0 : at->second.version;
  switch (random.below(3)) {
    case 0:
      return {Condition::Kind::kAbsent, key, Version(), {}};
    case 1:
      return {Condition::Kind::kVersion, key, Version(version + (true_one ? 0 : 1)), {}};
    default:
      return {Condition::Kind::kValue, key, Version(),
              true_one && version != 0 ? at->second.value : "no such value"};
  }
}

Intent::Change random_change(Random& random) {
  using Kind = Intent::Change::Kind;
  uint64_t kind = random.below(20);
  if (kind == 0) {
    Key begin = random_key(random), end = random_key(random);
    return {Kind::kEraseRange, std::min(begin, end), std::max(begin, end)};
  }
  if (kind == 1) return {Kind::kEraseRange, "a/", "a0"};
  if (kind < 5) return {Kind::kErase, random_key(random), {}};
  Bytes value = random.bytes(random.below(10) == 0 ? random.below(5000) : random.below(40));
  if (kind < 9) return {Kind::kAppend, "a/", std::move(value)};
  return {Kind::kPut, random_key(random), std::move(value)};
}

}  // namespace

Batch Intent::batch() const {
  Batch out;
  for (const Condition& one : conditions) {
    switch (one.kind) {
      case Condition::Kind::kAbsent:
        out.require_absent(one.key);
        break;
      case Condition::Kind::kVersion:
        out.require_version(one.key, one.version);
        break;
      case Condition::Kind::kValue:
        out.require_value(one.key, one.value);
        break;
    }
  }
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kPut:
        out.put(change.key, change.value);
        break;
      case Change::Kind::kErase:
        out.erase(change.key);
        break;
      case Change::Kind::kEraseRange:
        out.erase_range({change.key, change.value});
        break;
      case Change::Kind::kAppend:
        out.append(change.key, change.value);
        break;
    }
  }
  return out;
}

bool Intent::holds(const ModelState& state) const {
  return std::ranges::all_of(conditions, [&](const Condition& one) {
    auto at = state.find(one.key);
    if (at == state.end()) {
      return one.kind == Condition::Kind::kAbsent ||
             (one.kind == Condition::Kind::kVersion && one.version.value() == 0);
    }
    if (one.kind == Condition::Kind::kVersion) return at->second.version == one.version.value();
    return one.kind == Condition::Kind::kValue && at->second.value == one.value;
  });
}

void Intent::apply(ModelState& state, uint64_t sequence) const {
  size_t appended = 0;
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kPut:
        state[change.key] = {change.value, sequence};
        break;
      case Change::Kind::kErase:
        state.erase(change.key);
        break;
      case Change::Kind::kEraseRange:
        state.erase(state.lower_bound(change.key), state.lower_bound(change.value));
        break;
      case Change::Kind::kAppend:
        state[append_key(change.key, sequence, appended++)] = {change.value, sequence};
        break;
    }
  }
}

Intent random_intent(Random& random, const ModelState& state) {
  Intent intent;
  uint64_t conditions = random.below(3);
  for (uint64_t i = 0; i < conditions; ++i) {
    intent.conditions.push_back(random_condition(random, state));
  }
  uint64_t changes = 1 + random.below(6);
  for (uint64_t i = 0; i < changes; ++i) intent.changes.push_back(random_change(random));
  return intent;
}

Task<Result<ModelState>> read_state(const Snapshot& snapshot, Random& random) {
  ModelState state;
  for (Key prefix : {"k/", "a/"}) {
    ScanOptions options{.range = KeyRange::prefix(prefix)};
    options.direction = random.below(2) == 0 ? Direction::kForward : Direction::kBackward;
    options.rows_max = 1 + random.below(50);
    while (true) {
      CO_TRY(ScanPage page, co_await snapshot.scan(options));
      for (Entry& entry : page.entries) {
        state[entry.key] = {std::move(entry.value), entry.version.value()};
      }
      if (!page.more) break;
      Key last = page.entries.back().key;
      if (options.direction == Direction::kForward) {
        options.range.begin = last + '\0';
      } else {
        options.range.end = last;
      }
    }
  }
  co_return state;
}

}  // namespace suiro::store
