// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/api_shapes.h"
#include "services/lambda/validate.h"

namespace suiro::lambda {
namespace {

using shapes::Call;

// The members that CreateFunction and UpdateFunctionConfiguration share and Suiro does not have.
template <class Input>
Result<void> refuse_unsupported(const Input& input) {
  if (input.layers && !input.layers->empty()) return unsupported("The parameter Layers");
  if (input.vpc_config &&
      ((input.vpc_config->subnet_ids && !input.vpc_config->subnet_ids->empty()) ||
       (input.vpc_config->security_group_ids && !input.vpc_config->security_group_ids->empty()) ||
       input.vpc_config->ipv6_allowed_for_dual_stack.value_or(false))) {
    return unsupported("The parameter VpcConfig");
  }
  if (input.image_config) return unsupported("The parameter ImageConfig");
  if (input.file_system_configs && !input.file_system_configs->empty()) {
    return unsupported("The parameter FileSystemConfigs");
  }
  if (input.kms_key_arn && !input.kms_key_arn->empty()) {
    return unsupported("The parameter KMSKeyArn");
  }
  if (input.snap_start && input.snap_start->apply_on.value_or("None") != "None") {
    return unsupported("The parameter SnapStart");
  }
  if (input.capacity_provider_config) return unsupported("The parameter CapacityProviderConfig");
  if (input.durable_config) return unsupported("The parameter DurableConfig");
  if (input.logging_config) {
    const shape::LoggingConfig& logging = *input.logging_config;
    if (logging.log_format.value_or("Text") != "Text") {
      return unsupported("The log format JSON");
    }
    if (logging.application_log_level || logging.system_log_level) {
      return unsupported("A log level, which belongs to the log format JSON,");
    }
  }
  return ok();
}

Result<void> check_architectures(const std::optional<std::vector<std::string>>& wanted) {
  if (!wanted || (wanted->size() == 1 && wanted->front() == host_architecture())) return ok();
  return fail(
      kInvalidParameter,
      fmt::format("This machine runs functions of the architecture {} only.", host_architecture()));
}

Result<void> refuse_code_forms(const std::optional<std::string>& image,
                               const std::optional<std::string>& kms_key) {
  if (image) return unsupported("Code from a container image");
  if (kms_key && !kms_key->empty()) return unsupported("The parameter SourceKMSKeyArn");
  return ok();
}

template <class Input>
SettingsChange change_of(Input& input) {
  SettingsChange change;
  change.description = std::move(input.description);
  change.handler = std::move(input.handler);
  change.runtime = std::move(input.runtime);
  change.memory_mb = input.memory_size;
  change.timeout_s = input.timeout;
  if (input.ephemeral_storage) change.ephemeral_mb = input.ephemeral_storage->size;
  if (input.environment) {
    change.environment =
        input.environment->variables.value_or(std::map<std::string, std::string>());
  }
  if (input.tracing_config) change.tracing_mode = input.tracing_config->mode;
  if (input.logging_config) change.log_group = input.logging_config->log_group;
  if (input.dead_letter_config) {
    change.dead_letter_arn = input.dead_letter_config->target_arn.value_or("");
  }
  return change;
}

Task<Result<shape::FunctionConfiguration>> create_function(Api& api, Call&,
                                                           shape::CreateFunctionRequest input) {
  CO_TRY_VOID(refuse_unsupported(input));
  CO_TRY_VOID(check_architectures(input.architectures));
  CO_TRY_VOID(refuse_code_forms(input.code.image_uri, input.code.source_kms_key_arn));
  if (input.package_type.value_or("Zip") != "Zip") co_return unsupported("The package type Image");
  if (input.code_signing_config_arn) co_return unsupported("The parameter CodeSigningConfigArn");
  if (input.tenancy_config) co_return unsupported("The parameter TenancyConfig");
  if (input.publish_to) co_return unsupported("The parameter PublishTo");
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  if (!name.qualifier.empty()) {
    co_return fail(kInvalidParameter, "The name of a new function has no qualifier.");
  }
  Logic::CreateFunction request{std::move(name.name)};
  request.settings = change_of(input);
  request.settings.role = std::move(input.role);
  request.code = {std::move(input.code.zip_file), input.code.s3_bucket.value_or(""),
                  input.code.s3_key.value_or(""), input.code.s3_object_version};
  if (input.tags) request.tags = *std::move(input.tags);
  if (input.publish.value_or(false)) request.publish = Publish::kYes;
  CO_TRY(View view, co_await api.logic.create_function(std::move(request)));
  co_return configuration_of(view);
}

Task<Result<shape::FunctionConfiguration>> update_code(Api& api, Call&,
                                                       shape::UpdateFunctionCodeRequest input) {
  CO_TRY_VOID(check_architectures(input.architectures));
  CO_TRY_VOID(refuse_code_forms(input.image_uri, input.source_kms_key_arn));
  if (input.publish_to) co_return unsupported("The parameter PublishTo");
  Logic::UpdateCode request;
  CO_TRY(request.name, name_of(api, input.function_name));
  request.code = {std::move(input.zip_file), input.s3_bucket.value_or(""),
                  input.s3_key.value_or(""), input.s3_object_version};
  request.revision_id = input.revision_id;
  if (input.publish.value_or(false)) request.publish = Publish::kYes;
  if (input.dry_run.value_or(false)) request.mode = Mode::kDryRun;
  CO_TRY(View view, co_await api.logic.update_code(std::move(request)));
  co_return configuration_of(view);
}

Task<Result<shape::FunctionConfiguration>> update_configuration(
    Api& api, Call&, shape::UpdateFunctionConfigurationRequest input) {
  CO_TRY_VOID(refuse_unsupported(input));
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  SettingsChange change = change_of(input);
  change.role = std::move(input.role);
  CO_TRY(View view, co_await api.logic.update_settings(std::move(name), std::move(change),
                                                       std::move(input.revision_id)));
  co_return configuration_of(view);
}

Task<Result<shape::GetFunctionResponse>> get_function(Api& api, Call&,
                                                      shape::GetFunctionRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY(View view, co_await api.logic.get_function(name));
  shape::GetFunctionResponse output;
  output.configuration = configuration_of(view);
  output.code = shape::FunctionCodeLocation{};
  output.code->repository_type = "S3";
  if (api.context.config.code_url) output.code->location = api.context.config.code_url(view.arn);
  if (!view.tags.empty()) output.tags = view.tags;
  if (view.reserved_concurrency) {
    output.concurrency = shape::Concurrency{static_cast<int32_t>(*view.reserved_concurrency)};
  }
  co_return output;
}

Task<Result<shape::FunctionConfiguration>> get_configuration(
    Api& api, Call&, shape::GetFunctionConfigurationRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY(View view, co_await api.logic.get_function(name));
  co_return configuration_of(view);
}

Task<Result<shape::DeleteFunctionResponse>> delete_function(Api& api, Call&,
                                                            shape::DeleteFunctionRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name, input.qualifier));
  CO_TRY_VOID(co_await api.logic.delete_function(name));
  shape::DeleteFunctionResponse output;
  output.status_code = 204;
  co_return output;
}

