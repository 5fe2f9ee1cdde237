// SPDX-License-Identifier: Apache-2.0
// From queue to queue: dead letters and message move tasks. Both erase and write in one commit,
// which runs on the destination's shard, because that is where its sequences are drawn.
#include <charconv>

#include "base/log.h"
#include "services/sqs/logic.h"

namespace suiro::sqs {
namespace {

using Status = MoveTaskRecord::Status;

constexpr size_t kMoveBatch = 10;
constexpr size_t kMoveConflictsMax = 100;

std::string task_handle(std::string_view source_arn, uint64_t task) {
  return base64_encode(fmt::format("{}\n{}", source_arn, task));
}

std::unexpected<Error> no_such_task() {
  return fail(kResourceNotFound, "Task does not exist.");
}

std::unexpected<Error> no_such_source(std::string_view parameter) {
  return fail(kResourceNotFound,
              fmt::format("The resource that you specified for the {} parameter doesn't exist.",
                          parameter));
}

bool is_active(const MoveTaskRecord& record) {
  return record.status == Status::kRunning || record.status == Status::kCancelling;
}

}  // namespace

// Takes messages over: commits them with `also`, which erases them where they were.
Task<Result<void>> Logic::deposit(Deposit to, std::vector<Message> messages, store::Batch also) {
  auto there = [&]() -> Task<Result<void>> {
    CO_TRY(QueuePtr queue, find(to.queue));
    if (!to.dead_in.empty() && !queue->settings.redrive_allow.allows(to.dead_in)) {
      co_return fail(kAccessDenied, "its RedriveAllowPolicy does not allow the source");
    }
    TimePoint now = kernel_.clock.now();
    std::vector<Outgoing> outgoing;
    for (Message& message : messages) {
      if (queue->is_fifo() && message.group_id.empty()) {
        co_return fail(kInvalidParameterValue, "a message without a group cannot go to it");
      }
      Index::Added added{queue->index.next(now), {}, {}, message.group_id};
      // A dead letter of a standard queue keeps its age, one of a FIFO queue begins anew.
      if (queue->is_fifo()) {
        message.sent_at = now;
        added.visible_at = now + queue->settings.delay;
      } else if (message.sent_at != now) {
        added.sent_at = message.sent_at;
      }
      outgoing.push_back({std::move(added), storage::encode(message)});
    }
    co_return co_await enqueue(queue, std::move(outgoing), std::move(also));
  };
  co_return co_await run_on(kernel_.shards.owner(to.queue), there);
}

// --- dead letters
// ----------------------------------------------------------------------------------

// SQS Developer Guide, "Using dead-letter queues". On an error the messages can be received again,
// and redriving pauses.
Task<Result<void>> Logic::move_dead(QueuePtr queue, std::vector<Sequence> dead) {
  auto moved = co_await try_move_dead(queue, dead);
  for (Sequence sequence : dead) {
    if (moved) {
      queue->index.remove(sequence);
      part(queue->name).cache.drop(queue->id(), sequence);
    } else {
      queue->index.release(sequence);
    }
  }
  if (!moved) queue->redrive_at = kernel_.clock.now() + kRedrivePause;
  queue->settled.notify_all();
  if (queue->index.can_take()) queue->arrived.notify_one();
  co_return moved;
}

Task<Result<void>> Logic::try_move_dead(QueuePtr queue, std::vector<Sequence> dead) {
  if (!queue->settings.redrive) co_return fail(codes::kNotFound, "it has none any more");
  CO_TRY(std::string target, name_of(queue->settings.redrive->target.str()));
  CO_TRY(auto loaded, co_await load(queue, dead));
  std::ranges::sort(loaded, {}, &Loaded::sequence);
  store::Batch erases;
  for (Sequence sequence : dead) storage::erase_message(erases, queue->id(), sequence);
  std::vector<Message> messages;
  for (Loaded& item : loaded) {
    const Index::Flight* flight = queue->index.find(item.sequence);
    if (flight == nullptr) continue;
    Message& message = messages.emplace_back(std::move(item.message));
    if (message.receives_before == 0) message.first_received_before = flight->first_received_at;
    message.receives_before += flight->receives;
    message.dead_letter_source_arn = queue->arn;
  }
  co_return co_await deposit({target, queue->arn}, std::move(messages), std::move(erases));
}

Task<Result<Names>> Logic::dead_letter_sources(On on, ListOptions options) {
  CO_TRY_VOID(co_await find_queue(on));
  std::string target = arn_of(on.queue);
  std::set<std::string> sources;
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto there = [&]() -> Task<void> {
      for (const auto& [name, queue] : parts_[i]->queues) {
        const auto& redrive = queue->settings.redrive;
        if (!queue->deleted && redrive && redrive->target.str() == target) sources.insert(name);
      }
      co_return;
    };
    co_await run_on(kernel_.shards.executor(i), there);
  }
  co_return page_of(sources, options);
}

