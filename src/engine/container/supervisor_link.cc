// SPDX-License-Identifier: Apache-2.0
#include "engine/container/supervisor_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "base/bytes.h"
#include "engine/container/process.h"

namespace suiro::container {

namespace {

constexpr int kStartTimeoutMs = 20'000;
constexpr int kQuitTimeoutMs = 10'000;
constexpr int kClaimRounds = 4'000;  // of kClaimPauseUs: 20 s
constexpr useconds_t kClaimPauseUs = 5'000;
constexpr int kListener = 12;  // supervisor.h

// The number behind `key` in lines "key number".
std::optional<uint64_t> number_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    line.remove_prefix(key.size() + 1);
    uint64_t value = 0;
    auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error == std::errc() && rest == line.data() + line.size()) return value;
    return {};
  }
  return {};
}

TimePoint time_of(uint64_t ms) {
  return TimePoint(Millis(static_cast<int64_t>(ms)));
}

// Whether somebody holds the supervisor's lock.
bool locked(const std::string& task_directory) {
  sandbox::Descriptor lock(::open((task_directory + "/lock").c_str(), O_RDWR | O_CLOEXEC));
  if (!lock) return false;
  return ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

Result<sandbox::Descriptor> claim_task(const std::string& task_directory) {
  std::string path = task_directory + "/lock";
  sandbox::Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fail(sandbox::errno_error("open " + path));
  for (int round = 0; round < kClaimRounds; ++round) {
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      ::unlink((task_directory + "/supervisor").c_str());
      return lock;
    }
    if (auto old = find_supervisor(task_directory)) {
      TRY_VOID(end_supervisor(task_directory, *old));
    } else {
      ::usleep(kClaimPauseUs);  // it was started, and its file is not there yet
    }
  }
  return fail(codes::kInternal, "an earlier supervisor in " + task_directory + " does not end");
}

Result<pid_t> start_supervisor(const SupervisorStart& start) {
  std::vector<std::string> words{
      start.program,   "run",
      "--task",        start.task_directory,
      "--runc",        start.runc,
      "--runc-root",   start.runc_root,
      "--stage",       start.stage,
      "--id-base",     fmt::format("{}", start.id_base),
      "--port",        fmt::format("{}", start.port),
      "--network",     start.network == NetworkMode::kHost ? "host" : "own",
      "--waiting-max", fmt::format("{}", kOutputWaitingBytes)};
  for (const auto& file : start.cgroup_procs) {
    words.insert(words.end(), {"--cgroup", file});
  }
  for (const auto& volume : start.volumes) {
    words.insert(words.end(), {"--volume-root", volume.root, "--volume", volume.path});
  }
  TRY(Finished said, run_process(words, Errors::kDiscard, kStartTimeoutMs, start.lock));
  std::string_view text = trim(said.output);
  constexpr std::string_view kReady = "ready ", kFailed = "failed ";
  if (text.starts_with(kReady)) {
    pid_t process = 0;
    std::from_chars(text.data() + kReady.size(), text.data() + text.size(), process);
    if (process > 1) return process;
  }
  if (text.starts_with(kFailed)) text.remove_prefix(kFailed.size());
  return fail(codes::kInternal, text.empty()
                                    ? fmt::format("the task's supervisor ended ({})", said.status)
                                    : std::string(text));
}

Result<Supervisor> find_supervisor(const std::string& task_directory) {
  auto text = sandbox::read_small_file(task_directory + "/supervisor");
  if (!text) return fail(codes::kNotFound, "no supervisor");
  Supervisor found;
  std::from_chars(text->data(), text->data() + text->size(), found.process);
  if (found.process <= 1) return fail(codes::kNotFound, "no supervisor");
  found.pidfd = sandbox::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, found.process, 0)));
  // The lock is asked behind the descriptor: held, the number was the supervisor's all the time.
  if (!found.pidfd || !locked(task_directory)) return fail(codes::kNotFound, "no supervisor");
  return found;
}

