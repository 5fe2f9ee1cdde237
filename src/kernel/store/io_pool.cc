// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/io_pool.h"

#include <pthread.h>

#include "base/check.h"

namespace suiro::store {

IoPool::~IoPool() {
  CHECK(threads_.empty(), "the store's pool was not stopped");
}

void IoPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  // No thread starts any more: that is decided under the lock.
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  inline_.store(true, std::memory_order_release);
}

std::unexpected<Error> IoPool::refused() {
  return fail(codes::kThrottled, "too much work waits for the disk; try again later",
              Retry::kLater);
}

bool IoPool::post(Work work) {
  if (inline_) {
    work();
    return true;
  }
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    work();
    return true;
  }
  if (queue_.size() >= kPoolQueueMax) return false;
  enqueue(std::move(lock), std::move(work));
  return true;
}

void IoPool::post_cleanup(Work work) {
  if (inline_) return work();
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    return work();
  }
  enqueue(std::move(lock), std::move(work));
}

void IoPool::enqueue(std::unique_lock<std::mutex> lock, Work work) {
  queue_.push_back(std::move(work));
  if (idle_ < queue_.size() && threads_.size() < kPoolThreads) {
    threads_.emplace_back([this] { loop(); });
    pthread_setname_np(threads_.back().native_handle(), name_.c_str());
  }
  lock.unlock();
  wake_.notify_one();
}

void IoPool::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    Work work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace suiro::store
