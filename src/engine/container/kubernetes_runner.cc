// SPDX-License-Identifier: Apache-2.0
#include "engine/container/kubernetes_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "engine/container/kubernetes_api.h"
#include "engine/container/kubernetes_json.h"
#include "engine/container/kubernetes_task.h"

namespace suiro::container {

namespace {

namespace json = boost::json;
using kubernetes::KubernetesTask;
using StopCode = TaskReport::StopCode;
using TaskPtr = std::shared_ptr<KubernetesTask>;

constexpr Millis kPauseMax = std::chrono::minutes(1);  // between tries; the first is the poll's
constexpr size_t kLogReadsAtOnce = 16;
constexpr uint64_t kSecond = 1'000'000'000;
// What a cluster has is its own business: it lets Pods wait. Limits of [tasks] may be smaller.
constexpr uint32_t kCpuUnits = 1024 * 1024;
constexpr uint32_t kMemoryMb = 16 * 1024 * 1024;

class KubernetesRunner final : public TaskRunner {
 public:
  KubernetesRunner(KubernetesConfig config, Clock& clock)
      : config_(std::move(config)), clock_(clock), api_(config_) {}
  ~KubernetesRunner() override { CHECK(!scope_ || detached_, "a task runner was not detached"); }

  Task<Result<void>> start(Observer* observer) override;
  const RunnerProbe& probe() const override { return probe_; }
  Task<std::optional<std::vector<std::string>>> known() override;
  Task<Result<void>> run(TaskSpec spec) override;
  Task<Result<void>> stop(std::string task_id) override;
  Task<void> forget(std::string task_id) override;
  Task<void> keep_only(std::vector<std::string> task_ids) override;
  Task<void> detach() override;

 private:
  // What the cluster has, by task id.
  struct Seen {
    std::map<std::string, json::value> jobs;
    std::map<std::string, json::value> pods;
  };
  Task<void> loop();
  Task<Result<void>> round();
  Task<Result<Seen>> look();
  void take_up(const Seen& seen);
  Result<void> run_here(TaskSpec spec, std::vector<kubernetes::Part> parts);
  void let_go(const std::string& task_id);
  Task<Result<void>> step(TaskPtr task, const Seen& seen);
  Task<Result<void>> submit(TaskPtr task);
  Task<Result<void>> follow(TaskPtr task, const json::value* pod, const json::value* job);
  Task<Result<void>> take_logs(TaskPtr task, const std::string& pod);
  Task<Result<void>> take_log(TaskPtr task, size_t index, const std::string& pod);
  Task<Result<void>> report(TaskPtr task);
  void wake();

