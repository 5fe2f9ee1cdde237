// SPDX-License-Identifier: Apache-2.0
#include "kernel/event/timer_hand.h"

#include <fmt/format.h>

#include <bit>

#include "base/check.h"
#include "base/log.h"
#include "kernel/event/backoff.h"
#include "kernel/event/record.h"

namespace suiro::event {
namespace {

constexpr char kSpace[] = {'t', 1};
constexpr size_t kKindBytesMax = 64;
constexpr uint8_t kTimerVersion = 1;
constexpr Backoff kTimerBackoff{.first = Millis(100), .longest = std::chrono::minutes(1)};
constexpr Millis kLoadAgainAfter{1000};

}  // namespace

store::Key timer_space() {
  return store::Key(kSpace, sizeof(kSpace));
}

store::Key timer_kind_prefix(std::string_view kind) {
  CHECK(!kind.empty() && kind.size() <= kKindBytesMax && kind.find('\0') == kind.npos,
        "a timer's kind has 1 to 64 bytes and no NUL");
  store::Key key = timer_space();
  key += kind;
  key.push_back('\0');
  return key;
}

store::Key timer_key(const Timer& timer) {
  CHECK(timer.owner.size() <= UINT16_MAX);
  store::Key key = timer_kind_prefix(timer.kind);
  append_be64(key,
              static_cast<uint64_t>(std::max<int64_t>(0, timer.due.time_since_epoch().count())));
  append_be16(key, static_cast<uint16_t>(timer.owner.size()));
  key += timer.owner;
  key += timer.id;
  return key;
}

std::string_view timer_kind_of_key(ByteView key) {
  size_t end = key.find('\0', sizeof(kSpace));
  if (end == key.npos) return {};
  return key.substr(sizeof(kSpace), end - sizeof(kSpace));
}

Result<Timer> parse_timer_key(ByteView key) {
  Timer timer;
  timer.kind = timer_kind_of_key(key);
  size_t at = sizeof(kSpace) + timer.kind.size() + 1;
  auto corrupt = [&] {
    return fail(codes::kCorrupt, fmt::format("{} is not the key of a timer", hex_encode(key)));
  };
  if (timer.kind.empty() || key.size() < at + 10) return corrupt();
  timer.due = TimePoint(Millis(static_cast<int64_t>(read_be64(key.substr(at)))));
  size_t owner_size = read_be16(key.substr(at + 8));
  if (key.size() < at + 10 + owner_size) return corrupt();
  timer.owner = key.substr(at + 10, owner_size);
  timer.id = key.substr(at + 10 + owner_size);
  return timer;
}

TimerHand::TimerHand(Parts parts, std::string kind, Timers::Handler handler)
    : parts_(parts),
      kind_(std::move(kind)),
      prefix_(timer_kind_prefix(kind_)),
      handler_(std::move(handler)),
      executor_(parts.shards.owner(kind_)),
      scope_(executor_),
      window_end_(prefix_) {}

// --- From disk into memory
// -------------------------------------------------------------------------

void TimerHand::offer(store::Key key) {
  std::lock_guard lock(inbox_mutex_);
  if (inbox_.size() < kTimerInboxMax) {
    inbox_.push_back(std::move(key));
  } else {
    inbox_overflowed_ = true;
  }
  if (inbox_posted_) return;
  inbox_posted_ = true;
  asio::post(executor_, [this] { drain_inbox(); });
}

void TimerHand::drain_inbox() {
  std::vector<store::Key> keys;
  bool overflowed = false;
  {
    std::lock_guard lock(inbox_mutex_);
    keys.swap(inbox_);
    std::swap(overflowed, inbox_overflowed_);
    inbox_posted_ = false;
  }
  if (scope_.closing()) return;
  for (auto& key : keys) on_put(std::move(key));
  if (overflowed) {
    // Some keys were left out, nobody knows which: the window begins anew.
    waiting_.clear();
    window_end_ = prefix_;
    load_spoiled_ = loading_;  // the scan that runs may have begun before them
  }
  shrink();
  pump();
}

void TimerHand::on_put(store::Key key) {
  if (auto busy = firing_.find(key); busy != firing_.end()) {
    busy->second = true;
    return;
  }
  if (failed_.contains(key)) return;
  if (key < window_end_) {
    waiting_.insert(std::move(key));
  } else if (loading_ && put_while_loading_.size() < kTimersWaitingMax) {
    put_while_loading_.insert(std::move(key));
  } else if (loading_) {
    load_spoiled_ = true;  // too many to remember: another scan finds them
  }
}

void TimerHand::shrink() {
  while (waiting_.size() > kTimersWaitingMax) {
    auto last = std::prev(waiting_.end());
    window_end_ = *last;
    waiting_.erase(last);
  }
}

Task<void> TimerHand::load() {
  store::Key from = window_end_;
  store::KeyRange range = store::KeyRange::prefix(prefix_);
  store::Key end = range.end;
  range.begin = from;
  auto page = co_await parts_.store.scan({.range = range, .rows_max = kTimersLoadedAtOnce});
  loading_ = false;
  bool is_current = !std::exchange(load_spoiled_, false) && from == window_end_;
  if (!page) {
    log::error("timers {}: cannot be read: {}", kind_, page.error().message);
    load_again_at_ = parts_.clock.now() + kLoadAgainAfter;
  } else if (is_current) {
    window_end_ = page->more ? page->entries.back().key + '\0' : end;
    for (auto& entry : page->entries) on_put(std::move(entry.key));
  }
  // What was committed while the scan ran may lie below the new end, yet beyond the scan's view.
  for (const auto& key : std::exchange(put_while_loading_, {})) on_put(key);
  shrink();
  pump();
}

// --- Firing
// ----------------------------------------------------------------------------------------

TimePoint TimerHand::due_of(const store::Key& key) const {
  return TimePoint(Millis(static_cast<int64_t>(read_be64(ByteView(key).substr(prefix_.size())))));
}

void TimerHand::pump() {
  if (scope_.closing()) return;
  TimePoint now = parts_.clock.now();
  while (!failed_by_time_.empty() && failed_by_time_.begin()->first <= now &&
         firing_.size() < kTimersFiringMax) {
    store::Key key = std::move(failed_by_time_.begin()->second);
    failed_by_time_.erase(failed_by_time_.begin());
    uint32_t failures = failed_.extract(key).mapped().failures;
    fire(std::move(key), failures);
  }
  while (!waiting_.empty() && due_of(*waiting_.begin()) <= now &&
         firing_.size() < kTimersFiringMax && failed_.size() < kTimersFailedMax) {
    fire(waiting_.extract(waiting_.begin()).value(), 0);
  }
  bool is_complete = window_end_ == store::KeyRange::prefix(prefix_).end;
  if (!is_complete && !loading_ && now >= load_again_at_ && waiting_.size() < kTimersLoadedAtOnce) {
    loading_ = true;
    scope_.spawn(load());
  }
  arm();
}

void TimerHand::fire(store::Key key, uint32_t failures) {
  firing_.emplace(key, false);
  scope_.spawn(run(std::move(key), failures));
}

void TimerHand::arm() {
  TimePoint due = TimePoint::max();
  if (!waiting_.empty() && failed_.size() < kTimersFailedMax) due = due_of(*waiting_.begin());
  if (!failed_by_time_.empty()) due = std::min(due, failed_by_time_.begin()->first);
  if (load_again_at_ > parts_.clock.now()) due = std::min(due, load_again_at_);
  // A full hand is pumped by the handler that ends next.
  if (firing_.size() >= kTimersFiringMax || due == TimePoint::max()) {
    alarm_.reset();
    return;
  }
  auto ticks = (due.time_since_epoch() + kTimerResolution - Millis(1)) / kTimerResolution;
  due = TimePoint(ticks * kTimerResolution);
  if (alarm_ && alarm_due_ == due) return;
  alarm_due_ = due;
  alarm_ = parts_.clock.alarm(executor_, due, [this] {
    alarm_.reset();
    pump();
  });
}

Task<void> TimerHand::run(store::Key key, uint32_t failures) {
  auto timer = parse_timer_key(key);
  CHECK(timer.has_value(), "a timer's key that this process wrote or loaded");
  Executor owner = parts_.shards.owner(timer->owner);
  auto fired = co_await run_on(owner, [this, key] { return call_handler(key); });
  bool put_again = firing_.extract(key).mapped();
  if (!fired) {
    ++failures;
    // Not the first ones, and then rarer and rarer: the back-off ends at once a minute, for ever.
    if (failures >= 4 && std::has_single_bit(failures) && parts_.store.latched().empty()) {
      log::warning("timer {} of {}: {} (attempt {})", timer->kind, timer->owner,
                   fired.error().message, failures);
    }
    TimePoint again = parts_.clock.now() + kTimerBackoff.after(failures, parts_.random);
    failed_.emplace(key, Failed{failures, again});
    failed_by_time_.emplace(again, std::move(key));
  } else if (put_again) {
    on_put(std::move(key));
  }
  pump();
}

// Errors: those of the handler and the store, and a handler that did not consume its timer.
Task<Result<void>> TimerHand::call_handler(store::Key key) {
  CO_TRY(auto entry, co_await parts_.store.get(key));
  if (!entry) co_return ok();  // cancelled, or consumed by a handler whose answer was lost
  CO_TRY(Timer timer, parse_timer_key(key));
  RecordReader in(entry->value);
  in.version(kTimerVersion);
  timer.payload = in.text();
  CO_TRY_VOID(in.end("timer"));
  store::Batch consume;
  consume.require_version(key, entry->version);
  consume.erase(key);
  auto handled = co_await handler_(std::move(timer), std::move(consume));
  if (!handled && handled.error().code != codes::kConditionFailed) co_return handled;
  CO_TRY(auto left, co_await parts_.store.get(key));
  if (!left || left->version != entry->version) co_return ok();
  if (!handled) co_return handled;
  co_return fail(codes::kInternal, "the handler did not consume its timer", Retry::kLater);
}

Task<void> TimerHand::start() {
  pump();
  co_return;
}

Task<void> TimerHand::stop() {
  alarm_.reset();
  co_await scope_.close();
}

}  // namespace suiro::event
