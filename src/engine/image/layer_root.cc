// SPDX-License-Identifier: Apache-2.0
#include "engine/image/layer_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "engine/image/image.h"
#include "engine/image/unpack.h"

namespace suiro::image {
namespace {

constexpr mode_t kModeBits = 07777;
constexpr int kOpenRaceAttemptsMax = 16;

std::unexpected<Error> disk_error(std::string_view doing, std::string_view path) {
  return fail(codes::kUnavailable,
              fmt::format("unpacking a layer: cannot {} {}: {}", doing, path, std::strerror(errno)),
              Retry::kLater);
}

std::unexpected<Error> refuse(std::string_view path, std::string_view why) {
  return fail(kImageInvalid, fmt::format("layer: entry \"{}\" {}", path, why));
}

int open_below(int root, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int i = 0; i < kOpenRaceAttemptsMax; ++i) {
    long fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return static_cast<int>(fd);
  }
  return -1;
}

std::pair<std::string, std::string> split(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

bool is_whiteout(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == 0;
}

// What is below the directory `fd`, depth first, without following links.
Result<void> empty_directory(Fd fd, const std::string& path) {
  DIR* raw = ::fdopendir(::dup(fd.get()));
  if (raw == nullptr) return disk_error("read", path);
  std::unique_ptr<DIR, int (*)(DIR*)> directory(raw, ::closedir);
  while (const dirent* entry = ::readdir(directory.get())) {
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(fd.get(), entry->d_name, 0) == 0) continue;
    if (errno != EISDIR && errno != EPERM) return disk_error("remove", path);
    std::string below = fmt::format("{}/{}", path, name);
    Fd child(::openat(fd.get(), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!child.valid()) return disk_error("open", below);
    TRY_VOID(empty_directory(std::move(child), below));
    if (::unlinkat(fd.get(), entry->d_name, AT_REMOVEDIR) != 0) return disk_error("remove", below);
  }
  return ok();
}

// Capabilities of programs and users' own attributes are kept; what only this machine could mean
// (labels, control lists) is left out; what steers overlayfs is refused by the reader.
bool is_kept(std::string_view name) {
  return name == "security.capability" || name.starts_with("user.");
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

LayerRoot::LayerRoot(Fd root) : root_(std::move(root)), is_privileged_(::geteuid() == 0) {}

Result<LayerRoot> LayerRoot::open(const std::string& directory) {
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return disk_error("open", directory);
  return LayerRoot(std::move(fd));
}

Result<Fd> LayerRoot::open_directory(const std::string& path) {
  Fd fd(open_below(root_.get(), path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY));
  if (fd.valid()) return fd;
  if (errno == ENOENT) return fail(codes::kNotFound, path);
  if (errno == ENOTDIR || errno == ELOOP) return refuse(path, "lies below what is no directory");
  return disk_error("open", path);
}

// The directory, made with its parents where it is missing.
Result<Fd> LayerRoot::reach_directory(const std::string& path) {
  auto fd = open_directory(path);
  if (fd || fd.error().code != codes::kNotFound) return fd;
  size_t end = 0;
  while (end != std::string::npos) {
    end = path.find('/', end + 1);
    std::string part = path.substr(0, end);
    auto there = open_directory(part);
    if (there) continue;
    if (there.error().code != codes::kNotFound) return there;
    auto [parent, name] = split(part);
    TRY(Fd directory, open_directory(parent));
    if (::mkdirat(directory.get(), name.c_str(), 0755) != 0) {
      // A link that leads nowhere stands there.
      if (errno == EEXIST) return refuse(path, "passes through a link that leads nowhere");
      return disk_error("make", part);
    }
    if (::fchmodat(directory.get(), name.c_str(), 0755, 0) != 0) return disk_error("make", part);
  }
  return open_directory(path);
}

Result<LayerRoot::Place> LayerRoot::place_of(const std::string& path) {
  auto [parent, name] = split(path);
  TRY(Fd directory, reach_directory(parent));
  return Place{std::move(directory), std::move(name)};
}

Result<LayerRoot::Found> LayerRoot::look(const Place& place) const {
  struct stat info{};
  if (::fstatat(place.parent.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Found::kNothing;
    return disk_error("look at", place.name);
  }
  if (S_ISDIR(info.st_mode)) return Found::kDirectory;
  return is_whiteout(info) ? Found::kWhiteout : Found::kOther;
}

Result<void> LayerRoot::clear(const Place& place, const std::string& path) {
  TRY(Found found, look(place));
  if (found == Found::kNothing) return ok();
  if (found == Found::kDirectory) {
    Fd directory(::openat(place.parent.get(), place.name.c_str(),
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.valid()) return disk_error("open", path);
    TRY_VOID(empty_directory(std::move(directory), path));
  }
  int flags = found == Found::kDirectory ? AT_REMOVEDIR : 0;
  if (::unlinkat(place.parent.get(), place.name.c_str(), flags) != 0) {
    return disk_error("replace", path);
  }
  return ok();
}

Result<void> LayerRoot::set_opaque(int fd, const std::string& path) const {
  const char* name = is_privileged_ ? "trusted.overlay.opaque" : "user.overlay.opaque";
  if (::fsetxattr(fd, name, "y", 1, 0) != 0) return disk_error("mark as opaque", path);
  return ok();
}

Result<void> LayerRoot::apply(int fd, const std::string& path, const Attributes& a) const {
  if (is_privileged_ && ::fchown(fd, a.uid, a.gid) != 0) return disk_error("give away", path);
  if (::fchmod(fd, a.mode & kModeBits) != 0) return disk_error("set the mode of", path);
  for (const auto& [name, value] : a.extended) {
    if (!is_kept(name) || (!is_privileged_ && !name.starts_with("user."))) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) {
      return disk_error("set the attribute " + name + " of", path);
    }
  }
  timespec times[2] = {{a.modified_s, a.modified_ns}, {a.modified_s, a.modified_ns}};
  if (::futimens(fd, times) != 0) return disk_error("set the time of", path);
  return ok();
}

Result<void> LayerRoot::make_directory(const std::string& path, const Attributes& attributes) {
  TRY(Place place, place_of(path));
  TRY(Found found, look(place));
  if (found != Found::kDirectory) {
    TRY_VOID(clear(place, path));
    if (::mkdirat(place.parent.get(), place.name.c_str(), 0700) != 0) {
      return disk_error("make", path);
    }
  }
  Fd directory(::openat(place.parent.get(), place.name.c_str(),
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return disk_error("open", path);
  // It stood below, was removed and made anew: nothing of the one below may show.
  if (found == Found::kWhiteout) TRY_VOID(set_opaque(directory.get(), path));
  return apply(directory.get(), path, attributes);
}

Result<Fd> LayerRoot::make_file(const std::string& path) {
  TRY(Place place, place_of(path));
  TRY_VOID(clear(place, path));
  Fd file(::openat(place.parent.get(), place.name.c_str(),
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return disk_error("make", path);
  return file;
}

Result<void> LayerRoot::finish_file(const Fd& file, const std::string& path,
                                    const Attributes& attributes) {
  return apply(file.get(), path, attributes);
}

Result<void> LayerRoot::make_link(const std::string& path, const std::string& target,
                                  const Attributes& attributes) {
  TRY(Place place, place_of(path));
  TRY_VOID(clear(place, path));
  if (::symlinkat(target.c_str(), place.parent.get(), place.name.c_str()) != 0) {
    return disk_error("make", path);
  }
  const char* name = place.name.c_str();
  if (is_privileged_ && ::fchownat(place.parent.get(), name, attributes.uid, attributes.gid,
                                   AT_SYMLINK_NOFOLLOW) != 0) {
    return disk_error("give away", path);
  }
  timespec time{attributes.modified_s, attributes.modified_ns};
  timespec times[2] = {time, time};
  if (::utimensat(place.parent.get(), name, times, AT_SYMLINK_NOFOLLOW) != 0) {
    return disk_error("set the time of", path);
  }
  return ok();
}

Result<void> LayerRoot::make_hard_link(const std::string& path, const std::string& target) {
  auto [target_parent, target_name] = split(target);
  auto from = open_directory(target_parent);
  if (!from && from.error().code == codes::kNotFound) {
    return refuse(path, "is a hard link to what is not in its layer");
  }
  if (!from) return fail(std::move(from).error());
  Place source{*std::move(from), target_name};
  TRY(Found found, look(source));
  if (found != Found::kOther) return refuse(path, "is a hard link to what is no file of its layer");
  if (path == target) return ok();
  TRY(Place place, place_of(path));
  TRY_VOID(clear(place, path));
  if (::linkat(source.parent.get(), source.name.c_str(), place.parent.get(), place.name.c_str(),
               0) != 0) {
    if (errno == ENOENT) return refuse(path, "is a hard link to itself");
    return disk_error("link", path);
  }
  return ok();
}

Result<void> LayerRoot::make_pipe(const std::string& path, const Attributes& attributes) {
  TRY(Place place, place_of(path));
  TRY_VOID(clear(place, path));
  int parent = place.parent.get();
  const char* name = place.name.c_str();
  if (::mkfifoat(parent, name, 0600) != 0) return disk_error("make", path);
  if (is_privileged_ &&
      ::fchownat(parent, name, attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return disk_error("give away", path);
  }
  // Nobody else writes here, and a pipe is not followed anywhere.
  if (::fchmodat(parent, name, attributes.mode & kModeBits, 0) != 0) {
    return disk_error("set the mode of", path);
  }
  return ok();
}

Result<void> LayerRoot::hide(const std::string& path) {
  TRY(Place place, place_of(path));
  TRY(Found found, look(place));
  if (found == Found::kDirectory) return hide_below(path);
  // What this layer brings itself is not hidden by it.
  if (found != Found::kNothing) return ok();
  if (::mknodat(place.parent.get(), place.name.c_str(), S_IFCHR | 0600, makedev(0, 0)) != 0) {
    return disk_error("make the whiteout of", path);
  }
  return ok();
}

Result<void> LayerRoot::hide_below(const std::string& directory) {
  TRY(Fd fd, reach_directory(directory));
  return set_opaque(fd.get(), directory);
}

Result<void> LayerRoot::finish_directory(const std::string& path, const Attributes& attributes) {
  if (path.empty()) return apply(root_.get(), "/", attributes);
  auto [parent, name] = split(path);
  auto above = open_directory(parent);
  if (!above) return ok();
  Fd directory(
      ::openat(above->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return ok();
  return apply(directory.get(), path, attributes);
}

Result<void> LayerRoot::sync() {
  if (::syncfs(root_.get()) != 0) return disk_error("sync", "it");
  return ok();
}

Result<void> remove_tree(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return ok();
    if (errno != ENOTDIR && errno != ELOOP) return disk_error("open", path);
    return ::unlink(path.c_str()) == 0 ? ok() : Result<void>(disk_error("remove", path));
  }
  TRY_VOID(empty_directory(std::move(fd), path));
  if (::rmdir(path.c_str()) != 0) return disk_error("remove", path);
  return ok();
}

}  // namespace suiro::image
