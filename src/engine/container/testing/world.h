// SPDX-License-Identifier: Apache-2.0
// One runner for the whole test program: it probes the machine once. Tests are left out, with the
// reason, where the machine cannot run tasks.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "engine/container/testing/bed.h"

namespace suiro::container {

inline std::string make_root() {
  char pattern[] = "/tmp/suiro-container-test-XXXXXX";
  CHECK(::mkdtemp(pattern) != nullptr);
  return pattern;
}

// One runner for the whole program: it probes the machine once.
inline std::unique_ptr<Bed> bed;
inline std::string refusal;

class World : public testing::Environment {
 public:
  void SetUp() override {
    bed = std::make_unique<Bed>(make_root(), [](RuncConfig& config) {
      config.allowances.host_volumes = {config.run_directory + "/../allowed"};
    });
    bed->images.make("busybox", [](const std::string& layer) {
      // A program that gives its caller root, where the machine lets it.
      std::filesystem::copy_file("/bin/busybox", layer + "/bin/rooted");
      ::chmod((layer + "/bin/rooted").c_str(), 04755);
    });
    std::filesystem::create_directories(bed->root() + "/data/allowed/shared");
    auto started = bed->start();
    if (started) bed->wait_void(bed->runner->probed(RealClock().now() + std::chrono::minutes(2)));
    refusal = started ? bed->runner->probe().refusal : started.error().message;
    for (const auto& line : bed->runner->probe().lines) {
      std::printf("probe: %s: %s%s\n", line.protection.c_str(), line.present ? "" : "MISSING ",
                  line.detail.c_str());
    }
  }
  void TearDown() override {
    std::string root = bed->root();
    bed->wait_void(bed->runner->keep_only({}));
    bed.reset();
    std::filesystem::remove_all(root);
  }
};
inline const auto* const kWorld = testing::AddGlobalTestEnvironment(new World);
inline unsigned next_number = 1;

class RuncRunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!refusal.empty()) GTEST_SKIP() << refusal;
  }
  TaskSpec task(std::string script) { return shell_task(next_number++, std::move(script)); }
  std::string key(const TaskSpec& spec) { return spec.id + ".main"; }
  void begin(const TaskSpec& spec) {
    auto run = bed->wait(bed->runner->run(spec));
    ASSERT_TRUE(run) << run.error().message;
  }
  TaskReport finish(const TaskSpec& spec) {
    EXPECT_TRUE(bed->collector.wait(spec.id, [](const auto& report) { return report.ended(); }))
        << bed->collector.text(key(spec));
    return bed->collector.report(spec.id);
  }
  TaskReport run(const TaskSpec& spec) {
    begin(spec);
    return finish(spec);
  }
  std::string output(const TaskSpec& spec) { return bed->collector.text(key(spec)); }
  // Files behind loop devices that are the task's.
  static std::vector<std::string> loops_with(const std::string& id) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/block")) {
      std::ifstream in(entry.path() / "loop/backing_file");
      std::string file;
      if (std::getline(in, file) && file.contains(id)) found.push_back(file);
    }
    return found;
  }
  // Command lines of processes that name the task.
  static std::vector<std::string> processes_with(const std::string& id) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream in(entry.path() / "cmdline");
      std::string line{std::istreambuf_iterator<char>(in), {}};
      if (line.contains(id)) found.push_back(line);
    }
    return found;
  }
  static bool gone(const std::string& id) {
    return eventually(
        [&] { return !std::filesystem::exists(bed->root() + "/data/run/tasks/" + id); });
  }
};

}  // namespace suiro::container
