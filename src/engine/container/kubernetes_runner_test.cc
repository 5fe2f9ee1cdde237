// SPDX-License-Identifier: Apache-2.0
// The Kubernetes runner against recordings of the API's documented forms.
#include "engine/container/kubernetes_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ssl/impl/src.hpp>

#include "base/testing.h"
#include "engine/container/kubernetes_status.h"
#include "engine/container/testing/bed.h"
#include "engine/container/testing/recorded_cluster.h"

namespace suiro::container {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using StopCode = TaskReport::StopCode;

TaskSpec job_task() {
  auto spec = shell_task(1, "work");
  spec.network = NetworkMode::kBridge;
  return spec;
}

class KubernetesRunnerTest : public testing::Test {
 protected:
  KubernetesRunnerTest() : shards_(1) { shards_.start(); }
  ~KubernetesRunnerTest() override {
    close();
    shards_.stop();
    for (const auto& folder : folders_) std::filesystem::remove_all(folder);
  }
  void open(const std::string& recording, const CertificateFiles& tls = {}) {
    close();
    cluster = std::make_unique<RecordedCluster>(SUIRO_RECORDINGS "/" + recording + ".txt", tls);
    config.url = cluster->url();
    if (config.token_file.empty()) config.token = "test-token";
    config.name_space = "batch";
    config.instance = "test";
    config.poll = Millis(5);
    runner = make_kubernetes_runner(config, clock_);
    ASSERT_TRUE(wait(runner->start(&collector)));
  }
  void close() {
    if (runner) wait(runner->detach());
    runner.reset();
    cluster.reset();
  }
  template <class T>
  T wait(Task<T> task) {
    return asio::co_spawn(shards_.executor(0), std::move(task), asio::use_future).get();
  }
  TaskReport finish() {
    EXPECT_TRUE(collector.wait(id, [](const auto& report) { return report.ended(); }));
    return collector.report(id);
  }
  TaskReport run(const std::string& recording) {
    open(recording);
    auto done = wait(runner->run(job_task()));
    EXPECT_TRUE(done) << done.error().message;
    return finish();
  }
  // Waits until the whole recording was asked for; what was not, and what else was, fails.
  void expect_all() {
    EXPECT_TRUE(eventually([&] { return cluster->unused().empty(); }))
        << ::testing::PrintToString(cluster->unused());
    EXPECT_THAT(cluster->unexpected(), IsEmpty());
  }
  void forget() {
    wait(runner->forget(id));
    expect_all();
  }
  std::string refusal(const std::function<void(TaskSpec&)>& change) {
    auto spec = job_task();
    change(spec);
    auto done = wait(runner->run(spec));
    return done ? "taken" : done.error().code + ": " + done.error().message;
  }

  std::string make_folder(const std::string& name) {
    auto path =
        std::filesystem::path(::testing::TempDir()) / fmt::format("kube-{}-{}", name, ::getpid());
    std::filesystem::create_directories(path);
    folders_.push_back(path.string());
    return path.string();
  }

