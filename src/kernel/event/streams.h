// SPDX-License-Identifier: Apache-2.0
// How services meet over streams, functions and the lake without knowing each other: the reading
// side of a stream (StreamSource), the writing side of whatever takes records (RecordSink), a
// function that answers (FunctionCaller), and an object written into the lake (ObjectWriter).
// Services implement and register them at wiring; others find them by ARN.
//
// Invariants:
//  1. A source keeps no state for its readers: a reader keeps its position under its own key and
//     commits it together with what it made of the records, so that nothing is counted twice.
//  2. append() and write() commit `also` in the same batch as their own writes: what caused them is
//     consumed if and only if they are durable.
//  3. Positions of a shard only grow; sequence numbers compare as unsigned numbers.
//  4. A position belongs to one generation of its stream: a stream that is deleted and made again
//     under its name is another generation, whose shards have the same names and begin at 0.
//
// Threads: any shard; implementations hop to the owner themselves.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong.h"
#include "base/task.h"
#include "base/trace.h"
#include "kernel/store/store.h"

namespace suiro::event {

struct StreamGenerationTag;
// Which of the streams that had a name one after the other. 0: not told; it fits any.
using StreamGeneration = Strong<StreamGenerationTag, uint64_t>;

struct StreamShard {
  std::string id;                    // "shardId-000000000000"
  std::vector<std::string> parents;  // none, one (split) or two (merge)
  bool open = true;                  // closed ones can be read to their end
  StreamGeneration generation = {};  // the same for all shards of one answer
};

struct StreamPlace {
  std::string stream_arn;
  std::string shard;
  StreamGeneration generation = {};
};

// A place between two records of a shard. Reading there gives the first record at or behind it.
struct StreamPosition {
  uint64_t offset = 0;  // counts the shard's records from 0; stable over trims and restarts
  auto operator<=>(const StreamPosition&) const = default;
};

struct StreamStart {
  enum class At { kTrimHorizon, kLatest, kTimestamp, kSequence, kAfterSequence } at;
  TimePoint timestamp = {};          // kTimestamp
  std::string sequence_number = {};  // kSequence, kAfterSequence
};

struct StreamRecord {
  StreamPosition position;
  std::string sequence_number;  // decimal
  std::string partition_key;
  std::string explicit_hash_key;  // empty: none
  TimePoint arrived;
  Bytes data;
};

struct StreamBatch {
  std::vector<StreamRecord> records;
  StreamPosition next;  // where to go on
  uint64_t millis_behind = 0;
  bool ended = false;  // a closed shard, read to its end
};

class StreamSource {
 public:
  virtual ~StreamSource() = default;
  // All shards that still hold or may take records: at least one. Errors: kNotFound.
  virtual Task<Result<std::vector<StreamShard>>> shards(std::string stream_arn) = 0;
  // Errors: kNotFound, also where the stream is of another generation.
  virtual Task<Result<StreamPosition>> locate(StreamPlace place, StreamStart start) = 0;
  struct ReadRequest {
    StreamPlace place;
    StreamPosition from;
    size_t records_max = 10'000;
    size_t bytes_max = 10 << 20;
    Millis wait{0};  // how long to wait for the first record
  };
  // Records that are durable. A position behind the trim horizon reads from the horizon.
  // Errors: kNotFound, also where the stream is of another generation.
  virtual Task<Result<StreamBatch>> read(ReadRequest request) = 0;
};

struct SinkRecord {
  Bytes data;
  std::string partition_key;  // streams; ignored by delivery streams
};

// What takes records: a stream, a delivery stream.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // Appends all records, in order, in one commit with `also`; or fails and commits nothing.
  // Errors: kNotFound, kThrottled, kTooLarge, those of the store.
  virtual Task<Result<void>> append(std::string arn, std::vector<SinkRecord> records,
                                    store::Batch also, TraceContext cause) = 0;
  // Errors: kNotFound where nothing of that name takes records.
  virtual Task<Result<void>> check(std::string arn) = 0;
};

// Calls a function and waits for its answer.
class FunctionCaller {
 public:
  virtual ~FunctionCaller() = default;
  struct Reply {
    Bytes payload;
    std::string function_error;  // "Handled", "Unhandled"; empty: none
  };
  virtual Task<Result<Reply>> call(std::string function_arn, Bytes payload, TraceContext cause) = 0;
};

// Writes an object into the lake, with its notifications.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  struct ObjectToWrite {
    std::string bucket;
    std::string key;
    std::string content_type;
    std::string content_encoding;  // empty: none
    Bytes data;
  };
  // In one commit with `also`. Errors: "NoSuchBucket", those of the store.
  virtual Task<Result<void>> write(ObjectToWrite object, store::Batch also, TraceContext cause) = 0;
};

}  // namespace suiro::event
