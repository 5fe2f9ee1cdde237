// SPDX-License-Identifier: Apache-2.0
// Whether a JSON value could be the output of an operation, its members named as AWS's SDKs for
// Java name them: what TestState asks of mocked results.
// Thread: pure functions. Source: Step Functions Developer Guide, "Mock validation modes";
// recordings.
#pragma once

#include "engine/json/value.h"
#include "kernel/event/operation_caller.h"
#include "shapes/shape.h"

namespace suiro::server {

// `options` tells what is not asked; its JSON is not read. Errors: kInvalidArgument: the first
// misfit, in AWS's words.
Result<void> check_output(const shapes::Shape& shape, const json::Value& value,
                          const event::OperationCaller::Output& options);

}  // namespace suiro::server
