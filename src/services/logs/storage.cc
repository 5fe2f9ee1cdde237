// SPDX-License-Identifier: Apache-2.0
#include "services/logs/storage.h"

#include <algorithm>

#include "base/check.h"
#include "kernel/event/record_parts.h"

namespace suiro::logs {
namespace {

using event::RecordReader;
using event::RecordWriter;

constexpr uint8_t kVersion = 1;
constexpr uint8_t kGroupVersion = 2;            // 1: without subscription filters
constexpr size_t kBlockTimeOffset = 3 + 8 + 8;  // 'o', 1, 'b', group, stream
constexpr uint32_t kBlockEventsMax = 1 << 20;

store::Key family(char name) {
  return {'o', 1, name};
}

store::Key group_key(std::string_view name) {
  return family('g') + std::string(name);
}

store::Key stream_prefix(GroupId group) {
  store::Key key = family('s');
  append_be64(key, group.value());
  return key;
}

store::Key group_blocks(GroupId group) {
  store::Key key = family('b');
  append_be64(key, group.value());
  return key;
}

store::Key stream_blocks(GroupId group, StreamId stream) {
  store::Key key = group_blocks(group);
  append_be64(key, stream.value());
  return key;
}

uint64_t number_of(TimePoint time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, time.time_since_epoch().count()));
}

Bytes encode_group(const Group& group) {
  RecordWriter out(kGroupVersion);
  out.u64(group.id.value());
  out.time(group.created);
  out.u32(static_cast<uint32_t>(group.retention_days));
  out.time(group.next_expiry);
  event::write_map(out, group.tags);
  out.u32(static_cast<uint32_t>(group.subscriptions.size()));
  for (const SubscriptionFilter& filter : group.subscriptions) {
    out.text(filter.name);
    out.text(filter.pattern);
    out.text(filter.destination_arn);
    out.text(filter.role_arn);
    out.u8(static_cast<uint8_t>(filter.distribution));
    out.time(filter.created);
  }
  return out.take();
}

Result<Group> decode_group(ByteView bytes) {
  RecordReader in(bytes);
  bool has_subscriptions = !bytes.empty() && bytes.front() == kGroupVersion;
  in.version(has_subscriptions ? kGroupVersion : kVersion);
  Group group;
  group.id = GroupId(in.u64());
  group.created = in.time();
  group.retention_days = static_cast<int32_t>(in.u32());
  group.next_expiry = in.time();
  group.tags = event::read_map(in);
  uint32_t subscriptions = has_subscriptions ? in.u32() : 0;
  if (subscriptions > kSubscriptionsMax)
    return fail(codes::kCorrupt, "log group: too many filters");
  for (uint32_t i = 0; i < subscriptions; ++i) {
    SubscriptionFilter& filter = group.subscriptions.emplace_back();
    filter.name = in.text();
    filter.pattern = in.text();
    filter.destination_arn = in.text();
    filter.role_arn = in.text();
    filter.distribution = static_cast<SubscriptionFilter::Distribution>(in.u8());
    filter.created = in.time();
  }
  TRY_VOID(in.end("log group"));
  return group;
}

Bytes encode_stream(const Stream& stream) {
  RecordWriter out(kVersion);
  out.u64(stream.id.value());
  out.time(stream.created);
  out.time(stream.first_event);
  out.time(stream.last_event);
  out.time(stream.last_ingestion);
  out.u64(stream.bytes);
  out.u32(static_cast<uint32_t>(stream.block_span.count()));
  return out.take();
}

Result<Stream> decode_stream(ByteView bytes) {
  RecordReader in(bytes);
  in.version(kVersion);
  Stream stream;
  stream.id = StreamId(in.u64());
  stream.created = in.time();
  stream.first_event = in.time();
  stream.last_event = in.time();
  stream.last_ingestion = in.time();
  stream.bytes = in.u64();
  stream.block_span = Millis(in.u32());
  TRY_VOID(in.end("log stream"));
  return stream;
}

