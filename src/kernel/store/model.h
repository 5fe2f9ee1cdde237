// SPDX-License-Identifier: Apache-2.0
// A model of the store as a std::map, and random changes that are made to both: the oracle of the
// property and power-loss tests.
#pragma once

#include <map>

#include "base/random.h"
#include "kernel/store/store.h"

namespace suiro::store {

struct ModelValue {
  Bytes value;
  uint64_t version = 0;
  friend bool operator==(const ModelValue&, const ModelValue&) = default;
};
using ModelState = std::map<Key, ModelValue>;

// One intended batch.
struct Intent {
  struct Change {
    enum class Kind { kPut, kErase, kEraseRange, kAppend } kind;
    Key key;
    Bytes value;  // kEraseRange: the end
  };
  std::vector<Condition> conditions;
  std::vector<Change> changes;

  Batch batch() const;
  bool holds(const ModelState& state) const;
  void apply(ModelState& state, uint64_t sequence) const;
};

// Keys are "k/00" .. "k/29" and appended ones under "a/". Half of the conditions that name a
// version or a value are true in `state`.
Intent random_intent(Random& random, const ModelState& state);

// Every key of the store under "k/" and "a/", read in pages of random sizes, forward or backward.
Task<Result<ModelState>> read_state(const Snapshot& snapshot, Random& random);

}  // namespace suiro::store
