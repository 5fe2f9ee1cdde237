// SPDX-License-Identifier: Apache-2.0
// What a container tries and must not be able to do, with the real runc and kernel.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <thread>

#include "engine/container/task_disk.h"
#include "engine/container/testing/world.h"

namespace suiro::container {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using StopCode = TaskReport::StopCode;

class RuncSecurityTest : public RuncRunnerTest {
 protected:
  // Process ids of the machine that are in the task's control groups.
  static std::set<pid_t> processes_of(const std::string& id) {
    std::set<pid_t> found;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator at("/sys/fs/cgroup", error), end;
         !error && at != end; at.increment(error)) {
      if (at->path().filename() != id) continue;
      for (const char* name : {"cgroup.procs", "0/cgroup.procs"}) {
        std::ifstream in(at->path() / name);
        for (pid_t process; in >> process;) found.insert(process);
      }
      at.disable_recursion_pending();
    }
    return found;
  }
  static std::string status_of(pid_t process, const std::string& key) {
    std::ifstream in("/proc/" + std::to_string(process) + "/status");
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with(key)) return line.substr(key.size());
    }
    return {};
  }
};

TEST_F(RuncSecurityTest, SeesNothingOfTheMachine) {
  std::string secret = bed->root() + "/data/credentials";
  std::ofstream(secret) << "TOP-SECRET\n";
  auto spec = task("for p in " + secret + " /proc/1/root" + secret + " /proc/1/cwd" + secret +
                   " /mnt/disk /mnt/roots /dev/vda /dev/loop0; do "
                   "cat $p 2>/dev/null && echo READ $p; ls $p 2>/dev/null && echo LISTED $p; done; "
                   "cat /proc/kcore /proc/keys /proc/timer_list | wc -c; ls /proc | grep -c "
                   "'^[0-9]'; cat /proc/1/environ | wc -l; "
                   "echo x > /proc/sys/kernel/hostname && echo WROTE; "
                   "echo c > /proc/sysrq-trigger && echo WROTE; ls /sys/firmware; echo end");
  EXPECT_EQ(run(spec).containers[0].exit_code, 0);
  EXPECT_THAT(output(spec), Not(HasSubstr("TOP-SECRET")));
  EXPECT_THAT(output(spec), Not(HasSubstr("READ")));
  EXPECT_THAT(output(spec), Not(HasSubstr("LISTED")));
  EXPECT_THAT(output(spec), Not(HasSubstr("WROTE")));
  EXPECT_THAT(output(spec), HasSubstr("end\n"));
}

TEST_F(RuncSecurityTest, ItsRootIsNobodyOnTheMachine) {
  auto spec = task("id -u; echo ready; sleep 60");
  spec.containers[0].stop_timeout = std::chrono::seconds(0);
  begin(spec);
  ASSERT_TRUE(bed->collector.wait_line(key(spec), "ready"));
  EXPECT_THAT(output(spec), HasSubstr("0\n"));
  auto processes = processes_of(spec.id);
  ASSERT_FALSE(processes.empty());
  for (pid_t process : processes) {
    EXPECT_GE(std::stoul(status_of(process, "Uid:")), kIdBaseFirst) << process;
    EXPECT_EQ(status_of(process, "NoNewPrivs:"), "\t1");
    EXPECT_EQ(status_of(process, "Seccomp:"), "\t2");
  }
  ASSERT_TRUE(bed->wait(bed->runner->stop(spec.id)));
  finish(spec);
}

TEST_F(RuncSecurityTest, CannotGainPrivileges) {
  auto spec = task(
      "rooted id -u; mount -t tmpfs none /tmp && echo MOUNTED; unshare -U true && echo "
      "UNSHARED; mknod /tmp/d b 7 0 && cat /tmp/d && echo DEVICE; chroot / true && "
      "echo CHROOTED; kill -9 1; echo end");
  spec.containers[0].user = "1000:1000";
  EXPECT_EQ(run(spec).containers[0].exit_code, 0) << output(spec);
  for (const char* word : {"MOUNTED", "UNSHARED", "DEVICE", "CHROOTED"}) {
    EXPECT_THAT(output(spec), Not(HasSubstr(word)));
  }
  EXPECT_THAT(output(spec), HasSubstr("end\n"));
  EXPECT_THAT(output(spec), Not(HasSubstr("\n0\n")));

  auto root = task(
      "mount -t tmpfs none /tmp && echo MOUNTED; unshare -m true && echo UNSHARED; "
      "mknod /d b 7 0 && cat /d && echo DEVICE; hostname other && echo NAMED; ip link "
      "add dummy0 type dummy && echo ADDED; echo end");
  run(root);
  for (const char* word : {"MOUNTED", "UNSHARED", "DEVICE", "NAMED", "ADDED"}) {
    EXPECT_THAT(output(root), Not(HasSubstr(word)));
  }
  EXPECT_THAT(output(root), HasSubstr("end\n"));
}

