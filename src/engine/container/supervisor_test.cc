// SPDX-License-Identifier: Apache-2.0
// The supervisor's parts, and how it is started and claimed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <future>
#include <thread>

#include "engine/container/supervisor_link.h"
#include "engine/container/testing/world.h"

extern "C" {
#include "engine/container/supervisor/supervisor.h"
}

namespace suiro::container {
namespace {

class OutputFinishTest : public testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    directory_ = make_root();
    output_ = output{};
    output_.segment = -1;
    writing_ = output_open(&output_, directory_.c_str());
    ASSERT_GE(writing_, 0);
    capacity_ = static_cast<uint64_t>(::fcntl(writing_, F_GETPIPE_SZ));
  }
  void TearDown() override {
    ::close(writing_);
    if (output_.segment >= 0) ::close(output_.segment);
    std::filesystem::remove_all(directory_);
  }
  // What another process does that was given the pipe.
  std::thread write_without_pause() {
    return std::thread([this] {
      std::string bytes(4096, 'x');
      while (::write(writing_, bytes.data(), bytes.size()) > 0) {
      }
    });
  }
  uint64_t on_disk() {
    output_recount(&output_);
    return output_.waiting;
  }
  std::string directory_;
  output output_;
  int writing_ = -1;
  uint64_t capacity_ = 0;
};

TEST_F(OutputFinishTest, TakesWhatIsLeft) {
  ASSERT_EQ(::write(writing_, "last", 4), 4);
  output_finish(&output_, 1 << 20);
  EXPECT_EQ(output_.position, 4U);
  EXPECT_EQ(output_.pipe, -1);
  EXPECT_GT(on_disk(), 4U);
}

TEST_F(OutputFinishTest, EndsWhileSomebodyWrites) {
  auto writer = write_without_pause();
  pollfd readable{output_.pipe, POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 10'000), 1);
  output_finish(&output_, uint64_t{1} << 40);
  writer.join();  // by the end of the pipe
  EXPECT_LE(output_.position, 3 * capacity_);
  EXPECT_GT(output_.position, 0U);
}

TEST_F(OutputFinishTest, DropsWhatIsFarBeyondTheLimit) {
  ASSERT_EQ(::write(writing_, "kept", 4), 4);
  ASSERT_EQ(output_take(&output_, 1), kOpen);
  uint64_t before = on_disk();
  output_.waiting = 8 << 20;
  ASSERT_EQ(::write(writing_, "gone", 4), 4);
  output_finish(&output_, 1);
  EXPECT_EQ(output_.position, 8U);
  EXPECT_EQ(on_disk(), before);
}

// As when Suiro is killed between the start of a supervisor and its first file.
TEST_F(RuncRunnerTest, ASupervisorThatWasOnlyJustStartedIsWaitedFor) {
  std::string root = make_root(), folder = root + "/" + test_id(next_number++);
  std::filesystem::create_directories(folder);
  // It stops where it opens its log.
  ASSERT_EQ(::mkfifo((folder + "/log").c_str(), 0600), 0);
  auto lock = claim_task(folder);
  ASSERT_TRUE(lock);
  std::thread starter([&] {
    SupervisorStart start;
    start.lock = lock->get();
    start.program = bed->root() + "/data/run/bin/supervisor";
    start.task_directory = folder;
    start.runc = "/usr/sbin/runc";
    start.runc_root = root;
    start.stage = "/mnt";
    EXPECT_FALSE(start_supervisor(start)) << "there is no disk";
  });
  EXPECT_TRUE(eventually([&] { return !processes_with(folder).empty(); }));
  *lock = sandbox::Descriptor();
  auto claimed = std::async(std::launch::async, [&] { return claim_task(folder); });
  EXPECT_EQ(claimed.wait_for(Millis(200)), std::future_status::timeout);
  sandbox::Descriptor log(::open((folder + "/log").c_str(), O_RDONLY | O_CLOEXEC));
  auto claim = claimed.get();
  EXPECT_TRUE(claim) << claim.error().message;
  starter.join();
  EXPECT_TRUE(processes_with(folder).empty());
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace suiro::container
