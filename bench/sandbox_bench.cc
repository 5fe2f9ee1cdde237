// SPDX-License-Identifier: Apache-2.0
// What a sandbox costs: the host's start, cold starts, and the overhead of warm invocations of a
// function that does nothing, with and without a freeze in between. Prints a table; no arguments.
//   sandbox_bench [cold starts] [warm invocations]
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "base/shard.h"
#include "engine/sandbox/sandbox.h"

namespace {

using namespace suiro;

// A case's times in milliseconds.
class Times {
 public:
  void add(Micros time) { values_.push_back(static_cast<double>(time.count()) / 1000.0); }
  void print(const std::string& name) {
    std::sort(values_.begin(), values_.end());
    fmt::print("{:<46} {:>8} {:>9.3f} {:>9.3f} {:>9.3f}\n", name, values_.size(), at(0), at(0.5),
               at(0.99));
  }

 private:
  double at(double part) const {
    return values_[static_cast<size_t>(part * static_cast<double>(values_.size() - 1))];
  }
  std::vector<double> values_;
};

class Bench {
 public:
  Bench(int cold, int warm) : shards_(1), cold_(cold), warm_(warm) {
    char pattern[] = "/tmp/suiro-sandbox-bench-XXXXXX";
    CHECK(::mkdtemp(pattern) != nullptr);
    root_ = pattern;
    shards_.start();
    sandbox::Config config;
    config.run_directory = root_ + "/run";
    config.instance = fmt::format("bench-{}", ::getpid());
    config.unsandboxed = sandbox::Unsandboxed::kAllow;
    config.freeze_after = kFreezeAfter;
    host_ = sandbox::make_host(std::move(config), clock_);
    Micros begin = clock_.steady();
    auto started = wait(host_->start());
    CHECK(started.has_value(), started ? "" : started.error().message);
    Times start;
    start.add(clock_.steady() - begin);
    fmt::print("{:<46} {:>8} {:>9} {:>9} {:>9}\n", "milliseconds", "count", "least", "p50", "p99");
    start.print("host start (with the probe of the machine)");
    for (const auto& line : host_->probe().missing()) fmt::print("  without {}\n", line);
  }
  ~Bench() {
    wait(stop());
    shards_.stop();
    std::filesystem::remove_all(root_);
  }

  void run(const std::string& runtime, const std::string& file, const std::string& text) {
    if (auto why = host_->refusal(runtime)) return fmt::print("{}: {}\n", runtime, *why);
    std::string code = root_ + "/" + runtime;
    std::filesystem::create_directories(code);
    std::ofstream(code + "/" + file) << text;
    ::chmod((code + "/" + file).c_str(), 0755);
    sandbox::Spec spec;
    spec.runtime = runtime;
    spec.code_directory = code;
    spec.handler = "main.handler";
    spec.function_name = "bench";
    Times total, init, close;
    for (int i = 0; i < cold_; ++i) {
      Micros begin = clock_.steady();
      auto made = create(spec);
      auto outcome = invoke(made);
      total.add(clock_.steady() - begin);
      init.add(outcome.init_duration.value());
      begin = clock_.steady();
      wait(ended(std::move(made)));
      close.add(clock_.steady() - begin);
    }
    total.print(runtime + " cold start, to the first result");
    init.print(runtime + " cold start, to the runtime's readiness");
    close.print(runtime + " close");
    warm(runtime, spec);
  }

 private:
  static constexpr Millis kFreezeAfter{50};
  static constexpr int kThawed = 20;

  template <class T>
  T wait(Task<T> task) {
    return asio::co_spawn(shards_.executor(0), std::move(task), asio::use_future).get();
  }
  Task<bool> stop() {
    co_await host_->stop();
    co_return true;
  }
  static Task<bool> ended(std::unique_ptr<sandbox::Sandbox> sandbox) {
    co_await sandbox->close();
    co_return true;
  }
  static Task<bool> frozen(sandbox::Sandbox* sandbox) { co_return sandbox->frozen(); }

  std::unique_ptr<sandbox::Sandbox> create(const sandbox::Spec& spec) {
    auto made = wait(host_->create(spec));
    CHECK(made.has_value(), made ? "" : made.error().message);
    return std::move(*made);
  }
  static Task<std::pair<sandbox::Outcome, Micros>> timed(sandbox::Sandbox* sandbox, Clock* clock) {
    sandbox::Invocation invocation;
    invocation.payload = "{}";
    invocation.request_id = "5b0c5b0c-5b0c-4b0c-8b0c-5b0c5b0c5b0c";
    Micros begin = clock->steady();
    auto outcome = co_await sandbox->invoke(std::move(invocation));
    CHECK(outcome.has_value() && outcome->end == sandbox::Outcome::End::kReturned);
    co_return std::pair(std::move(*outcome), clock->steady() - begin);
  }
  sandbox::Outcome invoke(std::unique_ptr<sandbox::Sandbox>& sandbox) {
    return wait(timed(sandbox.get(), &clock_)).first;
  }

  void warm(const std::string& runtime, const sandbox::Spec& spec) {
    auto made = create(spec);
    invoke(made);
    Times times, thawed;
    for (int i = 0; i < warm_; ++i) times.add(wait(timed(made.get(), &clock_)).second);
    times.print(runtime + " warm invocation");
    for (int i = 0; i < kThawed; ++i) {
      for (int tries = 0; tries < 1000 && !wait(frozen(made.get())); ++tries) ::usleep(1'000);
      thawed.add(wait(timed(made.get(), &clock_)).second);
    }
    thawed.print(runtime + " invocation of a frozen sandbox");
    wait(ended(std::move(made)));
  }

  RealClock clock_;
  Shards shards_;
  int cold_, warm_;
  std::string root_;
  std::unique_ptr<sandbox::Host> host_;
};

}  // namespace

int main(int count, char** argument) {
  Bench bench(count > 1 ? std::atoi(argument[1]) : 20, count > 2 ? std::atoi(argument[2]) : 2000);
  bench.run("python3.11", "main.py", "def handler(event, context):\n    return event\n");
  bench.run("nodejs20.x", "main.js", "exports.handler = async (event) => event;\n");
  bench.run("provided.al2023", "bootstrap",
            "#!/usr/bin/python3\nimport http.client, os\n"
            "c = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\n"
            "base = '/2018-06-01/runtime/invocation/'\n"
            "while True:\n    c.request('GET', base + 'next')\n    a = c.getresponse()\n"
            "    body = a.read()\n    name = a.headers['Lambda-Runtime-Aws-Request-Id']\n"
            "    c.request('POST', base + name + '/response', body)\n    c.getresponse().read()\n");
  return 0;
}
