// SPDX-License-Identifier: Apache-2.0
// What the events service keeps: buses, rules, targets. No wire, no keys.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kernel/store/store.h"

namespace suiro::events {

inline constexpr std::string_view kDefaultBus = "default";
inline constexpr std::string_view kServicePrincipal = "events.amazonaws.com";

// Quotas of AWS where it has them ("Amazon EventBridge quotas"); rules per bus are more than its
// 300.
inline constexpr size_t kBusesMax = 100;
inline constexpr size_t kRulesMax = 2000;
inline constexpr size_t kTargetsMax = 5;
inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kPolicyBytesMax = 10'240;
// Of all entries of one PutEvents.
inline constexpr size_t kPutBytesMax = 256 * 1024;
// Of a bus's policy statement ids, rule names and the like AWS's model tells the limits.

// What one commit may emit: a busier event goes on in another one.
inline constexpr size_t kFanOutBytesMax = 8 << 20;
// How often an event may pass from one bus to another.
inline constexpr int kBusHopsMax = 5;
// Runs that were missed for longer than this are not made up for.
inline constexpr Millis kCatchUpMax = std::chrono::minutes(15);
// Attempts of a change that loses its race.
inline constexpr int kCommitAttemptsMax = 10;

using Tags = std::map<std::string, std::string>;

struct Bus {
  std::string description;
  std::string policy;  // JSON; empty: none
  TimePoint created = {};
  TimePoint modified = {};
  Tags tags;
};

enum class RuleState : uint8_t { kDisabled = 0, kEnabled = 1, kEnabledWithManagement = 2 };

struct Rule {
  std::string pattern;   // empty: none
  std::string schedule;  // empty: none
  std::string description;
  std::string role_arn;
  std::string managed_by;
  RuleState state = RuleState::kEnabled;
  TimePoint created = {};
  TimePoint schedule_from = {};  // a rate counts from here
  TimePoint next_due = {};       // zero: no timer is set
  Tags tags;
  std::vector<std::string> targets;  // JSON of the API's Target, in the order of their ids

  bool enabled() const { return state != RuleState::kDisabled; }
};

template <class T>
struct Found {
  std::string name;
  T record;
  store::Version version = {};
};

// A rule's place.
struct RuleName {
  std::string bus;
  std::string rule;
};

}  // namespace suiro::events
