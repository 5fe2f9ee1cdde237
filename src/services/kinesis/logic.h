// SPDX-License-Identifier: Apache-2.0
// Logic: the rules of Kinesis Data Streams, over the store. Errors carry the codes and texts of the
// Amazon Kinesis Data Streams API Reference.
//
// Invariants:
//  1. A put is acknowledged only after the commit that holds its records; offsets of a shard are
//     drawn when a commit begins, without a gap: order of offsets is order of durability.
//  2. All puts of a stream that wait are committed together, with one block a shard. Nothing waits
//     while no commit is under way.
//  3. Readers see durable records only: of the tail in memory, of older blocks in the store.
//  4. A stream's state is touched on its owner shard only, chosen by its name: all shards of the
//     stream live there, so that a put over several of them is one commit. Encoding and decoding
//     run on the caller's shard.
//
// Threads: the public methods may be called on any shard; each hops to the stream's owner and back.
// Failure: Result with AWS's code and text. Bytes on disk: docs/formats/kinesis.md.
#pragma once

#include "kernel/event/kernel.h"
#include "services/kinesis/errors.h"
#include "services/kinesis/stream.h"

namespace suiro::kinesis {

// Puts that wait: of one stream, and how much of them goes into one commit.
inline constexpr size_t kPendingBytesMax = 64 << 20;
// What one request may append; PutRecords allows less.
inline constexpr size_t kAppendBytesMax = 32 << 20;
inline constexpr size_t kGroupBytesMax = 8 << 20;
inline constexpr size_t kBlockBytesMax = 1 << 20;
inline constexpr Millis kTimeRowInterval = std::chrono::seconds(10);
// Changes of the shards between a put's encoding and its commit.
inline constexpr int kPutAttemptsMax = 10;
inline constexpr int kReadAttemptsMax = 10;
// Maps that a shard of the process keeps of streams that it put to.
inline constexpr size_t kMapsMax = 10'000;
inline constexpr Millis kTrimInterval = std::chrono::seconds(60);

struct Config {
  size_t tail_bytes_max = kTailBytesDefault;  // of all shards together
};

struct NewRecord {
  ByteView data;
  std::string_view partition_key;
  std::optional<HashKey> explicit_hash_key;
};

struct PutPlace {
  ShardIndex shard;
  std::string sequence_number;
};

// A shard as lists show it.
struct ShardView {
  ShardIndex index;
  ShardRecord record;
};

// What a reader gets. The views point into `blocks`.
struct Slice {
  TimePoint created;  // the shard's: part of its sequence numbers
  std::vector<BlockPtr> blocks;
  std::vector<RecordView> records;
  Offset next = 0;
  uint64_t millis_behind = 0;
  bool ended = false;  // a closed shard, read to its end
  std::vector<ShardView> children;  // where it ended
};

struct ReadLimits {
  size_t records = kGetRecordsMax;
  size_t bytes = kGetBytesMax;
  Millis wait{0};
};

struct StreamView {
  std::string name;
  std::string arn;
  StreamRecord record;
  size_t open_shards = 0;
  size_t consumers = 0;
};

class Logic {
 public:
  Logic(event::Kernel& kernel, Config config);
  ~Logic();

  Task<Result<void>> start();
  Task<void> stop();

  // --- streams (logic_stream.cc)
  struct NewStream {
    std::string name;
    Mode mode = Mode::kProvisioned;
    uint32_t shards = 1;
    uint32_t max_record_kib = kRecordKibMin;
    std::map<std::string, std::string> tags;
  };
  Task<Result<void>> create(NewStream stream);
  enum class Consumers { kRefuse, kRemove };
  Task<Result<void>> remove(std::string name, Consumers consumers);
  Task<Result<StreamView>> describe(std::string name);
  // In order of their indices, closed ones too.
  Task<Result<std::vector<ShardView>>> shards(std::string name);
  struct StreamPage {
    std::vector<StreamView> streams;
    bool more = false;
  };
  Task<Result<StreamPage>> list(std::string after, size_t count);

  // --- puts (logic_put.cc)
  // The places of the records, in their order. `also` is committed with them.
  Task<Result<std::vector<PutPlace>>> put(std::string name, std::vector<NewRecord> records,
                                          store::Batch also = {});

