// SPDX-License-Identifier: Apache-2.0
#include "engine/container/task_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/blocking.h"
#include "base/log.h"

namespace suiro::container {

namespace {

constexpr Millis kObserverPause{1000};

// Written aside and renamed; synced where it must outlive the machine's crash.
enum class Sync { kNo, kYes };
Result<void> write_whole(const std::string& path, ByteView bytes, Sync sync) {
  std::string aside = path + ".new";
  sandbox::Descriptor file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file ||
      ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return fail(sandbox::errno_error("write " + aside));
  }
  if (sync == Sync::kYes && ::fsync(file.get()) != 0) {
    return fail(sandbox::errno_error("sync " + aside));
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    return fail(sandbox::errno_error("rename " + aside));
  }
  return ok();
}

Result<void> sync_folder(const std::string& path) {
  sandbox::Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return fail(sandbox::errno_error("sync " + path));
  return ok();
}

}  // namespace

TaskRun::TaskRun(TaskSetting& setting, TaskSpec spec, TaskState state)
    : setting_(setting),
      spec_(std::move(spec)),
      state_(std::move(state)),
      scope_(setting.executor),
      changed_(setting.executor) {}

TaskRun::~TaskRun() = default;

Result<void> TaskRun::record(const std::string& directory, const TaskSpec& spec,
                             const TaskState& state) {
  TRY_VOID(sandbox::make_directory(directory, 0700));
  TRY_VOID(write_whole(directory + "/state", encode_state(state), Sync::kNo));
  return write_whole(directory + "/spec", encode_spec(spec), Sync::kNo);
}

Result<void> TaskRun::sync(const std::string& directory) {
  sandbox::Descriptor spec(::open((directory + "/spec").c_str(), O_RDONLY | O_CLOEXEC));
  if (!spec || ::fsync(spec.get()) != 0) return fail(sandbox::errno_error("sync " + directory));
  TRY_VOID(sync_folder(directory));
  return sync_folder(std::filesystem::path(directory).parent_path().string());
}

void TaskRun::start() {
  scope_.spawn(report());
  scope_.spawn(run());
}

void TaskRun::changed() {
  dirty_ = true;
  changed_.notify_all();
}

Task<void> TaskRun::pause(Millis time) {
  TimePoint until = setting_.clock.now() + time;
  while (!closing_ && setting_.clock.now() < until) {
    (void)co_await changed_.wait_until(setting_.clock, until);
  }
}

Task<void> TaskRun::save() {
  uint64_t wanted = ++version_;
  while (saving_) co_await changed_.wait();
  if (saved_version_ >= wanted) co_return;
  saving_ = true;
  uint64_t written = version_;
  auto sync = state_.phase == Phase::kEnded ? Sync::kYes : Sync::kNo;
  auto writing = [path = directory() + "/state", bytes = encode_state(state_), sync] {
    return write_whole(path, bytes, sync);
  };
  auto done = co_await on_pool(&setting_.pool, std::move(writing));
  if (!done) log::error("task {}: {}", spec_.id, done.error().message);
  saving_ = false;
  saved_version_ = written;
  changed_.notify_all();
}

Task<void> TaskRun::report() {
  while (!closing_) {
    if (!dirty_) {
      co_await changed_.wait();
      continue;
    }
    dirty_ = false;
    co_await save();
    auto taken = co_await setting_.observer->changed(state_.report);
    if (taken) continue;
    log::warning("task {}: report not taken: {}", spec_.id, taken.error().message);
    dirty_ = true;
    co_await pause(kObserverPause);
  }
}

Task<void> TaskRun::run() {
  if (state_.phase == Phase::kEnded) {
    changed();
    co_return;
  }
  bool supervised = false;
  if (state_.phase == Phase::kPreparing) {
    supervised = co_await prepare();
  } else if (co_await find_images()) {
    supervised = co_await connect();
  }
  if (closing_) co_return;
  if (!supervised && state_.phase == Phase::kPreparing) {
    for (size_t i = 0; i < spec_.containers.size(); ++i) finish(i);
    outputs_done_ = spec_.containers.size();
  } else {
    if (!supervised) co_await lose_supervisor();
    bool stopping = state_.report.stopping.has_value();
    if (state_.stop_requested && !stopping) stop();
    if (stopping) spawn_stoppers();
    for (size_t i = 0; i < spec_.containers.size(); ++i) {
      scope_.spawn(run_container(i));
      scope_.spawn(pump_output(i));
      if (spec_.containers[i].health_check) scope_.spawn(watch_health(i));
    }
  }
  changed();
  while (!closing_ && !(all_finished() && outputs_done_ == spec_.containers.size())) {
    co_await changed_.wait();
  }
  if (!closing_) co_await conclude();
}

Task<void> TaskRun::conclude() {
  auto& report = state_.report;
  TimePoint last = report.stopping.value_or(TimePoint{});
  for (auto& container : report.containers) {
    if (container.stopped && *container.stopped > last) last = *container.stopped;
  }
  report.execution_stopped = last == TimePoint{} ? setting_.clock.now() : last;
  if (report.stop_code == TaskReport::StopCode::kNone) {
    report.stop_code = TaskReport::StopCode::kEssentialContainerExited;
    report.stopped_reason = "Essential container in task exited";
  }
  state_.phase = Phase::kEnded;
  stop_endpoint();
  quitting_ = true;
  (void)send_command(directory(), "quit");
  changed();
  co_return;
}

void TaskRun::stop() {
  if (state_.phase == Phase::kEnded) return;
  state_.stop_requested = true;
  begin_stop(TaskReport::StopCode::kStopRequested, "Task stopped by request");
}

Task<void> TaskRun::detach() {
  closing_ = true;
  changed_.notify_all();
  boost::system::error_code ignored;
  if (pidfd_) pidfd_->cancel(ignored);
  for (Stream* check : checks_) check->cancel(ignored);
  co_await scope_.close();
  stop_endpoint();
  for (int watch : watches_) setting_.watch.remove(watch);
  watches_.clear();
}

Task<void> TaskRun::destroy() {
  auto ending = [this]() -> Result<void> {
    std::string directory = this->directory();
    std::error_code error;
    if (std::filesystem::exists(directory, error)) {
      TRY(auto lock, claim_task(directory));
    }
    auto result = setting_.groups.remove(spec_.id);
    for (size_t i = 0; i < spec_.containers.size(); ++i) {
      for (uint32_t attempt = 1; attempt <= state_.progress[i].attempt; ++attempt) {
        std::filesystem::remove_all(setting_.runc_root + "/" + runtime_id(i, attempt), error);
      }
    }
    std::filesystem::remove_all(directory, error);
    if (error) return fail(codes::kInternal, "remove " + directory + ": " + error.message());
    return result;
  };
  if (auto ended = co_await on_pool(&setting_.pool, ending); !ended) {
    log::error("task {}: {}", spec_.id, ended.error().message);
  }
  for (size_t i = 0; i < spec_.containers.size(); ++i) {
    if (auto released = co_await setting_.images.release(holder(i)); !released) {
      log::error("task {}: {}", spec_.id, released.error().message);
    }
  }
}

}  // namespace suiro::container
