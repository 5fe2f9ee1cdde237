// SPDX-License-Identifier: Apache-2.0
// Schedules without the wire.
//
//   suiro-schedule-bench [SCHEDULES] [DAYS] [DELAY_SCHEDULES]
//
// decisions: SCHEDULES cron schedules of each minute in eight time zones, over DAYS of virtual
// time: what is due, and when the next run is. delay: DELAY_SCHEDULES schedules that are due in the
// same second of real time, with durable commits: from the nominal time to the target.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "kernel/event/testing.h"
#include "services/scheduler/logic.h"

namespace suiro::scheduler {
namespace {

using namespace std::chrono;

constexpr std::string_view kZones[] = {"UTC",          "Asia/Tokyo",         "Europe/Berlin",
                                       "Africa/Cairo", "America/New_York",   "America/Santiago",
                                       "Asia/Beirut",  "Australia/Lord_Howe"};
constexpr std::string_view kQueue = "arn:aws:sqs:ap-northeast-1:000000000000:q";
constexpr Millis kAhead = seconds(8);  // enough to make all schedules

shape::CreateScheduleInput schedule(std::string name, std::string expression, std::string zone) {
  shape::CreateScheduleInput in;
  in.name = std::move(name);
  in.schedule_expression = std::move(expression);
  in.schedule_expression_timezone = std::move(zone);
  in.flexible_time_window.mode = "OFF";
  in.target.arn = kQueue;
  in.target.role_arn = "arn:aws:iam::000000000000:role/r";
  return in;
}

bool decisions(size_t schedules, int days_of_time) {
  event::SimKernel sim;
  const TimePoint begin = sim.clock().now(), end = begin + days(days_of_time);
  const Policy policy;
  uint64_t made = 0;
  const auto started = steady_clock::now();
  // On a shard: zones are read there.
  auto done = sim.run([&]() -> Task<Result<void>> {
    Zones zones(sim.shards());
    for (size_t i = 0; i < schedules; ++i) {
      const std::string zone(kZones[i % std::size(kZones)]);
      const std::string name = fmt::format("s{}", i);
      CO_TRY(Plan plan, Plan::compile(schedule(name, "cron(* * * * ? *)", zone), begin, zones));
      auto next = plan.after(begin, policy, name);
      while (next && next->due < end) {
        next = plan.decide(*next, next->due, policy, name).next;
        ++made;
      }
    }
    co_return ok();
  }());
  if (!done) {
    std::fprintf(stderr, "decisions: %s\n", done.error().message.c_str());
    return false;
  }
  const double taken = duration<double>(steady_clock::now() - started).count();
  std::printf("decisions %zu schedules %d days %llu in %.2f s: %.0f a second\n", schedules,
              days_of_time, static_cast<unsigned long long>(made), taken,
              static_cast<double>(made) / taken);
  return true;
}

// Nothing here runs as a role that IAM keeps.
class NoRoles final : public event::RolePermissions {
 public:
  Result<void> permits(Question) const override { return ok(); }
};

class Stopwatch final : public event::Target, public event::OperationCaller {
 public:
  explicit Stopwatch(event::Kernel& kernel) : kernel_(kernel) {}
  Task<Result<void>> deliver(event::Event event, store::Batch consume) override {
    CO_TRY(TimePoint nominal, parse_iso8601(event.payload));
    auto done = co_await kernel_.store.commit(std::move(consume));
    if (!done) co_return fail(std::move(done).error());
    const std::lock_guard lock(mutex_);
    delays_.push_back(kernel_.clock.now() - nominal);
    co_return ok();
  }
  Task<Result<void>> accepts(std::string, event::Sender) override { co_return ok(); }
  Result<void> check(std::string, std::string) const override { return ok(); }
  Fault fault_of(std::string, const Error& error) const override {
    return {.service_code = error.code};
  }
  Task<Result<std::string>> call(Request) override { co_return std::string("{}"); }
  std::vector<Millis> delays() const {
    const std::lock_guard lock(mutex_);
    return delays_;
  }

 private:
  event::Kernel& kernel_;
  mutable std::mutex mutex_;
  std::vector<Millis> delays_;
};

Task<Result<void>> make_all(Logic& logic, size_t schedules, TimePoint due) {
  for (size_t i = 0; i < schedules; ++i) {
    const std::string time = format_iso8601(due).substr(0, 19);
    auto in = schedule(fmt::format("s{}", i), "at(" + time + ")", "UTC");
    in.target.input = "<aws.scheduler.scheduled-time>";
    auto made = co_await logic.create(std::move(in));
    if (!made) co_return fail(std::move(made).error());
  }
  co_return ok();
}

bool delays(size_t schedules) {
  event::RealKernel real;
  Stopwatch target(real.kernel());
  real.kernel().targets.add_target("sqs", &target);
  NoRoles roles;
  Logic logic(real.kernel(), target, roles, {});
  real.start();
  if (!real.run(logic.start())) return false;
  const TimePoint due = ceil<seconds>(real.kernel().clock.now() + kAhead);
  if (!real.run(make_all(logic, schedules, due))) return false;
  constexpr int kSecondsMax = 60;
  for (int i = 0; i < kSecondsMax && target.delays().size() < schedules; ++i) sleep(1);
  std::vector<Millis> all = target.delays();
  real.stop();
  if (all.size() < schedules) {
    std::printf("delay: only %zu of %zu arrived\n", all.size(), schedules);
    return false;
  }
  std::ranges::sort(all);
  std::printf("delay %zu schedules due at once: p50 %lld ms, p99 %lld ms, last %lld ms\n",
              schedules, static_cast<long long>(all[all.size() / 2].count()),
              static_cast<long long>(all[all.size() * 99 / 100].count()),
              static_cast<long long>(all.back().count()));
  return true;
}

}  // namespace
}  // namespace suiro::scheduler

int main(int count, char** words) {
  auto number = [&](int at, size_t usual) {
    return at < count ? std::strtoull(words[at], nullptr, 10) : usual;
  };
  if (!suiro::scheduler::decisions(number(1, 1000), static_cast<int>(number(2, 30)))) return 1;
  return suiro::scheduler::delays(number(3, 1000)) ? 0 : 1;
}
