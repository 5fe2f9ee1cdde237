// SPDX-License-Identifier: Apache-2.0
// The runtimes that functions name, and the environment that AWS gives them ("Lambda runtimes" and
// "Using Lambda environment variables", AWS Lambda Developer Guide). Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/sandbox/launch.h"
#include "engine/sandbox/sandbox.h"

namespace suiro::sandbox {

enum class Language { kPython, kNode, kProvided };

struct Runtime {
  std::string_view name;
  Language language;
};

// Errors: kInvalidArgument for a runtime that Suiro does not run.
Result<Runtime> find_runtime(std::string_view name);

// Interpreters of the machine; empty where absent.
struct Interpreters {
  std::string python;
  std::string node;
};

// The command that starts the runtime, with the paths seen inside; empty when the interpreter is
// absent.
std::vector<std::string> runtime_command(const Runtime& runtime, const Interpreters& interpreters,
                                         const Places& places, uint32_t memory_mb);

// The function's own variables, then Lambda's, which win.
std::vector<std::pair<std::string, std::string>> runtime_environment(const Spec& spec,
                                                                     const Runtime& runtime,
                                                                     const Places& places);

// Every runtime name with its interpreter or what is missing, a line each.
std::vector<std::string> describe_runtimes(const Interpreters& interpreters);

}  // namespace suiro::sandbox
