// SPDX-License-Identifier: Apache-2.0
// Lists of definitions, and their deletion.
#include "services/ecs/errors.h"
#include "services/ecs/logic.h"

namespace suiro::ecs {

Task<Result<shape::DeleteTaskDefinitionsResponse>> Logic::delete_definitions(
    shape::DeleteTaskDefinitionsRequest in) {
  if (in.task_definitions.empty() || in.task_definitions.size() > kDeleteDefinitionsMax) {
    co_return invalid(
        fmt::format("taskDefinitions must name 1 to {} definitions.", kDeleteDefinitionsMax));
  }
  shape::DeleteTaskDefinitionsResponse out;
  out.task_definitions.emplace();
  out.failures.emplace();
  for (const auto& name : in.task_definitions) {
    auto gone = co_await definitions_.remove(name);
    if (gone) {
      out.task_definitions->push_back(std::move(gone->shape));
      continue;
    }
    if (gone.error().code != kClient) co_return fail(std::move(gone).error());
    shape::Failure& failure = out.failures->emplace_back();
    failure.arn = name;
    failure.reason = gone.error().message;
  }
  co_return out;
}

Task<Result<shape::ListTaskDefinitionsResponse>> Logic::list_definitions(
    shape::ListTaskDefinitionsRequest in) {
  Definitions::ListQuery query;
  query.family = in.family_prefix.value_or("");
  query.status = in.status.value_or("ACTIVE");
  if (in.sort == "DESC") query.direction = store::Direction::kBackward;
  CO_TRY(query.rows_max, page_size(in.max_results, kListPageMax, kListPageMax));
  CO_TRY(query.after, parse_page_token(in.next_token));
  CO_TRY(auto answer, co_await definitions_.list(std::move(query)));
  shape::ListTaskDefinitionsResponse out;
  out.task_definition_arns.emplace();
  for (const auto& name : answer.names) {
    CO_TRY(DefinitionRef ref, definition_ref(name));
    out.task_definition_arns->push_back(
        context_.definition_arn(ref.family, ref.revision.value_or(0)));
  }
  if (answer.more) out.next_token = page_token(answer.names.back());
  co_return out;
}

Task<Result<shape::ListTaskDefinitionFamiliesResponse>> Logic::list_families(
    shape::ListTaskDefinitionFamiliesRequest in) {
  Definitions::FamilyQuery query;
  query.prefix = in.family_prefix.value_or("");
  query.status = in.status.value_or("ALL");
  CO_TRY(query.rows_max, page_size(in.max_results, kListPageMax, kListPageMax));
  CO_TRY(query.after, parse_page_token(in.next_token));
  CO_TRY(auto answer, co_await definitions_.families(std::move(query)));
  shape::ListTaskDefinitionFamiliesResponse out;
  out.families = answer.names;
  if (answer.more) out.next_token = page_token(answer.names.back());
  co_return out;
}

}  // namespace suiro::ecs
