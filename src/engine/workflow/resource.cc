// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/resource.h"

#include <vector>

namespace suiro::workflow {
namespace {

constexpr std::string_view kPatternTexts[] = {"", ".sync", ".sync:2", ".waitForTaskToken"};
constexpr size_t kArnParts = 6;

// At most `count` pieces; the last one holds the rest.
std::vector<std::string_view> split(std::string_view text, size_t count) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < count) {
    size_t colon = text.find(':');
    if (colon == std::string_view::npos) break;
    parts.push_back(text.substr(0, colon));
    text.remove_prefix(colon + 1);
  }
  parts.push_back(text);
  return parts;
}

Pattern take_pattern(std::string& action) {
  for (Pattern pattern : {Pattern::kWaitForTaskToken, Pattern::kSync2, Pattern::kSync}) {
    std::string_view text = kPatternTexts[static_cast<size_t>(pattern)];
    if (!action.ends_with(text)) continue;
    action.resize(action.size() - text.size());
    return pattern;
  }
  return Pattern::kRequestResponse;
}

}  // namespace

std::string Resource::type_text() const {
  return kind == Kind::kSdk ? "aws-sdk:" + service : service;
}

std::string Resource::action_text() const {
  return action + std::string(kPatternTexts[static_cast<size_t>(pattern)]);
}

std::optional<Resource> parse_resource(std::string_view arn) {
  std::vector<std::string_view> parts = split(arn, kArnParts);
  if (parts.size() != kArnParts || parts[0] != "arn" || parts[5].empty()) return std::nullopt;
  Resource resource;
  resource.arn = arn;
  resource.service = parts[2];
  if (parts[2] == "lambda" && parts[5].starts_with("function:")) {
    resource.kind = Resource::Kind::kLambdaFunction;
    return resource;
  }
  if (parts[2] != "states") return std::nullopt;
  if (parts[5].starts_with("activity:") && !parts[3].empty()) {
    resource.kind = Resource::Kind::kActivity;
    return resource;
  }
  if (!parts[3].empty() || !parts[4].empty()) return std::nullopt;
  std::vector<std::string_view> target = split(parts[5], 2);
  if (target.size() == 2 && target[0] == "aws-sdk") {
    resource.kind = Resource::Kind::kSdk;
    target = split(target[1], 2);
  }
  if (target.size() != 2 || target[0].empty() || target[1].empty()) return std::nullopt;
  resource.service = target[0];
  resource.action = target[1];
  resource.pattern = take_pattern(resource.action);
  if (resource.action.empty()) return std::nullopt;
  return resource;
}

}  // namespace suiro::workflow
