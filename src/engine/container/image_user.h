// SPDX-License-Identifier: Apache-2.0
// Whom a container runs as: "user", "uid", "user:group", "uid:gid", with names looked up in the
// image's /etc/passwd and /etc/group. The files are taken from the topmost layer that has them;
// links in their paths are not followed (they are the image's, not the machine's). Blocking.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace suiro::container {

struct ImageUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;  // others that name the user
  std::string home = "/";
};

// The text of `path` ("etc/passwd") in the image; empty where it has none. At most 1 MiB.
std::string file_of_image(const std::vector<std::string>& layers, const std::string& path);

// Pure. Errors: kInvalidArgument ("unable to find user x: no matching entries in passwd file").
Result<ImageUser> find_user(std::string_view user, std::string_view passwd, std::string_view group);

// Errors: as find_user().
Result<ImageUser> user_of_image(const std::vector<std::string>& layers, std::string_view user);

}  // namespace suiro::container
