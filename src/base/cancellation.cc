// SPDX-License-Identifier: Apache-2.0
#include "base/cancellation.h"

#include <boost/asio/post.hpp>

namespace suiro {

Cancellation::Subscription::~Subscription() {
  state_->ended = true;
}

Cancellation::Cancellation(std::function<void()> on_subscribe)
    : on_subscribe_(std::move(on_subscribe)) {}

std::unique_ptr<Cancellation::Subscription> Cancellation::subscribe(
    Executor executor, std::move_only_function<void()> ring) {
  auto state = std::make_shared<Subscription::State>(executor, std::move(ring));
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) {
      post_ring(state);
    } else {
      std::erase_if(subscribers_, [](const auto& other) { return other.expired(); });
      subscribers_.push_back(state);
    }
  }
  if (on_subscribe_) on_subscribe_();
  return std::unique_ptr<Subscription>(new Subscription(std::move(state)));
}

void Cancellation::cancel() {
  std::vector<std::weak_ptr<Subscription::State>> subscribers;
  {
    std::lock_guard lock(mutex_);
    if (cancelled_.exchange(true, std::memory_order_acq_rel)) return;
    subscribers.swap(subscribers_);
  }
  for (auto& weak : subscribers)
    if (auto state = weak.lock()) post_ring(std::move(state));
}

void Cancellation::post_ring(std::shared_ptr<Subscription::State> state) {
  Executor executor = state->executor;
  asio::post(executor, [state = std::move(state)] {
    if (!state->ended) state->ring();
  });
}

}  // namespace suiro
