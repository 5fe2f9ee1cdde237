// SPDX-License-Identifier: Apache-2.0
// A tasks service over virtual time, a store that can crash, and a machine on which containers do
// what a test says, for tests.
#pragma once

#include <gtest/gtest.h>

#include "kernel/event/testing.h"
#include "services/ecs/service.h"
#include "services/ecs/storage.h"

namespace suiro::ecs {

// The machine: it outlives restarts of the service, as processes do.
class FakeRunner final : public container::TaskRunner {
 public:
  struct Job {
    container::TaskSpec spec;
    container::TaskReport report;
    std::map<std::string, std::vector<container::OutputLine>> output;
    bool stop_wanted = false;
  };

  FakeRunner() {
    probe_.cpu_units = 2048;
    probe_.memory_mb = 4096;
  }

  Task<Result<void>> start(container::Observer* observer) override {
    observer_ = observer;
    std::vector<std::string> ids;
    for (const auto& [id, job] : jobs) ids.push_back(id);
    if (quiet_start) co_return ok();
    for (const auto& id : ids) {
      // A store that is busy or gone: the runner would ask again.
      static_cast<void>(co_await tell(id));
    }
    co_return ok();
  }
  const container::RunnerProbe& probe() const override { return probe_; }
  Task<void> probed(TimePoint until) override {
    probed_ = std::make_unique<Signal>(co_await asio::this_coro::executor);
    if (probe_.pending) (void)co_await probed_->wait_until(*clock, until);
  }
  Task<std::optional<std::vector<std::string>>> known() override {
    std::vector<std::string> ids;
    for (const auto& [id, job] : jobs) ids.push_back(id);
    co_return ids;
  }
  Task<Result<void>> run(container::TaskSpec spec) override {
    ++asked[spec.id];
    if (!run_error.empty()) co_return fail(codes::kInvalidArgument, run_error);
    if (run_failure) co_return fail(*run_failure);
    if (hold_runs) {
      held_ = std::make_unique<Signal>(co_await asio::this_coro::executor);
      co_await held_->wait();
      co_return fail(codes::kUnavailable, "the runner ends", Retry::kLater);
    }
    if (jobs.contains(spec.id)) co_return ok();
    ++starts[spec.id];
    order.push_back(spec.id);
    Job& job = jobs[spec.id];
    job.report.id = spec.id;
    for (const auto& container : spec.containers) {
      job.report.containers.emplace_back().name = container.name;
    }
    job.spec = std::move(spec);
    co_return ok();
  }
  Task<Result<void>> stop(std::string id) override {
    auto job = jobs.find(id);
    if (job == jobs.end() || observer_ == nullptr) co_return fail(codes::kNotFound, "no such task");
    job->second.stop_wanted = true;
    co_return ok();
  }
  Task<void> forget(std::string id) override {
    jobs.erase(id);
    co_return;
  }
  Task<void> keep_only(std::vector<std::string> ids) override {
    std::erase_if(jobs, [&](const auto& row) {
      return std::find(ids.begin(), ids.end(), row.first) == ids.end();
    });
    co_return;
  }
  Task<void> detach() override {
    observer_ = nullptr;
    if (held_) held_->notify_all();
    // Who was refused goes on before this ends.
    auto executor = co_await asio::this_coro::executor;
    for (int i = 0; i < 10; ++i) co_await asio::post(executor, use_task);
  }

  void end_probe() {
    probe_.pending = false;
    probed_->notify_all();
  }
  // Without waiting for what follows.
  std::future<Result<void>> tell_at_once(Executor executor, std::string id) {
    return asio::co_spawn(executor, tell(std::move(id)), asio::use_future);
  }
  // What a container wrote and how the task stands, as the real one hands it over.
  Task<Result<void>> tell(std::string id) {
    auto found = jobs.find(id);
    if (found == jobs.end() || observer_ == nullptr) co_return ok();
    for (const auto& [container, lines] : found->second.output) {
      CO_TRY(uint64_t from, co_await observer_->resume_at(id, container));
      if (from >= lines.size()) continue;
      container::Output output{id, container, from, lines.size(), {}};
      output.lines.assign(lines.begin() + static_cast<ptrdiff_t>(from), lines.end());
      CO_TRY_VOID(co_await observer_->write(std::move(output)));
    }
    found = jobs.find(id);
    if (found == jobs.end() || observer_ == nullptr) co_return ok();
    co_return co_await observer_->changed(found->second.report);
  }
  void begin(const std::string& id, TimePoint now) {
    Job& job = jobs.at(id);
    for (auto& container : job.report.containers) {
      container.state = container::ContainerState::kRunning;
      container.image_digest = "sha256:abc";
      container.started = now;
    }
    job.report.pull_started = job.report.pull_stopped = job.report.started = now;
  }
  void end(const std::string& id, int exit_code, TimePoint now) {
    Job& job = jobs.at(id);
    for (auto& container : job.report.containers) {
      container.state = container::ContainerState::kStopped;
      container.exit_code = exit_code;
      container.stopped = now;
    }
    job.report.execution_stopped = job.report.stopping = now;
    using Code = container::TaskReport::StopCode;
    job.report.stop_code = job.stop_wanted ? Code::kStopRequested : Code::kEssentialContainerExited;
    job.report.stopped_reason = "Essential container in task exited";
  }
  // Without a start: as when an image is not there.
  void fail_start(const std::string& id, std::string reason, TimePoint now) {
    Job& job = jobs.at(id);
    job.report.containers.front().state = container::ContainerState::kStopped;
    job.report.containers.front().reason = reason;
    job.report.execution_stopped = now;
    job.report.stop_code = container::TaskReport::StopCode::kTaskFailedToStart;
    job.report.stopped_reason = std::move(reason);
  }