// --- move tasks
// ------------------------------------------------------------------------------------

Task<Result<std::string>> Logic::start_move(MoveOptions options) {
  auto source = name_of(options.source_arn);
  if (!source) co_return no_such_source("SourceArn");
  if (options.per_second_max &&
      (*options.per_second_max < 1 ||
       *options.per_second_max > static_cast<int32_t>(kMovesPerSecondMax))) {
    co_return bad_value(*options.per_second_max, "MaxNumberOfMessagesPerSecond",
                        "Value must be between 1 and 500.");
  }
  On on{*source, options.access};
  auto sources = co_await dead_letter_sources(on, {});
  if (!sources) co_return no_such_source("SourceArn");
  if (sources->names.empty()) {
    co_return fail(kInvalidParameterValue,
                   "Source queue must be configured as a Dead Letter Queue.");
  }
  if (!options.destination_arn.empty()) {
    auto destination = name_of(options.destination_arn);
    if (!destination || !co_await find_queue({*destination, options.access})) {
      co_return no_such_source("DestinationArn");
    }
  }
  auto run = [&](QueuePtr queue) -> Task<Result<std::string>> {
    co_return co_await start_move_here(queue, std::move(options));
  };
  co_return co_await on_queue(std::move(on), "sqs:StartMessageMoveTask", run);
}

Task<Result<std::string>> Logic::start_move_here(QueuePtr queue, MoveOptions options) {
  queue->index.advance(kernel_.clock.now());
  for (const auto& [id, task] : queue->tasks) {
    if (is_active(task.record)) {
      co_return fail(kInvalidParameterValue,
                     "There is already a task running. Only one active task is allowed for a "
                     "source queue arn at a given time.");
    }
  }
  auto now_ms = static_cast<uint64_t>(kernel_.clock.now().time_since_epoch().count());
  uint64_t newest = queue->tasks.empty() ? 0 : queue->tasks.rbegin()->first;
  uint64_t id = std::max(now_ms, newest + 1);
  MoveTask& task = queue->tasks[id];
  task.id = id;
  task.record.destination_arn = options.destination_arn;
  task.record.per_second_max = static_cast<uint32_t>(options.per_second_max.value_or(0));
  task.record.to_move = queue->index.waiting();
  task.stored = storage::encode(task.record);
  store::Batch batch;
  batch.put(storage::task_key(queue->id(), id), task.stored);
  while (queue->tasks.size() > kMoveTasksShown) {
    batch.erase(storage::task_key(queue->id(), queue->tasks.begin()->first));
    queue->tasks.erase(queue->tasks.begin());
  }
  auto committed = co_await kernel_.store.commit(std::move(batch));
  if (!committed) {
    queue->tasks.erase(id);
    co_return fail(std::move(committed).error());
  }
  part(queue->name).scope.spawn(run_move(queue, id));
  co_return task_handle(queue->arn, id);
}

