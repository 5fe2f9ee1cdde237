// SPDX-License-Identifier: Apache-2.0
// The start of the runner and of tasks: the probe beside it, user ids, images of the real cache.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/container/records.h"
#include "engine/container/testing/world.h"
#include "engine/image/cache.h"
#include "engine/image/testing.h"

namespace suiro::container {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(RuncRunnerTest, TheStartDoesNotWaitForTheProbeAndTasksDo) {
  std::string root = make_root(), go = root + "/go", runc = root + "/runc";
  std::ofstream(runc) << "#!/bin/sh\nwhile [ ! -e " << go
                      << " ]; do sleep 0.02; done\nexec runc \"$@\"\n";
  ::chmod(runc.c_str(), 0755);
  {
    Bed slow(root, [&](RuncConfig& config) { config.runc = runc; });
    slow.images.make("busybox");
    auto started = slow.start();
    ASSERT_TRUE(started) << started.error().message;
    auto look = [&]() -> Task<RunnerProbe> { co_return slow.runner->probe(); };
    RunnerProbe early = slow.wait(look());
    EXPECT_TRUE(early.pending);
    EXPECT_GT(early.cpu_units, 0U);
    EXPECT_GT(early.memory_mb, 0U);
    slow.wait_void(slow.runner->probed(RealClock().now() + Millis(50)));
    auto spec = shell_task(1, "echo ran");
    auto run = slow.begin(slow.runner->run(spec));
    EXPECT_EQ(run.wait_for(Millis(50)), std::future_status::timeout);
    std::ofstream(go) << "now";
    auto taken = run.get();
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_FALSE(slow.wait(look()).pending);
    EXPECT_TRUE(slow.collector.wait_line(spec.id + ".main", "ran"));
    auto known = slow.wait(slow.runner->known());
    EXPECT_EQ(known, std::vector<std::string>{spec.id});
    slow.wait_void(slow.runner->keep_only({}));
  }
  std::filesystem::remove_all(root);
}

TEST_F(RuncRunnerTest, TasksThatArriveTogetherShareNoUserIds) {
  auto slot = [](unsigned number) { return stable_hash(test_id(number)) % kIdBases; };
  unsigned first = 1'000'000, second = first + 1;
  while (slot(second) != slot(first)) ++second;
  auto one = shell_task(first, "sleep 1000"), two = shell_task(second, "sleep 1000");
  for (auto* spec : {&one, &two}) spec->containers[0].stop_timeout = std::chrono::seconds(0);
  auto run_one = bed->begin(bed->runner->run(one)), run_two = bed->begin(bed->runner->run(two));
  ASSERT_TRUE(run_one.get());
  ASSERT_TRUE(run_two.get());
  auto base = [](const TaskSpec& spec) {
    auto state = decode_state(file_text(bed->root() + "/data/run/tasks/" + spec.id + "/state"));
    return state ? state->id_base : 0;
  };
  EXPECT_NE(base(one), 0U);
  EXPECT_NE(base(one), base(two));
  for (auto* spec : {&one, &two}) {
    bed->wait_void(bed->runner->forget(spec->id));
    EXPECT_TRUE(gone(spec->id));
  }
}

TEST_F(RuncRunnerTest, RunsAnImageOfTheRealCache) {
  std::string root = make_root();
  image::MemoryRegistry registry;
  std::string busybox = file_text("/bin/busybox");
  image::TarBuilder base;
  for (const char* folder : {"bin", "etc", "proc", "sys", "dev", "tmp"}) base.directory(folder);
  base.file("bin/busybox", busybox, 0755).link("bin/sh", "busybox").link("bin/cat", "busybox");
  base.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n");
  base.file("etc/group", "root:x:0:\nuser:x:1000:\n").file("etc/word", "lower");
  image::TarBuilder top;
  top.file("etc/word", "upper");
  std::string digest = registry.put("one", {base.finish(), top.finish()});
  RealClock clock;
  Shards shards(1);
  shards.start();
  auto wait = [&](auto task) {
    return asio::co_spawn(shards.executor(0), std::move(task), asio::use_future).get();
  };
  {
    image::Cache cache({.directory = root + "/images"}, shards, clock);
    cache.add_source(&registry);
    ASSERT_TRUE(wait(cache.start()));
    Collector collector;
    RuncConfig config;
    config.run_directory = root + "/run";
    config.instance = "test-" + std::filesystem::path(root).filename().string();
    config.disk_mb = 64;
    auto runner = make_runc_runner(config, cache, clock);
    auto started = wait(runner->start(&collector));
    ASSERT_TRUE(started) << started.error().message;
    auto spec = shell_task(1, "cat /etc/word; echo $A");
    spec.containers[0].image = "test.local/image:one";
    auto run = wait(runner->run(spec));
    ASSERT_TRUE(run) << run.error().message;
    ASSERT_TRUE(collector.wait(spec.id, [](const auto& report) { return report.ended(); }));
    auto report = collector.report(spec.id);
    EXPECT_EQ(report.containers[0].exit_code, 0) << report.stopped_reason;
    EXPECT_EQ(report.containers[0].image_digest, digest);
    EXPECT_EQ(collector.text(spec.id + ".main"), "upperb\n");
    EXPECT_EQ(wait(cache.holders()).value().size(), 1U);
    wait(runner->forget(spec.id));
    EXPECT_TRUE(eventually([&] { return wait(cache.holders()).value().empty(); }));
    wait(runner->detach());
    wait(cache.stop());
  }
  shards.stop();
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace suiro::container
