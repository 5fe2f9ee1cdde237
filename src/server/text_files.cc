// SPDX-License-Identifier: Apache-2.0
#include "server/text_files.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace suiro::server {

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return fail(codes::kInvalidArgument, fmt::format("cannot read {}", path));
  return text.str();
}

Result<void> write_text_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return fail(codes::kInvalidArgument, fmt::format("cannot write {}", path));
  return ok();
}

}  // namespace suiro::server
