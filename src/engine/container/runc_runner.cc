// SPDX-License-Identifier: Apache-2.0
#include "engine/container/runc_runner.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <set>

#include "base/blocking.h"
#include "base/check.h"
#include "base/log.h"
#include "base/shard.h"
#include "engine/container/embedded.h"
#include "engine/container/runc_probe.h"
#include "engine/container/task_run.h"

namespace suiro::container {

namespace {

constexpr size_t kThreads = 4;
constexpr size_t kFoundMax = 100'000;

bool is_id(const std::string& name) {
  return name.size() == 32 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

class RuncRunner final : public TaskRunner {
 public:
  RuncRunner(RuncConfig config, image::ImageCache& images, Clock& clock)
      : config_(std::move(config)), images_(images), clock_(clock), pool_(kThreads) {}
  ~RuncRunner() override { CHECK(!scope_ || detached_, "a task runner was not detached"); }

  Task<Result<void>> start(Observer* observer) override;
  const RunnerProbe& probe() const override { return probe_; }
  Task<void> probed(TimePoint until) override;
  Task<std::optional<std::vector<std::string>>> known() override;
  Task<Result<void>> run(TaskSpec spec) override;
  Task<Result<void>> stop(std::string task_id) override;
  Task<void> forget(std::string task_id) override;
  Task<void> keep_only(std::vector<std::string> task_ids) override;
  Task<void> detach() override;

 private:
  struct Found {
    TaskSpec spec;
    TaskState state;
  };
  Result<void> prepare();
  Task<void> try_machine();
  std::string pick_stage() const;
  std::vector<Found> find_tasks();
  void sweep(const std::string& folder);
  Task<Result<void>> run_here(TaskSpec spec);
  Result<uint32_t> pick_ids(const TaskSpec& spec);
  void release_ids(uint32_t base);
  void let_go(const std::string& task_id);
  Task<void> take_away(std::shared_ptr<TaskRun> task);
  Task<void> release_strangers();

  RuncConfig config_;
  image::ImageCache& images_;
  Clock& clock_;
  asio::thread_pool pool_;
  RunnerProbe probe_;
  std::optional<Signal> probe_changed_;
  std::atomic<bool> probe_unwanted_ = false;
  bool user_namespaces_ = false;
  std::optional<Executor> executor_;
  std::optional<TaskScope> scope_;
  std::optional<TaskDisks> disks_;
  std::optional<FolderWatch> watch_;
  std::optional<TaskSetting> setting_;
  std::map<std::string, std::shared_ptr<TaskRun>> tasks_;
  std::set<std::string> arriving_;
  std::set<std::string> leaving_;
  // First user ids of the tasks that are here, arrive or leave; two found ones may share one.
  std::multiset<uint32_t> ids_taken_;
  bool detached_ = false;
};

// --- start

// An existing folder that hides nothing that tasks need, once something is mounted on it.
std::string RuncRunner::pick_stage() const {
  for (std::string candidate : {"/mnt", "/media", "/srv", "/opt"}) {
    struct stat status{};
    if (::stat(candidate.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    std::string inside = candidate + "/";
    if (config_.run_directory.starts_with(inside) || config_.runc.starts_with(inside)) continue;
    return candidate;
  }
  return {};
}

Result<void> RuncRunner::prepare() {
  std::string root = std::filesystem::absolute(config_.run_directory).lexically_normal().string();
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  config_.run_directory = root;
  for (const char* name : {"", "/bin", "/tasks", "/runc", "/disks"}) {
    TRY_VOID(sandbox::make_directory(root + name, 0700));
  }
  setting_->program = root + "/bin/supervisor";
  for (const auto& file : embedded_files()) {
    // Running supervisors keep the file that they were started from.
    std::string aside = setting_->program + ".new";
    TRY_VOID(sandbox::write_file(aside, file.bytes, 0755));
    std::error_code error;
    std::filesystem::rename(aside, setting_->program, error);
    if (error) return fail(codes::kInternal, "write " + setting_->program + error.message());
  }
  config_.runc = find_program({config_.runc, "/usr/sbin/runc", "/usr/bin/runc",
                               "/usr/local/sbin/runc", "/usr/local/bin/runc"});
  config_.mkfs = find_program({config_.mkfs, "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"});
  setting_->config = config_;
  setting_->runc_root = root + "/runc";
  setting_->tasks_directory = root + "/tasks";
  setting_->boot = boot_id();
  setting_->groups = TaskGroups::open(config_.instance);
  setting_->stage = pick_stage();
  disks_.emplace(root + "/disks", root + "/tasks", config_.mkfs);
  probe_ = look_at_machine(config_);
  if (setting_->stage.empty()) {
    probe_.pending = false;
    probe_.refusal = "container tasks need a folder to mount things on: /mnt, /media, /srv or /opt";
  }
  return ok();
}

Task<void> RuncRunner::try_machine() {
  auto trying = [this] {
    std::string trial = config_.run_directory + "/probe";
    sweep(trial);
    return probe_runc(*setting_, trial, probe_unwanted_);
  };
  auto result = co_await on_pool(&pool_, trying);
  if (probe_unwanted_) co_return;
  probe_ = std::move(result.probe);
  user_namespaces_ = result.user_namespaces;
  if (!probe_.refusal.empty()) log::warning("{}", probe_.refusal);
  probe_changed_->notify_all();
}

Task<void> RuncRunner::probed(TimePoint until) {
  while (probe_.pending && !detached_ && clock_.now() < until) {
    (void)co_await probe_changed_->wait_until(clock_, until);
  }
}

Task<std::optional<std::vector<std::string>>> RuncRunner::known() {
  std::vector<std::string> ids;
  for (const auto& [id, task] : tasks_) ids.push_back(id);
  co_return ids;
}

// Takes away what stands in a folder that is no task's.
void RuncRunner::sweep(const std::string& folder) {
  if (std::error_code none; !std::filesystem::exists(folder, none)) return;
  auto lock = claim_task(folder);
  if (!lock) log::error("{}: {}", folder, lock.error().message);
  auto name = std::filesystem::path(folder).filename().string();
  if (is_id(name)) (void)setting_->groups.remove(name);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

std::vector<RuncRunner::Found> RuncRunner::find_tasks() {
  std::vector<Found> found;
  std::vector<std::string> strays;
  std::error_code error;
  for (std::filesystem::directory_iterator at(setting_->tasks_directory, error), end;
       !error && at != end && found.size() < kFoundMax; at.increment(error)) {
    std::string folder = at->path().string();
    auto spec_bytes = sandbox::read_small_file(folder + "/spec");
    auto spec = spec_bytes ? decode_spec(*spec_bytes) : fail(spec_bytes.error());
    if (!spec || spec->id != at->path().filename()) {
      // Suiro was killed before run() had answered, or it is nothing of ours.
      strays.push_back(folder);
      continue;
    }
    auto state_bytes = sandbox::read_small_file(folder + "/state");
    auto state = state_bytes ? decode_state(*state_bytes) : fail(state_bytes.error());
    if (!state || state->progress.size() != spec->containers.size()) {
      log::error("task {}: its state is damaged; it is reported as lost", spec->id);
      state = TaskState{};
      state->phase = Phase::kSupervised;
      state->report.id = spec->id;
      for (const auto& container : spec->containers) {
        state->report.containers.push_back({.name = container.name});
        state->progress.push_back({.attempt = 1});
      }
    }
    found.push_back({std::move(*spec), std::move(*state)});
  }
  for (const auto& folder : strays) sweep(folder);
  return found;
}

Task<Result<void>> RuncRunner::start(Observer* observer) {
  CHECK(!scope_, "a task runner is started once");
  executor_ = co_await asio::this_coro::executor;
  probe_changed_.emplace(*executor_);
  scope_.emplace(*executor_);
  watch_.emplace(*executor_);
  disks_.emplace("", "", "");
  setting_.emplace(TaskSetting{config_, images_, clock_, pool_, *disks_, *watch_, *executor_,
                               observer, TaskGroups{}, "", "", "", "", ""});
  auto preparing = [this] { return prepare(); };
  CO_TRY_VOID(co_await on_pool(&pool_, preparing));
  CO_TRY_VOID(watch_->start(*scope_));
  auto finding = [this] { return find_tasks(); };
  for (auto& found : co_await on_pool(&pool_, finding)) {
    std::string id = found.spec.id;
    ids_taken_.insert(found.state.id_base);
    tasks_[id] =
        std::make_shared<TaskRun>(*setting_, std::move(found.spec), std::move(found.state));
  }
  for (auto& [id, task] : tasks_) task->start();
  if (probe_.pending) scope_->spawn(try_machine());
  co_return ok();
}

// --- tasks

// Takes them until release_ids(). 0: the machine's own, which may be shared.
Result<uint32_t> RuncRunner::pick_ids(const TaskSpec& spec) {
  bool privileged = std::ranges::any_of(spec.containers, &ContainerSpec::privileged);
  if (!user_namespaces_ || privileged) return *ids_taken_.insert(0);
  uint32_t slot = static_cast<uint32_t>(stable_hash(spec.id) % kIdBases);
  for (uint32_t i = 0; i < kIdBases; ++i) {
    uint32_t base = kIdBaseFirst + (slot + i) % kIdBases * kIdsOfTask;
    if (!ids_taken_.contains(base)) return *ids_taken_.insert(base);
  }
  return fail(codes::kThrottled, "no user ids are left for a task", Retry::kLater);
}

void RuncRunner::release_ids(uint32_t base) {
  auto taken = ids_taken_.find(base);
  CHECK(taken != ids_taken_.end(), "user ids are released once");
  ids_taken_.erase(taken);
}

Task<Result<void>> RuncRunner::run_here(TaskSpec spec) {
  if (tasks_.contains(spec.id) || arriving_.contains(spec.id)) co_return ok();
  if (detached_ || leaving_.contains(spec.id)) {
    co_return fail(codes::kUnavailable, "the runner or an earlier task of this id ends",
                   Retry::kLater);
  }
  if (tasks_.size() + arriving_.size() >= config_.tasks_max) {
    co_return fail(codes::kThrottled, "too many tasks run", Retry::kLater);
  }
  TaskState state;
  CO_TRY(state.id_base, pick_ids(spec));
  state.report.id = spec.id;
  for (const auto& container : spec.containers) {
    state.report.containers.push_back({.name = container.name});
  }
  state.progress.resize(spec.containers.size());
  arriving_.insert(spec.id);
  auto writing = [folder = setting_->tasks_directory + "/" + spec.id, &spec, &state] {
    return TaskRun::record(folder, spec, state);
  };
  auto written = co_await on_pool(&pool_, writing);
  arriving_.erase(spec.id);
  if (!written) {
    release_ids(state.id_base);
    co_return fail(written.error());
  }
  if (detached_) {
    // The pool may be gone. The next start finds the task's folder.
    co_return fail(codes::kUnavailable, "the runner ends", Retry::kLater);
  }
  std::string id = spec.id;
  auto task = std::make_shared<TaskRun>(*setting_, std::move(spec), std::move(state));
  tasks_[id] = task;
  task->start();
  // While it starts: a crash of the machine would end it anyway. Nobody is told before it is there.
  auto syncing = [folder = setting_->tasks_directory + "/" + id] { return TaskRun::sync(folder); };
  co_return co_await on_pool(&pool_, syncing);
}

Task<Result<void>> RuncRunner::run(TaskSpec spec) {
  CO_TRY_VOID(check_spec(spec, config_.allowances));
  auto working = [this, spec = std::move(spec)]() mutable -> Task<Result<void>> {
    // It ends by its own limits of time.
    while (probe_.pending && !detached_) co_await probe_changed_->wait();
    if (!probe_.refusal.empty()) co_return fail(codes::kUnavailable, probe_.refusal);
    co_return co_await run_here(std::move(spec));
  };
  co_return co_await run_on(*executor_, std::move(working));
}

Task<Result<void>> RuncRunner::stop(std::string task_id) {
  auto working = [this, task_id]() -> Task<Result<void>> {
    auto found = tasks_.find(task_id);
    if (found == tasks_.end()) co_return fail(codes::kNotFound, "no task " + task_id);
    found->second->stop();
    co_return ok();
  };
  co_return co_await run_on(*executor_, working);
}

void RuncRunner::let_go(const std::string& task_id) {
  // Once it lets go, keep_only() of the next start takes away what was left.
  if (detached_) return;
  auto found = tasks_.find(task_id);
  if (found == tasks_.end()) return;
  leaving_.insert(task_id);
  auto task = std::move(found->second);
  tasks_.erase(found);
  // Not awaited: the caller may stand in a report of this very task.
  scope_->spawn(take_away(std::move(task)));
}

Task<void> RuncRunner::take_away(std::shared_ptr<TaskRun> task) {
  std::string id = task->state().report.id;
  co_await task->detach();
  co_await task->destroy();
  release_ids(task->state().id_base);
  leaving_.erase(id);
}

Task<void> RuncRunner::forget(std::string task_id) {
  auto working = [this, task_id]() -> Task<void> {
    let_go(task_id);
    co_return;
  };
  co_await run_on(*executor_, working);
}

Task<void> RuncRunner::release_strangers() {
  auto holders = co_await images_.holders();
  if (!holders) co_return;
  for (const auto& holder : *holders) {
    std::string id = holder.substr(0, holder.find('/'));
    bool known = tasks_.contains(id) || arriving_.contains(id) || leaving_.contains(id);
    if (known || !is_id(id)) continue;
    if (auto released = co_await images_.release(holder); !released) {
      log::warning("image of task {}: {}", id, released.error().message);
    }
  }
}

Task<void> RuncRunner::keep_only(std::vector<std::string> task_ids) {
  auto working = [this,
                  kept = std::set<std::string>(task_ids.begin(), task_ids.end())]() -> Task<void> {
    std::vector<std::string> unwanted;
    for (const auto& [id, task] : tasks_) {
      if (!kept.contains(id)) unwanted.push_back(id);
    }
    for (const auto& id : unwanted) let_go(id);
    co_await release_strangers();
  };
  co_await run_on(*executor_, working);
}

Task<void> RuncRunner::detach() {
  auto working = [this]() -> Task<void> {
    detached_ = true;
    probe_unwanted_ = true;
    if (probe_changed_) probe_changed_->notify_all();
    // run() may add to them meanwhile.
    std::vector<std::shared_ptr<TaskRun>> tasks;
    for (const auto& [id, task] : tasks_) tasks.push_back(task);
    for (const auto& task : tasks) co_await task->detach();
    if (watch_) watch_->stop();
    if (scope_) co_await scope_->close();
    tasks_.clear();
    if (setting_) setting_->groups.close();
  };
  if (executor_) co_await run_on(*executor_, working);
  pool_.join();
}

}  // namespace

std::unique_ptr<TaskRunner> make_runc_runner(RuncConfig config, image::ImageCache& images,
                                             Clock& clock) {
  return std::make_unique<RuncRunner>(std::move(config), images, clock);
}

}  // namespace suiro::container
