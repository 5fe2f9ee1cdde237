// SPDX-License-Identifier: Apache-2.0
// Queries of JSONPath mode: paths, filters, intrinsic functions. Input: an expression, a NUL, the
// input (JSON); then perhaps a NUL and a Choice rule.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "engine/workflow/intrinsic.h"
#include "engine/workflow/query.h"

namespace {

using namespace suiro;
using namespace suiro::workflow;

std::string_view until_nul(std::string_view& rest) {
  const size_t end = std::min(rest.find('\0'), rest.size());
  std::string_view out = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return out;
}

void place(const Query& query, const json::Value& root) {
  const json::Value mark("mark");
  auto placed = put_at(query, root, mark);
  if (!placed) return;
  Scope scope;
  scope.input = *placed;
  auto found = query.find(scope);
  CHECK(found && *found && **found == mark, "what was put is not there");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view text = until_nul(rest);
  auto input = json::parse(until_nul(rest));
  SeededRandom random(1);
  SeededRandom again(1);
  Scope scope;
  if (input) scope.input = *input;
  scope.random = &random;
  scope.context = [&] { return scope.input; };
  scope.variable = [&](std::string_view name) {
    const json::Value* found = scope.input.find(name);
    return found == nullptr ? std::nullopt : std::optional(*found);
  };
  if (auto query = Query::json_path(text)) {
    auto first = query->evaluate(scope);
    CHECK(first || first.error().code.starts_with("States."), "an error without a name");
    scope.random = &again;
    auto second = query->evaluate(scope);
    CHECK(first.has_value() == second.has_value() && (!first || *first == *second),
          "a query changed its mind");
    if (query->form() == Query::Form::kReferencePath) place(*query, scope.input);
  } else {
    CHECK(query.error().code == codes::kInvalidArgument && !query.error().message.empty(),
          "a refusal without a reason");
  }
  if (auto rule = json::parse(rest)) {
    if (auto condition = ChoiceCondition::compile(*rule)) {
      auto holds = condition->holds(scope);
      CHECK(holds || holds.error().code == "States.Runtime", "a condition without an outcome");
    }
    if (auto compiled = Template::json_path(*rule)) (void)compiled->evaluate(scope);
  }
  return 0;
}
