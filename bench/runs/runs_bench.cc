// SPDX-License-Identifier: Apache-2.0
// suiro-runs-bench: the log of runs, and forecasts of schedules.
//
//   suiro-runs-bench [--runs N] [--repetitions R]
//
// Fills a log with N runs (10,000,000) of 300 tasks over a year, then tells the median and the
// longest of R (25) queries at random places:
//   - hour: all runs of an hour, as `suiro timeline --since 1h` asks for (about 1,100)
//   - day of one: the runs of one task on one day (about 91)
//   - durations: what `suiro plan` asks of one task: the last 30 runs that succeeded
// and of as many forecasts of 300 schedules over 31 days. Disk bytes a run are printed, too.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/random.h"
#include "engine/definition/forecast.h"
#include "kernel/event/store_run_log.h"
#include "kernel/store/testing.h"

namespace suiro {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kTasks = 300;
constexpr size_t kBatchRuns = 1000;
constexpr Millis kYear = std::chrono::hours(24 * 365);

std::string task_name(size_t number) {
  return fmt::format("batch-{:03}", number);
}

event::Run run_at(TimePoint planned, size_t number, Random& random) {
  event::Run run{.id = fmt::format("{:032x}", number), .name = task_name(random.below(kTasks))};
  run.resource = "arn:aws:ecs:ap-northeast-1:000000000000:task/default/" + run.id;
  run.schedule = "arn:aws:scheduler:ap-northeast-1:000000000000:schedule/shop/" + run.name;
  run.started_by = "chronos-schedule/" + run.name;
  run.state = random.below(50) == 0 ? event::Run::State::kFailed : event::Run::State::kSucceeded;
  run.planned = planned;
  run.created = planned + Millis(5);
  run.started = planned + Millis(static_cast<int64_t>(200 + random.below(2000)));
  run.stopped = *run.started + Millis(static_cast<int64_t>(random.below(600'000)));
  run.exit_code = run.state == event::Run::State::kFailed ? 1 : 0;
  run.image_digest = std::string(71, 'a');
  run.cpu_units = 256;
  run.memory_mb = 512;
  return run;
}

class Bench {
 public:
  Bench(size_t runs, size_t repetitions) : runs_(runs), repetitions_(repetitions), log_(*store_) {
    shards_.start();
  }
  ~Bench() { shards_.stop(); }

  void fill() {
    auto began = SteadyClock::now();
    for (size_t i = 0; i < runs_;) {
      store::Batch batch;
      for (size_t end = std::min(i + kBatchRuns, runs_); i < end; ++i) {
        TimePoint planned = begin_ + kYear / static_cast<int64_t>(runs_) * static_cast<int64_t>(i);
        log_.record(batch, run_at(planned, i, random_));
      }
      CHECK(run(store_->commit(std::move(batch))));
      if (i % (runs_ / 20) < kBatchRuns) fmt::print(stderr, "\r{} of {} runs", i, runs_);
    }
    store_->flush_for_measurement();
    std::chrono::duration<double> took = SteadyClock::now() - began;
    fmt::print(stderr, "\n");
    fmt::print("{:<24} {:>12.0f} runs/s  {:>8.1f} bytes a run on disk\n", "record",
               static_cast<double>(runs_) / took.count(),
               static_cast<double>(disk_bytes()) / static_cast<double>(runs_));
  }

  void queries() {
    measure("hour", [&] {
      TimePoint since =
          begin_ + Millis(static_cast<int64_t>(random_.below(kYear.count() - 3'600'000)));
      auto page = run(log_.list({.since = since,
                                 .until = since + std::chrono::hours(1),
                                 .runs_max = event::kRunsPageMax}));
      CHECK(page);
      return page->runs.size();
    });
    measure("day of one", [&] {
      TimePoint since =
          begin_ + Millis(static_cast<int64_t>(random_.below(kYear.count() - 86'400'000)));
      auto page = run(log_.list({.since = since,
                                 .until = since + std::chrono::hours(24),
                                 .name = task_name(random_.below(kTasks)),
                                 .runs_max = event::kRunsPageMax}));
      CHECK(page);
      return page->runs.size();
    });
    measure("durations", [&] {
      auto durations = run(log_.durations(task_name(random_.below(kTasks)), 30));
      CHECK(durations);
      return durations->runs;
    });
  }

  void forecasts() {
    std::vector<definition::Planned> schedules;
    std::map<std::string, definition::Load> loads;
    for (size_t i = 0; i < kTasks; ++i) {
      definition::Planned planned{.schedule = task_name(i), .target = task_name(i)};
      planned.expression = i % 10 == 0 ? fmt::format("cron({} * * * ? *)", i % 60)
                                       : fmt::format("cron({} {} * * ? *)", i % 60, i % 24);
      planned.zone = i % 2 == 0 ? "Asia/Tokyo" : "Europe/Berlin";
      schedules.push_back(std::move(planned));
      loads[task_name(i)] = {
          .cpu_units = 256, .memory_mb = 512, .duration = std::chrono::minutes(5)};
    }
    measure("forecast of 300 batches", [&] {
      auto made = definition::forecast(schedules, loads, begin_, begin_ + std::chrono::hours(744));
      CHECK(made);
      size_t runs = 0;
      for (const auto& [name, times] : made->runs) runs += times.size();
      return runs;
    });
  }

 private:
  template <class T>
  T run(Task<T> task) {
    return asio::co_spawn(shards_.executor(0), std::move(task), asio::use_future).get();
  }

  // `query` gives how many runs it found.
  template <class Query>
  void measure(std::string_view name, Query query) {
    std::vector<double> took_ms;
    size_t found = 0;
    for (size_t i = 0; i < repetitions_; ++i) {
      auto began = SteadyClock::now();
      found += query();
      took_ms.push_back(
          std::chrono::duration<double, std::milli>(SteadyClock::now() - began).count());
    }
    std::ranges::sort(took_ms);
    fmt::print("{:<24} {:>12} runs    {:>8.2f} ms median  {:>8.2f} ms longest\n", name,
               found / repetitions_, took_ms[took_ms.size() / 2], took_ms.back());
  }

  uint64_t disk_bytes() const {
    uint64_t sum = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(store_.directory())) {
      if (file.is_regular_file()) sum += file.file_size();
    }
    return sum;
  }

  size_t runs_;
  size_t repetitions_;
  store::TestStore store_;
  Shards shards_{2};
  event::StoreRunLog log_;
  SeededRandom random_{1};
  TimePoint begin_{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};
};

}  // namespace
}  // namespace suiro

int main(int argc, char** argv) {
  CLI::App app("The log of runs, and forecasts of schedules");
  size_t runs = 10'000'000, repetitions = 25;
  app.add_option("--runs", runs)->default_str("10000000")->check(CLI::Range(1000, 100'000'000));
  app.add_option("--repetitions", repetitions)->default_str("25")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  suiro::Bench bench(runs, repetitions);
  bench.forecasts();
  bench.fill();
  bench.queries();
  return 0;
}
