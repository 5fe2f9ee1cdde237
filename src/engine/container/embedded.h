// SPDX-License-Identifier: Apache-2.0
// Files that the build puts into the binary: the supervisor.
#pragma once

#include <span>

#include "engine/sandbox/embedded.h"

namespace suiro::container {

using sandbox::EmbeddedFile;
std::span<const EmbeddedFile> embedded_files();

}  // namespace suiro::container
