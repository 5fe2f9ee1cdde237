// SPDX-License-Identifier: Apache-2.0
// Amazon ECR, wired: operations, the registry API of container clients, timers, and the source of
// images for containers.
#pragma once

#include "services/ecr/api.h"
#include "services/ecr/distribution.h"
#include "services/ecr/source.h"

namespace suiro::ecr {

struct Config {
  Authentication authentication = Authentication::kOn;
  // Is told of the repositories' policies. Null: nobody asks them.
  policy::ResourcePolicies* policies = nullptr;
};

class Service {
 public:
  // Registers its timers with the kernel: before these start.
  Service(event::Kernel& kernel, Config config);

  // Before requests come. Errors: those of the store.
  Task<Result<void>> start();
  // Uploads that are under way are given up. After the last request.
  Task<void> stop();
  void add_operations(shapes::Registry& registry) { api_.add_operations(registry); }
  Distribution& distribution() { return distribution_; }
  image::ImageSource* source() { return &source_; }

 private:
  Tokens tokens_;
  Logic logic_;
  Uploads uploads_;
  Api api_;
  Distribution distribution_;
  Source source_;
};

}  // namespace suiro::ecr
