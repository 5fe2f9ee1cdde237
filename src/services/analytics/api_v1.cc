// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/api.h"
#include "services/analytics/api_shared.h"
#include "services/analytics/convert.h"

namespace suiro::analytics {

namespace shape = shapes::kinesisanalytics;
namespace op = shapes::kinesisanalytics::op;

namespace {

constexpr int32_t kListDefault = 10;

Guard guard_of(int64_t version) {
  return {.version = static_cast<uint64_t>(version), .token = std::nullopt};
}

template <class Convert, class Part, class In>
Result<Logic::Edit> added(std::vector<Part> Configuration::* list, const In& in, Convert convert) {
  TRY(Part part, convert(in));
  return edit_add(list, std::move(part));
}

Result<Logic::Edit> edit_of_update(const shape::UpdateApplicationRequest& in) {
  return [update = in.application_update](Configuration& c, const Logic::NewId&) -> Result<void> {
    if (update.application_code_update) c.code = *update.application_code_update;
    TRY_VOID(apply_updates(c, update));
    return apply_logging_updates(c, update.cloud_watch_logging_option_updates);
  };
}

}  // namespace

shape::ApplicationSummary ApiV1::summary_of(const Application& application) const {
  shape::ApplicationSummary out;
  out.application_name = application.name;
  out.application_arn = logic_.arn_of(application.name);
  out.application_status = name_of(application.status);
  return out;
}

template <class Op>
void ApiV1::add_change(shapes::Registry& registry, std::string_view name,
                       Result<Logic::Edit> (*edit_of)(const typename Op::Input&)) {
  registry.add<Op>([this, operation = std::string(name), edit_of](
                       shapes::Call&, typename Op::Input in) -> Answer<Op> {
    CO_TRY(Logic::Edit edit, edit_of(in));
    CO_TRY_VOID(co_await logic_.change(in.application_name,
                                       guard_of(in.current_application_version_id), operation,
                                       std::move(edit)));
    co_return typename Op::Output{};
  });
}

void ApiV1::add_operations(shapes::Registry& registry) {
  registry.add<op::CreateApplication>(
      [this](shapes::Call&, shape::CreateApplicationRequest in) { return create(std::move(in)); });
  registry.add<op::DescribeApplication>(
      [this](shapes::Call&, shape::DescribeApplicationRequest in) {
        return describe(std::move(in));
      });
  registry.add<op::ListApplications>(
      [this](shapes::Call&, shape::ListApplicationsRequest in) { return list(std::move(in)); });
  registry.add<op::StartApplication>(
      [this](shapes::Call&, shape::StartApplicationRequest in) { return start(std::move(in)); });
  registry.add<op::StopApplication>(
      [this](shapes::Call&, shape::StopApplicationRequest in) -> Answer<op::StopApplication> {
        CO_TRY_VOID(co_await logic_.stop_application(std::move(in.application_name)));
        co_return shape::StopApplicationResponse{};
      });
  registry.add<op::DeleteApplication>(
      [this](shapes::Call&, shape::DeleteApplicationRequest in) -> Answer<op::DeleteApplication> {
        CO_TRY_VOID(co_await logic_.remove(std::move(in.application_name), in.create_timestamp));
        co_return shape::DeleteApplicationResponse{};
      });
  registry.add<op::DiscoverInputSchema>(
      [this](shapes::Call&, shape::DiscoverInputSchemaRequest in) {
        return discover(std::move(in));
      });
  add_changes(registry);
  add_tags(registry);
}

void ApiV1::add_changes(shapes::Registry& registry) {
  add_change<op::UpdateApplication>(registry, "UpdateApplication", edit_of_update);
  add_change<op::AddApplicationInput>(
      registry, "AddApplicationInput", [](const shape::AddApplicationInputRequest& in) {
        return added(&Configuration::inputs, in.input, to_input<shape::Input>);
      });
  add_change<op::AddApplicationInputProcessingConfiguration>(
      registry, "AddApplicationInputProcessingConfiguration",
      [](const shape::AddApplicationInputProcessingConfigurationRequest& in) {
        return Result<Logic::Edit>(
            edit_processor(in.input_id, to_processor(in.input_processing_configuration)));
      });
  add_change<op::DeleteApplicationInputProcessingConfiguration>(
      registry, "DeleteApplicationInputProcessingConfiguration",
      [](const shape::DeleteApplicationInputProcessingConfigurationRequest& in) {
        return Result<Logic::Edit>(edit_processor(in.input_id, std::nullopt));
      });
  add_change<op::AddApplicationOutput>(
      registry, "AddApplicationOutput", [](const shape::AddApplicationOutputRequest& in) {
        return added(&Configuration::outputs, in.output, to_output<shape::Output>);
      });
  add_change<op::DeleteApplicationOutput>(
      registry, "DeleteApplicationOutput", [](const shape::DeleteApplicationOutputRequest& in) {
        return Result<Logic::Edit>(edit_remove(&Configuration::outputs, in.output_id));
      });
  add_change<op::AddApplicationReferenceDataSource>(
      registry, "AddApplicationReferenceDataSource",
      [](const shape::AddApplicationReferenceDataSourceRequest& in) {
        return added(&Configuration::references, in.reference_data_source,
                     to_reference<shape::ReferenceDataSource>);
      });
  add_change<op::DeleteApplicationReferenceDataSource>(
      registry, "DeleteApplicationReferenceDataSource",
      [](const shape::DeleteApplicationReferenceDataSourceRequest& in) {
        return Result<Logic::Edit>(edit_remove(&Configuration::references, in.reference_id));
      });
  add_change<op::AddApplicationCloudWatchLoggingOption>(
      registry, "AddApplicationCloudWatchLoggingOption",
      [](const shape::AddApplicationCloudWatchLoggingOptionRequest& in) {
        return Result<Logic::Edit>(
            edit_add(&Configuration::logging, to_logging(in.cloud_watch_logging_option)));
      });
  add_change<op::DeleteApplicationCloudWatchLoggingOption>(
      registry, "DeleteApplicationCloudWatchLoggingOption",
      [](const shape::DeleteApplicationCloudWatchLoggingOptionRequest& in) {
        return Result<Logic::Edit>(
            edit_remove(&Configuration::logging, in.cloud_watch_logging_option_id));
      });
}

void ApiV1::add_tags(shapes::Registry& registry) {
  add_tag_operations<op::TagResource, op::UntagResource, op::ListTagsForResource>(registry, logic_);
}

ApiV1::Answer<op::CreateApplication> ApiV1::create(shape::CreateApplicationRequest in) {
  Definition definition{.name = std::move(in.application_name),
                        .description = in.application_description.value_or("")};
  Configuration& c = definition.configuration;
  c.code = in.application_code.value_or("");
  CO_TRY_VOID(add_all(in.inputs, c.inputs, to_input<shape::Input>));
  CO_TRY_VOID(add_all(in.outputs, c.outputs, to_output<shape::Output>));
  CO_TRY_VOID(add_all(in.cloud_watch_logging_options, c.logging, [](const auto& option) {
    return Result<LoggingOption>(to_logging(option));
  }));
  if (in.tags) definition.tags = to_tags(*in.tags);
  CO_TRY(Application application, co_await logic_.create(std::move(definition)));
  shape::CreateApplicationResponse out;
  out.application_summary = summary_of(application);
  co_return out;
}

ApiV1::Answer<op::DescribeApplication> ApiV1::describe(shape::DescribeApplicationRequest in) {
  CO_TRY(Application application, co_await logic_.describe(std::move(in.application_name)));
  const Configuration& c = application.configuration;
  shape::DescribeApplicationResponse out;
  shape::ApplicationDetail& detail = out.application_detail;
  detail.application_name = application.name;
  set(detail.application_description, application.description);
  detail.application_arn = logic_.arn_of(application.name);
  detail.application_status = name_of(application.status);
  detail.create_timestamp = application.created;
  detail.last_update_timestamp = application.last_update;
  describe_parts(detail, c);
  describe_all(detail.cloud_watch_logging_option_descriptions, c.logging,
               describe_logging<shape::CloudWatchLoggingOptionDescription>);
  set(detail.application_code, c.code);
  detail.application_version_id = static_cast<int64_t>(application.version);
  co_return out;
}

ApiV1::Answer<op::ListApplications> ApiV1::list(shape::ListApplicationsRequest in) {
  CO_TRY(auto listing, co_await logic_.list(in.exclusive_start_application_name.value_or(""),
                                            static_cast<size_t>(in.limit.value_or(kListDefault))));
  shape::ListApplicationsResponse out;
  for (const Application& row : listing.rows) out.application_summaries.push_back(summary_of(row));
  out.has_more_applications = listing.more;
  co_return out;
}

ApiV1::Answer<op::StartApplication> ApiV1::start(shape::StartApplicationRequest in) {
  Logic::Positions positions;
  for (const auto& input : in.input_configurations) {
    positions[input.id] =
        start_named(input.input_starting_position_configuration.input_starting_position);
  }
  CO_TRY_VOID(co_await logic_.start_application(std::move(in.application_name), positions));
  co_return shape::StartApplicationResponse{};
}

ApiV1::Answer<op::DiscoverInputSchema> ApiV1::discover(shape::DiscoverInputSchemaRequest in) {
  return discover_schema<op::DiscoverInputSchema, shape::SourceSchema>(discovery_, std::move(in));
}

}  // namespace suiro::analytics
