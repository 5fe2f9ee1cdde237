// SPDX-License-Identifier: Apache-2.0
// Unpacks a function's zip into a directory, trusting nothing in it.
//
// Invariants:
//  1. Nothing is written outside the directory: absolute names, "..", and names that pass through a
//     link are refused, and no link's target lies outside.
//  2. Only regular files, directories and symbolic links are made; hard links, devices, sockets and
//     pipes are refused.
//  3. On an error nothing is left behind. On success everything is synced.
// Thread: any; blocking.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace suiro::lambda {

struct UnzipLimits {
  uint64_t bytes_max;
  size_t entries_max;
  size_t path_bytes_max;
};

// Unpacks the file `zip` into the new directory `to`.
// Errors: InvalidParameterValueException naming what is wrong with the zip; kInternal for the disk.
Result<void> unzip(const std::string& zip, const std::string& to, UnzipLimits limits);

}  // namespace suiro::lambda
