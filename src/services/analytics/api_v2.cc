// SPDX-License-Identifier: Apache-2.0
// Applications of version 2: create, update, describe, list, start, stop, discover. The changes of
// parts are in api_v2_parts.cc.
#include "services/analytics/api.h"
#include "services/analytics/api_shared.h"
#include "services/analytics/convert.h"

namespace suiro::analytics {

namespace shape = shapes::kinesisanalyticsv2;
namespace op = shapes::kinesisanalyticsv2::op;

namespace {

constexpr int32_t kListDefault = 50;
constexpr std::string_view kRuntime = "SQL-1_0";

std::unexpected<Error> flink_only(std::string_view member) {
  return unsupported(
      fmt::format("{} belongs to applications of Apache Flink; Suiro runs SQL-1_0", member));
}

Result<void> refuse_flink(const shape::ApplicationConfiguration& in) {
  if (in.flink_application_configuration) return flink_only("FlinkApplicationConfiguration");
  if (in.environment_properties) return flink_only("EnvironmentProperties");
  if (in.application_snapshot_configuration) return flink_only("ApplicationSnapshotConfiguration");
  if (in.application_system_rollback_configuration) {
    return flink_only("ApplicationSystemRollbackConfiguration");
  }
  if (in.vpc_configurations) return flink_only("VpcConfigurations");
  if (in.zeppelin_application_configuration) return flink_only("ZeppelinApplicationConfiguration");
  if (in.application_encryption_configuration) {
    return flink_only("ApplicationEncryptionConfiguration");
  }
  return ok();
}

Result<void> refuse_flink(const shape::ApplicationConfigurationUpdate& in) {
  if (in.flink_application_configuration_update) {
    return flink_only("FlinkApplicationConfigurationUpdate");
  }
  if (in.environment_property_updates) return flink_only("EnvironmentPropertyUpdates");
  if (in.application_snapshot_configuration_update) {
    return flink_only("ApplicationSnapshotConfigurationUpdate");
  }
  if (in.application_system_rollback_configuration_update) {
    return flink_only("ApplicationSystemRollbackConfigurationUpdate");
  }
  if (in.vpc_configuration_updates) return flink_only("VpcConfigurationUpdates");
  if (in.zeppelin_application_configuration_update) {
    return flink_only("ZeppelinApplicationConfigurationUpdate");
  }
  if (in.application_encryption_configuration_update) {
    return flink_only("ApplicationEncryptionConfigurationUpdate");
  }
  return ok();
}

Result<std::string> code_of(const shape::ApplicationCodeConfiguration& in) {
  if (in.code_content_type != "PLAINTEXT") {
    return invalid("The code of a SQL-1_0 application is PLAINTEXT");
  }
  if (!in.code_content) return std::string();
  if (in.code_content->zip_file_content) return flink_only("ZipFileContent");
  if (in.code_content->s3_content_location) return flink_only("S3ContentLocation");
  return in.code_content->text_content.value_or("");
}

Result<void> add_configuration(Configuration& c, const shape::ApplicationConfiguration& in) {
  TRY_VOID(refuse_flink(in));
  if (in.application_code_configuration) {
    TRY(c.code, code_of(*in.application_code_configuration));
  }
  if (!in.sql_application_configuration) return ok();
  const auto& sql = *in.sql_application_configuration;
  TRY_VOID(add_all(sql.inputs, c.inputs, to_input<shape::Input>));
  TRY_VOID(add_all(sql.outputs, c.outputs, to_output<shape::Output>));
  return add_all(sql.reference_data_sources, c.references,
                 to_reference<shape::ReferenceDataSource>);
}

Result<void> apply_update(Configuration& c, const shape::ApplicationConfigurationUpdate& update) {
  if (update.sql_application_configuration_update) {
    TRY_VOID(apply_updates(c, *update.sql_application_configuration_update));
  }
  const auto& code = update.application_code_configuration_update;
  if (!code) return ok();
  if (code->code_content_type_update.value_or("PLAINTEXT") != "PLAINTEXT") {
    return invalid("The code of a SQL-1_0 application is PLAINTEXT");
  }
  if (!code->code_content_update) return ok();
  const auto& content = *code->code_content_update;
  if (content.zip_file_content_update) return flink_only("ZipFileContentUpdate");
  if (content.s3_content_location_update) return flink_only("S3ContentLocationUpdate");
  if (content.text_content_update) c.code = *content.text_content_update;
  return ok();
}

}  // namespace

shape::ApplicationDetail ApiV2::detail_of(const Application& application) const {
  const Configuration& c = application.configuration;
  shape::ApplicationDetail out;
  out.application_arn = logic_.arn_of(application.name);
  set(out.application_description, application.description);
  out.application_name = application.name;
  out.runtime_environment = kRuntime;
  set(out.service_execution_role, c.role);
  out.application_status = name_of(application.status);
  out.application_version_id = static_cast<int64_t>(application.version);
  out.create_timestamp = application.created;
  out.last_update_timestamp = application.last_update;
  auto& configuration = out.application_configuration_description.emplace();
  describe_parts(configuration.sql_application_configuration_description.emplace(), c);
  auto& code = configuration.application_code_configuration_description.emplace();
  code.code_content_type = "PLAINTEXT";
  code.code_content_description.emplace().text_content = c.code;
  describe_all(out.cloud_watch_logging_option_descriptions, c.logging,
               describe_logging<shape::CloudWatchLoggingOptionDescription>);
  if (application.updated_from != 0) {
    out.application_version_updated_from = static_cast<int64_t>(application.updated_from);
  }
  out.application_version_create_timestamp = application.version_created;
  set(out.conditional_token, application.conditional_token);
  out.application_mode = "STREAMING";
  return out;
}

void ApiV2::add_operations(shapes::Registry& registry) {
  registry.add<op::CreateApplication>(
      [this](shapes::Call&, shape::CreateApplicationRequest in) { return create(std::move(in)); });
  registry.add<op::UpdateApplication>(
      [this](shapes::Call&, shape::UpdateApplicationRequest in) { return update(std::move(in)); });
  registry.add<op::DescribeApplication>(
      [this](shapes::Call&,
             shape::DescribeApplicationRequest in) -> Answer<op::DescribeApplication> {
        CO_TRY(Application application, co_await logic_.describe(std::move(in.application_name)));
        shape::DescribeApplicationResponse out;
        out.application_detail = detail_of(application);
        co_return out;
      });
  registry.add<op::DeleteApplication>(
      [this](shapes::Call&, shape::DeleteApplicationRequest in) -> Answer<op::DeleteApplication> {
        CO_TRY_VOID(co_await logic_.remove(std::move(in.application_name), in.create_timestamp));
        co_return shape::DeleteApplicationResponse{};
      });
  add_inputs(registry);
  add_parts(registry);
  add_runs(registry);
  add_lists(registry);
  add_unsupported_ones(registry);
}

void ApiV2::add_runs(shapes::Registry& registry) {
  registry.add<op::StartApplication>(
      [this](shapes::Call&, shape::StartApplicationRequest in) { return start(std::move(in)); });
  registry.add<op::StopApplication>(
      [this](shapes::Call&, shape::StopApplicationRequest in) { return stop(std::move(in)); });
  registry.add<op::DiscoverInputSchema>(
      [this](shapes::Call&, shape::DiscoverInputSchemaRequest in) {
        return discover(std::move(in));
      });
}

ApiV2::Answer<op::CreateApplication> ApiV2::create(shape::CreateApplicationRequest in) {
  if (in.runtime_environment != kRuntime) {
    co_return unsupported(
        fmt::format("Suiro runs applications of {}, not of {}", kRuntime, in.runtime_environment));
  }
  if (in.application_mode.value_or("STREAMING") != "STREAMING") {
    co_return flink_only("ApplicationMode INTERACTIVE");
  }
  Definition definition{.name = std::move(in.application_name),
                        .description = in.application_description.value_or("")};
  Configuration& c = definition.configuration;
  c.role = std::move(in.service_execution_role);
  if (in.application_configuration) {
    CO_TRY_VOID(add_configuration(c, *in.application_configuration));
  }
  CO_TRY_VOID(add_all(in.cloud_watch_logging_options, c.logging, [](const auto& option) {
    return Result<LoggingOption>(to_logging(option));
  }));
  if (in.tags) definition.tags = to_tags(*in.tags);
  CO_TRY(Application application, co_await logic_.create(std::move(definition)));
  shape::CreateApplicationResponse out;
  out.application_detail = detail_of(application);
  co_return out;
}

ApiV2::Answer<op::UpdateApplication> ApiV2::update(shape::UpdateApplicationRequest in) {
  if (in.runtime_environment_update.value_or(std::string(kRuntime)) != kRuntime) {
    co_return unsupported("The runtime environment of an application cannot be changed");
  }
  if (in.run_configuration_update) co_return flink_only("RunConfigurationUpdate");
  if (in.application_configuration_update) {
    CO_TRY_VOID(refuse_flink(*in.application_configuration_update));
  }
  Guard guard;
  if (in.current_application_version_id) {
    guard.version = static_cast<uint64_t>(*in.current_application_version_id);
  }
  guard.token = in.conditional_token;
  std::string name = in.application_name;
  auto edit = [in = std::move(in)](Configuration& c, const Logic::NewId&) -> Result<void> {
    if (in.service_execution_role_update) c.role = *in.service_execution_role_update;
    if (in.application_configuration_update) {
      TRY_VOID(apply_update(c, *in.application_configuration_update));
    }
    return apply_logging_updates(c, in.cloud_watch_logging_option_updates);
  };
  CO_TRY(Changed changed, co_await logic_.change(std::move(name), std::move(guard),
                                                 "UpdateApplication", std::move(edit)));
  shape::UpdateApplicationResponse out;
  out.application_detail = detail_of(changed.application);
  out.operation_id = std::move(changed.operation_id);
  co_return out;
}

ApiV2::Answer<op::ListApplications> ApiV2::list(shape::ListApplicationsRequest in) {
  CO_TRY(auto listing, co_await logic_.list(in.next_token.value_or(""),
                                            static_cast<size_t>(in.limit.value_or(kListDefault))));
  shape::ListApplicationsResponse out;
  for (const Application& row : listing.rows) {
    shape::ApplicationSummary summary;
    summary.application_name = row.name;
    summary.application_arn = logic_.arn_of(row.name);
    summary.application_status = name_of(row.status);
    summary.application_version_id = static_cast<int64_t>(row.version);
    summary.runtime_environment = kRuntime;
    summary.application_mode = "STREAMING";
    out.application_summaries.push_back(std::move(summary));
  }
  if (listing.more) out.next_token = listing.rows.back().name;
  co_return out;
}

ApiV2::Answer<op::StartApplication> ApiV2::start(shape::StartApplicationRequest in) {
  Logic::Positions positions;
  if (in.run_configuration) {
    const auto& run = *in.run_configuration;
    if (run.flink_run_configuration) co_return flink_only("FlinkRunConfiguration");
    if (run.application_restore_configuration) {
      co_return flink_only("ApplicationRestoreConfiguration");
    }
    if (run.sql_run_configurations) {
      for (const auto& input : *run.sql_run_configurations) {
        positions[input.input_id] =
            start_named(input.input_starting_position_configuration.input_starting_position);
      }
    }
  }
  CO_TRY(Changed changed,
         co_await logic_.start_application(std::move(in.application_name), positions));
  shape::StartApplicationResponse out;
  out.operation_id = std::move(changed.operation_id);
  co_return out;
}

ApiV2::Answer<op::StopApplication> ApiV2::stop(shape::StopApplicationRequest in) {
  if (in.force.value_or(false)) {
    co_return invalid("A SQL-1_0 application cannot be stopped by force");
  }
  CO_TRY(Changed changed, co_await logic_.stop_application(std::move(in.application_name)));
  shape::StopApplicationResponse out;
  out.operation_id = std::move(changed.operation_id);
  co_return out;
}

ApiV2::Answer<op::DiscoverInputSchema> ApiV2::discover(shape::DiscoverInputSchemaRequest in) {
  return discover_schema<op::DiscoverInputSchema, shape::SourceSchema>(discovery_, std::move(in));
}

}  // namespace suiro::analytics
