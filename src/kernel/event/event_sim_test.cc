// SPDX-License-Identifier: Apache-2.0
// Random events, timers, failures and crashes from a seed, against what must hold at the end:
//
//  1. An event whose commit was acknowledged is in the store's target exactly once; one whose
//  commit's
//     answer was lost at most once.
//  2. It reached a target outside the store at least once.
//  3. A timer whose commit was acknowledged fired into the store exactly once, unless its
//  cancellation
//     was acknowledged before it fired.
//  4. Nothing is left in the log or among the timers.
//
// A failure prints its seed: SUIRO_SEED=n runs that one alone; SUIRO_SEEDS=n runs n seeds.
#include <gtest/gtest.h>

#include "kernel/event/event_log.h"
#include "kernel/event/testing.h"
#include "kernel/event/timer_hand.h"

namespace suiro::event {
namespace {

using std::chrono::hours;

constexpr int kRounds = 6;         // crashes in one run
constexpr int kStepsInRound = 60;  // commits of the test itself
constexpr int kTargets = 4;

std::string target_arn(std::string_view service, uint64_t number) {
  return fmt::format("arn:aws:{}:ap-northeast-1:000000000000:t{}", service, number);
}

// Fails, dawdles, and otherwise does its work in the commit that consumes.
class Flaky final : public Target {
 public:
  enum class Kind { kInStore, kOutside };
  Flaky(SimKernel& sim, Kind kind, std::multiset<std::string>& reached)
      : sim_(sim), kind_(kind), reached_(reached) {}

  Task<Result<void>> deliver(Event event, store::Batch consume) override {
    uint64_t mood = sim_.random().below(100);
    if (mood < 20) co_return fail("Busy", "before", Retry::kLater);
    if (mood < 40) co_await sim_.clock().sleep_for(Millis(sim_.random().below(5000)));
    if (kind_ == Kind::kInStore) {
      consume.append("x/" + event.target_arn + "/", event.id);
    } else {
      reached_.insert(event.id);
      if (sim_.random().below(100) < 20) co_return fail("Lost", "after", Retry::kLater);
    }
    auto committed = co_await sim_.store().commit(std::move(consume));
    if (!committed) co_return std::unexpected(committed.error());
    co_return ok();
  }
  Task<Result<void>> accepts(std::string, Sender) override { co_return ok(); }

 private:
  SimKernel& sim_;
  const Kind kind_;
  std::multiset<std::string>& reached_;
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed)
      : sim_({.shards = 1 + seed % 4, .seed = seed}), random_(seed ^ 0x5EED) {
    start();
  }
  ~Simulation() { sim_.stop(); }

  void play() {
    for (int round = 0; round < kRounds; ++round) {
      sim_.store().crash_after(static_cast<int64_t>(1 + random_.below(6 * kStepsInRound)));
      for (int step = 0; step < kStepsInRound && !sim_.store().crashed(); ++step) {
        one_step();
      }
      sim_.crash();
      sim_.stop();
      sim_.reopen();
      start();
    }
    sim_.store().undelay_scans();
    sim_.advance(hours(24 * 3));
  }

  void check() {
    std::map<std::string, int> rows;
    auto page = sim_.run(
        sim_.store().scan({.range = store::KeyRange::prefix("x/"), .rows_max = 1'000'000}));
    for (auto& entry : page->entries) ++rows[entry.value];
    for (const auto& [id, is_sure] : stored_) {
      EXPECT_LE(rows[id], 1) << id;
      if (is_sure) EXPECT_EQ(rows[id], 1) << id;
    }
    for (const auto& [id, is_sure] : outside_) {
      if (is_sure) EXPECT_GE(reached_.count(id), 1u) << id;
    }
    for (const auto& [id, timer] : timers_) {
      EXPECT_LE(rows[id], 1) << id;
      if (timer.fate == Fate::kSet) EXPECT_EQ(rows[id], 1) << id;
      if (timer.fate == Fate::kCancelled) EXPECT_EQ(rows[id], 0) << id;
    }
    EXPECT_EQ(*sim_.run(sim_.runtime().dispatcher().pending()), 0u);
    auto left = sim_.run(sim_.store().scan({.range = store::KeyRange::prefix(timer_space())}));
    EXPECT_EQ(left->entries.size(), 0u);
    EXPECT_GT(rows.size(), 50u);
  }

 private:
  enum class Fate { kSet, kUnsure, kCancelled };
  struct Known {
    Timer timer;
    Fate fate;
  };

  void start() {
    wire();
    sim_.store().delay_scans(sim_.clock(), sim_.random());
    sim_.start();
  }

