// SPDX-License-Identifier: Apache-2.0
// Parts: protocol, services and sandboxes of an App, and the wires between them. Members are in the
// order of construction; the wiring is in parts.cc alone.
#pragma once

#include "engine/container/kubernetes_runner.h"
#include "engine/container/runc_runner.h"
#include "engine/image/cache.h"
#include "engine/image/remote.h"
#include "engine/sandbox/sandbox.h"
#include "kernel/event/log_target.h"
#include "kernel/event/sink_target.h"
#include "protocol/aws/front_end.h"
#include "protocol/http/server.h"
#include "server/access_log.h"
#include "server/app.h"
#include "server/code_links.h"
#include "server/enforcer.h"
#include "server/identities.h"
#include "server/operations.h"
#include "server/own_service.h"
#include "server/task_credentials.h"
#include "services/analytics/service.h"
#include "services/ecr/service.h"
#include "services/ecs/service.h"
#include "services/events/service.h"
#include "services/firehose/service.h"
#include "services/iam/service.h"
#include "services/kinesis/service.h"
#include "services/lambda/service.h"
#include "services/logs/service.h"
#include "services/relay/service.h"
#include "services/s3/service.h"
#include "services/scheduler/service.h"
#include "services/sqs/service.h"
#include "services/states/api_map_run.h"
#include "services/states/runtime.h"
#include "services/states/service.h"
#include "services/states/test_state.h"

namespace suiro::server {

struct App::Parts {
  struct Options {
    const Settings& settings;
    Shards& shards;
    Clock& clock;
    Random& random;
    event::Kernel& kernel;
    KeyPair root;
    uint16_t port;
  };
  explicit Parts(const Options& options);

  // Everything but the listener. Errors: of the part that did not start.
  Task<Result<void>> start();
  Task<void> stop_services();
  Task<void> stop_sandboxes();

  const Settings& settings;
  event::Kernel& kernel;
  Clock& clock;
  iam::Service iam;
  Identities identities;
  policy::ResourcePolicies policies;
  Enforcer enforcer;
  CodeLinks code_links;
  TaskCredentials task_credentials;
  shapes::Registry registry;
  Operations operations;
  logs::Service logs;
  s3::Service s3;
  sqs::Service sqs;
  kinesis::Service kinesis;
  std::unique_ptr<sandbox::Host> sandboxes;
  std::unique_ptr<lambda::Service> lambda;
  firehose::Service firehose;
  http_out::Client endpoint_client;  // to what workflows, rules and connections name
  events::Service events;
  event::LogTarget logs_target;
  event::SinkTarget kinesis_target;
  event::SinkTarget firehose_target;
  analytics::Service analytics;
  ecr::Service ecr;
  http_out::Client registry_client{{}};
  image::RemoteRegistries registries{registry_client};
  image::Cache images;
  relay::Service relay;
  std::unique_ptr<container::TaskRunner> runner;
  ecs::Service ecs;
  scheduler::Service scheduler;
  states::WorkflowRuntime workflows;
  states::Service states;
  states::MapRunApi map_runs;
  states::StateTests state_tests;
  OwnService own;
  aws::FrontEnd front_end;
  http::Server http;
  AccessLog access_log;
  TaskScope scope;              // on shard 0: listeners of ended sandboxes are taken away there
  uint64_t endpoints_made = 0;  // by the sandboxes' thread
  uint64_t task_endpoints_made = 0;  // by the tasks' shard

 private:
  std::unique_ptr<sandbox::Host> make_sandboxes(const Options& options);
  std::unique_ptr<lambda::Service> make_lambda(const Options& options);
  std::unique_ptr<container::TaskRunner> make_runner(const Options& options);
  std::unique_ptr<container::TaskRunner> make_runc(const Options& options);
  ecs::Config ecs_config(const Options& options);
  AccessLog::Config access_log_config(const Options& options) const;
  Task<Result<void>> put_log_file(std::string bucket, std::string key, Bytes body);
  void wire();
  Task<http::Response> health();
  Task<std::optional<aws::CorsAnswer>> cors(aws::CorsQuestion question);
  Task<Result<std::vector<shapes::suiro::FunctionUsage>>> usage();
  std::vector<shapes::suiro::Relay> relays() const;
  void report_protections() const;
};

}  // namespace suiro::server
