// SPDX-License-Identifier: Apache-2.0
// Schedule groups.
#include "base/arn.h"
#include "services/scheduler/logic.h"
#include "shapes/json.h"

namespace suiro::scheduler {
namespace {

constexpr size_t kScanRows = 1000;

std::unexpected<Error> not_on_default() {
  return invalid("This operation cannot be performed on schedule group default.");
}

}  // namespace

Task<Result<void>> Logic::start() {
  const TimePoint now = kernel_.clock.now();
  Group group{.name = std::string(kDefaultGroup), .created = now, .modified = now};
  store::Batch batch;
  batch.require_absent(keys::group(group.name));
  batch.put(keys::group(group.name), encode(group));
  auto made = co_await commit(std::move(batch));
  if (!made && made.error().code != codes::kConditionFailed) co_return made;
  co_return ok();
}

Task<Result<std::string>> Logic::create_group(std::string name, std::string token, Tags tags) {
  if (name == kDefaultGroup) co_return not_on_default();
  if (tags.size() > kTagsMax) co_return invalid("A schedule group has at most 200 tags.");
  CO_TRY_VOID(check_tags(tags));
  CO_TRY(auto old, co_await read_group(kernel_.store, name));
  if (old) {
    const bool repeated = !token.empty() && old->value.client_token == token &&
                          old->value.tags == tags && !old->value.deleting;
    if (repeated) co_return group_arn(name);
    co_return conflict(fmt::format("Schedule group {} already exists.", name));
  }
  CO_TRY(auto page, co_await kernel_.store.scan({.range = keys::groups(), .rows_max = kGroupsMax}));
  if (page.entries.size() >= kGroupsMax) {
    co_return fail("ServiceQuotaExceededException",
                   fmt::format("There are already {} schedule groups.", kGroupsMax));
  }
  const TimePoint now = kernel_.clock.now();
  Group group{.name = name,
              .created = now,
              .modified = now,
              .client_token = std::move(token),
              .tags = std::move(tags)};
  store::Batch batch;
  batch.require_absent(keys::group(name));
  batch.put(keys::group(name), encode(group));
  auto made = co_await commit(std::move(batch));
  if (!made && made.error().code == codes::kConditionFailed) {
    co_return conflict(fmt::format("Schedule group {} already exists.", name));
  }
  if (!made) co_return fail(std::move(made).error());
  co_return group_arn(name);
}

Task<Result<Group>> Logic::get_group(std::string name) {
  CO_TRY(auto found, co_await read_group(kernel_.store, name));
  if (!found) co_return no_group(name);
  co_return std::move(found->value);
}

Task<Result<void>> Logic::remove_group(std::string name) {
  return until_won("Schedule group " + name, [this, name] { return remove_group_once(name); });
}

Task<Result<void>> Logic::remove_group_once(std::string name) {
  if (name == kDefaultGroup) co_return not_on_default();
  CO_TRY(auto found, co_await read_group(kernel_.store, name));
  if (!found) co_return no_group(name);
  if (found->value.deleting) co_return ok();
  found->value.deleting = true;
  found->value.modified = kernel_.clock.now();
  store::Batch batch;
  batch.require_version(keys::group(name), found->version);
  batch.put(keys::group(name), encode(found->value));
  kernel_.timers.set(batch, {.kind = std::string(kGroupTimer),
                             .owner = group_arn(name),
                             .id = name,
                             .due = kernel_.clock.now()});
  co_return co_await commit(std::move(batch));
}

// Deletes the schedules of a group, and at last the group.
Task<Result<void>> Logic::on_group(event::Timer timer, store::Batch consume) {
  const std::string name = timer.id;
  CO_TRY(auto group, co_await read_group(kernel_.store, name));
  if (!group || !group->value.deleting) co_return co_await commit(std::move(consume));
  for (;;) {
    CO_TRY(auto page, co_await kernel_.store.scan(
                          {.range = keys::schedules(name), .rows_max = kDeletedAtOnce}));
    if (page.entries.empty()) break;
    store::Batch batch;
    for (const auto& entry : page.entries) {
      CO_TRY(Record record, decode_record(entry.value));
      batch.require_version(entry.key, entry.version);
      batch.erase(entry.key);
      if (record.next) cancel_timer(batch, record);
    }
    auto done = co_await commit(std::move(batch));
    // A run of one of them was faster: they are read again.
    const bool lost = !done && done.error().code == codes::kConditionFailed;
    if (!done && !lost) co_return done;
  }
  consume.require_version(keys::group(name), group->version);
  consume.erase(keys::group(name));
  co_return co_await commit(std::move(consume));
}

Task<Result<Listed<Group>>> Logic::list_groups(ListGroups request) {
  store::KeyRange range = store::KeyRange::prefix(keys::group(request.prefix));
  if (!request.token.empty()) {
    auto after = base64_decode(request.token);
    const bool inside = after && *after >= range.begin && *after < range.end;
    if (!inside) co_return invalid("Invalid NextToken.");
    range.begin = *after + '\0';
  }
  Listed<Group> out;
  CO_TRY(auto page, co_await kernel_.store.scan({.range = range, .rows_max = request.results_max}));
  for (const auto& entry : page.entries) {
    CO_TRY(Group group, decode_group(entry.value));
    out.items.push_back(std::move(group));
  }
  if (page.more) out.token = base64_encode(page.entries.back().key);
  co_return out;
}

// The name of the group of an ARN.
Task<Result<std::string>> Logic::group_of_arn(std::string arn) {
  const std::string prefix = group_arn("");
  if (!arn.starts_with(prefix)) {
    co_return fail("ResourceNotFoundException", fmt::format("Resource {} does not exist.", arn));
  }
  co_return arn.substr(prefix.size());
}

Task<Result<Tags>> Logic::tags(std::string arn) {
  CO_TRY(std::string name, co_await group_of_arn(std::move(arn)));
  CO_TRY(Group group, co_await get_group(std::move(name)));
  co_return std::move(group.tags);
}

Task<Result<void>> Logic::change_tags(std::string arn, Tags set, std::vector<std::string> erase) {
  CO_TRY(std::string name, co_await group_of_arn(std::move(arn)));
  CO_TRY_VOID(check_tags(set));
  co_return co_await until_won("Schedule group " + name, [this, name, set, erase] {
    return change_tags_once(name, set, erase);
  });
}

Task<Result<void>> Logic::change_tags_once(std::string name, Tags set,
                                           std::vector<std::string> erase) {
  CO_TRY(auto found, co_await read_group(kernel_.store, name));
  if (!found) co_return no_group(name);
  for (auto& [key, value] : set) found->value.tags[key] = value;
  for (const auto& key : erase) found->value.tags.erase(key);
  if (found->value.tags.size() > kTagsMax) {
    co_return invalid("A schedule group has at most 200 tags.");
  }
  CO_TRY_VOID(co_await check_overlaps(found->value));
  found->value.modified = kernel_.clock.now();
  store::Batch batch;
  batch.require_version(keys::group(name), found->version);
  batch.put(keys::group(name), encode(found->value));
  co_return co_await commit(std::move(batch));
}

// That no schedule gets an overlap policy which its target does not know.
Task<Result<void>> Logic::check_overlaps(const Group& group) {
  const bool any = std::ranges::any_of(
      group.tags, [](const auto& tag) { return tag.first.starts_with("suiro:overlap"); });
  if (!any) co_return ok();
  store::ScanOptions options{.range = keys::schedules(group.name), .rows_max = kScanRows};
  for (bool more = true; more;) {
    CO_TRY(store::ScanPage page, co_await kernel_.store.scan(options));
    for (const auto& entry : page.entries) {
      CO_TRY(Record record, decode_record(entry.value));
      CO_TRY(auto in, shapes::from_json<shape::CreateScheduleInput>(record.document));
      const Overlap overlap = policy(group, record).overlap;
      if (overlap == Overlap::kAllow || in.target.ecs_parameters) continue;
      co_return invalid(
          fmt::format("suiro:overlap={} applies to ECS targets only; schedule {} has "
                      "another.",
                      name_of(overlap), record.name));
    }
    more = page.more;
    if (more) options.range.begin = page.entries.back().key + '\0';
  }
  co_return ok();
}

}  // namespace suiro::scheduler
