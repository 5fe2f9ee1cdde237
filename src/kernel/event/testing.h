// SPDX-License-Identifier: Apache-2.0
// Kernels for tests, over a store in a temporary directory.
//
// SimKernel: virtual time, seeded dice, N shards that the calling thread polls: whatever can run,
// runs inside run(), settle() and advance(). RealKernel: real time, threads, group commit.
//
//   SimKernel sim;                              RealKernel real;
//   Service queues(sim.kernel(), {});
//   sim.kernel().targets.add_target("sqs", queues.target());
//   sim.run(queues.start());
//   sim.start();                                real.start();
//   auto sent = sim.run(queues.send(...));      real.run(...)
//   auto late = sim.spawn(queues.receive(...)); // waits for time
//   sim.advance(std::chrono::seconds(20));
//   EXPECT_TRUE(late.get());
//   sim.stop();  sim.run(queues.stop());        // in this order
//
// A restart: stop as above, destroy the services, reopen(), make them again, start(). A crash: the
// same, with crash() before it: from then on nothing is committed any more.
#pragma once

#include <atomic>

#include "kernel/event/runtime.h"
#include "kernel/store/testing.h"

namespace suiro::event {

// A store in front of a store that dies on demand: crash() at once, crash_after(n) with the n-th
// commit from now, which still is durable but whose answer is lost.
class CrashStore final : public store::Store {
 public:
  explicit CrashStore(store::Store& inner) : inner_(inner) {}
  void crash() { left_ = 0; }
  void crash_after(int64_t commits) { left_ = commits; }
  bool crashed() const { return left_ <= 0; }
  // As of a store that is busy: so many commits, or scans, from now on are refused; of commits,
  // those after the next `after` ones.
  void refuse_commits(int64_t count, int64_t after = 0) {
    passed_commits_ = after;
    refused_commits_ = count;
  }
  int64_t refusals_left() const { return refused_commits_; }
  void refuse_scans(int64_t count) { refused_scans_ = count; }
  // So many reads of keys with this prefix.
  void refuse_gets(int64_t count, store::Key prefix = {}) {
    refused_prefix_ = std::move(prefix);
    refused_gets_ = count;
  }
  // From now on batches of more bytes are kTooLarge.
  void limit_batches(size_t bytes_max) { batch_bytes_max_ = bytes_max; }

  Task<Result<std::optional<store::Entry>>> get(store::Key key) override {
    const bool is_refused = refused_gets_ > 0 && key.starts_with(refused_prefix_);
    if (is_refused && refused_gets_-- > 0) co_return busy();
    co_return co_await inner_.get(std::move(key));
  }
  // From now on a scan's answer arrives late, so that commits come between its view and its use.
  void delay_scans(Clock& clock, Random& random) {
    delay_clock_ = &clock;
    delay_random_ = &random;
  }
  void undelay_scans() { delay_clock_ = nullptr; }
  Task<Result<store::ScanPage>> scan(store::ScanOptions options) override {
    if (refused_scans_ > 0 && refused_scans_-- > 0) co_return busy();
    auto page = co_await inner_.scan(std::move(options));
    if (delay_clock_ != nullptr) {
      co_await delay_clock_->sleep_for(Millis(delay_random_->below(kScanDelayMax.count())));
    }
    co_return page;
  }
  std::shared_ptr<const store::Snapshot> snapshot() override { return inner_.snapshot(); }
  Task<Result<store::CommitReceipt>> commit(store::Batch batch) override {
    if (crashed()) co_return fail(codes::kUnavailable, "crashed", Retry::kLater);
    if (refuses_commit()) co_return busy();
    if (batch.size_bytes() > batch_bytes_max_) co_return fail(codes::kTooLarge, "too large");
    bool is_last = --left_ <= 0;
    auto receipt = co_await inner_.commit(std::move(batch));
    if (is_last) co_return fail(codes::kUnavailable, "crashed", Retry::kLater);
    co_return receipt;
  }
  void commit_later(store::Batch batch) override {
    if (!crashed()) inner_.commit_later(std::move(batch));
  }
  std::unique_ptr<store::BlobWriter> write_blob() override { return inner_.write_blob(); }
  Task<Result<std::unique_ptr<store::BlobReader>>> open_blob(store::BlobRef blob) override {
    return inner_.open_blob(std::move(blob));
  }
  void observe_appends(store::Key prefix, AppendObserver observer) override {
    inner_.observe_appends(std::move(prefix), std::move(observer));
  }
  void observe_puts(store::Key prefix, AppendObserver observer) override {
    inner_.observe_puts(std::move(prefix), std::move(observer));
  }
  Task<Result<void>> backup(std::string to) override { return inner_.backup(std::move(to)); }
  std::string latched() const override { return crashed() ? "crashed" : inner_.latched(); }

 private:
  bool refuses_commit() {
    if (refused_commits_ <= 0) return false;
    if (passed_commits_ > 0) {
      --passed_commits_;
      return false;
    }
    return refused_commits_-- > 0;
  }
  static std::unexpected<Error> busy() { return fail(codes::kThrottled, "busy", Retry::kLater); }

