// SPDX-License-Identifier: Apache-2.0
// Runs: what happens when a timer rings.
#include "base/arn.h"
#include "base/digest.h"
#include "base/log.h"
#include "services/scheduler/logic.h"
#include "shapes/json.h"

namespace suiro::scheduler {
namespace {

using event::Run;
using event::Span;

// "schedule/GROUP/NAME" of a schedule's ARN.
struct Place {
  std::string group;
  std::string name;
};
Result<Place> place_of(std::string_view text) {
  TRY(Arn arn, Arn::parse(text));
  const size_t first = arn.resource.find('/'), second = arn.resource.rfind('/');
  if (first == second) return fail(codes::kCorrupt, "timer of a schedule: its owner is none");
  return Place{arn.resource.substr(first + 1, second - first - 1), arn.resource.substr(second + 1)};
}

std::string delay_text(Millis delay) {
  return fmt::format("{}.{:03} s", delay.count() / 1000, delay.count() % 1000);
}

}  // namespace

event::Timer Logic::timer_of(const Record& record) const {
  return {.kind = std::string(kRunTimer),
          .owner = arn_of(record),
          .id = fmt::to_string(record.revision),
          .due = record.next->due,
          .payload = encode(RunTimer{record.revision, record.next->nominal})};
}

void Logic::set_timer(store::Batch& batch, const Record& record) const {
  kernel_.timers.set(batch, timer_of(record));
}

void Logic::cancel_timer(store::Batch& batch, const Record& record) const {
  kernel_.timers.cancel(batch, timer_of(record));
}

// 16 hexadecimal digits, as AWS's are.
std::string Logic::execution_id(const Record& record, TimePoint nominal) const {
  const std::string text = fmt::format("{}\n{}\n{}", arn_of(record), format_iso8601(record.created),
                                       format_iso8601(nominal));
  return hex_encode(sha256(text)).substr(0, 16);
}

Run Logic::run_of(const Record& record, const RunTarget& target, Planned planned) const {
  Run run;
  run.id = execution_id(record, planned.nominal);
  run.name = target.name();
  run.resource = target.arn();
  run.schedule = arn_of(record);
  run.started_by = "chronos-schedule/" + record.name;
  run.planned = planned.nominal;
  run.created = kernel_.clock.now();
  return run;
}

void Logic::add_missed(store::Batch& batch, const Record& record, const RunTarget& target,
                       const std::vector<Missed>& missed) const {
  const TimePoint now = kernel_.clock.now();
  for (const Missed& one : missed) {
    const TraceContext trace = TraceContext::begin(now, kernel_.random);
    Run run = run_of(record, target, one.planned);
    run.state = Run::State::kMissed;
    run.reason = one.reason;
    run.trace_id = trace.trace_id;
    kernel_.runs.record(batch, run);
    Span span;
    span.trace_id = trace.trace_id;
    span.span_id = new_span_id(now, kernel_.random);
    span.kind = "scheduler:Invoke";
    span.resource = arn_of(record);
    span.start = now;
    span.status = Span::Status::kError;
    span.detail = fmt::format("planned {}; {}", second_text(one.planned.nominal), one.reason);
    kernel_.journal.record(batch, span);
  }
}

void Logic::add_run(store::Batch& batch, const Record& record, const RunTarget& target,
                    Planned planned, Overlap overlap) const {
  const TimePoint now = kernel_.clock.now();
  const TraceContext trace = TraceContext::begin(now, kernel_.random);
  Span span;
  span.trace_id = trace.trace_id;
  span.span_id = new_span_id(now, kernel_.random);
  span.kind = "scheduler:Invoke";
  span.resource = arn_of(record);
  span.start = now;
  const Millis late = std::max(Millis(0), now - planned.due);
  span.detail = fmt::format("planned {}, due {}, {} later", second_text(planned.nominal),
                            format_iso8601(planned.due), delay_text(late));
  if (late > kOnTime) span.detail += "; late: it was missed and made up for";
  const auto permitted = target.permitted(permissions_);
  if (!permitted) {
    span.status = Span::Status::kError;
    span.detail += "; " + permitted.error().message;
  }
  kernel_.journal.record(batch, span);
  event::Event event = target.event({.schedule_arn = arn_of(record),
                                     .schedule_name = record.name,
                                     .nominal = planned.nominal,
                                     .execution_id = execution_id(record, planned.nominal),
                                     .overlap = overlap});
  event.at = now;
  event.cause = {trace.trace_id, span.span_id};
  if (!permitted) {
    return add_refused(batch, run_of(record, target, planned), std::move(event), permitted.error());
  }
  // A task tells its own story; what is handed to others has none but this.
  if (!target.is_ecs()) {
    Run run = run_of(record, target, planned);
    run.state = Run::State::kStarted;
    run.started = now;
    run.trace_id = trace.trace_id;
    if (late > kOnTime) run.reason = fmt::format("late by {}", delay_text(late));
    kernel_.runs.record(batch, run);
  }
  event::emit(batch, std::move(event), kernel_.random);
}

// As the dispatcher buries what a target refuses (EventBridge Scheduler User Guide, "Configuring a
// dead-letter queue").
void Logic::add_refused(store::Batch& batch, Run run, event::Event event,
                        const Error& error) const {
  run.state = Run::State::kFailed;
  run.stopped = run.created;
  run.reason = error.message;
  run.trace_id = event.cause.trace_id;
  kernel_.runs.record(batch, run);
  if (event.policy.dead_letter_arn.empty()) return;
  event.attributes["TARGET_ARN"] = event.target_arn;
  event.attributes["ERROR_CODE"] = error.code;
  event.attributes["ERROR_MESSAGE"] = error.message.substr(0, event::kRunTextBytesMax);
  event.attributes["EXHAUSTED_RETRY_CONDITION"] = "NonRetriableError";
  event.attributes["RETRY_ATTEMPTS"] = "0";
  event.target_arn = std::move(event.policy.dead_letter_arn);
  event.policy = {};
  event::emit(batch, std::move(event), kernel_.random);
}

Task<Result<void>> Logic::on_run(event::Timer timer, store::Batch consume) {
  return until_won(timer.owner,
                   [this, timer, consume = std::make_shared<store::Batch>(std::move(consume))] {
                     return on_run_once(timer, consume->clone());
                   });
}

Task<Result<void>> Logic::on_run_once(const event::Timer& timer, store::Batch consume) {
  CO_TRY(Place place, place_of(timer.owner));
  CO_TRY(RunTimer rung, decode_run_timer(timer.payload));
  CO_TRY(auto found, co_await read_record(kernel_.store, place.group, place.name));
  const bool current = found && found->value.next && found->value.revision == rung.revision &&
                       found->value.next->nominal == rung.nominal;
  if (!current) co_return co_await commit(std::move(consume));
  Record record = std::move(found->value);
  CO_TRY(auto group, co_await read_group(kernel_.store, place.group));
  const Policy policy = this->policy(group ? group->value : Group(), record);
  CO_TRY(auto in, shapes::from_json<shape::CreateScheduleInput>(record.document));
  CO_TRY(Plan plan, Plan::compile(in, record.rate_from, zones_));
  CO_TRY(RunTarget target, RunTarget::compile(in.target, kernel_.region, kernel_.account));
  const Step step = plan.decide(*record.next, kernel_.clock.now(), policy, timer.owner);
  store::Batch batch = std::move(consume);
  const store::Key key = keys::schedule(record.group, record.name);
  batch.require_version(key, found->version);
  add_missed(batch, record, target, step.missed);
  if (step.run) add_run(batch, record, target, *step.run, policy.overlap);
  record.next = step.next;
  if (!step.next && in.action_after_completion == "DELETE") {
    batch.erase(key);
  } else {
    batch.put(key, encode(record));
  }
  if (step.next) set_timer(batch, record);
  co_return co_await commit(std::move(batch));
}

}  // namespace suiro::scheduler
