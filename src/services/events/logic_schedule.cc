// SPDX-License-Identifier: Apache-2.0
// Scheduled rules: one timer a rule, one event a nominal time.
//
//   put_rule, set_state ─► plan() ─► timer "events.schedule" ─► on_schedule() ─► next timer
#include "base/digest.h"
#include "base/log.h"
#include "engine/schedule/schedule.h"
#include "services/events/logic.h"

namespace suiro::events {
namespace {

constexpr std::string_view kTimerKind = "events.schedule";

// The same for a rule's nominal time whenever and however often it is made: a UUID out of a digest.
std::string run_id(const std::string& rule_arn, TimePoint nominal) {
  std::string hex = hex_encode(sha256(rule_arn + "\n" + second_text(nominal)));
  hex[12] = '5';
  hex[16] = "89ab"[static_cast<unsigned char>(hex[16]) % 4];
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

}  // namespace

void Logic::register_timers() {
  kernel_.timers.handle(std::string(kTimerKind),
                        [this](event::Timer timer, store::Batch consume) -> Task<Result<void>> {
                          return on_schedule(std::move(timer), std::move(consume));
                        });
}

event::Timer Logic::timer_of(const std::string& rule, TimePoint due) const {
  return {std::string(kTimerKind), bus_arn(kDefaultBus), rule, due, {}};
}

std::optional<TimePoint> Logic::next_run(const Rule& rule, TimePoint after) const {
  auto expression = schedule::Expression::parse(rule.schedule, schedule::Dialect::kRule);
  if (!expression) return std::nullopt;
  schedule::Schedule::Options options{.expression = *expression};
  if (expression->is_rate()) {
    options.rate_from =
        std::chrono::floor<std::chrono::seconds>(rule.schedule_from) + expression->period();
  }
  return schedule::Schedule(std::move(options)).next(after);
}

void Logic::plan(store::Batch& batch, const std::string& name, Rule& rule, TimePoint before) const {
  if (rule.schedule.empty() || !rule.enabled()) {
    rule.next_due = {};
  } else if (rule.next_due == TimePoint{}) {
    rule.next_due = next_run(rule, kernel_.clock.now()).value_or(TimePoint{});
  }
  if (rule.next_due == before) return;
  if (before != TimePoint{}) kernel_.timers.cancel(batch, timer_of(name, before));
  if (rule.next_due != TimePoint{}) kernel_.timers.set(batch, timer_of(name, rule.next_due));
}

Task<Result<void>> Logic::on_schedule(event::Timer timer, store::Batch consume) {
  RuleName name{std::string(kDefaultBus), timer.id};
  CO_TRY(auto found, co_await storage_.rule(name));
  bool is_current = found && found->record.enabled() && found->record.next_due == timer.due;
  if (!is_current) {
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(consume)));
    co_return ok();
  }
  CO_TRY(RulePtr rule, compile_rule(name.rule, rule_arn(name), found->record));
  CO_TRY_VOID(co_await run_schedule(consume, *rule, timer.due));
  TimePoint now = kernel_.clock.now();
  TimePoint from = std::max(timer.due, now - kCatchUpMax);
  auto next = next_run(found->record, from);
  found->record.next_due = next.value_or(TimePoint{});
  if (next) kernel_.timers.set(consume, timer_of(name.rule, *next));
  co_return co_await commit_rule(std::move(name), std::move(consume), *std::move(found));
}

Task<Result<void>> Logic::run_schedule(store::Batch& batch, const CompiledRule& rule,
                                       TimePoint nominal) {
  Envelope envelope{.id = run_id(rule.arn, nominal),
                    .detail_type = "Scheduled Event",
                    .source = "aws.events",
                    .account = kernel_.account,
                    .time = second_text(nominal),
                    .region = kernel_.region,
                    .resources = {rule.arn}};
  std::string text = event_text(envelope, "{}");
  CO_TRY(auto event, event_pattern::Event::parse(text));
  Passing passing{.bus = std::string(kDefaultBus),
                  .event = std::move(event),
                  .text = std::move(text),
                  .ingested = kernel_.clock.now(),
                  .cause = TraceContext::begin(kernel_.clock.now(), kernel_.random),
                  .nominal = nominal};
  co_await emit_matches(batch, rule, passing);
  co_return ok();
}

}  // namespace suiro::events
