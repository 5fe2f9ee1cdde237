// SPDX-License-Identifier: Apache-2.0
// RunTask's input (Amazon ECS API Reference) out of a rule's EcsParameters. Thread: any.
#pragma once

#include <boost/json/object.hpp>

#include "base/bytes.h"

namespace suiro::events {

// JSON without overrides and startedBy.
Bytes run_task_input(std::string_view cluster_arn, const boost::json::object& parameters);
// `overrides`: JSON of a TaskOverride; what is no JSON object is left out.
Bytes with_overrides(const Bytes& run_task, const Bytes& overrides, std::string started_by);

}  // namespace suiro::events
