// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/pool.h"

#include <algorithm>

#include "base/check.h"
#include "services/lambda/limits.h"

namespace suiro::lambda {

namespace {

Result<void> stopped_error() {
  return fail(codes::kUnavailable, "Suiro is shutting down.", Retry::kLater);
}

}  // namespace

struct Pool::Waiter {
  Waiter(Executor executor, std::string wanted, uint32_t mb)
      : done(executor), generation(std::move(wanted)), memory_mb(mb) {}
  Signal done;
  std::string generation;
  uint32_t memory_mb;
  // How it ended: one of these is set, then `done` is rung.
  std::shared_ptr<Warm> warm;
  std::optional<Result<void>> memory;
  bool over = false;
};

Pool::Pool(std::string function, Deps deps)
    : function_(std::move(function)), deps_(std::move(deps)) {}

Pool::~Pool() {
  CHECK(idle_.empty() && busy_ == 0, "a pool was destroyed with sandboxes in it");
}

Task<Result<std::shared_ptr<Warm>>> Pool::acquire(std::string generation, uint32_t memory_mb,
                                                  Start start) {
  if (stopping_) co_return std::unexpected(stopped_error().error());
  if (std::shared_ptr<Warm> warm = take_idle(generation)) co_return warm;
  if (co_await deps_.capacity.try_acquire(memory_mb)) {
    co_return co_await start_one(memory_mb, std::move(start));
  }
  if (stopping_) co_return std::unexpected(stopped_error().error());
  auto waiter = std::make_shared<Waiter>(deps_.scope.executor(), std::move(generation), memory_mb);
  waiters_.push_back(waiter);
  deps_.scope.spawn(wait_for_memory(this, waiter));
  if (!waiter->over) co_await waiter->done.wait();
  if (waiter->warm) co_return std::move(waiter->warm);
  CO_TRY_VOID(std::move(*waiter->memory));
  co_return co_await start_one(memory_mb, std::move(start));
}

std::shared_ptr<Warm> Pool::take_idle(const std::string& generation) {
  for (size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i]->generation != generation) continue;
    std::shared_ptr<Warm> warm = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<ptrdiff_t>(i));
    ++busy_;
    if (!warm->sandbox->alive()) {
      discard(std::move(warm));
      continue;
    }
    running_.insert(warm);
    return warm;
  }
  return nullptr;
}

Task<void> Pool::wait_for_memory(Pool* pool, std::shared_ptr<Waiter> waiter) {
  Result<void> memory = co_await pool->deps_.capacity.acquire(waiter->memory_mb, pool->function_);
  if (waiter->over) {  // a warm sandbox came first
    if (memory) {
      co_await pool->deps_.capacity.started();
      co_await pool->deps_.capacity.release(waiter->memory_mb);
    }
    co_return;
  }
  std::erase(pool->waiters_, waiter);
  waiter->over = true;
  waiter->memory = std::move(memory);
  waiter->done.notify_all();
}

Task<Result<std::shared_ptr<Warm>>> Pool::start_one(uint32_t memory_mb, Start start) {
  ++busy_;
  Result<std::shared_ptr<Warm>> warm = co_await start();
  if (!warm) {
    --busy_;
    co_await deps_.capacity.started();
    co_await deps_.capacity.release(memory_mb);
    co_return warm;
  }
  running_.insert(*warm);
  (*warm)->starting = true;
  watch_start(*warm);
  co_return warm;
}

void Pool::watch_start(const std::shared_ptr<Warm>& warm) {
  auto look = [this, weak = std::weak_ptr(warm)] {
    auto still = weak.lock();
    if (!still || !still->starting) return;
    bool over = still->sandbox->started() || ++still->start_looks >= kStartLooksMax;
    if (over) {
      end_start(*still);
    } else {
      watch_start(still);
    }
  };
  warm->start_alarm =
      deps_.clock.alarm(deps_.scope.executor(), deps_.clock.now() + kStartLook, std::move(look));
}

void Pool::end_start(Warm& warm) {
  if (!std::exchange(warm.starting, false)) return;
  warm.start_alarm.reset();
  deps_.scope.spawn(deps_.capacity.started());
}

bool Pool::current(const std::string& generation) const {
  return !retired_ || std::ranges::find(keep_, generation) != keep_.end();
}

void Pool::release(std::shared_ptr<Warm> warm) {
  CHECK(running_.erase(warm) == 1, "a sandbox is released once");
  end_start(*warm);
  if (!warm->sandbox->alive() || !current(warm->generation) || stopping_ ||
      deps_.capacity.starving(function_)) {
    discard(std::move(warm));
    return;
  }
  auto waiter = std::ranges::find_if(
      waiters_, [&](const auto& one) { return one->generation == warm->generation; });
  if (waiter != waiters_.end()) {
    std::shared_ptr<Waiter> next = *waiter;
    waiters_.erase(waiter);
    next->over = true;
    running_.insert(warm);
    next->warm = std::move(warm);
    next->done.notify_all();
    return;  // still busy
  }
  if (!waiters_.empty()) {  // memory is short and these cannot use this sandbox
    discard(std::move(warm));
    return;
  }
  --busy_;
  idle_.push_back(std::move(warm));
}

void Pool::retire(std::vector<std::string> keep) {
  keep_ = std::move(keep);
  retired_ = true;
  std::deque<std::shared_ptr<Warm>> kept;
  for (auto& warm : idle_) {
    if (current(warm->generation)) {
      kept.push_back(std::move(warm));
    } else {
      ++busy_;
      discard(std::move(warm));
    }
  }
  idle_ = std::move(kept);
}

void Pool::evict(TimePoint since) {
  while (!idle_.empty() && idle_.front()->sandbox->idle_since() <= since) evict_one();
}

uint32_t Pool::evict_one() {
  if (idle_.empty()) return 0;
  std::shared_ptr<Warm> warm = std::move(idle_.front());
  idle_.pop_front();
  uint32_t memory_mb = warm->memory_mb;
  ++busy_;
  discard(std::move(warm));
  return memory_mb;
}

std::optional<TimePoint> Pool::oldest_idle() const {
  if (idle_.empty()) return std::nullopt;
  return idle_.front()->sandbox->idle_since();
}

void Pool::stop() {
  stopping_ = true;
  for (const auto& waiter : std::exchange(waiters_, {})) {
    waiter->over = true;
    waiter->memory = stopped_error();
    waiter->done.notify_all();
  }
  while (evict_one() != 0) {
  }
}

void Pool::kill_busy() {
  for (const auto& warm : running_) deps_.scope.spawn(kill(warm));
}

Task<void> Pool::kill(std::shared_ptr<Warm> warm) {
  co_await warm->sandbox->close();
}

// The sandbox counts as busy until it is closed.
void Pool::discard(std::shared_ptr<Warm> warm) {
  CHECK(!deps_.scope.closing(), "sandboxes are released before their scope closes");
  deps_.scope.spawn(close(this, std::move(warm)));
}

Task<void> Pool::close(Pool* pool, std::shared_ptr<Warm> warm) {
  co_await warm->sandbox->close();
  pool->deps_.closed(*warm);
  uint32_t memory_mb = warm->memory_mb;
  --pool->busy_;
  co_await pool->deps_.capacity.release(memory_mb);
}

}  // namespace suiro::lambda
