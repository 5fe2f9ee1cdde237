// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/switches.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace suiro::sql {
namespace {

using Texts = std::span<const std::string_view>;

// Values stand in the order of the enumerators.
constexpr std::string_view kSlash[] = {"refuse", "accept"};
constexpr std::string_view kStar[] = {"hide", "show"};
constexpr std::string_view kZero[] = {"current-row", "refuse"};
constexpr std::string_view kPrecision[] = {"check", "ignore"};
constexpr std::string_view kColumnNulls[] = {"allow", "refuse"};
constexpr std::string_view kTsdiff[] = {"absolute", "end-minus-start", "first-minus-second"};
constexpr std::string_view kPastEnd[] = {"as-pages", "empty", "null"};
constexpr std::string_view kIntervalText[] = {"cut", "refuse"};
constexpr std::string_view kNullToChar[] = {"text", "null"};
constexpr std::string_view kHotspots[] = {"HOTSPOTS_RESULT", "HOTSPOT_RESULTS"};
constexpr std::string_view kGroupRowtime[] = {"end", "start"};
constexpr std::string_view kOutputNulls[] = {"show", "leave-out"};
constexpr std::string_view kOutputTimes[] = {"text", "epoch-ms"};

template <auto Part, auto Member>
void set(Switches& to, size_t value) {
  auto& member = (to.*Part).*Member;
  member = static_cast<std::remove_reference_t<decltype(member)>>(value);
}

void set_group_rowtime(Switches& to, size_t value) {
  to.group_rowtime = static_cast<EngineOptions::GroupRowtime>(value);
}

constexpr auto kLanguage = &Switches::language;
constexpr auto kFunctions = &Switches::functions;
constexpr auto kOutput = &Switches::output;

const SwitchInfo kSwitches[] = {
    {"slash_comments", kSlash, set<kLanguage, &LanguageOptions::slash_comments>},
    {"metadata_in_star", kStar, set<kLanguage, &LanguageOptions::metadata_in_star>},
    {"zero_preceding", kZero, set<kLanguage, &LanguageOptions::zero_preceding>},
    {"interval_precision", kPrecision, set<kLanguage, &LanguageOptions::interval_precision>},
    {"column_nulls", kColumnNulls, set<kLanguage, &LanguageOptions::column_nulls>},
    {"tsdiff", kTsdiff, set<kFunctions, &FunctionOptions::tsdiff>},
    {"substring_past_end", kPastEnd, set<kFunctions, &FunctionOptions::substring_past_end>},
    {"interval_to_short_text", kIntervalText, set<kFunctions, &FunctionOptions::interval_text>},
    {"null_to_char", kNullToChar, set<kFunctions, &FunctionOptions::null_to_char>},
    {"hotspots_column", kHotspots, set<kFunctions, &FunctionOptions::hotspots_column>},
    {"group_rowtime", kGroupRowtime, set_group_rowtime},
    {"output_nulls", kOutputNulls, set<kOutput, &OutputLayout::nulls>},
    {"output_timestamps", kOutputTimes, set<kOutput, &OutputLayout::timestamps>},
};

}  // namespace

std::span<const SwitchInfo> all_switches() {
  return kSwitches;
}

Result<void> set_switch(Switches& to, std::string_view name, std::string_view value) {
  const auto found = std::ranges::find(kSwitches, name, &SwitchInfo::name);
  if (found == std::end(kSwitches)) {
    std::vector<std::string_view> names;
    for (const SwitchInfo& each : kSwitches) names.push_back(each.name);
    return fail(codes::kInvalidArgument, fmt::format("there is no switch '{}'; known are: {}", name,
                                                     fmt::join(names, ", ")));
  }
  const auto place = std::ranges::find(found->values, value);
  if (place == found->values.end()) {
    return fail(codes::kInvalidArgument,
                fmt::format("{} must be one of: {}", name, fmt::join(found->values, ", ")));
  }
  found->set(to, static_cast<size_t>(place - found->values.begin()));
  return ok();
}

Result<void> set_switch(Switches& to, std::string_view setting) {
  const size_t at = setting.find('=');
  if (at == std::string_view::npos) {
    return fail(codes::kInvalidArgument, fmt::format("'{}' is no NAME=VALUE", setting));
  }
  return set_switch(to, setting.substr(0, at), setting.substr(at + 1));
}

}  // namespace suiro::sql
