// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/invoker.h"

#include "base/log.h"
#include "services/lambda/errors.h"
#include "services/lambda/storage.h"

namespace suiro::lambda {
namespace {

// A warm sandbox can die between its last use and this one; then another is tried.
constexpr int kDeadSandboxesMax = 3;

std::string log_group_of(const FunctionState& function, const Settings& settings) {
  return settings.log_group.empty() ? "/aws/lambda/" + function.name : settings.log_group;
}

Task<void> write_logs(event::LogSink* sink, std::string group, std::string stream,
                      std::vector<sandbox::LogLine> lines) {
  std::vector<event::LogLine> out;
  out.reserve(lines.size());
  for (auto& line : lines) out.push_back({line.time, std::move(line.text)});
  sink->append(std::move(group), std::move(stream), std::move(out));
  co_return;
}

std::string describe(const sandbox::Outcome& outcome) {
  std::string text = fmt::format("{} ms, billed {} ms, {} MB", outcome.duration.count() / 1000,
                                 outcome.billed.count(), outcome.memory_used_mb);
  if (outcome.init_duration) {
    text += fmt::format(", cold start {} ms", outcome.init_duration->count() / 1000);
  }
  if (outcome.end != sandbox::Outcome::End::kReturned) {
    text += fmt::format(": {}: {}", outcome.error_type, outcome.error_message);
  }
  return text;
}

std::string day_of(TimePoint now) {
  return format_iso8601(now).substr(0, 10);
}

}  // namespace

std::string generation_of(const Settings& settings) {
  return settings.version + "/" + settings.revision_id;
}

// A place among the concurrent invocations, held while it lives.
class Invoker::Admission {
 public:
  static Result<Admission> enter(Context& context, FunctionState& function) {
    const auto& reserved = function.record.reserved_concurrency;
    if (reserved) {
      if (function.running >= *reserved) {
        return throttled("ReservedFunctionConcurrentInvocationLimitExceeded");
      }
      return Admission(&function, nullptr);
    }
    uint32_t total = context.config.account_concurrency;
    uint32_t free = total - std::min<uint32_t>(total, context.reserved_total);
    if (context.unreserved_running.fetch_add(1) >= free) {
      context.unreserved_running.fetch_sub(1);
      return throttled("ConcurrentInvocationLimitExceeded");
    }
    return Admission(&function, &context.unreserved_running);
  }
  Admission(Admission&& other) noexcept
      : function_(std::exchange(other.function_, nullptr)), counter_(other.counter_) {}
  Admission& operator=(Admission&&) = delete;
  ~Admission() {
    if (function_ == nullptr) return;
    --function_->running;
    if (counter_ != nullptr) counter_->fetch_sub(1);
  }

