// SPDX-License-Identifier: Apache-2.0
// Disks of tasks: a sparse file with an ext4 file system for each, so that what a task writes is
// bounded by its size (decision 196). Written blocks come from the file system of the run
// directory, on which the store may lie too: make() refuses a disk that could, with all others
// full, leave less than kDiskReserve of it.
//
// Thread: any; blocking. Copies of a template: the file system is made once for each size.
#pragma once

#include <mutex>
#include <string>

#include "base/result.h"

namespace suiro::container {

inline constexpr uint32_t kDiskMbMin = 16;
inline constexpr uint32_t kDiskMbMax = 200 * 1024;  // "ephemeralStorage": 200 GiB
inline constexpr uint64_t kDiskReserve = 1ULL << 30;

class TaskDisks {
 public:
  // Tasks' folders lie in `tasks_directory`; templates in `directory`.
  TaskDisks(std::string directory, std::string tasks_directory, std::string mkfs);
  // Writes the disk of a task. Errors: kUnavailable (no space, with how much there is),
  // kInvalidArgument (size), kInternal.
  Result<void> make(const std::string& path, uint32_t size_mb);

 private:
  Result<void> check_space(uint64_t bytes) const;
  Result<std::string> find_template(uint32_t size_mb);

  std::string directory_;
  std::string tasks_directory_;
  std::string mkfs_;
  std::mutex mutex_;
};

}  // namespace suiro::container
