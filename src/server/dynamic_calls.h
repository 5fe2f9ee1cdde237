// SPDX-License-Identifier: Apache-2.0
// Any operation of a running server by name and JSON, for the commands that use services: through
// Suiro's own operation CallOperation.
#pragma once

#include "engine/definition/calls.h"
#include "server/remote.h"

namespace suiro::server {

// Borrows the remote.
definition::Calls calls_of(const Remote& remote);

}  // namespace suiro::server
