// SPDX-License-Identifier: Apache-2.0
#include "engine/container/seccomp_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "engine/container/json_text.h"

namespace suiro::container {

namespace {

// Docker's default without AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP and SETPCAP, which batches do not
// need; they can be added.
constexpr std::array kGiven = {"CHOWN",  "DAC_OVERRIDE", "FOWNER",           "FSETID",    "KILL",
                               "SETGID", "SETUID",       "NET_BIND_SERVICE", "SYS_CHROOT"};
// What a container may add: they reach no further than its own namespaces.
constexpr std::array kAddable = {
    "AUDIT_WRITE", "IPC_LOCK", "IPC_OWNER", "LEASE",      "MKNOD",        "NET_ADMIN",    "NET_RAW",
    "SETFCAP",     "SETPCAP",  "SYS_NICE",  "SYS_PTRACE", "SYS_RESOURCE", "NET_BROADCAST"};
// The rest of "KernelCapabilities", Amazon ECS API Reference: refused by name.
constexpr std::array kRefused = {
    "AUDIT_CONTROL", "BLOCK_SUSPEND", "DAC_READ_SEARCH", "LINUX_IMMUTABLE", "MAC_ADMIN",
    "MAC_OVERRIDE",  "SYS_ADMIN",     "SYS_BOOT",        "SYS_MODULE",      "SYS_PACCT",
    "SYS_RAWIO",     "SYS_TIME",      "SYS_TTY_CONFIG",  "SYSLOG",          "WAKE_ALARM"};

constexpr std::string_view kAllowed = R"(
accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown
clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2
dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64
fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr
flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue
futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid geteuid getgid
getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
getresuid getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid
gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
io_cancel ioctl io_destroy io_getevents io_pgetevents ioprio_get ioprio_set io_setup io_submit kill
landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen
listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise map_shadow_stack membarrier
memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect
mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap msgctl msgget msgrcv
msgsnd msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open
pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv
preadv2 prlimit64 process_mrelease pselect6 pwrite64 pwritev pwritev2 read readahead readlink
readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2
restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl
semget semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid setfsuid setgid setgroups
setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list setsid
setsockopt set_thread_area set_tid_address setuid setxattr shmat shmctl shmdt shmget shutdown
sigaltstack signalfd signalfd4 socketpair splice stat statfs statx symlink symlinkat sync
sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timerfd_create
timerfd_gettime timerfd_settime timer_getoverrun timer_gettime timer_settime times tkill truncate
umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid write writev)";

// Namespaces of clone's flags: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
constexpr uint64_t kNamespaceFlags = 0x7e020000;
constexpr uint64_t kFamilies[] = {1, 2, 10, 16};  // AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
// Values of personality() that change nothing that matters (PER_LINUX, UNAME26, PER_LINUX32 ...).
constexpr uint64_t kPersonalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
constexpr int kNoSuchCall = 38;  // ENOSYS: libraries fall back

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> list;
  for (std::string word; stream >> word;) list.push_back(word);
  return list;
}

void allow(JsonText& json, const std::vector<std::string>& names) {
  json.open('{').member("names", names).member("action", "SCMP_ACT_ALLOW").close('}');
}

void allow_with(JsonText& json, const std::string& name, uint64_t value, std::string_view op,
                uint64_t second = 0) {
  json.open('{').member("names", std::vector{name}).member("action", "SCMP_ACT_ALLOW");
  json.key("args").open('[').open('{').member("index", 0).member("value", value);
  json.member("valueTwo", second).member("op", op).close('}').close(']').close('}');
}

template <class List>
bool has(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != std::end(list);
}

std::string bare(std::string_view name) {
  if (name.starts_with("CAP_")) name.remove_prefix(4);
  return std::string(name);
}

}  // namespace

Result<std::vector<std::string>> capabilities_of(const ContainerSpec& container) {
  std::set<std::string> kept(kGiven.begin(), kGiven.end());
  for (const auto& word : container.drop_capabilities) {
    std::string name = bare(word);
    if (name == "ALL") {
      kept.clear();
      continue;
    }
    if (!has(kGiven, name) && !has(kAddable, name) && !has(kRefused, name)) {
      return fail(codes::kInvalidArgument, fmt::format("unknown capability {}", word));
    }
    kept.erase(name);
  }
  for (const auto& word : container.add_capabilities) {
    std::string name = bare(word);
    if (!has(kGiven, name) && !has(kAddable, name)) {
      return fail(codes::kInvalidArgument,
                  fmt::format("capability {} is not given to containers", word));
    }
    kept.insert(name);
  }
  if (container.privileged) {
    for (const auto& list :
         {std::span<const char* const>(kGiven), std::span<const char* const>(kAddable),
          std::span<const char* const>(kRefused)}) {
      kept.insert(list.begin(), list.end());
    }
  }
  std::vector<std::string> full;
  for (const auto& name : kept) full.push_back("CAP_" + name);
  return full;
}

std::string seccomp_profile(const std::vector<std::string>& capabilities) {
#if defined(__x86_64__)
  constexpr auto kArchitecture = "SCMP_ARCH_X86_64";
#elif defined(__aarch64__)
  constexpr auto kArchitecture = "SCMP_ARCH_AARCH64";
#else
#error "name the architecture as runc does"
#endif
  static const std::vector<std::string> kNames = words(kAllowed);
  JsonText json;
  json.open('{').member("defaultAction", "SCMP_ACT_ERRNO").member("defaultErrnoRet", 1);
  json.member("architectures", std::vector<std::string>{kArchitecture});
  json.key("syscalls").open('[');
  allow(json, kNames);
  allow_with(json, "clone", kNamespaceFlags, "SCMP_CMP_MASKED_EQ");
  for (uint64_t family : kFamilies) allow_with(json, "socket", family, "SCMP_CMP_EQ");
  for (uint64_t value : kPersonalities) allow_with(json, "personality", value, "SCMP_CMP_EQ");
  if (has(capabilities, "CAP_SYS_PTRACE")) {
    allow(json, {"ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
                 "process_madvise"});
  }
  if (has(capabilities, "CAP_SYS_CHROOT")) allow(json, {"chroot"});
  json.open('{').member("names", std::vector<std::string>{"clone3"});
  json.member("action", "SCMP_ACT_ERRNO").member("errnoRet", kNoSuchCall).close('}');
  json.close(']').close('}');
  return json.take();
}

}  // namespace suiro::container
