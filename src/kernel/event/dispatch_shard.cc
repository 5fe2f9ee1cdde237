// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/dispatch_shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/log.h"
#include "base/utf8.h"
#include "kernel/event/backoff.h"

namespace suiro::event {
namespace {

// Between the attempts of one event.
constexpr Backoff kRetryBackoff{.first = Millis(1000), .longest = std::chrono::minutes(5)};
// Between the probes of a target that fails.
constexpr Backoff kPauseBackoff{.first = Millis(100), .longest = std::chrono::seconds(30)};
constexpr size_t kReasonBytesMax = 1024;

// What the machine is short of says nothing about the event: only what the target itself says may
// end it at once.
bool is_final(const Error& error) {
  constexpr std::array kPassing = {codes::kUnavailable, codes::kThrottled, codes::kTimeout,
                                   codes::kClosed, codes::kInternal};
  return error.retry == Retry::kNever && std::ranges::find(kPassing, error.code) == kPassing.end();
}

// Whether the event comes from a rule of EventBridge.
bool is_rule(std::string_view source_arn) {
  auto arn = Arn::parse(source_arn);
  return arn && arn->service == "events" && arn->resource.starts_with("rule/");
}

}  // namespace

DispatchShard::DispatchShard(DispatchParts parts, DispatchCounts& counts, size_t shard)
    : parts_(parts), counts_(counts), executor_(parts.shards.executor(shard)), scope_(executor_) {}

// --- From the log into memory
// ----------------------------------------------------------------------

void DispatchShard::offer(store::AppendedRecord record) {
  std::lock_guard lock(inbox_mutex_);
  if (inbox_.size() < kShardInboxMax) {
    inbox_.push_back(std::move(record));
  } else {
    inbox_behind_.insert(lane_of_key(record.key));
  }
  if (inbox_posted_) return;
  inbox_posted_ = true;
  asio::post(executor_, [this] { drain_inbox(); });
}

void DispatchShard::drain_inbox() {
  std::vector<store::AppendedRecord> records;
  std::set<LaneId> behind;
  {
    std::lock_guard lock(inbox_mutex_);
    records.swap(inbox_);
    behind.swap(inbox_behind_);
    inbox_posted_ = false;
  }
  if (scope_.closing()) return;
  std::set<LaneId> touched = behind;
  for (auto& record : records) {
    touched.insert(lane_of_key(record.key));
    on_record(std::move(record));
  }
  for (LaneId id : behind) {
    Lane& full = lane(id);
    full.behind = true;
    full.missed = true;
  }
  for (LaneId id : touched) pump(id);
}

void DispatchShard::found(LaneId id) {
  if (scope_.closing()) return;
  lane(id);
  pump(id);
}

DispatchShard::Lane& DispatchShard::lane(LaneId id) {
  auto [place, is_new] = lanes_.try_emplace(id);
  if (is_new) {
    place->second.id = id;
    place->second.loaded_to = lane_prefix(id);
    place->second.behind = !discovered_;
  }
  return place->second;
}

void DispatchShard::on_record(store::AppendedRecord record) {
  Lane& owner = lane(lane_of_key(record.key));
  if (record.key <= owner.loaded_to) return;  // a scan was faster
  if (owner.behind || !has_room(owner)) {
    owner.behind = true;
    owner.missed = true;
    return;
  }
  take(owner, std::move(record.key), std::move(record.value));
}

bool DispatchShard::has_room(const Lane& lane) const {
  size_t held = lane.ready.size();
  if (held < kLaneEventsMin) return true;
  return held < kLaneEventsMax && events_ < kShardEventsMax && bytes_ < kShardBytesMax;
}

void DispatchShard::take(Lane& lane, store::Key key, Bytes value) {
  lane.loaded_to = key;
  auto event = decode_event(value);
  if (!event) {
    // It stays on disk, for a person or a later version to look at.
    log::error("event log: key {} is skipped: {}", hex_encode(key), event.error().message);
    return;
  }
  size_t size = key.size() + value.size();
  lane.ready.push_back({std::move(key), *std::move(event), size});
  ++events_;
  bytes_ += size;
  ++counts_.in_memory;
}

Task<void> DispatchShard::load(LaneId id, store::Key after, size_t rows) {
  store::KeyRange range = store::KeyRange::prefix(lane_prefix(id));
  range.begin = after + '\0';
  auto page = co_await parts_.store.scan(
      {.range = range, .rows_max = rows, .bytes_max = kShardBytesMax / 8});
  Lane& loaded = lanes_.at(id);
  loaded.loading = false;
  if (!page) {
    log::error("event log: cannot be read: {}", page.error().message);
    pause(loaded, parts_.clock.now());
    pump(id);
    co_return;
  }
  bool took_all = true;
  for (auto& entry : page->entries) {
    took_all = has_room(loaded);
    if (!took_all) break;
    take(loaded, std::move(entry.key), std::move(entry.value));
  }
  // A record that was committed while the scan ran may lie beyond its view: scan again.
  if (took_all && !page->more && !loaded.missed) loaded.behind = false;
  pump(id);
}

// --- From memory to the target
// ---------------------------------------------------------------------

bool DispatchShard::expired(const Event& event) const {
  return parts_.clock.now() - event.at > event.policy.age_max;
}

bool DispatchShard::may_start(const Lane& lane) const {
  if (lane.ready.empty()) return false;
  size_t limit = lane.failures == 0 ? kTargetConcurrencyMax : 1;
  if (lane.in_flight >= limit) return false;
  if (parts_.clock.now() >= lane.paused_until) return true;
  // A target that fails does not keep what is too old from its burial.
  return !lane.put_back && expired(lane.ready.front().event);
}

void DispatchShard::pump(LaneId id) {
  auto place = lanes_.find(id);
  if (place == lanes_.end() || scope_.closing()) return;
  Lane& lane = place->second;
  while (may_start(lane)) {
    Queued next = std::move(lane.ready.front());
    lane.ready.pop_front();
    --events_;
    bytes_ -= next.size_bytes;
    --counts_.in_memory;
    ++lane.in_flight;
    ++counts_.in_flight;
    scope_.spawn(run(id, std::move(next)));
  }
  bool paused = parts_.clock.now() < lane.paused_until;
  bool is_tight = events_ >= kShardEventsMax || bytes_ >= kShardBytesMax;
  size_t room = is_tight ? kLaneEventsMin : kLaneEventsMax;
  if (lane.behind && !lane.loading && !paused && lane.ready.size() * 2 < room) {
    lane.loading = true;
    lane.missed = false;
    scope_.spawn(load(id, lane.loaded_to, room - lane.ready.size()));
  }
  arm(lane);
  if (lane.ready.empty() && lane.in_flight == 0 && !lane.behind && !lane.loading &&
      lane.failures == 0) {
    lanes_.erase(place);
  }
}

void DispatchShard::arm(Lane& lane) {
  bool waits = parts_.clock.now() < lane.paused_until && (!lane.ready.empty() || lane.behind);
  if (!waits) {
    lane.alarm.reset();
  } else if (!lane.alarm) {
    lane.alarm = parts_.clock.alarm(executor_, lane.paused_until, [this, id = lane.id] {
      auto place = lanes_.find(id);
      if (place == lanes_.end()) return;
      place->second.alarm.reset();
      pump(id);
    });
  }
}

// Deliveries that were already on their way when the lane was paused tell nothing new.
void DispatchShard::pause(Lane& lane, TimePoint began) {
  if (lane.failures != 0 && began < lane.paused_until) return;
  ++lane.failures;
  lane.paused_at = parts_.clock.now();
  lane.paused_until = lane.paused_at + kPauseBackoff.after(lane.failures, parts_.random);
  lane.alarm.reset();
}

Task<void> DispatchShard::run(LaneId id, Queued queued) {
  Outcome outcome = co_await deliver(id, queued);
  Lane& lane = lanes_.at(id);
  --lane.in_flight;
  --counts_.in_flight;
  lane.put_back = outcome == Outcome::kPutBack;
  if (lane.put_back) {
    ++events_;
    bytes_ += queued.size_bytes;
    ++counts_.in_memory;
    lane.ready.push_front(std::move(queued));
    pause(lane, parts_.clock.now());
  }
  pump(id);
}

store::Batch DispatchShard::consume_of(const Queued& queued) const {
  store::Batch batch;
  batch.require_version(queued.key, version_of_key(queued.key));
  batch.erase(queued.key);
  return batch;
}

Span DispatchShard::span_of(const Event& event, Span::Status status, std::string reason) const {
  reason.resize(utf8_prefix(reason, kReasonBytesMax).size());
  return {.trace_id = event.cause.trace_id,
          .span_id = event_span_id(event),
          .parent_id = event.cause.span_id,
          .kind = "event",
          .resource = event.target_arn,
          .start = event.at,
          .duration = std::max(Millis(0), parts_.clock.now() - event.at),
          .status = status,
          .detail = reason.empty() ? event.kind : event.kind + ": " + reason};
}

Task<DispatchShard::Outcome> DispatchShard::deliver(LaneId id, Queued& queued) {
  TimePoint began = parts_.clock.now();
  if (expired(queued.event)) {
    Error error{"EventExpired", "the event is older than its policy allows"};
    co_return co_await bury(queued, "MaximumEventAgeInSeconds", error);
  }
  auto target = parts_.targets.target(queued.event.target_arn);
  if (!target) co_return co_await after_failure(id, queued, target.error(), began);
  store::Batch consume = consume_of(queued);
  Span span =
      span_of(queued.event, Span::Status::kOk,
              queued.event.attempt > 1 ? fmt::format("taken at attempt {}", queued.event.attempt)
                                       : std::string());
  parts_.journal.record(consume, span);
  Event event = queued.event;
  event.cause.span_id = span.span_id;
  auto delivered = co_await (*target)->deliver(std::move(event), std::move(consume));
  if (!delivered) co_return co_await after_failure(id, queued, delivered.error(), began);
  ++counts_.delivered;
  Lane& lane = lanes_.at(id);
  lane.failures = 0;
  lane.paused_until = {};
  co_return Outcome::kDone;
}

Task<DispatchShard::Outcome> DispatchShard::after_failure(LaneId id, Queued& queued, Error error,
                                                          TimePoint began) {
  if (!parts_.store.latched().empty()) co_return Outcome::kPutBack;
  bool lost_race = error.code == codes::kConditionFailed;
  if (lost_race) {
    // Either the event is gone, which is what a repeated delivery looks like, or the target lost a
    // race of its own.
    auto entry = co_await parts_.store.get(queued.key);
    if (entry && !entry->has_value()) co_return Outcome::kDone;
  } else if (is_final(error)) {
    co_return co_await bury(queued, "NonRetriableError", error);
  } else {
    pause(lanes_.at(id), began);
  }
  if (queued.event.attempt >= queued.event.policy.attempts_max) {
    co_return co_await bury(queued, "MaximumRetryAttempts", error);
  }
  co_return co_await retry_later(queued, error);
}

Task<DispatchShard::Outcome> DispatchShard::retry_later(Queued& queued, const Error& error) {
  Event next = queued.event;
  store::Batch batch = consume_of(queued);
  parts_.journal.record(batch,
                        span_of(next, Span::Status::kRunning,
                                fmt::format("attempt {} failed: {}", next.attempt, error.message)));
  TimePoint due = parts_.clock.now() + kRetryBackoff.after(next.attempt, parts_.random);
  ++next.attempt;
  parts_.timers.set(batch, {.kind = "event.retry",
                            .owner = next.target_arn,
                            .id = next.id,
                            .due = due,
                            .payload = encode_event(next)});
  Outcome outcome = co_await commit(std::move(batch));
  if (outcome == Outcome::kDone) ++counts_.retried;
  co_return outcome;
}

// The event leaves for its dead-letter target, as an event of its own, or for good.
Task<DispatchShard::Outcome> DispatchShard::bury(Queued& queued, std::string condition,
                                                 const Error& error) {
  const Event& event = queued.event;
  const std::string& grave = event.policy.dead_letter_arn;
  bool has_grave = !grave.empty() && grave != event.target_arn;
  store::Batch batch = consume_of(queued);
  std::string reason = fmt::format("{} at attempt {}: {}; {}", condition, event.attempt,
                                   error.message, has_grave ? "to " + grave : "dropped");
  Span span = span_of(event, Span::Status::kError, std::move(reason));
  parts_.journal.record(batch, span);
  if (has_grave) {
    Event dead = {.id = {},
                  .source_arn = event.source_arn,
                  .kind = event.kind,
                  .target_arn = grave,
                  .payload = event.payload,
                  .attributes = event.attributes,
                  .cause = {event.cause.trace_id, span.span_id},
                  .at = parts_.clock.now()};
    // Amazon EventBridge User Guide, "Using dead-letter queues to process undelivered events".
    dead.attributes["TARGET_ARN"] = event.target_arn;
    if (is_rule(event.source_arn)) dead.attributes["RULE_ARN"] = event.source_arn;
    dead.attributes["ERROR_CODE"] = error.code;
    dead.attributes["ERROR_MESSAGE"] = utf8_prefix(error.message, kReasonBytesMax);
    dead.attributes["EXHAUSTED_RETRY_CONDITION"] = condition;
    dead.attributes["RETRY_ATTEMPTS"] = std::to_string(event.attempt - 1);
    emit(batch, std::move(dead), parts_.random);
  }
  Outcome outcome = co_await commit(std::move(batch));
  if (outcome == Outcome::kDone) ++(has_grave ? counts_.dead_lettered : counts_.dropped);
  co_return outcome;
}

Task<DispatchShard::Outcome> DispatchShard::commit(store::Batch batch) {
  auto committed = co_await parts_.store.commit(std::move(batch));
  // A condition that fails says that the event is gone already.
  bool over = committed || committed.error().code == codes::kConditionFailed;
  if (!over) log::warning("event log: a commit failed: {}", committed.error().message);
  co_return over ? Outcome::kDone : Outcome::kPutBack;
}

Task<void> DispatchShard::stop() {
  co_await scope_.close();
  lanes_.clear();
}

}  // namespace suiro::event
