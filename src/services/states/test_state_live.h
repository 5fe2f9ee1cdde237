// SPDX-License-Identifier: Apache-2.0
// LiveTest: drives one TestRun in real time: waits for its timers, performs its task.
//
// Invariants:
//  1. run() ends with the state's answer, after kTestDurationMax (States.Timeout), or when nobody
//     waits for it any more. It does not wait for a task that goes on: what that reports is lost.
//  2. A task that runs keeps its LiveTest.
// Thread: one shard's.
#pragma once

#include <deque>

#include "engine/workflow/test_run.h"
#include "kernel/event/kernel.h"
#include "services/states/performer.h"
#include "shapes/gen/states.h"

namespace suiro::states {

class LiveTest final : public TaskReporter, public HttpWatcher {
 public:
  struct Parts {
    event::Kernel& kernel;
    Performer& performer;
    TaskScope& scope;  // of this shard: where the task runs
  };
  // What an HTTP task sent and got.
  struct HttpExchange {
    std::optional<shapes::states::InspectionDataRequest> request;
    std::optional<shapes::states::InspectionDataResponse> response;
  };
  // `call` is the task's, but for its effect.
  enum class Secrets : uint8_t { kHide, kShow };
  LiveTest(Parts parts, std::unique_ptr<workflow::TestRun> run, TaskCall call, Secrets secrets);

  // Once. `caller` may be null. Errors: of the run; kClosed where the caller has gone.
  static Task<Result<void>> run(std::shared_ptr<LiveTest> test,
                                std::shared_ptr<Cancellation> caller);
  const workflow::TestAnswer& answer() const { return *run_->answer(); }
  const HttpExchange& http() const { return http_; }

  Task<Result<void>> report(workflow::Occurrence occurrence) override;
  Task<Result<void>> save(Bytes notes) override;
  Task<Result<void>> report_and_save(workflow::Occurrence occurrence, Bytes notes) override;
  bool cancelled() const override { return cancellation_->cancelled(); }
  std::shared_ptr<Cancellation> cancellation() const override { return cancellation_; }
  HttpWatcher* http_watcher() override { return this; }
  Task<void> wait(Millis duration) override;
  bool sees_secrets() const override { return secrets_ == Secrets::kShow; }
  void sent(const http_out::Request& request) override;
  void got(const http_out::Reply& reply, std::string_view reason) override;

 private:
  static Task<Result<void>> drive(std::shared_ptr<LiveTest> test,
                                  std::shared_ptr<Cancellation> caller);
  static Task<void> perform(std::shared_ptr<LiveTest> test, workflow::TaskEffect effect);

  event::Kernel& kernel_;
  Performer& performer_;
  TaskScope& scope_;
  std::unique_ptr<workflow::TestRun> run_;
  TaskCall call_;
  const Secrets secrets_;
  Signal wake_;
  std::deque<workflow::Occurrence> inbox_;
  std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  HttpExchange http_;
};

}  // namespace suiro::states