Task<Result<shape::ListFunctionsResponse>> list_functions(Api& api, Call&,
                                                          shape::ListFunctionsRequest input) {
  if (input.master_region) co_return unsupported("The parameter MasterRegion");
  Logic::Versions versions =
      input.function_version == "ALL" ? Logic::Versions::kAll : Logic::Versions::kLatest;
  CO_TRY(Page<View> page, co_await api.logic.list_functions(
                              page_of(input.marker, input.max_items, kListMax), versions));
  shape::ListFunctionsResponse output;
  output.functions.emplace();
  for (const View& view : page.items) output.functions->push_back(configuration_of(view));
  output.next_marker = marker_of(std::move(page.next_marker));
  co_return output;
}

// A function without such a configuration: all there are.
Task<Result<shape::GetFunctionCodeSigningConfigResponse>> get_code_signing(
    Api& api, Call&, shape::GetFunctionCodeSigningConfigRequest input) {
  CO_TRY(FunctionName name, name_of(api, input.function_name));
  CO_TRY(View view, co_await api.logic.get_function(name));
  shape::GetFunctionCodeSigningConfigResponse output;
  output.function_name = view.name;
  co_return output;
}

// Tags of functions; mappings have none.
Result<std::optional<FunctionName>> tagged(Api& api, const std::string& resource) {
  Result<Arn> arn = Arn::parse(resource);
  if (!arn || arn->service != "lambda") {
    return fail(kInvalidParameter, fmt::format("The resource {} is no ARN of Lambda.", resource));
  }
  if (arn->resource.starts_with("event-source-mapping:")) return std::optional<FunctionName>();
  TRY(FunctionName name, name_of(api, resource));
  if (!name.qualifier.empty()) {
    return fail(kInvalidParameter,
                "Tags on function aliases and versions are not supported. "
                "Please specify either a function ARN or an event source "
                "mapping ARN.");
  }
  return std::optional<FunctionName>(std::move(name));
}

Task<Result<shape::ListTagsResponse>> list_tags(Api& api, Call&, shape::ListTagsRequest input) {
  CO_TRY(std::optional<FunctionName> name, tagged(api, input.resource));
  shape::ListTagsResponse output;
  output.tags.emplace();
  if (name) {
    CO_TRY(View view, co_await api.logic.get_function(*name));
    output.tags = view.tags;
  } else {
    CO_TRY_VOID(
        co_await api.logic.get_mapping(input.resource.substr(input.resource.rfind(':') + 1)));
  }
  co_return output;
}

