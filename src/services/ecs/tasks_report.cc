// SPDX-License-Identifier: Apache-2.0
// What the runner tells, and what it is told to stop.
#include <algorithm>

#include "base/log.h"
#include "base/utf8.h"
#include "services/ecs/errors.h"
#include "services/ecs/storage.h"
#include "services/ecs/tags.h"
#include "services/ecs/tasks.h"

namespace suiro::ecs {
namespace {

std::string_view status_of(container::ContainerState state) {
  switch (state) {
    case container::ContainerState::kRunning:
    case container::ContainerState::kStopping:
      return "RUNNING";
    case container::ContainerState::kStopped:
      return "STOPPED";
    default:
      return "PENDING";
  }
}

std::string_view health_of(container::Health health) {
  switch (health) {
    case container::Health::kHealthy:
      return "HEALTHY";
    case container::Health::kUnhealthy:
      return "UNHEALTHY";
    default:
      return "UNKNOWN";
  }
}

std::string_view code_of(container::TaskReport::StopCode code) {
  using Code = container::TaskReport::StopCode;
  if (code == Code::kTaskFailedToStart) return "TaskFailedToStart";
  if (code == Code::kStopRequested) return "UserInitiated";
  if (code == Code::kTerminationNotice) return "TerminationNotice";
  return "EssentialContainerExited";
}

bool is_essential(const Definition& definition, std::string_view container) {
  if (!definition.shape.container_definitions) return true;
  for (const auto& row : *definition.shape.container_definitions) {
    if (row.name == container) return row.essential.value_or(true);
  }
  return true;
}

bool has_health_check(const Definition& definition, std::string_view container) {
  if (!definition.shape.container_definitions) return false;
  return std::ranges::any_of(*definition.shape.container_definitions, [&](const auto& row) {
    return row.name == container && row.health_check.has_value();
  });
}

void apply_container(shape::Container& out, const container::ContainerReport& in) {
  out.last_status = status_of(in.state);
  if (in.exit_code) out.exit_code = *in.exit_code;
  if (!in.reason.empty()) out.reason = with_valid_utf8(in.reason);
  out.health_status = health_of(in.health);
  if (!in.image_digest.empty()) out.image_digest = in.image_digest;
  if (!in.runtime_id.empty()) out.runtime_id = in.runtime_id;
}

// "Determine Amazon ECS task health using container health checks": of essential containers.
std::string task_health(const shape::Task& task, const Definition& definition) {
  bool any = false, all_healthy = true;
  for (const auto& container : *task.containers) {
    std::string name = container.name.value_or("");
    if (!has_health_check(definition, name) || !is_essential(definition, name)) continue;
    any = true;
    if (container.health_status == "UNHEALTHY") return "UNHEALTHY";
    all_healthy = all_healthy && container.health_status == "HEALTHY";
  }
  return any && all_healthy ? "HEALTHY" : "UNKNOWN";
}

std::string status_of(const container::TaskReport& report) {
  if (report.ended()) return "STOPPED";
  if (report.stopping) return "STOPPING";
  return report.started ? "RUNNING" : "PENDING";
}

bool is_stop_wanted_by_others(const shape::Task& task) {
  return task.stop_code == "UserInitiated" || task.stop_code == "ServiceSchedulerInitiated";
}

}  // namespace

bool apply_report(TaskRecord& record, const Definition& definition,
                  const container::TaskReport& report, TimePoint now) {
  if (record.stopped()) return false;
  shape::Task& task = record.task;
  if (!task.containers) task.containers.emplace();
  for (const auto& row : report.containers) {
    auto found =
        std::ranges::find_if(*task.containers, [&](const auto& c) { return c.name == row.name; });
    if (found != task.containers->end()) apply_container(*found, row);
  }
  auto set = [](std::optional<TimePoint>& to, const std::optional<TimePoint>& from) {
    if (from) to = from;
  };
  set(task.pull_started_at, report.pull_started);
  set(task.pull_stopped_at, report.pull_stopped);
  set(task.started_at, report.started);
  set(task.stopping_at, report.stopping);
  set(task.execution_stopped_at, report.execution_stopped);
  if (!task.connectivity) {
    task.connectivity = "CONNECTED";
    task.connectivity_at = report.pull_started.value_or(now);
  }
  task.health_status = task_health(task, definition);
  task.last_status = status_of(report);
  if (report.stopping || report.ended()) task.desired_status = "STOPPED";
  if (!report.ended()) return true;
  if (!task.stop_code) task.stop_code = code_of(report.stop_code);
  if (!task.stopped_reason) {
    task.stopped_reason =
        with_valid_utf8(std::string(utf8_prefix(report.stopped_reason, kStopReasonBytesMax)));
  }
  if (!task.stopping_at) task.stopping_at = report.execution_stopped;
  task.stopped_at = now;
  for (auto& container : *task.containers) container.last_status = "STOPPED";
  return true;
}

event::Run run_of(const TaskRecord& record) {
  using State = event::Run::State;
  const shape::Task& task = record.task;
  event::Run run;
  run.id = record.id;
  auto ref = definition_ref(task.task_definition_arn.value_or(""));
  run.name = ref ? ref->family : "";
  run.resource = task.task_arn.value_or("");
  run.schedule = record.schedule_arn;
  run.started_by = task.started_by.value_or("");
  run.planned = record.nominal;
  run.created = task.created_at.value_or(TimePoint{});
  run.pull_started = task.pull_started_at;
  run.pull_stopped = task.pull_stopped_at;
  run.started = task.started_at;
  run.cpu_units = record.cpu_units;
  run.memory_mb = record.memory_mb;
  run.trace_id = record.cause.trace_id;
  run.reason = task.stopped_reason.value_or("");
  bool failed = task.stop_code == "TaskFailedToStart" || task.stop_code == "TerminationNotice";
  for (const auto& container : task.containers.value_or(std::vector<shape::Container>())) {
    if (run.image_digest.empty()) run.image_digest = container.image_digest.value_or("");
    if (std::ranges::find(record.essential, container.name) == record.essential.end()) continue;
    // The first that failed tells most.
    if (container.exit_code && run.exit_code.value_or(0) == 0) run.exit_code = container.exit_code;
    if (container.reason && task.last_status == "STOPPED" &&
        run.reason.find(*container.reason) == run.reason.npos) {
      run.reason += (run.reason.empty() ? "" : ": ") + *container.reason;
    }
    failed = failed || container.exit_code.value_or(0) != 0 ||
             (task.last_status == "STOPPED" && !container.exit_code && container.reason);
  }
  if (!record.placed && !record.stopped()) {
    run.state = State::kWaiting;
    if (task.attributes && !task.attributes->empty()) {
      run.reason = task.attributes->front().value.value_or("");
    }
  } else if (!record.stopped()) {
    run.state = task.started_at ? State::kRunning : State::kPulling;
  } else {
    run.stopped = task.stopped_at;
    run.state = is_stop_wanted_by_others(task) ? State::kStopped
                                               : (failed ? State::kFailed : State::kSucceeded);
  }
  return run;
}

Task<Result<void>> Tasks::changed(container::TaskReport report) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<void>> {
    LivePtr live = find_live(report.id);
    if (!live) {
      // Its end is committed, and what it left is not taken away yet.
      scope_.spawn(forget(report.id));
      co_return ok();
    }
    live->reported = true;
    CO_TRY(DefinitionPtr definition, co_await definition_of(live));
    if (report.ended()) {
      CO_TRY_VOID(co_await outputs_.finish(definition, report.id));
    }
    TimePoint now = context_.kernel.clock.now();
    auto done = co_await change(report.id, [&](TaskRecord& record) {
      return apply_report(record, *definition, report, now);
    });
    if (!done) co_return fail(std::move(done).error());
    // The wish may be older than the first report, when nobody could be told of it.
    bool is_to_stop = find_live(report.id) && live->record.stop_wanted();
    if (is_to_stop && !report.stopping && !report.ended()) scope_.spawn(stop_in_runner(report.id));
    co_return ok();
  });
}

