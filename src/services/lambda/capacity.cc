// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/capacity.h"

#include "base/check.h"
#include "services/lambda/errors.h"

namespace suiro::lambda {
namespace {

// A function that has waited so long is served before busy ones get their own sandboxes back.
constexpr Micros kFairWait = std::chrono::seconds(1);

}  // namespace

struct Capacity::Waiter {
  Waiter(Executor executor, uint32_t mb, uint64_t hash, Micros now)
      : granted_signal(executor), memory_mb(mb), function(hash), since(now) {}
  Signal granted_signal;
  uint32_t memory_mb;
  uint64_t function;
  Micros since;
  bool granted = false;
};

Capacity::Capacity(Config config, Shards& shards, Clock& clock)
    : config_(config), home_(shards.owner("lambda/capacity")), clock_(clock) {}

Capacity::~Capacity() {
  CHECK(waiters_.empty(), "capacity was destroyed while someone waits");
}

Task<bool> Capacity::try_acquire(uint32_t memory_mb) {
  auto take = [this, memory_mb]() -> Task<bool> {
    if (!waiters_.empty() || !may_start(memory_mb)) co_return false;
    this->take(memory_mb);
    co_return true;
  };
  co_return co_await run_on(home_, take);
}

Task<Result<void>> Capacity::acquire(uint32_t memory_mb, std::string function) {
  auto wait = [this, memory_mb, hash = stable_hash(function)]() -> Task<Result<void>> {
    if (memory_mb > config_.memory_mb) {
      co_return fail(
          kServiceException,
          fmt::format("The function needs {} MB and all sandboxes together may use {} MB "
                      "on this machine.",
                      memory_mb, config_.memory_mb));
    }
    if (waiters_.empty() && may_start(memory_mb)) {
      take(memory_mb);
      co_return ok();
    }
    if (waiters_.size() >= config_.waiters_max) {
      co_return throttled("ConcurrentInvocationLimitExceeded");
    }
    Waiter waiter(home_, memory_mb, hash, clock_.steady());
    waiters_.push_back(&waiter);
    note_oldest();
    if (pressure_ && !fits(memory_mb)) co_await pressure_(memory_mb);
    if (!waiter.granted) {
      co_await waiter.granted_signal.wait_until(clock_, clock_.now() + config_.wait_max);
    }
    if (!waiter.granted) {
      std::erase(waiters_, &waiter);
      serve();  // one behind may need less
      co_return throttled("ConcurrentInvocationLimitExceeded");
    }
    co_return ok();
  };
  co_return co_await run_on(home_, wait);
}

Task<void> Capacity::release(uint32_t memory_mb) {
  auto give = [this, memory_mb]() -> Task<void> {
    CHECK(used_mb_ >= memory_mb);
    used_mb_ -= memory_mb;
    serve();
    co_return;
  };
  co_await run_on(home_, give);
}

Task<void> Capacity::started() {
  auto end = [this]() -> Task<void> {
    CHECK(starting_ > 0);
    --starting_;
    serve();
    co_return;
  };
  co_await run_on(home_, end);
}

void Capacity::take(uint32_t memory_mb) {
  used_mb_ += memory_mb;
  ++starting_;
}

void Capacity::serve() {
  while (!waiters_.empty() && may_start(waiters_.front()->memory_mb)) {
    Waiter* waiter = waiters_.front();
    waiters_.pop_front();
    take(waiter->memory_mb);
    waiter->granted = true;
    waiter->granted_signal.notify_all();
  }
  note_oldest();
}

void Capacity::note_oldest() {
  // Who waits for a start alone has nothing of sandboxes that are given up.
  if (waiters_.empty() || fits(waiters_.front()->memory_mb)) {
    oldest_since_us_ = 0;
    return;
  }
  oldest_function_ = waiters_.front()->function;
  oldest_since_us_ = std::max<int64_t>(1, waiters_.front()->since.count());
}

bool Capacity::starving(std::string_view function) const {
  int64_t since = oldest_since_us_;
  if (since == 0 || oldest_function_ == stable_hash(function)) return false;
  return clock_.steady() - Micros(since) >= kFairWait;
}

}  // namespace suiro::lambda