  static constexpr Millis kScanDelayMax{2000};
  store::Store& inner_;
  Clock* delay_clock_ = nullptr;
  Random* delay_random_ = nullptr;
  std::atomic<int64_t> left_ = INT64_MAX;
  std::atomic<int64_t> passed_commits_ = 0;
  std::atomic<int64_t> refused_commits_ = 0;
  std::atomic<int64_t> refused_scans_ = 0;
  std::atomic<int64_t> refused_gets_ = 0;
  store::Key refused_prefix_;
  std::atomic<size_t> batch_bytes_max_ = SIZE_MAX;
};

struct SimOptions {
  size_t shards = 2;
  uint64_t seed = 1;
  TimePoint start = TimePoint(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1));
  StoreJournal::Options journal = {};
};

class SimKernel {
 public:
  explicit SimKernel(SimOptions options = {})
      : options_(options),
        random_(options.seed),
        clock_(options.start),
        store_(store::Threads::kNone),
        shards_(std::make_unique<Shards>(options.shards)) {
    build();
  }
  ~SimKernel() {
    if (started_) stop();
  }

  Kernel& kernel() { return runtime_->kernel(); }
  KernelRuntime& runtime() { return *runtime_; }
  VirtualClock& clock() { return clock_; }
  SeededRandom& random() { return random_; }
  Shards& shards() { return *shards_; }
  CrashStore& store() { return *crash_; }

  void start() {
    check(finish(spawn(runtime_->prepare()), std::chrono::seconds(1)));
    check(finish(spawn(runtime_->start()), std::chrono::seconds(1)));
    started_ = true;
    settle();
  }
  // Before the services are stopped.
  void stop() {
    finish(spawn(runtime_->stop()), std::chrono::hours(1));
    finish(spawn(runtime_->finish()), std::chrono::hours(1));
    started_ = false;
  }
  void crash() { crash_->crash(); }
  // Memory is gone, the store is opened again. After stop(), and after the services are destroyed.
  void reopen() {
    CHECK(!started_);
    runtime_.reset();
    crash_.reset();
    shards_ = std::make_unique<Shards>(options_.shards);
    store_.reopen();
    build();
  }

  // Runs a task that needs no time to pass.
  template <class T>
  T run(Task<T> task) {
    auto future = spawn(std::move(task));
    CHECK(is_ready(future), "the task waits for time: spawn() it and advance()");
    return future.get();
  }
  template <class T>
  std::future<T> spawn(Task<T> task) {
    auto future = asio::co_spawn(shards_->executor(0), std::move(task), asio::use_future);
    settle();
    return future;
  }
  void settle() { shards_->poll(); }
  // Lets time pass, alarm by alarm.
  void advance(Millis duration) {
    settle();
    TimePoint end = clock_.now() + duration;
    for (auto next = clock_.next_alarm(); next && *next <= end; next = clock_.next_alarm()) {
      clock_.advance_to(std::max(*next, clock_.now()));
      settle();
    }
    clock_.advance_to(end);
    settle();
  }
  template <class T>
  static bool is_ready(std::future<T>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  void build() {
    crash_ = std::make_unique<CrashStore>(*store_);
    runtime_ = std::make_unique<KernelRuntime>(KernelRuntime::Options{.shards = *shards_,
                                                                      .clock = clock_,
                                                                      .random = random_,
                                                                      .store = *crash_,
                                                                      .journal = options_.journal});
  }
  // What runs may sleep: time passes in such steps until it ends.
  template <class T>
  T finish(std::future<T> future, Millis step) {
    for (int i = 0; i < kStepsMax && !is_ready(future); ++i) advance(step);
    CHECK(is_ready(future), "the kernel does not stop: a delivery or a handler does not end");
    return future.get();
  }
  static void check(Result<void> result) { CHECK(result, result ? "" : result.error().message); }

  static constexpr int kStepsMax = 48;
  SimOptions options_;
  SeededRandom random_;
  VirtualClock clock_;
  store::TestStore store_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<CrashStore> crash_;
  std::unique_ptr<KernelRuntime> runtime_;
  bool started_ = false;
};

class RealKernel {
 public:
  explicit RealKernel(size_t shards = 2) : shards_(std::make_unique<Shards>(shards)) {
    build();
    shards_->start();
  }
  ~RealKernel() {
    if (started_) stop();
    shards_->stop();
  }

  Kernel& kernel() { return runtime_->kernel(); }
  KernelRuntime& runtime() { return *runtime_; }
  Shards& shards() { return *shards_; }
  store::RocksStore& store() { return *store_; }

  void start() {
    check(run(runtime_->prepare()));
    check(run(runtime_->start()));
    started_ = true;
  }
  void stop() {
    run(runtime_->stop());
    run(runtime_->finish());
    started_ = false;
  }
  void reopen() {
    CHECK(!started_);
    shards_->stop();
    runtime_.reset();
    shards_ = std::make_unique<Shards>(shards_->size());
    store_.reopen();
    build();
    shards_->start();
  }
  // Blocks the calling thread, which is not a shard's.
  template <class T>
  T run(Task<T> task) {
    return spawn(std::move(task)).get();
  }
  template <class T>
  std::future<T> spawn(Task<T> task) {
    return asio::co_spawn(shards_->executor(0), std::move(task), asio::use_future);
  }

 private:
  void build() {
    runtime_ = std::make_unique<KernelRuntime>(KernelRuntime::Options{
        .shards = *shards_, .clock = clock_, .random = random_, .store = *store_});
  }
  static void check(Result<void> result) { CHECK(result, result ? "" : result.error().message); }

  SystemRandom random_;
  RealClock clock_;
  store::TestStore store_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<KernelRuntime> runtime_;
  bool started_ = false;
};

}  // namespace suiro::event
