// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "engine/sandbox/seccomp.h"

namespace suiro::sandbox {

namespace {

constexpr int kProbeTimeoutMs = 10'000;
constexpr size_t kSaidBytesMax = 4096;

struct Ended {
  int status = -1;  // exit status; -1: did not end by itself
  std::string said;
  bool fine() const { return status == 0; }
};

std::string read_all(int descriptor) {
  std::string text(kSaidBytesMax, '\0');
  ssize_t count = ::read(descriptor, text.data(), text.size());
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  std::string_view trimmed = trim(text);
  return std::string(trimmed.substr(0, trimmed.find('\n')));
}

Ended wait_for(Launched& launched, Isolation isolation) {
  Ended ended;
  pollfd waited{launched.pidfd.get(), POLLIN, 0};
  if (::poll(&waited, 1, kProbeTimeoutMs) != 1) {
    find_inner(launched);
    kill_all(launched, isolation);
  }
  int status = 0;
  while (::waitpid(launched.process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  ended.said = read_all(launched.output.get());
  return ended;
}

Ended try_isolation(LaunchRequest request, Isolation isolation) {
  request.isolation = isolation;
  request.command = {"/usr/bin/true"};
  auto launched = launch(request);
  if (!launched) return {-1, launched.error().message};
  return wait_for(*launched, isolation);
}

// Runs a program outside of any sandbox and returns what it printed first.
Ended run(std::vector<std::string> words) {
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) return {};
  Descriptor reading(pair[0]), writing(pair[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t process = -1;
  int failed = ::posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return {};
  writing.reset();
  Ended ended;
  pollfd waited{reading.get(), POLLIN, 0};
  if (::poll(&waited, 1, kProbeTimeoutMs) != 1) ::kill(process, SIGKILL);
  ended.said = read_all(reading.get());
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  return ended;
}

// Which kinds of namespaces the machine forbids, one by one.
std::string forbidden_namespaces(const std::string& bwrap) {
  std::string list;
  for (std::string kind : {"user", "pid", "net", "ipc", "uts"}) {
    std::vector<std::string> words{bwrap, "--unshare-" + kind, "--ro-bind", "/",
                                   "/",   "/usr/bin/true"};
    if (run(words).fine()) continue;
    list += (list.empty() ? "" : ", ") + kind;
  }
  return list;
}

void add_isolation(const LaunchRequest& request, ProbeResult& result) {
  constexpr auto kNamespaces = "namespaces (user, pid, network, mount, ipc, uts)";
  constexpr auto kUser = "user id of its own";
  constexpr auto kFilter = "system-call filter";
  auto& lines = result.probe.lines;
  if (request.bwrap.empty()) {
    lines.push_back({"bubblewrap", false, "no bwrap found; apt-get install bubblewrap"});
    lines.push_back({kNamespaces, false, "they need bubblewrap"});
    lines.push_back({kFilter, false, "it needs bubblewrap"});
    return;
  }
  lines.push_back({"bubblewrap", true, run({request.bwrap, "--version"}).said});
  bool root = ::geteuid() == 0;
  Ended mapped = root ? try_isolation(request, Isolation::kMappedUser) : Ended{};
  Ended plain = mapped.fine() ? mapped : try_isolation(request, Isolation::kUserNamespace);
  if (mapped.fine()) {
    result.isolation = Isolation::kMappedUser;
    lines.push_back({kUser, true, "an unused id of the machine for each sandbox"});
  } else if (plain.fine()) {
    result.isolation = Isolation::kUserNamespace;
    lines.push_back({kUser, !root, root ? mapped.said : "the server's own, without privileges"});
  }
  bool filter = plain.fine() && !seccomp_program().empty();
  if (plain.fine()) {
    lines.push_back({kNamespaces, true, "by bubblewrap"});
    lines.push_back({kFilter, filter, filter ? "by bubblewrap" : "not for this processor"});
    return;
  }
  std::string kinds = forbidden_namespaces(request.bwrap);
  std::string detail = kinds.empty() ? plain.said : "forbidden here: " + kinds + "; " + plain.said;
  lines.push_back({kNamespaces, false, detail});
  lines.push_back({kFilter, false, "it needs the namespaces"});
}

}  // namespace

std::string Probe::Line::str() const {
  return present ? fmt::format("{}: {}", protection, detail)
                 : fmt::format("{}: MISSING ({})", protection, detail);
}

bool Probe::complete() const {
  return std::ranges::all_of(lines, [](const Line& line) { return line.present; });
}

std::vector<std::string> Probe::missing() const {
  std::vector<std::string> missing;
  for (const auto& line : lines) {
    if (!line.present) missing.push_back(line.str());
  }
  return missing;
}

std::string first_program(std::initializer_list<std::string> candidates) {
  for (const auto& path : candidates) {
    if (!path.empty() && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

ProbeResult probe_machine(LaunchRequest request, const CgroupTree& cgroups) {
  constexpr auto kRemedy =
      "; run as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes";
  ProbeResult result;
  add_isolation(request, result);
  constexpr std::pair<Resource, const char*> kLimits[] = {{Resource::kMemory, "memory limit"},
                                                          {Resource::kCpu, "cpu limit"},
                                                          {Resource::kProcesses, "process limit"},
                                                          {Resource::kFreezer, "freezer"}};
  for (const auto& [resource, name] : kLimits) {
    const auto& controller = cgroups.controller(resource);
    bool present = controller.version != 0;
    result.probe.lines.push_back({name, present, controller.detail + (present ? "" : kRemedy)});
  }
  return result;
}

}  // namespace suiro::sandbox
