// SPDX-License-Identifier: Apache-2.0
// Plan: a schedule's settings, compiled: its nominal times, when each of them begins, and what
// becomes of those that are late.
//
// Invariant: all of it follows from the settings and the nominal time: a run that is planned again
// after a crash begins at the same time, under the same id. Thread: immutable; a Zones belongs to
// one shard each call. Errors: ValidationException.
#pragma once

#include <vector>

#include "base/shard.h"
#include "engine/schedule/schedule.h"
#include "services/scheduler/policy.h"

namespace suiro::scheduler {

// Time zones that were read, one set a shard. Threads: shards.
class Zones {
 public:
  explicit Zones(Shards& shards) : shards_(shards), by_shard_(shards.size()) {}
  // Errors: kNotFound, kCorrupt.
  Result<TimeZone> get(const std::string& name);

 private:
  Shards& shards_;
  std::vector<std::map<std::string, TimeZone>> by_shard_;
};

struct Missed {
  Planned planned;
  std::string_view reason;
};
// What a timer that rings is to do.
struct Step {
  std::vector<Missed> missed;
  std::optional<Planned> run;
  std::optional<Planned> next;  // nullopt: the schedule is completed
};

class Plan {
 public:
  // `rate_from`: the record's. Errors: ValidationException, in AWS's words where they are known.
  static Result<Plan> compile(const shape::CreateScheduleInput& in, TimePoint rate_from,
                              Zones& zones);

  bool is_one_time() const { return schedule_.options().expression.is_at(); }
  // The first run after `time`. `salt`: what the draws within a flexible window depend on besides
  // the nominal time, the schedule's ARN. `not_before`: the due time of the run before.
  std::optional<Planned> after(TimePoint time, const Policy& policy, std::string_view salt,
                               TimePoint not_before = {}) const;
  Step decide(Planned head, TimePoint now, const Policy& policy, std::string_view salt) const;

 private:
  explicit Plan(schedule::Schedule schedule, Millis window)
      : schedule_(std::move(schedule)), window_(window) {}
  schedule::Schedule schedule_;
  Millis window_;
};

}  // namespace suiro::scheduler
