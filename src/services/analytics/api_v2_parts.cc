// SPDX-License-Identifier: Apache-2.0
// Version 2: inputs, outputs, references, logging options; versions and operations; tags; and what
// AWS has for applications of Flink alone.
#include "services/analytics/api.h"
#include "services/analytics/api_shared.h"
#include "services/analytics/convert.h"

namespace suiro::analytics {

namespace shape = shapes::kinesisanalyticsv2;
namespace op = shapes::kinesisanalyticsv2::op;

namespace {

constexpr int32_t kRowsDefault = 50;

template <class In>
Guard guard_of(const In& in) {
  Guard guard;
  if constexpr (requires { in.current_application_version_id.has_value(); }) {
    if (in.current_application_version_id) {
      guard.version = static_cast<uint64_t>(*in.current_application_version_id);
    }
  } else {
    guard.version = static_cast<uint64_t>(in.current_application_version_id);
  }
  if constexpr (requires { in.conditional_token; }) guard.token = in.conditional_token;
  return guard;
}

template <class Convert, class Part, class In>
Result<Logic::Edit> added(std::vector<Part> Configuration::* list, const In& in, Convert convert) {
  TRY(Part part, convert(in));
  return edit_add(list, std::move(part));
}

template <class Out, class In>
void describe_logging_options(Out& out, const Changed& changed, const In&) {
  out.operation_id = changed.operation_id;
  describe_all(out.cloud_watch_logging_option_descriptions,
               changed.application.configuration.logging,
               describe_logging<shape::CloudWatchLoggingOptionDescription>);
}

template <class Out, class In>
void describe_nothing(Out&, const Changed&, const In&) {}

// Tokens of versions and operations are the number of the last row.
Result<uint64_t> number_of(const std::optional<std::string>& token) {
  if (!token) return uint64_t{0};
  uint64_t number = 0;
  for (char c : *token) {
    if (c < '0' || c > '9' || number > kVersionMax) return invalid("NextToken is not valid");
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

}  // namespace

template <class Op>
void ApiV2::add_change(shapes::Registry& registry, std::string_view name,
                       Result<Logic::Edit> (*edit_of)(const typename Op::Input&),
                       Describe<Op> describe) {
  registry.add<Op>([this, operation = std::string(name), edit_of, describe](
                       shapes::Call&, typename Op::Input in) -> Answer<Op> {
    CO_TRY(Logic::Edit edit, edit_of(in));
    CO_TRY(Changed changed,
           co_await logic_.change(in.application_name, guard_of(in), operation, std::move(edit)));
    typename Op::Output out;
    out.application_arn = logic_.arn_of(changed.application.name);
    out.application_version_id = static_cast<int64_t>(changed.application.version);
    describe(out, changed, in);
    co_return out;
  });
}

void ApiV2::add_inputs(shapes::Registry& registry) {
  add_change<op::AddApplicationInput>(
      registry, "AddApplicationInput",
      [](const shape::AddApplicationInputRequest& in) {
        return added(&Configuration::inputs, in.input, to_input<shape::Input>);
      },
      [](shape::AddApplicationInputResponse& out, const Changed& changed, const auto&) {
        describe_all(out.input_descriptions, changed.application.configuration.inputs,
                     describe_input<shape::InputDescription>);
      });
  using AddProcessor = op::AddApplicationInputProcessingConfiguration;
  add_change<AddProcessor>(
      registry, "AddApplicationInputProcessingConfiguration",
      [](const AddProcessor::Input& in) {
        return Result<Logic::Edit>(
            edit_processor(in.input_id, to_processor(in.input_processing_configuration)));
      },
      [](AddProcessor::Output& out, const Changed&, const AddProcessor::Input& in) {
        out.input_id = in.input_id;
        auto& made = out.input_processing_configuration_description.emplace();
        describe_resource(made.input_lambda_processor_description,
                          to_processor(in.input_processing_configuration));
      });
  using DeleteProcessor = op::DeleteApplicationInputProcessingConfiguration;
  add_change<DeleteProcessor>(
      registry, "DeleteApplicationInputProcessingConfiguration",
      [](const DeleteProcessor::Input& in) {
        return Result<Logic::Edit>(edit_processor(in.input_id, std::nullopt));
      },
      describe_nothing<DeleteProcessor::Output, DeleteProcessor::Input>);
}

void ApiV2::add_parts(shapes::Registry& registry) {
  add_change<op::AddApplicationOutput>(
      registry, "AddApplicationOutput",
      [](const shape::AddApplicationOutputRequest& in) {
        return added(&Configuration::outputs, in.output, to_output<shape::Output>);
      },
      [](shape::AddApplicationOutputResponse& out, const Changed& changed, const auto&) {
        describe_all(out.output_descriptions, changed.application.configuration.outputs,
                     describe_output<shape::OutputDescription>);
      });
  using DeleteOutput = op::DeleteApplicationOutput;
  add_change<DeleteOutput>(
      registry, "DeleteApplicationOutput",
      [](const DeleteOutput::Input& in) {
        return Result<Logic::Edit>(edit_remove(&Configuration::outputs, in.output_id));
      },
      describe_nothing<DeleteOutput::Output, DeleteOutput::Input>);
  add_change<op::AddApplicationReferenceDataSource>(
      registry, "AddApplicationReferenceDataSource",
      [](const shape::AddApplicationReferenceDataSourceRequest& in) {
        return added(&Configuration::references, in.reference_data_source,
                     to_reference<shape::ReferenceDataSource>);
      },
      [](shape::AddApplicationReferenceDataSourceResponse& out, const Changed& changed,
         const auto&) {
        describe_all(out.reference_data_source_descriptions,
                     changed.application.configuration.references,
                     describe_reference<shape::ReferenceDataSourceDescription>);
      });
  using DeleteReference = op::DeleteApplicationReferenceDataSource;
  add_change<DeleteReference>(
      registry, "DeleteApplicationReferenceDataSource",
      [](const DeleteReference::Input& in) {
        return Result<Logic::Edit>(edit_remove(&Configuration::references, in.reference_id));
      },
      describe_nothing<DeleteReference::Output, DeleteReference::Input>);
  using AddLogging = op::AddApplicationCloudWatchLoggingOption;
  add_change<AddLogging>(
      registry, "AddApplicationCloudWatchLoggingOption",
      [](const AddLogging::Input& in) {
        return Result<Logic::Edit>(
            edit_add(&Configuration::logging, to_logging(in.cloud_watch_logging_option)));
      },
      describe_logging_options<AddLogging::Output, AddLogging::Input>);
  using DeleteLogging = op::DeleteApplicationCloudWatchLoggingOption;
  add_change<DeleteLogging>(
      registry, "DeleteApplicationCloudWatchLoggingOption",
      [](const DeleteLogging::Input& in) {
        return Result<Logic::Edit>(
            edit_remove(&Configuration::logging, in.cloud_watch_logging_option_id));
      },
      describe_logging_options<DeleteLogging::Output, DeleteLogging::Input>);
}

// --- Lists -------------------------------------------------------------------------------------

void ApiV2::add_lists(shapes::Registry& registry) {
  registry.add<op::ListApplications>(
      [this](shapes::Call&, shape::ListApplicationsRequest in) { return list(std::move(in)); });
  registry.add<op::DescribeApplicationVersion>(
      [this](shapes::Call&, shape::DescribeApplicationVersionRequest in) {
        return describe_version(std::move(in));
      });
  registry.add<op::ListApplicationVersions>(
      [this](shapes::Call&, shape::ListApplicationVersionsRequest in) {
        return list_versions(std::move(in));
      });
  registry.add<op::DescribeApplicationOperation>(
      [this](shapes::Call&, shape::DescribeApplicationOperationRequest in) {
        return describe_operation(std::move(in));
      });
  registry.add<op::ListApplicationOperations>(
      [this](shapes::Call&, shape::ListApplicationOperationsRequest in) {
        return list_operations(std::move(in));
      });
  add_tag_operations<op::TagResource, op::UntagResource, op::ListTagsForResource>(registry, logic_);
}

ApiV2::Answer<op::DescribeApplicationVersion> ApiV2::describe_version(
    shape::DescribeApplicationVersionRequest in) {
  CO_TRY(Application application, co_await logic_.describe(std::move(in.application_name)));
  auto number = static_cast<uint64_t>(in.application_version_id);
  CO_TRY(auto version, co_await logic_.version(application, number));
  if (!version) {
    co_return no_such(fmt::format("Application {}: version", logic_.arn_of(application.name)),
                      std::to_string(number));
  }
  if (version->version != application.version) application.status = Status::kReady;
  application.version = version->version;
  application.updated_from = version->updated_from;
  application.version_created = version->created;
  application.configuration = std::move(version->configuration);
  shape::DescribeApplicationVersionResponse out;
  out.application_version_detail = detail_of(application);
  co_return out;
}

ApiV2::Answer<op::ListApplicationVersions> ApiV2::list_versions(
    shape::ListApplicationVersionsRequest in) {
  CO_TRY(uint64_t before, number_of(in.next_token));
  CO_TRY(Application application, co_await logic_.describe(std::move(in.application_name)));
  auto rows_max = static_cast<size_t>(in.limit.value_or(kRowsDefault));
  CO_TRY(auto rows, co_await logic_.versions(application, before, rows_max));
  shape::ListApplicationVersionsResponse out;
  out.application_version_summaries.emplace();
  for (const VersionRecord& row : rows) {
    shape::ApplicationVersionSummary summary;
    summary.application_version_id = static_cast<int64_t>(row.version);
    bool is_current = row.version == application.version;
    summary.application_status = name_of(is_current ? application.status : Status::kReady);
    out.application_version_summaries->push_back(std::move(summary));
  }
  if (rows.size() == rows_max && rows.back().version > 1) {
    out.next_token = std::to_string(rows.back().version);
  }
  co_return out;
}

ApiV2::Answer<op::DescribeApplicationOperation> ApiV2::describe_operation(
    shape::DescribeApplicationOperationRequest in) {
  CO_TRY(Application application, co_await logic_.describe(std::move(in.application_name)));
  CO_TRY(auto rows, co_await logic_.operations(application));
  auto row = std::ranges::find(rows, in.operation_id, &Operation::id);
  if (row == rows.end()) co_return no_such("Operation", in.operation_id);
  shape::DescribeApplicationOperationResponse out;
  auto& info = out.application_operation_info_details.emplace();
  info.operation = row->kind;
  info.start_time = row->begun;
  info.end_time = row->ended;
  info.operation_status = name_of(row->outcome);
  if (row->to_version != 0) {
    auto& versions = info.application_version_change_details.emplace();
    versions.application_version_updated_from = static_cast<int64_t>(row->from_version);
    versions.application_version_updated_to = static_cast<int64_t>(row->to_version);
  }
  if (!row->failure.empty()) {
    info.operation_failure_details.emplace().error_info.emplace().error_string = row->failure;
  }
  co_return out;
}

ApiV2::Answer<op::ListApplicationOperations> ApiV2::list_operations(
    shape::ListApplicationOperationsRequest in) {
  CO_TRY(uint64_t skip, number_of(in.next_token));
  CO_TRY(Application application, co_await logic_.describe(std::move(in.application_name)));
  CO_TRY(auto rows, co_await logic_.operations(application));
  std::erase_if(rows, [&](const Operation& row) {
    return (in.operation && *in.operation != row.kind) ||
           (in.operation_status && *in.operation_status != name_of(row.outcome));
  });
  auto rows_max = static_cast<size_t>(in.limit.value_or(kRowsDefault));
  shape::ListApplicationOperationsResponse out;
  out.application_operation_info_list.emplace();
  for (size_t i = skip; i < rows.size(); ++i) {
    if (out.application_operation_info_list->size() == rows_max) {
      out.next_token = std::to_string(i);
      break;
    }
    shape::ApplicationOperationInfo info;
    info.operation = rows[i].kind;
    info.operation_id = rows[i].id;
    info.start_time = rows[i].begun;
    info.end_time = rows[i].ended;
    info.operation_status = name_of(rows[i].outcome);
    out.application_operation_info_list->push_back(std::move(info));
  }
  co_return out;
}

// --- Flink alone -------------------------------------------------------------------------------

template <class Op>
void ApiV2::add_unsupported(shapes::Registry& registry, std::string_view name) {
  registry.add<Op>(
      [this, operation = std::string(name)](shapes::Call&, typename Op::Input in) -> Answer<Op> {
        CO_TRY_VOID(co_await logic_.describe(std::move(in.application_name)));
        co_return unsupported(
            fmt::format("{} is not supported for applications of SQL-1_0", operation));
      });
}

void ApiV2::add_unsupported_ones(shapes::Registry& registry) {
  add_unsupported<op::AddApplicationVpcConfiguration>(registry, "AddApplicationVpcConfiguration");
  add_unsupported<op::DeleteApplicationVpcConfiguration>(registry,
                                                         "DeleteApplicationVpcConfiguration");
  add_unsupported<op::CreateApplicationPresignedUrl>(registry, "CreateApplicationPresignedUrl");
  add_unsupported<op::CreateApplicationSnapshot>(registry, "CreateApplicationSnapshot");
  add_unsupported<op::DeleteApplicationSnapshot>(registry, "DeleteApplicationSnapshot");
  add_unsupported<op::DescribeApplicationSnapshot>(registry, "DescribeApplicationSnapshot");
  add_unsupported<op::ListApplicationSnapshots>(registry, "ListApplicationSnapshots");
  add_unsupported<op::RollbackApplication>(registry, "RollbackApplication");
  add_unsupported<op::UpdateApplicationMaintenanceConfiguration>(
      registry, "UpdateApplicationMaintenanceConfiguration");
}

}  // namespace suiro::analytics
