// SPDX-License-Identifier: Apache-2.0
// Retention: a group that has one has a timer, hourly, that removes the blocks whose events are all
// too old. Events that are too old are invisible at once; the timer gives back their space.
//
//   no timer --set_retention()--> timer --on_expiry()--> timer an hour later
//                                                  |---> no timer (no retention, or no group any
//                                                  more)
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "services/logs/logic.h"

namespace suiro::logs {
namespace {

constexpr std::string_view kTimerKind = "logs.expire";
constexpr size_t kBlocksExpiredAtOnce = 64;

// Amazon CloudWatch Logs API Reference, "PutRetentionPolicy".
constexpr std::array kDays = {1,   3,   5,   7,   14,   30,   60,   90,   120,  150,  180,
                              365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};

event::Timer timer_of(const Found<Group>& group) {
  return {.kind = std::string(kTimerKind),
          .owner = group.name,
          .id = fmt::format("{:016x}", group.record.id.value()),
          .due = group.record.next_expiry,
          .payload = {}};
}

}  // namespace

void Logic::register_timers() {
  kernel_.timers.handle(std::string(kTimerKind), [this](event::Timer timer, store::Batch consume) {
    return on_expiry(std::move(timer), std::move(consume));
  });
  kernel_.timers.handle("logs.export", [this](event::Timer timer, store::Batch consume) {
    return on_export(std::move(timer), std::move(consume));
  });
}

Task<Result<void>> Logic::set_retention(std::string name, std::optional<int32_t> days) {
  if (days && std::ranges::find(kDays, *days) == kDays.end()) {
    std::string allowed = fmt::format("{}", fmt::join(kDays, ", "));
    co_return invalid(fmt::format(
        "1 validation error detected: Value '{}' at 'retentionInDays' failed to satisfy "
        "constraint: Member must satisfy enum value set: [{}]",
        *days, allowed));
  }
  auto attempt = [&] { return try_set_retention(name, days.value_or(0)); };
  co_return co_await run_on(kernel_.shards.owner(name), [&] { return settle(attempt); });
}

Task<Result<void>> Logic::try_set_retention(std::string name, int32_t days) {
  CO_TRY(auto group, co_await existing_group(std::move(name)));
  group.record.retention_days = days;
  store::Batch batch;
  if (days != 0 && group.record.next_expiry == TimePoint{}) schedule_expiry(batch, group);
  Storage::put_group(batch, group);
  co_return co_await commit(std::move(batch));
}

void Logic::schedule_expiry(store::Batch& batch, Found<Group>& group) {
  group.record.next_expiry = kernel_.clock.now() + kExpiryInterval;
  kernel_.timers.set(batch, timer_of(group));
}

Task<Result<void>> Logic::on_expiry(event::Timer timer, store::Batch consume) {
  CO_TRY(auto group, co_await storage_.group(timer.owner));
  if (!group || timer_of(*group).id != timer.id) co_return co_await commit(std::move(consume));
  TimePoint horizon = horizon_of(group->record);
  Storage::Listing listing;
  for (bool more = horizon != TimePoint{}; more;) {
    CO_TRY(auto page, co_await storage_.streams(group->record.id, listing));
    for (const auto& stream : page.rows) {
      listing.after = stream.name;
      if (stream.record.bytes == 0 || stream.record.first_event >= horizon) continue;
      CO_TRY_VOID(co_await expire_stream(group->record.id, stream.name, horizon));
    }
    more = page.more && !page.rows.empty();
  }
  group->record.next_expiry = {};
  if (horizon != TimePoint{}) schedule_expiry(consume, *group);
  Storage::put_group(consume, *group);
  co_return co_await commit(std::move(consume));
}

Task<Result<void>> Logic::expire_stream(GroupId group, std::string name, TimePoint horizon) {
  for (;;) {
    auto attempt = [&] { return expire_some(group, name, horizon); };
    CO_TRY(bool more, co_await settle(attempt));
    if (!more) co_return ok();
  }
}

// Removes some blocks whose events are all too old. True when others may remain.
Task<Result<bool>> Logic::expire_some(GroupId group, std::string name, TimePoint horizon) {
  CO_TRY(auto stream, co_await storage_.stream(group, std::move(name)));
  if (!stream) co_return false;
  CO_TRY(auto page,
         co_await storage_.blocks(
             {.group = group, .stream = stream->record.id, .rows_max = kBlocksExpiredAtOnce}));
  store::Batch batch;
  std::optional<TimePoint> first_left;
  bool removed = false;
  for (const auto& block : page.blocks) {
    if (!block.events.empty() && block.events.back().at.time >= horizon) {
      if (!first_left) first_left = block.first;
      continue;
    }
    removed = true;
    for (const auto& event : block.events) {
      stream->record.bytes -= std::min<uint64_t>(stream->record.bytes, event_bytes(event.message));
    }
    batch.erase(block.key);
  }
  if (!removed) co_return false;
  if (first_left) {
    stream->record.first_event = *first_left;
  } else if (page.more) {
    stream->record.first_event = page.blocks.back().first;
  }
  Storage::put_stream(batch, group, *stream);
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return page.more && !first_left;
}

}  // namespace suiro::logs
