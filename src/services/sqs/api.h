// SPDX-License-Identifier: Apache-2.0
// Api: from AWS's shapes to logic and back. No rules of its own but those of the wire: queue URLs,
// which attributes a reply shows, and the digest over them.
// Thread: any shard.
#pragma once

#include "services/sqs/logic.h"
#include "shapes/registry.h"

namespace suiro::sqs {

class Api {
 public:
  Api(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}
  void add_operations(shapes::Registry& registry);

 private:
  struct Handlers;  // one function an operation
  template <class Op>
  void add(shapes::Registry& registry);

  // The queue that a URL names. Errors: InvalidAddress, QueueDoesNotExist (another account's).
  Result<On> on(const shapes::Call& call, std::string_view queue_url) const;
  std::string url_of(const shapes::Call& call, std::string_view name) const;
  std::vector<std::string> urls_of(const shapes::Call& call,
                                   const std::vector<std::string>& names) const;
  Access access_of(const shapes::Call& call) const;

  event::Kernel& kernel_;
  Logic& logic_;
};

}  // namespace suiro::sqs
