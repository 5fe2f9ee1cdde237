// SPDX-License-Identifier: Apache-2.0
#include "services/states/api.h"

namespace suiro::states {

namespace op = shape::op;

void Api::add_operations(shapes::Registry& registry) {
  add_machines(registry);
  if (executions_ != nullptr) add_executions(registry);
}

void Api::add_machines(shapes::Registry& registry) {
  add<op::CreateStateMachine>(registry, &Logic::create);
  add<op::UpdateStateMachine>(registry, &Logic::update);
  add<op::DescribeStateMachine>(registry, &Logic::describe);
  add<op::DeleteStateMachine>(registry, &Api::remove);
  add<op::ListStateMachines>(registry, &Logic::list);
  add<op::ValidateStateMachineDefinition>(registry, &Api::validate);
  add<op::PublishStateMachineVersion>(registry, &Logic::publish);
  add<op::DeleteStateMachineVersion>(registry, &Api::remove_version);
  add<op::ListStateMachineVersions>(registry, &Logic::list_versions);
  add<op::CreateStateMachineAlias>(registry, &Logic::create_alias);
  add<op::UpdateStateMachineAlias>(registry, &Logic::update_alias);
  add<op::DescribeStateMachineAlias>(registry, &Api::describe_alias);
  add<op::DeleteStateMachineAlias>(registry, &Api::remove_alias);
  add<op::ListStateMachineAliases>(registry, &Logic::list_aliases);
  add<op::CreateActivity>(registry, &Logic::create_activity);
  add<op::DescribeActivity>(registry, &Api::describe_activity);
  add<op::DeleteActivity>(registry, &Api::remove_activity);
  add<op::ListActivities>(registry, &Logic::list_activities);
  add<op::ListTagsForResource>(registry, &Api::list_tags);
  add<op::TagResource>(registry, &Api::tag);
  add<op::UntagResource>(registry, &Api::untag);
}

Api::Answer<op::DeleteStateMachine> Api::remove(shapes::Call&, shape::DeleteStateMachineInput in) {
  CO_TRY_VOID(co_await logic_.remove(std::move(in.state_machine_arn)));
  co_return shape::DeleteStateMachineOutput();
}

Api::Answer<op::ValidateStateMachineDefinition> Api::validate(
    shapes::Call&, shape::ValidateStateMachineDefinitionInput in) {
  co_return logic_.validate(in);
}

Api::Answer<op::DeleteStateMachineVersion> Api::remove_version(
    shapes::Call&, shape::DeleteStateMachineVersionInput in) {
  CO_TRY_VOID(co_await logic_.remove_version(std::move(in.state_machine_version_arn)));
  co_return shape::DeleteStateMachineVersionOutput();
}

Api::Answer<op::DescribeStateMachineAlias> Api::describe_alias(
    shapes::Call&, shape::DescribeStateMachineAliasInput in) {
  return logic_.describe_alias(std::move(in.state_machine_alias_arn));
}

Api::Answer<op::DeleteStateMachineAlias> Api::remove_alias(shapes::Call&,
                                                           shape::DeleteStateMachineAliasInput in) {
  CO_TRY_VOID(co_await logic_.remove_alias(std::move(in.state_machine_alias_arn)));
  co_return shape::DeleteStateMachineAliasOutput();
}

Api::Answer<op::DescribeActivity> Api::describe_activity(shapes::Call&,
                                                         shape::DescribeActivityInput in) {
  return logic_.describe_activity(std::move(in.activity_arn));
}

Api::Answer<op::DeleteActivity> Api::remove_activity(shapes::Call&, shape::DeleteActivityInput in) {
  CO_TRY_VOID(co_await logic_.remove_activity(std::move(in.activity_arn)));
  co_return shape::DeleteActivityOutput();
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
  CO_TRY(Tags tags, tags_of(in.tags));
  CO_TRY_VOID(co_await logic_.change_tags(std::move(in.resource_arn), std::move(tags), {}));
  co_return shape::TagResourceOutput();
}

Api::Answer<op::UntagResource> Api::untag(shapes::Call&, shape::UntagResourceInput in) {
  CO_TRY_VOID(co_await logic_.change_tags(std::move(in.resource_arn), {}, std::move(in.tag_keys)));
  co_return shape::UntagResourceOutput();
}

}  // namespace suiro::states
