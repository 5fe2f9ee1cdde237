// SPDX-License-Identifier: Apache-2.0
// Clock: the one source of time. Injected everywhere, so that a month of schedules runs in seconds.
//
// RealClock reads the system's clocks. VirtualClock stands still until its owner moves it; alarms
// whose time has come are posted in order of their time. Threads: now() and steady() from any;
// alarms are made, fire and are destroyed on one executor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/task.h"

namespace suiro {

using Millis = std::chrono::milliseconds;
using Micros = std::chrono::microseconds;
// Wall-clock time in UTC, in milliseconds: the resolution of AWS's timestamps.
using TimePoint = std::chrono::sys_time<Millis>;

class Clock {
 public:
  // A call that is due at a time. Destroying it before then cancels it.
  class Alarm {
   public:
    virtual ~Alarm() = default;
  };

  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  // Monotonic, for durations and deadlines; its zero is arbitrary.
  virtual Micros steady() const = 0;
  // Calls `ring` once on `executor` when now() >= due. At once (posted) where due has passed.
  virtual std::unique_ptr<Alarm> alarm(Executor executor, TimePoint due,
                                       std::move_only_function<void()> ring) = 0;
  // Suspends the calling coroutine; cannot be interrupted: loops that must end early wait on a
  // Signal.
  Task<void> sleep_until(TimePoint due);
  Task<void> sleep_for(Millis duration) { return sleep_until(now() + duration); }
};

class RealClock final : public Clock {
 public:
  TimePoint now() const override;
  Micros steady() const override;
  std::unique_ptr<Alarm> alarm(Executor executor, TimePoint due,
                               std::move_only_function<void()> ring) override;
};

// Time that its owner moves. steady() moves with now().
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(TimePoint start);
  ~VirtualClock() override;
  TimePoint now() const override;
  Micros steady() const override;
  std::unique_ptr<Alarm> alarm(Executor executor, TimePoint due,
                               std::move_only_function<void()> ring) override;
  // Moves time to `to` and posts the alarms due by then, earliest first. Thread: the owner's.
  void advance_to(TimePoint to);
  // The earliest pending alarm; nullopt when none waits.
  std::optional<TimePoint> next_alarm() const;

 private:
  struct State;
  class VirtualAlarm;
  std::shared_ptr<State> state_;
};

// A condition that coroutines of one executor wait for. Not latched: notify_all wakes those that
// wait now. Thread: the executor's only.
class Signal {
 public:
  explicit Signal(Executor executor);
  ~Signal();  // CHECKs that nobody waits
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  void notify_all();
  // Wakes the one that has waited longest; false when none waits.
  bool notify_one();
  Task<void> wait();
  enum class Wake { kNotified, kTimeout };
  Task<Wake> wait_until(Clock& clock, TimePoint deadline);
  size_t waiting() const;

 private:
  struct Waiter;
  Executor executor_;
  std::deque<Waiter*> waiters_;
};

// 2006-01-02T15:04:05.000Z and its parser (fraction and zone offset optional).
std::string format_iso8601(TimePoint time);
Result<TimePoint> parse_iso8601(std::string_view text);
// Mon, 02 Jan 2006 15:04:05 GMT (RFC 9110 IMF-fixdate; the parser takes the obsolete forms too).
std::string format_http_date(TimePoint time);
Result<TimePoint> parse_http_date(std::string_view text);

}  // namespace suiro
