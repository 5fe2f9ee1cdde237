// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace suiro::sandbox {

void Descriptor::reset() {
  if (value_ >= 0) ::close(value_);
  value_ = -1;
}

Error errno_error(std::string_view what) {
  return Error{std::string(codes::kInternal), fmt::format("{}: {}", what, std::strerror(errno))};
}

Result<std::string> read_small_file(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail(errno_error("read " + path));
  std::string text;
  char part[16 * 1024];
  while (text.size() < kSmallFileBytesMax) {
    ssize_t count = ::read(file.get(), part, sizeof part);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error("read " + path));
    if (count == 0) return text;
    text.append(part, static_cast<size_t>(count));
  }
  return fail(codes::kTooLarge, path + " is larger than expected");
}

Result<void> write_control(const std::string& path, std::string_view text) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return fail(errno_error("open " + path));
  if (::write(file.get(), text.data(), text.size()) < 0) {
    return fail(errno_error(fmt::format("write \"{}\" to {}", text, path)));
  }
  return ok();
}

Result<void> write_file(const std::string& path, std::string_view bytes, unsigned mode) {
  // A running sandbox may execute the old file: it keeps its inode, the name gets a new one.
  std::string fresh = path + ".new";
  Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file) return fail(errno_error("create " + fresh));
  for (size_t done = 0; done < bytes.size();) {
    ssize_t count = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error("write " + fresh));
    done += static_cast<size_t>(count);
  }
  if (::fchmod(file.get(), mode) != 0) return fail(errno_error("chmod " + fresh));
  file.reset();
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(errno_error("rename " + fresh));
  return ok();
}

Result<void> make_directory(const std::string& path, unsigned mode) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(codes::kInternal, fmt::format("create {}: {}", path, error.message()));
  if (::chmod(path.c_str(), mode) != 0) return fail(errno_error("chmod " + path));
  return ok();
}

}  // namespace suiro::sandbox
