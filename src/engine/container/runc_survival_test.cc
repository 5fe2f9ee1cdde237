// SPDX-License-Identifier: Apache-2.0
// Tasks while their runner is killed and started again.
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <functional>
#include <random>

#include "engine/container/records.h"
#include "engine/container/testing/world.h"

extern char** environ;

namespace suiro::container {
namespace {

using testing::HasSubstr;
using StopCode = TaskReport::StopCode;

// A folder in which runners come and go.
class RuncSurvivalTest : public RuncRunnerTest {
 protected:
  void SetUp() override {
    RuncRunnerTest::SetUp();
    if (!refusal.empty()) return;
    root_ = make_root();
    std::filesystem::create_directories(root_ + "/lines");
    FolderImages(root_ + "/images").make("busybox");
  }
  void TearDown() override {
    if (root_.empty()) return;
    {
      Bed last(root_);
      if (last.start()) last.wait_void(last.runner->keep_only({}));
    }
    EXPECT_FALSE(std::filesystem::exists(folder_of(test_id(1))));
    std::filesystem::remove_all(root_);
  }
  // Runs a runner in a process of its own until it says that it is up, or for a time, and then
  // until `meanwhile` returns.
  void run_and_kill(std::vector<std::string> more, const std::function<void()>& meanwhile,
                    int wait_ms = 20'000) {
    std::vector<std::string> words{SUIRO_SURVIVOR, root_};
    words.insert(words.end(), more.begin(), more.end());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t process = -1;
    ASSERT_EQ(::posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    pollfd waited{ends[0], POLLIN, 0};
    (void)::poll(&waited, 1, wait_ms);
    meanwhile();
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    ::close(ends[0]);
  }
  static std::function<void()> pause(useconds_t microseconds) {
    return [microseconds] { ::usleep(microseconds); };
  }
  std::string folder_of(const std::string& id) const { return root_ + "/data/run/tasks/" + id; }
  // What was committed of the output, by whichever runner.
  std::string committed() {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(root_ + "/lines")) {
      std::string name = entry.path().filename();
      if (!name.contains(".to")) names.insert(name);
    }
    std::string text;
    for (const auto& name : names) {
      std::ifstream in(root_ + "/lines/" + name);
      text.append(std::istreambuf_iterator<char>(in), {});
    }
    return text;
  }
  // Until the task's first line is committed.
  std::function<void()> is_up() {
    return [this] { EXPECT_TRUE(eventually([&] { return committed().starts_with("up\n"); })); };
  }
  std::string root_;
};

TEST_F(RuncSurvivalTest, NoLineAndNoExitCodeIsLostToKills) {
  constexpr int kLines = 600;
  run_and_kill({"1",
                "i=1; while [ $i -le 600 ]; do echo line $i; i=$((i+1)); usleep 5000; done; "
                "exit 42"},
               pause(200'000));
  std::mt19937 dice(20);
  for (int round = 0; round < 6; ++round) run_and_kill({}, pause(dice() % 300'000), 700);
  Bed last(root_);
  last.collector.folder = root_ + "/lines";
  ASSERT_TRUE(last.start());
  ASSERT_TRUE(last.collector.wait(test_id(1), [](const auto& report) { return report.ended(); }));
  auto report = last.collector.report(test_id(1));
  EXPECT_EQ(report.containers[0].exit_code, 42);
  EXPECT_EQ(report.stop_code, StopCode::kEssentialContainerExited);
  EXPECT_EQ(report.containers[0].restarts, 0U);
  std::string expected;
  for (int i = 1; i <= kLines; ++i) expected += fmt::format("line {}\n", i);
  EXPECT_EQ(committed(), expected);
}

TEST_F(RuncSurvivalTest, WhatEndedMeanwhileIsReported) {
  run_and_kill({"1", "echo up; usleep 300000; echo end; exit 5"}, is_up());
  ASSERT_TRUE(
      eventually([&] { return std::filesystem::exists(folder_of(test_id(1)) + "/c/0/exit"); }));
  Bed last(root_);
  ASSERT_TRUE(last.start());
  ASSERT_TRUE(last.collector.wait(test_id(1), [](const auto& report) { return report.ended(); }));
  EXPECT_EQ(last.collector.report(test_id(1)).containers[0].exit_code, 5);
  EXPECT_THAT(committed() + last.collector.text(test_id(1) + ".main"), HasSubstr("end\n"));
}

TEST_F(RuncSurvivalTest, ARunnerThatIsKilledWhileItStartsATaskStartsItOnce) {
  std::mt19937 dice(7);
  for (int round = 0; round < 5; ++round) {
    // The script leaves a mark for each time that it runs.
    run_and_kill({"1", "echo mark; sleep 1000", "early"}, pause(dice() % 120'000));
  }
  Bed last(root_);
  last.collector.folder = root_ + "/lines";
  ASSERT_TRUE(last.start());
  auto spec = shell_task(1, "echo mark; sleep 1000");
  spec.containers[0].stop_timeout = std::chrono::seconds(0);
  ASSERT_TRUE(last.wait(last.runner->run(spec)));
  ASSERT_TRUE(eventually([&] { return !committed().empty(); }));
  ASSERT_TRUE(last.wait(last.runner->stop(spec.id)));
  ASSERT_TRUE(last.collector.wait(spec.id, [](const auto& report) { return report.ended(); }));
  EXPECT_EQ(committed(), "mark\n");
}

TEST_F(RuncSurvivalTest, AStopGoesOnAfterAKill) {
  run_and_kill(
      {"1", "trap 'echo stopped; exit 6' TERM; echo up; while true; do usleep 20000; done"},
      is_up());
  Bed last(root_);
  ASSERT_TRUE(last.start());
  ASSERT_TRUE(last.wait(last.runner->stop(test_id(1))));
  ASSERT_TRUE(last.collector.wait(test_id(1), [](const auto& report) { return report.ended(); }));
  EXPECT_EQ(last.collector.report(test_id(1)).containers[0].exit_code, 6);
}

TEST_F(RuncSurvivalTest, ARestartOfTheMachineIsTold) {
  run_and_kill({"1", "echo up; sleep 1000"}, is_up());
  std::string folder = folder_of(test_id(1));
  pid_t supervisor = 0;
  std::ifstream(folder + "/supervisor") >> supervisor;
  ASSERT_GT(supervisor, 1);
  ::kill(supervisor, SIGKILL);
  std::ifstream in(folder + "/state");
  auto state = decode_state(std::string{std::istreambuf_iterator<char>(in), {}});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->phase, Phase::kSupervised);
  state->boot_id = "another";
  std::ofstream(folder + "/state") << encode_state(*state);
  Bed last(root_);
  last.collector.folder = root_ + "/lines";
  ASSERT_TRUE(last.start());
  ASSERT_TRUE(last.collector.wait(test_id(1), [](const auto& report) { return report.ended(); }));
  auto report = last.collector.report(test_id(1));
  EXPECT_EQ(report.stop_code, StopCode::kTerminationNotice);
  EXPECT_EQ(report.stopped_reason, "The machine was restarted while the task ran");
  EXPECT_EQ(committed(), "up\n");
}

TEST_F(RuncSurvivalTest, ALostSupervisorIsToldAndItsContainersEnd) {
  Bed last(root_);
  ASSERT_TRUE(last.start());
  auto spec = shell_task(1, "echo up; sleep 1000");
  ASSERT_TRUE(last.wait(last.runner->run(spec)));
  ASSERT_TRUE(last.collector.wait_line(spec.id + ".main", "up"));
  pid_t supervisor = 0;
  std::ifstream(folder_of(spec.id) + "/supervisor") >> supervisor;
  ASSERT_GT(supervisor, 1);
  ::kill(supervisor, SIGKILL);
  ASSERT_TRUE(last.collector.wait(spec.id, [](const auto& report) { return report.ended(); }));
  auto report = last.collector.report(spec.id);
  EXPECT_EQ(report.stop_code, StopCode::kTerminationNotice);
  EXPECT_THAT(report.containers[0].reason, HasSubstr("supervisor ended unexpectedly"));
  EXPECT_FALSE(report.containers[0].exit_code);
}

}  // namespace
}  // namespace suiro::container
