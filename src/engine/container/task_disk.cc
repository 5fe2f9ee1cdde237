// SPDX-License-Identifier: Apache-2.0
#include "engine/container/task_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "engine/container/process.h"
#include "engine/sandbox/files.h"

namespace suiro::container {

namespace {

constexpr uint64_t kMegabyte = 1024 * 1024;
constexpr int kMakeTimeoutMs = 60'000;

// Copies what is not a hole.
Result<void> copy_sparse(const std::string& from, const std::string& to) {
  sandbox::Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  sandbox::Descriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!source || !target) return fail(sandbox::errno_error("copy " + from));
  off_t size = ::lseek(source.get(), 0, SEEK_END);
  if (size < 0 || ::ftruncate(target.get(), size) != 0) {
    return fail(sandbox::errno_error("size of " + to));
  }
  for (off_t at = 0; at < size;) {
    off_t data = ::lseek(source.get(), at, SEEK_DATA);
    if (data < 0) break;  // ENXIO: only a hole is left
    off_t end = ::lseek(source.get(), data, SEEK_HOLE);
    loff_t in = data, out = data;
    while (in < end) {
      ssize_t count = ::copy_file_range(source.get(), &in, target.get(), &out,
                                        static_cast<size_t>(end - in), 0);
      if (count <= 0) return fail(sandbox::errno_error("write " + to));
    }
    at = end;
  }
  return ok();
}

}  // namespace

TaskDisks::TaskDisks(std::string directory, std::string tasks_directory, std::string mkfs)
    : directory_(std::move(directory)),
      tasks_directory_(std::move(tasks_directory)),
      mkfs_(std::move(mkfs)) {}

Result<void> TaskDisks::check_space(uint64_t bytes) const {
  struct statvfs space{};
  if (::statvfs(tasks_directory_.c_str(), &space) != 0) {
    return fail(sandbox::errno_error("free space of " + tasks_directory_));
  }
  uint64_t free = space.f_bavail * space.f_frsize;
  uint64_t promised = 0;  // to the tasks that are there, and not written yet
  std::error_code error;
  for (std::filesystem::directory_iterator at(tasks_directory_, error), end; !error && at != end;
       at.increment(error)) {
    struct stat status{};
    if (::stat((at->path() / "disk.img").c_str(), &status) != 0) continue;
    uint64_t size = static_cast<uint64_t>(status.st_size);
    promised += size - std::min(size, static_cast<uint64_t>(status.st_blocks) * 512);
  }
  if (free >= promised + bytes + kDiskReserve) return ok();
  return fail(codes::kUnavailable,
              fmt::format("no space for a disk of {} MiB: {} MiB are free, {} MiB of them promised "
                          "to other tasks and {} MiB kept for the server",
                          bytes / kMegabyte, free / kMegabyte, promised / kMegabyte,
                          kDiskReserve / kMegabyte),
              Retry::kLater);
}

Result<std::string> TaskDisks::find_template(uint32_t size_mb) {
  std::string path = fmt::format("{}/disk-{}.img", directory_, size_mb);
  if (::access(path.c_str(), R_OK) == 0) return path;
  std::string aside = path + ".new";
  ::unlink(aside.c_str());
  sandbox::Descriptor file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(size_mb * kMegabyte)) != 0) {
    return fail(sandbox::errno_error("create " + aside));
  }
  // No journal: after a crash of the machine nobody reads it.
  TRY(Finished made, run_process({mkfs_, "-q", "-F", "-O", "^has_journal", "-m", "0", "-E",
                                  "lazy_itable_init=1,nodiscard", aside},
                                 Errors::kWithOutput, kMakeTimeoutMs));
  if (made.status != 0) {
    return fail(codes::kInternal, fmt::format("{} failed: {}", mkfs_, made.output));
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    return fail(sandbox::errno_error("rename " + aside));
  }
  return path;
}

Result<void> TaskDisks::make(const std::string& path, uint32_t size_mb) {
  if (size_mb < kDiskMbMin || size_mb > kDiskMbMax) {
    return fail(codes::kInvalidArgument,
                fmt::format("a task's disk has {} to {} MiB", kDiskMbMin, kDiskMbMax));
  }
  std::lock_guard lock(mutex_);
  TRY_VOID(check_space(size_mb * kMegabyte));
  TRY(std::string original, find_template(size_mb));
  return copy_sparse(original, path);
}

}  // namespace suiro::container
