// SPDX-License-Identifier: Apache-2.0
// Between the shapes of CloudWatch Logs and its logic: names out of ARNs, tokens, defaults. No
// rules.
#pragma once

#include "services/logs/api_names.h"
#include "services/logs/insights.h"
#include "services/logs/logic.h"
#include "shapes/gen/logs.h"
#include "shapes/registry.h"

namespace suiro::logs {

class Api {
 public:
  Api(event::Kernel& kernel, Logic& logic, Insights& insights)
      : kernel_(kernel), logic_(logic), insights_(insights) {}
  void add_operations(shapes::Registry& registry);

 private:
  template <class Op>
  using Handler = Task<Result<typename Op::Output>> (Api::*)(typename Op::Input);
  template <class Op>
  void add(shapes::Registry& registry, Handler<Op> handler) {
    registry.add<Op>([this, handler](shapes::Call&, typename Op::Input in) {
      return (this->*handler)(std::move(in));
    });
  }

  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;

  Answer<shapes::logs::op::CreateLogGroup> create_group(shapes::logs::CreateLogGroupRequest in);
  Answer<shapes::logs::op::DeleteLogGroup> delete_group(shapes::logs::DeleteLogGroupRequest in);
  Answer<shapes::logs::op::DescribeLogGroups> describe_groups(
      shapes::logs::DescribeLogGroupsRequest in);
  Answer<shapes::logs::op::CreateLogStream> create_stream(shapes::logs::CreateLogStreamRequest in);
  Answer<shapes::logs::op::DeleteLogStream> delete_stream(shapes::logs::DeleteLogStreamRequest in);
  Answer<shapes::logs::op::DescribeLogStreams> describe_streams(
      shapes::logs::DescribeLogStreamsRequest in);
  Answer<shapes::logs::op::PutLogEvents> put_events(shapes::logs::PutLogEventsRequest in);
  Answer<shapes::logs::op::GetLogEvents> get_events(shapes::logs::GetLogEventsRequest in);
  Answer<shapes::logs::op::FilterLogEvents> filter_events(shapes::logs::FilterLogEventsRequest in);
  Answer<shapes::logs::op::PutRetentionPolicy> put_retention(
      shapes::logs::PutRetentionPolicyRequest in);
  Answer<shapes::logs::op::DeleteRetentionPolicy> delete_retention(
      shapes::logs::DeleteRetentionPolicyRequest in);
  Answer<shapes::logs::op::TagResource> tag_resource(shapes::logs::TagResourceRequest in);
  Answer<shapes::logs::op::UntagResource> untag_resource(shapes::logs::UntagResourceRequest in);
  Answer<shapes::logs::op::ListTagsForResource> list_tags(
      shapes::logs::ListTagsForResourceRequest in);
  Answer<shapes::logs::op::TagLogGroup> tag_group(shapes::logs::TagLogGroupRequest in);
  Answer<shapes::logs::op::UntagLogGroup> untag_group(shapes::logs::UntagLogGroupRequest in);
  Answer<shapes::logs::op::ListTagsLogGroup> list_group_tags(
      shapes::logs::ListTagsLogGroupRequest in);

  Answer<shapes::logs::op::PutSubscriptionFilter> put_subscription(
      shapes::logs::PutSubscriptionFilterRequest in);
  Answer<shapes::logs::op::DeleteSubscriptionFilter> delete_subscription(
      shapes::logs::DeleteSubscriptionFilterRequest in);
  Answer<shapes::logs::op::DescribeSubscriptionFilters> describe_subscriptions(
      shapes::logs::DescribeSubscriptionFiltersRequest in);
  Answer<shapes::logs::op::CreateExportTask> create_export(
      shapes::logs::CreateExportTaskRequest in);
  Answer<shapes::logs::op::CancelExportTask> cancel_export(
      shapes::logs::CancelExportTaskRequest in);
  Answer<shapes::logs::op::DescribeExportTasks> describe_exports(
      shapes::logs::DescribeExportTasksRequest in);
  void add_reader_operations(shapes::Registry& registry);

  Answer<shapes::logs::op::StartQuery> start_query(shapes::logs::StartQueryRequest in);
  Answer<shapes::logs::op::GetQueryResults> query_results(shapes::logs::GetQueryResultsRequest in);
  Answer<shapes::logs::op::StopQuery> stop_query(shapes::logs::StopQueryRequest in);
  Answer<shapes::logs::op::DescribeQueries> describe_queries(
      shapes::logs::DescribeQueriesRequest in);
  Answer<shapes::logs::op::GetLogRecord> get_record(shapes::logs::GetLogRecordRequest in);
  void add_query_operations(shapes::Registry& registry);

  std::string group_arn(std::string_view name) const;
  shapes::logs::LogGroup shape_of(const Logic::DescribedGroup& group) const;
  shapes::logs::LogStream shape_of(const std::string& group, const Found<Stream>& stream) const;

  Home home() const { return {kernel_.region, kernel_.account}; }

  event::Kernel& kernel_;
  Logic& logic_;
  Insights& insights_;
};

}  // namespace suiro::logs
