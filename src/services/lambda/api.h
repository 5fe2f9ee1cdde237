// SPDX-License-Identifier: Apache-2.0
// The wire side of the service: shapes to calls of Logic and back. No rules but one: a parameter
// that Suiro does not support is refused by name.
#pragma once

#include "services/lambda/logic.h"
#include "shapes/registry.h"

namespace suiro::lambda {

struct Api {
  Logic& logic;
  Context& context;
};

// `api` outlives the registry's last call.
void add_function_operations(shapes::Registry& registry, Api& api);  // api_function.cc
void add_version_operations(shapes::Registry& registry, Api& api);   // api_version.cc
void add_mapping_operations(shapes::Registry& registry, Api& api);   // api_mapping.cc
void add_invoke_operations(shapes::Registry& registry, Api& api);    // api_invoke.cc

}  // namespace suiro::lambda
