// SPDX-License-Identifier: Apache-2.0
// A stream in memory, as its owner knows it: shards, the tail of each, and the puts on their way.
//
//   put ─► gathering group ─drain()─► commit ─► tail, readers told ─► the group's puts answered
//
// Invariants:
//  1. A tail is the newest blocks of its shard without a gap, and ends at the shard's `next`.
//  2. At most one group of a stream is being committed; offsets are drawn when its commit begins.
// Thread: the owner shard's of the stream; ShardMap and Block are immutable and go anywhere.
#pragma once

#include <atomic>
#include <deque>
#include <memory>

#include "base/control_lock.h"
#include "kernel/store/store.h"
#include "services/kinesis/block.h"
#include "services/kinesis/rate.h"
#include "services/kinesis/sequence.h"
#include "services/kinesis/tail.h"

namespace suiro::kinesis {

// Which open shard takes a hash key; a picture of one epoch, kept by every shard of the process.
struct ShardMap {
  struct Open {
    HashKey end = 0;
    ShardIndex shard;
    SequenceFormat sequences;
  };
  StreamId stream;
  uint64_t epoch = 0;
  size_t record_bytes_max = 0;
  bool is_encrypted = false;  // as it was asked for
  std::vector<Open> open;     // by hash key; together they cover all

  const Open& of(HashKey key) const;
};
using ShardMapPtr = std::shared_ptr<const ShardMap>;

// What passes through a shard each second, where limits are those of AWS.
struct Throughput {
  Rate records_in{kShardRecordsInMax};
  Rate bytes_in{kShardBytesInMax};
  Rate reads{kShardReadsMax};
  Rate bytes_out{kShardBytesOutMax};
};

struct Shard {
  Shard(Executor executor, ShardIndex index_, ShardRecord record_)
      : index(index_), record(std::move(record_)), arrived(executor) {}

  ShardIndex index;
  ShardRecord record;
  Offset next = 0;  // of the next record to become durable
  TimePoint last_arrival = {};
  std::optional<TimePoint> last_time_row;
  Tail tail;
  Throughput throughput;
  Signal arrived;  // records, the end of the shard, or of the service

  bool is_open() const { return !record.closed; }
};

// The records of one put for one shard, and where they came to lie.
struct PutPart {
  ShardIndex shard;
  RecordsWriter records;
  Offset first = 0;
};

struct Put {
  std::vector<PutPart> parts;
  store::Batch also;
  bool has_also = false;
  size_t bytes = 0;
  // The shards changed before its commit: it is to be encoded anew.
  bool is_stale = false;
  Result<void> outcome;
};
using PutPtr = std::shared_ptr<Put>;

// Puts that are committed together.
struct PutGroup {
  explicit PutGroup(Executor executor) : committed(executor) {}
  std::vector<PutPtr> puts;
  size_t bytes = 0;
  bool is_done = false;
  Signal committed;
};

// A consumer's hold on a shard. Threads: `ended` any; the rest is constant.
struct Subscription {
  TimePoint began;
  std::atomic<bool> ended = false;  // its reader has gone, or another one took the shard over
};

struct Consumer {
  ConsumerRecord record;
  std::map<ShardIndex, std::shared_ptr<Subscription>> subscriptions = {};
};

struct Stream {
  Stream(Executor executor, std::string name_, std::string arn_, StreamRecord record_)
      : name(std::move(name_)), arn(std::move(arn_)), record(std::move(record_)), idle(executor) {}

  std::string name;
  std::string arn;
  StreamRecord record;
  std::map<ShardIndex, std::unique_ptr<Shard>> shards;
  std::map<std::string, Consumer, std::less<>> consumers;
  ShardMapPtr map;
  std::deque<std::shared_ptr<PutGroup>> groups;  // that wait for their commit
  size_t pending_bytes = 0;
  bool draining = false;
  Signal idle;          // drain() has ended
  bool paused = false;  // while the shards change, puts wait
  bool deleted = false;

  StreamId id() const { return record.id; }
  Shard* find(ShardIndex index) {
    auto found = shards.find(index);
    return found == shards.end() ? nullptr : found->second.get();
  }
  size_t open_shards() const;
};
using StreamPtr = std::shared_ptr<Stream>;

// The streams of one shard of the process.
struct Part {
  Part(Executor executor, size_t tail_bytes_max)
      : scope(executor), stopping(executor), control(executor), tails(tail_bytes_max) {}

  TaskScope scope;
  Signal stopping;
  bool closing = false;
  std::map<std::string, StreamPtr, std::less<>> streams;
  // Changes of streams themselves run one at a time.
  Control control;
  Tails tails;
  // Maps of the streams that requests on this shard put to, wherever these live.
  std::map<std::string, ShardMapPtr, std::less<>> maps;
};

}  // namespace suiro::kinesis
