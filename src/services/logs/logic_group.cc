// SPDX-License-Identifier: Apache-2.0
// Log groups: create, delete, describe, tags, and what all logic shares.
#include <fmt/format.h>

#include "services/logs/logic.h"

namespace suiro::logs {

std::unexpected<Error> invalid(std::string message) {
  return fail("InvalidParameterException", std::move(message));
}
std::unexpected<Error> no_such_group() {
  return fail("ResourceNotFoundException", "The specified log group does not exist.");
}
std::unexpected<Error> no_such_stream() {
  return fail("ResourceNotFoundException", "The specified log stream does not exist.");
}

Logic::Logic(event::Kernel& kernel, const policy::ResourcePolicies* policies)
    : kernel_(kernel), policies_(policies), storage_(kernel.store) {
  for (size_t i = 0; i < kernel.shards.size(); ++i) turns_.emplace_back(kernel.shards.executor(i));
}

Task<Result<void>> Logic::commit(store::Batch batch) {
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return ok();
}

Task<Result<Found<Group>>> Logic::existing_group(std::string name) {
  CO_TRY(auto found, co_await storage_.group(std::move(name)));
  if (!found) co_return no_such_group();
  co_return *std::move(found);
}

Task<Result<Found<Stream>>> Logic::existing_stream(GroupId group, std::string name) {
  CO_TRY(auto found, co_await storage_.stream(group, std::move(name)));
  if (!found) co_return no_such_stream();
  co_return *std::move(found);
}

namespace {

Result<void> check_tags(const std::map<std::string, std::string>& tags) {
  for (const auto& [key, value] : tags) {
    if (!key.starts_with("aws:")) continue;
    return invalid("aws: prefixed tag key names are not allowed for external use.");
  }
  return ok();
}

}  // namespace

Task<Result<void>> Logic::create_group(std::string name, std::map<std::string, std::string> tags) {
  CO_TRY_VOID(check_tags(tags));
  auto attempt = [&] { return try_create_group(name, tags); };
  co_return co_await run_on(kernel_.shards.owner(name), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_create_group(std::string name,
                                           std::map<std::string, std::string> tags) {
  CO_TRY(auto found, co_await storage_.group(name));
  if (found) {
    co_return fail("ResourceAlreadyExistsException", "The specified log group already exists");
  }
  store::Batch batch;
  Storage::put_group(batch, {.name = std::move(name),
                             .record = {.id = GroupId(kernel_.random.next()),
                                        .created = kernel_.clock.now(),
                                        .tags = std::move(tags)},
                             .version = {}});
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> Logic::delete_group(std::string name) {
  auto attempt = [&] { return try_delete_group(name); };
  co_return co_await run_on(kernel_.shards.owner(name), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_delete_group(std::string name) {
  CO_TRY(auto group, co_await existing_group(std::move(name)));
  store::Batch batch;
  Storage::erase_group(batch, group);
  co_return co_await commit(std::move(batch));
}

Task<Result<Logic::GroupAnswer>> Logic::describe_groups(GroupQuery query) {
  GroupAnswer answer;
  std::vector<Found<Group>> rows;
  for (auto& name : query.names) {
    CO_TRY(auto found, co_await storage_.group(name));
    if (found) rows.push_back(*std::move(found));
  }
  std::string after = query.after;
  while (query.names.empty()) {
    CO_TRY(auto page, co_await storage_.groups({.prefix = query.prefix, .after = after}));
    for (auto& row : page.rows) {
      after = row.name;
      if (row.name.find(query.pattern) == std::string::npos) continue;
      if (rows.size() == query.rows_max) answer.more = true;
      if (answer.more) break;
      rows.push_back(std::move(row));
    }
    if (answer.more || !page.more) break;
  }
  for (auto& row : rows) {
    CO_TRY(uint64_t bytes, co_await stored_bytes(row.record.id));
    answer.rows.push_back({std::move(row), bytes});
  }
  co_return answer;
}

Task<Result<uint64_t>> Logic::stored_bytes(GroupId group) {
  uint64_t bytes = 0;
  Storage::Listing listing;
  for (;;) {
    CO_TRY(auto page, co_await storage_.streams(group, listing));
    for (const auto& stream : page.rows) bytes += stream.record.bytes;
    if (!page.more || page.rows.empty()) co_return bytes;
    listing.after = page.rows.back().name;
  }
}

// --- Tags
// ------------------------------------------------------------------------------------------

Task<Result<void>> Logic::tag(std::string name, std::map<std::string, std::string> tags) {
  CO_TRY_VOID(check_tags(tags));
  auto attempt = [&] { return try_tag(name, tags, {}); };
  co_return co_await run_on(kernel_.shards.owner(name), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::untag(std::string name, std::vector<std::string> keys) {
  auto attempt = [&] { return try_tag(name, {}, keys); };
  co_return co_await run_on(kernel_.shards.owner(name), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_tag(std::string name, std::map<std::string, std::string> tags,
                                  std::vector<std::string> removed) {
  CO_TRY(auto group, co_await existing_group(std::move(name)));
  auto& kept = group.record.tags;
  for (auto& [key, value] : tags) kept[key] = std::move(value);
  for (const auto& key : removed) kept.erase(key);
  if (kept.size() > kTagsMax) {
    co_return fail("TooManyTagsException",
                   fmt::format("A resource can have no more than {} tags.", kTagsMax));
  }
  store::Batch batch;
  Storage::put_group(batch, group);
  co_return co_await commit(std::move(batch));
}

Task<Result<std::map<std::string, std::string>>> Logic::tags(std::string name) {
  CO_TRY(auto group, co_await existing_group(std::move(name)));
  co_return std::move(group.record.tags);
}

}  // namespace suiro::logs
