// SPDX-License-Identifier: Apache-2.0
// DurableExecutions: the runtime of executions over the kernel: what is behind Executions.
//
//   API, Performer, MapRuns ──► DurableExecutions ──hop──► ExecutionShard of the ARN (Standard)
//                                                  └─────► ExpressRuns (Express, in memory)
//
//   constructed (timers registered) ──open()──► reads ──resume()──► effects are performed ──►
//   stop()
//
// Invariants: see executions.h. Every start of a name goes through the shard of its ARN.
// Threads: any, but for the constructor. Failure: the API's errors.
// Bytes on disk: docs/formats/states.md, "Executions".
#pragma once

#include "services/states/executions_shard.h"
#include "services/states/express_runs.h"

namespace suiro::states {

class DurableExecutions final : public Executions, public ChildRunner {
 public:
  // Registers its timers: before the kernel starts. `map_runs` may be null. All outlive this.
  DurableExecutions(event::Kernel& kernel, RuntimeConfig config, Performer& performer,
                    MapRunDriver* map_runs);
  ~DurableExecutions() override;

  // Before open(): who is told of executions. Outlives this.
  void use(const event::Listeners& listeners) { parts_.listeners = &listeners; }
  // Before the kernel's timers start. Errors: those of the store.
  Task<Result<void>> open();
  // When all services that effects call are there: what was in flight goes on.
  Task<Result<void>> resume();
  // After the kernel stopped its timers: nothing new is performed; what effects wait for may end
  // by the stop of other services. close() then waits for them.
  Task<void> begin_close();
  Task<void> close();

  Task<Result<StartReply>> start(StartRequest request) override;
  Task<Result<ExecutionRecord>> run_sync(StartRequest request) override;
  Task<Result<TimePoint>> stop(std::string arn, std::optional<std::string> error,
                               std::optional<std::string> cause) override;
  Task<Result<TimePoint>> redrive(std::string arn, std::string client_token) override;
  Task<Result<ExecutionRecord>> describe(std::string arn) override;
  Task<Result<ListPage>> list(ListRequest request) override;
  Task<Result<HistoryPage>> history(HistoryRequest request) override;
  Task<Result<bool>> any_running(std::string machine_arn) override;
  Task<Result<void>> task_succeeded(std::string token, std::string output) override;
  Task<Result<void>> task_failed(std::string token, std::string error, std::string cause) override;
  Task<Result<void>> task_heartbeat(std::string token) override;
  Task<Result<ActivityTask>> take_activity_task(
      std::string activity_arn, std::string worker_name,
      std::shared_ptr<Cancellation> cancellation = nullptr) override;
  Task<Result<ExecutionRecord>> ended(std::string arn,
                                      std::shared_ptr<Cancellation> cancellation = {}) override;

  Task<Result<void>> start(std::shared_ptr<const ChildFamily> family,
                           std::vector<Child> children) override;
  Task<Result<void>> redrive(std::shared_ptr<const ChildFamily> family,
                             std::vector<Child> children) override;
  Task<Result<void>> stop(std::shared_ptr<const ChildFamily> family,
                          std::vector<Child> children) override;

  const RuntimeParts& parts() const { return parts_; }
  size_t cached_bytes() const;  // thread: shards must be idle

 private:
  struct Shard {
    std::unique_ptr<ExecutionShard> executions;
    std::unique_ptr<ExpressRuns> express;
  };
  size_t owner_of(const ArnHash& execution) const;
  Task<Result<Stepped>> post(ArnHash execution, Posted posted);
  Task<Result<void>> post_for_token(std::string token, workflow::Occurrence occurrence,
                                    EffectKey key);
  Task<Result<StartedExecution>> start_at_owner(NewExecution request);
  Task<Result<void>> on_timer(event::Timer timer, store::Batch consume);
  Task<Result<void>> read_secret();
  ExecutionRow express_row(const StartRequest& request, std::string arn, std::string name) const;
  // Every key of a space, page by page.
  Task<Result<void>> for_each_key(store::Key space, std::function<void(ByteView key)> visit);

  Task<Result<ExecutionRow>> find(std::string arn);
  Task<Result<ExecutionRecord>> record_of(ExecutionRow row, MachinePtr machine);
  Task<Result<MachinePtr>> machine_of(const ExecutionRow& row);
  Task<Result<std::string>> text_of(const ArnHash& execution, const PayloadRef& ref);
  ExecutionRecord summary_of(const ExecutionRow& row, const MachineRow& machine) const;

  Task<Result<void>> start_child(std::shared_ptr<const ChildFamily> family, Child child);
  Task<Result<void>> redrive_child(std::shared_ptr<const ChildFamily> family, Child child);
  Task<Result<void>> stop_child(std::shared_ptr<const ChildFamily> family, Child child);
  using ForChild = Task<Result<void>> (DurableExecutions::*)(std::shared_ptr<const ChildFamily>,
                                                             Child);
  Task<Result<void>> for_children(std::shared_ptr<const ChildFamily> family,
                                  std::vector<Child> children, ForChild what);

  Task<void> sweep_loop();
  Task<Result<bool>> sweep_once(store::Key& from);
  Task<Result<void>> sweep_one(store::Batch& batch, store::Entry ended);

  RuntimeParts parts_;
  event::Kernel& kernel_;
  std::vector<std::unique_ptr<ActivityQueues>> activities_;
  std::vector<Shard> shards_;
  Executor home_;  // where the sweep runs
  TaskScope scope_;
  Signal stop_signal_;
  bool closing_ = false;  // the sweep's
};

// "arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME"; Express: "...:express:MACHINE:NAME:UUID".
std::string execution_arn_of(const MachineAtStart& machine, std::string_view name, Random& random);

}  // namespace suiro::states
