// SPDX-License-Identifier: Apache-2.0
// TaskRun: the containers, their order, their output and their health.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>

#include "base/blocking.h"
#include "base/log.h"
#include "engine/container/process.h"
#include "engine/container/task_run.h"

namespace suiro::container {

namespace {
using Condition = Dependency::Condition;
constexpr Millis kWritePause{1000};
constexpr Millis kKillPause{10'000};
constexpr int kSignalled = 128;
constexpr auto kOutOfMemory = "OutOfMemoryError: Container killed due to memory usage";

std::string_view name_of(Condition condition) {
  constexpr std::string_view kNames[] = {"START", "COMPLETE", "SUCCESS", "HEALTHY"};
  return kNames[static_cast<size_t>(condition)];
}
}  // namespace

size_t TaskRun::index_of(std::string_view name) const {
  auto at = std::ranges::find(spec_.containers, name, &ContainerSpec::name);
  return static_cast<size_t>(at - spec_.containers.begin());
}

bool TaskRun::all_finished() const {
  return std::ranges::all_of(state_.progress, &ContainerProgress::finished);
}

// --- order

TaskRun::Met TaskRun::met(const Dependency& dependency, std::string& why) const {
  size_t i = index_of(dependency.container);
  const auto& report = state_.report.containers[i];
  const auto& progress = state_.progress[i];
  auto never = [&](std::string text) {
    why = fmt::format("its dependency {} {} (condition {})", dependency.container, text,
                      name_of(dependency.condition));
    return Met::kNever;
  };
  if (progress.unstartable) return never("was not started");
  bool finished = progress.finished;
  switch (dependency.condition) {
    case Condition::kStart:
      return report.started ? Met::kYes : finished ? never("was not started") : Met::kNotYet;
    case Condition::kComplete:
      return finished ? Met::kYes : Met::kNotYet;
    case Condition::kSuccess:
      if (finished && report.exit_code == 0) return Met::kYes;
      if (finished) return never(fmt::format("exited with code {}", report.exit_code.value_or(-1)));
      return Met::kNotYet;
    case Condition::kHealthy:
      if (finished) return never("stopped");
      return report.health == Health::kHealthy ? Met::kYes : Met::kNotYet;
  }
  return Met::kNotYet;
}

Task<TaskRun::Ready> TaskRun::wait_for_dependencies(size_t index) {
  auto& report = state_.report.containers[index];
  for (;;) {
    if (closing_ || state_.report.stopping || lost_) co_return Ready::kNo;
    bool open = false;
    std::optional<TimePoint> deadline;
    std::string why;
    for (const auto& dependency : spec_.containers[index].dependencies) {
      Met now = met(dependency, why);
      size_t other = index_of(dependency.container);
      const auto& started = state_.report.containers[other].started;
      auto limit = spec_.containers[other].start_timeout;
      if (now == Met::kNotYet && limit.count() > 0 && started) {
        TimePoint until = *started + limit;
        if (setting_.clock.now() >= until) {
          why = fmt::format("its dependency {} did not reach {} within {} s", dependency.container,
                            name_of(dependency.condition), limit.count());
          now = Met::kNever;
        } else if (!deadline || until < *deadline) {
          deadline = until;
        }
      }
      if (now == Met::kNever) {
        report.reason = fmt::format("Container was not started: {}", why);
        begin_stop(TaskReport::StopCode::kTaskFailedToStart,
                   fmt::format("Container {} was not started: {}", report.name, why));
        co_return Ready::kNo;
      }
      open = open || now == Met::kNotYet;
    }
    if (!open) co_return Ready::kYes;
    if (deadline) {
      (void)co_await changed_.wait_until(setting_.clock, *deadline);
    } else {
      co_await changed_.wait();
    }
  }
}

// --- life of a container

Task<void> TaskRun::run_container(size_t index) {
  auto& progress = state_.progress[index];
  if (progress.finished) co_return;
  if (progress.attempt == 0) {
    if (co_await wait_for_dependencies(index) == Ready::kNo) {
      progress.unstartable = true;
      if (!closing_) finish(index);
      co_return;
    }
    progress.attempt = 1;
    co_await save();
  }
  while (!closing_) {
    if (auto begun = co_await start_attempt(index); !begun) {
      state_.report.containers[index].reason =
          "CannotStartContainerError: " + begun.error().message;
      progress.unstartable = true;
      break;
    }
    AttemptEnd end = co_await follow(index);
    if (closing_) co_return;
    note_end(index, end);
    if (!restarts(index, end)) break;
    auto& report = state_.report.containers[index];
    ++report.restarts;
    ++progress.attempt;
    report.state = ContainerState::kPending;
    report.health = Health::kUnknown;
    changed();
    co_await save();
  }
  if (!closing_) finish(index);
}

void TaskRun::finish(size_t index) {
  auto& report = state_.report.containers[index];
  auto& progress = state_.progress[index];
  progress.finished = true;
  report.state = ContainerState::kStopped;
  bool failed = progress.unstartable && !report.reason.empty();
  bool essential = spec_.containers[index].essential;
  if (failed && essential) {
    begin_stop(TaskReport::StopCode::kTaskFailedToStart, report.reason);
  } else if (lost_ && !report.exit_code) {
    begin_stop(TaskReport::StopCode::kTerminationNotice, lost_reason_);
  } else if (essential) {
    begin_stop(TaskReport::StopCode::kEssentialContainerExited,
               "Essential container in task exited");
  }
  changed();
}

Task<Result<void>> TaskRun::start_attempt(size_t index) {
  uint32_t attempt = state_.progress[index].attempt;
  auto working = [this, index, attempt]() -> Result<bool> {
    auto end = read_end(container_directory(index));
    auto start = read_start(container_directory(index));
    bool begun = (end && end->attempt == attempt) || (start && start->attempt == attempt);
    if (!begun && !lost_) TRY_VOID(write_bundle(index, attempt));
    return begun;
  };
  CO_TRY(bool begun, co_await on_pool(&setting_.pool, working));
  if (begun || lost_) co_return ok();
  bool drop = spec_.containers[index].full_output == FullOutput::kDrop;
  // Without a supervisor lose_supervisor() tells.
  (void)send_command(directory(), fmt::format("start {} {} {}", index, attempt, drop ? 1 : 0));
  co_return ok();
}

Task<AttemptEnd> TaskRun::follow(size_t index) {
  uint32_t attempt = state_.progress[index].attempt;
  struct Seen {
    std::optional<AttemptStart> start;
    std::optional<AttemptEnd> end;
  };
  while (!closing_) {
    bool lost = lost_;
    auto looking = [folder = container_directory(index)] {
      return Seen{read_start(folder), read_end(folder)};
    };
    // What changes while this looks is seen by looking again.
    uint64_t before = hints_;
    Seen seen = co_await on_pool(&setting_.pool, looking);
    if (seen.start && seen.start->attempt == attempt) note_start(index, seen.start->started);
    if (seen.end && seen.end->attempt == attempt) {
      if (seen.end->how != AttemptEnd::How::kFailed) note_start(index, seen.end->started);
      co_return *seen.end;
    }
    if (lost) break;
    while (!closing_ && !lost_ && hints_ == before) co_await changed_.wait();
  }
  AttemptEnd end;
  end.attempt = attempt;
  end.how = AttemptEnd::How::kFailed;
  end.ended = setting_.clock.now();
  co_return end;
}

void TaskRun::note_start(size_t index, TimePoint started) {
  auto& report = state_.report.containers[index];
  if (report.state == ContainerState::kRunning || report.state == ContainerState::kStopping) return;
  report.state = ContainerState::kRunning;
  report.started = started;
  report.runtime_id = runtime_id(index, state_.progress[index].attempt);
  note_task_start();
  changed();
}

void TaskRun::note_task_start() {
  if (state_.report.started) return;
  for (size_t i = 0; i < spec_.containers.size(); ++i) {
    std::string ignored;
    bool open = std::ranges::any_of(spec_.containers[i].dependencies, [&](const auto& dependency) {
      return met(dependency, ignored) != Met::kYes;
    });
    if (!open && !state_.report.containers[i].started) return;
  }
  state_.report.started = setting_.clock.now();
}

void TaskRun::note_end(size_t index, const AttemptEnd& end) {
  auto& report = state_.report.containers[index];
  report.state = ContainerState::kStopped;
  report.stopped = end.ended;
  report.memory_peak_bytes = std::max(report.memory_peak_bytes, end.memory_peak_bytes);
  report.processor_time += end.processor_time;
  report.out_of_memory = end.out_of_memory_kills > 0;
  report.exit_code.reset();
  switch (end.how) {
    case AttemptEnd::How::kExit:
      report.exit_code = end.number;
      break;
    case AttemptEnd::How::kSignal:
      report.exit_code = kSignalled + end.number;
      break;
    case AttemptEnd::How::kFailed:
      if (lost_) {
        report.reason = lost_reason_;
        break;
      }
      report.reason = "CannotStartContainerError: " + runc_complaint(container_directory(index));
      state_.progress[index].unstartable = true;
  }
  if (report.out_of_memory && report.exit_code.value_or(0) != 0) report.reason = kOutOfMemory;
  changed();
}

bool TaskRun::restarts(size_t index, const AttemptEnd& end) const {
  const auto& policy = spec_.containers[index].restart;
  if (!policy || state_.report.stopping || lost_ || end.how == AttemptEnd::How::kFailed) {
    return false;
  }
  int code = state_.report.containers[index].exit_code.value_or(0);
  if (std::ranges::find(policy->ignored_exit_codes, code) != policy->ignored_exit_codes.end()) {
    return false;
  }
  return end.ended - end.started >= policy->attempt_period;
}

// --- stopping

void TaskRun::begin_stop(TaskReport::StopCode code, std::string reason) {
  auto& report = state_.report;
  if (report.stopping) return;
  report.stopping = setting_.clock.now();
  report.stop_code = code;
  report.stopped_reason = std::move(reason);
  changed();
  spawn_stoppers();
}

void TaskRun::spawn_stoppers() {
  if (std::exchange(stoppers_, true)) return;
  for (size_t i = 0; i < spec_.containers.size(); ++i) scope_.spawn(stop_container(i));
}

Task<void> TaskRun::stop_container(size_t index) {
  const auto& container = spec_.containers[index];
  auto& progress = state_.progress[index];
  auto& report = state_.report.containers[index];
  auto needed = [&] {
    for (size_t i = 0; i < spec_.containers.size(); ++i) {
      if (state_.progress[i].finished) continue;
      for (const auto& dependency : spec_.containers[i].dependencies) {
        if (dependency.container == container.name) return true;
      }
    }
    return false;
  };
  auto waits = [&] { return needed() || report.state != ContainerState::kRunning; };
  while (!closing_ && !progress.finished && waits()) co_await changed_.wait();
  if (closing_ || progress.finished) co_return;
  report.state = ContainerState::kStopping;
  changed();
  // Without its image the supervisor is lost too, and nothing is left to be signalled.
  int signal = index < images_.size() ? signal_number(images_[index].config.stop_signal) : SIGTERM;
  (void)send_command(directory(), fmt::format("signal {} {}", index, signal));
  Millis patience = container.stop_timeout;
  while (!closing_ && !progress.finished) {
    TimePoint until = setting_.clock.now() + patience;
    while (!closing_ && !progress.finished && setting_.clock.now() < until) {
      (void)co_await changed_.wait_until(setting_.clock, until);
    }
    if (closing_ || progress.finished) co_return;
    (void)send_command(directory(), fmt::format("signal {} {}", index, SIGKILL));
    patience = kKillPause;
  }
}

// --- output

Task<void> TaskRun::pump_output(size_t index) {
  const std::string name = spec_.containers[index].name;
  Result<uint64_t> position = fail(codes::kUnavailable, "");
  while (!closing_ && !position) {
    position = co_await setting_.observer->resume_at(spec_.id, name);
    if (!position) co_await pause(kWritePause);
  }
  if (closing_) co_return;
  OutputReader reader(container_directory(index), *position);
  while (!closing_) {
    auto last =
        state_.progress[index].finished ? OutputReader::Last::kYes : OutputReader::Last::kNo;
    uint64_t before = hints_;
    auto reading = [&reader, last] { return reader.next(last); };
    auto piece = co_await on_pool(&setting_.pool, reading);
    if (!piece.lines.empty()) {
      Output output{spec_.id, name, piece.from, piece.to, std::move(piece.lines)};
      while (!closing_) {
        auto taken = co_await setting_.observer->write(output);
        if (taken) break;
        log::warning("task {}: output not taken: {}", spec_.id, taken.error().message);
        co_await pause(kWritePause);
      }
      if (closing_) co_return;
      auto releasing = [&reader, to = piece.to] {
        reader.release(to);
        return true;
      };
      (void)co_await on_pool(&setting_.pool, releasing);
    }
    if (piece.more) continue;
    if (last == OutputReader::Last::kYes) break;
    while (!closing_ && hints_ == before && !state_.progress[index].finished) {
      co_await changed_.wait();
    }
  }
  if (closing_) co_return;
  ++outputs_done_;
  changed_.notify_all();
}

// --- health

Task<int> TaskRun::check_health(size_t index) {
  const auto& check = *spec_.containers[index].health_check;
  std::string folder = container_directory(index);
  std::vector<std::string> words{setting_.program,
                                 "check",
                                 fmt::format("{}", check.timeout.count()),
                                 fmt::format("{}", supervisor_),
                                 folder + "/check.pid",
                                 setting_.config.runc,
                                 "--root",
                                 setting_.runc_root,
                                 "--log",
                                 folder + "/check.log",
                                 "exec",
                                 "--detach",
                                 "--pid-file",
                                 folder + "/check.pid",
                                 runtime_id(index, state_.progress[index].attempt)};
  if (check.command[0] == "CMD-SHELL") words.insert(words.end(), {"/bin/sh", "-c"});
  words.insert(words.end(), check.command.begin() + 1, check.command.end());
  auto starting = [words] { return start_process(words, Errors::kDiscard); };
  auto started = co_await on_pool(&setting_.pool, starting);
  if (!started) {
    log::error("task {}: health check: {}", spec_.id, started.error().message);
    co_return -1;
  }
  // It ends by its own limit of time.
  Stream pidfd(setting_.executor, started->pidfd.release());
  checks_.insert(&pidfd);
  boost::system::error_code error;
  co_await pidfd.async_wait(Stream::wait_read, asio::redirect_error(use_task, error));
  checks_.erase(&pidfd);
  if (error) co_return -1;  // Suiro ends
  int status = 0;
  if (::waitpid(started->process, &status, 0) != started->process) co_return -1;
  co_return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Task<void> TaskRun::watch_health(size_t index) {
  const auto& check = *spec_.containers[index].health_check;
  auto& report = state_.report.containers[index];
  const auto& progress = state_.progress[index];
  uint32_t failures = 0, attempt = 0;
  while (!closing_ && !progress.finished) {
    if (report.state != ContainerState::kRunning) {
      co_await changed_.wait();
      continue;
    }
    if (attempt != progress.attempt) failures = 0;
    attempt = progress.attempt;
    TimePoint due = setting_.clock.now() + check.interval;
    while (!closing_ && !progress.finished && setting_.clock.now() < due) {
      (void)co_await changed_.wait_until(setting_.clock, due);
    }
    if (closing_ || report.state != ContainerState::kRunning) continue;
    bool starting = setting_.clock.now() < *report.started + check.start_period;
    int status = co_await check_health(index);
    if (closing_ || report.state != ContainerState::kRunning || attempt != progress.attempt) {
      continue;
    }
    failures = status == 0 || starting ? 0 : failures + 1;
    Health health = report.health;
    if (status == 0) health = Health::kHealthy;
    if (failures >= std::max(1U, check.retries)) health = Health::kUnhealthy;
    if (health == report.health) continue;
    report.health = health;
    changed();
  }
}

}  // namespace suiro::container