TEST_F(RuncSecurityTest, CannotReachOtherTasks) {
  auto victim = task(
      "echo mine > /own; echo mine > /v/own; (while true; do echo hello | nc -l -p "
      "9999; done) & echo ready; while true; do sleep 0.1; done");
  victim.volumes = {{"v", ""}};
  victim.containers[0].mounts = {{"v", "/v"}};
  victim.containers[0].stop_timeout = std::chrono::seconds(0);
  begin(victim);
  ASSERT_TRUE(bed->collector.wait_line(key(victim), "ready"));
  auto spec = task(
      "cat /own /v/own && echo READ; nc -w 1 127.0.0.1 9999 && echo CONNECTED; "
      "for p in /proc/[0-9]*; do cat $p/root/own && echo READ; done; kill -9 -1; "
      "ls /proc/sys/kernel/shmmax; echo end");
  spec.volumes = victim.volumes;
  spec.containers[0].mounts = victim.containers[0].mounts;
  run(spec);
  EXPECT_THAT(output(spec), Not(HasSubstr("READ")));
  EXPECT_THAT(output(spec), Not(HasSubstr("CONNECTED")));
  EXPECT_THAT(output(spec), HasSubstr("end\n"));
  EXPECT_EQ(bed->collector.report(victim.id).containers[0].state, ContainerState::kRunning);
  ASSERT_TRUE(bed->wait(bed->runner->stop(victim.id)));
  finish(victim);
}

TEST_F(RuncSecurityTest, AForkBombStaysInItsTask) {
  auto spec = task("echo ready; f() { f | f & f; }; f 2>/dev/null; while true; do sleep 0.1; done");
  spec.processes_max = 60;
  spec.containers[0].stop_timeout = std::chrono::seconds(0);
  begin(spec);
  ASSERT_TRUE(bed->collector.wait_line(key(spec), "ready"));
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(processes_of(spec.id).size(), 60U);
    ::usleep(10'000);
  }
  (void)bed->wait(bed->runner->stop(spec.id));
  finish(spec);
  EXPECT_THAT(processes_of(spec.id), IsEmpty());
}

TEST_F(RuncSecurityTest, CannotFillTheDisk) {
  auto spec = task(
      "dd if=/dev/zero of=/big bs=1M count=500; dd if=/dev/zero of=/v/big bs=1M "
      "count=500; i=0; while touch /n$i 2>/dev/null && [ $i -lt 30000 ]; do "
      "i=$((i+1)); done; df -m / | tail -1; echo end");
  spec.volumes = {{"v", ""}};
  spec.containers[0].mounts = {{"v", "/v"}};
  spec.disk_mb = 32;
  run(spec);
  EXPECT_THAT(output(spec), HasSubstr("No space left on device"));
  EXPECT_THAT(output(spec), HasSubstr("end\n"));
  struct stat status{};
  std::string disk = bed->root() + "/data/run/tasks/" + spec.id + "/disk.img";
  ASSERT_EQ(::stat(disk.c_str(), &status), 0);
  EXPECT_LE(status.st_blocks * 512, 33 << 20);
  spec.id = test_id(next_number++);
  spec.disk_mb = kDiskMbMax;
  auto report = run(spec);
  EXPECT_EQ(report.stop_code, StopCode::kTaskFailedToStart);
  EXPECT_THAT(report.stopped_reason, HasSubstr("ResourceInitializationError: no space"));
}

TEST_F(RuncSecurityTest, WaitingOutputIsBounded) {
  for (auto full : {FullOutput::kWait, FullOutput::kDrop}) {
    auto spec = task(
        "i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero | tr '\\0' x; echo; "
        "i=$((i+1)); done; echo end");
    spec.containers[0].full_output = full;
    bed->collector.refuses = true;
    begin(spec);
    std::string folder = bed->root() + "/data/run/tasks/" + spec.id + "/c/0";
    uint64_t before = 0, waiting = 1;
    while (waiting != before || waiting < kOutputWaitingBytes) {
      before = waiting;
      ::usleep(200'000);
      waiting = 0;
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().filename().string().starts_with("out.")) waiting += entry.file_size();
      }
    }
    EXPECT_LE(waiting, kOutputWaitingBytes + 2 * (1 << 20));
    bed->collector.refuses = false;
    finish(spec);
    size_t lines = bed->collector.lines(key(spec)).size();
    if (full == FullOutput::kWait) {
      EXPECT_EQ(lines, 401U);
      EXPECT_FALSE(bed->collector.has_gap(key(spec)));
    } else {
      EXPECT_LT(lines, 401U);
    }
  }
}

TEST_F(RuncSecurityTest, ReachesItsEndpointAlone) {
  std::string root = make_root();
  std::string arn;
  {
    Bed other(root, [&](RuncConfig& config) {
      config.serve_task = [&](int listener, const std::string& task_arn) {
        arn = task_arn;
        auto serving = std::make_unique<std::thread>([listener] {
          pollfd waited{listener, POLLIN, 0};
          if (::poll(&waited, 1, 10'000) != 1) return;
          int connection = ::accept(listener, nullptr, nullptr);
          constexpr std::string_view kAnswer =
              "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nsuiro\n";
          (void)!::write(connection, kAnswer.data(), kAnswer.size());
          ::close(connection);
        });
        return [listener, serving = std::move(serving)] {
          serving->join();
          ::close(listener);
        };
      };
    });
    other.images.make("busybox");
    ASSERT_TRUE(other.start());
    auto spec = task(
        "wget -q -O - $AWS_ENDPOINT_URL/; nc -w 2 1.1.1.1 80 2>/dev/null || echo "
        "unreachable; ls /sys/class/net");
    ASSERT_TRUE(other.wait(other.runner->run(spec)));
    ASSERT_TRUE(other.collector.wait(spec.id, [](const auto& report) { return report.ended(); }));
    EXPECT_EQ(other.collector.text(key(spec)), "suiro\nunreachable\nlo\n");
    EXPECT_EQ(arn, spec.arn);
    other.wait_void(other.runner->keep_only({}));
  }
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace suiro::container
