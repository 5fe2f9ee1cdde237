// SPDX-License-Identifier: Apache-2.0
#include "services/kinesis/reshard.h"

#include "base/check.h"

namespace suiro::kinesis {

HashRange equal_range(uint32_t index, uint32_t count) {
  HashKey width = kHashKeyMax / count;
  return {width * index + (index == 0 ? 0 : 1),
          index + 1 == count ? kHashKeyMax : width * (index + 1)};
}

Reshard::Reshard(std::map<ShardIndex, ShardRecord> shards, uint32_t shards_made, TimePoint now)
    : shards_(std::move(shards)), shards_made_(shards_made), now_(now) {
  for (const auto& [index, record] : shards_) {
    if (!record.closed) open_[record.range.begin] = index;
  }
}

ShardIndex Reshard::open(HashRange range, std::vector<ShardIndex> parents) {
  ShardRecord record;
  record.range = range;
  record.created = now_;
  for (ShardIndex parent : parents) {
    record.created = std::max(record.created, shards_.at(parent).created + Millis(1));
  }
  record.parents = std::move(parents);
  ShardIndex index(shards_made_++);
  changed_[index] = record;
  open_[range.begin] = index;
  shards_[index] = std::move(record);
  return index;
}

void Reshard::close(ShardIndex shard) {
  ShardRecord& record = shards_.at(shard);
  CHECK(!record.closed);
  record.closed = std::max(now_, record.created);
  open_.erase(record.range.begin);
  changed_[shard] = record;
}

void Reshard::split(ShardIndex shard, HashKey begin) {
  HashRange range = shards_.at(shard).range;
  CHECK(begin > range.begin && begin <= range.end);
  close(shard);
  open({range.begin, begin - 1}, {shard});
  open({begin, range.end}, {shard});
}

ShardIndex Reshard::merge(ShardIndex first, ShardIndex second) {
  HashRange range{shards_.at(first).range.begin, shards_.at(second).range.end};
  CHECK(shards_.at(first).range.end + 1 == shards_.at(second).range.begin);
  close(first);
  close(second);
  return open(range, {first, second});
}

ShardIndex Reshard::holder_of(HashKey key) const {
  auto after = open_.upper_bound(key);
  CHECK(after != open_.begin(), "the open shards do not cover a hash key");
  ShardIndex index = std::prev(after)->second;
  CHECK(shards_.at(index).range.holds(key), "the open shards do not cover a hash key");
  return index;
}

void Reshard::scale_to(uint32_t count) {
  for (uint32_t i = 1; i < count; ++i) {
    HashKey begin = equal_range(i, count).begin;
    ShardIndex holder = holder_of(begin);
    if (shards_.at(holder).range.begin != begin) split(holder, begin);
  }
  for (uint32_t i = 0; i < count; ++i) {
    HashRange wanted = equal_range(i, count);
    ShardIndex grown = holder_of(wanted.begin);
    while (shards_.at(grown).range.end != wanted.end) {
      grown = merge(grown, holder_of(shards_.at(grown).range.end + 1));
    }
  }
}

}  // namespace suiro::kinesis
