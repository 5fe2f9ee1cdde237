// SPDX-License-Identifier: Apache-2.0
// Small files of the kernel (/proc, /sys/fs/cgroup) and of the run directory, and descriptors that
// close themselves. Blocking; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace suiro::sandbox {

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() { reset(); }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }
  void reset();
  explicit operator bool() const { return value_ >= 0; }

 private:
  int value_ = -1;
};

// kInternal with "<what>: <text of errno>".
Error errno_error(std::string_view what);

inline constexpr size_t kSmallFileBytesMax = 1024 * 1024;
// At most kSmallFileBytesMax bytes.
Result<std::string> read_small_file(const std::string& path);
// Writes with one system call to an existing file, as the kernel's control files want it.
Result<void> write_control(const std::string& path, std::string_view text);
// Creates or replaces a file of the run directory.
Result<void> write_file(const std::string& path, std::string_view bytes, unsigned mode);
// Makes a directory and its parents; the mode is for the last, and set where it exists.
Result<void> make_directory(const std::string& path, unsigned mode);

}  // namespace suiro::sandbox
