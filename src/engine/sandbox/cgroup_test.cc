// SPDX-License-Identifier: Apache-2.0
// Control groups: the three kinds of hierarchies as folders with the kernel's file names, and the
// version-2 freezer of this machine.
#include "engine/sandbox/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "base/testing.h"
#include "engine/sandbox/files.h"

namespace suiro::sandbox {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/suiro-cgroup-test-XXXXXX";
    CHECK(::mkdtemp(pattern) != nullptr);
    root = pattern;
    sources = {root + "/mountinfo", root + "/self"};
  }
  void TearDown() override { fs::remove_all(root); }
  void put(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(root + "/" + name).parent_path());
    std::ofstream(root + "/" + name) << text;
  }
  std::string get(const std::string& name) { return read_small_file(root + "/" + name).value(); }

  std::string root;
  CgroupSources sources;
};

constexpr CgroupLimits kLimits{.memory_bytes = 640 << 20, .memory_mb = 3538, .processes = 1024};

TEST_F(CgroupTest, Version1InTheOwnGroup) {
  put("mountinfo", "32 31 0:29 / " + root + "/memory rw,relatime - cgroup cgroup rw,memory\n" +
                       "33 31 0:30 / " + root + "/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  put("self", "4:memory:/own/group\n2:cpu,cpuacct:/absent\n0::/\n");
  std::string group = "memory/own/group/suiro-i/7/";
  put(group + "memory.limit_in_bytes", "");
  put(group + "memory.memsw.limit_in_bytes", "");
  put(group + "memory.stat", "cache 5\nrss 1048576\nshmem 4096\ntotal_rss 9\n");
  put(group + "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  for (const char* name : {"cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us"}) {
    put(std::string("cpu/suiro-i/7/") + name, "");
  }
  auto tree = CgroupTree::open("i", sources);
  EXPECT_EQ(tree.controller(Resource::kMemory).version, 1);
  EXPECT_EQ(tree.controller(Resource::kMemory).directory, root + "/memory/own/group/suiro-i");
  EXPECT_EQ(tree.controller(Resource::kCpu).directory, root + "/cpu/suiro-i");
  EXPECT_EQ(tree.controller(Resource::kFreezer).version, 0);
  EXPECT_THAT(tree.controller(Resource::kFreezer).detail, HasSubstr("no cgroup hierarchy"));
  auto made = tree.create("7", kLimits);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(get(group + "memory.limit_in_bytes"), "671088640");
  EXPECT_EQ(get(group + "memory.memsw.limit_in_bytes"), "671088640");
  EXPECT_EQ(get("cpu/suiro-i/7/cpu.shares"), "2048");
  EXPECT_EQ(get("cpu/suiro-i/7/cpu.cfs_quota_us"), "200000");
  EXPECT_EQ((*made)->procs_files(),
            (std::vector<std::string>{root + "/" + group + "cgroup.procs",
                                      root + "/cpu/suiro-i/7/cgroup.procs"}));
  auto use = (*made)->use();
  EXPECT_EQ(use.anonymous_bytes, 1U << 20);
  EXPECT_EQ(use.shared_bytes, 4096U);
  EXPECT_EQ(use.out_of_memory_kills, 2U);
  EXPECT_FALSE((*made)->freeze()) << "no freezer";
}

TEST_F(CgroupTest, Version2WithDelegatedControllers) {
  put("mountinfo", "41 31 0:38 / " + root + "/v2 rw - cgroup2 cgroup2 rw\n");
  put("self", "0::/service\n");
  put("v2/service/cgroup.controllers", "cpu io memory pids\n");
  put("v2/service/cgroup.subtree_control", "cpu memory pids\n");
  put("v2/service/suiro-i/cgroup.controllers", "cpu memory pids\n");
  put("v2/service/suiro-i/cgroup.subtree_control", "cpu memory pids\n");
  std::string group = "v2/service/suiro-i/7/";
  for (const char* name :
       {"memory.max", "memory.swap.max", "cpu.weight", "cpu.max", "pids.max", "cgroup.freeze"}) {
    put(group + name, "");
  }
  put(group + "memory.stat", "anon 2097152\nfile 7\nshmem 8192\n");
  put(group + "memory.events", "low 0\noom 1\noom_kill 1\n");
  auto tree = CgroupTree::open("i", sources);
  for (auto resource :
       {Resource::kMemory, Resource::kCpu, Resource::kProcesses, Resource::kFreezer}) {
    EXPECT_EQ(tree.controller(resource).version, 2);
  }
  auto made = tree.create("7", {.memory_bytes = 1000, .memory_mb = 128, .processes = 9});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(get(group + "memory.max"), "1000");
  EXPECT_EQ(get(group + "memory.swap.max"), "0");
  EXPECT_EQ(get(group + "cpu.weight"), "7");
  EXPECT_EQ(get(group + "cpu.max"), "100000 100000") << "never less than one processor";
  EXPECT_EQ(get(group + "pids.max"), "9");
  EXPECT_EQ((*made)->procs_files(), std::vector<std::string>{root + "/" + group + "cgroup.procs"});
  EXPECT_TRUE((*made)->freeze());
  EXPECT_EQ(get(group + "cgroup.freeze"), "1");
  EXPECT_TRUE((*made)->thaw());
  EXPECT_EQ((*made)->use().anonymous_bytes, 2U << 20);
  EXPECT_EQ((*made)->use().out_of_memory_kills, 1U);
}

TEST_F(CgroupTest, AMountOfAPartOfTheHierarchy) {
  // A container sees its own group as the root of the mount, under the path that the host has.
  put("mountinfo", "32 31 0:29 /docker/abc " + root + "/memory rw - cgroup cgroup rw,memory\n");
  put("self", "4:memory:/docker/abc\n");
  fs::create_directories(root + "/memory");
  auto tree = CgroupTree::open("i", sources);
  EXPECT_EQ(tree.controller(Resource::kMemory).directory, root + "/memory/suiro-i");
}

TEST_F(CgroupTest, WhatCannotBeMadeIsSaid) {
  put("mountinfo", "32 31 0:29 / " + root + "/absent rw - cgroup cgroup rw,memory\n");
  put("self", "4:memory:/\n");
  auto tree = CgroupTree::open("i", sources);
  EXPECT_EQ(tree.controller(Resource::kMemory).version, 0);
  EXPECT_THAT(tree.controller(Resource::kMemory).detail,
              HasSubstr(root + "/absent/suiro-i: No such file or directory"));
}

TEST_F(CgroupTest, FreezesAndEndsProcessesOfThisMachine) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string only;
  for (std::string line; std::getline(mounts, line);) {
    if (line.contains(" - cgroup2 ")) only += line + "\n";
  }
  put("mountinfo", only);
  put("self", "0::/\n");
  auto tree = CgroupTree::open("cgroup-test-" + std::to_string(::getpid()), sources);
  if (tree.controller(Resource::kFreezer).version != 2) {
    GTEST_SKIP() << "no writable version-2 hierarchy: "
                 << tree.controller(Resource::kFreezer).detail;
  }
  auto made = tree.create("1", {.memory_bytes = 1 << 30, .memory_mb = 128, .processes = 9});
  ASSERT_TRUE(made) << made.error().message;
  pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  std::string file = (*made)->procs_files().at(0);
  ASSERT_TRUE(write_control(file, std::to_string(child)));
  std::string events = fs::path(file).parent_path().string() + "/cgroup.events";
  auto says = [&](const std::string& text) {
    return eventually([&] { return read_small_file(events)->contains(text); });
  };
  EXPECT_TRUE((*made)->freeze());
  EXPECT_TRUE(says("frozen 1"));
  EXPECT_TRUE((*made)->thaw());
  EXPECT_TRUE(says("frozen 0"));
  EXPECT_TRUE((*made)->freeze());
  // Reaped beside, as the server reaps: a group is only empty when its dead are.
  struct sigaction ignore{}, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  auto removed = (*made)->remove();
  ::sigaction(SIGCHLD, &before, nullptr);
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(::kill(child, 0), -1) << "a frozen process is ended too";
  EXPECT_FALSE(fs::exists(file));
  tree.close();
}

TEST(StaleCgroups, WhatIsFrozenInOneHierarchyEndsInAll) {
  const std::string instance = "cgroup-stale-test-" + std::to_string(::getpid());
  auto tree = CgroupTree::open(instance);
  if (tree.controller(Resource::kFreezer).version != 1 ||
      tree.controller(Resource::kProcesses).version != 1) {
    GTEST_SKIP() << "no writable version-1 hierarchies";
  }
  auto made = tree.create("1", {.memory_bytes = 1 << 30, .memory_mb = 128, .processes = 9});
  ASSERT_TRUE(made) << made.error().message;
  pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  for (const auto& file : (*made)->procs_files()) {
    ASSERT_TRUE(write_control(file, std::to_string(child)));
  }
  EXPECT_TRUE((*made)->freeze());
  struct sigaction ignore{}, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  // As a server that follows one that was killed.
  auto next = CgroupTree::open(instance);
  ::sigaction(SIGCHLD, &before, nullptr);
  for (const auto& file : (*made)->procs_files()) {
    EXPECT_FALSE(fs::exists(fs::path(file).parent_path())) << file;
  }
  EXPECT_EQ(::kill(child, 0), -1);
  next.close();
}

}  // namespace
}  // namespace suiro::sandbox
