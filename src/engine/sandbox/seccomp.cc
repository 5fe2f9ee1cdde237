// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace suiro::sandbox {

namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr uint32_t kForeignBit = 0x40000000;  // the x32 interface
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr uint32_t kForeignBit = 0;
#else
constexpr uint32_t kArchitecture = 0;
constexpr uint32_t kForeignBit = 0;
#endif

constexpr int kRefused[] = {
    // mounts
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_quotactl,
    SYS_swapon,
    SYS_swapoff,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    // other namespaces and processes
    SYS_unshare,
    SYS_setns,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_process_madvise,
    SYS_acct,
    // the kernel itself
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_syslog,
    SYS_reboot,
    SYS_vhangup,
    SYS_lookup_dcookie,
    // keys
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    // names and clocks
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
#if defined(__x86_64__)
    SYS_kexec_file_load,
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
    SYS__sysctl,
#endif
};

constexpr int kAbsent[] = {SYS_clone3, SYS_io_uring_setup, SYS_io_uring_enter,
                           SYS_io_uring_register};

constexpr uint32_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

constexpr uint32_t refuse(int error) {
  return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error);
}

class Program {
 public:
  void load(size_t offset) {
    steps_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
  }
  void answer(uint32_t value) { steps_.push_back(BPF_STMT(BPF_RET | BPF_K, value)); }
  // The accumulator equal to `value` answers `then`; otherwise the program goes on.
  void answer_if(uint32_t value, uint32_t then) {
    steps_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    answer(then);
  }
  void answer_if_any_bit(uint32_t bits, uint32_t then) {
    steps_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    answer(then);
  }
  void answer_if_not(uint32_t value, uint32_t then) {
    steps_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
    answer(then);
  }
  // The accumulator other than `value` jumps over the next `count` steps.
  void skip_unless(uint32_t value, uint8_t count) {
    steps_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
  }
  Bytes bytes() const {
    return {reinterpret_cast<const char*>(steps_.data()), steps_.size() * sizeof(sock_filter)};
  }

 private:
  std::vector<sock_filter> steps_;
};

constexpr size_t kNumber = offsetof(seccomp_data, nr);
constexpr size_t kFirstArgument = offsetof(seccomp_data, args);  // the low half: little-endian

}  // namespace

Bytes seccomp_program() {
  if (kArchitecture == 0) return {};
  Program program;
  program.load(offsetof(seccomp_data, arch));
  program.answer_if_not(kArchitecture, SECCOMP_RET_KILL_PROCESS);
  program.load(kNumber);
  if (kForeignBit != 0) program.answer_if_any_bit(kForeignBit, refuse(ENOSYS));
  for (int call : kRefused) program.answer_if(static_cast<uint32_t>(call), refuse(EPERM));
  for (int call : kAbsent) program.answer_if(static_cast<uint32_t>(call), refuse(ENOSYS));
  // clone with a new namespace: 4 steps.
  program.skip_unless(SYS_clone, 4);
  program.load(kFirstArgument);
  program.answer_if_any_bit(kNamespaceFlags, refuse(EPERM));
  program.answer(SECCOMP_RET_ALLOW);
  // socket with another family: a load, four pairs and the refusal.
  program.skip_unless(SYS_socket, 10);
  program.load(kFirstArgument);
  for (uint32_t family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
    program.answer_if(family, SECCOMP_RET_ALLOW);
  }
  program.answer(refuse(EAFNOSUPPORT));
  program.answer(SECCOMP_RET_ALLOW);
  return program.bytes();
}

}  // namespace suiro::sandbox