Task<Result<shape::TagResourceResponse>> tag_resource(Api& api, Call&,
                                                      shape::TagResourceRequest input) {
  CO_TRY(std::optional<FunctionName> name, tagged(api, input.resource));
  if (!name) co_return unsupported("Tagging event source mappings");
  CO_TRY_VOID(co_await api.logic.change_tags(*name, {std::move(input.tags), {}}));
  co_return shape::TagResourceResponse{};
}

Task<Result<shape::UntagResourceResponse>> untag_resource(Api& api, Call&,
                                                          shape::UntagResourceRequest input) {
  CO_TRY(std::optional<FunctionName> name, tagged(api, input.resource));
  if (!name) co_return unsupported("Tagging event source mappings");
  CO_TRY_VOID(co_await api.logic.change_tags(*name, {{}, std::move(input.tag_keys)}));
  co_return shape::UntagResourceResponse{};
}

Task<Result<shape::GetAccountSettingsResponse>> get_account(Api& api, Call&,
                                                            shape::GetAccountSettingsRequest) {
  CO_TRY(AccountView account, co_await api.logic.account());
  shape::GetAccountSettingsResponse output;
  output.account_limit.emplace();
  output.account_limit->concurrent_executions = static_cast<int32_t>(account.concurrency);
  output.account_limit->unreserved_concurrent_executions =
      static_cast<int32_t>(account.unreserved_concurrency);
  output.account_limit->code_size_unzipped = static_cast<int64_t>(kUnzippedBytesMax);
  output.account_limit->code_size_zipped = static_cast<int64_t>(kZipDirectBytesMax);
  output.account_usage.emplace();
  output.account_usage->function_count = static_cast<int64_t>(account.functions);
  output.account_usage->total_code_size = static_cast<int64_t>(account.code_bytes);
  co_return output;
}

}  // namespace

shape::FunctionConfiguration configuration_of(const View& view) {
  const Settings& settings = view.settings;
  shape::FunctionConfiguration output;
  output.function_name = view.name;
  output.function_arn = view.arn;
  output.runtime = settings.runtime;
  output.role = settings.role;
  output.handler = settings.handler;
  output.code_size = static_cast<int64_t>(settings.code_size_bytes);
  output.description = settings.description;
  output.timeout = static_cast<int32_t>(settings.timeout_s);
  output.memory_size = static_cast<int32_t>(settings.memory_mb);
  // "2026-01-02T03:04:05.678+0000": the one time of AWS's with this zone.
  std::string modified = format_iso8601(settings.last_modified);
  modified.pop_back();
  output.last_modified = modified + "+0000";
  output.code_sha256 = base64_encode(hex_decode(settings.code_sha256).value_or(""));
  output.version = settings.version;
  if (!settings.dead_letter_arn.empty()) {
    output.dead_letter_config = shape::DeadLetterConfig{settings.dead_letter_arn};
  }
  if (!settings.environment.empty()) {
    output.environment.emplace();
    output.environment->variables = settings.environment;
  }
  output.tracing_config = shape::TracingConfigResponse{settings.tracing_mode};
  output.revision_id = settings.revision_id;
  output.state = "Active";
  output.last_update_status = "Successful";
  output.package_type = "Zip";
  output.architectures = {std::string(host_architecture())};
  output.ephemeral_storage.emplace();
  output.ephemeral_storage->size = static_cast<int32_t>(settings.ephemeral_mb);
  output.snap_start.emplace();
  output.snap_start->apply_on = "None";
  output.snap_start->optimization_status = "Off";
  output.logging_config.emplace();
  output.logging_config->log_format = "Text";
  output.logging_config->log_group =
      settings.log_group.empty() ? "/aws/lambda/" + view.name : settings.log_group;
  return output;
}

void add_function_operations(shapes::Registry& registry, Api& api) {
  namespace op = shape::op;
  add_operation<op::CreateFunction>(registry, api, create_function);
  add_operation<op::UpdateFunctionCode>(registry, api, update_code);
  add_operation<op::UpdateFunctionConfiguration>(registry, api, update_configuration);
  add_operation<op::GetFunction>(registry, api, get_function);
  add_operation<op::GetFunctionConfiguration>(registry, api, get_configuration);
  add_operation<op::DeleteFunction>(registry, api, delete_function);
  add_operation<op::ListFunctions>(registry, api, list_functions);
  add_operation<op::GetFunctionCodeSigningConfig>(registry, api, get_code_signing);
  add_operation<op::ListTags>(registry, api, list_tags);
  add_operation<op::TagResource>(registry, api, tag_resource);
  add_operation<op::UntagResource>(registry, api, untag_resource);
  add_operation<op::GetAccountSettings>(registry, api, get_account);
}

}  // namespace suiro::lambda
