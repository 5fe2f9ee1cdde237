// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "base/bytes.h"
#include "engine/sandbox/seccomp.h"

namespace suiro::sandbox {

namespace {

// Descriptors of the launcher. Everything above kInfo is closed by it.
enum Fixed {
  kInput = 0,
  kOutput = 1,
  kErrors = 2,
  kControl = 3,
  kArguments = 4,
  kFilter = 5,
  kInfo = 6
};

using Words = std::vector<std::string>;

void add(Words& words, std::initializer_list<std::string> more) {
  words.insert(words.end(), more.begin(), more.end());
}

// The system: /usr, and the old directories as the links or directories that they are here.
void add_system(Words& words) {
  add(words, {"--ro-bind", "/usr", "/usr"});
  for (std::string name : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    std::error_code error;
    auto status = std::filesystem::symlink_status(name, error);
    if (std::filesystem::is_symlink(status)) {
      auto target = std::filesystem::read_symlink(name, error);
      if (!error) add(words, {"--symlink", target.string(), name});
    } else if (std::filesystem::is_directory(status)) {
      add(words, {"--ro-bind", name, name});
    }
  }
}

void add_etc(Words& words, const std::string& etc_directory) {
  add(words, {"--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/etc/ssl"});
  for (std::string name : {"passwd", "group", "hosts", "nsswitch.conf", "resolv.conf"}) {
    add(words, {"--ro-bind", etc_directory + "/" + name, "/etc/" + name});
  }
  for (std::string name : {"/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime",
                           "/etc/mime.types", "/etc/ssl/certs", "/etc/ssl/openssl.cnf"}) {
    add(words, {"--ro-bind-try", name, name});
  }
}

Words bwrap_arguments(const LaunchRequest& request) {
  Words words;
  if (request.isolation == Isolation::kMappedUser) {
    // The launcher needs these to become kUidInside, and loses them by that.
    add(words, {"--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"});
  } else {
    std::string uid = fmt::format("{}", kUidInside);
    add(words, {"--unshare-user", "--uid", uid, "--gid", uid, "--cap-drop", "ALL"});
  }
  add(words, {"--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
              "--unshare-cgroup-try", "--hostname", "sandbox", "--die-with-parent", "--new-session",
              "--clearenv", "--info-fd", fmt::format("{}", int{kInfo})});
  if (!seccomp_program().empty()) add(words, {"--seccomp", fmt::format("{}", int{kFilter})});
  add_system(words);
  add_etc(words, request.etc_directory);
  add(words,
      {"--perms", "0755", "--dir", "/var", "--ro-bind", request.guest_directory, "/var/runtime"});
  if (!request.code_directory.empty()) {
    add(words, {"--ro-bind", request.code_directory, "/var/task"});
  }
  add(words, {"--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--perms", "1777",
              "--size", fmt::format("{}", request.tmp_bytes), "--tmpfs", "/tmp", "--chdir",
              request.code_directory.empty() ? "/" : "/var/task", "--remount-ro", "/"});
  for (const auto& [name, value] : request.environment) add(words, {"--setenv", name, value});
  return words;
}

Words init_command(const LaunchRequest& request) {
  bool isolated = request.isolation != Isolation::kNone;
  uint16_t endpoint = isolated ? request.endpoint_port.value_or(0) : 0;
  Words words{isolated ? "/var/runtime/sandbox_launcher" : request.launcher,
              "init",
              fmt::format("{}", int{kControl}),
              fmt::format("{}", isolated ? kRuntimeApiPort : 0),
              request.endpoint_port ? fmt::format("{}", endpoint) : "-",
              fmt::format("{}", request.isolation == Isolation::kMappedUser ? kUidInside : 0)};
  words.insert(words.end(), request.command.begin(), request.command.end());
  return words;
}

Words launcher_command(const LaunchRequest& request) {
  Words words{request.launcher, "launch"};
  for (const auto& file : request.cgroup_procs_files) add(words, {"--cgroup", file});
  if (request.isolation == Isolation::kMappedUser) {
    add(words, {"--map-uid", fmt::format("{}", request.host_uid)});
  }
  if (request.data_limit_bytes) {
    add(words, {"--data-limit", fmt::format("{}", *request.data_limit_bytes)});
  }
  if (request.isolation == Isolation::kNone && !request.code_directory.empty()) {
    add(words, {"--chdir", request.code_directory});
  }
  add(words, {"--"});
  if (request.isolation != Isolation::kNone) {
    add(words, {request.bwrap});
    if (request.isolation == Isolation::kMappedUser) add(words, {"--userns", "@userns@"});
    add(words, {"--args", fmt::format("{}", int{kArguments}), "--"});
  }
  auto init = init_command(request);
  words.insert(words.end(), init.begin(), init.end());
  return words;
}

// The descriptor under a number above the fixed ones, so that none is overwritten before its use.
Result<Descriptor> above_fixed(Descriptor descriptor) {
  Descriptor moved(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kInfo + 4));
  if (!moved) return fail(errno_error("duplicate a descriptor"));
  return moved;
}

Result<Descriptor> memory_file(const char* name, std::string_view bytes) {
  Descriptor file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) return fail(errno_error("memfd_create"));
  if (::pwrite(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return fail(errno_error("write to memory"));
  }
  return above_fixed(std::move(file));
}

// The ends that the launcher inherits.
struct Inherited {
  Descriptor null, output, control, arguments, filter, info;
};

Result<Inherited> open_ends(const LaunchRequest& request, Launched& launched) {
  Inherited ends;
  int pair[2];
  TRY(ends.null, above_fixed(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
  if (::pipe2(pair, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  launched.output = Descriptor(pair[0]);
  TRY(ends.output, above_fixed(Descriptor(pair[1])));
  if (::pipe2(pair, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  launched.info = Descriptor(pair[0]);
  TRY(ends.info, above_fixed(Descriptor(pair[1])));
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return fail(errno_error("socketpair"));
  }
  launched.control = Descriptor(pair[0]);
  TRY(ends.control, above_fixed(Descriptor(pair[1])));
  for (int descriptor : {launched.output.get(), launched.info.get(), launched.control.get()}) {
    if (::fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0) return fail(errno_error("fcntl"));
  }
  if (request.isolation == Isolation::kNone) return ends;
  Bytes arguments;
  for (const auto& word : bwrap_arguments(request)) arguments.append(word).push_back('\0');
  TRY(ends.arguments, memory_file("arguments", arguments));
  TRY(ends.filter, memory_file("filter", seccomp_program()));
  return ends;
}

Result<pid_t> spawn(const Words& words, const Words& environment, const Inherited& ends) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  set_signals(attributes);
  auto place = [&](const Descriptor& descriptor, int number) {
    if (descriptor) ::posix_spawn_file_actions_adddup2(&actions, descriptor.get(), number);
  };
  place(ends.null, kInput);
  place(ends.output, kOutput);
  place(ends.output, kErrors);
  place(ends.control, kControl);
  place(ends.arguments, kArguments);
  place(ends.filter, kFilter);
  place(ends.info, kInfo);
  std::vector<char*> argv, envp;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  for (const auto& word : environment) envp.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_t process = -1;
  errno = ::posix_spawn(&process, argv[0], &actions, &attributes, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (errno != 0) return fail(errno_error("start " + words[0]));
  return process;
}

}  // namespace

void set_signals(posix_spawnattr_t& attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

Places places_of(const LaunchRequest& request) {
  if (request.isolation != Isolation::kNone) return {"/var/task", "/var/runtime", "/tmp"};
  return {request.code_directory, request.guest_directory, request.tmp_directory};
}

Result<Launched> launch(const LaunchRequest& request) {
  Launched launched;
  TRY(Inherited ends, open_ends(request, launched));
  // With namespaces the function's variables go to bubblewrap as arguments through a descriptor:
  // they must not act on bubblewrap itself (LD_PRELOAD), nor stand in the list of processes.
  Words environment;
  if (request.isolation == Isolation::kNone) {
    for (const auto& [name, value] : request.environment) {
      environment.push_back(name + "=" + value);
    }
  }
  TRY(launched.process, spawn(launcher_command(request), environment, ends));
  launched.pidfd = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, launched.process, 0)));
  if (!launched.pidfd) {
    Error error = errno_error("pidfd_open");
    ::kill(launched.process, SIGKILL);
    ::waitpid(launched.process, nullptr, 0);
    return fail(std::move(error));
  }
  return launched;
}

void find_inner(Launched& launched) {
  char text[512];
  ssize_t count = launched.inner ? 0 : ::read(launched.info.get(), text, sizeof text);
  if (count <= 0) return;
  std::string_view told(text, static_cast<size_t>(count));
  constexpr std::string_view kKey = "\"child-pid\":";
  size_t at = told.find(kKey);
  if (at == std::string_view::npos) return;
  told.remove_prefix(at + kKey.size());
  told.remove_prefix(std::min(told.find_first_not_of(' '), told.size()));
  pid_t process = 0;
  std::from_chars(told.data(), told.data() + told.size(), process);
  if (process <= 1) return;
  launched.inner = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
}

void kill_all(const Launched& launched, Isolation isolation) {
  if (launched.inner) {
    ::syscall(SYS_pidfd_send_signal, launched.inner.get(), SIGKILL, nullptr, 0);
    return;
  }
  if (isolation == Isolation::kNone) ::kill(-launched.process, SIGKILL);
  ::syscall(SYS_pidfd_send_signal, launched.pidfd.get(), SIGKILL, nullptr, 0);
}

}  // namespace suiro::sandbox
