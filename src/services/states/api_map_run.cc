// SPDX-License-Identifier: Apache-2.0
#include "services/states/api_map_run.h"

#include "services/states/errors.h"
#include "services/states/names.h"

namespace suiro::states {
namespace {

namespace shape = shapes::states;
namespace op = shapes::states::op;

constexpr size_t kListDefault = 100;

std::string_view status_name(workflow::MapRunStatus status) {
  constexpr std::string_view kNames[] = {"RUNNING", "SUCCEEDED", "FAILED", "ABORTED"};
  return kNames[static_cast<size_t>(status)];
}

template <class Counts>
void tell(Counts& out, const workflow::MapRunCounts& counts) {
  out.pending = counts.pending;
  out.running = counts.running;
  out.succeeded = counts.succeeded;
  out.failed = counts.failed;
  out.timed_out = counts.timed_out;
  out.aborted = counts.aborted;
  out.total = counts.total;
  out.results_written = counts.results_written;
  out.failures_not_redrivable = counts.failures_not_redrivable;
  out.pending_redrive = counts.pending_redrive;
}

}  // namespace

void MapRunApi::add_operations(shapes::Registry& registry) {
  registry.add<op::ListMapRuns>(
      [this](shapes::Call&, shape::ListMapRunsInput in) { return list(std::move(in)); });
  registry.add<op::DescribeMapRun>(
      [this](shapes::Call&, shape::DescribeMapRunInput in) { return describe(std::move(in)); });
  registry.add<op::UpdateMapRun>(
      [this](shapes::Call&, shape::UpdateMapRunInput in) { return update(std::move(in)); });
}

MapRunApi::Answer<op::ListMapRuns> MapRunApi::list(shape::ListMapRunsInput in) {
  CO_TRY_VOID(check_execution_arn(in.execution_arn));
  // That it is there.
  CO_TRY(const ExecutionRecord execution, co_await executions_.describe(in.execution_arn));
  ListMapRunsRequest request{.execution_arn = execution.arn};
  const int32_t asked = in.max_results.value_or(0);
  request.results_max = asked == 0 ? kListDefault : static_cast<size_t>(asked);
  request.next_token = in.next_token.value_or("");
  CO_TRY(MapRunPage page, co_await runs_.list(std::move(request)));
  shape::ListMapRunsOutput out;
  for (MapRunDescription& run : page.runs) {
    auto& row = out.map_runs.emplace_back();
    row.execution_arn = std::move(run.execution_arn);
    row.map_run_arn = std::move(run.arn);
    row.state_machine_arn = std::move(run.machine_arn);
    row.start_date = run.start;
    row.stop_date = run.stop;
  }
  if (!page.next_token.empty()) out.next_token = std::move(page.next_token);
  co_return out;
}

MapRunApi::Answer<op::DescribeMapRun> MapRunApi::describe(shape::DescribeMapRunInput in) {
  CO_TRY(MapRunDescription run, co_await runs_.describe(std::move(in.map_run_arn)));
  shape::DescribeMapRunOutput out;
  out.map_run_arn = std::move(run.arn);
  out.execution_arn = std::move(run.execution_arn);
  out.status = status_name(run.status);
  out.start_date = run.start;
  out.stop_date = run.stop;
  out.max_concurrency = static_cast<int32_t>(run.concurrency_max);
  out.tolerated_failure_percentage = run.tolerated_failure_percentage;
  out.tolerated_failure_count = run.tolerated_failure_count;
  tell(out.item_counts, run.items);
  tell(out.execution_counts, run.executions);
  out.redrive_count = static_cast<int32_t>(run.redrive_count);
  out.redrive_date = run.redrive_time;
  co_return out;
}

MapRunApi::Answer<op::UpdateMapRun> MapRunApi::update(shape::UpdateMapRunInput in) {
  if (!in.max_concurrency && !in.tolerated_failure_percentage && !in.tolerated_failure_count) {
    co_return fail("MissingRequiredParameter", "No attributes to update were given.");
  }
  UpdateMapRunRequest request{.arn = std::move(in.map_run_arn)};
  if (in.max_concurrency) request.concurrency_max = *in.max_concurrency;
  request.tolerated_failure_percentage = in.tolerated_failure_percentage;
  request.tolerated_failure_count = in.tolerated_failure_count;
  CO_TRY_VOID(co_await runs_.update(std::move(request)));
  co_return shape::UpdateMapRunOutput();
}

}  // namespace suiro::states
