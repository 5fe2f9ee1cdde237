// SPDX-License-Identifier: Apache-2.0
// `suiro up`: the whole process, from its settings to its orderly end.
#pragma once

#include "base/result.h"
#include "server/settings.h"

namespace suiro::server {

// Starts everything, prints one ready line with the endpoint on stdout, and serves until SIGTERM or
// SIGINT; then drains: requests and invocations in progress end, the rest resumes at the next
// start. A second signal ends the process at once. Errors: what prevented the start, or a part that
// failed.
Result<void> up(const Settings& settings);

}  // namespace suiro::server
