// SPDX-License-Identifier: Apache-2.0
// What the machine allows, found by trying: a sandbox that runs /usr/bin/true says more than any
// version or setting. Blocking; the launcher's thread.
#pragma once

#include "engine/sandbox/cgroup.h"
#include "engine/sandbox/launch.h"
#include "engine/sandbox/sandbox.h"

namespace suiro::sandbox {

struct ProbeResult {
  Probe probe;
  Isolation isolation = Isolation::kNone;
};

// `request` has the paths of a sandbox without code and without a command.
ProbeResult probe_machine(LaunchRequest request, const CgroupTree& cgroups);

// The first of `candidates` that is an executable file; empty when none is.
std::string first_program(std::initializer_list<std::string> candidates);

}  // namespace suiro::sandbox
