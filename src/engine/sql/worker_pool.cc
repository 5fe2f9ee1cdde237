// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/worker_pool.h"

namespace suiro::sql {

WorkerPool::WorkerPool(size_t threads) {
  for (size_t i = 1; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    state_ = State::kStops;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::take_tasks(const std::function<void(size_t)>& task, size_t count) {
  for (size_t i = next_++; i < count; i = next_++) task(i);
}

void WorkerPool::run(size_t count, const std::function<void(size_t)>& task) {
  if (threads_.empty() || count < 2) {
    for (size_t i = 0; i < count; ++i) task(i);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    task_ = &task;
    count_ = count;
    next_ = 0;
    busy_ = threads_.size();
    ++round_;
  }
  wake_.notify_all();
  take_tasks(task, count);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
}

void WorkerPool::work() {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return state_ == State::kStops || round_ != seen; });
    if (state_ == State::kStops) return;
    seen = round_;
    const auto& task = *task_;
    const size_t count = count_;
    lock.unlock();
    take_tasks(task, count);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

}  // namespace suiro::sql
