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

template <auto Part, auto Member>
size_t get(const Switches& from) {
  return static_cast<size_t>((from.*Part).*Member);
}

void set_group_rowtime(Switches& to, size_t value) {
  to.group_rowtime = static_cast<EngineOptions::GroupRowtime>(value);
}
size_t get_group_rowtime(const Switches& from) {
  return static_cast<size_t>(from.group_rowtime);
}

template <auto Part, auto Member>
constexpr SwitchInfo one(std::string_view name, Texts values) {
  return {name, values, set<Part, Member>, get<Part, Member>};
}

constexpr auto kLanguage = &Switches::language;
constexpr auto kFunctions = &Switches::functions;
constexpr auto kOutput = &Switches::output;

const SwitchInfo kSwitches[] = {
    one<kLanguage, &LanguageOptions::slash_comments>("slash_comments", kSlash),
    one<kLanguage, &LanguageOptions::metadata_in_star>("metadata_in_star", kStar),
    one<kLanguage, &LanguageOptions::zero_preceding>("zero_preceding", kZero),
    one<kLanguage, &LanguageOptions::interval_precision>("interval_precision", kPrecision),
    one<kLanguage, &LanguageOptions::column_nulls>("column_nulls", kColumnNulls),
    one<kFunctions, &FunctionOptions::tsdiff>("tsdiff", kTsdiff),
    one<kFunctions, &FunctionOptions::substring_past_end>("substring_past_end", kPastEnd),
    one<kFunctions, &FunctionOptions::interval_text>("interval_to_short_text", kIntervalText),
    one<kFunctions, &FunctionOptions::null_to_char>("null_to_char", kNullToChar),
    one<kFunctions, &FunctionOptions::hotspots_column>("hotspots_column", kHotspots),
    {"group_rowtime", kGroupRowtime, set_group_rowtime, get_group_rowtime},
    one<kOutput, &OutputLayout::nulls>("output_nulls", kOutputNulls),
    one<kOutput, &OutputLayout::timestamps>("output_timestamps", kOutputTimes),
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

std::string settings_text(const Switches& switches) {
  std::string out;
  for (const SwitchInfo& each : kSwitches) {
    const size_t value = each.get(switches);
    if (value != 0) out += fmt::format("{}={} ", each.name, each.values[value]);
  }
  return out;
}

}  // namespace suiro::sql
