// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/api_shapes.h"

namespace suiro::lambda {
namespace {

using shapes::Call;

// Who asks, for the function's policy: one whom the account's own policies do not allow to.
policy::Request request_of(const Call& call) {
  policy::Request out;
  out.caller.account = call.principal.account;
  out.caller.arn = call.principal.arn;
  out.caller.trust = policy::Caller::Trust::kSelf;
  if (call.principal.kind == shapes::Principal::Kind::kRole) {
    out.caller.role_arn = call.principal.session->role_arn;
  }
  out.context = {{"aws:sourceip", call.source_ip},
                 {"aws:useragent", call.user_agent},
                 {"aws:securetransport", call.secure ? "true" : "false"}};
  return out;
}

Task<Result<shape::InvocationResponse>> invoke(Api& api, Call& call,
                                               shape::InvocationRequest input) {
  if (input.durable_execution_name)
    co_return unsupported("The header X-Amz-Durable-Execution-Name");
  if (input.tenant_id) co_return unsupported("The header X-Amz-Tenant-Id");
  InvokeRequest request;
  CO_TRY(request.function, name_of(api, input.function_name, input.qualifier));
  if (!call.denial.empty()) {
    CO_TRY_VOID(co_await api.logic.permit_invoke(request.function, request_of(call), call.denial));
  }
  std::string type = input.invocation_type.value_or("RequestResponse");
  if (type == "Event") {
    request.type = InvocationType::kEvent;
  } else if (type == "DryRun") {
    request.type = InvocationType::kDryRun;
  } else if (type != "RequestResponse") {
    co_return fail(kInvalidParameter, fmt::format("The invocation type {} is invalid.", type));
  }
  request.payload = input.payload.value_or("");
  request.client_context = input.client_context.value_or("");
  request.request_id = call.request_id;
  request.trace = call.trace;
  CO_TRY(InvokeReply reply, co_await api.logic.invoke(std::move(request)));
  shape::InvocationResponse output;
  output.status_code = reply.status;
  if (!reply.outcome) co_return output;
  output.executed_version = reply.executed_version;
  if (reply.outcome->end != sandbox::Outcome::End::kReturned) output.function_error = "Unhandled";
  if (input.log_type == "Tail") output.log_result = base64_encode(reply.outcome->log_tail);
  output.payload = std::move(reply.outcome->payload);
  co_return output;
}

shape::FunctionEventInvokeConfig config_of(const InvokeConfigView& view) {
  shape::FunctionEventInvokeConfig output;
  output.function_arn = view.arn;
  output.last_modified = view.config.last_modified;
  if (view.config.age_max_s) {
    output.maximum_event_age_in_seconds = static_cast<int32_t>(*view.config.age_max_s);
  }
  if (view.config.retries_max) {
    output.maximum_retry_attempts = static_cast<int32_t>(*view.config.retries_max);
  }
  output.destination_config.emplace();
  output.destination_config->on_success = shape::OnSuccess{present(view.config.on_success_arn)};
  output.destination_config->on_failure = shape::OnFailure{present(view.config.on_failure_arn)};
  return output;
}

template <class Input>
InvokeConfigChange change_of(const Input& input) {
  InvokeConfigChange change{
      input.maximum_event_age_in_seconds, input.maximum_retry_attempts, {}, {}};
  if (input.destination_config) {
    const shape::DestinationConfig& to = *input.destination_config;
    if (to.on_success) change.on_success_arn = to.on_success->destination.value_or("");
    if (to.on_failure) change.on_failure_arn = to.on_failure->destination.value_or("");
  }
  return change;
}

Task<Result<shape::FunctionEventInvokeConfig>> put_config(
    Api& api, Call&, shape::PutFunctionEventInvokeConfigRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY(InvokeConfigView view,
         co_await api.logic.put_invoke_config(name, change_of(input), Logic::Merge::kReplace));
  co_return config_of(view);
}

Task<Result<shape::FunctionEventInvokeConfig>> update_config(
    Api& api, Call&, shape::UpdateFunctionEventInvokeConfigRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY(InvokeConfigView view,
         co_await api.logic.put_invoke_config(name, change_of(input), Logic::Merge::kUpdate));
  co_return config_of(view);
}

Task<Result<shape::FunctionEventInvokeConfig>> get_config(
    Api& api, Call&, shape::GetFunctionEventInvokeConfigRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY(InvokeConfigView view, co_await api.logic.get_invoke_config(name));
  co_return config_of(view);
}

Task<Result<shape::DeleteFunctionEventInvokeConfigResponse>> delete_config(
    Api& api, Call&, shape::DeleteFunctionEventInvokeConfigRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY_VOID(co_await api.logic.delete_invoke_config(name));
  co_return shape::DeleteFunctionEventInvokeConfigResponse{};
}

Task<Result<shape::ListFunctionEventInvokeConfigsResponse>> list_configs(
    Api& api, Call&, shape::ListFunctionEventInvokeConfigsRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY(Page<InvokeConfigView> page, co_await api.logic.list_invoke_configs(
                                          name, page_of(input.marker, input.max_items, kListMax)));
  shape::ListFunctionEventInvokeConfigsResponse output;
  output.function_event_invoke_configs.emplace();
  for (const auto& view : page.items) {
    output.function_event_invoke_configs->push_back(config_of(view));
  }
  output.next_marker = marker_of(std::move(page.next_marker));
  co_return output;
}

Task<Result<shape::AddPermissionResponse>> add_permission(Api& api, Call&,
                                                          shape::AddPermissionRequest input) {
  if (input.principal_org_id) co_return unsupported("The parameter PrincipalOrgID");
  if (input.function_url_auth_type || input.invoked_via_function_url) {
    co_return unsupported("Function URLs, and so the parameter FunctionUrlAuthType,");
  }
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  Permission permission{std::move(input.statement_id),   std::move(input.action),
                        std::move(input.principal),      std::move(input.source_arn),
                        std::move(input.source_account), std::move(input.event_source_token),
                        std::move(input.revision_id)};
  CO_TRY(std::string statement, co_await api.logic.add_permission(name, std::move(permission)));
  co_return shape::AddPermissionResponse{std::move(statement)};
}

Task<Result<shape::RemovePermissionResponse>> remove_permission(
    Api& api, Call&, shape::RemovePermissionRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY_VOID(co_await api.logic.remove_permission(name, std::move(input.statement_id),
                                                   std::move(input.revision_id)));
  co_return shape::RemovePermissionResponse{};
}

Task<Result<shape::GetPolicyResponse>> get_policy(Api& api, Call&, shape::GetPolicyRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY(Policy policy, co_await api.logic.get_policy(name));
  shape::GetPolicyResponse output;
  output.policy = std::move(policy.document);
  output.revision_id = std::move(policy.revision_id);
  co_return output;
}

}  // namespace

void add_invoke_operations(shapes::Registry& registry, Api& api) {
  namespace op = shape::op;
  add_operation<op::Invoke>(registry, api, invoke);
  add_operation<op::PutFunctionEventInvokeConfig>(registry, api, put_config);
  add_operation<op::UpdateFunctionEventInvokeConfig>(registry, api, update_config);
  add_operation<op::GetFunctionEventInvokeConfig>(registry, api, get_config);
  add_operation<op::DeleteFunctionEventInvokeConfig>(registry, api, delete_config);
  add_operation<op::ListFunctionEventInvokeConfigs>(registry, api, list_configs);
  add_operation<op::AddPermission>(registry, api, add_permission);
  add_operation<op::RemovePermission>(registry, api, remove_permission);
  add_operation<op::GetPolicy>(registry, api, get_policy);
}

}  // namespace suiro::lambda
