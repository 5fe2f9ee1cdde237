// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <mutex>

#include "base/check.h"

namespace suiro {

// --- Clock ---

Task<void> Clock::sleep_until(TimePoint due) {
  auto executor = co_await asio::this_coro::executor;
  Signal rung(executor);
  bool over = false;
  auto held = alarm(executor, due, [&] {
    over = true;
    rung.notify_all();
  });
  while (!over) co_await rung.wait();
}

// --- RealClock ---

TimePoint RealClock::now() const {
  return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
}

Micros RealClock::steady() const {
  return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now().time_since_epoch());
}

namespace {

// A steady timer is set for the distance between now and the due time, and set again when it rings
// early against the wall clock (the wall clock was put back, or a millisecond was rounded off).
class RealAlarm final : public Clock::Alarm {
 public:
  RealAlarm(const Clock& clock, Executor executor, TimePoint due,
            std::move_only_function<void()> ring)
      : state_(std::make_shared<State>(
            State{clock, asio::steady_timer(executor), due, std::move(ring)})) {
    arm(state_);
  }
  ~RealAlarm() override {
    state_->cancelled = true;
    state_->timer.cancel();
  }

 private:
  struct State {
    const Clock& clock;
    asio::steady_timer timer;
    TimePoint due;
    std::move_only_function<void()> ring;
    bool cancelled = false;
  };

  static void arm(const std::shared_ptr<State>& state) {
    // Far alarms are looked at once an hour: a steady timer does not see the wall clock being set.
    constexpr Millis kLongestWait = std::chrono::hours(1);
    Millis wait = std::clamp(state->due - state->clock.now(), Millis(0), kLongestWait);
    state->timer.expires_after(wait);
    state->timer.async_wait([state](boost::system::error_code) {
      if (state->cancelled) return;
      if (state->clock.now() < state->due) return arm(state);
      state->cancelled = true;
      auto ring = std::move(state->ring);
      ring();
    });
  }

  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<Clock::Alarm> RealClock::alarm(Executor executor, TimePoint due,
                                               std::move_only_function<void()> ring) {
  return std::make_unique<RealAlarm>(*this, executor, due, std::move(ring));
}

// --- VirtualClock ---

struct VirtualClock::State {
  struct Pending {
    Executor executor;
    std::shared_ptr<std::move_only_function<void()>> ring;  // null once cancelled or rung
  };
  mutable std::mutex mutex;
  TimePoint now;
  uint64_t next_number = 0;
  // Ordered by due time, then by the order of their making.
  std::map<std::pair<TimePoint, uint64_t>, Pending> pending;
};

class VirtualClock::VirtualAlarm final : public Clock::Alarm {
 public:
  VirtualAlarm(std::shared_ptr<State> state, std::pair<TimePoint, uint64_t> place,
               std::shared_ptr<std::move_only_function<void()>> ring)
      : state_(std::move(state)), place_(place), ring_(std::move(ring)) {}
  ~VirtualAlarm() override {
    *ring_ = nullptr;
    std::lock_guard lock(state_->mutex);
    state_->pending.erase(place_);
  }

 private:
  std::shared_ptr<State> state_;
  std::pair<TimePoint, uint64_t> place_;
  std::shared_ptr<std::move_only_function<void()>> ring_;
};

namespace {
void post_ring(Executor executor, std::shared_ptr<std::move_only_function<void()>> ring) {
  asio::post(executor, [ring = std::move(ring)] {
    if (!*ring) return;
    auto call = std::move(*ring);
    *ring = nullptr;
    call();
  });
}
}  // namespace

VirtualClock::VirtualClock(TimePoint start) : state_(std::make_shared<State>()) {
  state_->now = start;
}
VirtualClock::~VirtualClock() = default;

TimePoint VirtualClock::now() const {
  std::lock_guard lock(state_->mutex);
  return state_->now;
}

Micros VirtualClock::steady() const {
  return std::chrono::duration_cast<Micros>(now().time_since_epoch());
}

std::unique_ptr<Clock::Alarm> VirtualClock::alarm(Executor executor, TimePoint due,
                                                  std::move_only_function<void()> ring) {
  auto shared = std::make_shared<std::move_only_function<void()>>(std::move(ring));
  std::lock_guard lock(state_->mutex);
  std::pair place(due, state_->next_number++);
  if (due <= state_->now) {
    post_ring(executor, shared);
  } else {
    state_->pending.emplace(place, State::Pending{executor, shared});
  }
  return std::make_unique<VirtualAlarm>(state_, place, std::move(shared));
}

void VirtualClock::advance_to(TimePoint to) {
  std::lock_guard lock(state_->mutex);
  CHECK(to >= state_->now, "virtual time does not go back");
  state_->now = to;
  auto& pending = state_->pending;
  while (!pending.empty() && pending.begin()->first.first <= to) {
    post_ring(pending.begin()->second.executor, pending.begin()->second.ring);
    pending.erase(pending.begin());
  }
}

std::optional<TimePoint> VirtualClock::next_alarm() const {
  std::lock_guard lock(state_->mutex);
  if (state_->pending.empty()) return std::nullopt;
  return state_->pending.begin()->first.first;
}

// --- Signal ---

struct Signal::Waiter {
  explicit Waiter(Executor executor) : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;  // never expires; cancelled to wake
  bool notified = false;
};

Signal::Signal(Executor executor) : executor_(executor) {}
Signal::~Signal() {
  CHECK(waiters_.empty(), "a Signal was destroyed while someone waits");
}

void Signal::notify_all() {
  while (notify_one()) {
  }
}

bool Signal::notify_one() {
  if (waiters_.empty()) return false;
  Waiter* waiter = waiters_.front();
  waiters_.pop_front();
  waiter->notified = true;
  waiter->timer.cancel();
  return true;
}

Task<void> Signal::wait() {
  Waiter waiter(executor_);
  waiters_.push_back(&waiter);
  boost::system::error_code ignored;
  co_await waiter.timer.async_wait(asio::redirect_error(use_task, ignored));
  CHECK(waiter.notified);
}

Task<Signal::Wake> Signal::wait_until(Clock& clock, TimePoint deadline) {
  Waiter waiter(executor_);
  waiters_.push_back(&waiter);
  auto alarm = clock.alarm(executor_, deadline, [&] {
    if (waiter.notified) return;
    std::erase(waiters_, &waiter);
    waiter.timer.cancel();
  });
  boost::system::error_code ignored;
  co_await waiter.timer.async_wait(asio::redirect_error(use_task, ignored));
  co_return waiter.notified ? Wake::kNotified : Wake::kTimeout;
}

size_t Signal::waiting() const {
  return waiters_.size();
}

}  // namespace suiro
