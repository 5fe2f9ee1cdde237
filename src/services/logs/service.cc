// SPDX-License-Identifier: Apache-2.0
#include "services/logs/service.h"

namespace suiro::logs {

Service::Service(event::Kernel& kernel, Config config)
    : logic_(kernel, config.policies),
      insights_(kernel, config.query_threads),
      api_(kernel, logic_, insights_),
      sink_(kernel, logic_) {
  logic_.register_timers();
}

Task<Result<void>> Service::start() {
  co_return ok();
}

Task<void> Service::stop() {
  co_await insights_.close();
  co_await sink_.stop();
}

void Service::add_operations(shapes::Registry& registry) {
  api_.add_operations(registry);
}

}  // namespace suiro::logs
