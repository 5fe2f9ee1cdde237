// SPDX-License-Identifier: Apache-2.0
#include "engine/container/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "engine/sandbox/launch.h"

namespace suiro::container {

namespace {

int wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Result<Started> start_process(const std::vector<std::string>& words, Errors errors, int input) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(sandbox::errno_error("pipe"));
  Started started;
  started.output = sandbox::Descriptor(ends[0]);
  sandbox::Descriptor writing(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  sandbox::set_signals(attributes);
  if (input >= 0) {
    ::posix_spawn_file_actions_adddup2(&actions, input, 0);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), 1);
  if (errors == Errors::kWithOutput) {
    ::posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  }
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  errno = ::posix_spawn(&started.process, argv[0], &actions, &attributes, argv.data(), environment);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (errno != 0) return fail(sandbox::errno_error("start " + words[0]));
  started.pidfd =
      sandbox::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, started.process, 0)));
  if (!started.pidfd) {
    auto error = sandbox::errno_error("pidfd_open");
    ::kill(started.process, SIGKILL);
    wait_for(started.process);
    return fail(std::move(error));
  }
  return started;
}

Result<Finished> run_process(const std::vector<std::string>& words, Errors errors, int timeout_ms,
                             int input) {
  using Steady = std::chrono::steady_clock;
  TRY(Started started, start_process(words, errors, input));
  auto deadline = Steady::now() + std::chrono::milliseconds(timeout_ms);
  Finished finished;
  bool late = false;
  while (!late) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now());
    pollfd waited{started.output.get(), POLLIN, 0};
    late = left.count() <= 0 || ::poll(&waited, 1, static_cast<int>(left.count())) == 0;
    char bytes[4096];
    ssize_t count = late ? 0 : ::read(started.output.get(), bytes, sizeof bytes);
    if (!late && count <= 0) break;
    size_t space = kOutputOfProcessMax - finished.output.size();
    finished.output.append(bytes, std::min(space, static_cast<size_t>(count)));
  }
  if (late) ::kill(started.process, SIGKILL);  // not reaped yet: the number is its own
  int status = wait_for(started.process);
  finished.status = late ? -1 : status;
  return finished;
}

}  // namespace suiro::container
