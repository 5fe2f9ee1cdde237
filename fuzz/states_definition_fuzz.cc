// SPDX-License-Identifier: Apache-2.0
// Definitions of workflows: any bytes compile or are refused with an error, as a machine and as a
// single state.
#include "base/check.h"
#include "engine/workflow/plan.h"

namespace {

void compile_once(std::string_view text, suiro::workflow::CompileOptions options) {
  suiro::workflow::Compiled compiled = suiro::workflow::compile(text, options);
  bool refused = false;
  for (const auto& diagnostic : compiled.diagnostics) {
    refused = refused || diagnostic.severity == suiro::workflow::Severity::kError;
  }
  CHECK(refused == (compiled.plan == nullptr));
  CHECK(refused == (compiled.summary() != "''"));
  if (compiled.plan == nullptr) return;
  for (const auto& [name, state] : compiled.plan->by_name) {
    if (state->type() == "Map") suiro::workflow::child_plan(compiled.plan, *state);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  compile_once(text, {});
  compile_once(text, {.type = suiro::workflow::MachineType::kExpress});
  compile_once(text, {.single_state = true});
  return 0;
}