Task<Result<void>> Tasks::write(container::Output output) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<void>> {
    LivePtr live = find_live(output.task_id);
    if (!live) co_return ok();
    CO_TRY(DefinitionPtr definition, co_await definition_of(live));
    co_return co_await outputs_.write(definition, std::move(output));
  });
}

Task<Result<uint64_t>> Tasks::resume_at(std::string task_id, std::string container) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<uint64_t>> {
    LivePtr live = find_live(task_id);
    if (!live) co_return uint64_t{0};
    CO_TRY(DefinitionPtr definition, co_await definition_of(live));
    co_return co_await outputs_.resume_at(definition, task_id, container);
  });
}

Task<Result<shape::Task>> Tasks::stop_task(std::string id, std::string code, std::string reason) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<shape::Task>> {
    TimePoint now = context_.kernel.clock.now();
    auto done = co_await change(id, [&](TaskRecord& record) {
      if (record.stopped() || record.stop_wanted()) return false;
      if (!record.placed) {
        finish(record, code, reason);
        return true;
      }
      record.task.desired_status = "STOPPED";
      record.task.stop_code = code;
      record.task.stopped_reason = utf8_prefix(reason, kStopReasonBytesMax);
      record.task.stopping_at = now;
      return true;
    });
    if (!done) co_return fail(std::move(done).error());
    LivePtr live = find_live(id);
    // Otherwise launch() is under way and looks at its end.
    if (live && *done && (live->held || live->reported)) scope_.spawn(stop_in_runner(id));
    CO_TRY(auto record, co_await find(id));
    if (!record) co_return invalid("The referenced task was not found.");
    co_return std::move(record->task);
  });
}

// Until the runner knows of the wish. It does not know the task: it never ran here.
Task<void> Tasks::stop_in_runner(std::string id) {
  while (!stopping_) {
    auto done = co_await context_.config.runner->stop(id);
    // One that lets go knows no task.
    if (done || stopping_ || !find_live(id)) co_return;
    if (done.error().code == codes::kNotFound) {
      co_await change_surely(id, [this](TaskRecord& record) {
        if (record.stopped()) return false;
        finish(record, "UserInitiated", "Task stopped before its containers started");
        return true;
      });
      co_return;
    }
    log::warning("ecs: task {} cannot be stopped: {}", id, done.error().message);
    co_await context_.kernel.clock.sleep_for(kCommitRetry);
  }
}

Task<Result<void>> Tasks::tag(std::string id, Tags tags, std::vector<std::string> removed) {
  co_return co_await run_on(context_.executor, [&]() -> Task<Result<void>> {
    Result<void> outcome = ok();
    auto done = co_await change(id, [&](TaskRecord& record) {
      Tags list = record.task.tags.value_or(Tags());
      outcome = change_tags(list, tags, removed);
      record.task.tags = std::move(list);
      return outcome.has_value();
    });
    CO_TRY_VOID(std::move(outcome));
    if (!done) co_return fail(std::move(done).error());
    if (!*done) co_return invalid("The referenced task was not found.");
    co_return ok();
  });
}

}  // namespace suiro::ecs
