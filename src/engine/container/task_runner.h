// SPDX-License-Identifier: Apache-2.0
// Task runners: where the containers of a task run. One runs them on this machine through runc, one
// sends them to a Kubernetes cluster as Jobs.
//
// Place: services/ecs decides which tasks run when and keeps their records; a runner starts the
// containers of one task in the order of their dependencies, watches them, takes their output and
// ends them. README.md tells what is protected.
//
//   ecs ── run(TaskSpec) ──► runner ── changed(TaskReport) ──► ecs commits ── forget(id) ──► runner
//                              └───── write(lines) ──► ecs commits lines and position together
//
// Invariants:
//  1. run() is idempotent by the task's id: a task that the runner knows, alive or ended, is not
//     started again. A caller that died before it committed the start calls run() again.
//  2. Reports are whole and level-triggered: a later one replaces an earlier one. After a restart
//     of the process start() finds the tasks that run, or ended meanwhile, and reports each of
//     them: their output and exit codes are not lost.
//  3. Output is handed over in order, at least from where the consumer's answer to resume_at()
//     says: lines whose write() succeeded are not handed over again when the consumer commits its
//     position with them. All of a task's output was handed over before its report says ended().
//  4. What a task left on the machine (processes, control groups, mounts, folders, output) goes
//  with
//     forget(), and only then. A folder of a task that nobody knows is swept by keep_only().
//
// Threads: run(), stop(), forget() from any shard; probe() and what waits for it on the executor on
// which start() was awaited, where observers are called too. Failure: what a task does wrong is in
// its report; an Error is the machine's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/task.h"

