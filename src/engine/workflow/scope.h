// SPDX-License-Identifier: Apache-2.0
// What paths read of a Scope. Internal to engine/workflow. Thread: any; pure functions.
#pragma once

#include "engine/workflow/path.h"
#include "engine/workflow/query.h"

namespace suiro::workflow {

struct Lookup {
  Selection selection;
  json::Value root;  // what the path was applied to; null where its variable is not assigned
};
// Errors: those of select().
Result<Lookup> look_up(const Path& path, const Scope& scope);

// What AWS's sentences call the input: the context object for "$$", otherwise "$".
std::string input_text(const Path& path, const Scope& scope);

}  // namespace suiro::workflow
