// SPDX-License-Identifier: Apache-2.0
// TimerHand: the timers of one kind: which of them are in memory, and when they fire.
//
//   on disk ──load()/on_put()──► waiting ──due: pump()──► firing ──consumed──► gone
//                                                           │  ▲
//                                                     error ▼  │ back-off
//                                                          failed
//
// Invariants:
//  1. waiting_ holds every durable timer of the kind below window_end_ that is neither firing nor
//     failed, and at most kTimersWaitingMax of them: the window shrinks when it gets too full.
//  2. Only keys are in memory. A timer's record is read when it fires, so a timer that was
//  cancelled
//     meanwhile does not fire.
//  3. At most kTimersFiringMax handlers of the kind run at once; at most kTimersFailedMax timers
//  wait
//     for their back-off, and no more fire until there is room.
// Thread: one shard's, except offer().
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "base/random.h"
#include "base/shard.h"
#include "kernel/event/timers.h"

namespace suiro::event {

inline constexpr Millis kTimerResolution{10};
inline constexpr size_t kTimersWaitingMax = 32'768;
inline constexpr size_t kTimersLoadedAtOnce = 1000;
inline constexpr size_t kTimersFiringMax = 128;
inline constexpr size_t kTimersFailedMax = 8192;
inline constexpr size_t kTimerInboxMax = 16'384;

// Key layout: docs/formats/event.md.
store::Key timer_space();
store::Key timer_kind_prefix(std::string_view kind);
store::Key timer_key(const Timer& timer);
// Errors: kCorrupt.
Result<Timer> parse_timer_key(ByteView key);
// Empty when the key is not a timer's.
std::string_view timer_kind_of_key(ByteView key);

class TimerHand {
 public:
  struct Parts {
    Shards& shards;
    Clock& clock;
    Random& random;
    store::Store& store;
  };
  TimerHand(Parts parts, std::string kind, Timers::Handler handler);

  // A timer was committed. Any thread; never waits.
  void offer(store::Key key);
  Task<void> start();
  Task<void> stop();
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Failed {
    uint32_t failures;
    TimePoint again;
  };
  void drain_inbox();
  void on_put(store::Key key);
  void shrink();
  void pump();
  void fire(store::Key key, uint32_t failures);
  void arm();
  TimePoint due_of(const store::Key& key) const;
  Task<void> load();
  Task<void> run(store::Key key, uint32_t failures);
  Task<Result<void>> call_handler(store::Key key);

  Parts parts_;
  std::string kind_;
  store::Key prefix_;
  Timers::Handler handler_;
  Executor executor_;
  TaskScope scope_;
  std::set<store::Key> waiting_;
  store::Key window_end_;
  bool loading_ = false;
  bool load_spoiled_ = false;
  TimePoint load_again_at_ = {};  // after a scan that failed
  std::set<store::Key> put_while_loading_;
  std::map<store::Key, bool> firing_;  // value: put again meanwhile
  std::map<store::Key, Failed> failed_;
  std::multimap<TimePoint, store::Key> failed_by_time_;
  std::unique_ptr<Clock::Alarm> alarm_;
  TimePoint alarm_due_ = {};

  std::mutex inbox_mutex_;
  std::vector<store::Key> inbox_;
  bool inbox_overflowed_ = false;
  bool inbox_posted_ = false;
};

}  // namespace suiro::event
