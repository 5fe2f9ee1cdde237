// SPDX-License-Identifier: Apache-2.0
// The listening socket, bound before anything is started: its port is part of the endpoint that
// services are told, and nobody is accepted before they are ready.
#pragma once

#include "base/result.h"
#include "server/settings.h"

namespace suiro::server {

struct Listener {
  int fd = -1;  // the caller's to close or to hand on
  uint16_t port = 0;
};

// Resolves the host, binds and listens. Errors: kInvalidArgument with the address and the system's
// reason ("address already in use: is another Suiro running?").
Result<Listener> listen_on(const Address& address);

}  // namespace suiro::server
