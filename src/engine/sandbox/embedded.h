// SPDX-License-Identifier: Apache-2.0
// Files that the build puts into the binary: the launcher and the runtime clients.
#pragma once

#include <span>
#include <string_view>

namespace suiro::sandbox {

struct EmbeddedFile {
  std::string_view name;  // in the guest's directory
  std::string_view bytes;
};

std::span<const EmbeddedFile> embedded_files();

}  // namespace suiro::sandbox