  void wire() {
    inside_ = std::make_unique<Flaky>(sim_, Flaky::Kind::kInStore, reached_);
    outside_target_ = std::make_unique<Flaky>(sim_, Flaky::Kind::kOutside, reached_);
    sim_.kernel().targets.add_target("sqs", inside_.get());
    sim_.kernel().targets.add_target("lambda", outside_target_.get());
    for (std::string kind : {"sim.a", "sim.b"}) {
      sim_.kernel().timers.handle(kind, [this](Timer timer, store::Batch consume) {
        return on_timer(std::move(timer), std::move(consume));
      });
    }
  }

  Task<Result<void>> on_timer(Timer timer, store::Batch consume) {
    if (sim_.random().below(100) < 20) co_return fail("Busy", "later", Retry::kLater);
    if (sim_.random().below(100) < 20) {
      co_await sim_.clock().sleep_for(Millis(sim_.random().below(3000)));
    }
    EXPECT_LE(timer.due, sim_.clock().now());
    consume.append("x/timer/", timer.id);
    CO_TRY_VOID(co_await sim_.store().commit(std::move(consume)));
    co_return ok();
  }

  void one_step() {
    store::Batch batch;
    std::vector<std::string> inside, outside, set;
    uint64_t count = 1 + random_.below(random_.below(10) == 0 ? 600 : 4);
    for (uint64_t i = 0; i < count; ++i) {
      std::string id = fmt::format("n{:06}", next_id_++);
      uint64_t kind = random_.below(10);
      if (kind < 5) {
        add_event(batch, "sqs", id);
        inside.push_back(id);
      } else if (kind < 7) {
        add_event(batch, "lambda", id);
        outside.push_back(id);
      } else {
        Timer timer{.kind = random_.below(2) == 0 ? "sim.a" : "sim.b",
                    .owner = fmt::format("o{}", random_.below(5)),
                    .id = id,
                    .due = sim_.clock().now() + Millis(random_.below(100'000)),
                    .payload = {}};
        sim_.kernel().timers.set(batch, timer);
        timers_[id] = {timer, Fate::kUnsure};
        set.push_back(id);
      }
    }
    bool done = sim_.run(sim_.store().commit(std::move(batch))).has_value();
    for (auto& id : inside) stored_[id] = done;
    for (auto& id : outside) outside_[id] = done;
    for (auto& id : set) timers_[id].fate = done ? Fate::kSet : Fate::kUnsure;
    if (random_.below(4) == 0) cancel_one();
    if (random_.below(2) == 0) sim_.advance(Millis(random_.below(20'000)));
  }

  void add_event(store::Batch& batch, std::string_view service, const std::string& id) {
    emit(batch,
         {.id = id,
          .target_arn = target_arn(service, random_.below(kTargets)),
          .payload = std::string(random_.below(2000), 'x'),
          .at = sim_.clock().now(),
          .policy = {.attempts_max = 1000, .age_max = hours(24 * 365)}},
         sim_.random());
  }

  // Only a timer that is still there is cancelled for sure.
  void cancel_one() {
    if (timers_.empty()) return;
    auto place = timers_.lower_bound(fmt::format("n{:06}", random_.below(next_id_)));
    if (place == timers_.end() || place->second.fate != Fate::kSet) return;
    Known& known = place->second;
    auto entry = sim_.run(sim_.store().get(timer_key(known.timer)));
    if (!entry || !*entry) return;
    store::Batch batch;
    batch.require_version((*entry)->key, (*entry)->version);
    sim_.kernel().timers.cancel(batch, known.timer);
    bool done = sim_.run(sim_.store().commit(std::move(batch))).has_value();
    known.fate = done ? Fate::kCancelled : Fate::kUnsure;
  }

  SimKernel sim_;
  SeededRandom random_;
  std::unique_ptr<Flaky> inside_;
  std::unique_ptr<Flaky> outside_target_;
  std::multiset<std::string> reached_;
  // Value: the commit was acknowledged.
  std::map<std::string, bool> stored_;
  std::map<std::string, bool> outside_;
  std::map<std::string, Known> timers_;
  uint64_t next_id_ = 0;
};

uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text != nullptr ? strtoull(text, nullptr, 10) : otherwise;
}

TEST(EventSimulation, NothingIsLostAndNothingDoubled) {
  uint64_t first = number_of("SUIRO_SEED", 1);
  uint64_t count = getenv("SUIRO_SEED") != nullptr ? 1 : number_of("SUIRO_SEEDS", 5);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("SUIRO_SEED={}", seed));
    Simulation simulation(seed);
    simulation.play();
    simulation.check();
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace suiro::event
