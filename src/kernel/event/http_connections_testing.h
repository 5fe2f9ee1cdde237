// SPDX-License-Identifier: Apache-2.0
// Connections that a test fills in, by ARN.
#pragma once

#include <map>

#include "kernel/event/http_connections.h"

namespace suiro::event {

class FakeHttpConnections final : public HttpConnections {
 public:
  Task<Result<ConnectionAdditions>> additions(std::string connection_arn) override {
    auto found = known.find(connection_arn);
    if (found == known.end()) {
      co_return fail(kConnectionNotFound, "Connection " + connection_arn + " does not exist.");
    }
    co_return found->second;
  }
  Task<void> rejected(std::string connection_arn) override {
    ++rejections[connection_arn];
    co_return;
  }
  std::map<std::string, ConnectionAdditions> known;
  std::map<std::string, int> rejections;
};

}  // namespace suiro::event
