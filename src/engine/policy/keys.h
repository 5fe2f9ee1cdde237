// SPDX-License-Identifier: Apache-2.0
// The condition keys whose values Suiro knows, or of which it knows that a request never has them.
// docs/decisions/171-condition-keys.md tells the difference. Thread: any.
#pragma once

#include <string_view>

#include "engine/policy/policy.h"

namespace suiro::policy {

// `key` in lower case. For Form::kResource, the keys that every service gives. For the others, the
// global keys and those of Suiro's services; keys of services that Suiro does not have are absent
// from every request, as they are in AWS.
bool is_known_key(std::string_view key, Form form);

}  // namespace suiro::policy
