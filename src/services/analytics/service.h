// SPDX-License-Identifier: Apache-2.0
// Kinesis Data Analytics for SQL, wired: the operations of both APIs, and the applications that
// run.
#pragma once

#include "services/analytics/api.h"

namespace suiro::analytics {

class Service {
 public:
  Service(event::Kernel& kernel, Config config);

  // Applications that run go on; after the services whose streams they read and write.
  Task<Result<void>> start();
  // Before those services.
  Task<void> stop();
  void add_operations(shapes::Registry& registry);

 private:
  const Config config_;
  Logic logic_;
  Discovery discovery_;
  ApiV1 v1_;
  ApiV2 v2_;
};

}  // namespace suiro::analytics
