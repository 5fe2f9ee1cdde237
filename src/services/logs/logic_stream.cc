// SPDX-License-Identifier: Apache-2.0
// Log streams: create, delete, describe.
#include <fmt/format.h>

#include <algorithm>

#include "services/logs/logic.h"

namespace suiro::logs {

Task<Result<void>> Logic::create_stream(std::string group, std::string name) {
  auto attempt = [&] { return try_create_stream(group, name); };
  co_return co_await run_on(kernel_.shards.owner(group), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_create_stream(std::string group, std::string name) {
  CO_TRY(auto owner, co_await existing_group(std::move(group)));
  CO_TRY(auto found, co_await storage_.stream(owner.record.id, name));
  if (found) {
    co_return fail("ResourceAlreadyExistsException", "The specified log stream already exists");
  }
  store::Batch batch;
  Storage::require_group(batch, owner);
  Storage::put_stream(
      batch, owner.record.id,
      {.name = std::move(name),
       .record = {.id = StreamId(kernel_.random.next()), .created = kernel_.clock.now()},
       .version = {}});
  co_return co_await commit(std::move(batch));
}

Task<Result<void>> Logic::delete_stream(std::string group, std::string name) {
  auto attempt = [&] { return try_delete_stream(group, name); };
  co_return co_await run_on(kernel_.shards.owner(group), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_delete_stream(std::string group, std::string name) {
  CO_TRY(auto owner, co_await existing_group(std::move(group)));
  CO_TRY(auto stream, co_await existing_stream(owner.record.id, std::move(name)));
  store::Batch batch;
  Storage::erase_stream(batch, owner.record.id, stream);
  co_return co_await commit(std::move(batch));
}

Task<Result<Logic::StreamAnswer>> Logic::describe_streams(StreamQuery query) {
  CO_TRY(auto group, co_await existing_group(query.group));
  if (query.order == StreamQuery::Order::kLastEvent) {
    co_return co_await streams_by_last_event(group.record.id, std::move(query));
  }
  CO_TRY(auto page, co_await storage_.streams(group.record.id, {.prefix = query.prefix,
                                                                .after = query.after,
                                                                .direction = query.direction,
                                                                .rows_max = query.rows_max}));
  StreamAnswer answer{.rows = std::move(page.rows)};
  if (page.more && !answer.rows.empty()) answer.next = answer.rows.back().name;
  co_return answer;
}

Task<Result<Logic::StreamAnswer>> Logic::streams_by_last_event(GroupId group, StreamQuery query) {
  std::vector<Found<Stream>> all;
  Storage::Listing listing;
  for (;;) {
    CO_TRY(auto page, co_await storage_.streams(group, listing));
    for (auto& row : page.rows) all.push_back(std::move(row));
    if (!page.more || page.rows.empty()) break;
    if (all.size() > kStreamsListedMax) {
      co_return fail("LimitExceededException",
                     fmt::format("More than {} log streams cannot be ordered by LastEventTime.",
                                 kStreamsListedMax));
    }
    listing.after = all.back().name;
  }
  // A stream without events comes before all others. The token names the place of the last row.
  auto place = [](const Found<Stream>& row) {
    int64_t last = row.record.bytes == 0 ? -1 : row.record.last_event.time_since_epoch().count();
    return fmt::format("{:020}/{}", last + 1, row.name);
  };
  bool forward = query.direction == store::Direction::kForward;
  std::vector<std::pair<std::string, size_t>> order;
  for (size_t i = 0; i < all.size(); ++i) order.emplace_back(place(all[i]), i);
  std::ranges::sort(order);
  if (!forward) std::ranges::reverse(order);
  StreamAnswer answer;
  for (auto& [at, index] : order) {
    bool is_behind = query.after.empty() || (forward ? at > query.after : at < query.after);
    if (!is_behind) continue;
    if (answer.rows.size() == query.rows_max) {
      answer.next = place(answer.rows.back());
      break;
    }
    answer.rows.push_back(std::move(all[index]));
  }
  co_return answer;
}

}  // namespace suiro::logs
