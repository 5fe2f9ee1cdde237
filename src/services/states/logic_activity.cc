// SPDX-License-Identifier: Apache-2.0
// Activities, and the tags of activities and state machines.
#include "services/states/logic.h"

namespace suiro::states {

Task<Result<Stored<Activity>>> Logic::find_activity(std::string arn) {
  CO_TRY(std::string name, parse_activity_arn(arn));
  if (activity_arn(name) != arn) co_return no_activity(arn);
  CO_TRY(auto activity, co_await read_activity(kernel_.store, name));
  if (!activity) co_return no_activity(arn);
  co_return *std::move(activity);
}

// What exists already answers as at its creation.
Task<Result<shape::CreateActivityOutput>> Logic::create_activity(shape::CreateActivityInput in) {
  CO_TRY_VOID(check_name(in.name));
  CO_TRY_VOID(check_encryption(in.encryption_configuration));
  Activity activity{.name = in.name, .created = kernel_.clock.now(), .tags = {}};
  CO_TRY(activity.tags, tags_of(in.tags));
  store::Batch batch;
  batch.require_absent(keys::activity(in.name));
  batch.put(keys::activity(in.name), encode(activity));
  shape::CreateActivityOutput out;
  out.activity_arn = activity_arn(in.name);
  out.creation_date = activity.created;
  auto made = co_await commit(std::move(batch));
  if (made) co_return out;
  if (made.error().code != codes::kConditionFailed) co_return fail(std::move(made).error());
  CO_TRY(auto old, co_await find_activity(out.activity_arn));
  out.creation_date = old.value.created;
  co_return out;
}

Task<Result<shape::DescribeActivityOutput>> Logic::describe_activity(std::string arn) {
  CO_TRY(auto activity, co_await find_activity(arn));
  shape::DescribeActivityOutput out;
  out.activity_arn = arn;
  out.name = activity.value.name;
  out.creation_date = activity.value.created;
  out.encryption_configuration = owned_key();
  co_return out;
}

Task<Result<void>> Logic::check_activity(std::string arn) {
  CO_TRY_VOID(co_await find_activity(std::move(arn)));
  co_return ok();
}

// Of what does not exist: done.
Task<Result<void>> Logic::remove_activity(std::string arn) {
  auto activity = co_await find_activity(arn);
  if (!activity && activity.error().code == "ActivityDoesNotExist") co_return ok();
  if (!activity) co_return fail(std::move(activity).error());
  store::Batch batch;
  batch.erase(keys::activity(activity->value.name));
  co_return co_await commit(std::move(batch));
}

Task<Result<shape::ListActivitiesOutput>> Logic::list_activities(shape::ListActivitiesInput in) {
  CO_TRY(Page page, co_await read_page(kernel_.store, {.range = keys::activities(),
                                                       .results_max = in.max_results,
                                                       .token = in.next_token}));
  shape::ListActivitiesOutput out;
  for (const auto& entry : page.entries) {
    CO_TRY(Activity activity, decode_activity(entry.value));
    auto& row = out.activities.emplace_back();
    row.activity_arn = activity_arn(activity.name);
    row.creation_date = activity.created;
    row.name = std::move(activity.name);
  }
  out.next_token = std::move(page.token);
  co_return out;
}

namespace {

bool is_activity(std::string_view arn) {
  return parse_activity_arn(arn).has_value();
}

// Neither versions nor aliases have tags.
Error as_resource(Error error, std::string_view arn) {
  const bool absent =
      error.code == "StateMachineDoesNotExist" || error.code == "ActivityDoesNotExist";
  return absent ? no_resource(arn).error() : error;
}

// Errors: TooManyTags.
Result<void> change(Tags& tags, const Tags& set, const std::vector<std::string>& erase) {
  for (const auto& [key, value] : set) tags[key] = value;
  for (const auto& key : erase) tags.erase(key);
  if (tags.size() <= kTagsMax) return ok();
  return fail("TooManyTags", fmt::format("A resource has at most {} tags.", kTagsMax));
}

}  // namespace

Task<Result<Tags>> Logic::tags(std::string arn) {
  if (is_activity(arn)) {
    auto activity = co_await find_activity(arn);
    if (!activity) co_return fail(as_resource(std::move(activity).error(), arn));
    co_return std::move(activity->value.tags);
  }
  auto found = co_await find(arn);
  if (!found) co_return fail(as_resource(std::move(found).error(), arn));
  if (!found->ref.qualifier.empty()) co_return no_resource(arn);
  co_return std::move(found->machine.value.tags);
}

Task<Result<void>> Logic::change_tags(std::string arn, Tags set, std::vector<std::string> erase) {
  return until_won("Resource " + arn,
                   [this, arn, set, erase] { return change_tags_once(arn, set, erase); });
}

Task<Result<void>> Logic::change_tags_once(std::string arn, Tags set,
                                           std::vector<std::string> erase) {
  if (is_activity(arn)) {
    auto activity = co_await find_activity(arn);
    if (!activity) co_return fail(as_resource(std::move(activity).error(), arn));
    CO_TRY_VOID(change(activity->value.tags, set, erase));
    const store::Key key = keys::activity(activity->value.name);
    store::Batch batch;
    batch.require_version(key, activity->version);
    batch.put(key, encode(activity->value));
    co_return co_await commit(std::move(batch));
  }
  auto found = co_await find(arn);
  if (!found) co_return fail(as_resource(std::move(found).error(), arn));
  if (!found->ref.qualifier.empty()) co_return no_resource(arn);
  Change changed = change_of(std::move(found->machine));
  CO_TRY_VOID(change(changed.machine.value.tags, set, erase));
  co_return co_await commit(std::move(changed));
}

}  // namespace suiro::states
