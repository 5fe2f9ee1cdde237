// SPDX-License-Identifier: Apache-2.0
// Groups, streams, tags; events are in api_event.cc.
#include "services/logs/api.h"

#include <fmt/format.h>

#include "services/logs/api_names.h"
#include "services/logs/tokens.h"

namespace suiro::logs {

namespace shape = shapes::logs;
namespace op = shapes::logs::op;

namespace {

int64_t millis_of(TimePoint time) {
  return time.time_since_epoch().count();
}

std::unexpected<Error> not_supported(std::string_view what) {
  return fail(codes::kNotImplemented, fmt::format("{} is not supported by Suiro", what));
}

template <class Output>
Result<Output> empty_answer(Result<void> done) {
  TRY_VOID(std::move(done));
  return Output{};
}

}  // namespace

void Api::add_operations(shapes::Registry& registry) {
  add<op::CreateLogGroup>(registry, &Api::create_group);
  add<op::DeleteLogGroup>(registry, &Api::delete_group);
  add<op::DescribeLogGroups>(registry, &Api::describe_groups);
  add<op::CreateLogStream>(registry, &Api::create_stream);
  add<op::DeleteLogStream>(registry, &Api::delete_stream);
  add<op::DescribeLogStreams>(registry, &Api::describe_streams);
  add<op::PutLogEvents>(registry, &Api::put_events);
  add<op::GetLogEvents>(registry, &Api::get_events);
  add<op::FilterLogEvents>(registry, &Api::filter_events);
  add<op::PutRetentionPolicy>(registry, &Api::put_retention);
  add<op::DeleteRetentionPolicy>(registry, &Api::delete_retention);
  add<op::TagResource>(registry, &Api::tag_resource);
  add<op::UntagResource>(registry, &Api::untag_resource);
  add<op::ListTagsForResource>(registry, &Api::list_tags);
  add<op::TagLogGroup>(registry, &Api::tag_group);
  add<op::UntagLogGroup>(registry, &Api::untag_group);
  add<op::ListTagsLogGroup>(registry, &Api::list_group_tags);
  add_reader_operations(registry);
  add_query_operations(registry);
}

std::string Api::group_arn(std::string_view name) const {
  return fmt::format("arn:aws:logs:{}:{}:log-group:{}", kernel_.region, kernel_.account, name);
}

// --- Groups
// ----------------------------------------------------------------------------------------

Api::Answer<op::CreateLogGroup> Api::create_group(shape::CreateLogGroupRequest in) {
  if (in.kms_key_id) co_return not_supported("kmsKeyId");
  if (in.deletion_protection_enabled.value_or(false)) {
    co_return not_supported("deletionProtectionEnabled");
  }
  if (in.log_group_class.value_or("STANDARD") != "STANDARD") {
    co_return not_supported("A log group class other than STANDARD");
  }
  co_return empty_answer<shape::CreateLogGroupResponse>(co_await logic_.create_group(
      std::move(in.log_group_name), std::move(in.tags).value_or(decltype(in.tags)::value_type())));
}

Api::Answer<op::DeleteLogGroup> Api::delete_group(shape::DeleteLogGroupRequest in) {
  co_return empty_answer<shape::DeleteLogGroupResponse>(
      co_await logic_.delete_group(std::move(in.log_group_name)));
}

shape::LogGroup Api::shape_of(const Logic::DescribedGroup& row) const {
  const Group& group = row.group.record;
  shape::LogGroup out;
  out.log_group_name = row.group.name;
  out.creation_time = millis_of(group.created);
  if (group.retention_days != 0) out.retention_in_days = group.retention_days;
  out.metric_filter_count = 0;
  out.arn = group_arn(row.group.name) + ":*";
  out.stored_bytes = static_cast<int64_t>(row.stored_bytes);
  out.log_group_class = "STANDARD";
  out.log_group_arn = group_arn(row.group.name);
  out.deletion_protection_enabled = false;
  return out;
}

Api::Answer<op::DescribeLogGroups> Api::describe_groups(shape::DescribeLogGroupsRequest in) {
  if (in.log_group_name_prefix && in.log_group_name_pattern) {
    co_return invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive.");
  }
  // "The only other filter that you can choose to specify is includeLinkedAccounts."
  if (in.log_group_identifiers && (in.log_group_name_prefix || in.log_group_name_pattern)) {
    co_return invalid("logGroupIdentifiers cannot be given together with a prefix or a pattern.");
  }
  if (in.include_linked_accounts.value_or(false)) co_return not_supported("includeLinkedAccounts");
  Logic::GroupQuery query{.prefix = in.log_group_name_prefix.value_or(""),
                          .pattern = in.log_group_name_pattern.value_or(""),
                          .rows_max = static_cast<size_t>(in.limit.value_or(50))};
  for (const auto& id : in.log_group_identifiers.value_or(std::vector<std::string>())) {
    CO_TRY(std::string name, group_name_of(home(), id));
    query.names.push_back(std::move(name));
  }
  if (in.next_token) {
    CO_TRY(query.after, parse_name_token(*in.next_token));
  }
  bool has_none = in.log_group_class.value_or("STANDARD") != "STANDARD";
  for (const auto& account : in.account_identifiers.value_or(std::vector<std::string>())) {
    has_none = has_none || account != kernel_.account;
  }
  shape::DescribeLogGroupsResponse out;
  out.log_groups.emplace();
  if (has_none) co_return out;
  CO_TRY(auto answer, co_await logic_.describe_groups(std::move(query)));
  for (const auto& row : answer.rows) out.log_groups->push_back(shape_of(row));
  if (answer.more) out.next_token = name_token(answer.rows.back().group.name);
  co_return out;
}

Api::Answer<op::PutRetentionPolicy> Api::put_retention(shape::PutRetentionPolicyRequest in) {
  co_return empty_answer<shape::PutRetentionPolicyResponse>(
      co_await logic_.set_retention(std::move(in.log_group_name), in.retention_in_days));
}

Api::Answer<op::DeleteRetentionPolicy> Api::delete_retention(
    shape::DeleteRetentionPolicyRequest in) {
  co_return empty_answer<shape::DeleteRetentionPolicyResponse>(
      co_await logic_.set_retention(std::move(in.log_group_name), std::nullopt));
}

// --- Streams
// ---------------------------------------------------------------------------------------

Api::Answer<op::CreateLogStream> Api::create_stream(shape::CreateLogStreamRequest in) {
  co_return empty_answer<shape::CreateLogStreamResponse>(
      co_await logic_.create_stream(std::move(in.log_group_name), std::move(in.log_stream_name)));
}

Api::Answer<op::DeleteLogStream> Api::delete_stream(shape::DeleteLogStreamRequest in) {
  co_return empty_answer<shape::DeleteLogStreamResponse>(
      co_await logic_.delete_stream(std::move(in.log_group_name), std::move(in.log_stream_name)));
}

shape::LogStream Api::shape_of(const std::string& group, const Found<Stream>& row) const {
  const Stream& stream = row.record;
  shape::LogStream out;
  out.log_stream_name = row.name;
  out.creation_time = millis_of(stream.created);
  if (stream.bytes != 0) {
    out.first_event_timestamp = millis_of(stream.first_event);
    out.last_event_timestamp = millis_of(stream.last_event);
    out.last_ingestion_time = millis_of(stream.last_ingestion);
  }
  out.upload_sequence_token = event_id({.time = stream.last_ingestion});
  out.arn = fmt::format("{}:log-stream:{}", group_arn(group), row.name);
  out.stored_bytes = 0;  // "DescribeLogStreams": no longer counted per stream
  return out;
}

Api::Answer<op::DescribeLogStreams> Api::describe_streams(shape::DescribeLogStreamsRequest in) {
  CO_TRY(std::string group, one_group(home(), in.log_group_name, in.log_group_identifier));
  using Query = Logic::StreamQuery;
  Query query{.group = group,
              .prefix = in.log_stream_name_prefix.value_or(""),
              .order = in.order_by.value_or("LogStreamName") == "LastEventTime"
                           ? Query::Order::kLastEvent
                           : Query::Order::kName,
              .direction = in.descending.value_or(false) ? store::Direction::kBackward
                                                         : store::Direction::kForward,
              .rows_max = static_cast<size_t>(in.limit.value_or(50))};
  if (query.order == Query::Order::kLastEvent && !query.prefix.empty()) {
    co_return invalid("Cannot order by LastEventTime with a logStreamNamePrefix.");
  }
  if (in.next_token) {
    CO_TRY(query.after, parse_name_token(*in.next_token));
  }
  CO_TRY(auto answer, co_await logic_.describe_streams(std::move(query)));
  shape::DescribeLogStreamsResponse out;
  out.log_streams.emplace();
  for (const auto& row : answer.rows) out.log_streams->push_back(shape_of(group, row));
  if (!answer.next.empty()) out.next_token = name_token(answer.next);
  co_return out;
}

// --- Tags
// ------------------------------------------------------------------------------------------

Api::Answer<op::TagResource> Api::tag_resource(shape::TagResourceRequest in) {
  CO_TRY(std::string name, group_name_of_arn(home(), in.resource_arn));
  co_return empty_answer<shape::TagResourceResponse>(
      co_await logic_.tag(std::move(name), std::move(in.tags)));
}

Api::Answer<op::UntagResource> Api::untag_resource(shape::UntagResourceRequest in) {
  CO_TRY(std::string name, group_name_of_arn(home(), in.resource_arn));
  co_return empty_answer<shape::UntagResourceResponse>(
      co_await logic_.untag(std::move(name), std::move(in.tag_keys)));
}

Api::Answer<op::ListTagsForResource> Api::list_tags(shape::ListTagsForResourceRequest in) {
  CO_TRY(std::string name, group_name_of_arn(home(), in.resource_arn));
  shape::ListTagsForResourceResponse out;
  CO_TRY(out.tags, co_await logic_.tags(std::move(name)));
  co_return out;
}

Api::Answer<op::TagLogGroup> Api::tag_group(shape::TagLogGroupRequest in) {
  co_return empty_answer<shape::TagLogGroupResponse>(
      co_await logic_.tag(std::move(in.log_group_name), std::move(in.tags)));
}

Api::Answer<op::UntagLogGroup> Api::untag_group(shape::UntagLogGroupRequest in) {
  co_return empty_answer<shape::UntagLogGroupResponse>(
      co_await logic_.untag(std::move(in.log_group_name), std::move(in.tags)));
}

Api::Answer<op::ListTagsLogGroup> Api::list_group_tags(shape::ListTagsLogGroupRequest in) {
  shape::ListTagsLogGroupResponse out;
  CO_TRY(out.tags, co_await logic_.tags(std::move(in.log_group_name)));
  co_return out;
}

}  // namespace suiro::logs
