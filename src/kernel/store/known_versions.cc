// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/known_versions.h"

#include <functional>

#include "kernel/store/overlay.h"

namespace suiro::store {

KnownVersions::Place& KnownVersions::place(ByteView key) {
  return places_[std::hash<ByteView>()(key) % kKnownVersionsMax];
}

std::optional<uint64_t> KnownVersions::find(ByteView key) const {
  const Place& at = places_[std::hash<ByteView>()(key) % kKnownVersionsMax];
  if (at.key.empty() || at.key != key) return std::nullopt;
  return at.version;
}

void KnownVersions::learn(ByteView key, uint64_t version) {
  if (key.empty() || key.size() > kKnownKeyBytesMax) return;
  Place& at = place(key);
  at.key = key;
  at.version = version;
}

void KnownVersions::change(ByteView key, uint64_t version) {
  Place& at = place(key);
  if (at.key == key) at.version = version;
}

void KnownVersions::apply(const BatchParts& parts, uint64_t sequence) {
  size_t appended = 0;
  for (const Operation& operation : parts.operations) {
    switch (operation.kind) {
      case Operation::Kind::kPut:
        change(operation.key, sequence);
        break;
      case Operation::Kind::kErase:
        change(operation.key, 0);
        break;
      case Operation::Kind::kEraseRange:
        for (Place& at : places_) {
          if (operation.key <= at.key && at.key < operation.value) at.version = 0;
        }
        break;
      case Operation::Kind::kAppend:
        change(append_key(operation.key, sequence, appended++), sequence);
        break;
      default:
        break;
    }
  }
}

}  // namespace suiro::store