 private:
  Admission(FunctionState* function, std::atomic<uint32_t>* counter)
      : function_(function), counter_(counter) {
    ++function_->running;
  }
  FunctionState* function_;
  std::atomic<uint32_t>* counter_;
};

Result<Resolved> Invoker::resolve(FunctionState& function, const std::string& qualifier) {
  std::string arn = context_.arn(function.name, qualifier);
  auto missing = [&] { return fail(kResourceNotFound, "Function not found: " + arn); };
  if (!function.exists) return missing();
  if (qualifier.empty() || qualifier == kLatest) return Resolved{function.latest, arn};
  std::string version = qualifier;
  if (!is_version_number(qualifier)) {
    auto alias = function.aliases.find(qualifier);
    if (alias == function.aliases.end()) return missing();
    version = alias->second.version;
    double dice = context_.kernel.random.unit();
    for (const auto& [other, weight] : alias->second.weights) {
      if (dice < weight) {
        version = other;
        break;
      }
      dice -= weight;
    }
    if (version == kLatest) return Resolved{function.latest, arn};
  }
  auto found = function.versions.find(std::stoull(version));
  if (found == function.versions.end()) return missing();
  return Resolved{found->second, arn};
}

Task<Result<sandbox::Outcome>> Invoker::run(Run run) {
  FunctionState& function = *run.function;
  if (context_.stopping) {
    co_return fail(codes::kUnavailable, "Suiro is shutting down.", Retry::kLater);
  }
  Result<Admission> admission = Admission::enter(context_, function);
  if (!admission) {
    Result<sandbox::Outcome> refused = std::unexpected(admission.error());
    count(function, *run.settings, refused);
    co_return refused;
  }
  TimePoint begun = context_.kernel.clock.now();
  std::string span_id = new_span_id(begun, context_.kernel.random);
  if (run.cause.trace_id.empty()) {
    run.cause = TraceContext::begin(begun, context_.kernel.random);
  }
  event::Span running{
      run.cause.trace_id, span_id, run.cause.span_id, "lambda:Invoke", run.invoked_arn,
      run.request_id,     begun};
  running.status = event::Span::Status::kRunning;
  context_.kernel.journal.record(running);

  sandbox::Invocation invocation{
      run.payload,        run.request_id,
      run.invoked_arn,    TraceContext{run.cause.trace_id, span_id}.header(),
      run.client_context, {}};
  Result<sandbox::Outcome> outcome =
      fail(kServiceException, "The sandboxes of the function ended before it was invoked.");
  for (int tries = 0; tries < kDeadSandboxesMax; ++tries) {
    Result<std::shared_ptr<Warm>> warm = co_await sandbox_for(run);
    if (!warm) {
      outcome = std::unexpected(std::move(warm).error());
      break;
    }
    outcome = co_await (*warm)->sandbox->invoke(invocation);
    function.pool.release(*std::move(warm));
    if (outcome || outcome.error().code != codes::kClosed) break;
  }
  record(run, span_id, begun, outcome);
  count(function, *run.settings, outcome);
  co_return outcome;
}

Task<Result<std::shared_ptr<Warm>>> Invoker::sandbox_for(const Run& run) {
  FunctionState* function = run.function;
  std::shared_ptr<const Settings> settings = run.settings;
  Pool::Start make = [this, function, settings] { return start(function, settings); };
  co_return co_await function->pool.acquire(generation_of(*settings), settings->memory_mb,
                                            std::move(make));
}

Task<Result<std::shared_ptr<Warm>>> Invoker::start(FunctionState* function,
                                                   std::shared_ptr<const Settings> settings) {
  if (auto why = context_.config.host->refusal(settings->runtime)) {
    co_return fail(kServiceException, *why);
  }
  auto code = function->code.find(settings->code_sha256);
  if (code == function->code.end() && function->exists && settings->version == kLatest &&
      settings->memory_mb == function->latest->memory_mb) {
    settings = function->latest;  // replaced while the request waited for memory
    code = function->code.find(settings->code_sha256);
  }
  if (code == function->code.end()) {
    co_return fail(kServiceException, "The code of the function has been deleted.");
  }
  CO_TRY(std::string directory,
         co_await context_.code.directory_of(settings->code_sha256, code->second.blob));
  sandbox::Spec spec = spec_of(*function, *settings);
  CO_TRY(spec.credentials, credentials_of(*function, *settings));
  spec.code_directory = std::move(directory);
  auto warm = std::make_shared<Warm>();
  warm->generation = generation_of(*settings);
  warm->memory_mb = settings->memory_mb;
  warm->access_key_id = spec.credentials.access_key_id;
  Result<std::unique_ptr<sandbox::Sandbox>> made =
      co_await context_.config.host->create(std::move(spec));
  if (!made) {
    if (context_.kernel.roles != nullptr) context_.kernel.roles->revoke(warm->access_key_id);
    if (made.error().code == codes::kThrottled) {
      co_return throttled("ConcurrentInvocationLimitExceeded");
    }
    co_return fail(kServiceException, made.error().message, made.error().retry);
  }
  warm->sandbox = *std::move(made);
  co_return warm;
}

// AWS Lambda Developer Guide, "Defining Lambda function permissions with an execution role".
Result<sandbox::Credentials> Invoker::credentials_of(const FunctionState& function,
                                                     const Settings& settings) const {
  event::RoleCredentials* roles = context_.kernel.roles;
  if (roles == nullptr) return sandbox::Credentials{};
  auto keys = roles->issue({.role_arn = settings.role,
                            .session_name = function.name,
                            .service = "lambda.amazonaws.com",
                            .holder_arn = context_.arn(function.name),
                            .life = event::RoleSession::Life::kProcess});
  if (keys)
    return sandbox::Credentials{keys->access_key_id, keys->secret_access_key, keys->session_token};
  return fail(kAccessDenied, "The role defined for the function cannot be assumed by Lambda: " +
                                 keys.error().message);
}

sandbox::Spec Invoker::spec_of(const FunctionState& function, const Settings& settings) const {
  const event::Kernel& kernel = context_.kernel;
  sandbox::Spec spec;
  spec.runtime = settings.runtime;
  spec.handler = settings.handler;
  spec.environment.assign(settings.environment.begin(), settings.environment.end());
  spec.memory_mb = settings.memory_mb;
  spec.ephemeral_storage_mb = settings.ephemeral_mb;
  spec.timeout = std::chrono::seconds(settings.timeout_s);
  spec.function_name = function.name;
  spec.function_arn = context_.arn(function.name);
  spec.version = settings.version;
  spec.account = kernel.account;
  spec.region = kernel.region;
  spec.log_group = log_group_of(function, settings);
  std::string day = day_of(kernel.clock.now());
  std::ranges::replace(day, '-', '/');
  spec.log_stream =
      fmt::format("{}/[{}]{}", day, settings.version, hex_encode(kernel.random.bytes(16)));
  if (kernel.logs != nullptr) {
    spec.logs = [sink = kernel.logs, group = spec.log_group,
                 stream = spec.log_stream](std::vector<sandbox::LogLine> lines) {
      return write_logs(sink, group, stream, std::move(lines));
    };
  }
  return spec;
}

void Invoker::record(const Run& run, const std::string& span_id, TimePoint begun,
                     const Result<sandbox::Outcome>& outcome) {
  event::Span span{run.cause.trace_id, span_id, run.cause.span_id, "lambda:Invoke", run.invoked_arn,
                   run.request_id,     begun};
  span.duration = context_.kernel.clock.now() - begun;
  bool good = outcome && outcome->end == sandbox::Outcome::End::kReturned;
  span.status = good ? event::Span::Status::kOk : event::Span::Status::kError;
  span.detail = outcome ? describe(*outcome)
                        : fmt::format("{}: {}", outcome.error().code, outcome.error().message);
  context_.kernel.journal.record(span);
}

void Invoker::count(FunctionState& function, const Settings& settings,
                    const Result<sandbox::Outcome>& outcome) {
  std::string day = day_of(context_.kernel.clock.now());
  if (function.usage_day != day) {
    function.usage_day = day;
    function.usage = {};
  }
  Usage& usage = function.usage;
  if (!outcome) {
    if (outcome.error().code != kTooManyRequests) return;
    ++usage.throttles;
  } else {
    ++usage.invocations;
    if (outcome->end != sandbox::Outcome::End::kReturned) ++usage.errors;
    if (outcome->init_duration) ++usage.cold_starts;
    auto billed = static_cast<uint64_t>(outcome->billed.count());
    usage.billed_ms += billed;
    usage.megabyte_ms += billed * settings.memory_mb;
  }
  store::Batch batch;
  batch.put(keys::usage(day, function.name), encode(usage));
  context_.kernel.store.commit_later(std::move(batch));
}

}  // namespace suiro::lambda
