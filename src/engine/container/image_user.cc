// SPDX-License-Identifier: Apache-2.0
#include "engine/container/image_user.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <ranges>

#include "engine/sandbox/files.h"

namespace suiro::container {

namespace {

constexpr size_t kFileBytesMax = 1024 * 1024;
constexpr uint32_t kIdMax = 65'535;  // what a container's user namespace has
constexpr size_t kGroupsMax = 256;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (auto part : std::views::split(text, separator)) {
    parts.emplace_back(part.begin(), part.end());
  }
  return parts;
}

std::optional<uint32_t> number(std::string_view text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

Result<uint32_t> checked(uint32_t id) {
  if (id > kIdMax) {
    return fail(codes::kInvalidArgument,
                fmt::format("id {} is out of range: containers have ids up to {}", id, kIdMax));
  }
  return id;
}

}  // namespace

std::string file_of_image(const std::vector<std::string>& layers, const std::string& path) {
  for (const auto& layer : std::views::reverse(layers)) {
    sandbox::Descriptor root(::open(layer.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // what is no file must not hold us up
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    sandbox::Descriptor file(
        static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
    struct stat status{};
    if (!file) {
      if (errno == ENOENT) continue;
      return {};  // a link, or a device: a file that a layer took away
    }
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    std::string text(kFileBytesMax, '\0');
    ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return text;
  }
  return {};
}

Result<ImageUser> find_user(std::string_view user, std::string_view passwd,
                            std::string_view group) {
  ImageUser found;
  auto halves = split(user, ':');
  std::string_view name = user.empty() ? "0" : halves[0];
  auto id = number(name);
  std::string login;
  bool listed = false;
  for (auto line : split(passwd, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() < 6 || !number(fields[2]) || !number(fields[3])) continue;
    bool same = fields[0] == name || (id && number(fields[2]) == id);
    if (!same) continue;
    found.uid = *number(fields[2]);
    found.gid = *number(fields[3]);
    if (!fields[5].empty()) found.home = fields[5];
    login = fields[0];
    listed = true;
    break;
  }
  if (!listed && !id) {
    return fail(codes::kInvalidArgument,
                fmt::format("unable to find user {}: no matching entries in passwd file", name));
  }
  if (!listed) found.uid = *id;
  if (halves.size() > 1) {
    auto gid = number(halves[1]);
    for (auto line : split(group, '\n')) {
      auto fields = split(line, ':');
      if (fields.size() >= 3 && fields[0] == halves[1]) gid = number(fields[2]);
    }
    if (!gid) {
      return fail(
          codes::kInvalidArgument,
          fmt::format("unable to find group {}: no matching entries in group file", halves[1]));
    }
    found.gid = *gid;
  } else if (!login.empty()) {
    for (auto line : split(group, '\n')) {
      auto fields = split(line, ':');
      if (fields.size() < 4 || !number(fields[2]) || found.groups.size() >= kGroupsMax) continue;
      auto members = split(fields[3], ',');
      if (std::ranges::find(members, login) == members.end()) continue;
      if (*number(fields[2]) <= kIdMax) found.groups.push_back(*number(fields[2]));
    }
  }
  TRY(found.uid, checked(found.uid));
  TRY(found.gid, checked(found.gid));
  return found;
}

Result<ImageUser> user_of_image(const std::vector<std::string>& layers, std::string_view user) {
  return find_user(user, file_of_image(layers, "etc/passwd"), file_of_image(layers, "etc/group"));
}

}  // namespace suiro::container
