// SPDX-License-Identifier: Apache-2.0
// Start and stop, and the statuses that end by themselves.
#include "base/log.h"
#include "kernel/event/backoff.h"
#include "services/analytics/logic.h"
#include "services/analytics/runners.h"
#include "services/analytics/validate.h"

namespace suiro::analytics {
namespace {

constexpr event::Backoff kFinishBackoff{Millis(100), Millis(10'000)};
constexpr size_t kScanRows = 100;

std::unexpected<Error> not_startable(std::string_view arn, std::string_view why) {
  return fail("InvalidApplicationConfigurationException",
              fmt::format("Application {} cannot be started: {}", arn, why));
}

}  // namespace

// --- Start and stop ----------------------------------------------------------------------------

Task<Result<Changed>> Logic::start_application(std::string name, Positions positions) {
  auto attempt = [&] { return try_start(name, positions); };
  CO_TRY(Changed changed,
         co_await run_on(kernel_.shards.owner(name), [&] { return settle(name, attempt); }));
  follow(changed.application);
  co_return changed;
}

Task<Result<Changed>> Logic::try_start(std::string name, const Positions& positions) {
  CO_TRY(Found found, co_await existing(name));
  Application& application = found.record;
  Configuration& configuration = application.configuration;
  if (application.status != Status::kReady) {
    co_return in_use(fmt::format("Application {} cannot be started while it is {}", arn_of(name),
                                 name_of(application.status)));
  }
  for (const auto& [id, at] : positions) {
    auto input = std::ranges::find(configuration.inputs, id, &Input::id);
    if (input == configuration.inputs.end()) {
      co_return invalid(fmt::format("Application {} has no input {}", arn_of(name), id));
    }
    if (at != StartAt::kNone) input->start_at = at;
  }
  if (configuration.inputs.empty()) co_return not_startable(arn_of(name), "it has no input");
  if (configuration.code.empty()) co_return not_startable(arn_of(name), "it has no code");
  for (Input& input : configuration.inputs) {
    if (input.start_at == StartAt::kNone) input.start_at = StartAt::kNow;
  }
  CO_TRY_VOID(co_await check_resources(configuration));
  application.status = Status::kStarting;
  ++application.starts;
  application.conditional_token = kernel_.random.text(32, "0123456789abcdef");
  co_return co_await begin(std::move(found), "StartApplication");
}

Task<Result<Changed>> Logic::begin(Found found, std::string kind) {
  Application& application = found.record;
  const TimePoint now = kernel_.clock.now();
  application.last_update = now;
  Operation record{.id = kernel_.random.uuid(),
                   .kind = std::move(kind),
                   .begun = now,
                   .ended = now,
                   .outcome = Operation::Outcome::kInProgress};
  std::string operation_id = record.id;
  store::Batch batch;
  begin_operation(batch, application, std::move(record));
  Storage::put(batch, found);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return Changed{std::move(application), std::move(operation_id)};
}

Task<Result<void>> Logic::check_resources(const Configuration& configuration) {
  auto wrong = [](std::string_view what, const Error& error) {
    return fail("InvalidApplicationConfigurationException",
                fmt::format("{}: {}", what, error.message));
  };
  auto program = compiler_.compile(configuration);
  if (!program) co_return wrong("The application's code is not valid", program.error());
  for (const Output& output : configuration.outputs) {
    if (sql::find_stream(**program, output.stream) == sql::kNoStream) {
      co_return fail(
          "InvalidApplicationConfigurationException",
          fmt::format("Output {}: the code makes no stream \"{}\"", output.id, output.stream));
    }
  }
  for (const Input& input : configuration.inputs) {
    auto source = kernel_.targets.stream(input.stream.arn);
    if (!source) co_return wrong(input.stream.arn, source.error());
    auto shards = co_await (*source)->shards(input.stream.arn);
    if (!shards) co_return wrong(input.stream.arn, shards.error());
    if (!input.processor) continue;
    auto caller = kernel_.targets.caller(input.processor->arn);
    if (!caller) co_return wrong(input.processor->arn, caller.error());
  }
  for (const Output& output : configuration.outputs) {
    const std::string& arn = output.target.arn;
    if (output.kind == Destination::kFunction) {
      auto caller = kernel_.targets.caller(arn);
      if (!caller) co_return wrong(arn, caller.error());
      continue;
    }
    auto sink = kernel_.targets.sink(arn);
    if (!sink) co_return wrong(arn, sink.error());
    auto checked = co_await (*sink)->check(arn);
    if (!checked) co_return wrong(arn, checked.error());
  }
  if (configuration.references.empty()) co_return ok();
  if (kernel_.objects == nullptr) co_return wrong("S3", {"", "no lake is there"});
  for (const Reference& reference : configuration.references) {
    CO_TRY(std::string bucket, bucket_of(reference.bucket_arn));
    auto object = co_await kernel_.objects->read(bucket, reference.key, "");
    if (!object) {
      co_return wrong(fmt::format("s3://{}/{}", bucket, reference.key), object.error());
    }
  }
  co_return ok();
}

Task<Result<Changed>> Logic::stop_application(std::string name) {
  auto attempt = [&] { return try_stop(name); };
  CO_TRY(Changed changed,
         co_await run_on(kernel_.shards.owner(name), [&] { return settle(name, attempt); }));
  follow(changed.application);
  co_return changed;
}

Task<Result<Changed>> Logic::try_stop(std::string name) {
  CO_TRY(Found found, co_await existing(name));
  Application& application = found.record;
  if (application.status != Status::kRunning) {
    co_return in_use(fmt::format("Application {} cannot be stopped while it is {}", arn_of(name),
                                 name_of(application.status)));
  }
  application.status = Status::kStopping;
  co_return co_await begin(std::move(found), "StopApplication");
}

// --- What ends by itself -----------------------------------------------------------------------

Task<Result<void>> Logic::start() {
  std::string after;
  for (;;) {
    CO_TRY(auto page, co_await storage_.applications(after, kScanRows));
    for (Found& row : page.rows) {
      after = row.record.name;
      if (row.record.status != Status::kReady) follow(std::move(row.record));
    }
    if (!page.more || page.rows.empty()) co_return ok();
  }
}

Task<void> Logic::stop() {
  co_await runners_->close();
  for (auto& scope : scopes_) {
    co_await run_on(scope->executor(), [&]() -> Task<void> { co_await scope->close(); });
  }
}

void Logic::follow(Application application) {
  size_t shard = kernel_.shards.owner_index(application.name);
  asio::post(scopes_[shard]->executor(),
             [this, shard, application = std::move(application)]() mutable {
               scopes_[shard]->spawn(carry_on(std::move(application)));
             });
}

Task<void> Logic::carry_on(Application application) {
  std::string name = application.name;
  ApplicationId id = application.id;
  co_await runners_->halt(name);
  Result<void> done = ok();
  switch (application.status) {
    case Status::kStarting:
    case Status::kUpdating: {
      auto up = co_await runners_->launch(std::move(application), arn_of(name));
      if (!up && up.error().code == codes::kClosed) co_return;
      done = co_await finish(name, id, up ? Status::kRunning : Status::kReady,
                             up ? Error() : std::move(up).error());
      break;
    }
    case Status::kRunning: {
      auto up = co_await runners_->launch(std::move(application), arn_of(name));
      if (!up && up.error().code != codes::kClosed) {
        done = co_await finish(name, id, Status::kReady, std::move(up).error());
      }
      break;
    }
    case Status::kStopping:
    case Status::kDeleting:
      done = co_await finish(
          name, id, application.status == Status::kStopping ? Status::kReady : Status::kDeleting,
          {});
      break;
    case Status::kReady:
      break;
  }
  if (!done) log::warning("application {}: {}", name, done.error().message);
}

// Until it is done: the store may be busy for a while.
Task<Result<void>> Logic::finish(std::string name, ApplicationId id, Status reached,
                                 Error failure) {
  if (!failure.message.empty()) {
    log::warning("application {} does not run: {}", name, failure.message);
  }
  for (uint32_t failures = 1;; ++failures) {
    auto done = reached == Status::kDeleting ? co_await try_erase(name, id)
                                             : co_await try_finish(name, id, reached, failure);
    if (done || done.error().code == codes::kUnavailable || runners_->closing()) co_return done;
    co_await kernel_.clock.sleep_for(kFinishBackoff.after(failures, kernel_.random));
  }
}

Task<Result<void>> Logic::try_finish(std::string name, ApplicationId id, Status reached,
                                     const Error& failure) {
  CO_TRY(auto found, co_await storage_.application(name));
  if (!found || found->record.id != id) co_return ok();
  Application& application = found->record;
  TimePoint now = kernel_.clock.now();
  application.status = reached;
  application.last_update = now;
  store::Batch batch;
  CO_TRY(auto operations, co_await storage_.operations(id));
  if (!operations.empty() && operations.front().outcome == Operation::Outcome::kInProgress) {
    Operation& operation = operations.front();
    operation.ended = now;
    operation.failure = failure.message;
    operation.outcome =
        failure.message.empty() ? Operation::Outcome::kSuccessful : Operation::Outcome::kFailed;
    Storage::put_operation(batch, id, application.operations, operation);
    TraceContext trace = TraceContext::begin(operation.begun, kernel_.random);
    kernel_.journal.record(batch, {.trace_id = trace.trace_id,
                                   .span_id = new_span_id(kernel_.random),
                                   .kind = "kinesisanalytics:" + operation.kind,
                                   .resource = arn_of(name),
                                   .start = operation.begun,
                                   .duration = now - operation.begun,
                                   .status = failure.message.empty() ? event::Span::Status::kOk
                                                                     : event::Span::Status::kError,
                                   .detail = failure.message});
  }
  Storage::put(batch, *found);
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> Logic::try_erase(std::string name, ApplicationId id) {
  CO_TRY(auto found, co_await storage_.application(name));
  if (!found || found->record.id != id) co_return ok();
  store::Batch batch;
  CO_TRY_VOID(co_await runners_->release(id, batch));
  Storage::erase(batch, *found);
  co_return co_await commit(std::move(batch));
}

}  // namespace suiro::analytics
