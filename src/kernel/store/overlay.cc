// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/overlay.h"

namespace suiro::store {

// Appended keys are not recorded: they hold a sequence that no condition can have named before.
void Overlay::apply(const BatchParts& parts, uint64_t sequence) {
  for (const Operation& operation : parts.operations) {
    ++order_;
    switch (operation.kind) {
      case Operation::Kind::kPut:
        keys_[operation.key] = {order_, {true, sequence, operation.value}};
        break;
      case Operation::Kind::kErase:
        keys_[operation.key] = {order_, {}};
        break;
      case Operation::Kind::kEraseRange:
        ranges_.push_back({order_, operation.key, operation.value});
        break;
      default:
        break;
    }
  }
}

std::optional<Overlay::State> Overlay::find(ByteView key) const {
  auto at = keys_.find(key);
  uint64_t order = at == keys_.end() ? 0 : at->second.order;
  for (const Erased& range : ranges_) {
    if (range.order > order && range.begin <= key && key < range.end) return State{};
  }
  if (at == keys_.end()) return std::nullopt;
  return at->second.state;
}

Key append_key(ByteView prefix, uint64_t sequence, size_t index) {
  Key key;
  key.reserve(prefix.size() + 10);
  key = prefix;
  append_be64(key, sequence);
  append_be16(key, static_cast<uint16_t>(index));
  return key;
}

}  // namespace suiro::store