Task<void> Logic::run_move(QueuePtr queue, uint64_t id) {
  Part& own = part(queue->name);
  size_t conflicts = 0;
  while (!own.closing && !queue->deleted) {
    auto found = queue->tasks.find(id);
    if (found == queue->tasks.end()) co_return;
    MoveTask& task = found->second;
    uint32_t rate = task.record.per_second_max;
    size_t count = rate == 0 ? kMoveBatch : std::min<size_t>(kMoveBatch, rate);
    uint64_t left = task.record.to_move - std::min(task.record.to_move, task.record.moved);
    Result<size_t> moved = size_t{0};
    Status end = Status::kCompleted;
    std::string failure;
    if (task.record.status == Status::kCancelling) {
      end = Status::kCancelled;
    } else if (left > 0) {
      moved = co_await move_some(queue, id, std::min<uint64_t>(count, left));
    }
    if (moved && *moved > 0) {
      conflicts = 0;
      if (rate == 0) continue;
      Millis pause(static_cast<int64_t>(*moved * 1000 / rate));
      co_await own.stopping.wait_until(kernel_.clock, kernel_.clock.now() + pause);
      continue;
    }
    if (!moved) {
      bool again =
          moved.error().code == codes::kConditionFailed || moved.error().code == codes::kThrottled;
      if (again && ++conflicts < kMoveConflictsMax) {
        co_await own.stopping.wait_until(kernel_.clock, kernel_.clock.now() + kPurgePause);
        continue;
      }
      // A store that takes no writes ends the process' work, not the task's.
      if (!kernel_.store.latched().empty()) co_return;
      end = Status::kFailed;
      failure = moved.error().code;
    }
    auto ended = co_await end_move(queue, id, end, std::move(failure));
    if (!ended) {
      log::warning(
          "sqs: the end of a move task of {} is not stored; it goes on after a restart: {}",
          queue->name, ended.error().message);
    }
    co_return;
  }
}

// Moves at most `count` messages to one destination. Returns how many left the queue.
Task<Result<size_t>> Logic::move_some(QueuePtr queue, uint64_t id, size_t count) {
  auto taken = queue->index.take_to_move(count, kernel_.clock.now());
  if (taken.empty()) co_return size_t{0};
  auto moved = co_await try_move_some(queue, id, taken);
  TimePoint now = kernel_.clock.now();
  for (Sequence sequence : taken) {
    bool gone = moved && moved->contains(sequence);
    if (gone) {
      queue->index.remove(sequence);
      part(queue->name).cache.drop(queue->id(), sequence);
    } else {
      queue->index.reattach(sequence, now, now);
    }
  }
  queue->settled.notify_all();
  if (queue->index.can_take()) queue->arrived.notify_one();
  if (!moved) co_return fail(std::move(moved).error());
  co_return moved->size();
}

Task<Result<std::set<Sequence>>> Logic::try_move_some(QueuePtr queue, uint64_t id,
                                                      std::vector<Sequence> taken) {
  CO_TRY(auto loaded, co_await load(queue, std::move(taken)));
  std::ranges::sort(loaded, {}, &Loaded::sequence);
  auto found = queue->tasks.find(id);
  if (found == queue->tasks.end()) co_return fail(kResourceNotFound, "the task is gone");
  MoveTaskRecord record = found->second.record;
  std::set<Sequence> moved;
  std::vector<Message> messages;
  std::string target_arn = record.destination_arn;
  store::Batch batch;
  for (Loaded& item : loaded) {
    const std::string& arn = record.destination_arn.empty() ? item.message.dead_letter_source_arn
                                                            : record.destination_arn;
    if (arn.empty()) {
      co_return fail("CouldNotDetermineMessageSource", "a message was not moved here as dead");
    }
    if (target_arn.empty()) target_arn = arn;
    if (arn != target_arn) continue;
    storage::erase_message(batch, queue->id(), item.sequence);
    moved.insert(item.sequence);
    // SQS Developer Guide: a redriven message is a new one.
    Message& message = messages.emplace_back(std::move(item.message));
    message.id = new_message_id(kernel_.random);
    message.sent_at = kernel_.clock.now();
    message.receives_before = 0;
    message.first_received_before = {};
    message.dead_letter_source_arn.clear();
  }
  if (moved.empty()) co_return moved;
  auto target = name_of(target_arn);
  if (!target) co_return fail("AWS.SimpleQueueService.NonExistentQueue", target_arn);
  record.moved += moved.size();
  Bytes stored = storage::encode(record);
  store::Key key = storage::task_key(queue->id(), id);
  batch.require_value(key, found->second.stored);
  batch.put(key, stored);
  auto done = co_await deposit({*target, ""}, std::move(messages), std::move(batch));
  if (!done && done.error().code == kQueueDoesNotExist) {
    co_return fail("AWS.SimpleQueueService.NonExistentQueue", target_arn);
  }
  if (!done) co_return fail(std::move(done).error());
  found = queue->tasks.find(id);
  if (found != queue->tasks.end()) {
    found->second.record.moved = record.moved;
    if (found->second.record.status == record.status) found->second.stored = std::move(stored);
  }
  co_return moved;
}

