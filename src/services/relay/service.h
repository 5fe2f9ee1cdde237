// SPDX-License-Identifier: Apache-2.0
// The relays of the configuration, each on a shard of its own.
//
// Thread: made before the shards start; then any. Bytes: docs/formats/relay.md.
#pragma once

#include "services/relay/logic.h"

namespace suiro::relay {

class Service {
 public:
  Service(event::Kernel& kernel, std::vector<RelayConfig> relays);

  // After the streams are wired and started.
  Task<Result<void>> start();
  // Ends the calls that run; what they did not confirm is sent again after the next start.
  Task<void> stop();
  std::vector<RelayStatus> statuses() const;

 private:
  struct Running {
    Running(event::Kernel& kernel, Executor executor, RelayConfig config, Send send)
        : scope(executor), relay(kernel, executor, std::move(config), std::move(send)) {}
    TaskScope scope;
    Relay relay;
  };
  std::unique_ptr<http_out::Client> client_;  // null: no relays
  std::vector<std::unique_ptr<Running>> relays_;
};

}  // namespace suiro::relay
