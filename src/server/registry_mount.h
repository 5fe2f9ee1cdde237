// SPDX-License-Identifier: Apache-2.0
// Carries requests of the OCI distribution API between the HTTP server and the registry (services
// know no HTTP). Thread: the request's shard.
#pragma once

#include "protocol/aws/front_end.h"
#include "services/ecr/distribution.h"

namespace suiro::server {

struct RegistryParts {
  aws::FrontEnd& front_end;
  ecr::Distribution& distribution;
  const shapes::Registry& registry;  // of the operations
  aws::Gatekeeper& gatekeeper;
  event::Kernel& kernel;
};

// Before the first request. The parts outlive the front end's last request.
void mount_registry(RegistryParts parts);

}  // namespace suiro::server
