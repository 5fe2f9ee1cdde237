// SPDX-License-Identifier: Apache-2.0
// The system-call filter of sandboxes, as the bytes that bubblewrap's --seccomp takes (an array of
// struct sock_filter). A list of what is refused, not of what is allowed: functions bring programs
// of their own. Refused with EPERM: changing mounts, other namespaces, kernel modules, keys,
// tracing, BPF, the clock, swap, and every socket family but Unix, IPv4, IPv6 and netlink (AF_VSOCK
// in particular is not bounded by a network namespace). clone3 and io_uring answer ENOSYS, so that
// libraries fall back.
#pragma once

#include "base/bytes.h"

namespace suiro::sandbox {

// Empty for a processor that it does not know.
Bytes seccomp_program();

}  // namespace suiro::sandbox
