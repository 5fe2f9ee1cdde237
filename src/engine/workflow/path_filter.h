// SPDX-License-Identifier: Apache-2.0
// The evaluation of filters. Internal to engine/workflow. Thread: any; pure functions.
#pragma once

#include "engine/workflow/path.h"

namespace suiro::workflow {

// Whether a filter holds for `current` ("@") in the value `root` ("$"). `visits` grows; errors:
// States.Runtime, beyond kPathVisitsMax.
Result<bool> filter_holds(const Filter& filter, const json::Value& current, const json::Value& root,
                          size_t& visits);

// select() with what is visited counted in `visits`: `from` is the value at the path's root.
Result<Selection> select_within(const Path& path, const json::Value& from, const json::Value& root,
                                size_t& visits);

}  // namespace suiro::workflow
