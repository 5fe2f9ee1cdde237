// SPDX-License-Identifier: Apache-2.0
// What reading and editing of documents share. Thread: any.
#pragma once

#include <boost/json.hpp>

#include "engine/policy/policy.h"

namespace suiro::policy {

inline std::unexpected<Error> malformed(std::string message) {
  return fail(kMalformedPolicy, std::move(message));
}

// Whether statements of the form say Resource; the others are about what has the policy.
inline bool has_resources(Form form) {
  return form != Form::kTrust && form != Form::kRepository;
}

// Errors: kMalformedPolicy: too long, or not a JSON object.
Result<boost::json::object> parse_object(std::string_view document);

}  // namespace suiro::policy
