// SPDX-License-Identifier: Apache-2.0
// Between the shapes of Step Functions and the runs of distributed Maps. No rules.
// Thread: any shard. Errors: those of MapRuns and Executions.
#pragma once

#include "services/states/executions.h"
#include "services/states/map_runs.h"
#include "shapes/gen/states.h"
#include "shapes/registry.h"

namespace suiro::states {

class MapRunApi {
 public:
  // Both outlive the registry.
  MapRunApi(MapRuns& runs, Executions& executions) : runs_(runs), executions_(executions) {}
  // ListMapRuns, DescribeMapRun, UpdateMapRun.
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;
  Answer<shapes::states::op::ListMapRuns> list(shapes::states::ListMapRunsInput in);
  Answer<shapes::states::op::DescribeMapRun> describe(shapes::states::DescribeMapRunInput in);
  Answer<shapes::states::op::UpdateMapRun> update(shapes::states::UpdateMapRunInput in);

  MapRuns& runs_;
  Executions& executions_;
};

}  // namespace suiro::states
