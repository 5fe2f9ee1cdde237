// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/service.h"

namespace suiro::analytics {

Service::Service(event::Kernel& kernel, Config config)
    : config_(std::move(config)),
      logic_(kernel, config_),
      discovery_(kernel),
      v1_(logic_, discovery_),
      v2_(logic_, discovery_) {}

Task<Result<void>> Service::start() {
  return logic_.start();
}

Task<void> Service::stop() {
  return logic_.stop();
}

void Service::add_operations(shapes::Registry& registry) {
  v1_.add_operations(registry);
  v2_.add_operations(registry);
}

}  // namespace suiro::analytics
