// SPDX-License-Identifier: Apache-2.0
// The integrations, one class a service. What each sends and answers is AWS's, as recorded; what
// differs is told in README.md.
//
//   Integration            began with                   sent twice after a crash?
//   LambdaIntegration      Invoke                       yes: functions run at least once
//   QueueIntegration       SendMessage                  yes; FIFO queues drop the second
//   EventsIntegration      PutEvents                    yes
//   ExecutionIntegration   StartExecution               no: the name is made from the call's key;
//   one
//                                                       with a name is known by what started it
//   ContainerIntegration   RunTask                      no: the key is the client token
//   SdkIntegration         any operation                yes
//   HttpIntegration        a request to anywhere        yes
//
// Threads: the execution's shard. Failure: TaskFaults.
#pragma once

#include "engine/http_out/client.h"
#include "kernel/event/http_connections.h"
#include "kernel/event/role_permissions.h"
#include "services/states/executions.h"
#include "services/states/integration_calls.h"

namespace suiro::states {

// "arn:aws:lambda:...:function:NAME" and "arn:aws:states:::lambda:invoke".
class LambdaIntegration final : public Integration {
 public:
  explicit LambdaIntegration(ServiceCalls& calls) : calls_(calls) {}
  bool has(const workflow::Resource& resource) const override;
  Task<Attempt<Begun>> begin(Work work) override;

 private:
  ServiceCalls& calls_;
};

class QueueIntegration final : public Integration {
 public:
  explicit QueueIntegration(ServiceCalls& calls) : calls_(calls) {}
  bool has(const workflow::Resource& resource) const override;
  Task<Attempt<Begun>> begin(Work work) override;

 private:
  ServiceCalls& calls_;
};

class EventsIntegration final : public Integration {
 public:
  explicit EventsIntegration(ServiceCalls& calls) : calls_(calls) {}
  bool has(const workflow::Resource& resource) const override;
  Task<Attempt<Begun>> begin(Work work) override;

 private:
  ServiceCalls& calls_;
};

class SdkIntegration final : public Integration {
 public:
  explicit SdkIntegration(ServiceCalls& calls) : calls_(calls) {}
  bool has(const workflow::Resource& resource) const override;
  Task<Attempt<Begun>> begin(Work work) override;

 private:
  ServiceCalls& calls_;
};

// States' startExecution: .sync tells the output as text, .sync:2 as JSON.
class ExecutionIntegration final : public Integration {
 public:
  explicit ExecutionIntegration(ServiceCalls& calls) : calls_(calls) {}
  // Once, before the first call.
  void use(Executions& executions) { executions_ = &executions; }
  bool has(const workflow::Resource& resource) const override;
  bool is_marked(const TaskCall& call) const override;
  Task<Attempt<Begun>> begin(Work work) override;
  Task<std::optional<Attempt<std::string>>> follow(const TaskCall& call, std::string notes,
                                                   TaskReporter& reporter) override;
  Task<Result<void>> stop(const TaskCall& call, std::string notes) override;

 private:
  // What an earlier incarnation of the task started; `marked`: the time of its mark. Errors: those
  // of describe().
  Task<Result<std::optional<ExecutionRecord>>> find_own(const TaskCall& call,
                                                        std::optional<TimePoint> marked);

  ServiceCalls& calls_;
  Executions* executions_ = nullptr;
};

// ECS's runTask. .sync looks at the task until it has stopped.
class ContainerIntegration final : public Integration {
 public:
  explicit ContainerIntegration(ServiceCalls& calls) : calls_(calls) {}
  bool has(const workflow::Resource& resource) const override;
  bool is_marked(const TaskCall& call) const override;
  Task<Attempt<Begun>> begin(Work work) override;
  Task<std::optional<Attempt<std::string>>> follow(const TaskCall& call, std::string notes,
                                                   TaskReporter& reporter) override;
  Task<Result<void>> stop(const TaskCall& call, std::string notes) override;

  static constexpr Millis kFirstLook{250};
  static constexpr Millis kLastLook{5000};  // looks grow apart up to this

 private:
  Task<Attempt<json::Value>> look(const TaskCall& call, const json::Value& notes);
  Task<Attempt<std::string>> judge(const TaskCall& call, const json::Value& task);

  ServiceCalls& calls_;
};

class HttpIntegration final : public Integration {
 public:
  struct Parts {
    event::Kernel& kernel;
    const event::RolePermissions& permissions;
    event::HttpConnections& connections;
    http_out::Client& client;
  };
  explicit HttpIntegration(Parts parts) : parts_(parts) {}
  bool has(const workflow::Resource& resource) const override;
  Task<Attempt<Begun>> begin(Work work) override;

  static constexpr Millis kTimeout = std::chrono::seconds(60);
  static constexpr size_t kReplyBytesMax = 262'144;

 private:
  // Whether the machine's role may send it.
  Attempt<void> permitted(const Work& work) const;
  // What the task's connection adds; nothing where it names none.
  Task<Attempt<event::ConnectionAdditions>> additions(const Work& work);

  Parts parts_;
};

}  // namespace suiro::states