  KubernetesConfig config_;
  Clock& clock_;
  kubernetes::Api api_;
  RunnerProbe probe_;
  Observer* observer_ = nullptr;
  std::optional<Executor> executor_;
  std::optional<TaskScope> scope_;
  std::optional<Signal> news_;
  std::optional<Signal> first_list_;
  std::map<std::string, TaskPtr> tasks_;
  std::set<std::string> leaving_;              // their Jobs are to be deleted
  std::optional<std::set<std::string>> keep_;  // of keep_only(), until the Jobs were listed
  bool listed_ = false;
  bool failing_ = false;
  bool detached_ = false;
};

Task<Result<void>> KubernetesRunner::start(Observer* observer) {
  CHECK(!scope_, "a task runner is started once");
  executor_ = co_await asio::this_coro::executor;
  observer_ = observer;
  scope_.emplace(*executor_);
  news_.emplace(*executor_);
  first_list_.emplace(*executor_);
  probe_.lines.push_back({"containers run in a Kubernetes cluster", true,
                          fmt::format("{}, namespace {}", config_.url, config_.name_space)});
  probe_.cpu_units = kCpuUnits;
  probe_.memory_mb = kMemoryMb;
  scope_->spawn(loop());
  co_return ok();
}

Task<std::optional<std::vector<std::string>>> KubernetesRunner::known() {
  while (!listed_ && !detached_) co_await first_list_->wait();
  if (!listed_) co_return std::nullopt;
  std::vector<std::string> ids;
  for (const auto& [id, task] : tasks_) ids.push_back(id);
  co_return ids;
}

void KubernetesRunner::wake() {
  // Not while the cluster fails: that has its own pauses.
  if (!failing_) news_->notify_all();
}

// --- asked by the service

Result<void> KubernetesRunner::run_here(TaskSpec spec, std::vector<kubernetes::Part> parts) {
  if (tasks_.contains(spec.id)) return ok();
  if (detached_ || leaving_.contains(spec.id)) {
    return fail(codes::kUnavailable, "the runner or an earlier task of this id ends",
                Retry::kLater);
  }
  if (tasks_.size() >= config_.tasks_max) {
    return fail(codes::kThrottled, "too many tasks run", Retry::kLater);
  }
  auto task = std::make_shared<KubernetesTask>(spec.id, std::move(parts));
  task->spec = std::move(spec);
  tasks_[task->report.id] = std::move(task);
  wake();
  return ok();
}

Task<Result<void>> KubernetesRunner::run(TaskSpec spec) {
  CO_TRY(auto parts, kubernetes::plan(spec));
  auto working = [this, spec = std::move(spec),
                  parts = std::move(parts)]() mutable -> Task<Result<void>> {
    co_return run_here(std::move(spec), std::move(parts));
  };
  co_return co_await run_on(*executor_, std::move(working));
}

Task<Result<void>> KubernetesRunner::stop(std::string task_id) {
  auto working = [this, task_id]() -> Task<Result<void>> {
    auto found = tasks_.find(task_id);
    if (found == tasks_.end() && !listed_) {
      co_return fail(codes::kUnavailable, "the cluster has not told yet which tasks it runs",
                     Retry::kLater);
    }
    if (found == tasks_.end()) co_return fail(codes::kNotFound, "no task " + task_id);
    found->second->stop_wanted = true;
    wake();
    co_return ok();
  };
  co_return co_await run_on(*executor_, working);
}

void KubernetesRunner::let_go(const std::string& task_id) {
  auto found = tasks_.find(task_id);
  if (found == tasks_.end()) return;
  found->second->forgotten = true;
  bool may_exist = found->second->submitted || found->second->attempted;
  if (may_exist) leaving_.insert(task_id);
  tasks_.erase(found);
  wake();
}

Task<void> KubernetesRunner::forget(std::string task_id) {
  auto working = [this, task_id]() -> Task<void> {
    let_go(task_id);
    co_return;
  };
  co_await run_on(*executor_, working);
}

Task<void> KubernetesRunner::keep_only(std::vector<std::string> task_ids) {
  auto working = [this,
                  kept = std::set<std::string>(task_ids.begin(), task_ids.end())]() -> Task<void> {
    std::vector<std::string> unwanted;
    for (const auto& [id, task] : tasks_) {
      if (!kept.contains(id)) unwanted.push_back(id);
    }
    for (const auto& id : unwanted) let_go(id);
    if (!listed_) keep_ = kept;
    co_return;
  };
  co_await run_on(*executor_, working);
}

Task<void> KubernetesRunner::detach() {
  if (executor_) {
    co_await run_on(*executor_, [this]() -> Task<void> {
      detached_ = true;
      news_->notify_all();
      first_list_->notify_all();
      api_.close();  // what is asked of the cluster ends with kClosed
      co_await scope_->close();
      tasks_.clear();
    });
  }
}

// --- the loop

Task<void> KubernetesRunner::loop() {
  Millis pause = config_.poll;
  while (!detached_) {
    auto done = co_await round();
    if (detached_) break;
    if (done) {
      if (failing_) log::info("tasks: the Kubernetes cluster answers again");
      pause = config_.poll;
    } else {
      if (!failing_) log::warning("tasks: {}; tried again", done.error().message);
      pause = failing_ ? std::min(pause * 2, kPauseMax) : config_.poll;
    }
    failing_ = !done;
    (void)co_await news_->wait_until(clock_, clock_.now() + pause);
  }
}

Task<Result<KubernetesRunner::Seen>> KubernetesRunner::look() {
  // Jobs first: a Job that is gone has no Pod that comes later.
  CO_TRY(auto jobs, co_await api_.jobs());
  CO_TRY(auto pods, co_await api_.pods());
  Seen seen;
  auto id_of = [](const json::value& item) {
    return kubernetes::text_at(item, {"metadata", "labels", kubernetes::kTaskLabel});
  };
  for (auto& job : jobs) {
    std::string id = id_of(job);
    bool leaving = kubernetes::value_at(job, {"metadata", "deletionTimestamp"}) != nullptr;
    if (!id.empty() && !leaving) seen.jobs[id] = std::move(job);
  }
  for (auto& pod : pods) {
    if (std::string id = id_of(pod); !id.empty()) seen.pods[id] = std::move(pod);
  }
  co_return seen;
}

void KubernetesRunner::take_up(const Seen& seen) {
  for (const auto& [id, job] : seen.jobs) {
    if (tasks_.contains(id)) continue;
    auto parts = kubernetes::parts_of(job);
    if (!parts) log::error("task {}: its Job is damaged: {}", id, parts.error().message);
    if (!parts || (keep_ && !keep_->contains(id))) {
      leaving_.insert(id);
      continue;
    }
    auto task = std::make_shared<KubernetesTask>(id, *std::move(parts));
    task->submitted = task->attempted = true;
    tasks_[id] = std::move(task);
  }
  keep_.reset();
  listed_ = true;
  first_list_->notify_all();
}

Task<Result<void>> KubernetesRunner::round() {
  CO_TRY(Seen seen, co_await look());
  if (!listed_) take_up(seen);
  std::vector<TaskPtr> all;
  for (const auto& [id, task] : tasks_) all.push_back(task);
  Result<void> outcome = ok();
  for (const auto& task : all) {
    if (detached_) co_return ok();
    auto done = co_await step(task, seen);
    if (done) done = co_await report(task);
    if (!done && outcome) outcome = fail(done.error());
  }
  for (const auto& id : std::vector<std::string>(leaving_.begin(), leaving_.end())) {
    CO_TRY_VOID(co_await api_.remove_job(kubernetes::job_name(id)));
    leaving_.erase(id);
  }
  co_return outcome;
}

Task<Result<void>> KubernetesRunner::report(TaskPtr task) {
  if (!task->dirty || task->forgotten || detached_) co_return ok();
  task->dirty = false;
  auto told = co_await observer_->changed(task->report);
  if (!told) task->dirty = true;
  co_return told;
}

// --- one task

Task<Result<void>> KubernetesRunner::step(TaskPtr task, const Seen& seen) {
  if (task->forgotten || task->report.ended()) co_return ok();
  const std::string& id = task->report.id;
  if (task->stop_wanted) {
    task->begin_stop(StopCode::kStopRequested, "Task stopped by request", clock_.now());
  }
  if (!task->submitted) {
    if (!task->stop_wanted) co_return co_await submit(std::move(task));
    if (!task->attempted) {
      task->conclude(clock_.now());
      co_return ok();
    }
    task->submitted = true;  // perhaps: what is deleted may not be there
  }
  auto pod = seen.pods.find(id);
  auto job = seen.jobs.find(id);
  co_return co_await follow(std::move(task), pod == seen.pods.end() ? nullptr : &pod->second,
                            job == seen.jobs.end() ? nullptr : &job->second);
}

Task<Result<void>> KubernetesRunner::submit(TaskPtr task) {
  task->attempted = true;
  auto made = co_await api_.make_job(kubernetes::job_of(task->spec, task->parts, config_));
  if (!made && made.error().retry == Retry::kLater) co_return made;
  // 409: made before, by a request whose answer was lost or by an earlier run of this process.
  if (made || made.error().code == codes::kConditionFailed) {
    task->submitted = true;
    task->spec = {};
    co_return ok();
  }
  std::string reason = "CannotStartContainerError: " + made.error().message;
  for (auto& container : task->report.containers) container.reason = reason;
  task->begin_stop(StopCode::kTaskFailedToStart, reason, clock_.now());
  task->conclude(clock_.now());
  co_return ok();
}

// Why a Job without a Pod will have none: its condition Failed.
std::string failed_job(const json::value& job) {
  for (const auto& condition : kubernetes::list_at(job, {"status", "conditions"})) {
    bool failed = kubernetes::text_at(condition, {"type"}) == "Failed" &&
                  kubernetes::text_at(condition, {"status"}) == "True";
    if (failed) {
      return fmt::format("{}: {}", kubernetes::text_at(condition, {"reason"}),
                         kubernetes::text_at(condition, {"message"}));
    }
  }
  return {};
}

Task<Result<void>> KubernetesRunner::follow(TaskPtr task, const json::value* pod,
                                            const json::value* job) {
  TimePoint now = clock_.now();
  if (pod == nullptr) {
    std::string failed = job == nullptr ? "the Job was deleted in the cluster" : failed_job(*job);
    if (failed.empty() && !task->report.stopping) co_return ok();  // it will come
    if (!task->removed && job != nullptr && failed.empty()) {
      CO_TRY_VOID(co_await api_.remove_job(kubernetes::job_name(task->report.id)));
      task->removed = true;
      co_return ok();  // a Pod may have been made meanwhile
    }
    task->begin_stop(StopCode::kTerminationNotice, failed, now);
    task->conclude(now);
    co_return ok();
  }
  if (kubernetes::apply(*pod, task->parts, task->report)) task->dirty = true;
  auto view = kubernetes::view_of(*pod);
  CO_TRY_VOID(co_await take_logs(task, view.name));
  task->judge(&view, now);
  bool over = view.phase == kubernetes::PodPhase::kEnded || task->all_stopped();
  if (over && task->logs_done()) {
    if (!task->report.stopping && !task->all_stopped()) {
      task->begin_stop(StopCode::kTerminationNotice, "the Pod ended", now);
    }
    task->conclude(now);
  } else if (task->report.stopping && !task->removed && !over) {
    CO_TRY_VOID(co_await api_.remove_job(kubernetes::job_name(task->report.id)));
    task->removed = true;
  }
  co_return ok();
}

// --- output

Task<Result<void>> KubernetesRunner::take_logs(TaskPtr task, const std::string& pod) {
  for (size_t i = 0; i < task->parts.size(); ++i) {
    const auto& container = task->report.containers[i];
    bool stopped = container.state == ContainerState::kStopped;
    if (stopped && !container.started) task->logs[i].done = true;
    if (task->logs[i].done || !container.started) continue;
    CO_TRY_VOID(co_await take_log(task, i, pod));
  }
  co_return ok();
}

Task<Result<void>> KubernetesRunner::take_log(TaskPtr task, size_t index, const std::string& pod) {
  auto& state = task->logs[index];
  const std::string& name = task->parts[index].name;
  if (!state.position) {
    CO_TRY(state.position, co_await observer_->resume_at(task->report.id, name));
  }
  bool stopped = task->report.containers[index].state == ContainerState::kStopped;
  for (size_t read = 0; read < kLogReadsAtOnce && !task->forgotten && !detached_; ++read) {
    uint64_t from = *state.position;
    CO_TRY(std::string text,
           co_await api_.log(pod, task->parts[index].as, kubernetes::since_of(from)));
    bool cut = text.size() >= kubernetes::kLogBytes;
    auto last = stopped && !cut ? kubernetes::Last::kYes : kubernetes::Last::kNo;
    auto piece = kubernetes::read_log(text, from, last);
    if (!piece.lines.empty()) {
      CO_TRY_VOID(co_await observer_->write(
          {task->report.id, name, from, piece.to, std::move(piece.lines)}));
      state.position = piece.to;
    } else if (cut) {
      // More in two seconds than a request gives: times are the only way to ask for what follows.
      if (!std::exchange(state.told_lost, true)) {
        log::warning("task {}: {} writes faster than its log can be read: lines are lost",
                     task->report.id, name);
      }
      state.position = from + kSecond;
    }
    if (!cut) {
      state.done = stopped;
      co_return ok();
    }
  }
  co_return ok();
}

}  // namespace

std::unique_ptr<TaskRunner> make_kubernetes_runner(KubernetesConfig config, Clock& clock) {
  return std::make_unique<KubernetesRunner>(std::move(config), clock);
}

}  // namespace suiro::container
