// SPDX-License-Identifier: Apache-2.0
#include "services/states/performer_services.h"

#include <fmt/format.h>

#include <charconv>

namespace suiro::states {
namespace {

using workflow::EffectFailed;
using workflow::EffectStarted;
using workflow::EffectSubmitted;
using workflow::EffectSucceeded;
using workflow::FailureStage;
using workflow::Pattern;
using workflow::Resource;

// What is noted of a callback's request: that it was made.
constexpr std::string_view kAwaitsCallback = "callback";
constexpr std::string_view kMark = "begun:";

TaskFault no_integration(const Resource& resource) {
  return {std::string(kRuntimeError),
          fmt::format("The resource {} is not supported by Suiro", resource.arn)};
}

EffectFailed failure_of(const TaskCall& call, TaskFault fault, FailureStage stage) {
  return {.effect = call.effect.id,
          .error = std::move(fault.error),
          .cause = std::move(fault.cause),
          .stage = stage};
}

bool is_function(const Resource& resource) {
  return resource.kind == Resource::Kind::kLambdaFunction;
}

Attempt<json::Value> arguments_of(const TaskCall& call) {
  auto arguments = json::parse(call.effect.arguments);
  if (!arguments) {
    return std::unexpected(refused_arguments(call.effect.arguments, arguments.error().message));
  }
  if (!arguments->is_object() && !is_function(call.effect.resource)) {
    return std::unexpected(
        refused_arguments(call.effect.arguments, "The arguments must be an object"));
  }
  return *std::move(arguments);
}

}  // namespace

std::string mark_of(TimePoint time) {
  return fmt::format("{}{}", kMark, time.time_since_epoch().count());
}

std::optional<TimePoint> read_mark(std::string_view notes) {
  if (!notes.starts_with(kMark)) return std::nullopt;
  notes.remove_prefix(kMark.size());
  int64_t millis = 0;
  const auto [end, failed] = std::from_chars(notes.data(), notes.data() + notes.size(), millis);
  if (failed != std::errc() || end != notes.data() + notes.size()) return std::nullopt;
  return TimePoint(Millis(millis));
}

Task<std::optional<Attempt<std::string>>> Integration::follow(const TaskCall&, std::string,
                                                              TaskReporter&) {
  co_return std::nullopt;
}

Task<Result<void>> Integration::stop(const TaskCall&, std::string) {
  co_return ok();
}

ServicePerformer::ServicePerformer(event::Kernel& kernel, Outside outside)
    : calls_(kernel, outside.operations),
      http_({kernel, outside.permissions, outside.connections, outside.client}) {}

Integration* ServicePerformer::integration_of(const Resource& resource) {
  Integration* found = nullptr;
  if (resource.kind == Resource::Kind::kSdk) found = &sdk_;
  if (is_function(resource)) found = &lambda_;
  if (resource.kind == Resource::Kind::kIntegration) {
    const std::pair<std::string_view, Integration*> known[] = {
        {"lambda", &lambda_},     {"sqs", &queues_},     {"events", &events_},
        {"states", &executions_}, {"ecs", &containers_}, {"http", &http_}};
    for (const auto& [service, integration] : known) {
      if (resource.service == service) found = integration;
    }
  }
  return found != nullptr && found->has(resource) ? found : nullptr;
}

// The notes of .sync; nullopt: the task is done with.
Task<std::optional<std::string>> ServicePerformer::begin(const TaskCall& call,
                                                         Integration& integration,
                                                         TaskReporter& reporter) {
  const Pattern pattern = call.effect.resource.pattern;
  const uint64_t effect = call.effect.id;
  auto arguments = arguments_of(call);
  Attempt<Begun> begun = arguments ? Attempt<Begun>() : std::unexpected(arguments.error());
  if (arguments) {
    begun = co_await integration.begin({.call = call,
                                        .arguments = *std::move(arguments),
                                        .cancellation = reporter.cancellation(),
                                        .http = reporter.http_watcher(),
                                        .marked = read_mark(call.saved)});
  }
  if (!begun) {
    if (reporter.cancelled()) co_return std::nullopt;
    const FailureStage stage =
        pattern == Pattern::kRequestResponse ? FailureStage::kRun : FailureStage::kSubmit;
    static_cast<void>(co_await reporter.report(failure_of(call, std::move(begun).error(), stage)));
    co_return std::nullopt;
  }
  if (pattern == Pattern::kRequestResponse) {
    static_cast<void>(co_await reporter.report(
        EffectSucceeded{.effect = effect, .output = std::move(begun->output)}));
    co_return std::nullopt;
  }
  const bool callback = pattern == Pattern::kWaitForTaskToken;
  auto told = co_await reporter.report_and_save(
      EffectSubmitted{.effect = effect, .output = std::move(begun->output)},
      callback ? Bytes(kAwaitsCallback) : Bytes(begun->notes));
  if (callback) co_return std::nullopt;
  if (!told) {
    // Nobody noted what runs now. Where the server stops, the next incarnation finds it by its key.
    const Error& why = told.error();
    const bool unwanted = why.code == codes::kClosed && why.retry == Retry::kNever;
    if (unwanted) co_await stop_surely(call, integration, begun->notes);
    co_return std::nullopt;
  }
  co_return std::move(begun->notes);
}

// False: nobody waits for it.
Task<bool> ServicePerformer::tell_start(const TaskCall& call, const Integration* integration,
                                        TaskReporter& reporter) {
  EffectStarted started{.effect = call.effect.id, .worker_name = {}};
  if (integration == nullptr || !integration->is_marked(call)) {
    auto told = co_await reporter.report(std::move(started));
    co_return told.has_value();
  }
  auto told = co_await reporter.report_and_save(std::move(started),
                                                Bytes(mark_of(calls_.kernel().clock.now())));
  co_return told.has_value();
}

Task<void> ServicePerformer::perform(TaskCall call, TaskReporter& reporter) {
  const Pattern pattern = call.effect.resource.pattern;
  Integration* integration = integration_of(call.effect.resource);
  std::string notes(call.saved);
  if (notes.empty() && !co_await tell_start(call, integration, reporter)) co_return;
  if (notes.empty() || read_mark(notes)) {
    if (integration == nullptr) {
      static_cast<void>(co_await reporter.report(
          failure_of(call, no_integration(call.effect.resource), FailureStage::kRun)));
      co_return;
    }
    auto began = co_await begin(call, *integration, reporter);
    if (!began) co_return;
    notes = *std::move(began);
  }
  if (integration == nullptr || pattern == Pattern::kWaitForTaskToken) co_return;
  reporter.follows();
  auto ended = co_await integration->follow(call, std::move(notes), reporter);
  if (!ended) co_return;
  if (*ended) {
    static_cast<void>(co_await reporter.report(
        EffectSucceeded{.effect = call.effect.id, .output = **std::move(ended)}));
  } else {
    static_cast<void>(
        co_await reporter.report(failure_of(call, std::move(*ended).error(), FailureStage::kRun)));
  }
}

// cancel() follows where the effect was cancelled; it does not know these notes.
Task<void> ServicePerformer::stop_surely(const TaskCall& call, Integration& integration,
                                         std::string notes) {
  Clock& clock = calls_.kernel().clock;
  for (int attempts = 0; attempts < kStopAttemptsMax; ++attempts) {
    auto stopped = co_await integration.stop(call, notes);
    if (stopped) co_return;
    co_await clock.sleep_for(kStopPause);
  }
}

Task<Result<void>> ServicePerformer::cancel(TaskCall call) {
  const Pattern pattern = call.effect.resource.pattern;
  const bool sync = pattern == Pattern::kSync || pattern == Pattern::kSync2;
  Integration* integration = integration_of(call.effect.resource);
  if (!sync || integration == nullptr) co_return ok();
  co_return co_await integration->stop(call, std::string(call.saved));
}

}  // namespace suiro::states
