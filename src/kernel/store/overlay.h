// SPDX-License-Identifier: Apache-2.0
// Overlay: what the earlier batches of a group did, before the database shows it. Internal.
#pragma once

#include <optional>
#include <unordered_map>

#include "kernel/store/batch.h"

namespace suiro::store {

class Overlay {
 public:
  struct State {
    bool present = false;
    uint64_t version = 0;
    ByteView value = {};
  };

  // Borrows the keys and values of `parts`.
  void apply(const BatchParts& parts, uint64_t sequence);
  // nullopt: no batch of the group touched the key.
  std::optional<State> find(ByteView key) const;

 private:
  struct Written {
    uint64_t order;
    State state;
  };
  struct Erased {
    uint64_t order;
    ByteView begin, end;
  };
  uint64_t order_ = 0;
  std::unordered_map<ByteView, Written> keys_;
  std::vector<Erased> ranges_;
};

// The key of the index-th appended record of a batch.
Key append_key(ByteView prefix, uint64_t sequence, size_t index);

}  // namespace suiro::store
