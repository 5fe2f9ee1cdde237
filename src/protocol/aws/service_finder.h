// SPDX-License-Identifier: Apache-2.0
// Which service a request is meant for, and the bucket of a virtual-host name.
//
//   1. the service of the credential scope, where the request is signed
//   2. the prefix of X-Amz-Target; /service/<name>/operation/... of RPC v2 CBOR
//   3. Version= of a query request; /<12 digits>/<queue> for SQS
//   4. a path that begins with an API version (/2015-03-31/functions): Lambda
//   5. S3, whose paths may be anything
//
// Threads: any; no state.
#pragma once

#include <optional>
#include <string>

#include "protocol/http/message.h"
#include "shapes/shape.h"

namespace suiro::aws {

struct Found {
  const shapes::ServiceModel* service = nullptr;  // nullptr: one that Suiro does not have
  std::string name;                               // as the client calls it
};

// `scope_service` is empty for an unsigned request.
Found find_service(const http::Request& request, std::string_view scope_service);

// The bucket of "bucket.s3.<region>.<domain>", "bucket.s3.<domain>", "bucket.<domain>" and the same
// below amazonaws.com; nullopt for path style: the bare domain, "s3.<domain>", an IP address.
// `domain` has no port; `host` may have one.
std::optional<std::string> bucket_of_host(std::string_view host, std::string_view domain);

}  // namespace suiro::aws
