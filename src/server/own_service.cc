// SPDX-License-Identifier: Apache-2.0
#include "server/own_service.h"

#include "kernel/event/record.h"
#include "kernel/event/trace_tree.h"
#include "server/commands.h"

namespace suiro::server {
namespace {

namespace shape = shapes::suiro;
namespace fs = std::filesystem;

constexpr size_t kRecentDefault = 100;
constexpr size_t kRunsDefault = 1000;
constexpr size_t kDurationsDefault = 30;

constexpr uint8_t kDefinitionVersion = 1;

store::Key definition_key(std::string_view name) {
  return store::Key{'u', 1, 'd'}.append(name);
}

Result<void> only_root(const shapes::Call& call) {
  if (call.principal.kind == shapes::Principal::Kind::kRoot) return ok();
  return fail("AccessDeniedException",
              fmt::format("{} may not call Suiro's own operations", call.principal.arn));
}

Result<void> copy_one(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (!error) return ok();
  return fail(codes::kInvalidArgument,
              fmt::format("cannot copy {} to {}: {}", from.string(), to.string(), error.message()));
}

// The store's consistent copy, and beside it what is needed to start on it.
Task<Result<void>> back_up_to(event::Kernel& kernel, fs::path data, fs::path to) {
  auto invalid = [](std::string text) { return fail("ValidationException", std::move(text)); };
  if (!to.is_absolute()) co_return invalid("Directory must be an absolute path");
  std::error_code error;
  if (fs::exists(to, error) && !fs::is_empty(to, error)) {
    co_return invalid(fmt::format("{} exists and is not empty", to.string()));
  }
  fs::create_directories(to, error);
  if (!error) fs::permissions(to, fs::perms::owner_all, error);
  if (error) co_return invalid(fmt::format("{}: {}", to.string(), error.message()));
  CO_TRY_VOID(co_await kernel.store.backup((to / "store").string()));
  CO_TRY_VOID(copy_one(data / "credentials", to / "credentials"));
  co_return ok();
}

event::Span::Status status_of(std::string_view name) {
  if (name == "ok") return event::Span::Status::kOk;
  return name == "running" ? event::Span::Status::kRunning : event::Span::Status::kError;
}

}  // namespace

std::string_view status_name(event::Span::Status status) {
  switch (status) {
    case event::Span::Status::kOk:
      return "ok";
    case event::Span::Status::kError:
      return "error";
    case event::Span::Status::kRunning:
      return "running";
  }
  return "error";
}

std::string_view state_name(event::Run::State state) {
  constexpr std::array<std::string_view, 9> kNames{"waiting",   "pulling", "running",
                                                   "succeeded", "failed",  "stopped",
                                                   "missed",    "skipped", "started"};
  auto index = static_cast<size_t>(state);
  return index < kNames.size() ? kNames[index] : "unknown";
}

shape::Run to_shape(const event::Run& run) {
  auto text = [](const std::string& value) {
    return value.empty() ? std::nullopt : std::optional(value);
  };
  shape::Run out;
  out.run_id = run.id;
  out.name = run.name;
  out.state = std::string(state_name(run.state));
  out.planned_at = run.planned;
  out.created_at = run.created;
  out.pull_started_at = run.pull_started;
  out.pull_stopped_at = run.pull_stopped;
  out.started_at = run.started;
  out.stopped_at = run.stopped;
  if (run.exit_code) out.exit_code = *run.exit_code;
  out.reason = text(run.reason);
  out.resource = text(run.resource);
  out.schedule = text(run.schedule);
  out.started_by = text(run.started_by);
  out.image_digest = text(run.image_digest);
  if (run.cpu_units > 0) out.cpu_units = run.cpu_units;
  if (run.memory_mb > 0) out.memory_mb = run.memory_mb;
  out.trace_id = text(run.trace_id);
  return out;
}

shape::Span to_shape(const event::Span& span) {
  shape::Span out;
  out.trace_id = span.trace_id;
  out.span_id = span.span_id;
  if (!span.parent_id.empty()) out.parent_id = span.parent_id;
  out.kind = span.kind;
  out.resource = span.resource;
  if (!span.request_id.empty()) out.request_id = span.request_id;
  out.start_time = span.start;
  out.duration_ms = span.duration.count();
  out.status = std::string(status_name(span.status));
  if (!span.detail.empty()) out.detail = span.detail;
  return out;
}

event::Span from_shape(const shape::Span& span) {
  event::Span out;
  out.trace_id = span.trace_id;
  out.span_id = span.span_id;
  out.parent_id = span.parent_id.value_or("");
  out.kind = span.kind;
  out.resource = span.resource;
  out.request_id = span.request_id.value_or("");
  out.start = span.start_time;
  out.duration = Millis(span.duration_ms);
  out.status = status_of(span.status);
  out.detail = span.detail.value_or("");
  return out;
}

// What a definition applied last (src/engine/definition/plan.h), and calls by name, with which
// `suiro apply` makes its resources.
void OwnService::add_definition_operations(shapes::Registry& registry) {
  using shapes::Call;
  store::Store* store = &kernel.store;
  Clock* clock = &kernel.clock;

  registry.add<shape::op::CallOperation>([call_by_name = call_operation](
                                             Call& call, shape::CallOperationRequest input)
                                             -> Task<Result<shape::CallOperationResponse>> {
    CO_TRY_VOID(only_root(call));
    if (input.service == "suiro") {
      co_return fail("ValidationException", "an own operation is called directly");
    }
    Call inner = call;
    CO_TRY(std::string output,
           co_await call_by_name(input.service, input.operation, std::move(input.input), inner));
    co_return shape::CallOperationResponse{.output = std::move(output)};
  });
  registry.add<shape::op::PutDefinition>(
      [store, clock](
          Call& call,
          shape::PutDefinitionRequest input) -> Task<Result<shape::PutDefinitionResponse>> {
        CO_TRY_VOID(only_root(call));
        event::RecordWriter out(kDefinitionVersion);
        out.time(clock->now());
        out.text(input.document);
        store::Batch batch;
        batch.put(definition_key(input.name), out.take());
        CO_TRY_VOID(co_await store->commit(std::move(batch)));
        co_return shape::PutDefinitionResponse{};
      });
  registry.add<shape::op::GetDefinition>(
      [store](Call& call,
              shape::GetDefinitionRequest input) -> Task<Result<shape::GetDefinitionResponse>> {
        CO_TRY_VOID(only_root(call));
        CO_TRY(auto found, co_await store->get(definition_key(input.name)));
        if (!found) {
          co_return fail("ResourceNotFoundException",
                         fmt::format("no definition {} was applied", input.name));
        }
        event::RecordReader in(found->value);
        in.version(kDefinitionVersion);
        shape::GetDefinitionResponse output;
        output.applied_at = in.time();
        output.document = in.text();
        CO_TRY_VOID(in.end("definition"));
        co_return output;
      });
}

void OwnService::add_run_operations(shapes::Registry& registry) {
  using shapes::Call;
  event::RunLog* runs = &kernel.runs;

  registry.add<shape::op::ListRuns>(
      [runs](Call& call, shape::ListRunsRequest input) -> Task<Result<shape::ListRunsResponse>> {
        CO_TRY_VOID(only_root(call));
        event::RunQuery query{.since = input.since, .until = input.until};
        query.name = input.name.value_or("");
        query.after = input.next_token.value_or("");
        query.runs_max = static_cast<size_t>(input.max_results.value_or(kRunsDefault));
        auto page = co_await runs->list(std::move(query));
        if (!page && page.error().code == codes::kInvalidArgument) {
          co_return fail("ValidationException", page.error().message);
        }
        if (!page) co_return fail(page.error());
        shape::ListRunsResponse output;
        for (const auto& run : page->runs) output.runs.push_back(to_shape(run));
        if (!page->next.empty()) output.next_token = std::move(page->next);
        co_return output;
      });
  registry.add<shape::op::ListRunDurations>([runs](Call& call, shape::ListRunDurationsRequest input)
                                                -> Task<Result<shape::ListRunDurationsResponse>> {
    CO_TRY_VOID(only_root(call));
    auto runs_max = static_cast<size_t>(input.max_runs.value_or(kDurationsDefault));
    shape::ListRunDurationsResponse output;
    for (auto& name : input.names) {
      CO_TRY(auto durations, co_await runs->durations(name, runs_max));
      shape::RunDuration& row = output.durations.emplace_back();
      row.name = std::move(name);
      row.runs = static_cast<int64_t>(durations.runs);
      row.median_ms = durations.median.count();
      row.longest_ms = durations.longest.count();
    }
    co_return output;
  });
}

void OwnService::add_operations(shapes::Registry& registry) {
  using shapes::Call;
  TimePoint started = kernel.clock.now();
  event::Kernel* k = &kernel;

  registry.add<shape::op::GetTrace>(
      [k](Call& call, shape::GetTraceRequest input) -> Task<Result<shape::GetTraceResponse>> {
        CO_TRY_VOID(only_root(call));
        auto spans = co_await k->journal.trace(input.id);
        if (!spans) {
          co_return fail(
              "ResourceNotFoundException",
              fmt::format("nothing is recorded under the id {}: requests that only read, and "
                          "some others, leave no trace, and old traces are deleted",
                          input.id));
        }
        shape::GetTraceResponse output;
        for (const auto& span : *spans) output.spans.push_back(to_shape(span));
        co_return output;
      });
  registry.add<shape::op::ListRecentSpans>(
      [k](Call& call,
          shape::ListRecentSpansRequest input) -> Task<Result<shape::ListRecentSpansResponse>> {
        CO_TRY_VOID(only_root(call));
        auto count = static_cast<size_t>(input.max_results.value_or(kRecentDefault));
        CO_TRY(auto spans, co_await k->journal.recent(input.resource.value_or(""), count));
        shape::ListRecentSpansResponse output;
        for (const auto& span : spans) output.spans.push_back(to_shape(span));
        co_return output;
      });
  add_run_operations(registry);
  add_definition_operations(registry);
  registry.add<shape::op::GetUsage>(
      [rows = usage](Call& call, shape::GetUsageRequest) -> Task<Result<shape::GetUsageResponse>> {
        CO_TRY_VOID(only_root(call));
        shape::GetUsageResponse output;
        CO_TRY(output.functions, co_await rows());
        co_return output;
      });
  registry.add<shape::op::ListRelays>(
      [rows = relays](Call& call,
                      shape::ListRelaysRequest) -> Task<Result<shape::ListRelaysResponse>> {
        CO_TRY_VOID(only_root(call));
        co_return shape::ListRelaysResponse{.relays = rows()};
      });
  registry.add<shape::op::GetStatus>(
      [k, started](Call& call, shape::GetStatusRequest) -> Task<Result<shape::GetStatusResponse>> {
        CO_TRY_VOID(only_root(call));
        shape::GetStatusResponse output;
        output.version = kVersion;
        output.uptime_seconds =
            std::chrono::duration_cast<std::chrono::seconds>(k->clock.now() - started).count();
        std::string reason = k->store.latched();
        output.latched = !reason.empty();
        if (output.latched) output.latch_reason = reason;
        co_return output;
      });
  registry.add<shape::op::CreateBackup>(
      [k, from = data](
          Call& call,
          shape::CreateBackupRequest input) -> Task<Result<shape::CreateBackupResponse>> {
        CO_TRY_VOID(only_root(call));
        CO_TRY_VOID(co_await back_up_to(*k, from, input.directory));
        shape::CreateBackupResponse output;
        output.directory = input.directory;
        co_return output;
      });
}

}  // namespace suiro::server
