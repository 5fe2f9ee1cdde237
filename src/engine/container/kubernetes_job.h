// SPDX-License-Identifier: Apache-2.0
// From a task to its Job, and what of a task a Job cannot be. Pure.
#pragma once

#include <boost/json.hpp>

#include "base/result.h"
#include "engine/container/kubernetes_runner.h"

namespace suiro::container::kubernetes {

inline constexpr std::string_view kTaskLabel = "suiro/task";
inline constexpr std::string_view kInstanceLabel = "suiro/instance";
inline constexpr std::string_view kContainersAnnotation = "suiro/containers";

// What is remembered of a container, in the Job's annotation.
struct Part {
  std::string name;  // the task's
  std::string as;    // in the Pod: a DNS label
  bool essential = true;
  bool first = false;  // an init container: others wait for its success
};

std::string job_name(const std::string& task_id);

// The containers in the spec's order. Errors: kInvalidArgument with what a Job cannot do.
Result<std::vector<Part>> plan(const TaskSpec& spec);

// The document that is POSTed. `parts`: of plan().
boost::json::object job_of(const TaskSpec& spec, const std::vector<Part>& parts,
                           const KubernetesConfig& config);

// The parts that the annotation tells. Errors: kCorrupt.
Result<std::vector<Part>> parts_of(const boost::json::value& job);

}  // namespace suiro::container::kubernetes
