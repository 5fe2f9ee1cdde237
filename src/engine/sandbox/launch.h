// SPDX-License-Identifier: Apache-2.0
// Starting the processes of a sandbox: the launcher (launcher.c), bubblewrap's arguments and what
// is mounted where. README.md shows the tree of processes. Thread: launch() blocks for a
// millisecond or two and must run on a thread that lives as long as the sandboxes: the kernel ends
// them when the thread that started them ends (PR_SET_PDEATHSIG).
#pragma once

#include <spawn.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/sandbox/cgroup.h"
#include "engine/sandbox/files.h"

namespace suiro::sandbox {

inline constexpr uint16_t kRuntimeApiPort = 9001;
inline constexpr unsigned kUidInside = 1000;
// AWS allows a function 1,024 processes and threads ("Lambda quotas").
inline constexpr uint32_t kProcessesMax = 1024;

// How far a sandbox is apart from the machine.
enum class Isolation {
  kMappedUser,     // root starts it: own namespaces, and nobody's user id outside
  kUserNamespace,  // an ordinary user starts it: own namespaces, that user's id outside
  kNone,           // a plain process with resource limits
};

struct LaunchRequest {
  Isolation isolation = Isolation::kNone;
  std::string launcher;         // host path
  std::string bwrap;            // host path
  std::string guest_directory;  // host path; seen at /var/runtime
  std::string etc_directory;    // host path; its files are seen in /etc
  std::string code_directory;   // host path; seen at /var/task; empty: none
  std::string tmp_directory;    // host path; /tmp of kNone only
  uint64_t tmp_bytes = 0;
  std::optional<uint64_t> data_limit_bytes;  // where no group limits the memory
  unsigned host_uid = 0;                     // kMappedUser
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> command;  // with the paths seen inside
  std::optional<uint16_t> endpoint_port;
  std::vector<std::string> cgroup_procs_files;
};

struct Launched {
  pid_t process = -1;  // the outermost process; its end is the end of all
  Descriptor pidfd;    // of it
  Descriptor output;   // both output streams; not blocking
  Descriptor control;  // the launcher hands the listeners over here; not blocking
  Descriptor info;     // bubblewrap tells the id of the inner process here; not blocking
  Descriptor inner;    // pidfd of the first process inside, once find_inner() has found it
};

// Signals as a fresh process has them: Suiro ignores SIGPIPE, what it starts must not inherit that.
void set_signals(posix_spawnattr_t& attributes);

// Errors: kInternal.
Result<Launched> launch(const LaunchRequest& request);

// Takes the first process inside from what bubblewrap told, if it did yet.
void find_inner(Launched& launched);

// Ends every process: with namespaces the first process inside, whose end takes all others with it
// before the outermost can end; else the session.
void kill_all(const Launched& launched, Isolation isolation);

// Where a sandbox sees what it is given.
struct Places {
  std::string task;
  std::string runtime;
  std::string tmp;
};
Places places_of(const LaunchRequest& request);

}  // namespace suiro::sandbox
