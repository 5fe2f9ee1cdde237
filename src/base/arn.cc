// SPDX-License-Identifier: Apache-2.0
#include "base/arn.h"

#include <fmt/format.h>

namespace suiro {

Result<Arn> Arn::parse(std::string_view text) {
  std::string_view parts[5];
  std::string_view rest = text;
  for (auto& part : parts) {
    size_t colon = rest.find(':');
    if (colon == std::string_view::npos) {
      return fail(codes::kInvalidArgument, fmt::format("'{}' is not an ARN", text));
    }
    part = rest.substr(0, colon);
    rest = rest.substr(colon + 1);
  }
  if (parts[0] != "arn" || parts[1].empty() || parts[2].empty() || rest.empty()) {
    return fail(codes::kInvalidArgument, fmt::format("'{}' is not an ARN", text));
  }
  return Arn{std::string(parts[1]), std::string(parts[2]), std::string(parts[3]),
             std::string(parts[4]), std::string(rest)};
}

std::string Arn::str() const {
  return fmt::format("arn:{}:{}:{}:{}:{}", partition, service, region, account, resource);
}

}  // namespace suiro
