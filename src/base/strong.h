// SPDX-License-Identifier: Apache-2.0
// Strong<Tag, T>: a T that is not mixed up with another T. Ids, offsets and sequence numbers are
// strong:  struct QueueIdTag; using QueueId = Strong<QueueIdTag, std::string>;
#pragma once

#include <compare>
#include <functional>
#include <utility>

namespace suiro {

template <class Tag, class T>
class Strong {
 public:
  Strong() = default;
  explicit Strong(T value) : value_(std::move(value)) {}
  const T& value() const { return value_; }
  friend auto operator<=>(const Strong&, const Strong&) = default;
  friend bool operator==(const Strong&, const Strong&) = default;

 private:
  T value_{};
};

}  // namespace suiro

template <class Tag, class T>
struct std::hash<suiro::Strong<Tag, T>> {
  size_t operator()(const suiro::Strong<Tag, T>& id) const { return std::hash<T>()(id.value()); }
};
