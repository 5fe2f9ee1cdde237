// SPDX-License-Identifier: Apache-2.0
// Policy: what AWS's schedules lack: what becomes of runs that were missed while nothing ran, of
// runs that overlap, and jitter. Clients that know nothing of Suiro set it by tags of the schedule
// group (docs/decisions/182-schedule-policies.md):
//
//   suiro:catchup    none | last | all
//   suiro:max-delay  how late a missed run may begin: 90s, 15m, 2h, 3d
//   suiro:overlap    allow | forbid | queue | replace   (ECS targets only)
//   suiro:jitter     up to how much later each run begins: as above
//
// "suiro:catchup:NAME" says so for one schedule of the group. Nearer wins: schedule, group,
// configuration. Thread: a value. Errors: ValidationException.
#pragma once

#include "services/scheduler/limits.h"
#include "services/scheduler/types.h"

namespace suiro::scheduler {

enum class Catchup { kNone, kLast, kAll };
enum class Overlap { kAllow, kForbid, kQueue, kReplace };

struct Policy {
  Catchup catchup = Catchup::kLast;
  Millis max_delay = kMaxDelayDefault;
  Overlap overlap = Overlap::kAllow;
  Millis jitter{0};

  // "catchup", "max-delay", "overlap", "jitter" = value.
  Result<void> set(std::string_view name, std::string_view value);
};

std::string_view name_of(Overlap overlap);

// Tags that do not begin with "suiro:" are no policy, and pass.
Result<void> check_tags(const Tags& tags);
// The policy of one schedule of a group with these tags.
Policy policy_of(const Tags& tags, std::string_view schedule, Policy defaults);

}  // namespace suiro::scheduler