  RealClock clock_;
  Shards shards_;
  std::vector<std::string> folders_;
  KubernetesConfig config;
  Collector collector;
  std::unique_ptr<RecordedCluster> cluster;
  std::unique_ptr<TaskRunner> runner;
  const std::string id = test_id(1);
};

TEST_F(KubernetesRunnerTest, RunsAJobAndTakesItsOutput) {
  auto report = run("success");
  const auto& container = report.containers.at(0);
  EXPECT_EQ(container.exit_code, 0);
  EXPECT_EQ(report.stop_code, StopCode::kEssentialContainerExited);
  EXPECT_EQ(collector.text(id + ".main"), "one\ntwo\nthree\n");
  EXPECT_FALSE(collector.has_gap(id + ".main"));
  EXPECT_TRUE(container.image_digest.starts_with("sha256:abab"));
  EXPECT_EQ(format_iso8601(report.started.value()), "2026-11-20T10:00:01.000Z");
  EXPECT_EQ(format_iso8601(report.execution_stopped.value()), "2026-11-20T10:00:09.000Z");
  forget();
}

TEST_F(KubernetesRunnerTest, TellsTheExitCode) {
  auto report = run("exit_code");
  EXPECT_EQ(report.containers[0].exit_code, 7);
  EXPECT_EQ(collector.text(id + ".main"), "bad\n");
  forget();
}

TEST_F(KubernetesRunnerTest, OutOfMemoryIsNamed) {
  auto report = run("out_of_memory");
  EXPECT_TRUE(report.containers[0].out_of_memory);
  EXPECT_EQ(report.containers[0].exit_code, 137);
  EXPECT_EQ(report.containers[0].reason, "OutOfMemoryError: Container killed due to memory usage");
  forget();
}

TEST_F(KubernetesRunnerTest, AnImageThatDoesNotExistIsToldByName) {
  auto report = run("pull_error");
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
  EXPECT_THAT(report.stopped_reason, HasSubstr("CannotPullContainerError: failed to pull"));
  EXPECT_FALSE(report.containers[0].exit_code);
  expect_all();
}

TEST_F(KubernetesRunnerTest, StopDeletesTheJob) {
  open("stop");
  ASSERT_TRUE(wait(runner->run(job_task())));
  ASSERT_TRUE(collector.wait_line(id + ".main", "one"));
  ASSERT_TRUE(wait(runner->stop(id)));
  auto report = finish();
  EXPECT_EQ(report.stop_code, StopCode::kStopRequested);
  EXPECT_EQ(report.containers[0].exit_code, 143);
  EXPECT_EQ(collector.text(id + ".main"), "one\nthree\n");
  forget();
}

TEST_F(KubernetesRunnerTest, ATaskIsFoundAgainWithoutALineTwice) {
  collector.folder = make_folder("lines");
  open("restart_before");
  ASSERT_TRUE(wait(runner->run(job_task())));
  ASSERT_TRUE(collector.wait_line(id + ".main", "two"));
  expect_all();
  open("restart_after");
  wait(runner->keep_only({id}));
  EXPECT_EQ(wait(runner->known()), std::vector<std::string>{id});
  EXPECT_EQ(finish().containers[0].exit_code, 0);
  EXPECT_EQ(collector.text(id + ".main"), "one\ntwo\nthree\n");
  forget();
}

TEST_F(KubernetesRunnerTest, FailuresOfTheClusterAreTriedAgain) {
  EXPECT_EQ(run("errors").containers[0].exit_code, 0);
  forget();
}

TEST_F(KubernetesRunnerTest, AJobThatTheClusterRefusesFailsToStart) {
  auto report = run("refused");
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
  EXPECT_THAT(report.stopped_reason, HasSubstr("CannotStartContainerError: "));
  EXPECT_THAT(report.stopped_reason, HasSubstr("Required value"));
}

TEST_F(KubernetesRunnerTest, AJobThatSomebodyDeletesIsTold) {
  auto report = run("job_deleted");
  EXPECT_EQ(report.stop_code, StopCode::kTerminationNotice);
  EXPECT_EQ(report.stopped_reason, "the Job was deleted in the cluster");
  EXPECT_FALSE(report.containers[0].exit_code);
  forget();
}

// An init container, two that run together, a volume of both and one in memory.
TaskSpec several() {
  auto spec = job_task();
  spec.memory_mb = 0;
  spec.volumes = {{"Data", ""}};
  auto& web = spec.containers[0];
  web.name = "web";
  web.memory_mb = 64;
  web.command = {"serve"};
  web.tmpfs = {{"/cache", 16, {}}};
  web.mounts = {{"Data", "/data", Access::kReadOnly}};
  web.dependencies = {{"Prepare_it", Dependency::Condition::kSuccess}};
  auto side = web;
  side.name = "side";
  side.essential = false;
  side.command = {"watch"};
  side.tmpfs.clear();
  auto first = side;
  first.name = "Prepare_it";
  first.command = {"prepare"};
  first.mounts = {{"Data", "/data"}};
  first.dependencies.clear();
  spec.containers.push_back(side);
  spec.containers.push_back(first);
  return spec;
}

TEST_F(KubernetesRunnerTest, SeveralContainersOfAJob) {
  open("several");
  auto done = wait(runner->run(several()));
  ASSERT_TRUE(done) << done.error().message;
  auto report = finish();
  EXPECT_EQ(report.stop_code, StopCode::kEssentialContainerExited);
  ASSERT_EQ(report.containers.size(), 3u);
  EXPECT_EQ(report.containers[0].exit_code, 3);
  EXPECT_EQ(report.containers[1].exit_code, 143);
  EXPECT_EQ(report.containers[2].exit_code, 0);
  EXPECT_EQ(collector.text(id + ".web"), "serving\n");
  EXPECT_EQ(collector.text(id + ".side"), "watching\nended\n");
  EXPECT_EQ(collector.text(id + ".Prepare_it"), "prepared\n");
  forget();
}

TEST_F(KubernetesRunnerTest, ListsOfSeveralPages) {
  open("pages");
  auto known = wait(runner->known());
  ASSERT_TRUE(known);
  EXPECT_EQ(*known, (std::vector<std::string>{test_id(1), test_id(2)}));
  wait(runner->keep_only({}));
  expect_all();
}

TEST_F(KubernetesRunnerTest, SpeaksWithAClusterOfItsAuthorityAlone) {
  std::string folder = make_folder("tls");
  auto own = make_certificate(folder, "own"), other = make_certificate(folder, "other");
  config.ca_file = other.certificate;
  open("success", own);
  ASSERT_TRUE(wait(runner->run(job_task())));
  EXPECT_TRUE(eventually([&] { return cluster->refused_handshakes() > 1; }));
  EXPECT_THAT(cluster->unexpected(), IsEmpty());
  EXPECT_EQ(cluster->refused_tokens(), 0);
  config.ca_file = own.certificate;
  open("success", own);
  ASSERT_TRUE(wait(runner->run(job_task())));
  EXPECT_EQ(finish().containers[0].exit_code, 0);
  EXPECT_EQ(cluster->refused_handshakes(), 0);
  forget();
}

TEST_F(KubernetesRunnerTest, ATokenThatChangesInItsFileIsReadAgain) {
  config.token_file = make_folder("token") + "/token";
  std::ofstream(config.token_file) << "first\n";
  open("success");
  ASSERT_TRUE(wait(runner->run(job_task())));
  EXPECT_TRUE(eventually([&] { return cluster->refused_tokens() > 1; }));
  std::ofstream(config.token_file) << "test-token\n";
  EXPECT_EQ(finish().containers[0].exit_code, 0);
  forget();
}

TEST_F(KubernetesRunnerTest, RefusesByNameWhatAJobCannotDo) {
  open("refused");
  auto first = [](auto change) { return [change](TaskSpec& spec) { change(spec.containers[0]); }; };
  auto refuses = [&](const std::string& name, const std::function<void(TaskSpec&)>& change) {
    std::string text = refusal(change);
    EXPECT_THAT(text, HasSubstr("InvalidArgument: ")) << name;
    EXPECT_THAT(text, HasSubstr(name));
  };
  refuses("privileged", first([](auto& c) { c.privileged = true; }));
  refuses("ulimits", first([](auto& c) { c.ulimits = {{"nofile", 1, 1}}; }));
  refuses("systemControls", first([](auto& c) { c.system_controls["net.core.somaxconn"] = "9"; }));
  refuses("restartPolicy", first([](auto& c) { c.restart.emplace(); }));
  refuses("healthCheck",
          first([](auto& c) { c.health_check = HealthCheck{.command = {"CMD-SHELL", "true"}}; }));
  refuses("user worker", first([](auto& c) { c.user = "worker"; }));
  refuses("portMappings", [](TaskSpec& spec) {
    spec.network = NetworkMode::kAwsvpc;
    spec.containers[0].ports = {{80, 80, "tcp"}};
  });
  refuses("networkMode host", [](TaskSpec& spec) { spec.network = NetworkMode::kHost; });
  refuses("volume v", [](TaskSpec& spec) { spec.volumes = {{"v", "/srv"}}; });
  refuses("COMPLETE", [](TaskSpec& spec) {
    spec.memory_mb = 0;
    spec.containers.push_back(spec.containers[0]);
    spec.containers[1].name = "second";
    spec.containers[1].dependencies = {{"main", Dependency::Condition::kComplete}};
  });
}

}  // namespace
}  // namespace suiro::container
