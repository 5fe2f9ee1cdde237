// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <malloc.h>

#include "kernel/event/testing.h"
#include "kernel/event/timer_hand.h"

namespace suiro::event {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class TimersTest : public testing::Test {
 protected:
  struct Fired {
    std::string id;
    TimePoint at;
    size_t shard;
  };

  ~TimersTest() override { sim.stop(); }

  void wire(std::string kind = "test.kind") {
    sim.kernel().timers.handle(kind, [this](Timer timer, store::Batch consume) {
      return on_timer(std::move(timer), std::move(consume));
    });
  }
  Task<Result<void>> on_timer(Timer timer, store::Batch consume) {
    fired.push_back({timer.id, sim.clock().now(), sim.shards().current()});
    payloads[timer.id] = timer.payload;
    if (duration.count() > 0) co_await sim.clock().sleep_for(duration);
    if (failures_left > 0) {
      --failures_left;
      co_return fail("Busy", "later", Retry::kLater);
    }
    if (forgets) co_return ok();
    CO_TRY_VOID(co_await sim.store().commit(std::move(consume)));
    co_return ok();
  }
  Timer timer(std::string id, Millis after, std::string kind = "test.kind") {
    return {.kind = std::move(kind),
            .owner = "owner-" + id,
            .id = id,
            .due = sim.clock().now() + after,
            .payload = "payload of " + id};
  }
  void set(const Timer& timer) {
    store::Batch batch;
    sim.kernel().timers.set(batch, timer);
    ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
    sim.settle();
  }
  size_t on_disk() {
    auto page = sim.run(
        sim.store().scan({.range = store::KeyRange::prefix(timer_space()), .rows_max = 200'000}));
    return page->entries.size();
  }

  SimKernel sim;
  std::vector<Fired> fired;
  std::map<std::string, Bytes> payloads;
  int failures_left = 0;
  bool forgets = false;
  Millis duration{0};
};

TEST_F(TimersTest, FireInOrderAtTheirTimeOnTheirOwnersShard) {
  wire();
  sim.start();
  set(timer("c", seconds(3)));
  set(timer("a", Millis(7)));
  set(timer("b", hours(24 * 40)));
  sim.advance(Millis(5));
  EXPECT_EQ(fired.size(), 0u);
  sim.advance(hours(24 * 41));
  ASSERT_EQ(fired.size(), 3u);
  EXPECT_EQ(fired[0].id, "a");
  EXPECT_EQ(fired[0].at, SimOptions().start + kTimerResolution);
  EXPECT_EQ(fired[1].id, "c");
  EXPECT_EQ(fired[2].id, "b");
  EXPECT_EQ(fired[2].at, SimOptions().start + hours(24 * 40));
  EXPECT_EQ(payloads["b"], "payload of b");
  for (const auto& f : fired) EXPECT_EQ(f.shard, sim.shards().owner_index("owner-" + f.id));
  EXPECT_EQ(on_disk(), 0u);
}

TEST_F(TimersTest, ACancelledTimerDoesNotFire) {
  wire();
  sim.start();
  Timer one = timer("one", seconds(1));
  set(one);
  store::Batch batch;
  sim.kernel().timers.cancel(batch, one);
  ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  sim.advance(minutes(1));
  EXPECT_EQ(fired.size(), 0u);
}

TEST_F(TimersTest, ABatchThatFailsSetsNothing) {
  wire();
  sim.start();
  store::Batch batch;
  batch.require_value("absent", "value");
  sim.kernel().timers.set(batch, timer("one", seconds(1)));
  EXPECT_FALSE(sim.run(sim.store().commit(std::move(batch))));
  sim.advance(minutes(1));
  EXPECT_EQ(fired.size(), 0u);
}

TEST_F(TimersTest, AFailedHandlerIsCalledAgainAfterABackOff) {
  wire();
  sim.start();
  failures_left = 4;
  set(timer("one", seconds(1)));
  sim.advance(minutes(2));
  ASSERT_EQ(fired.size(), 5u);
  for (size_t i = 1; i < fired.size(); ++i) {
    EXPECT_GE(fired[i].at - fired[i - 1].at, Millis(50) * (1 << (i - 1)));
  }
  EXPECT_EQ(on_disk(), 0u);
}

TEST_F(TimersTest, AHandlerThatDoesNotConsumeIsCalledAgain) {
  wire();
  sim.start();
  forgets = true;
  set(timer("one", seconds(1)));
  sim.advance(seconds(1));
  EXPECT_EQ(fired.size(), 1u);
  forgets = false;
  sim.advance(seconds(1));
  EXPECT_EQ(fired.size(), 2u);
  EXPECT_EQ(on_disk(), 0u);
}

TEST_F(TimersTest, ATimerThatIsSetAgainWhileItFiresFiresAgain) {
  wire();
  sim.start();
  duration = seconds(5);
  Timer one = timer("one", seconds(1));
  set(one);
  sim.advance(seconds(2));
  ASSERT_EQ(fired.size(), 1u);
  one.payload = "second";
  set(one);  // the first handler's consume fails its condition
  sim.advance(seconds(30));
  EXPECT_EQ(fired.size(), 2u);
  EXPECT_EQ(payloads["one"], "second");
  EXPECT_EQ(on_disk(), 0u);
}

TEST_F(TimersTest, TimersOfStoppedTimesFireAtTheNextStart) {
  wire();
  sim.start();
  for (int i = 0; i < 10; ++i) set(timer(fmt::format("t{}", i), hours(i + 1)));
  sim.advance(hours(3));
  EXPECT_EQ(fired.size(), 3u);
  sim.stop();
  sim.reopen();
  sim.advance(hours(4));
  wire();
  sim.start();
  EXPECT_EQ(fired.size(), 7u);
  sim.advance(hours(4));
  EXPECT_EQ(fired.size(), 10u);
}

TEST_F(TimersTest, ASlowKindDelaysNoOther) {
  wire("test.slow");
  std::vector<TimePoint> quick;
  sim.kernel().timers.handle("test.quick", [&](Timer, store::Batch consume) {
    quick.push_back(sim.clock().now());
    return [](store::Store& store, store::Batch batch) -> Task<Result<void>> {
      CO_TRY_VOID(co_await store.commit(std::move(batch)));
      co_return ok();
    }(sim.store(), std::move(consume));
  });
  sim.start();
  duration = hours(1);
  store::Batch batch;
  for (int i = 0; i < 1000; ++i) {
    sim.kernel().timers.set(batch, timer(fmt::format("s{}", i), seconds(1), "test.slow"));
  }
  ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  set(timer("q", seconds(2), "test.quick"));
  sim.advance(seconds(2));
  EXPECT_EQ(fired.size(), kTimersFiringMax);
  EXPECT_EQ(quick.size(), 1u);
  sim.advance(hours(9));
  EXPECT_EQ(fired.size(), 1000u);
}

TEST_F(TimersTest, MoreTimersThanTheInboxHoldsDuringTheFirstScanAllFire) {
  wire();
  sim.store().delay_scans(sim.clock(), sim.random());
  sim.start();
  constexpr size_t kTimers = kTimerInboxMax + 10;
  store::Batch batch;
  for (size_t i = 0; i < kTimers; ++i) {
    sim.kernel().timers.set(batch, timer(fmt::format("t{:06}", i), hours(1)));
  }
  ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
  sim.advance(minutes(1));
  sim.store().undelay_scans();
  sim.advance(hours(1));
  EXPECT_EQ(fired.size(), kTimers);
}

TEST_F(TimersTest, MoreTimersThanTheWindowHoldsFireInOrder) {
  wire();
  sim.start();
  constexpr size_t kTimers = kTimersWaitingMax + 5000;
  size_t made = 0;
  while (made < kTimers) {
    store::Batch batch;
    // From the furthest to the nearest: each one must push the window's end down.
    for (int i = 0; i < 5000 && made < kTimers; ++i, ++made) {
      sim.kernel().timers.set(
          batch, timer(fmt::format("{}", kTimers - made), Millis(20 * (kTimers - made))));
    }
    ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
    sim.settle();
  }
  sim.advance(Millis(20 * kTimers + 1000));
  EXPECT_EQ(fired.size(), kTimers);
  EXPECT_TRUE(std::ranges::is_sorted(fired, {}, &Fired::at));
  EXPECT_EQ(on_disk(), 0u);
}

// SUIRO_TIMERS=1000000 for the figures in docs/decisions/041-timers.md.
TEST_F(TimersTest, ManyCostDiskNotMemory) {
  const char* wanted = getenv("SUIRO_TIMERS");
  size_t count = wanted != nullptr ? strtoul(wanted, nullptr, 10) : 50'000;
  wire();
  sim.start();
  auto set_all = [this, count] {
    for (size_t made = 0; made < count;) {
      store::Batch batch;
      for (int i = 0; i < 5000 && made < count; ++i, ++made) {
        Millis after = seconds(30 + sim.random().below(30 * 86400));
        sim.kernel().timers.set(batch, timer(fmt::format("{:08}", made), after));
      }
      ASSERT_TRUE(sim.run(sim.store().commit(std::move(batch))));
      sim.settle();
    }
  };
  set_all();
  sim.stop();
  sim.reopen();
  wire();
  size_t before = mallinfo2().uordblks;
  RealClock clock;
  Micros begin = clock.steady();
  sim.start();
  Micros took = clock.steady() - begin;
  size_t grown = mallinfo2().uordblks - std::min(before, mallinfo2().uordblks);
  RecordProperty("start_us", static_cast<int>(took.count()));
  fmt::print("{} timers: start {} us, {} KiB more of heap\n", count, took.count(), grown / 1024);
  EXPECT_LT(grown, 16u << 20);
  begin = clock.steady();
  sim.advance(hours(24 * 31));
  fmt::print("a month with all of them: {} ms\n", (clock.steady() - begin).count() / 1000);
  EXPECT_EQ(fired.size(), count);
  EXPECT_TRUE(std::ranges::is_sorted(fired, {}, &Fired::at));
}

}  // namespace
}  // namespace suiro::event