Task<Result<void>> Logic::end_move(QueuePtr queue, uint64_t id, Status status,
                                   std::string failure) {
  auto found = queue->tasks.find(id);
  if (found == queue->tasks.end() || queue->deleted) co_return ok();
  MoveTask& task = found->second;
  task.record.status = status;
  task.record.failure = std::move(failure);
  task.stored = storage::encode(task.record);
  store::Batch batch;
  batch.put(storage::task_key(queue->id(), id), task.stored);
  CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
  co_return ok();
}

Task<Result<uint64_t>> Logic::cancel_move(std::string handle, Access access) {
  auto text = base64_decode(handle);
  size_t split = text ? text->find('\n') : std::string::npos;
  if (split == std::string::npos) {
    co_return fail(kInvalidParameterValue, "Value for parameter TaskHandle is invalid.");
  }
  uint64_t id = 0;
  std::from_chars(text->data() + split + 1, text->data() + text->size(), id);
  auto source = name_of(text->substr(0, split));
  if (!source) co_return no_such_task();
  auto run = [&](QueuePtr queue) -> Task<Result<uint64_t>> {
    auto found = queue->tasks.find(id);
    if (found == queue->tasks.end()) co_return no_such_task();
    MoveTask& task = found->second;
    if (!is_active(task.record)) {
      co_return fail(kUnsupportedOperation, "Only active tasks can be cancelled.");
    }
    task.record.status = Status::kCancelling;
    task.stored = storage::encode(task.record);
    store::Batch batch;
    batch.put(storage::task_key(queue->id(), id), task.stored);
    uint64_t moved = task.record.moved;
    CO_TRY_VOID(co_await kernel_.store.commit(std::move(batch)));
    co_return moved;
  };
  auto cancelled =
      co_await on_queue({*source, std::move(access)}, "sqs:CancelMessageMoveTask", run);
  if (!cancelled && cancelled.error().code == kQueueDoesNotExist) co_return no_such_task();
  co_return cancelled;
}

Task<Result<std::vector<MoveTaskView>>> Logic::list_moves(std::string source_arn, int32_t count,
                                                          Access access) {
  auto source = name_of(source_arn);
  if (!source) co_return no_such_source("SourceArn");
  if (count < 1 || count > static_cast<int32_t>(kMoveTasksShown)) {
    co_return bad_value(count, "MaxResults", "Value must be between 1 and 10.");
  }
  auto run = [&](QueuePtr queue) -> Task<Result<std::vector<MoveTaskView>>> {
    std::vector<MoveTaskView> views;
    for (auto at = queue->tasks.rbegin();
         at != queue->tasks.rend() && views.size() < static_cast<size_t>(count); ++at) {
      const MoveTask& task = at->second;
      bool running = task.record.status == Status::kRunning;
      views.push_back({running ? task_handle(queue->arn, task.id) : "", queue->arn,
                       TimePoint(Millis(static_cast<int64_t>(task.id))), task.record});
    }
    co_return views;
  };
  auto listed = co_await on_queue({*source, std::move(access)}, "sqs:ListMessageMoveTasks", run);
  if (!listed && listed.error().code == kQueueDoesNotExist) co_return no_such_source("SourceArn");
  co_return listed;
}

}  // namespace suiro::sqs
