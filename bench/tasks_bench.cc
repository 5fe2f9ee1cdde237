// SPDX-License-Identifier: Apache-2.0
// How fast a task starts: from run() to the first line that its container wrote, by the time that
// the line's frame has (the container's write) and by the time at which the observer has it;
// beside `runc run` of the same program. One after the other, in turn. Needs root, runc, busybox.
//   tasks_bench [starts]            prints one JSON object: milliseconds
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "engine/container/process.h"
#include "engine/container/testing/bed.h"

namespace {

using namespace suiro;
using namespace suiro::container;
using Steady = std::chrono::steady_clock;

constexpr int kStartsDefault = 30;
constexpr int kTimeoutMs = 30'000;

double since(Steady::time_point begin) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The plainest bundle that runc takes, over the same files.
std::string bare_bundle(const std::string& root) {
  std::string bundle = root + "/bundle";
  std::filesystem::create_directories(bundle);
  auto made = run_process({"/bin/sh", "-c", "cd " + bundle + " && /usr/sbin/runc spec"},
                          Errors::kWithOutput, kTimeoutMs);
  CHECK(made && made->status == 0, "runc spec");
  std::ifstream in(bundle + "/config.json");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  auto replace = [&](const std::string& from, const std::string& to) {
    size_t at = text.find(from);
    CHECK(at != std::string::npos, from);
    text.replace(at, from.size(), to);
  };
  replace("\"terminal\": true", "\"terminal\": false");
  replace("\"sh\"", "\"/bin/echo\", \"up\"");
  replace("\"path\": \"rootfs\"", "\"path\": \"" + root + "/images/busybox\"");
  std::ofstream(bundle + "/config.json") << text;
  return bundle;
}

}  // namespace

int main(int count, char** argument) {
  int starts = count > 1 ? std::stoi(argument[1]) : kStartsDefault;
  char pattern[] = "/tmp/suiro-tasks-bench-XXXXXX";
  CHECK(::mkdtemp(pattern) != nullptr);
  std::string root = pattern;
  std::vector<double> bare, task;
  {
    Bed bed(root);
    bed.images.make("busybox");
    CHECK(bed.start());
    CHECK(bed.runner->probe().refusal.empty(), bed.runner->probe().refusal);
    std::string bundle = bare_bundle(root);
    for (int i = 0; i < starts; ++i) {
      auto begin = Steady::now();
      auto ran = run_process({"/usr/sbin/runc", "--root", root + "/bare", "run", "--bundle", bundle,
                              fmt::format("bare-{}-{}", ::getpid(), i)},
                             Errors::kWithOutput, kTimeoutMs);
      bare.push_back(since(begin));
      CHECK(ran && ran->output == "up\n", ran ? ran->output : "runc run");
      auto spec = shell_task(static_cast<unsigned>(i) + 1, "");
      spec.containers[0].entry_point = {"/bin/echo", "up"};
      spec.containers[0].command = {};
      begin = Steady::now();
      CHECK(bed.wait(bed.runner->run(spec)));
      CHECK(bed.collector.wait_line(spec.id + ".main", "up"));
      task.push_back(since(begin));
      CHECK(bed.collector.wait(spec.id, [](const auto& report) { return report.ended(); }));
      bed.wait_void(bed.runner->forget(spec.id));
    }
    bed.wait_void(bed.runner->keep_only({}));
  }
  std::filesystem::remove_all(root);
  fmt::print(
      "{{\"starts\": {}, \"task_p50_ms\": {:.1f}, \"runc_p50_ms\": {:.1f}, \"ratio\": "
      "{:.2f}}}\n",
      starts, median(task), median(bare), median(task) / median(bare));
}
