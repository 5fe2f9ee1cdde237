// SPDX-License-Identifier: Apache-2.0
// Key layout and values of SQS: the one place that knows how queues and messages lie in the store.
//
// Invariants:
//  1. decode(encode(x)) == x; a value of another version or with bytes left over is kCorrupt.
//  2. A message's state and body keys are written together and erased together.
//
// Thread: pure functions. Bytes on disk: docs/formats/sqs.md.
#pragma once

#include <map>
#include <string>

#include "kernel/store/store.h"
#include "services/sqs/message.h"

namespace suiro::sqs {

struct QueueRecord {
  QueueId id;
  TimePoint created_at;
  TimePoint modified_at;
  std::map<std::string, std::string> attributes;  // as set; defaults are not stored
  std::map<std::string, std::string> tags;
  friend bool operator==(const QueueRecord&, const QueueRecord&) = default;
};

struct DedupRecord {
  Sequence sequence;
  Bytes message_id;
  friend bool operator==(const DedupRecord&, const DedupRecord&) = default;
};

struct MoveTaskRecord {
  enum class Status : uint8_t { kRunning, kCompleted, kCancelling, kCancelled, kFailed };
  Status status = Status::kRunning;
  std::string destination_arn;  // empty: each message goes back to where it was dead
  std::string failure;
  uint32_t per_second_max = 0;  // 0: as fast as it goes
  uint64_t moved = 0;
  uint64_t to_move = 0;
  friend bool operator==(const MoveTaskRecord&, const MoveTaskRecord&) = default;
};

namespace storage {

store::Key queue_key(std::string_view name);
store::Key state_key(QueueId queue, Sequence sequence);
store::Key body_key(QueueId queue, Sequence sequence);
store::Key dedup_key(QueueId queue, ByteView hash);
store::Key task_key(QueueId queue, uint64_t task);
store::Key tombstone_key(std::string_view name);

store::KeyRange queues();
store::KeyRange tombstones();
store::KeyRange states(QueueId queue);
store::KeyRange dedups(QueueId queue);
store::KeyRange tasks(QueueId queue);
// Bodies from `first` to the newest.
store::KeyRange bodies_from(QueueId queue, Sequence first);

// The name at the end of a queue or tombstone key; the sequence (task) at the end of the others.
std::string name_of(ByteView key);
Sequence sequence_of(ByteView key);
Bytes hash_of(ByteView key);

Bytes encode(const QueueRecord& record);
Bytes encode(const MessageState& state);
Bytes encode(const Message& message);
Bytes encode(const DedupRecord& record);
Bytes encode(const MoveTaskRecord& record);
Bytes encode_time(TimePoint time);

// Errors: kCorrupt.
Result<QueueRecord> decode_queue(ByteView value);
Result<MessageState> decode_state(ByteView value);
Result<Message> decode_message(ByteView value);
Result<DedupRecord> decode_dedup(ByteView value);
Result<MoveTaskRecord> decode_task(ByteView value);
Result<TimePoint> decode_time(ByteView value);

void put_message(store::Batch& batch, QueueId queue, Sequence sequence, const MessageState& state,
                 Bytes encoded_message);
void erase_message(store::Batch& batch, QueueId queue, Sequence sequence);
// Messages with sequences below `end`.
void erase_messages_below(store::Batch& batch, QueueId queue, Sequence end);
// Everything that the queue has but its own record.
void erase_contents(store::Batch& batch, QueueId queue);

}  // namespace storage
}  // namespace suiro::sqs
