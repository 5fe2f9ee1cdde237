// SPDX-License-Identifier: Apache-2.0
// ServicePerformer: performs tasks through the integrations.
//
//   first time:   EffectStarted ─► begin() ─┬─ request-response ─► EffectSucceeded
//                                           ├─ .waitForTaskToken ─► EffectSubmitted + notes, end
//                                           └─ .sync ─► EffectSubmitted + notes ─► follow()
//   again:        .waitForTaskToken: nothing is left to do;  .sync: follow(notes)
//
// Invariants:
//  1. What .sync began is noted in the commit that tells of it. What nobody waits for any more by
//     then is stopped at once.
//  2. An attempt that fails while the server stops is not reported: it is made again after a start.
// Between begin() and that commit a crash makes begin() run once more: which services notice,
// integration_services.h tells.
// Threads: any. Failure: reported to the task's state.
#pragma once

#include <map>

#include "services/states/integration_services.h"

namespace suiro::states {

// What tasks reach.
struct Outside {
  event::OperationCaller& operations;
  const event::RolePermissions& permissions;
  event::HttpConnections& connections;
  http_out::Client& client;
};

class ServicePerformer final : public Performer {
 public:
  ServicePerformer(event::Kernel& kernel, Outside outside);
  // Once, before the first task.
  void use(Executions& executions) { executions_.use(executions); }

  Task<void> perform(TaskCall call, TaskReporter& reporter) override;
  Task<Result<void>> cancel(TaskCall call) override;

 private:
  // Null: Suiro has no such integration.
  Integration* integration_of(const workflow::Resource& resource);
  Task<bool> tell_start(const TaskCall& call, const Integration* integration,
                        TaskReporter& reporter);
  Task<std::optional<std::string>> begin(const TaskCall& call, Integration& integration,
                                         TaskReporter& reporter);
  Task<void> stop_surely(const TaskCall& call, Integration& integration, std::string notes);

  static constexpr int kStopAttemptsMax = 5;
  static constexpr Millis kStopPause{500};

  ServiceCalls calls_;
  LambdaIntegration lambda_{calls_};
  QueueIntegration queues_{calls_};
  EventsIntegration events_{calls_};
  SdkIntegration sdk_{calls_};
  ExecutionIntegration executions_{calls_};
  ContainerIntegration containers_{calls_};
  HttpIntegration http_;
};

}  // namespace suiro::states
