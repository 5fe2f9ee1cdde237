// SPDX-License-Identifier: Apache-2.0
#include "engine/workflow/drive.h"

#include <fmt/format.h>

namespace suiro::workflow {

Drive::Drive(Execution execution, DriveOptions options)
    : execution_(std::move(execution)),
      options_(std::move(options)),
      random_(options_.seed),
      now_(options_.start) {
  plan(now_, Started{});
}

void Drive::plan(TimePoint at, Occurrence occurrence) {
  planned_.emplace(std::max(at, now_), std::move(occurrence));
}

bool Drive::advance() {
  if (planned_.empty() || steps_ >= options_.steps_max) return false;
  auto next = planned_.extract(planned_.begin());
  now_ = next.key();
  Occurrence occurrence = std::move(next.mapped());
  if (const auto* fired = std::get_if<TimerFired>(&occurrence)) {
    if (cancelled_timers_.erase(fired->timer) > 0) return true;
  }
  const Moment moment{.now = now_,
                      .random = &random_,
                      .token = [](uint64_t effect) { return fmt::format("token-{}", effect); },
                      .activity_exists = options_.activity_exists,
                      .inspector = options_.inspector};
  bool more = true;
  while (more && steps_ < options_.steps_max) {
    ++steps_;
    Outcome outcome = execution_.step(occurrence, moment);
    more = outcome.more;
    take(outcome);
    if (options_.stepped) options_.stepped(*this, outcome);
    occurrence = Continue{};
  }
  return true;
}

Result<void> Drive::run() {
  while (advance()) {
  }
  if (steps_ < options_.steps_max) return ok();
  return fail(codes::kTooLarge, fmt::format("the execution took more than {} steps; raise the "
                                            "limit, or look for a loop in the definition",
                                            options_.steps_max));
}

void Drive::take(const Outcome& outcome) {
  history_.insert(history_.end(), outcome.history.begin(), outcome.history.end());
  for (const TimerRequest& timer : outcome.timers_cancelled) cancelled_timers_.insert(timer.id);
  for (const TimerRequest& timer : outcome.timers_set) plan(timer.due, TimerFired{timer.id});
  for (const Effect& effect : outcome.effects) answer(effect);
  if (outcome.ended) {
    ending_ = outcome.ended;
  } else if (execution_.status() == ExecutionStatus::kRunning) {
    ending_.reset();  // a redrive
  }
}

void Drive::answer(const Effect& effect) {
  if (!options_.mock) return;
  const uint64_t id = effect_id(effect);
  const MockAnswer answer = options_.mock(effect);
  const TimePoint start = now_ + answer.started_after;
  if (std::holds_alternative<MapRunEffect>(effect)) {
    plan(start, MapRunBegan{.effect = id, .map_run_arn = answer.map_run_arn});
  } else if (!answer.failure || answer.failure->stage == FailureStage::kRun ||
             answer.failure->stage == FailureStage::kSubmit) {
    plan(start, EffectStarted{.effect = id, .worker_name = answer.worker_name});
  }
  if (answer.submitted) plan(start, EffectSubmitted{.effect = id, .output = *answer.submitted});
  for (const Millis after : answer.heartbeats_after) plan(now_ + after, Heartbeat{id});
  const TimePoint end = std::max(start, now_ + answer.answered_after);
  if (answer.output) {
    plan(end, EffectSucceeded{.effect = id, .output = *answer.output});
  } else if (answer.failure) {
    EffectFailed failure = *answer.failure;
    failure.effect = id;
    plan(end, std::move(failure));
  }
}

}  // namespace suiro::workflow