Result<sandbox::Descriptor> take_listener(const Supervisor& supervisor) {
  sandbox::Descriptor listener(
      static_cast<int>(::syscall(SYS_pidfd_getfd, supervisor.pidfd.get(), kListener, 0)));
  if (!listener) return fail(sandbox::errno_error("take the endpoint's listener"));
  return listener;
}

Result<void> send_command(const std::string& task_directory, const std::string& line) {
  sandbox::Descriptor control(
      ::open((task_directory + "/control").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  std::string text = line + "\n";  // below PIPE_BUF: written whole or not at all
  if (!control || ::write(control.get(), text.data(), text.size()) < 0) {
    return fail(codes::kNotFound, fmt::format("no supervisor: {}", std::strerror(errno)));
  }
  return ok();
}

Result<void> end_supervisor(const std::string& task_directory, const Supervisor& supervisor) {
  (void)send_command(task_directory, "quit");
  pollfd waited{supervisor.pidfd.get(), POLLIN, 0};
  if (::poll(&waited, 1, kQuitTimeoutMs) == 1) return ok();
  ::syscall(SYS_pidfd_send_signal, supervisor.pidfd.get(), SIGKILL, nullptr, 0);
  if (::poll(&waited, 1, kQuitTimeoutMs) == 1) return ok();
  return fail(codes::kInternal, "the supervisor in " + task_directory + " does not end");
}

std::optional<AttemptEnd> parse_end(std::string_view text) {
  AttemptEnd end;
  auto attempt = number_of(text, "attempt"), started = number_of(text, "started");
  auto ended = number_of(text, "ended");
  if (!attempt || !started || !ended) return {};
  std::optional<uint64_t> number;
  constexpr std::pair<const char*, AttemptEnd::How> kHows[] = {
      {"exit", AttemptEnd::How::kExit},
      {"signal", AttemptEnd::How::kSignal},
      {"failed", AttemptEnd::How::kFailed}};
  for (const auto& [word, how] : kHows) {
    if (number) break;
    number = number_of(text, word);
    end.how = how;
  }
  if (!number) return {};
  end.number = static_cast<int>(*number);
  end.attempt = static_cast<uint32_t>(*attempt);
  end.started = time_of(*started);
  end.ended = time_of(*ended);
  end.out_of_memory_kills = number_of(text, "oom").value_or(0);
  end.memory_peak_bytes = number_of(text, "peak").value_or(0);
  end.processor_time = Micros(static_cast<int64_t>(number_of(text, "cpu").value_or(0)));
  return end;
}

std::optional<AttemptEnd> read_end(const std::string& container_directory) {
  auto text = sandbox::read_small_file(container_directory + "/exit");
  return text ? parse_end(*text) : std::nullopt;
}

std::optional<AttemptStart> read_start(const std::string& container_directory) {
  auto text = sandbox::read_small_file(container_directory + "/started");
  if (!text) return {};
  auto attempt = number_of(*text, "attempt"), started = number_of(*text, "started");
  if (!attempt || !started) return {};
  return AttemptStart{static_cast<uint32_t>(*attempt), time_of(*started)};
}

std::string runc_complaint(const std::string& container_directory) {
  auto text = sandbox::read_small_file(container_directory + "/runc.log");
  if (!text) return "the container could not be prepared";
  constexpr std::string_view kMessage = "msg=\"";
  size_t at = text->rfind(kMessage);
  if (at == std::string::npos) return "runc failed without a word";
  std::string message;
  for (size_t i = at + kMessage.size(); i < text->size() && (*text)[i] != '"'; ++i) {
    if ((*text)[i] == '\\' && i + 1 < text->size()) ++i;
    message.push_back((*text)[i]);
  }
  for (std::string_view prefix : {"runc run failed: ", "unable to start container process: "}) {
    if (message.starts_with(prefix)) message.erase(0, prefix.size());
  }
  return message;
}

std::string boot_id() {
  auto text = sandbox::read_small_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(trim(*text)) : std::string();
}

}  // namespace suiro::container
