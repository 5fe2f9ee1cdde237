// SPDX-License-Identifier: Apache-2.0
// Events: an output that is a stream of structures (an event stream), read one by one as they
// happen. The protocol frames them.
// Thread: one coroutine at a time, on the request's shard.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/task.h"
#include "shapes/shape.h"

namespace suiro::shapes {

// One member of the stream's union: its model name and its structure.
struct Event {
  std::string_view name;  // lives as long as the process
  const Shape* shape = nullptr;
  std::shared_ptr<const void> value;  // of the shape's type
};

template <class T>
Event event_of(std::string_view name, T value) {
  return {name, &T::shape(), std::make_shared<const T>(std::move(value))};
}

class EventSource {
 public:
  virtual ~EventSource() = default;
  // The next event; none: the stream has ended. Waits as long as there is none. An error is sent
  // to the client as the stream's last message.
  virtual Task<Result<std::optional<Event>>> next() = 0;
};
using Events = std::unique_ptr<EventSource>;

}  // namespace suiro::shapes
