// SPDX-License-Identifier: Apache-2.0
// What a bucket's configuration documents must be before they are kept. Sources: Amazon S3 User
// Guide, "Elements of a CORS configuration", "Lifecycle configuration elements", "Supported event
// types", "Configuring event notifications using object key name filtering".
//
// Thread: pure functions. Errors: AWS's.
#pragma once

#include "base/random.h"
#include "services/s3/bucket.h"
#include "shapes/gen/s3.h"

namespace suiro::s3 {

Result<void> check_cors(const shapes::s3::CORSConfiguration& document);

// Gives rules without a name a name. Errors: MalformedXML, InvalidArgument, InvalidRequest;
// NotImplemented for transitions.
Result<void> check_lifecycle(shapes::s3::BucketLifecycleConfiguration& document, Random& random);

// Gives rules without a name a name. Errors: InvalidArgument; NotImplemented for topics,
// EventBridge and events that Suiro never sends.
Result<void> check_notification(shapes::s3::NotificationConfiguration& document, Random& random);

// The document's rules as the logic uses them.
std::vector<NotificationRule> rules_of(const shapes::s3::NotificationConfiguration& document);

}  // namespace suiro::s3
