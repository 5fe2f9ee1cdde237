// SPDX-License-Identifier: Apache-2.0
// Queue: what its owner shard holds of one queue. Part: what one shard holds of the service.
//
// A Queue is shared by its shard's map and by the coroutines that work on it, because a queue can
// be deleted while a receive waits on it; after that `deleted` is set and whoever resumes sees it.
//
// Thread: the owner shard's only.
#pragma once

#include <memory>

#include "base/control_lock.h"
#include "base/task.h"
#include "services/sqs/body_cache.h"
#include "services/sqs/settings.h"
#include "services/sqs/storage.h"

namespace suiro::sqs {

// How long a deduplication id counts, and a receive attempt can be repeated (SQS Developer Guide,
// "Exactly-once processing").
inline constexpr Millis kDeduplicationTime = std::chrono::minutes(5);
// Receive attempts that a queue remembers; older ones are forgotten first.
inline constexpr size_t kAttemptsMax = 10'000;

// A FIFO queue's deduplication ids of the last five minutes.
struct Deduplication {
  struct Entry {
    Sequence sequence;
    bool durable = false;
  };
  std::unordered_map<Bytes, Entry> entries;       // by hash
  std::deque<std::pair<Sequence, Bytes>> by_age;  // may name entries that were rolled back
};

// Messages whose commit is under way. They become receivable in the order of their sequences,
// whatever the order in which their senders resume.
struct Publish {
  std::vector<Index::Added> messages;
  bool done = false;
};

// What a receive with a ReceiveRequestAttemptId gave.
struct Attempt {
  TimePoint until;
  std::vector<ReceiptHandle> handles;
};

struct MoveTask {
  uint64_t id = 0;
  MoveTaskRecord record;
  Bytes stored;  // the record as it is in the store
};

struct Queue {
  Queue(Executor executor, std::string queue_name, std::string queue_arn, QueueRecord queue_record,
        QueueKind kind)
      : name(std::move(queue_name)),
        arn(std::move(queue_arn)),
        record(std::move(queue_record)),
        settings(settings_of(record.attributes, kind)),
        index(kind),
        arrived(executor),
        settled(executor) {}

  QueueId id() const { return record.id; }
  bool is_fifo() const { return settings.kind == QueueKind::kFifo; }

  const std::string name;
  const std::string arn;
  QueueRecord record;
  Settings settings;
  Index index;
  Signal arrived;  // messages became receivable, or the queue is gone
  Signal settled;  // a commit about this queue's messages has ended
  bool deleted = false;
  TimePoint purged_at = {};
  // A dead-letter queue that did not take messages is tried again at this time; until then messages
  // are received beyond their maxReceiveCount.
  TimePoint redrive_at = {};
  Deduplication deduplication;
  uint64_t next_publish = 0;
  std::map<uint64_t, Publish> publishing;
  std::map<std::string, Attempt> attempts;
  std::deque<std::pair<TimePoint, std::string>> attempts_by_age;
  std::map<uint64_t, MoveTask> tasks;  // newest last
};
using QueuePtr = std::shared_ptr<Queue>;

struct Part {
  Part(Executor executor, size_t cache_bytes)
      : scope(executor), stopping(executor), control(executor), cache(cache_bytes) {}

  TaskScope scope;
  Signal stopping;
  bool closing = false;
  std::map<std::string, QueuePtr, std::less<>> queues;
  std::map<std::string, TimePoint, std::less<>> deleted_at;  // names of queues deleted of late
  // Changes of queues themselves (create, delete, attributes, tags) run one at a time.
  Control control;
  BodyCache cache;
};

}  // namespace suiro::sqs
