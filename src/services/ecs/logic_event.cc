// SPDX-License-Identifier: Apache-2.0
// Clusters as targets of events: schedules and rules start tasks.
#include "base/arn.h"
#include "services/ecs/errors.h"
#include "services/ecs/logic.h"
#include "services/ecs/storage.h"
#include "shapes/json.h"

namespace suiro::ecs {
namespace {

std::string attribute(const event::Event& event, const std::string& name) {
  auto found = event.attributes.find(name);
  return found == event.attributes.end() ? "" : found->second;
}

Result<Overlap> overlap_of(const std::string& text) {
  if (text.empty() || text == "allow") return Overlap::kAllow;
  if (text == "forbid") return Overlap::kForbid;
  if (text == "queue") return Overlap::kQueue;
  if (text == "replace") return Overlap::kReplace;
  return invalid(fmt::format("Overlap: '{}' is none of allow, forbid, queue, replace", text));
}

Result<std::string> cluster_of(const std::string& target_arn) {
  TRY(Arn arn, Arn::parse(target_arn));
  if (arn.service != "ecs") return invalid(fmt::format("{} is not a cluster", target_arn));
  return cluster_name(target_arn);
}

// A failure that the same event would meet again.
bool is_final(const Error& error) {
  return error.retry == Retry::kNever && error.code != codes::kUnavailable &&
         error.code != codes::kThrottled && error.code != codes::kConditionFailed;
}

}  // namespace

Task<Result<void>> Logic::accepts(std::string target_arn, event::Sender) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<void>> {
    auto name = cluster_of(target_arn);
    if (!name || (*name != "default" && clusters_.find(*name) == nullptr)) {
      co_return fail(codes::kNotFound, fmt::format("Cluster {} does not exist", target_arn));
    }
    co_return ok();
  });
}

Task<Result<void>> Logic::deliver(event::Event event, store::Batch consume) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<void>> {
    auto done = co_await deliver_here(event, std::move(consume));
    if (!done && is_final(done.error())) {
      auto request = shapes::from_json<shape::RunTaskRequest>(event.payload);
      auto ref = definition_ref(request ? request->task_definition : "");
      co_await record_failure(event, ref ? ref->family : "", done.error().message);
    }
    co_return done;
  });
}

// A start that cannot be is a run, too: the timeline shows it. The same event writes it once.
Task<void> Logic::record_failure(const event::Event& event, std::string name, std::string reason) {
  event::Run run;
  run.id = event.id;
  run.name = std::move(name);
  run.resource = event.target_arn;
  run.schedule = attribute(event, "ScheduleArn");
  run.state = event::Run::State::kFailed;
  if (auto nominal = parse_iso8601(attribute(event, "NominalTime"))) run.planned = *nominal;
  run.created = event.at;
  run.stopped = context_.kernel.clock.now();
  run.reason = std::move(reason);
  run.trace_id = event.cause.trace_id;
  store::Batch batch;
  context_.kernel.runs.record(batch, run);
  // Where this commit fails, the dead letter still tells.
  static_cast<void>(co_await context_.kernel.store.commit(std::move(batch)));
}

Task<Result<void>> Logic::deliver_here(event::Event event, store::Batch consume) {
  CO_TRY(auto request, shapes::from_json<shape::RunTaskRequest>(event.payload));
  if (!request.cluster) request.cluster = event.target_arn;
  if (request.client_token) {
    co_return invalid("clientToken: an event starts its tasks once without it.");
  }
  CO_TRY(NewTasks start, co_await new_tasks(std::move(request), {event.source_arn, event.cause}));
  CO_TRY(start.overlap, overlap_of(attribute(event, "Overlap")));
  start.schedule_arn = attribute(event, "ScheduleArn");
  start.overlap_key = attribute(event, "OverlapKey");
  if (start.overlap_key.empty()) start.overlap_key = start.schedule_arn;
  if (start.overlap_key.empty()) start.overlap = Overlap::kAllow;
  if (std::string nominal = attribute(event, "NominalTime"); !nominal.empty()) {
    CO_TRY(TimePoint time, parse_iso8601(nominal));
    start.nominal = time;
  }
  if (start.overlap == Overlap::kAllow) {
    co_return co_await start_of_event(event, std::move(start), std::move(consume));
  }
  std::string turn_name = "overlap:" + start.overlap_key;
  co_await context_.turns.take(turn_name);
  Turn turn(context_.turns, turn_name);
  co_return co_await start_of_event(event, std::move(start), std::move(consume));
}

Task<Result<void>> Logic::start_of_event(const event::Event& event, NewTasks start,
                                         store::Batch consume) {
  if (start.overlap == Overlap::kForbid && tasks_.any_live(start.overlap_key)) {
    event::Run run;
    run.id = event.id;
    run.name = start.definition->shape.family.value_or("");
    run.resource = event.target_arn;
    run.schedule = start.schedule_arn;
    run.started_by = start.started_by;
    run.state = event::Run::State::kSkipped;
    run.planned = start.nominal;
    run.created = event.at;
    run.stopped = context_.kernel.clock.now();
    run.reason = "The run before has not ended";
    run.trace_id = event.cause.trace_id;
    context_.kernel.runs.record(consume, run);
    auto done = co_await context_.kernel.store.commit(std::move(consume));
    if (!done) co_return fail(std::move(done).error());
    co_return ok();
  }
  CO_TRY(Started started,
         co_await tasks_.add(std::move(start), [&consume](store::Batch& batch, const Started&) {
           batch.merge(std::move(consume));
         }));
  if (!started.tasks.empty()) co_return ok();
  const shape::Failure& failure = started.failures.front();
  co_return fail(kClient,
                 fmt::format("{}: {}", failure.reason.value_or(""), failure.detail.value_or("")),
                 started.too_large ? Retry::kNever : Retry::kLater);
}

}  // namespace suiro::ecs
