// SPDX-License-Identifier: Apache-2.0
#include "services/states/activity_queues.h"

#include <fmt/format.h>

#include "base/check.h"

namespace suiro::states {

ActivityQueues::ActivityQueues(RuntimeParts& parts, Executor executor, Begin begin)
    : parts_(parts), executor_(executor), begin_(std::move(begin)), idle_(executor) {}

ActivityQueues::~ActivityQueues() {
  CHECK(queues_.empty(), "workers of activities are still polling");
}

void ActivityQueues::added(ArnHash activity) {
  asio::post(executor_, [this, activity] {
    auto queue = queues_.find(activity);
    if (queue == queues_.end()) return;
    queue->second->is_read = false;
    queue->second->signal.notify_one();
  });
}

Task<Result<ActivityTask>> ActivityQueues::take(std::string activity_arn, std::string worker,
                                                std::shared_ptr<Cancellation> cancellation) {
  ArnHash activity = arn_hash(activity_arn);
  if (stopping_) co_return fail(codes::kClosed, "the server stops", Retry::kLater);
  auto [slot, is_new] = queues_.try_emplace(activity);
  if (is_new) slot->second = std::make_unique<Queue>(executor_);
  Queue& queue = *slot->second;
  if (queue.pollers >= kActivityPollersMax) {
    co_return fail("ActivityWorkerLimitExceeded",
                   fmt::format("Too many workers poll activity '{}'", activity_arn), Retry::kLater);
  }
  ++queue.pollers;
  auto task = co_await take_from(queue, activity, std::move(worker), cancellation);
  if (--queue.pollers == 0) queues_.erase(activity);
  if (stopping_) idle_.notify_all();
  co_return task;
}

Task<Result<ActivityTask>> ActivityQueues::take_from(Queue& queue, ArnHash activity,
                                                     std::string worker,
                                                     std::shared_ptr<Cancellation> cancellation) {
  const TimePoint deadline = parts_.kernel.clock.now() + kActivityWait;
  auto is_gone = [&] { return cancellation && cancellation->cancelled(); };
  std::unique_ptr<Cancellation::Subscription> watch;
  if (cancellation) {
    watch = cancellation->subscribe(executor_, [&queue] { queue.signal.notify_all(); });
  }
  while (!stopping_ && !is_gone()) {
    if (queue.rows.empty() && !queue.is_read && !queue.is_reading) {
      CO_TRY_VOID(co_await read(queue, activity));
    }
    if (!queue.rows.empty() && !is_gone()) {
      store::Key row = std::move(queue.rows.front());
      queue.rows.pop_front();
      queue.taken.insert(row);
      auto task = co_await hand_out(row, worker);
      queue.taken.erase(row);
      if (!task) {
        queue.is_read = false;
        queue.signal.notify_one();
        co_return fail(std::move(task).error());
      }
      if (*task) co_return **std::move(task);
      continue;
    }
    if (!is_gone() && (queue.is_read || queue.is_reading)) {
      auto woken = co_await queue.signal.wait_until(parts_.kernel.clock, deadline);
      if (woken == Signal::Wake::kTimeout) break;
    }
  }
  // The wake-up may have been for a row that another worker can have.
  if (!queue.rows.empty() || !queue.is_read) queue.signal.notify_one();
  co_return ActivityTask{};
}

Task<Result<void>> ActivityQueues::read(Queue& queue, ArnHash activity) {
  queue.is_reading = true;
  queue.is_read = true;  // what is added from here on makes it false again
  auto page = co_await parts_.kernel.store.scan(
      {.range = store::KeyRange::prefix(activity_prefix(activity)),
       .rows_max = kActivityRowsAtOnce + queue.taken.size()});
  queue.is_reading = false;
  if (!page) {
    queue.is_read = false;
    queue.signal.notify_all();
    co_return fail(std::move(page).error());
  }
  if (page->more) queue.is_read = false;
  for (auto& entry : page->entries) {
    if (!queue.taken.contains(entry.key)) queue.rows.push_back(std::move(entry.key));
  }
  // Those that waited for this scan find rows, or begin their own wait.
  queue.signal.notify_all();
  co_return ok();
}

Task<Result<std::optional<ActivityTask>>> ActivityQueues::hand_out(store::Key row,
                                                                   std::string worker) {
  CO_TRY(auto entry, co_await parts_.kernel.store.get(row));
  if (!entry) co_return std::nullopt;
  CO_TRY(ActivityRow work, decode_activity_work(entry->value));
  EffectKey effect = effect_of_activity_key(row);
  store::Batch also;
  also.erase(row);
  also.erase(effect_key(effect));
  CO_TRY(bool began, co_await begin_(effect, std::move(worker), std::move(also)));
  if (!began) co_return std::nullopt;
  co_return ActivityTask{parts_.tokens->make(effect), std::move(work.input)};
}

Task<void> ActivityQueues::stop() {
  stopping_ = true;
  for (auto& [activity, queue] : queues_) queue->signal.notify_all();
  while (!queues_.empty()) co_await idle_.wait();
}

}  // namespace suiro::states
