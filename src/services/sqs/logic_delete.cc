// SPDX-License-Identifier: Apache-2.0
// Deleting received messages and changing how long they are in flight.
#include <ranges>

#include "services/sqs/logic.h"

namespace suiro::sqs {
namespace {

constexpr int32_t kVisibilitySecondsMax = 43200;

std::unexpected<Error> bad_handle(std::string_view handle) {
  return fail(
      kReceiptHandleIsInvalid,
      fmt::format("The input receipt handle \"{}\" is not a valid receipt handle.", handle));
}

std::unexpected<Error> expired_handle(std::string_view handle) {
  return bad_value(handle, "ReceiptHandle", "The receipt handle has expired.");
}

}  // namespace

// --- delete
// ----------------------------------------------------------------------------------------

Task<Result<Logic::Outcomes>> Logic::remove(On on, std::vector<std::string> handles,
                                            store::Batch also) {
  auto run = [&](QueuePtr queue) -> Task<Result<Outcomes>> {
    co_return co_await remove_here(queue, std::move(handles), std::move(also));
  };
  co_return co_await on_queue(std::move(on), "sqs:DeleteMessage", run);
}

// SQS Developer Guide: deleting what is deleted already succeeds; a standard queue takes an
// outdated receipt handle and does nothing; a FIFO queue refuses a handle whose visibility timeout
// is over.
Task<Result<Logic::Outcomes>> Logic::remove_here(QueuePtr queue, std::vector<std::string> handles,
                                                 store::Batch also) {
  struct Going {
    Sequence sequence;
    TimePoint visible_at;
  };
  queue->index.advance(kernel_.clock.now());
  store::Batch batch = std::move(also);
  std::vector<Going> going;
  Outcomes outcomes;
  for (const std::string& text : handles) {
    auto handle = ReceiptHandle::parse(text);
    if (!handle || handle->queue != queue->id()) {
      outcomes.emplace_back(bad_handle(text));
      continue;
    }
    const Index::Flight* flight = queue->index.find(handle->sequence);
    bool current = flight != nullptr && flight->nonce == handle->nonce;
    bool ended = flight != nullptr && (!current || flight->place == Index::Place::kWaiting);
    if (queue->is_fifo() && ended) {
      outcomes.emplace_back(expired_handle(text));
      continue;
    }
    outcomes.emplace_back(ok());
    if (flight != nullptr && !current) continue;
    if (flight == nullptr && handle->sequence >= queue->index.end()) continue;
    // Erased also where memory does not know it: an earlier delete may not be durable yet, and this
    // answer must not come before it.
    storage::erase_message(batch, queue->id(), handle->sequence);
    if (flight == nullptr) continue;
    going.push_back({handle->sequence, flight->visible_at});
    queue->index.detach(handle->sequence);
  }
  if (batch.empty()) co_return outcomes;
  auto committed = co_await kernel_.store.commit(std::move(batch));
  TimePoint now = kernel_.clock.now();
  for (const Going& message : going) {
    if (committed) {
      queue->index.remove(message.sequence);
      part(queue->name).cache.drop(queue->id(), message.sequence);
    } else {
      queue->index.reattach(message.sequence, message.visible_at, now);
    }
  }
  queue->settled.notify_all();
  if (queue->index.can_take()) queue->arrived.notify_one();
  if (!committed) co_return fail(std::move(committed).error());
  co_return outcomes;
}

Task<Result<uint64_t>> Logic::backlog(On on) {
  auto run = [this](QueuePtr queue) -> Task<Result<uint64_t>> {
    queue->index.advance(kernel_.clock.now());
    co_return queue->index.waiting();
  };
  co_return co_await on_queue(std::move(on), "sqs:GetQueueAttributes", run);
}

Task<Result<Settings>> Logic::settings(On on) {
  auto run = [](QueuePtr queue) -> Task<Result<Settings>> { co_return queue->settings; };
  co_return co_await on_queue(std::move(on), "sqs:GetQueueAttributes", run);
}

// --- visibility
// ------------------------------------------------------------------------------------

Task<Result<Logic::Outcomes>> Logic::change_visibility(On on,
                                                       std::vector<VisibilityEntry> entries) {
  auto run = [&](QueuePtr queue) -> Task<Result<Outcomes>> {
    co_return co_await change_here(queue, std::move(entries));
  };
  co_return co_await on_queue(std::move(on), "sqs:ChangeMessageVisibility", run);
}

Result<Logic::Holding> Logic::plan_hold(Queue& queue, const VisibilityEntry& entry) {
  auto handle = ReceiptHandle::parse(entry.receipt_handle);
  if (!handle || handle->queue != queue.id()) return bad_handle(entry.receipt_handle);
  if (entry.visibility_s < 0 || entry.visibility_s > kVisibilitySecondsMax) {
    return bad_value(entry.visibility_s, "VisibilityTimeout",
                     "VisibilityTimeout must be an integer between 0 and 43200.");
  }
  const Index::Flight* flight = queue.index.find(handle->sequence);
  if (flight == nullptr) {
    return bad_value(entry.receipt_handle, "ReceiptHandle",
                     "Message does not exist or is not available for visibility timeout change.");
  }
  bool current = flight->nonce == handle->nonce;
  if (queue.is_fifo() && (!current || flight->place == Index::Place::kWaiting)) {
    return expired_handle(entry.receipt_handle);
  }
  if (!current || flight->place != Index::Place::kInFlight) {
    return fail(kMessageNotInflight, "The message referred to isn't in flight.");
  }
  TimePoint visible_at = kernel_.clock.now() + std::chrono::seconds(entry.visibility_s);
  if (visible_at > flight->first_received_at + kVisibilityMax && entry.visibility_s > 0) {
    return bad_value(entry.visibility_s, "VisibilityTimeout",
                     "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]");
  }
  return Holding{handle->sequence, flight->visible_at, visible_at};
}

Task<Result<Logic::Outcomes>> Logic::change_here(QueuePtr queue,
                                                 std::vector<VisibilityEntry> entries) {
  // A message whose delete or change is being committed: its outcome decides.
  auto is_busy = [&](const VisibilityEntry& entry) {
    auto handle = ReceiptHandle::parse(entry.receipt_handle);
    if (!handle) return false;
    const Index::Flight* flight = queue->index.find(handle->sequence);
    return flight != nullptr && flight->place == Index::Place::kBusy;
  };
  while (std::ranges::any_of(entries, is_busy)) co_await queue->settled.wait();
  if (queue->deleted) co_return no_such_queue();
  queue->index.advance(kernel_.clock.now());
  Outcomes outcomes;
  std::vector<Holding> holdings;
  for (const VisibilityEntry& entry : entries) {
    auto planned = plan_hold(*queue, entry);
    if (planned) {
      holdings.push_back(*planned);
      outcomes.emplace_back(ok());
    } else {
      outcomes.emplace_back(fail(planned.error()));
    }
  }
  if (!holdings.empty()) CO_TRY_VOID(co_await hold_all(queue, std::move(holdings), {}));
  co_return outcomes;
}

// Makes new ends of visibility durable, then true. The messages are in flight.
Task<Result<void>> Logic::hold_all(QueuePtr queue, std::vector<Holding> holdings,
                                   store::Batch also) {
  store::Batch batch = std::move(also);
  for (const Holding& holding : holdings) {
    MessageState state = queue->index.state_of(holding.sequence);
    state.visible_at = holding.after;
    batch.put(storage::state_key(queue->id(), holding.sequence), storage::encode(state));
    queue->index.detach(holding.sequence);
  }
  auto committed = co_await kernel_.store.commit(std::move(batch));
  TimePoint now = kernel_.clock.now();
  // Backwards: where a request names a message twice, its last word counts, as in the store.
  for (const Holding& holding : std::views::reverse(holdings)) {
    queue->index.reattach(holding.sequence, committed ? holding.after : holding.before, now);
  }
  queue->settled.notify_all();
  if (queue->index.can_take()) queue->arrived.notify_one();
  if (!committed) co_return fail(std::move(committed).error());
  co_return ok();
}

}  // namespace suiro::sqs
