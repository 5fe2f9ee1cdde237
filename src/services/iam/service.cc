// SPDX-License-Identifier: Apache-2.0
#include "services/iam/service.h"

#include "base/log.h"

namespace suiro::iam {

void Service::revoke(std::string access_key_id, TimePoint until) {
  asio::post(executor_, [this, id = std::move(access_key_id), until]() mutable {
    scope_.spawn(revoke_there(std::move(id), until));
  });
}

Task<void> Service::revoke_there(std::string access_key_id, TimePoint until) {
  auto done =
      co_await logic_.change([&](Draft& draft) { return draft.revoke(access_key_id, until); });
  if (!done) {
    log::error("iam: the session key {} lives to its end: {}", access_key_id, done.error().message);
  }
}

}  // namespace suiro::iam
