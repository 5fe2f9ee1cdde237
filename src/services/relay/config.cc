// SPDX-License-Identifier: Apache-2.0
#include "services/relay/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/arn.h"

namespace suiro::relay {
namespace {

constexpr size_t kNameBytesMax = 64;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax &&
         std::ranges::all_of(
             text, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

}  // namespace

Result<void> check(const RelayConfig& config) {
  auto bad = [&](std::string_view what) {
    return fail(codes::kInvalidArgument, fmt::format("relay '{}': {}", config.name, what));
  };
  if (!is_name(config.name)) return bad("name must be letters, digits, '-' and '_', at most 64");
  auto arn = Arn::parse(config.source);
  if (!arn || arn->service != "kinesis") return bad("source must be the ARN of a Kinesis stream");
  if (!config.endpoint.starts_with("https://") && !config.endpoint.starts_with("http://")) {
    return bad("endpoint must begin with https:// or http://");
  }
  if (config.region.empty()) return bad("region is missing");
  if (config.stream.empty()) return bad("stream is missing");
  if (config.credentials.empty()) return bad("credentials must name a file");
  return ok();
}

}  // namespace suiro::relay
