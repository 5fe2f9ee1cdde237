// SPDX-License-Identifier: Apache-2.0
// TaskRun: one task of the runc runner, from its spec to its final report.
//
//   preparing --images, disk, groups, supervisor: prepare()--> supervised --all ended:
//   conclude()--> ended; a failure on the way: begin_stop(kTaskFailedToStart). Found at a start of
//   Suiro: preparing begins anew, supervised goes on by reconnect(), ended reports again.
//
//   container: pending --dependencies: wait_for_dependencies()--> start_attempt() --> running
//     --file `exit`: note_end()--> stopped (or the next attempt, by its restart policy)
//
// Invariants:
//  1. An attempt's number is on disk before its command is sent; the supervisor does a number once.
//  2. stop_code and stopped_reason are those of the first begin_stop().
//  3. The final report comes behind the last line of output.
// Thread: the executor of the setting; blocking work on its pool.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <set>

#include "engine/container/folder_watch.h"
#include "engine/container/output_reader.h"
#include "engine/container/records.h"
#include "engine/container/runc_runner.h"
#include "engine/container/supervisor_link.h"
#include "engine/container/task_disk.h"
#include "engine/container/task_groups.h"

namespace suiro::container {

// What a task uses of its runner.
struct TaskSetting {
  RuncConfig config;
  image::ImageCache& images;
  Clock& clock;
  asio::thread_pool& pool;
  TaskDisks& disks;
  FolderWatch& watch;
  Executor executor;
  Observer* observer = nullptr;
  TaskGroups groups;
  std::string program;  // the supervisor's
  std::string runc_root;
  std::string tasks_directory;
  std::string stage;
  std::string boot;
};

class TaskRun {
 public:
  TaskRun(TaskSetting& setting, TaskSpec spec, TaskState state);
  ~TaskRun();
  const TaskState& state() const { return state_; }
  std::string directory() const { return setting_.tasks_directory + "/" + spec_.id; }
  // Writes what a restart of Suiro needs to find it; sync() does what a restart of the machine
  // needs. Blocking.
  static Result<void> record(const std::string& directory, const TaskSpec& spec,
                             const TaskState& state);
  static Result<void> sync(const std::string& directory);
  void start();
  void stop();
  // Ends the coroutines; the task goes on.
  Task<void> detach();
  // After detach(): ends what runs, takes everything away.
  Task<void> destroy();

 private:
  enum class Ready { kYes, kNo };
  using Stream = asio::posix::basic_stream_descriptor<Executor>;

  Task<void> run();
  Task<void> report();
  Task<void> save();
  void changed();
  Task<void> pause(Millis time);

  // task_run_prepare.cc
  Task<bool> prepare();
  Task<bool> pull();
  Task<bool> find_images();
  Result<pid_t> prepare_machine();
  Result<void> write_files();
  Result<void> write_bundle(size_t index, uint32_t attempt);
  Task<bool> connect();
  Task<void> watch_supervisor();
  Task<void> lose_supervisor();
  void stop_endpoint();
  std::string holder(size_t index) const;
  std::string container_directory(size_t index) const;
  std::string runtime_id(size_t index, uint32_t attempt) const;

  // task_run_containers.cc
  Task<void> run_container(size_t index);
  Task<Ready> wait_for_dependencies(size_t index);
  enum class Met { kYes, kNotYet, kNever };
  Met met(const Dependency& dependency, std::string& why) const;
  Task<Result<void>> start_attempt(size_t index);
  Task<AttemptEnd> follow(size_t index);
  void note_start(size_t index, TimePoint started);
  void note_end(size_t index, const AttemptEnd& end);
  bool restarts(size_t index, const AttemptEnd& end) const;
  void finish(size_t index);
  void begin_stop(TaskReport::StopCode code, std::string reason);
  void spawn_stoppers();
  Task<void> stop_container(size_t index);
  Task<void> pump_output(size_t index);
  Task<void> watch_health(size_t index);
  Task<int> check_health(size_t index);
  Task<void> conclude();
  size_t index_of(std::string_view name) const;
  bool all_finished() const;
  void note_task_start();

  TaskSetting& setting_;
  TaskSpec spec_;
  TaskState state_;
  std::vector<image::Image> images_;
  TaskScope scope_;
  Signal changed_;      // anything that a coroutine of this task waits for
  uint64_t hints_ = 0;  // counts what the folders' watch tells
  bool closing_ = false;
  bool dirty_ = false;
  bool lost_ = false;  // the supervisor
  bool quitting_ = false;
  bool stoppers_ = false;
  std::set<Stream*> checks_;  // of health checks that run
  std::string lost_reason_;
  size_t outputs_done_ = 0;
  uint64_t version_ = 0, saved_version_ = 0;
  bool saving_ = false;
  pid_t supervisor_ = 0;
  std::optional<Stream> pidfd_;
  std::vector<int> watches_;
  std::move_only_function<void()> stop_endpoint_;
};

}  // namespace suiro::container
