// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/service.h"

namespace suiro::ecr {

Service::Service(event::Kernel& kernel, Config config)
    : logic_(kernel, config.policies),
      uploads_(kernel, logic_),
      api_(kernel, logic_, uploads_, tokens_),
      distribution_(kernel, logic_, uploads_, tokens_, config.authentication),
      source_(kernel, logic_) {
  logic_.register_timers();
}

Task<Result<void>> Service::start() {
  CO_TRY_VOID(co_await logic_.start());
  tokens_.set_secret(logic_.secret());
  co_return ok();
}

Task<void> Service::stop() {
  return uploads_.stop();
}

}  // namespace suiro::ecr
