// SPDX-License-Identifier: Apache-2.0
// HttpConnections: what a connection of EventBridge adds to an HTTP request: its authorization and
// its own parameters. The events service implements it; rules' API destinations and workflows' HTTP
// tasks ask it.
//
// Invariant: secrets leave it in ConnectionAdditions alone, which nobody keeps or logs.
// Threads: any.
// Source: EventBridge User Guide, "Connections for HTTP endpoint targets in Amazon EventBridge".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"

namespace suiro::event {

struct ConnectionAdditions {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  Pairs headers;
  Pairs query;
  Pairs body;
};

// Errors of additions(), as Step Functions names them behind "Events.ConnectionResource.".
inline constexpr std::string_view kConnectionNotFound = "ResourceNotFound";
inline constexpr std::string_view kConnectionUnauthorized = "InvalidConnectionState";
inline constexpr std::string_view kConnectionAuthorizing = "AuthInProgress";

class HttpConnections {
 public:
  virtual ~HttpConnections() = default;
  // May ask the authorization endpoint for a token. Errors: the three above; that endpoint's
  // (kUnavailable, kTimeout, ...).
  virtual Task<Result<ConnectionAdditions>> additions(std::string connection_arn) = 0;
  // An endpoint answered 401 or 407: the token at hand is not used again.
  virtual Task<void> rejected(std::string connection_arn) = 0;
};

}  // namespace suiro::event