Bytes encode_block(TimePoint now, std::span<const NewEvent> events) {
  RecordWriter out(kVersion);
  out.time(now);
  out.u32(static_cast<uint32_t>(events.size()));
  for (const NewEvent& event : events) {
    out.time(event.time);
    out.text(event.message);
  }
  return out.take();
}

Result<BlockEvents> decode_block(store::Entry entry) {
  if (entry.key.size() != kBlockTimeOffset + 8 + 8 + 2) {
    return fail(codes::kCorrupt, "block of log events: its key has another length");
  }
  ByteView place = ByteView(entry.key).substr(kBlockTimeOffset);
  RecordReader in(entry.value);
  in.version(kVersion);
  TimePoint ingested = in.time();
  uint32_t count = in.u32();
  if (count > kBlockEventsMax) return fail(codes::kCorrupt, "block of log events: its count");
  BlockEvents block{.first = TimePoint(Millis(static_cast<int64_t>(read_be64(place))))};
  block.events.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    LogEvent event{.at = {.time = in.time(),
                          .sequence = read_be64(place.substr(8)),
                          .batch_index = read_be16(place.substr(16)),
                          .event_index = i},
                   .ingested = ingested};
    event.message = in.text();
    block.events.push_back(std::move(event));
  }
  TRY_VOID(in.end("block of log events"));
  block.key = std::move(entry.key);
  return block;
}

// By time; events of one time keep their order.
std::vector<NewEvent> in_order(std::vector<NewEvent> events) {
  if (std::ranges::is_sorted(events, {}, &NewEvent::time)) return events;
  std::vector<std::pair<TimePoint, size_t>> order;
  for (size_t i = 0; i < events.size(); ++i) order.emplace_back(events[i].time, i);
  std::ranges::sort(order);
  std::vector<NewEvent> sorted;
  sorted.reserve(events.size());
  for (auto& [time, index] : order) sorted.push_back(std::move(events[index]));
  return sorted;
}

store::ScanOptions options_of(store::Key space, const Storage::Listing& listing) {
  store::ScanOptions options{.range = store::KeyRange::prefix(space + listing.prefix),
                             .rows_max = listing.rows_max,
                             .direction = listing.direction};
  if (listing.after.empty()) return options;
  store::Key after = space + listing.after;
  if (listing.direction == store::Direction::kBackward) {
    options.range.end = std::min(options.range.end, after);
  } else {
    options.range.begin = std::max(options.range.begin, after + '\0');
  }
  return options;
}

}  // namespace

Task<Result<std::optional<Found<Group>>>> Storage::group(std::string name) {
  CO_TRY(auto entry, co_await store_.get(group_key(name)));
  if (!entry) co_return std::nullopt;
  CO_TRY(Group record, decode_group(entry->value));
  co_return Found<Group>{std::move(name), std::move(record), entry->version};
}

Task<Result<std::optional<Found<Stream>>>> Storage::stream(GroupId group, std::string name) {
  CO_TRY(auto entry, co_await store_.get(stream_prefix(group) + name));
  if (!entry) co_return std::nullopt;
  CO_TRY(Stream record, decode_stream(entry->value));
  co_return Found<Stream>{std::move(name), std::move(record), entry->version};
}

Task<Result<Storage::GroupPage>> Storage::groups(Listing listing) {
  store::Key space = group_key("");
  CO_TRY(auto page, co_await store_.scan(options_of(space, listing)));
  GroupPage out{.more = page.more};
  for (auto& entry : page.entries) {
    CO_TRY(Group record, decode_group(entry.value));
    out.rows.push_back({entry.key.substr(space.size()), std::move(record), entry.version});
  }
  co_return out;
}

