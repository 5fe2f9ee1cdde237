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

#include <atomic>

#include "kernel/event/kernel.h"
#include "services/kinesis/errors.h"
#include "services/kinesis/reshard.h"
#include "services/kinesis/storage.h"
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

enum class Limits { kNone, kAws };

struct Config {
  size_t tail_bytes_max = kTailBytesDefault;  // of all shards together
  Limits limits = Limits::kNone;              // of a shard's throughput
  bool encrypted_at_rest = false;             // the store's setting
  size_t open_shards_max = kOpenShardsMax;    // of all streams together
};

struct NewRecord {
  ByteView data;
  std::string_view partition_key;
  std::optional<HashKey> explicit_hash_key;
};

struct PutPlace {
  ShardIndex shard;
  std::string sequence_number;  // empty: refused, the shard's rate is exceeded
};
struct PutPlaces {
  std::vector<PutPlace> records;
  bool is_encrypted = false;
};

using Tags = std::map<std::string, std::string>;

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
  bool is_encrypted = false;
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

struct ConsumerView {
  std::string name;
  std::string arn;
  std::string stream;
  std::string stream_arn;
  ConsumerRecord record;
};

// How many shards of all streams are open, and how many may be. Threads: any.
class OpenShards {
 public:
  explicit OpenShards(size_t most) : most_(most) {}
  size_t most() const { return most_; }
  size_t count() const { return count_.load(); }
  void add(size_t shards) { count_ += shards; }
  void remove(size_t shards) { count_ -= shards; }
  // False, and nothing is added, where that would be too many.
  bool try_add(size_t shards);

