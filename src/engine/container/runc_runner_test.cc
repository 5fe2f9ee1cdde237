// SPDX-License-Identifier: Apache-2.0
// The runc runner against the real runc, kernel and control groups of this machine.
#include "engine/container/runc_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "engine/container/testing/world.h"

namespace suiro::container {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using StopCode = TaskReport::StopCode;

// --- how a container ends

TEST_F(RuncRunnerTest, TellsExitCodesAndOutput) {
  auto spec = task("echo one; echo two >&2; printf three; exit 7");
  auto report = run(spec);
  EXPECT_EQ(report.containers[0].exit_code, 7);
  EXPECT_EQ(report.stop_code, StopCode::kEssentialContainerExited);
  EXPECT_EQ(report.stopped_reason, "Essential container in task exited");
  EXPECT_EQ(output(spec), "one\ntwo\nthree\n");
  EXPECT_TRUE(report.started && report.pull_stopped && report.execution_stopped);
  EXPECT_EQ(report.containers[0].state, ContainerState::kStopped);
  EXPECT_GT(report.containers[0].processor_time.count(), 0);
}

TEST_F(RuncRunnerTest, TellsTheSignalThatEndedIt) {
  EXPECT_EQ(run(task("kill -9 $$")).containers[0].exit_code.value_or(-1), 0)
      << "the first process of a namespace does not end itself";
  auto spec = task("kill -USR1 $$");
  spec.containers[0].init_process = true;
  EXPECT_EQ(run(spec).containers[0].exit_code, 128 + SIGUSR1);
}

TEST_F(RuncRunnerTest, AProgramThatDoesNotExistIsToldByName) {
  auto spec = task("");
  spec.containers[0].entry_point = {"/no/such/program"};
  auto report = run(spec);
  EXPECT_THAT(report.containers[0].reason, HasSubstr("CannotStartContainerError: "));
  EXPECT_THAT(report.containers[0].reason, HasSubstr("/no/such/program"));
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
  EXPECT_FALSE(report.containers[0].exit_code);
}

TEST_F(RuncRunnerTest, AnImageThatDoesNotExistIsToldByName) {
  auto spec = task("");
  spec.containers[0].image = "nothing:here";
  auto report = run(spec);
  EXPECT_EQ(report.stopped_reason, "CannotPullContainerError: name unknown: nothing:here");
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
}

TEST_F(RuncRunnerTest, OutOfMemoryIsNamed) {
  auto spec = task("a=x; while true; do a=$a$a; done");
  spec.memory_mb = 32;
  auto report = run(spec);
  EXPECT_TRUE(report.containers[0].out_of_memory);
  EXPECT_EQ(report.containers[0].exit_code, 137);
  EXPECT_EQ(report.containers[0].reason, "OutOfMemoryError: Container killed due to memory usage");
}

TEST_F(RuncRunnerTest, TheMemoryOfAllContainersTogetherIsBounded) {
  auto spec = task("dd if=/dev/zero of=/dev/shm/a bs=1M count=40 2>/dev/null && sleep 60; exit 1");
  spec.memory_mb = 48;
  auto other = spec.containers[0];
  other.name = "other";
  spec.containers.push_back(other);
  auto report = run(spec);
  EXPECT_TRUE(report.containers[0].out_of_memory || report.containers[1].out_of_memory);
}

// --- stopping

TEST_F(RuncRunnerTest, StopSendsTheSignalFirst) {
  auto spec = task("trap 'echo stopped; exit 3' TERM; echo ready; while true; do sleep 0.05; done");
  begin(spec);
  ASSERT_TRUE(bed->collector.wait_line(key(spec), "ready"));
  ASSERT_TRUE(bed->wait(bed->runner->stop(spec.id)));
  auto report = finish(spec);
  EXPECT_EQ(report.containers[0].exit_code, 3);
  EXPECT_EQ(report.stop_code, StopCode::kStopRequested);
  EXPECT_EQ(output(spec), "ready\nstopped\n");
}

TEST_F(RuncRunnerTest, NothingOutlivesItsStop) {
  // Ignores every signal, leaves its session, and forks on.
  auto spec = task(
      "trap '' TERM INT HUP; echo ready; while true; do (trap '' TERM; sleep 1000) & "
      "sleep 0.05; done");
  spec.containers[0].stop_timeout = std::chrono::seconds(1);
  begin(spec);
  ASSERT_TRUE(bed->collector.wait_line(key(spec), "ready"));
  ASSERT_TRUE(bed->wait(bed->runner->stop(spec.id)));
  EXPECT_EQ(finish(spec).containers[0].exit_code, 137);
  bed->wait_void(bed->runner->forget(spec.id));
  EXPECT_TRUE(gone(spec.id));
  EXPECT_THAT(processes_with(spec.id), IsEmpty());
  EXPECT_THAT(loops_with(spec.id), IsEmpty());
}

TEST_F(RuncRunnerTest, ContainersStopInReverseOrder) {
  auto spec = task("trap 'date +%s%N; exit' TERM; while true; do sleep 0.02; done");
  auto second = spec.containers[0];
  second.name = "second";
  second.dependencies = {{"main", Dependency::Condition::kStart}};
  spec.containers.push_back(second);
  begin(spec);
  ASSERT_TRUE(bed->collector.wait(spec.id, [](const auto& report) {
    return report.containers[1].state == ContainerState::kRunning;
  }));
  ASSERT_TRUE(bed->wait(bed->runner->stop(spec.id)));
  auto report = finish(spec);
  EXPECT_GE(*report.containers[1].started, *report.containers[0].started);
  EXPECT_GE(*report.containers[0].stopped, *report.containers[1].stopped);
}

// --- order

// A container like the first one, which waits for it.
ContainerSpec& add_before(TaskSpec& spec, std::string name, Dependency::Condition condition) {
  spec.containers[0].dependencies = {{name, condition}};
  spec.containers.push_back(spec.containers[0]);
  spec.containers.back().name = std::move(name);
  spec.containers.back().dependencies.clear();
  return spec.containers.back();
}

TEST_F(RuncRunnerTest, WaitsForSuccessAndCompletion) {
  auto spec = task("cat /work/made");
  spec.volumes = {{"work", ""}};
  spec.containers[0].mounts = {{"work", "/work"}};
  auto& first = add_before(spec, "first", Dependency::Condition::kSuccess);
  first.essential = false;
  first.command = {"usleep 200000; echo by first > /work/made"};
  EXPECT_EQ(run(spec).containers[0].exit_code, 0);
  EXPECT_EQ(output(spec), "by first\n");
}

TEST_F(RuncRunnerTest, AFailedDependencyKeepsTheContainerFromStarting) {
  auto spec = task("echo never");
  auto& first = add_before(spec, "first", Dependency::Condition::kSuccess);
  first.essential = false;
  first.command = {"exit 4"};
  auto report = run(spec);
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
  EXPECT_THAT(report.stopped_reason, HasSubstr("first exited with code 4"));
  EXPECT_FALSE(report.containers[0].started);
  EXPECT_EQ(output(spec), "");
}

TEST_F(RuncRunnerTest, CompletionIsAnyEnd) {
  auto spec = task("echo after");
  auto& first = add_before(spec, "first", Dependency::Condition::kComplete);
  first.essential = false;
  first.command = {"usleep 200000; exit 4"};
  auto report = run(spec);
  EXPECT_EQ(report.containers[0].exit_code, 0);
  EXPECT_EQ(report.containers[1].exit_code, 4);
  EXPECT_GE(*report.containers[0].started, *report.containers[1].stopped);
  EXPECT_EQ(output(spec), "after\n");
}

TEST_F(RuncRunnerTest, ADependencyThatEndsBeforeItIsHealthyKeepsTheContainerFromStarting) {
  auto spec = task("echo never");
  auto& base = add_before(spec, "base", Dependency::Condition::kHealthy);
  base.essential = false;
  base.command = {"exit 0"};
  base.health_check =
      HealthCheck{.command = {"CMD-SHELL", "test -f /ready"}, .interval = std::chrono::seconds(1)};
  auto report = run(spec);
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
  EXPECT_THAT(report.stopped_reason, HasSubstr("base stopped (condition HEALTHY)"));
  EXPECT_FALSE(report.containers[0].started);
}

TEST_F(RuncRunnerTest, ADependencyThatCannotStartKeepsTheContainerFromStarting) {
  for (auto condition : {Dependency::Condition::kStart, Dependency::Condition::kComplete}) {
    auto spec = task("echo never");
    auto& first = add_before(spec, "first", condition);
    first.essential = false;
    first.entry_point = {"/bin/absent"};
    auto report = run(spec);
    EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
    EXPECT_THAT(report.stopped_reason, HasSubstr("first was not started"));
    EXPECT_FALSE(report.containers[0].started);
  }
}

TEST_F(RuncRunnerTest, WaitsForHealth) {
  auto spec = task("echo started after health");
  auto& base = add_before(spec, "base", Dependency::Condition::kHealthy);
  base.command = {"usleep 300000; touch /ready; sleep 60"};
  base.stop_timeout = std::chrono::seconds(1);
  base.health_check = HealthCheck{.command = {"CMD-SHELL", "echo checked; test -f /ready"},
                                  .interval = std::chrono::seconds(1)};
  auto report = run(spec);
  EXPECT_EQ(report.containers[1].health, Health::kHealthy);
  EXPECT_EQ(report.containers[0].exit_code, 0);
}

TEST_F(RuncRunnerTest, AFailingCheckMakesUnhealthyAndAStartTimeoutGivesUp) {
  auto spec = task("echo never");
  auto& base = add_before(spec, "base", Dependency::Condition::kHealthy);
  base.command = {"sleep 60"};
  base.stop_timeout = std::chrono::seconds(1);
  base.start_timeout = std::chrono::seconds(3);
  base.health_check = HealthCheck{.command = {"CMD", "/bin/sleep", "30"},
                                  .interval = std::chrono::seconds(1),
                                  .timeout = std::chrono::seconds(1),
                                  .retries = 1};
  auto report = run(spec);
  EXPECT_EQ(report.containers[1].health, Health::kUnhealthy);
  EXPECT_THAT(report.stopped_reason, HasSubstr("did not reach HEALTHY within 3 s"));
}

TEST_F(RuncRunnerTest, RestartsByItsPolicy) {
  auto spec =
      task("echo run >> /count; cat /count; test $(wc -l < /count) -lt 3 || exit 9; exit 1");
  spec.containers[0].restart =
      RestartPolicy{.ignored_exit_codes = {9}, .attempt_period = std::chrono::seconds(0)};
  auto report = run(spec);
  EXPECT_EQ(report.containers[0].restarts, 2U);
  EXPECT_EQ(report.containers[0].exit_code, 9);
  EXPECT_EQ(output(spec), "run\nrun\nrun\nrun\nrun\nrun\n");
}

// --- what it is given

TEST_F(RuncRunnerTest, GivesWhatTheSpecSays) {
  auto spec = task(
      "id; pwd; echo $GREETING $HOME; hostname; ulimit -n; cat /etc/hosts; df -m "
      "/scratch /dev/shm | tail -2; cat /proc/sys/net/core/somaxconn; touch /x");
  auto& container = spec.containers[0];
  container.user = "worker";
  container.working_directory = "/tmp";
  container.environment = {{"GREETING", "hello \"you\""}};
  container.hostname = "batch";
  container.ulimits = {{"nofile", 99, 100}};
  container.extra_hosts = {{"lake", "10.1.2.3"}};
  container.tmpfs = {{"/scratch", 3, {"noexec"}}};
  container.shared_memory_mb = 5;
  container.system_controls = {{"net.core.somaxconn", "77"}};
  container.read_only_root = true;
  EXPECT_NE(run(spec).containers[0].exit_code, 0);
  std::string text = output(spec);
  EXPECT_THAT(text, HasSubstr("uid=1000(worker) gid=1000(worker) groups=2000(renders)"));
  EXPECT_THAT(text, HasSubstr("\n/tmp\nhello \"you\" /tmp\nbatch\n99\n"));
  EXPECT_THAT(text, HasSubstr("10.1.2.3 lake"));
  EXPECT_THAT(text, HasSubstr("\n77\n"));
  EXPECT_THAT(text, HasSubstr("Read-only file system"));
  EXPECT_THAT(text, HasSubstr(" 3 "));
}

TEST_F(RuncRunnerTest, VolumesOfTheMachineOnlyWhereAllowed) {
  std::string shared = bed->root() + "/data/allowed/shared";
  auto spec = task("cat /v/given; echo back > /v/made; id -u");
  std::ofstream(shared + "/given") << "given\n";
  spec.volumes = {{"v", shared}};
  spec.containers[0].mounts = {{"v", "/v"}};
  EXPECT_EQ(run(spec).containers[0].exit_code, 0) << output(spec);
  EXPECT_EQ(output(spec), "given\n0\n");
  struct stat status{};
  ASSERT_EQ(::stat((shared + "/made").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);

  auto outside = task("true");
  outside.volumes = {{"v", "/etc"}};
  EXPECT_THAT(bed->wait(bed->runner->run(outside)).error().message,
              HasSubstr("[tasks] host_volumes"));
  outside.volumes = {{"v", shared + "/../../run"}};
  EXPECT_FALSE(bed->wait(bed->runner->run(outside)));
  // A link that a container could have made.
  std::filesystem::create_symlink("/etc", shared + "/trap");
  auto trapped = task("cat /v/shadow");
  trapped.volumes = {{"v", shared + "/trap"}};
  trapped.containers[0].mounts = {{"v", "/v"}};
  auto report = run(trapped);
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
  EXPECT_THAT(report.stopped_reason,
              HasSubstr("ResourceInitializationError: open volume shared/trap"));
}

TEST_F(RuncRunnerTest, RefusesWhatItDoesNotDo) {
  auto refused = [&](auto change) {
    auto spec = task("true");
    change(spec);
    auto result = bed->wait(bed->runner->run(spec));
    return result ? std::string("not refused") : result.error().message;
  };
  EXPECT_THAT(refused([](auto& s) { s.containers[0].privileged = true; }), HasSubstr("privileged"));
  EXPECT_THAT(refused([](auto& s) { s.network = NetworkMode::kHost; }), HasSubstr("network"));
  EXPECT_THAT(refused([](auto& s) { s.containers[0].add_capabilities = {"SYS_ADMIN"}; }),
              HasSubstr("SYS_ADMIN"));
  EXPECT_THAT(refused([](auto& s) {
                s.network = NetworkMode::kBridge;
                s.containers[0].ports = {{80, 8080, "tcp"}};
              }),
              HasSubstr("published"));
  EXPECT_THAT(refused([](auto& s) { s.containers[0].system_controls = {{"kernel.panic", "1"}}; }),
              HasSubstr("kernel.panic"));
  EXPECT_THAT(refused([](auto& s) { s.containers[0].dependencies = {{"main", {}}}; }),
              HasSubstr("circular"));
  EXPECT_THAT(refused([](auto& s) { s.containers[0].tmpfs = {{"/a", 1, {"size=9g"}}}; }),
              HasSubstr("size=9g"));
}

}  // namespace
}  // namespace suiro::container
