// SPDX-License-Identifier: Apache-2.0
// KnownVersions: which version the keys have on which conditions were put lately, so that the next
// condition on them costs no read. Internal to kernel/store; the committer's.
//
// Invariants:
//  1. An answer is what a read of the database would say now: every committed group is noted before
//     the next one is evaluated.
//  2. A table of kKnownVersionsMax places; a key's place follows from its hash, and the last one
//     stays.
// Thread: the committer's.
#pragma once

#include <optional>
#include <vector>

#include "kernel/store/batch.h"

namespace suiro::store {

inline constexpr size_t kKnownVersionsMax = 8192;  // a power of two
inline constexpr size_t kKnownKeyBytesMax = 256;   // longer keys are not kept

class KnownVersions {
 public:
  KnownVersions() : places_(kKnownVersionsMax) {}

  // 0: the key is absent. nullopt: not known.
  std::optional<uint64_t> find(ByteView key) const;
  // What a read found.
  void learn(ByteView key, uint64_t version);
  // A batch that was committed with this sequence.
  void apply(const BatchParts& parts, uint64_t sequence);

 private:
  struct Place {
    Key key;  // empty: nothing is known
    uint64_t version = 0;
  };
  Place& place(ByteView key);
  void change(ByteView key, uint64_t version);

  std::vector<Place> places_;
};

}  // namespace suiro::store
