// SPDX-License-Identifier: Apache-2.0
// CodeLinks: URLs from which the package of a function can be downloaded for some minutes, as
// GetFunction's Code.Location promises (Lambda API Reference, "FunctionCodeLocation"). A link
// carries its end and an HMAC over function and end, with a key of this process. Threads: any.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "protocol/http/message.h"

namespace suiro::server {

class CodeLinks {
 public:
  static constexpr std::string_view kPath = "/_suiro/code";
  static constexpr std::chrono::minutes kValidFor{10};
  using Read = std::function<Task<Result<Bytes>>(std::string version_arn)>;

  CodeLinks(Clock& clock, Random& random) : clock_(clock), key_(random.bytes(32)) {}

  std::string url(const std::string& endpoint, const std::string& version_arn) const;
  // Answers a GET of such a URL: 200 with the zip, 403 for a link that was changed or has ended.
  Task<http::Response> serve(http::Request request, Read read) const;

 private:
  std::string proof(std::string_view version_arn, std::string_view end) const;
  Clock& clock_;
  Bytes key_;
};

}  // namespace suiro::server
