// SPDX-License-Identifier: Apache-2.0
// Listeners: whether anybody takes what a service would tell the default event bus. An event that
// nobody takes need not be written, carried and erased.
//
// Invariant: from the moment a rule's change is answered, listens() knows of it. Before the rules
// are known it says yes. Threads: any.
#pragma once

#include <string_view>

namespace suiro::event {

class Listeners {
 public:
  virtual ~Listeners() = default;
  // False: no enabled rule of the default bus can match an event of this source ("aws.states").
  virtual bool listens(std::string_view source) const = 0;
};

}  // namespace suiro::event
