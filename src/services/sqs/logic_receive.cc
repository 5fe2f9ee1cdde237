// SPDX-License-Identifier: Apache-2.0
// Receiving: take from the index, make it durable, read the bodies; or wait.
#include "base/log.h"
#include "services/sqs/logic.h"

namespace suiro::sqs {
namespace {

constexpr int32_t kCountMax = 10;
constexpr int32_t kWaitMax = 20;
constexpr int32_t kVisibilitySecondsMax = 43200;

Result<void> check_options(const Queue& queue, const ReceiveOptions& options) {
  if (options.count < 1 || options.count > kCountMax) {
    return bad_value(options.count, "MaxNumberOfMessages",
                     "Must be between 1 and 10, if provided.");
  }
  if (options.wait_s && (*options.wait_s < 0 || *options.wait_s > kWaitMax)) {
    return bad_value(*options.wait_s, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.");
  }
  if (options.visibility_s &&
      (*options.visibility_s < 0 || *options.visibility_s > kVisibilitySecondsMax)) {
    return bad_value(*options.visibility_s, "VisibilityTimeout",
                     "Must be >= 0 and <= 43200, if provided.");
  }
  if (!options.attempt_id.empty() && !queue.is_fifo()) {
    return bad_value(options.attempt_id, "ReceiveRequestAttemptId",
                     "The request include parameter that is not valid for this queue type");
  }
  if (options.attempt_id.size() > kGroupIdLengthMax) {
    return bad_value(options.attempt_id, "ReceiveRequestAttemptId",
                     "ReceiveRequestAttemptId can only include alphanumeric and punctuation "
                     "characters. 1 to 128 in length.");
  }
  return ok();
}

Millis seconds(int32_t count) {
  return std::chrono::seconds(count);
}

}  // namespace

Task<Result<std::vector<Received>>> Logic::receive(On on, ReceiveOptions options) {
  auto run = [&](QueuePtr queue) -> Task<Result<std::vector<Received>>> {
    CO_TRY_VOID(check_options(*queue, options));
    co_return co_await receive_here(queue, options);
  };
  co_return co_await on_queue(std::move(on), "sqs:ReceiveMessage", run);
}

Task<Result<std::vector<Received>>> Logic::receive_here(QueuePtr queue, ReceiveOptions options) {
  Part& own = part(queue->name);
  Millis wait = options.wait_s ? seconds(*options.wait_s) : queue->settings.receive_wait;
  TimePoint deadline = kernel_.clock.now() + wait;
  if (!options.attempt_id.empty()) {
    CO_TRY(auto again, co_await repeat_attempt(queue, options));
    if (!again.empty()) co_return again;
  }
  std::unique_ptr<Cancellation::Subscription> watch;
  for (size_t busy_rounds = 0; busy_rounds < kReceiveRoundsMax;) {
    if (queue->deleted) co_return no_such_queue();
    if (options.cancellation && options.cancellation->cancelled()) {
      // The wake-up may have been for a message that another waiter can have.
      if (queue->index.can_take()) queue->arrived.notify_one();
      break;
    }
    TimePoint now = kernel_.clock.now();
    queue->index.advance(now);
    size_t limit = queue->is_fifo() ? config_.fifo_in_flight_max : config_.standard_in_flight_max;
    bool full = queue->index.in_flight() >= limit;
    if (full && !queue->is_fifo() && wait == Millis(0)) {
      co_return fail(kOverLimit, fmt::format("Maximum number of messages in flight is {}.", limit));
    }
    if (!full && queue->index.can_take()) {
      bool progressed = false;
      CO_TRY(auto received, co_await receive_round(queue, options, progressed));
      if (queue->index.can_take()) queue->arrived.notify_one();
      if (!received.empty()) {
        if (!options.attempt_id.empty()) remember_attempt(*queue, options.attempt_id, received);
        co_return received;
      }
      if (progressed) {
        ++busy_rounds;
        continue;
      }
    }
    if (now >= deadline || own.closing) break;
    if (options.cancellation && !watch) {
      auto executor = co_await asio::this_coro::executor;
      watch = options.cancellation->subscribe(executor, [queue] { queue->arrived.notify_all(); });
      continue;  // it may have been cancelled before
    }
    TimePoint wake = std::min(deadline, queue->index.next_due().value_or(deadline));
    co_await queue->arrived.wait_until(kernel_.clock, std::max(wake, now + Millis(1)));
  }
  co_return std::vector<Received>();
}

// One attempt to take messages. `progressed`: expired or dead ones went away, so another attempt
// may find some.
Task<Result<std::vector<Received>>> Logic::receive_round(QueuePtr queue,
                                                         const ReceiveOptions& options,
                                                         bool& progressed) {
  TimePoint now = kernel_.clock.now();
  const Settings& settings = queue->settings;
  Millis visibility = options.visibility_s ? seconds(*options.visibility_s) : settings.visibility;
  bool redrives = settings.redrive && now >= queue->redrive_at;
  Index::Taken taken =
      queue->index.take({.count = static_cast<size_t>(options.count),
                         .now = now,
                         .visible_at = now + visibility,
                         .sent_after = now - settings.retention,
                         .receives_max = redrives ? settings.redrive->receives_max : 0,
                         .nonce = [this] { return static_cast<uint32_t>(kernel_.random.next()); }});
  progressed = !taken.dead.empty() || !taken.expired.empty();
  store::Batch batch;
  for (Sequence sequence : taken.expired) {
    storage::erase_message(batch, queue->id(), sequence);
    part(queue->name).cache.drop(queue->id(), sequence);
  }
  for (Sequence sequence : taken.received) {
    batch.put(storage::state_key(queue->id(), sequence),
              storage::encode(queue->index.state_of(sequence)));
  }
  if (!batch.empty()) {
    auto committed = co_await kernel_.store.commit(std::move(batch));
    if (!committed) {
      for (Sequence sequence : taken.received) queue->index.untake(sequence);
      for (Sequence sequence : taken.dead) queue->index.release(sequence);
      co_return fail(std::move(committed).error());
    }
  }
  if (!taken.dead.empty()) {
    auto moved = co_await move_dead(queue, taken.dead);
    if (!moved) {
      log::warning("sqs: {} has no use of its dead-letter queue: {}", queue->name,
                   moved.error().message);
    }
  }
  co_return co_await collect(queue, std::move(taken.received));
}

// Messages with what a reply says of them. Those that went away meanwhile (a purge) are left out.
Task<Result<std::vector<Received>>> Logic::collect(QueuePtr queue,
                                                   std::vector<Sequence> sequences) {
  std::vector<Received> received;
  for (Sequence sequence : sequences) {
    const Index::Flight* flight = queue->index.find(sequence);
    if (flight == nullptr) continue;
    Received& item = received.emplace_back();
    item.handle = {queue->id(), sequence, flight->nonce};
    item.receives = flight->receives;
    item.first_received_at = flight->first_received_at;
  }
  CO_TRY(auto messages, co_await load(queue, std::move(sequences)));
  std::map<Sequence, Message*> by_sequence;
  for (auto& [sequence, message] : messages) by_sequence[sequence] = &message;
  std::erase_if(received, [&](Received& item) {
    auto found = by_sequence.find(item.handle.sequence);
    if (found == by_sequence.end()) return true;
    item.message = std::move(*found->second);
    item.receives += item.message.receives_before;
    if (item.message.receives_before > 0) {
      item.first_received_at = item.message.first_received_before;
    }
    return false;
  });
  co_return received;
}

// From the cache; a miss reads ahead, because what is next in the store is received next.
Task<Result<std::vector<Logic::Loaded>>> Logic::load(QueuePtr queue,
                                                     std::vector<Sequence> sequences) {
  BodyCache& cache = part(queue->name).cache;
  std::vector<Loaded> loaded;
  std::set<Sequence> missing;
  for (Sequence sequence : sequences) {
    const Bytes* encoded = cache.get(queue->id(), sequence);
    if (encoded == nullptr) {
      missing.insert(sequence);
      continue;
    }
    CO_TRY(Message message, storage::decode_message(*encoded));
    loaded.push_back({sequence, std::move(message)});
  }
  while (!missing.empty()) {
    Sequence first = *missing.begin();
    const Index::Flight* flight = queue->index.find(first);
    bool is_new = flight != nullptr && flight->receives <= 1;
    store::ScanOptions options{.range = storage::bodies_from(queue->id(), first),
                               .rows_max = is_new ? kReadAheadRows : 1,
                               .bytes_max = kReadAheadBytes};
    CO_TRY(store::ScanPage page, co_await kernel_.store.scan(std::move(options)));
    for (store::Entry& entry : page.entries) {
      Sequence sequence = storage::sequence_of(entry.key);
      if (missing.erase(sequence) > 0) {
        CO_TRY(Message message, storage::decode_message(entry.value));
        loaded.push_back({sequence, std::move(message)});
      }
      cache.put(queue->id(), sequence, std::move(entry.value));
    }
    missing.erase(first);
  }
  co_return loaded;
}

// --- receive attempts of FIFO queues
// ---------------------------------------------------------------

void Logic::remember_attempt(Queue& queue, const std::string& id,
                             const std::vector<Received>& received) {
  Attempt attempt;
  attempt.until = kernel_.clock.now() + kDeduplicationTime;
  for (const Received& item : received) attempt.handles.push_back(item.handle);
  queue.attempts_by_age.emplace_back(attempt.until, id);
  queue.attempts[id] = std::move(attempt);
  while (queue.attempts_by_age.size() > kAttemptsMax) {
    queue.attempts.erase(queue.attempts_by_age.front().second);
    queue.attempts_by_age.pop_front();
  }
}

// API Reference, ReceiveMessage, ReceiveRequestAttemptId: the same messages and receipt handles,
// and their visibility begins anew. Nothing where one of them is no longer in flight.
Task<Result<std::vector<Received>>> Logic::repeat_attempt(QueuePtr queue,
                                                          const ReceiveOptions& options) {
  TimePoint now = kernel_.clock.now();
  queue->index.advance(now);
  auto found = queue->attempts.find(options.attempt_id);
  if (found == queue->attempts.end() || found->second.until <= now) {
    co_return std::vector<Received>();
  }
  std::vector<Sequence> sequences;
  for (const ReceiptHandle& handle : found->second.handles) {
    const Index::Flight* flight = queue->index.find(handle.sequence);
    if (flight == nullptr || flight->place != Index::Place::kInFlight ||
        flight->nonce != handle.nonce) {
      queue->attempts.erase(found);
      co_return std::vector<Received>();
    }
    sequences.push_back(handle.sequence);
  }
  Millis visibility =
      options.visibility_s ? seconds(*options.visibility_s) : queue->settings.visibility;
  std::vector<Holding> holdings;
  for (Sequence sequence : sequences) {
    const Index::Flight* flight = queue->index.find(sequence);
    holdings.push_back({sequence, flight->visible_at, now + visibility});
  }
  CO_TRY_VOID(co_await hold_all(queue, std::move(holdings), {}));
  co_return co_await collect(queue, std::move(sequences));
}

}  // namespace suiro::sqs