namespace suiro::container {

// ECS: "Task definition parameters", Amazon ECS Developer Guide. Sizes and times as there.
struct EnvironmentVariable {
  std::string name;
  std::string value;
};
struct Ulimit {
  std::string name;  // "nofile", "nproc", ... without RLIMIT_
  uint64_t soft = 0;
  uint64_t hard = 0;
};
struct Tmpfs {
  std::string path;
  uint32_t size_mb = 0;
  std::vector<std::string> options;
};
enum class Access { kReadOnly, kReadWrite };
struct Mount {
  std::string volume;  // a name of TaskSpec::volumes
  std::string path;    // in the container
  Access access = Access::kReadWrite;
};
struct Volume {
  std::string name;
  std::string host_path;  // empty: a folder of the task, gone with it
};
struct Dependency {
  std::string container;
  enum class Condition { kStart, kComplete, kSuccess, kHealthy } condition = Condition::kStart;
};
struct HealthCheck {
  std::vector<std::string> command;  // {"CMD", program, ...} or {"CMD-SHELL", text}
  std::chrono::seconds interval{30};
  std::chrono::seconds timeout{5};
  uint32_t retries = 3;
  std::chrono::seconds start_period{0};
};
struct PortMapping {
  uint16_t container_port = 0;
  uint16_t host_port = 0;  // 0: the runner chooses (bridge); host networks: the same
  std::string protocol = "tcp";
};
struct RestartPolicy {
  std::vector<int> ignored_exit_codes;
  std::chrono::seconds attempt_period{300};
};
// For a registry that asks for it (repositoryCredentials).
struct RegistryCredentials {
  std::string user;
  std::string password;
};
// What a container's write() does while kOutputWaitingBytes of its output wait for the observer:
// awslogs' mode "blocking" and "non-blocking".
enum class FullOutput { kWait, kDrop };
inline constexpr uint64_t kOutputWaitingBytes = 16 * 1024 * 1024;

struct ContainerSpec {
  std::string name;
  std::string image;  // as the definition says it: "repo:tag", "registry/repo@sha256:..."
  bool essential = true;
  // Empty: the image's.
  std::vector<std::string> entry_point;
  std::vector<std::string> command;
  std::string working_directory;
  std::string user;
  std::vector<EnvironmentVariable> environment;  // in order; secrets are among them
  uint32_t cpu_units = 0;                        // 1,024 are one core; 0: the task's
  uint32_t memory_mb = 0;                        // hard limit; 0: the task's
  uint32_t memory_reservation_mb = 0;
  bool read_only_root = false;
  bool init_process = false;  // reaps children, forwards signals
  std::vector<Ulimit> ulimits;
  std::vector<Tmpfs> tmpfs;
  uint32_t shared_memory_mb = 0;  // /dev/shm; 0: 64
  std::vector<Mount> mounts;
  std::vector<std::string> volumes_from;  // names of containers
  std::vector<Dependency> dependencies;
  std::optional<HealthCheck> health_check;
  std::vector<std::string> add_capabilities;
  std::vector<std::string> drop_capabilities;
  std::vector<PortMapping> ports;
  std::map<std::string, std::string> extra_hosts;  // name -> address
  std::map<std::string, std::string> system_controls;
  std::chrono::seconds start_timeout{0};  // for dependencies; 0: none
  std::chrono::seconds stop_timeout{30};
  std::optional<RestartPolicy> restart;
  std::optional<RegistryCredentials> registry_credentials;
  std::string hostname;     // empty: from the task's id
  bool privileged = false;  // refused unless the configuration allows it
  FullOutput full_output = FullOutput::kWait;
};

enum class NetworkMode { kNone, kBridge, kHost, kAwsvpc };

struct TaskSpec {
  std::string id;  // 32 hexadecimal digits
  std::string arn;
  std::string family;
  std::vector<ContainerSpec> containers;
  std::vector<Volume> volumes;
  NetworkMode network = NetworkMode::kNone;
  uint32_t cpu_units = 0;      // of all containers together; 0: no limit
  uint32_t memory_mb = 0;      // likewise
  uint32_t processes_max = 0;  // 0: the runner's default
  uint32_t disk_mb = 0;        // of all root folders and nameless volumes; 0: the runner's default
};

enum class ContainerState { kPending, kPulling, kRunning, kStopping, kStopped };
enum class Health { kUnknown, kHealthy, kUnhealthy };

struct ContainerReport {
  std::string name;
  ContainerState state = ContainerState::kPending;
  std::optional<int> exit_code;  // 128 + signal where one ended it
  // As ECS says it: "OutOfMemoryError: Container killed due to memory usage",
  // "CannotPullContainerError: ...", "CannotStartContainerError: ..."; empty: none
  std::string reason;
  bool out_of_memory = false;
  Health health = Health::kUnknown;
  std::string image_digest;  // "sha256:..."; empty before the pull
  std::string runtime_id;
  uint32_t restarts = 0;
  uint64_t memory_peak_bytes = 0;
  Micros processor_time{0};
  std::optional<TimePoint> started;
  std::optional<TimePoint> stopped;
};

struct TaskReport {
  std::string id;
  std::vector<ContainerReport> containers;  // in the spec's order
  std::optional<TimePoint> pull_started;
  std::optional<TimePoint> pull_stopped;
  std::optional<TimePoint> started;  // every container that has no open dependency runs
  std::optional<TimePoint> stopping;
  std::optional<TimePoint> execution_stopped;  // the last container ended
  // Set with execution_stopped: why, with ECS's code.
  enum class StopCode {
    kNone,
    kTaskFailedToStart,
    kEssentialContainerExited,
    kStopRequested,
    kTerminationNotice,  // the machine, or what supervises the task, went away under it
  };
  StopCode stop_code = StopCode::kNone;
  std::string stopped_reason;  // "Essential container in task exited", ...
  bool ended() const { return execution_stopped.has_value(); }
};

struct OutputLine {
  TimePoint time;
  std::string text;  // without its newline; longer lines are cut at kOutputLineBytesMax
};
inline constexpr size_t kOutputLineBytesMax = 256 * 1024;

// A piece of one container's output: standard output and standard error, as they came.
struct Output {
  std::string task_id;
  std::string container;
  uint64_t from = 0;  // position before the first line, in bytes written by the container
  uint64_t to = 0;    // position behind the last one: what resume_at() gives later
  std::vector<OutputLine> lines;
};

class Observer {
 public:
  virtual ~Observer() = default;
  // Something changed. Awaited one after the other for one task; an error is tried again.
  virtual Task<Result<void>> changed(TaskReport report) = 0;
  // Takes lines for good; an error hands them over again after a while.
  virtual Task<Result<void>> write(Output output) = 0;
  // Where the output of a container that is found at start() goes on: the last `to` that was
  // committed; 0: nothing yet.
  virtual Task<Result<uint64_t>> resume_at(std::string task_id, std::string container) = 0;
};

// What the machine can give. A line per protection for the start-up log.
struct RunnerProbe {
  struct Line {
    std::string protection;
    bool present = false;
    std::string detail;
  };
  bool pending = false;  // the machine is being tried out: lines and refusal may change once
  std::vector<Line> lines;
  std::string refusal;  // why no task can run here; empty: they can
  uint32_t cpu_units = 0;
  uint32_t memory_mb = 0;
};

class TaskRunner {
 public:
  virtual ~TaskRunner() = default;  // stop_all() or detach() must have been awaited
  // Finds what runs or ended since, and reports it. Does not wait for the probe of the machine,
  // which takes a second. Errors: the run directory cannot be written.
  virtual Task<Result<void>> start(Observer* observer) = 0;
  // After start(). The machine's resources are there at once; the rest is constant as soon as it is
  // not pending any more.
  virtual const RunnerProbe& probe() const = 0;
  // Returns when the probe is not pending, the runner was detached, or at `until`.
  virtual Task<void> probed(TimePoint /*until*/) { co_return; }
  // After start(): the ids of all tasks that were found, as soon as the runner has looked at all
  // there are. Each of them is reported, and run() of any other starts it. None: this runner cannot
  // tell, or was detached.
  virtual Task<std::optional<std::vector<std::string>>> known() { co_return std::nullopt; }
  // Takes the task up, behind the probe; what becomes of it is reported. Errors: kUnavailable
  // (probe().refusal, or detached), kInvalidArgument names what this runner cannot do with the
  // spec.
  virtual Task<Result<void>> run(TaskSpec spec) = 0;
  // SIGTERM (the image's stop signal), after each container's stop timeout SIGKILL; in reverse
  // order of the dependencies. Errors: kNotFound.
  virtual Task<Result<void>> stop(std::string task_id) = 0;
  // The end of the task was committed: takes away what it left. Nothing where it is unknown.
  virtual Task<void> forget(std::string task_id) = 0;
  // After start(): ends and takes away every task whose id is not among these.
  virtual Task<void> keep_only(std::vector<std::string> task_ids) = 0;
  // Suiro ends, the tasks go on: a later start() finds them.
  virtual Task<void> detach() = 0;
};

}  // namespace suiro::container
