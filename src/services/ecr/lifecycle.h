// SPDX-License-Identifier: Apache-2.0
// Lifecycle policies: their JSON and what they remove. No store, no clock.
//
// Rules: Amazon ECR User Guide, "Lifecycle policy properties in Amazon ECR" and "How lifecycle
// policies work": rules are tried by priority, an image that a rule's tags select belongs to that
// rule alone, and rules of lower priority see it as if it stayed. Thread: any.
#pragma once

#include <string_view>
#include <vector>

#include "services/ecr/types.h"

namespace suiro::ecr {

inline constexpr std::string_view kLifecycleTimer = "ecr.lifecycle";
inline constexpr size_t kRulesMax = 50;

struct LifecycleRule {
  int64_t priority = 1;
  enum class Status : uint8_t { kTagged, kUntagged, kAny } status = Status::kAny;
  std::vector<std::string> prefixes;  // all of them must have a tag
  std::vector<std::string> patterns;  // likewise; '*' stands for any characters
  enum class Count : uint8_t { kImages, kDays } count = Count::kImages;
  int64_t number = 1;
};

// In the order of their priorities. Errors: kInvalidParameter as AWS says it; NotImplemented for
// what Suiro does not have (archives).
Result<std::vector<LifecycleRule>> parse_lifecycle(std::string_view text);

struct Expired {
  Image image;
  int64_t priority = 1;
};
// What goes at `now`, in the order of the rules. Images that an index in `images` names stay.
std::vector<Expired> evaluate(const std::vector<LifecycleRule>& rules, std::vector<Image> images,
                              TimePoint now);

}  // namespace suiro::ecr
