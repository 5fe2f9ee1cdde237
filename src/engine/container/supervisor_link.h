// SPDX-License-Identifier: Apache-2.0
// Suiro's end of a task's supervisor (supervisor/supervisor.h): starting it, finding it again,
// telling it what to do and reading what it noted. Blocking, but for send_command(): files of the
// task's directory (docs/formats/task-directories.md). Any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/container/bundle.h"
#include "engine/sandbox/files.h"

namespace suiro::container {

// The right to start a supervisor for a task, as the descriptor that holds its lock. Ends the one
// that lives; one that was only just started is waited for, and then ended. Afterwards none lives,
// and none appears while the descriptor or a supervisor that was given it does. Errors: kInternal
// where it does not end.
Result<sandbox::Descriptor> claim_task(const std::string& task_directory);

struct SupervisorStart {
  int lock = -1;  // of claim_task(); the supervisor keeps it, whatever becomes of its starter
  std::string program;
  std::string task_directory;
  std::string runc;
  std::string runc_root;
  std::string stage;
  uint32_t id_base = 0;
  uint16_t port = 0;
  NetworkMode network = NetworkMode::kNone;
  std::vector<std::string> cgroup_procs;
  std::vector<HostFolder> volumes;  // empty paths: folders of the task
};
// Returns its process id once its namespaces and mounts are there. Errors: kInternal with what it
// said.
Result<pid_t> start_supervisor(const SupervisorStart& start);

// The supervisor that lives, by a descriptor that means it and no later process with its number.
// Errors: kNotFound where none lives.
struct Supervisor {
  pid_t process = -1;
  sandbox::Descriptor pidfd;
};
Result<Supervisor> find_supervisor(const std::string& task_directory);

// The listening socket of the task's endpoint. Errors: kInternal.
Result<sandbox::Descriptor> take_listener(const Supervisor& supervisor);

// Errors: kNotFound where no supervisor lives.
Result<void> send_command(const std::string& task_directory, const std::string& line);

// Ends a supervisor and its containers and waits for it. Errors: kInternal when it stays.
Result<void> end_supervisor(const std::string& task_directory, const Supervisor& supervisor);

// How an attempt ended.
struct AttemptEnd {
  enum class How { kExit, kSignal, kFailed };  // kFailed: it was not started
  uint32_t attempt = 0;
  How how = How::kExit;
  int number = 0;
  TimePoint started;
  TimePoint ended;
  uint64_t out_of_memory_kills = 0;
  uint64_t memory_peak_bytes = 0;
  Micros processor_time{0};
};
std::optional<AttemptEnd> read_end(const std::string& container_directory);
// Pure.
std::optional<AttemptEnd> parse_end(std::string_view text);

struct AttemptStart {
  uint32_t attempt = 0;
  TimePoint started;
};
std::optional<AttemptStart> read_start(const std::string& container_directory);

// What runc said last, without its own words around it.
std::string runc_complaint(const std::string& container_directory);

// Identifies this start of the machine.
std::string boot_id();

}  // namespace suiro::container