  std::map<std::string, Job> jobs;
  std::map<std::string, int> starts;
  std::map<std::string, int> asked;  // calls of run()
  std::vector<std::string> order;
  std::string run_error;
  std::optional<Error> run_failure;
  bool hold_runs = false;    // run() answers when the runner lets go
  bool quiet_start = false;  // nothing is reported before a test tells it
  container::RunnerProbe probe_;
  Clock* clock = nullptr;

 private:
  container::Observer* observer_ = nullptr;
  std::unique_ptr<Signal> held_;
  std::unique_ptr<Signal> probed_;
};

// Keeps lines in the store, under a key of its own.
class FakeSink final : public event::LogSink {
 public:
  explicit FakeSink(store::Store& store) : store_(store) {}
  static store::Key prefix() { return {'o', 'T'}; }
  void append(std::string, std::string, std::vector<event::LogLine>) override {}
  Task<Result<void>> write(std::string group, std::string stream, std::vector<event::LogLine> lines,
                           store::Batch also) override {
    for (auto& line : lines) also.append(prefix(), group + "|" + stream + "|" + line.message);
    auto done = co_await store_.commit(std::move(also));
    if (!done) co_return fail(std::move(done).error());
    co_return ok();
  }

 private:
  store::Store& store_;
};

class EcsTest : public ::testing::Test {
 protected:
  explicit EcsTest(Config config = {}) : config_(std::move(config)) {
    config_.runner = &runner_;
    runner_.clock = &sim_.clock();
    open();
  }
  ~EcsTest() override { close(); }

  static constexpr auto kSecond = std::chrono::seconds(1);

  void open() {
    sink_ = std::make_unique<FakeSink>(sim_.store());
    sim_.kernel().logs = sink_.get();
    service_ = std::make_unique<Service>(sim_.kernel(), config_);
    sim_.kernel().targets.add_target("ecs", service_->target());
    auto started = sim_.run(service_->start());
    CHECK(started, started ? "" : started.error().message);
    sim_.start();
  }
  void close() {
    sim_.stop();
    auto stopped = sim_.spawn(service_->stop());
    for (int i = 0; i < 100 && !event::SimKernel::is_ready(stopped); ++i) sim_.advance(kSecond);
    service_.reset();
  }
  // As after kill -9: what was committed is there, containers went on.
  void restart() {
    sim_.crash();
    close();
    sim_.reopen();
    open();
    sim_.advance(kSecond);
  }

  Logic& logic() { return service_->logic(); }
  TimePoint now() { return sim_.clock().now(); }
  template <class T>
  static std::string code(const Result<T>& result) {
    return result ? "ok" : result.error().code;
  }
  template <class T>
  static std::string text(const Result<T>& result) {
    return result ? "ok" : result.error().message;
  }

  static shape::RegisterTaskDefinitionRequest definition(std::string family, int32_t cpu = 256,
                                                         int32_t memory = 512) {
    shape::RegisterTaskDefinitionRequest in;
    in.family = std::move(family);
    shape::ContainerDefinition& container = in.container_definitions.emplace_back();
    container.name = "main";
    container.image = "busybox";
    container.cpu = cpu;
    container.memory = memory;
    return in;
  }
  Result<Definition> register_definition(shape::RegisterTaskDefinitionRequest in) {
    return sim_.run(logic().definitions().add(std::move(in), "arn:test"));
  }
  Result<shape::RunTaskResponse> run(shape::RunTaskRequest in) {
    return sim_.run(logic().run_task(std::move(in), {}));
  }
  Result<shape::RunTaskResponse> run(std::string definition, int32_t count = 1) {
    shape::RunTaskRequest in;
    in.task_definition = std::move(definition);
    in.count = count;
    return run(std::move(in));
  }
  std::string run_one(std::string definition) {
    auto answer = run(std::move(definition));
    CHECK(answer, answer ? "" : answer.error().message);
    CHECK(answer->tasks->size() == 1);
    return task_id(*answer->tasks->front().task_arn);
  }
  void tell(const std::string& id) {
    auto done = sim_.spawn(runner_.tell(id));
    for (int i = 0; i < 10 && !event::SimKernel::is_ready(done); ++i) sim_.advance(kSecond);
    CHECK(event::SimKernel::is_ready(done));
    static_cast<void>(done.get());
  }
  void begin(const std::string& id) {
    runner_.begin(id, now());
    tell(id);
  }
  void end(const std::string& id, int exit_code = 0) {
    runner_.end(id, exit_code, now());
    tell(id);
  }
  shape::Task describe(const std::string& id) {
    auto found = sim_.run(logic().tasks().find(id));
    CHECK(found && *found, "the task is not there");
    return (*found)->task;
  }
  event::Run run_record(const std::string& id) {
    auto found = sim_.run(sim_.kernel().runs.find(id));
    CHECK(found, found ? "" : found.error().message);
    return *found;
  }
  std::vector<std::string> lines() {
    auto page = sim_.run(sim_.store().scan({.range = store::KeyRange::prefix(FakeSink::prefix())}));
    CHECK(page);
    std::vector<std::string> out;
    for (const auto& entry : page->entries) out.push_back(entry.value);
    return out;
  }
  // Tasks that wait or run.
  size_t live() { return logic().tasks().live().size(); }

  Config config_;
  event::SimKernel sim_;
  FakeRunner runner_;
  std::unique_ptr<FakeSink> sink_;
  std::unique_ptr<Service> service_;
};

}  // namespace suiro::ecs
