// SPDX-License-Identifier: Apache-2.0
#include "server/parts.h"

#include <charconv>

#include "base/check.h"
#include "base/log.h"
#include "server/registry_mount.h"

namespace suiro::server {
namespace {

aws::FrontEndConfig front_end_config(const Settings& settings) {
  return {settings.region, settings.account, settings.domain,
          settings.auth == Auth::kOn ? aws::Auth::kOn : aws::Auth::kOff};
}

// Requests to one host that run at once; others of its requests wait.
constexpr size_t kRequestsPerHostMax = 16;

states::RuntimeConfig states_config(const StatesSettings& settings) {
  states::RuntimeConfig config;
  config.limits.events_max = static_cast<uint64_t>(settings.events_max);
  config.limits.payload_bytes_max = static_cast<size_t>(settings.payload_bytes_max);
  config.open_executions_max = static_cast<uint64_t>(settings.open_executions_max);
  config.map_children_max = static_cast<size_t>(settings.map_children_max);
  config.cache_bytes = static_cast<size_t>(settings.cache_mb) << 20;
  return config;
}

// Of requests whose URLs users of the API choose.
http_out::Config endpoint_client_config(const HttpSettings& settings) {
  using http_out::Reach;
  return {.running_per_host_max = kRequestsPerHostMax,
          .reach = settings.allow_private_endpoints ? Reach::kNoMetadata : Reach::kPublic};
}

analytics::Config analytics_config(const AnalyticsSettings& settings) {
  analytics::Config config;
  config.heartbeat = Millis(settings.heartbeat_ms);
  config.checkpoint_interval = std::chrono::seconds(settings.checkpoint_seconds);
  config.state_bytes_max = static_cast<size_t>(settings.state_mb) << 20;
  config.operator_bytes_max = config.state_bytes_max / 4;
  config.switches = settings.switches;
  return config;
}

kinesis::Config kinesis_config(const Settings& settings) {
  kinesis::Config config;
  if (settings.kinesis_limits == "aws") config.limits = kinesis::Limits::kAws;
  config.encrypted_at_rest = settings.encryption;
  return config;
}

ecr::Config ecr_config(const Settings& settings, policy::ResourcePolicies& policies) {
  return {settings.auth == Auth::kOn ? ecr::Authentication::kOn : ecr::Authentication::kOff,
          &policies};
}

std::string socket_name(std::string_view address, uint16_t port) {
  bool brackets = address.find(':') != address.npos;
  std::string name = brackets ? "[" : "";
  name.append(address).append(brackets ? "]:" : ":");
  char digits[8];
  return name.append(digits, std::to_chars(digits, digits + sizeof digits, port).ptr);
}

AccessEntry to_entry(const aws::Exchange& exchange, const std::string& server) {
  AccessEntry entry;
  entry.request_created = exchange.started;
  entry.request_processing = exchange.request_processing;
  entry.target_processing = exchange.target_processing;
  entry.response_processing = exchange.response_processing;
  entry.finished = exchange.started + std::chrono::duration_cast<Millis>(
                                          exchange.request_processing + exchange.target_processing +
                                          exchange.response_processing);
  entry.client = exchange.client_address.empty()
                     ? "-"
                     : socket_name(exchange.client_address, exchange.client_port);
  entry.server = server;
  entry.secure = exchange.tls != nullptr;
  entry.version = exchange.version;
  entry.status = exchange.status;
  entry.received_bytes = exchange.request_bytes;
  entry.sent_bytes = exchange.response_bytes;
  entry.method = exchange.method;
  entry.host = exchange.host;
  entry.target = exchange.target;
  entry.user_agent = exchange.user_agent;
  if (exchange.tls) {
    entry.tls_cipher = exchange.tls->cipher;
    entry.tls_protocol = exchange.tls->protocol;
  }
  entry.trace_id = exchange.trace.trace_id;
  return entry;
}

// Names of control groups: different for each data directory, the same after a restart.
std::string instance_name(const std::filesystem::path& data) {
  std::error_code error;
  auto absolute = std::filesystem::weakly_canonical(data, error);
  return fmt::format("{:016x}", stable_hash((error ? data : absolute).string()));
}

}  // namespace

App::Parts::Parts(const Options& o)
    : settings(o.settings),
      kernel(o.kernel),
      clock(o.clock),
      iam(o.kernel),
      identities({.root = o.root,
                  .account = o.settings.account,
                  .mode = o.settings.iam == "strict" ? IamMode::kStrict : IamMode::kLenient,
                  .clock = o.clock,
                  .random = o.random,
                  .iam = iam}),
      enforcer(o.kernel, iam, policies),
      code_links(o.clock, o.random),
      task_credentials(o.root.secret_access_key),
      operations({registry, identities, enforcer, o.clock, o.random, o.settings.region,
                  o.settings.account}),
      logs(o.kernel, {.policies = &policies}),
      s3(o.kernel, {.encrypted_at_rest = o.settings.encryption, .policies = &policies}),
      sqs(o.kernel, {}),
      kinesis(o.kernel, kinesis_config(o.settings)),
      sandboxes(make_sandboxes(o)),
      lambda(make_lambda(o)),
      firehose(o.kernel, &policies),
      endpoint_client(endpoint_client_config(o.settings.http)),
      events(
          o.kernel, identities,
          [this](http_out::Request request) { return endpoint_client.send(std::move(request)); }),
      logs_target(logs.sink()),
      kinesis_target(kinesis.sink()),
      firehose_target(firehose.sink()),
      analytics(o.kernel, analytics_config(o.settings.analytics)),
      ecr(o.kernel, ecr_config(o.settings, policies)),
      images({.directory = (o.settings.data / "images").string()}, o.shards, o.clock),
      relay(o.kernel, o.settings.relays),
      runner(make_runner(o)),
      ecs(o.kernel, ecs_config(o)),
      scheduler(o.kernel, operations, identities, schedule_policy(o.settings.schedules).value()),
      workflows(o.kernel, {operations, identities, events.connections(), endpoint_client},
                states_config(o.settings.states)),
      states(o.kernel, operations, identities, &workflows.executions()),
      map_runs(workflows.map_runs(), workflows.executions()),
      state_tests(o.kernel, operations, workflows.performer()),
      own{o.kernel, o.settings.data, [this] { return usage(); }, [this] { return relays(); },
          [this](std::string service, std::string operation, std::string input,
                 shapes::Call& call) {
            return registry.call(std::move(service), std::move(operation), std::move(input), call);
          }},
      front_end(o.shards, o.clock, o.random, registry, identities, front_end_config(o.settings)),
      http(o.shards, o.clock, front_end, {}),
      access_log(o.shards, o.clock, access_log_config(o),
                 [this](std::string bucket, std::string key, Bytes body) {
                   return put_log_file(std::move(bucket), std::move(key), std::move(body));
                 }),
      scope(o.shards.executor(0)) {
  wire();
}

std::unique_ptr<sandbox::Host> App::Parts::make_sandboxes(const Options& o) {
  sandbox::Config config;
  config.run_directory = (o.settings.data / "run").string();
  config.instance = instance_name(o.settings.data);
  config.unsandboxed = o.settings.sandboxing == Sandboxing::kRequired
                           ? sandbox::Unsandboxed::kRefuse
                           : sandbox::Unsandboxed::kAllow;
  config.endpoint_port = o.port;
  config.serve_endpoint = [this](int listener, const std::string& function_arn) {
    std::string tag = fmt::format("{}#{}", function_arn, ++endpoints_made);
    auto adopted = http.adopt(listener, {.tag = tag});
    if (!adopted) log::error("endpoint of {}: {}", function_arn, adopted.error().message);
    return std::move_only_function<void()>([this, tag] {
      asio::post(scope.executor(), [this, tag] { scope.spawn(http.remove(tag)); });
    });
  };
  return sandbox::make_host(std::move(config), o.clock);
}

std::unique_ptr<lambda::Service> App::Parts::make_lambda(const Options& o) {
  lambda::Config config;
  config.code_directory = (o.settings.data / "functions").string();
  config.host = sandboxes.get();
  config.sandbox_memory_mb = o.settings.sandbox_memory_mb;
  config.code_url = [this](std::string arn) { return code_links.url(kernel.endpoint, arn); };
  return std::make_unique<lambda::Service>(o.kernel, std::move(config));
}

std::unique_ptr<container::TaskRunner> App::Parts::make_runner(const Options& o) {
  if (o.settings.tasks.runner == "runc") return make_runc(o);
  const KubernetesSettings& cluster = o.settings.tasks.kubernetes;
  container::KubernetesConfig config;
  config.url = cluster.url;
  config.instance = cluster.instance;
  config.name_space = cluster.name_space;
  config.token_file = cluster.token_file;
  config.ca_file = cluster.ca_file;
  config.image_pull_secret = cluster.image_pull_secret;
  config.endpoint = cluster.endpoint;
  config.poll = Millis(cluster.poll_ms);
  return container::make_kubernetes_runner(std::move(config), o.clock);
}

std::unique_ptr<container::TaskRunner> App::Parts::make_runc(const Options& o) {
  container::RuncConfig config;
  const TasksSettings& tasks = o.settings.tasks;
  config.run_directory = (o.settings.data / "tasks").string();
  config.instance = instance_name(o.settings.data);
  if (o.settings.sandboxing != Sandboxing::kRequired) {
    config.unprotected = container::Unprotected::kAllow;
  }
  using container::Allowed;
  config.allowances = {tasks.host_volumes, tasks.allow_privileged ? Allowed::kYes : Allowed::kNo,
                       tasks.allow_host_network ? Allowed::kYes : Allowed::kNo};
  config.disk_mb = static_cast<uint32_t>(tasks.disk_mb);
  config.endpoint_port = o.port;
  config.serve_task = [this](int listener, const std::string& task_arn) {
    std::string tag = fmt::format("{}#{}", task_arn, ++task_endpoints_made);
    auto adopted = http.adopt(listener, {.tag = tag});
    if (!adopted) log::error("endpoint of {}: {}", task_arn, adopted.error().message);
    return std::move_only_function<void()>([this, tag] {
      asio::post(scope.executor(), [this, tag] { scope.spawn(http.remove(tag)); });
    });
  };
  return container::make_runc_runner(std::move(config), images, o.clock);
}

// How many tasks have room for their disks: the runner gives none that could leave the server
// without space. A quarter of what is free is left to the store meanwhile.
static uint32_t disks_max(const Settings& settings) {
  if (settings.tasks.runner != "runc") return ecs::Config().placed_max;  // no disks of this machine
  std::error_code error;
  auto space = std::filesystem::space(settings.data, error);
  if (error) return 1;
  uint64_t mebibytes = (space.available >> 20) * 3 / 4;
  uint64_t disks = mebibytes / static_cast<uint64_t>(settings.tasks.disk_mb);
  return static_cast<uint32_t>(std::clamp<uint64_t>(disks, 1, ecs::Config().placed_max));
}

ecs::Config App::Parts::ecs_config(const Options& o) {
  ecs::Config config;
  config.runner = runner.get();
  config.cpu_units = static_cast<uint32_t>(o.settings.tasks.cpu_units);
  config.memory_mb = static_cast<uint32_t>(o.settings.tasks.memory_mb);
  config.placed_max = disks_max(o.settings);
  config.full = o.settings.tasks.strict ? ecs::Full::kFail : ecs::Full::kWait;
  config.keep_stopped = std::chrono::hours(o.settings.tasks.keep_stopped_hours);
  config.log_group = o.settings.tasks.log_group;
  config.revoke_with = [this](store::Batch& batch, const std::string& access_key_id) {
    identities.revoke(batch, access_key_id);
  };
  if (o.settings.tasks.runner == "runc") {
    config.task_endpoint = fmt::format("http://127.0.0.1:{}", o.port);
    config.credentials_path = [this](const std::string& task_id) {
      return ecs::CredentialsPath{fmt::format("{}/{}", TaskCredentials::kPath, task_id),
                                  task_credentials.token(task_id)};
    };
  }
  return config;
}

AccessLog::Config App::Parts::access_log_config(const Options& o) const {
  auto address = parse_address(o.settings.listen);
  return {.directory = o.settings.data / "log",
          .region = o.settings.region,
          .account = o.settings.account,
          .address = address ? address->host : "127.0.0.1",
          .bucket = o.settings.access_log_bucket,
          .prefix = o.settings.access_log_prefix,
          .interval = o.settings.access_log_interval};
}

void App::Parts::wire() {
  kernel.logs = logs.sink();
  kernel.roles = &identities;
  front_end.set_gatekeeper(enforcer);
  kernel.targets.add_target("sqs", sqs.target());
  kernel.targets.add_source("sqs", sqs.source());
  kernel.targets.add_target("lambda", lambda->target());
  kernel.targets.add_stream("kinesis", kinesis.source());
  kernel.targets.add_sink("kinesis", kinesis.sink());
  kernel.targets.add_target("events", events.target());
  workflows.executions().use(events.listeners());
  kernel.targets.add_target("logs", &logs_target);
  kernel.targets.add_target("kinesis", &kinesis_target);
  kernel.targets.add_target("firehose", &firehose_target);
  kernel.targets.add_caller("lambda", lambda->caller());
  kernel.targets.add_sink("firehose", firehose.sink());
  kernel.targets.add_target("ecs", ecs.target());
  kernel.targets.add_target("scheduler", scheduler.target());
  kernel.targets.add_target("states", states.target());
  logs.add_operations(registry);
  s3.add_operations(registry);
  sqs.add_operations(registry);
  kinesis.add_operations(registry);
  lambda->add_operations(registry);
  firehose.add_operations(registry);
  events.add_operations(registry);
  analytics.add_operations(registry);
  ecr.add_operations(registry);
  images.add_source(ecr.source());
  images.add_source(&registries);
  mount_registry({front_end, ecr.distribution(), registry, enforcer, kernel});
  ecs.add_operations(
      registry,
      {.pass =
           [this](shapes::Call& call, const std::string& role_arn) {
             return enforcer.may_pass(call, role_arn, "ecs-tasks.amazonaws.com");
           },
       .deny = [this](
                   shapes::Call& call, const shapes::Operation& operation,
                   const shapes::Value& input) { return enforcer.deny(call, operation, input); }});
  scheduler.add_operations(registry);
  states.add_operations(registry);
  map_runs.add_operations(registry);
  state_tests.add_operations(registry);
  iam.add_operations(registry);
  sts::add_operations(registry, identities);
  own.add_operations(registry);
  front_end.set_cors([this](aws::CorsQuestion question) { return cors(std::move(question)); });
  front_end.mount("/_suiro/health", [this](http::Request) { return health(); });
  front_end.mount(std::string(TaskCredentials::kPath), [this](http::Request request) {
    return task_credentials.serve(
        std::move(request), [this](std::string task_id) -> Task<Result<TaskCredentials::Answer>> {
          CO_TRY(auto found, co_await ecs.logic().tasks().credentials(std::move(task_id)));
          co_return TaskCredentials::Answer{std::move(found.role_arn), std::move(found.keys)};
        });
  });
  front_end.mount(std::string(CodeLinks::kPath), [this](http::Request request) {
    return code_links.serve(std::move(request),
                            [this](std::string arn) { return lambda->code(std::move(arn)); });
  });
  auto address = parse_address(kernel.endpoint.substr(kernel.endpoint.find("//") + 2));
  std::string server = address ? socket_name(address->host, address->port) : "-";
  front_end.observe([this, server](const aws::Exchange& exchange) {
    access_log.add(to_entry(exchange, server));
  });
}

Task<std::optional<aws::CorsAnswer>> App::Parts::cors(aws::CorsQuestion question) {
  auto found = co_await s3.cors({std::move(question.bucket), std::move(question.origin),
                                 std::move(question.method), std::move(question.headers)});
  if (!found || !*found) co_return std::nullopt;
  const s3::CorsRule& rule = (*found)->rule;
  aws::CorsAnswer answer;
  answer.any_origin = (*found)->any_origin;
  answer.allow_methods = rule.methods;
  answer.expose_headers = rule.expose;
  answer.max_age_seconds = rule.max_age_seconds;
  co_return answer;
}

Task<http::Response> App::Parts::health() {
  http::Response response;
  std::string reason = kernel.store.latched();
  response.status = reason.empty() ? 200 : 503;
  response.headers.emplace_back("content-type", "text/plain");
  response.content = reason.empty() ? "ok\n" : reason + "\n";
  co_return response;
}

// All days of a function added up.
Task<Result<std::vector<shapes::suiro::FunctionUsage>>> App::Parts::usage() {
  CO_TRY(auto lines, co_await lambda->usage());
  std::map<std::string, shapes::suiro::FunctionUsage> rows;
  for (const auto& line : lines) {
    auto& row = rows[line.function];
    row.function_name = line.function;
    row.invocations += static_cast<int64_t>(line.usage.invocations);
    row.errors += static_cast<int64_t>(line.usage.errors);
    row.billed_duration_ms += static_cast<int64_t>(line.usage.billed_ms);
    row.gb_seconds += static_cast<double>(line.usage.megabyte_ms) / (1024.0 * 1000.0);
  }
  std::vector<shapes::suiro::FunctionUsage> out;
  for (auto& [name, row] : rows) out.push_back(std::move(row));
  co_return out;
}

std::vector<shapes::suiro::Relay> App::Parts::relays() const {
  std::vector<shapes::suiro::Relay> out;
  for (auto& status : relay.statuses()) {
    shapes::suiro::Relay& row = out.emplace_back();
    row.name = std::move(status.name);
    row.source = std::move(status.source);
    row.endpoint = std::move(status.endpoint);
    row.stream_name = std::move(status.stream);
    row.records = static_cast<int64_t>(status.records);
    row.bytes = static_cast<int64_t>(status.bytes);
    row.retries = static_cast<int64_t>(status.retries);
    row.millis_behind = static_cast<int64_t>(status.millis_behind);
    if (!status.last_error.empty()) row.last_error = std::move(status.last_error);
  }
  return out;
}

Task<Result<void>> App::Parts::start() {
  CO_TRY_VOID(co_await iam.start());
  CO_TRY_VOID(co_await logs.start());
  CO_TRY_VOID(co_await s3.start());
  CO_TRY_VOID(co_await sqs.start());
  CO_TRY_VOID(co_await kinesis.start());
  CO_TRY_VOID(co_await sandboxes->start());
  report_protections();
  CO_TRY_VOID(co_await lambda->start());
  CO_TRY_VOID(co_await firehose.start());
  CO_TRY_VOID(co_await events.start());
  CO_TRY_VOID(co_await analytics.start());
  CO_TRY_VOID(co_await ecr.start());
  CO_TRY_VOID(co_await images.start());
  CO_TRY_VOID(co_await ecs.start());
  CO_TRY_VOID(co_await scheduler.start());
  CO_TRY_VOID(co_await workflows.executions().open());
  CO_TRY_VOID(co_await relay.start());
  co_return co_await workflows.executions().resume();
}

void App::Parts::report_protections() const {
  for (const auto& line : sandboxes->probe().lines) {
    if (line.present) {
      log::debug("sandbox: {}", line.str());
    } else {
      log::warning("sandbox: {}", line.str());
    }
  }
  if (sandboxes->probe().complete()) return;
  log::warning("sandbox: {}", settings.sandboxing == Sandboxing::kRequired
                                  ? "functions are refused; --allow-unsandboxed runs them anyway"
                                  : "functions run without what is missing");
}

Task<void> App::Parts::stop_services() {
  co_await relay.stop();
  // What tasks of workflows wait for ends with the services behind it, and is not told any more.
  co_await workflows.executions().begin_close();
  co_await images.stop();  // first: tasks wait for pulls, which end by this
  co_await ecs.stop();
  co_await ecr.stop();
  co_await analytics.stop();
  co_await events.stop();
  co_await firehose.close();
  co_await lambda->stop();
  endpoint_client.close();
  co_await workflows.executions().close();
  co_await state_tests.close();
  co_await firehose.stop();
  co_await kinesis.stop();
  co_await sqs.stop();
  co_await s3.stop();
  co_await logs.stop();
  co_await iam.stop();
}

Task<void> App::Parts::stop_sandboxes() {
  co_await scope.close();
  co_await sandboxes->stop();
}

Task<Result<void>> App::Parts::put_log_file(std::string bucket, std::string key, Bytes body) {
  shapes::Call call;
  call.now = clock.now();
  call.region = settings.region;
  call.account = settings.account;
  call.principal = {shapes::Principal::Kind::kService, settings.account,
                    "delivery.logs.amazonaws.com", ""};
  const auto* handler = registry.find("s3", "PutObject");
  CHECK(handler != nullptr);
  shapes::s3::PutObjectRequest input;
  input.bucket = std::move(bucket);
  input.key = std::move(key);
  input.content_type = "application/x-gzip";
  input.body = shapes::body_of(std::move(body));
  auto output = co_await handler->invoke(call, shapes::Value::of(std::move(input)));
  if (!output) co_return fail(std::move(output).error());
  co_return ok();
}

}  // namespace suiro::server
