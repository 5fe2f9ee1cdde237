// SPDX-License-Identifier: Apache-2.0
#include "services/logs/live_tail.h"

#include <algorithm>

namespace suiro::logs {

bool LiveTail::wants(std::string_view group, std::string_view stream) const {
  if (std::ranges::find(options_.groups, group) == options_.groups.end()) return false;
  if (options_.streams.empty() && options_.prefixes.empty()) return true;
  return std::ranges::find(options_.streams, stream) != options_.streams.end() ||
         std::ranges::any_of(options_.prefixes,
                             [&](const auto& prefix) { return stream.starts_with(prefix); });
}

void LiveTail::offer(std::vector<TailEvent> events) {
  for (TailEvent& event : events) {
    if (!pattern_.matches(event.message)) continue;
    if (update_.events.size() == kTailEventsMax) {
      update_.sampled = true;
      return;
    }
    update_.events.push_back(std::move(event));
  }
}

LiveTail::Update LiveTail::take() {
  return std::exchange(update_, {});
}

Result<std::shared_ptr<LiveTail>> LiveTails::add(LiveTail::Options options, Pattern pattern,
                                                 Executor executor) {
  auto tail = std::make_shared<LiveTail>(std::move(options), std::move(pattern), executor);
  std::shared_ptr<const List> old = tails_.load();
  for (;;) {
    auto fresh = std::make_shared<List>();
    std::ranges::copy_if(*old, std::back_inserter(*fresh),
                         [](const auto& known) { return !known.expired(); });
    if (fresh->size() >= kTailsMax) {
      return fail("LimitExceededException", "There are too many live tail sessions.");
    }
    fresh->push_back(tail);
    if (tails_.compare_exchange_weak(old, fresh)) return tail;
  }
}

void LiveTails::publish(const std::string& group, const std::string& stream, TimePoint ingested,
                        const std::vector<NewEvent>& events) {
  std::shared_ptr<const List> tails = tails_.load();
  for (const auto& known : *tails) {
    std::shared_ptr<LiveTail> tail = known.lock();
    if (tail == nullptr || !tail->wants(group, stream)) continue;
    std::vector<TailEvent> copies;
    for (const NewEvent& event : events) {
      if (copies.size() > kTailEventsMax) break;
      copies.push_back({group, stream, event.time, ingested, event.message});
    }
    Executor executor = tail->executor_;
    asio::post(executor, [tail = std::move(tail), copies = std::move(copies)]() mutable {
      tail->offer(std::move(copies));
    });
  }
}

}  // namespace suiro::logs
