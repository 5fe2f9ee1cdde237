// SPDX-License-Identifier: Apache-2.0
// ProcessSandbox: one function's runtime from its start to its end.
//
//   starting --first /next: ready()--> idle --invoke()--> busy --response, error--> idle
//      |                                |                  |
//      +-- init error, exit ------------+---- exit --------+-- timeout, memory: kill() --> dead
//   idle --freeze_after: freeze()--> frozen --invoke(): thaw()--> busy
//   any --close()--> dead, its coroutines ended, its groups and folders removed
//
// Invariants: those of sandbox.h, and
//  1. the end of the outermost process means the end of all; exited_ is set by watch_exit() alone;
//  2. an invocation ends once: the first of response, error, exit, memory and timeout that this
//  executor
//     sees; what the runtime sends later is answered with an unknown request id.
// Thread: the executor of create(), which the coroutines of scope_ share; removing folders runs on
// the launcher's.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string>

#include "engine/sandbox/cgroup.h"
#include "engine/sandbox/launch.h"
#include "engine/sandbox/log_pipe.h"
#include "engine/sandbox/runtime_api.h"
#include "engine/sandbox/sandbox.h"

namespace suiro::sandbox {

// What a sandbox uses of its host.
struct SandboxSetting {
  Executor launcher;
  Clock& clock;
  ServeEndpoint serve_endpoint;
  Millis freeze_after;
  Isolation isolation = Isolation::kNone;
  std::string tmp_directory;              // of Isolation::kNone: removed at the end
  std::move_only_function<void()> freed;  // called once, at the end of close()
};

class ProcessSandbox final : public Sandbox, private RuntimeCalls {
 public:
  ProcessSandbox(Executor executor, SandboxSetting setting, Spec spec, Launched launched,
                 std::unique_ptr<Cgroup> group, Micros launched_at);
  ~ProcessSandbox() override;

  // Waits for the listeners from inside and serves them. Errors: kInternal with what the launcher
  // or bubblewrap said; the sandbox must then be closed.
  Task<Result<void>> start();

  Task<Result<Outcome>> invoke(Invocation invocation) override;
  bool alive() const override { return !exited_ && !killed_ && !init_error_ && !closing_; }
  bool started() const override { return init_duration_ || init_error_ || exited_ || killed_; }
  bool idle() const override { return !busy_; }
  TimePoint idle_since() const override { return idle_since_; }
  bool frozen() const override { return frozen_; }
  Task<void> close() override;

 private:
  using Stream = asio::posix::basic_stream_descriptor<Executor>;
  struct ErrorReport {
    std::string type;
    Bytes document;
  };
  struct Running {
    Invocation invocation;
    bool dispatched = false;
    Micros dispatched_at{0};
    std::optional<Bytes> returned;
    std::optional<ErrorReport> error;
    bool too_large = false;
    bool over() const { return returned || error || too_large; }
  };

  // RuntimeCalls
  Task<std::optional<Work>> next() override;
  bool returned(std::string_view request_id, Bytes payload) override;
  bool raised(std::string_view request_id, std::string error_type, Bytes document) override;
  bool response_too_large(std::string_view request_id) override;
  bool init_raised(std::string error_type, Bytes document) override;
  bool is_running(std::string_view request_id) const;

  Task<void> watch_exit();
  Task<void> pump();
  void drain();
  Task<Result<void>> receive_listeners();

  Work work_of(const Invocation& invocation);
  Task<void> wait_for_start(TimePoint deadline);
  Task<Outcome> finish(bool first);
  void fill_error(Outcome& outcome);
  void fill_exit(Outcome& outcome);
  Task<void> kill();
  void freeze();
  void thaw();
  void watch_memory();
  void sample_memory();
  void become_idle();

  Executor executor_;
  SandboxSetting setting_;
  Spec spec_;
  Launched launched_;
  std::unique_ptr<Cgroup> group_;
  Micros launched_at_;
  TaskScope scope_;
  Signal changed_;  // anything below that invoke(), next() or close() waits for
  Stream pidfd_;
  Stream output_;
  Stream control_;
  RuntimeApi api_;
  LineSplitter splitter_;
  LogQueue logs_;
  std::move_only_function<void()> stop_endpoint_;

  std::optional<Running> running_;
  std::optional<Micros> init_duration_;  // set when the start ended
  std::optional<ErrorReport> init_error_;
  bool busy_ = false;
  bool invoked_ = false;
  bool timed_out_ = false;
  bool killed_ = false;
  bool exited_ = false;
  int exit_status_ = 0;  // as a shell has it
  bool closing_ = false;
  bool closed_ = false;
  bool frozen_ = false;
  TimePoint idle_since_;
  uint64_t memory_peak_bytes_ = 0;
  bool memory_exceeded_ = false;
  Micros memory_sampled_at_{0};
  std::unique_ptr<Clock::Alarm> memory_alarm_;
  std::unique_ptr<Clock::Alarm> freeze_alarm_;
};

}  // namespace suiro::sandbox
