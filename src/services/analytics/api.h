// SPDX-License-Identifier: Apache-2.0
// Between the shapes of both APIs and the logic. No rules; what only applications of Flink have is
// refused by name.
#pragma once

#include "services/analytics/discovery.h"
#include "services/analytics/logic.h"
#include "shapes/gen/kinesisanalytics.h"
#include "shapes/gen/kinesisanalyticsv2.h"
#include "shapes/registry.h"

namespace suiro::analytics {

// Amazon Kinesis Data Analytics API Reference, version 1 (KinesisAnalytics_20150814).
class ApiV1 {
 public:
  ApiV1(Logic& logic, Discovery& discovery) : logic_(logic), discovery_(discovery) {}
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;

  // A change of the configuration, answered with nothing.
  template <class Op>
  void add_change(shapes::Registry& registry, std::string_view name,
                  Result<Logic::Edit> (*edit_of)(const typename Op::Input&));
  void add_changes(shapes::Registry& registry);
  void add_tags(shapes::Registry& registry);
  Answer<shapes::kinesisanalytics::op::CreateApplication> create(
      shapes::kinesisanalytics::CreateApplicationRequest in);
  Answer<shapes::kinesisanalytics::op::DescribeApplication> describe(
      shapes::kinesisanalytics::DescribeApplicationRequest in);
  Answer<shapes::kinesisanalytics::op::ListApplications> list(
      shapes::kinesisanalytics::ListApplicationsRequest in);
  Answer<shapes::kinesisanalytics::op::StartApplication> start(
      shapes::kinesisanalytics::StartApplicationRequest in);
  Answer<shapes::kinesisanalytics::op::DiscoverInputSchema> discover(
      shapes::kinesisanalytics::DiscoverInputSchemaRequest in);
  shapes::kinesisanalytics::ApplicationSummary summary_of(const Application& application) const;

  Logic& logic_;
  Discovery& discovery_;
};

// Amazon Managed Service for Apache Flink API Reference, version 2 (KinesisAnalytics_20180523), for
// the runtime SQL-1_0.
class ApiV2 {
 public:
  ApiV2(Logic& logic, Discovery& discovery) : logic_(logic), discovery_(discovery) {}
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;
  template <class Op>
  using Describe = void (*)(typename Op::Output& out, const Changed& changed,
                            const typename Op::Input& in);

  template <class Op>
  void add_change(shapes::Registry& registry, std::string_view name,
                  Result<Logic::Edit> (*edit_of)(const typename Op::Input&), Describe<Op> describe);
  // An operation that AWS has for applications of Flink alone.
  template <class Op>
  void add_unsupported(shapes::Registry& registry, std::string_view name);
  void add_inputs(shapes::Registry& registry);
  void add_parts(shapes::Registry& registry);
  void add_runs(shapes::Registry& registry);
  void add_lists(shapes::Registry& registry);
  void add_unsupported_ones(shapes::Registry& registry);
  Answer<shapes::kinesisanalyticsv2::op::CreateApplication> create(
      shapes::kinesisanalyticsv2::CreateApplicationRequest in);
  Answer<shapes::kinesisanalyticsv2::op::UpdateApplication> update(
      shapes::kinesisanalyticsv2::UpdateApplicationRequest in);
  Answer<shapes::kinesisanalyticsv2::op::ListApplications> list(
      shapes::kinesisanalyticsv2::ListApplicationsRequest in);
  Answer<shapes::kinesisanalyticsv2::op::StartApplication> start(
      shapes::kinesisanalyticsv2::StartApplicationRequest in);
  Answer<shapes::kinesisanalyticsv2::op::StopApplication> stop(
      shapes::kinesisanalyticsv2::StopApplicationRequest in);
  Answer<shapes::kinesisanalyticsv2::op::DiscoverInputSchema> discover(
      shapes::kinesisanalyticsv2::DiscoverInputSchemaRequest in);
  Answer<shapes::kinesisanalyticsv2::op::DescribeApplicationVersion> describe_version(
      shapes::kinesisanalyticsv2::DescribeApplicationVersionRequest in);
  Answer<shapes::kinesisanalyticsv2::op::ListApplicationVersions> list_versions(
      shapes::kinesisanalyticsv2::ListApplicationVersionsRequest in);
  Answer<shapes::kinesisanalyticsv2::op::DescribeApplicationOperation> describe_operation(
      shapes::kinesisanalyticsv2::DescribeApplicationOperationRequest in);
  Answer<shapes::kinesisanalyticsv2::op::ListApplicationOperations> list_operations(
      shapes::kinesisanalyticsv2::ListApplicationOperationsRequest in);
  shapes::kinesisanalyticsv2::ApplicationDetail detail_of(const Application& application) const;

  Logic& logic_;
  Discovery& discovery_;
};

}  // namespace suiro::analytics