Task<Result<Storage::StreamPage>> Storage::streams(GroupId group, Listing listing) {
  store::Key space = stream_prefix(group);
  CO_TRY(auto page, co_await store_.scan(options_of(space, listing)));
  StreamPage out{.more = page.more};
  for (auto& entry : page.entries) {
    CO_TRY(Stream record, decode_stream(entry.value));
    out.rows.push_back({entry.key.substr(space.size()), std::move(record), entry.version});
  }
  co_return out;
}

void Storage::put_group(store::Batch& batch, const Found<Group>& group) {
  require_group(batch, group);
  batch.put(group_key(group.name), encode_group(group.record));
}

void Storage::require_group(store::Batch& batch, const Found<Group>& group) {
  batch.require_version(group_key(group.name), group.version);
}

void Storage::put_stream(store::Batch& batch, GroupId group, const Found<Stream>& stream) {
  store::Key key = stream_prefix(group) + stream.name;
  batch.require_version(key, stream.version);
  batch.put(std::move(key), encode_stream(stream.record));
}

void Storage::erase_group(store::Batch& batch, const Found<Group>& group) {
  require_group(batch, group);
  batch.erase(group_key(group.name));
  batch.erase_range(store::KeyRange::prefix(stream_prefix(group.record.id)));
  batch.erase_range(store::KeyRange::prefix(group_blocks(group.record.id)));
}

void Storage::erase_stream(store::Batch& batch, GroupId group, const Found<Stream>& stream) {
  store::Key key = stream_prefix(group) + stream.name;
  batch.require_version(key, stream.version);
  batch.erase(std::move(key));
  batch.erase_range(store::KeyRange::prefix(stream_blocks(group, stream.record.id)));
}

void Storage::add_events(store::Batch& batch, GroupId group, Found<Stream>& stream, TimePoint now,
                         std::vector<NewEvent> events) {
  CHECK(!events.empty());
  events = in_order(std::move(events));
  Stream& record = stream.record;
  bool was_empty = record.bytes == 0;
  record.first_event =
      was_empty ? events.front().time : std::min(record.first_event, events.front().time);
  record.last_event =
      was_empty ? events.back().time : std::max(record.last_event, events.back().time);
  record.last_ingestion = now;
  store::Key prefix = stream_blocks(group, record.id);
  for (size_t begin = 0; begin < events.size();) {
    size_t end = begin, bytes = 0;
    while (end < events.size() && bytes < kBlockBytesMax &&
           events[end].time - events[begin].time <= kBlockSpanMax) {
      bytes += event_bytes(events[end++].message);
    }
    record.bytes += bytes;
    record.block_span = std::max(record.block_span, events[end - 1].time - events[begin].time);
    store::Key place = prefix;
    append_be64(place, number_of(events[begin].time));
    batch.append(std::move(place), encode_block(now, {&events[begin], end - begin}));
    begin = end;
  }
  put_stream(batch, group, stream);
}

Task<Result<Storage::BlockPage>> Storage::blocks(BlockScan scan) {
  store::Key prefix = stream_blocks(scan.group, scan.stream);
  store::KeyRange range = store::KeyRange::prefix(prefix);
  append_be64(range.begin, number_of(scan.from));
  if (scan.to != TimePoint::max()) {
    range.end = prefix;
    append_be64(range.end, number_of(scan.to) + 1);
  }
  if (!scan.after.empty()) {
    if (scan.direction == store::Direction::kForward) {
      range.begin = scan.after + '\0';
    } else {
      range.end = scan.after;
    }
  }
  BlockPage out;
  if (range.begin >= range.end) co_return out;
  CO_TRY(auto page, co_await store_.scan({.range = std::move(range),
                                          .rows_max = scan.rows_max,
                                          .bytes_max = scan.bytes_max,
                                          .direction = scan.direction}));
  out.more = page.more;
  for (auto& entry : page.entries) {
    CO_TRY(BlockEvents block, decode_block(std::move(entry)));
    out.blocks.push_back(std::move(block));
  }
  co_return out;
}

}  // namespace suiro::logs
