// SPDX-License-Identifier: Apache-2.0
// What a container may ask of the kernel: its system calls and its capabilities. Pure.
//
// System calls are a list of what is allowed, as container engines have it; everything else is
// refused with EPERM. Not in it, against their default: other architectures than the machine's own,
// socket families but Unix, IPv4, IPv6 and netlink, io_uring, and tracing without SYS_PTRACE.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/container/task_runner.h"

namespace suiro::container {

// The capabilities ("CAP_CHOWN", sorted) that remain after what the container adds and drops.
// Errors: kInvalidArgument for a name that does not exist or is not given to anybody.
Result<std::vector<std::string>> capabilities_of(const ContainerSpec& container);

// The "seccomp" object of config.json.
std::string seccomp_profile(const std::vector<std::string>& capabilities);

}  // namespace suiro::container
