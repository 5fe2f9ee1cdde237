// SPDX-License-Identifier: Apache-2.0
#include "services/scheduler/policy.h"

#include <array>
#include <charconv>

#include "services/scheduler/errors.h"

namespace suiro::scheduler {
namespace {

constexpr std::string_view kPrefix = "suiro:";
constexpr std::array<std::string_view, 3> kCatchups = {"none", "last", "all"};
constexpr std::array<std::string_view, 4> kOverlaps = {"allow", "forbid", "queue", "replace"};
constexpr std::array<std::string_view, 4> kNames = {"catchup", "max-delay", "overlap", "jitter"};

template <class Enum, size_t N>
Result<Enum> choice(const std::array<std::string_view, N>& names, std::string_view value) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == value) return static_cast<Enum>(i);
  }
  return fail(codes::kInvalidArgument, fmt::format("expected {}", fmt::join(names, " | ")));
}

Result<Millis> duration(std::string_view value, Millis longest) {
  constexpr std::string_view kExpected = "expected a number with s, m, h or d, like 15m";
  int64_t number = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
  const std::string_view unit(end, value.data() + value.size());
  constexpr int64_t kMost = 1'000'000'000;
  if (failed != std::errc() || number < 0 || number > kMost || unit.size() != 1) {
    return fail(codes::kInvalidArgument, std::string(kExpected));
  }
  constexpr std::string_view kUnits = "smhd";
  constexpr std::array<int64_t, 4> kSeconds = {1, 60, 3600, 86'400};
  const size_t found = kUnits.find(unit[0]);
  if (found == kUnits.npos) return fail(codes::kInvalidArgument, std::string(kExpected));
  const Millis out = std::chrono::seconds(number * kSeconds[found]);
  if (out > longest) {
    return fail(
        codes::kInvalidArgument,
        fmt::format("at most {} s", std::chrono::floor<std::chrono::seconds>(longest).count()));
  }
  return out;
}

// "catchup" and "NAME" of "suiro:catchup:NAME".
struct PolicyTag {
  std::string_view name;
  std::string_view schedule;  // empty: all of the group
};
std::optional<PolicyTag> policy_tag(std::string_view key) {
  if (!key.starts_with(kPrefix)) return std::nullopt;
  key.remove_prefix(kPrefix.size());
  const size_t colon = key.find(':');
  if (colon == key.npos) return PolicyTag{key, {}};
  return PolicyTag{key.substr(0, colon), key.substr(colon + 1)};
}

}  // namespace

std::string_view name_of(Overlap overlap) {
  return kOverlaps[static_cast<size_t>(overlap)];
}

Result<void> Policy::set(std::string_view name, std::string_view value) {
  if (name == "catchup") {
    TRY(catchup, choice<Catchup>(kCatchups, value));
  } else if (name == "overlap") {
    TRY(overlap, choice<Overlap>(kOverlaps, value));
  } else if (name == "max-delay") {
    TRY(max_delay, duration(value, kMaxDelayMax));
  } else if (name == "jitter") {
    TRY(jitter, duration(value, kJitterMax));
  } else {
    return fail(codes::kInvalidArgument,
                fmt::format("there is no such setting; known are {}", fmt::join(kNames, ", ")));
  }
  return ok();
}

Result<void> check_tags(const Tags& tags) {
  for (const auto& [key, value] : tags) {
    if (key.starts_with("aws:")) {
      return invalid("aws: prefixed tag key names are not allowed for external use.");
    }
    const auto tag = policy_tag(key);
    if (!tag) continue;
    if (auto set = Policy().set(tag->name, value); !set) {
      return invalid(fmt::format("Tag {}={}: {}", key, value, set.error().message));
    }
  }
  return ok();
}

Policy policy_of(const Tags& tags, std::string_view schedule, Policy defaults) {
  Policy out = defaults;
  for (const bool own : {false, true}) {
    for (const auto& [key, value] : tags) {
      const auto tag = policy_tag(key);
      if (!tag || tag->schedule != (own ? schedule : std::string_view())) continue;
      // What does not parse was refused when the tag was set.
      (void)out.set(tag->name, value);
    }
  }
  return out;
}

}  // namespace suiro::scheduler
