// SPDX-License-Identifier: Apache-2.0
#include "services/scheduler/api.h"

#include "shapes/json.h"

namespace suiro::scheduler {

namespace op = shape::op;

namespace {

std::string group_or_default(const std::optional<std::string>& name) {
  return name.value_or(std::string(kDefaultGroup));
}

size_t results_max(const std::optional<int32_t>& given) {
  return given ? static_cast<size_t>(*given) : kListDefault;
}

Tags tags_of(const std::optional<std::vector<shape::Tag>>& tags) {
  Tags out;
  for (const auto& tag : tags.value_or(std::vector<shape::Tag>())) out[tag.key] = tag.value;
  return out;
}

std::optional<std::string> token_of(std::string token) {
  return token.empty() ? std::nullopt : std::optional(std::move(token));
}

std::string state_of(const Group& group) {
  return group.deleting ? "DELETING" : "ACTIVE";
}

// AWS answers with the defaults of what was not given.
shape::Target with_defaults(shape::Target target) {
  auto& retry = target.retry_policy ? *target.retry_policy : target.retry_policy.emplace();
  if (!retry.maximum_event_age_in_seconds) retry.maximum_event_age_in_seconds = 86'400;
  if (!retry.maximum_retry_attempts) {
    retry.maximum_retry_attempts = static_cast<int32_t>(kRetriesDefault);
  }
  return target;
}

}  // namespace

void Api::add_operations(shapes::Registry& registry) {
  add<op::CreateSchedule>(registry, &Api::create);
  add<op::UpdateSchedule>(registry, &Api::update);
  add<op::GetSchedule>(registry, &Api::get);
  add<op::DeleteSchedule>(registry, &Api::remove);
  add<op::ListSchedules>(registry, &Api::list);
  add<op::CreateScheduleGroup>(registry, &Api::create_group);
  add<op::GetScheduleGroup>(registry, &Api::get_group);
  add<op::DeleteScheduleGroup>(registry, &Api::remove_group);
  add<op::ListScheduleGroups>(registry, &Api::list_groups);
  add<op::ListTagsForResource>(registry, &Api::list_tags);
  add<op::TagResource>(registry, &Api::tag);
  add<op::UntagResource>(registry, &Api::untag);
}

Api::Answer<op::CreateSchedule> Api::create(shapes::Call&, shape::CreateScheduleInput in) {
  shape::CreateScheduleOutput out;
  CO_TRY(out.schedule_arn, co_await logic_.create(std::move(in)));
  co_return out;
}

Api::Answer<op::UpdateSchedule> Api::update(shapes::Call&, shape::UpdateScheduleInput in) {
  // All of a schedule's settings are replaced: the members of both inputs are the same.
  CO_TRY(auto whole, shapes::from_json<shape::CreateScheduleInput>(shapes::to_json(in)));
  shape::UpdateScheduleOutput out;
  CO_TRY(out.schedule_arn, co_await logic_.update(std::move(whole)));
  co_return out;
}

Api::Answer<op::GetSchedule> Api::get(shapes::Call&, shape::GetScheduleInput in) {
  CO_TRY(Record record, co_await logic_.get(group_or_default(in.group_name), std::move(in.name)));
  CO_TRY(auto kept, shapes::from_json<shape::CreateScheduleInput>(record.document));
  shape::GetScheduleOutput out;
  out.action_after_completion = kept.action_after_completion.value_or("NONE");
  out.arn = logic_.arn_of(record);
  out.creation_date = record.created;
  out.description = std::move(kept.description);
  out.end_date = kept.end_date;
  out.flexible_time_window = std::move(kept.flexible_time_window);
  out.group_name = std::move(record.group);
  out.last_modification_date = record.modified;
  out.name = std::move(record.name);
  out.schedule_expression = std::move(kept.schedule_expression);
  out.schedule_expression_timezone = kept.schedule_expression_timezone.value_or("UTC");
  out.start_date = kept.start_date;
  out.state = kept.state.value_or("ENABLED");
  out.target = with_defaults(std::move(kept.target));
  co_return out;
}

Api::Answer<op::DeleteSchedule> Api::remove(shapes::Call&, shape::DeleteScheduleInput in) {
  CO_TRY_VOID(co_await logic_.remove(group_or_default(in.group_name), std::move(in.name)));
  co_return shape::DeleteScheduleOutput();
}

Api::Answer<op::ListSchedules> Api::list(shapes::Call&, shape::ListSchedulesInput in) {
  CO_TRY(auto listed, co_await logic_.list({.group = in.group_name.value_or(""),
                                            .prefix = in.name_prefix.value_or(""),
                                            .state = in.state.value_or(""),
                                            .token = in.next_token.value_or(""),
                                            .results_max = results_max(in.max_results)}));
  shape::ListSchedulesOutput out;
  for (Record& record : listed.items) {
    CO_TRY(auto kept, shapes::from_json<shape::CreateScheduleInput>(record.document));
    auto& row = out.schedules.emplace_back();
    row.arn = logic_.arn_of(record);
    row.creation_date = record.created;
    row.last_modification_date = record.modified;
    row.group_name = std::move(record.group);
    row.name = std::move(record.name);
    row.state = kept.state.value_or("ENABLED");
    row.target.emplace().arn = std::move(kept.target.arn);
  }
  out.next_token = token_of(std::move(listed.token));
  co_return out;
}

Api::Answer<op::CreateScheduleGroup> Api::create_group(shapes::Call&,
                                                       shape::CreateScheduleGroupInput in) {
  shape::CreateScheduleGroupOutput out;
  CO_TRY(out.schedule_group_arn,
         co_await logic_.create_group(std::move(in.name), in.client_token.value_or(""),
                                      tags_of(in.tags)));
  co_return out;
}

Api::Answer<op::GetScheduleGroup> Api::get_group(shapes::Call&, shape::GetScheduleGroupInput in) {
  CO_TRY(Group group, co_await logic_.get_group(std::move(in.name)));
  shape::GetScheduleGroupOutput out;
  out.arn = logic_.group_arn(group.name);
  out.creation_date = group.created;
  out.last_modification_date = group.modified;
  out.state = state_of(group);
  out.name = std::move(group.name);
  co_return out;
}

Api::Answer<op::DeleteScheduleGroup> Api::remove_group(shapes::Call&,
                                                       shape::DeleteScheduleGroupInput in) {
  CO_TRY_VOID(co_await logic_.remove_group(std::move(in.name)));
  co_return shape::DeleteScheduleGroupOutput();
}

Api::Answer<op::ListScheduleGroups> Api::list_groups(shapes::Call&,
                                                     shape::ListScheduleGroupsInput in) {
  CO_TRY(auto listed, co_await logic_.list_groups({.prefix = in.name_prefix.value_or(""),
                                                   .token = in.next_token.value_or(""),
                                                   .results_max = results_max(in.max_results)}));
  shape::ListScheduleGroupsOutput out;
  for (Group& group : listed.items) {
    auto& row = out.schedule_groups.emplace_back();
    row.arn = logic_.group_arn(group.name);
    row.creation_date = group.created;
    row.last_modification_date = group.modified;
    row.state = state_of(group);
    row.name = std::move(group.name);
  }
  out.next_token = token_of(std::move(listed.token));
  co_return out;
}

Api::Answer<op::ListTagsForResource> Api::list_tags(shapes::Call&,
                                                    shape::ListTagsForResourceInput in) {
  CO_TRY(Tags tags, co_await logic_.tags(std::move(in.resource_arn)));
  shape::ListTagsForResourceOutput out;
  auto& list = out.tags.emplace();
  for (auto& [key, value] : tags) list.push_back({key, value});
  co_return out;
}

Api::Answer<op::TagResource> Api::tag(shapes::Call&, shape::TagResourceInput in) {
  CO_TRY_VOID(co_await logic_.change_tags(std::move(in.resource_arn), tags_of(in.tags), {}));
  co_return shape::TagResourceOutput();
}

Api::Answer<op::UntagResource> Api::untag(shapes::Call&, shape::UntagResourceInput in) {
  CO_TRY_VOID(co_await logic_.change_tags(std::move(in.resource_arn), {}, std::move(in.tag_keys)));
  co_return shape::UntagResourceOutput();
}

}  // namespace suiro::scheduler
