// SPDX-License-Identifier: Apache-2.0
// Whether the ARNs in a request are of this account and region, and in the request's cluster. The
// rules behind look at the last part of an ARN alone; who permits a request looks at all of it.
//
// Thread: pure function. Source: Amazon ECS API Reference, "DescribeTasks" and its neighbours.
#pragma once

#include "services/ecs/context.h"
#include "shapes/shape.h"

namespace suiro::ecs {

// `input`: the input of any operation. Errors: InvalidParameterException; ClientException for a
// task definition.
Result<void> check_own_arns(const event::Kernel& kernel, const shapes::Shape& shape,
                            const void* input);

}  // namespace suiro::ecs
