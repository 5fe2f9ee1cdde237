// SPDX-License-Identifier: Apache-2.0
// What replies of success and failure have in common. Threads: any.
#pragma once

#include <string>

#include "protocol/aws/message.h"
#include "shapes/call.h"
#include "shapes/shape.h"

namespace suiro::aws {

// "application/x-amz-json-1.0".
std::string json_type(const shapes::ServiceModel& service);
// The request's ids as headers, by the protocol's names.
void add_ids(shapes::Protocol protocol, const shapes::Call& call, Response& response);
// S3's second id of a request; clients show it, nothing reads it.
std::string host_id(const shapes::Call& call);

}  // namespace suiro::aws
