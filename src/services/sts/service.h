// SPDX-License-Identifier: Apache-2.0
// Security Token Service: who the caller is. No state, nothing on disk; any shard.
#pragma once

#include "shapes/registry.h"

namespace suiro::sts {

// Registers GetCallerIdentity (AWS STS API Reference, "GetCallerIdentity"): needs no permission and
// never fails for a caller that was authenticated.
void add_operations(shapes::Registry& registry);

}  // namespace suiro::sts
