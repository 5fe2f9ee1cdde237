// SPDX-License-Identifier: Apache-2.0
// The short commands: each prints its result on stdout, or fails with a text a person can act on.
#pragma once

#include <string>

#include "server/remote.h"

namespace suiro::server {

inline constexpr std::string_view kVersion = SUIRO_VERSION;

// export AWS_ACCESS_KEY_ID=..., ready for eval "$(suiro env)".
Result<void> print_environment(const ServerAddress& address);
Result<void> print_trace(const ServerAddress& address, const std::string& id, size_t spans_max);
Result<void> print_usage(const ServerAddress& address);
Result<void> print_relays(const ServerAddress& address);
Result<void> print_status(const ServerAddress& address);
// `directory` is made by the server: absolute, or relative to where the command runs.
Result<void> back_up(const ServerAddress& address, const std::string& directory);
// Copies a backup into the data directory, which must be new or empty.
Result<void> restore_backup(const ServerAddress& address, const std::string& directory);
void print_version();

}  // namespace suiro::server