  // --- reads (logic_read.cc)
  struct Place {
    std::string stream;
    ShardIndex shard;
    std::optional<StreamId> id;  // only in the stream of this id
  };
  struct Start {
    enum class At { kTrimHorizon, kLatest, kTimestamp, kSequence, kAfterSequence } at;
    TimePoint timestamp = {};
    std::string sequence = {};
  };
  struct Located {
    StreamId stream;
    Offset offset = 0;
  };
  Task<Result<Located>> locate(Place place, Start start);
  // A place behind the horizon reads from the horizon.
  Task<Result<Slice>> read(Place place, Offset from, ReadLimits limits);

  std::string arn_of(std::string_view name) const;
  // The name of a stream of this account and region. Errors: ResourceNotFoundException.
  Result<std::string> name_of(std::string_view arn) const;

 private:
  struct View;
  struct Plan;

  Part& part(std::string_view stream) { return *parts_[kernel_.shards.owner_index(stream)]; }
  Result<StreamPtr> find(std::string_view name);
  std::unexpected<Error> no_such_stream(std::string_view name) const;
  std::unexpected<Error> no_such_shard(std::string_view name, ShardIndex shard) const;
  // Runs `run(StreamPtr)` on the owner shard of a stream that exists.
  template <class Run>
  auto on_stream(std::string name, Run run) -> std::invoke_result_t<Run&, StreamPtr>;
  // The same for changes of the stream itself: one at a time.
  template <class Run>
  auto change(std::string name, Run run) -> std::invoke_result_t<Run&, StreamPtr>;

  // logic.cc
  Task<Result<void>> load_stream(std::string name, StreamRecord record);
  Task<Result<void>> load_shard(StreamPtr stream, ShardIndex index, ShardRecord record);
  Task<void> stop_part(Part& own);
  void forget_tails(Stream& stream);
  StreamPtr make_stream(std::string name, StreamRecord record);
  Shard& add_shard(Stream& stream, ShardIndex index, ShardRecord record);
  static void renew_map(Stream& stream);

  // logic_stream.cc
  Task<Result<void>> create_here(NewStream stream);
  Task<Result<void>> remove_here(StreamPtr stream, Consumers consumers);
  static StreamView view_of(const Stream& stream);
  // Waits until nothing is being committed; puts that come meanwhile wait.
  Task<void> pause(StreamPtr stream);
  // Puts that waited are encoded anew, for the shards as they are now.
  void resume(const StreamPtr& stream);

  // logic_put.cc
  Task<Result<ShardMapPtr>> map_of(std::string name);
  Result<Plan> plan(const ShardMap& map, const std::vector<NewRecord>& records) const;
  // Waits for the commit. Gives the map as it is where the put was encoded for another.
  Task<Result<ShardMapPtr>> submit(std::string name, ShardMapPtr map, PutPtr put);
  void start_drain(const StreamPtr& stream);
  Task<void> drain(StreamPtr stream);
  Task<void> commit_group(StreamPtr stream, std::vector<PutPtr> puts);
  Task<Result<void>> commit_puts(StreamPtr stream, std::vector<PutPtr> puts);
  void publish(const StreamPtr& stream, Shard& shard, std::vector<BlockPtr> blocks);

  // logic_read.cc
  Task<Result<View>> view(Place place, Offset from, ReadLimits limits);
  Task<Result<std::vector<BlockPtr>>> stored_blocks(StreamId stream, ShardIndex shard, Offset from,
                                                    size_t bytes);
  static Result<bool> fill(Slice& out, Offset from, Offset next, const ReadLimits& limits);
  Task<Result<Offset>> time_row_before(StreamId stream, ShardIndex shard, TimePoint time);
  Task<Result<Offset>> first_at(Place place, Offset from, TimePoint time);

  event::Kernel& kernel_;
  Config config_;
  std::vector<std::unique_ptr<Part>> parts_;
};

template <class Run>
auto Logic::on_stream(std::string name, Run run) -> std::invoke_result_t<Run&, StreamPtr> {
  auto there = [&]() -> std::invoke_result_t<Run&, StreamPtr> {
    CO_TRY(StreamPtr stream, find(name));
    co_return co_await run(std::move(stream));
  };
  co_return co_await run_on(kernel_.shards.owner(name), there);
}

template <class Run>
auto Logic::change(std::string name, Run run) -> std::invoke_result_t<Run&, StreamPtr> {
  auto there = [&]() -> std::invoke_result_t<Run&, StreamPtr> {
    ControlLock lock = co_await ControlLock::take(part(name));
    CO_TRY(StreamPtr stream, find(name));
    co_return co_await run(std::move(stream));
  };
  co_return co_await run_on(kernel_.shards.owner(name), there);
}

}  // namespace suiro::kinesis
