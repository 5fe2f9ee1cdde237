// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/api_shapes.h"

namespace suiro::lambda {
namespace {

using shapes::Call;

shape::AliasConfiguration alias_of(const AliasView& view) {
  shape::AliasConfiguration output;
  output.alias_arn = view.arn;
  output.name = view.alias.name;
  output.function_version = view.alias.version;
  output.description = view.alias.description;
  output.revision_id = view.alias.revision_id;
  if (!view.alias.weights.empty()) {
    output.routing_config.emplace();
    output.routing_config->additional_version_weights = view.alias.weights;
  }
  return output;
}

std::optional<std::map<std::string, double>> weights_of(
    const std::optional<shape::AliasRoutingConfiguration>& routing) {
  if (!routing) return std::nullopt;
  return routing->additional_version_weights.value_or(std::map<std::string, double>());
}

Task<Result<shape::FunctionConfiguration>> publish_version(Api& api, Call&,
                                                           shape::PublishVersionRequest input) {
  if (input.publish_to) co_return unsupported("The parameter PublishTo");
  Logic::PublishVersion request;
  CO_TRY(request.name, name_of(api, input.function_name));
  request.code_sha256 = std::move(input.code_sha256);
  request.description = std::move(input.description);
  request.revision_id = std::move(input.revision_id);
  CO_TRY(View view, co_await api.logic.publish_version(std::move(request)));
  co_return configuration_of(view);
}

Task<Result<shape::ListVersionsByFunctionResponse>> list_versions(
    Api& api, Call&, shape::ListVersionsByFunctionRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY(Page<View> page,
         co_await api.logic.list_versions(name, page_of(input.marker, input.max_items, kListMax)));
  shape::ListVersionsByFunctionResponse output;
  output.versions.emplace();
  for (const View& view : page.items) output.versions->push_back(configuration_of(view));
  output.next_marker = marker_of(std::move(page.next_marker));
  co_return output;
}

Task<Result<shape::AliasConfiguration>> create_alias(Api& api, Call&,
                                                     shape::CreateAliasRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  Alias alias;
  alias.name = std::move(input.name);
  alias.description = input.description.value_or("");
  alias.version = std::move(input.function_version);
  if (auto weights = weights_of(input.routing_config)) alias.weights = *std::move(weights);
  CO_TRY(AliasView view, co_await api.logic.create_alias(name, std::move(alias)));
  co_return alias_of(view);
}

Task<Result<shape::AliasConfiguration>> get_alias(Api& api, Call&, shape::GetAliasRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY(AliasView view, co_await api.logic.get_alias(name, std::move(input.name)));
  co_return alias_of(view);
}

Task<Result<shape::AliasConfiguration>> update_alias(Api& api, Call&,
                                                     shape::UpdateAliasRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  AliasChange change{std::move(input.description), std::move(input.function_version),
                     weights_of(input.routing_config), std::move(input.revision_id)};
  CO_TRY(AliasView view,
         co_await api.logic.update_alias(name, std::move(input.name), std::move(change)));
  co_return alias_of(view);
}

Task<Result<shape::DeleteAliasResponse>> delete_alias(Api& api, Call&,
                                                      shape::DeleteAliasRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY_VOID(co_await api.logic.delete_alias(name, std::move(input.name)));
  co_return shape::DeleteAliasResponse{};
}

Task<Result<shape::ListAliasesResponse>> list_aliases(Api& api, Call&,
                                                      shape::ListAliasesRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY(Page<AliasView> page,
         co_await api.logic.list_aliases(name, input.function_version.value_or(""),
                                         page_of(input.marker, input.max_items, kListMax)));
  shape::ListAliasesResponse output;
  output.aliases.emplace();
  for (const AliasView& view : page.items) output.aliases->push_back(alias_of(view));
  output.next_marker = marker_of(std::move(page.next_marker));
  co_return output;
}

Task<Result<shape::Concurrency>> put_concurrency(Api& api, Call&,
                                                 shape::PutFunctionConcurrencyRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  if (input.reserved_concurrent_executions < 0) {
    co_return range_error(std::to_string(input.reserved_concurrent_executions),
                          "reservedConcurrentExecutions", "greater than or equal to 0");
  }
  CO_TRY_VOID(co_await api.logic.put_concurrency(name, input.reserved_concurrent_executions));
  co_return shape::Concurrency{input.reserved_concurrent_executions};
}

Task<Result<shape::GetFunctionConcurrencyResponse>> get_concurrency(
    Api& api, Call&, shape::GetFunctionConcurrencyRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY(View view, co_await api.logic.get_function(name));
  shape::GetFunctionConcurrencyResponse output;
  if (view.reserved_concurrency) {
    output.reserved_concurrent_executions = static_cast<int32_t>(*view.reserved_concurrency);
  }
  co_return output;
}

Task<Result<shape::DeleteFunctionConcurrencyResponse>> delete_concurrency(
    Api& api, Call&, shape::DeleteFunctionConcurrencyRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY_VOID(co_await api.logic.put_concurrency(name, std::nullopt));
  co_return shape::DeleteFunctionConcurrencyResponse{};
}

}  // namespace

void add_version_operations(shapes::Registry& registry, Api& api) {
  namespace op = shape::op;
  add_operation<op::PublishVersion>(registry, api, publish_version);
  add_operation<op::ListVersionsByFunction>(registry, api, list_versions);
  add_operation<op::CreateAlias>(registry, api, create_alias);
  add_operation<op::GetAlias>(registry, api, get_alias);
  add_operation<op::UpdateAlias>(registry, api, update_alias);
  add_operation<op::DeleteAlias>(registry, api, delete_alias);
  add_operation<op::ListAliases>(registry, api, list_aliases);
  add_operation<op::PutFunctionConcurrency>(registry, api, put_concurrency);
  add_operation<op::GetFunctionConcurrency>(registry, api, get_concurrency);
  add_operation<op::DeleteFunctionConcurrency>(registry, api, delete_concurrency);
}

}  // namespace suiro::lambda
