// SPDX-License-Identifier: Apache-2.0
// Queues without the wire: the index alone, durable cycles at several depths, and start-up.
//
//   suiro-sqs-bench --benchmark_filter=Cycle
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "kernel/event/testing.h"
#include "services/sqs/logic.h"

namespace suiro::sqs {
namespace {

constexpr TimePoint kNow{Millis(1'800'000'000'000)};
constexpr size_t kBodyBytes = 100;

size_t heap_bytes() {
  return mallinfo2().uordblks;
}

// Add, take and remove at a depth, in memory alone.
void BM_Index(benchmark::State& state) {
  auto kind = state.range(1) == 0 ? QueueKind::kStandard : QueueKind::kFifo;
  size_t before = heap_bytes();
  Index index(kind);
  uint64_t group = 0;
  auto add = [&] {
    Index::Added added{index.next(kNow)};
    if (kind == QueueKind::kFifo) added.group_id = fmt::format("g{}", group++ % 1000);
    index.add(added, kNow);
  };
  for (int64_t i = 0; i < state.range(0); ++i) add();
  double per_message = state.range(0) == 0 ? 0
                                           : static_cast<double>(heap_bytes() - before) /
                                                 static_cast<double>(state.range(0));
  for (auto _ : state) {
    add();
    auto taken = index.take(
        {.count = 1, .now = kNow, .visible_at = kNow + std::chrono::seconds(30), .nonce = [] {
           return 1u;
         }});
    index.remove(taken.received.at(0));
  }
  state.counters["bytes/message"] = per_message;
}
BENCHMARK(BM_Index)->ArgNames({"depth", "fifo"})->ArgsProduct({{0, 10'000, 1'000'000}, {0, 1}});

class Bench {
 public:
  Bench() { open(); }
  ~Bench() { close(); }

  void open() {
    logic_ = std::make_unique<Logic>(real_.kernel(), Config{});
    CHECK(real_.run(logic_->start()));
    real_.start();
  }
  void close() {
    real_.stop();
    real_.run(logic_->stop());
    logic_.reset();
  }
  void restart() {
    close();
    real_.reopen();
  }

  On on() { return {"q", logic_->owner_access()}; }
  void create() { CHECK(real_.run(logic_->create_queue(on(), {}, {}))); }

  Task<void> fill(int64_t batches) {
    for (int64_t i = 0; i < batches; ++i) {
      std::vector<SendEntry> entries(10);
      for (SendEntry& entry : entries) entry.body = Bytes(kBodyBytes, 'x');
      CHECK(co_await logic_->send(on(), std::move(entries)));
    }
  }
  Task<void> cycles(int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      std::vector<SendEntry> entries(1);
      entries[0].body = Bytes(kBodyBytes, 'x');
      CHECK(co_await logic_->send(on(), std::move(entries)));
      auto received = co_await logic_->receive(on(), {});
      CHECK(received && received->size() == 1);
      std::vector<std::string> handles{(*received)[0].handle.str()};
      CHECK(co_await logic_->remove(on(), std::move(handles)));
    }
  }
  // `work(bench)` on `clients` coroutines at once; waits for all.
  template <class Work>
  void all(int64_t clients, Work work) {
    std::vector<std::future<void>> running;
    for (int64_t i = 0; i < clients; ++i) running.push_back(real_.spawn(work(*this)));
    for (auto& future : running) future.get();
  }
  void fill_to(int64_t depth) {
    constexpr int64_t kFillers = 64;
    int64_t batches = depth / 10 / kFillers + 1;
    if (depth > 0) all(kFillers, [batches](Bench& bench) { return bench.fill(batches); });
  }

 private:
  event::RealKernel real_;
  std::unique_ptr<Logic> logic_;
};

// A durable send, receive and delete, each its own commit, by a number of clients at once.
void BM_Cycle(benchmark::State& state) {
  constexpr int64_t kCyclesEach = 20;
  Bench bench;
  bench.create();
  bench.fill_to(state.range(0));
  int64_t clients = state.range(1);
  for (auto _ : state) {
    bench.all(clients, [](Bench& one) { return one.cycles(kCyclesEach); });
  }
  state.SetItemsProcessed(state.iterations() * clients * kCyclesEach);
}
BENCHMARK(BM_Cycle)
    ->ArgNames({"depth", "clients"})
    ->ArgsProduct({{0, 10'000, 1'000'000}, {1, 64}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MinTime(2);

// From a store with messages to a queue that can be used.
void BM_Start(benchmark::State& state) {
  Bench bench;
  bench.create();
  bench.fill_to(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    bench.restart();
    size_t before = heap_bytes();
    state.ResumeTiming();
    bench.open();
    state.counters["bytes/message"] =
        static_cast<double>(heap_bytes() - before) / static_cast<double>(state.range(0));
  }
}
BENCHMARK(BM_Start)
    ->ArgName("depth")
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3)
    ->UseRealTime();

}  // namespace
}  // namespace suiro::sqs

BENCHMARK_MAIN();