 private:
  const size_t most_;
  std::atomic<size_t> count_ = 0;
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
    Tags tags;
  };
  Task<Result<void>> create(NewStream stream);
  enum class Consumers { kRefuse, kRemove };
  Task<Result<void>> remove(std::string name, Consumers consumers);
  Task<Result<StreamView>> describe(std::string name);
  struct ShardList {
    StreamId stream;
    std::vector<ShardView> shards;
  };
  // In order of their indices, closed ones too.
  Task<Result<ShardList>> shards(std::string name);
  struct StreamPage {
    std::vector<StreamView> streams;
    bool more = false;
  };
  Task<Result<StreamPage>> list(std::string after, size_t count);

  struct Usage {
    size_t open_shards = 0;
    size_t open_shards_max = 0;
    size_t on_demand_streams = 0;
  };
  Task<Usage> usage();
  Task<bool> exists(std::string name);

  // --- settings (logic_settings.cc)
  enum class Retention { kIncrease, kDecrease };
  Task<Result<void>> set_retention(std::string name, int64_t hours, Retention direction);
  Task<Result<void>> set_mode(std::string name, Mode mode);
  Task<Result<void>> set_record_size(std::string name, uint32_t kib);
  // Empty: no encryption.
  Task<Result<void>> set_key(std::string name, std::string key_id);
  Task<Result<void>> tag(std::string name, Tags tags);
  Task<Result<void>> untag(std::string name, std::vector<std::string> keys);
  enum class Metrics { kEnable, kDisable };
  struct MetricsChange {
    std::vector<std::string> before;
    std::vector<std::string> after;
  };
  Task<Result<MetricsChange>> set_metrics(std::string name, std::vector<std::string> metrics,
                                          Metrics what);

  // --- shards (logic_reshard.cc)
  Task<Result<void>> split(std::string name, ShardIndex index, HashKey begin);
  Task<Result<void>> merge(std::string name, ShardIndex first, ShardIndex second);
  // Gives the number of open shards before.
  Task<Result<size_t>> scale(std::string name, uint32_t count);

  // --- consumers (logic_consumer.cc)
  struct ConsumerPlace {
    std::string stream;
    std::string name;
    std::optional<int64_t> created_s = {};  // where its ARN is given
  };
  // Errors: ResourceNotFoundException.
  Result<ConsumerPlace> consumer_of(std::string_view arn) const;
  Task<Result<ConsumerView>> register_consumer(ConsumerPlace place, Tags tags);
  Task<Result<void>> deregister_consumer(ConsumerPlace place);
  Task<Result<ConsumerView>> consumer(ConsumerPlace place);
  // By name.
  Task<Result<std::vector<ConsumerView>>> consumers(std::string stream);
  // Takes a shard for a consumer; an older subscription of it ends, where it is old enough.
  // Errors: ResourceNotFoundException, ResourceInUseException.
  Task<Result<std::shared_ptr<Subscription>>> subscribe(ConsumerPlace place, ShardIndex shard);
  Task<Result<void>> tag_consumer(ConsumerPlace place, Tags tags, std::vector<std::string> removed);

  // --- puts (logic_put.cc)
  // Whether a shard's throughput is limited: for clients, where the settings say so.
  enum class Origin { kClient, kInside };
  // The places of the records, in their order. `also` is committed with them.
  Task<Result<PutPlaces>> put(std::string name, std::vector<NewRecord> records, Origin origin,
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
  // The same as read(), within a shard's throughput where the settings say so.
  Task<Result<Slice>> get(Place place, Offset from, ReadLimits limits);
  // A place behind the horizon reads from the horizon.
  Task<Result<Slice>> read(Place place, Offset from, ReadLimits limits);

  std::unexpected<Error> rate_exceeded(std::string_view stream, ShardIndex shard) const;
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
  // The shard that takes a record.
  static ShardIndex shard_of(const ShardMap& map, const NewRecord& record);

  // logic_stream.cc
  Task<Result<void>> create_here(NewStream stream);
  Task<Result<void>> remove_here(StreamPtr stream, Consumers consumers);
  std::unexpected<Error> too_many_shards(size_t more) const;
  static StreamView view_of(const Stream& stream);
  // Waits until nothing is being committed; puts that come meanwhile wait.
  Task<void> pause(StreamPtr stream);
  // Puts that waited are encoded anew, for the shards as they are now.
  void resume(const StreamPtr& stream);

  // logic_settings.cc
  template <class Edit>
  Task<Result<void>> edit(std::string name, Edit edit);
  Task<Result<void>> save(StreamPtr stream, StreamRecord record);
  static Result<void> merge_tags(Tags& tags, Tags more, std::string_view resource);

  // logic_reshard.cc
  Result<Shard*> open_shard(Stream& stream, ShardIndex index) const;
  Task<Result<void>> apply(StreamPtr stream, Reshard reshard);

  // logic_consumer.cc
  static ConsumerView view_of(const Stream& stream, const std::string& name,
                              const ConsumerRecord& record);
  std::unexpected<Error> no_such_consumer(std::string_view what) const;
  Result<Consumer*> find(Stream& stream, const ConsumerPlace& place) const;
  Task<Result<void>> save(StreamPtr stream, std::string name, ConsumerRecord record);

  // logic_trim.cc
  Task<void> sweep(Part& own);
  Task<Result<void>> trim(StreamPtr stream);
  Task<Result<void>> erase_shard(StreamPtr stream, ShardIndex index);
  Task<Result<std::optional<std::pair<store::Key, TimeRow>>>> row_at(storage::ShardId id,
                                                                     TimePoint horizon);
  Task<Result<void>> trim_shard(StreamPtr stream, ShardIndex index, TimePoint horizon);

  // logic_limits.cc
  // Which of the records the shards take now.
  Task<Result<std::vector<bool>>> admit(std::string name, const ShardMap& map,
                                        const std::vector<NewRecord>& records);

  // logic_put.cc
  Task<Result<ShardMapPtr>> map_of(std::string name);
  // `admitted`: of each record; empty: all.
  Result<Plan> plan(const ShardMap& map, const std::vector<NewRecord>& records,
                    const std::vector<bool>& admitted) const;
  static PutPlaces places_of(const ShardMap& map, const Plan& plan);
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
  OpenShards open_shards_;
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
    ControlLock lock = co_await ControlLock::take(part(name).control);
    CO_TRY(StreamPtr stream, find(name));
    co_return co_await run(std::move(stream));
  };
  co_return co_await run_on(kernel_.shards.owner(name), there);
}

}  // namespace suiro::kinesis
